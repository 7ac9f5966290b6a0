"""The pages on reports: their samples print what they say, and every kind of report is told."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from courriel import ReportKind

ROOT = Path(__file__).parent.parent.parent
PAGES = ["docs/reports.md", "docs/reports.fr.md"]


@pytest.mark.parametrize("page", PAGES)
def test_the_samples_print_what_their_comments_say(page: str, capsys: pytest.CaptureFixture[str]) -> None:
    for block in re.findall(r"```python\n(.*?)```", (ROOT / page).read_text(encoding="utf-8"), re.DOTALL):
        exec(compile(block, page, "exec"), {})
        expected = re.findall(r"print\(.*\)  # (.+)", block)
        printed = capsys.readouterr().out.splitlines()

        assert len(printed) == len(expected) >= 4
        for line, said in zip(printed, expected, strict=True):
            assert line == said or said.startswith(("the cause", "la cause")), line


@pytest.mark.parametrize("page", PAGES)
def test_every_kind_is_told(page: str) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")

    for kind in ReportKind:
        assert f"| `{kind.name}` |" in text
