"""The README does what it says: each block of Python runs, in both languages, against a server on loopback."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import trustme

from courriel import failures
from wlangage.conftest import _fresh_desk, reach  # noqa: F401 - fixtures
from wlangage.post_office import Authority, PostOffice

ROOT = Path(__file__).parent.parent.parent
READMES = ["README.md", "README.fr.md"]


@pytest.fixture
def office(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, reach: Any) -> Iterator[PostOffice]:  # noqa: F811
    """smtp.example.org, as far as this process can tell."""
    authority = Authority(tmp_path, trustme.CA())
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.file))
    monkeypatch.setenv("SSL_CERT_DIR", str(tmp_path / "nothing-here"))
    monkeypatch.setenv("MAIL_PASSWORD", "secret")
    office = PostOffice(context=authority.server("smtp.example.org"), security="tls", users={"ada": "secret"})
    with office.open() as opened:
        reach("smtp.example.org", 465, opened)
        yield opened


@pytest.fixture(autouse=True)
def _a_folder_with_figures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "figures.pdf").write_bytes(b"%PDF-1.4 figures")
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize("readme", READMES)
@pytest.mark.parametrize("mark", ["SmtpSession(server", "EmailOuvreSessionSMTP(", "courriel.send(", "Outbox("])
def test_each_way_to_send_sends(readme: str, mark: str, office: PostOffice) -> None:
    exec(block(readme, mark), {"secret": "secret"})

    assert office.letter.recipients == ["bob@example.org"]
    assert office.logins[0].endswith(" ada")


@pytest.mark.parametrize("readme", READMES)
def test_a_refusal_prints_what_the_page_says(readme: str, capsys: pytest.CaptureFixture[str]) -> None:
    code = block(readme, "Sandbox()")

    exec(code, {})

    printed = capsys.readouterr().out.splitlines()
    assert printed[:2] == re.findall(r"print\(error.*\)  +# (.*)", code)
    assert printed[2]


@pytest.mark.parametrize("readme", READMES)
def test_the_number_of_known_failures_is_true(readme: str) -> None:
    said = re.search(
        r"\b(\d+) (?:failures that people meet|échecs courants)", (ROOT / readme).read_text(encoding="utf-8")
    )

    assert said is not None
    assert int(said[1]) == len(failures.all())


@pytest.mark.parametrize("page", [*READMES, "CONTRIBUTING.md", "docs/decisions/README.md"])
def test_every_link_leads_somewhere(page: str) -> None:
    source = ROOT / page

    dead = [link for link in re.findall(r"\]\(([^)#:]+)\)", source.read_text(encoding="utf-8"))
            if not (source.parent / link).exists()]  # fmt: skip

    assert not dead


def block(readme: str, mark: str) -> str:
    """The block of Python that holds this mark."""
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / readme).read_text(encoding="utf-8"), re.DOTALL)
    return next(code for code in blocks if mark in code)


@pytest.mark.parametrize("page", ["README.md", "README.fr.md"])
def test_figures_are_those_of_the_bench(page: str) -> None:
    """No figure stands here that `make bench` has not written down."""
    results = (ROOT / "bench" / "RESULTS.md").read_text("utf-8")
    quoted = re.findall(r"^\| ([a-z][^|]*) \| ([^|]+) \| ([\d.]+) \|$", (ROOT / page).read_text("utf-8"), re.MULTILINE)

    assert len(quoted) > 10
    for row, beside, times in quoted:
        assert re.search(
            rf"^\| {re.escape(row)} \| [^|]+ \| {re.escape(beside)} \| \*\*{times}\*\* ", results, re.MULTILINE
        )
