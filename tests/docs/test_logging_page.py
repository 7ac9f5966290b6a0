"""The pages about log records by mail: their samples run as written, and both languages show the same."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[2] / "docs"
PAGES = ["logging.md", "logging.fr.md"]


def samples(page: str) -> list[str]:
    return re.findall(r"```python\n(.*?)```", (DOCS / page).read_text(encoding="utf-8"), re.DOTALL)


@pytest.mark.slow
def test_the_samples_run(tmp_path: Path) -> None:
    ran = [
        subprocess.run(
            [sys.executable, "-c", sample], cwd=tmp_path, capture_output=True, text=True, check=True, timeout=60
        )
        for sample in samples("logging.md")
    ]

    assert ran[0].stdout in {"1\n", "2\n"}
    assert [each.stderr for each in ran] == ["", ""]


def test_both_languages_show_the_same_samples() -> None:
    english, french = map(samples, PAGES)

    assert english == french


@pytest.mark.parametrize("page", PAGES)
def test_every_argument_is_on_the_page(page: str) -> None:
    from inspect import signature

    from courriel.integrations.logging import MailHandler

    text = (DOCS / page).read_text(encoding="utf-8")

    assert [name for name in signature(MailHandler).parameters if f"| `{name}` |" not in text and name != "level"] == []
