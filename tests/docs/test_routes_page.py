"""The pages on several ways out: their samples run as written, and both languages show the same."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from courriel import Route

DOCS = Path(__file__).parents[2] / "docs"
PAGES = ["routes.md", "routes.fr.md"]


def blocks(page: str, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", (DOCS / page).read_text(encoding="utf-8"), re.DOTALL)


@pytest.mark.parametrize("page", PAGES)
def test_every_sample_runs_one_after_the_other(
    page: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("COURRIEL_CAPTURE", raising=False)
    names: dict[str, Any] = {}

    for sample in blocks(page, "python"):
        exec(compile(sample, page, "exec"), names)

    assert capsys.readouterr().out == "memory:\n('a@gmail.com', 'b@example.org')\n"


@pytest.mark.parametrize("page", PAGES)
def test_the_urls_are_read(page: str) -> None:
    for text in re.findall(r"failover\(smtps[^)]*\)", (DOCS / page).read_text(encoding="utf-8")):
        assert len(Route.parse(text).ways) == 2


def test_both_languages_show_the_same() -> None:
    english, french = (
        set(re.findall(r"`([a-zA-Z_.?=]+(?:\(.*?\))?)`", (DOCS / page).read_text(encoding="utf-8"))) for page in PAGES
    )
    same = ([re.sub(r"#.*", "", block) for block in blocks(page, "python")] for page in PAGES)

    assert english == french
    assert next(same) == next(same)
