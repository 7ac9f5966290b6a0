"""docs/wlangage-programs: its program runs, its output is what is printed, its Python is what translate prints."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from courriel import failures
from courriel.cli.main import main

DOCS = Path(__file__).parents[2] / "docs"
PAGES = ["wlangage-programs.md", "wlangage-programs.fr.md"]


def blocks(page: str, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", (DOCS / page).read_text("utf-8"), re.DOTALL)


@pytest.fixture(autouse=True)
def language_of_nobody() -> Iterator[None]:
    """Leave no language of `--lang` behind."""
    yield
    failures.speak(None)


def run(line: str, capsys: pytest.CaptureFixture[str]) -> str:
    main(line.split()[2:])
    shown = capsys.readouterr()
    return shown.err + shown.out


@pytest.mark.slow
@pytest.mark.parametrize("page", PAGES)
def test_the_page_is_true(
    page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    trial, wrong, translation = blocks(page, "console")
    name = trial.split()[4]
    Path(name).write_text(blocks(page, "wl")[0], "utf-8")
    Path(wrong.split()[4]).write_text(wrong.splitlines()[2].strip(), "utf-8")

    for sample in (trial, wrong):
        command, _, output = sample.partition("\n")
        assert run(command, capsys) == output
    assert run(translation.strip(), capsys) == blocks(page, "python")[0]
