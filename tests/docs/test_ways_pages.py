"""The short pages on ways to a server (Microsoft and Google, a proxy, a private authority): their samples run."""

from __future__ import annotations

import os
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

from courriel import Sandbox
from courriel.sandbox import weather
from servers import proxies

DOCS = Path(__file__).parents[2] / "docs"
BOTH = ["{}.md", "{}.fr.md"]


def blocks(page: str, language: str = "python") -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", (DOCS / page).read_text("utf-8"), re.DOTALL)


@pytest.fixture(autouse=True)
def in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in [each for each in os.environ if each.startswith("COURRIEL_")]:
        monkeypatch.delenv(name)


@pytest.mark.slow
@pytest.mark.parametrize("page", BOTH)
def test_each_refusal_of_microsoft_and_google_can_be_had(page: str, capsys: pytest.CaptureFixture[str]) -> None:
    (code,) = blocks(page.format("office-gmail"))

    names: dict[str, Any] = {}
    exec(code, names)

    said = capsys.readouterr().out.splitlines()
    assert said == [f"{name} 535 False" for name in names["REFUSALS"]]
    text = (DOCS / page.format("office-gmail")).read_text("utf-8")
    assert all(f"`{name}`" in text and weather.by_name(name) for name in names["REFUSALS"])


@pytest.mark.acceptance
@pytest.mark.parametrize("page", BOTH)
def test_mail_leaves_by_the_profile_with_a_proxy(
    page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (code,), (toml,) = blocks(page.format("proxy")), blocks(page.format("proxy"), "toml")
    with proxies.running("tinyproxy") as proxy, Sandbox(users={"ada": "secret"}, require_login=True) as sandbox:
        (tmp_path / "password").write_text("secret", "utf-8")
        for old, new in (
            ("smtp+starttls://ada@smtp.example.org", sandbox.starttls_url.replace("://", "://ada@")),
            ("keyring", f"file:{tmp_path}/password"),
            ("proxy.example.org:3128", f"{proxy.host}:{proxy.port}"),
        ):
            assert toml.count(old) == 1
            toml = toml.replace(old, new)
        settings = tmp_path / "courriel.toml"
        settings.write_text(toml, "utf-8")
        settings.chmod(0o600)
        monkeypatch.setenv("COURRIEL_CONFIG", str(settings))

        exec(code, {})

        assert f"CONNECT 127.0.0.1:{sandbox.server().port}" in proxy.daemon.words()
        assert len(sandbox.letters) == 1
    assert capsys.readouterr().out == "('bob@example.org',)\n"


@pytest.mark.parametrize("page", BOTH)
def test_the_profile_of_the_proxy_is_one(page: str) -> None:
    (toml,) = blocks(page.format("proxy"), "toml")

    assert tomllib.loads(toml)["profiles"]["office"]["proxy"].startswith("http://")


@pytest.mark.slow
@pytest.mark.parametrize("page", BOTH)
def test_a_private_authority_is_trusted_where_it_is_named(
    page: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (code,) = blocks(page.format("private-authority"))
    with Sandbox() as sandbox:
        Path("firm-ca.pem").write_bytes(Path(sandbox.ca).read_bytes())
        monkeypatch.setenv("FIRM_PORT", str(sandbox.server().port))

        exec(code, {})

    accepted, refused = capsys.readouterr().out.splitlines()
    assert accepted == "('bob@example.org',)"
    assert "?ca=" in refused
