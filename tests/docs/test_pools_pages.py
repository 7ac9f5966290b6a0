"""The pages about pools and transcripts: their samples run as written, and both languages show the same."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[2] / "docs"
PAGES = [f"{name}{language}.md" for name in ("pools", "transcripts") for language in ("", ".fr")]


def samples(page: str) -> list[str]:
    return re.findall(r"```python\n(.*?)```", (DOCS / page).read_text(encoding="utf-8"), re.DOTALL)


@pytest.mark.parametrize("page", PAGES)
def test_every_sample_runs(page: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("COURRIEL_CAPTURE", raising=False)
    found = [sample for sample in samples(page) if "basicConfig" not in sample]
    assert found

    for sample in found:
        exec(compile(sample, page, "exec"), {})


@pytest.mark.parametrize("name", ["pools", "transcripts"])
def test_both_languages_show_the_same_words_of_the_library(name: str) -> None:
    english, french = (
        set(re.findall(r"`([a-zA-Z_.]+(?:\(.*?\))?)`", (DOCS / page).read_text(encoding="utf-8")))
        for page in (f"{name}.md", f"{name}.fr.md")
    )

    assert english == french
