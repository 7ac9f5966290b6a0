"""The pages about DKIM: their sample runs and signs, and what they name is there."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

from courriel.cli.main import main
from courriel.delivery.local import letters
from courriel.delivery.settings.dkim_tables import dkim_tables
from dkim_keys import key_files, verdicts

DOCS = Path(__file__).parents[2] / "docs"
PAGES = ["dkim.md", "dkim.fr.md"]


def samples(page: str, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", (DOCS / page).read_text(encoding="utf-8"), re.DOTALL)


@pytest.mark.parametrize("page", PAGES)
def test_the_sample_signs(page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COURRIEL_CAPTURE", raising=False)
    letters.clear()
    (tmp_path / "s1.pem").write_bytes(Path(key_files(tmp_path)[0].removeprefix("file:")).read_bytes())
    (tmp_path / "s1.pem").chmod(0o600)
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {}
    for sample in samples(page, "python"):
        exec(compile(sample, page, "exec"), names)

    assert names["receipt"].complete
    assert [verdicts(each.content) for each in letters] == [["pass"]]


@pytest.mark.parametrize("page", PAGES)
def test_the_settings_are_settings(page: str) -> None:
    (sample,) = samples(page, "toml")
    settings = tomllib.loads(sample)
    (table,) = dkim_tables(DOCS / page, settings["dkim"], None).values()

    assert (table.domain, table.selectors, table.when) == ("example.org", ("s1",), "put")
    assert settings["profiles"]["billing"]["dkim"] in settings["dkim"]


@pytest.mark.parametrize("page", PAGES)
def test_every_command_and_option_exists(page: str, capsys: pytest.CaptureFixture[str]) -> None:
    text = (DOCS / page).read_text(encoding="utf-8")
    for name in ("new", "record", "check"):
        assert f"courriel dkim {name}" in text
    assert main(["dkim", "new", "--help"]) == 0
    told = capsys.readouterr().out
    for option in ("--selector", "--key", "--wait", "--timeout", "--dns", "--kind"):
        assert option in text
        assert option in told
