"""The page on templates does what it says, and so do the pages of samples where they speak of them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent


def _block(page: str, word: str = " Template(") -> str:
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / page).read_text(encoding="utf-8"), re.DOTALL)
    return next(code for code in blocks if word in code)


@pytest.mark.parametrize("page", ["docs/templates.md", "docs/templates.fr.md"])
@pytest.mark.parametrize("kind", [" Template(", "RichTemplate("])
def test_the_page_sends_to_each_row(page: str, kind: str, capsys: pytest.CaptureFixture[str]) -> None:
    exec(_block(page, kind), {})

    assert capsys.readouterr().out.splitlines() == ["('bob@example.org',)", "('zoe@example.org',)"]


@pytest.mark.parametrize("page", ["docs/tour.md", "docs/tour.fr.md"])
def test_the_tour_prints_what_it_says(page: str, capsys: pytest.CaptureFixture[str]) -> None:
    code = _block(page)

    exec(code, {})

    assert capsys.readouterr().out.splitlines() == re.findall(r"print\(.*\)  # (.*)", code)
