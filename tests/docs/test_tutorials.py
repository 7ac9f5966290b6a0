"""docs/tutorial*: every file is written, every command run, and the output is what the page shows."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "tools/book"))

from tutorial import Difference, run_tutorial  # noqa: E402 - the site's own


@pytest.mark.slow
@pytest.mark.parametrize(
    ("page", "language"),
    [
        ("tutorial.md", "en"),
        ("tutorial.fr.md", "fr"),
        ("tutorial-wlangage.md", "en"),
        ("tutorial-wlangage.fr.md", "fr"),
    ],
)
def test_who_follows_the_page_sees_what_it_shows(page: str, language: str, tmp_path: Path) -> None:
    assert run_tutorial(ROOT / "docs" / page, tmp_path, language) == []


def test_an_output_that_differs_is_told(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("```python x.py\nprint(1)\nprint(2)\n```\n```console\n$ python x.py\n1\n3\n```\n", "utf-8")

    assert run_tutorial(page, tmp_path, "en") == [Difference("python x.py", "1\n3\n", "1\n2\n")]
