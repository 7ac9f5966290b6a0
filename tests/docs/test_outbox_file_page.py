"""The pages on the outbox file do what they say, and name every command there is for it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from courriel.cli.outbox.command import _KEEPING
from courriel.outbox.store.sqlite.file import _AT_ONCE

ROOT = Path(__file__).parent.parent.parent
PAGES = ["docs/outbox-file.md", "docs/outbox-file.fr.md"]


@pytest.mark.parametrize("page", PAGES)
def test_every_example_runs(
    page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (block,) = re.findall(r"```python\n(.*?)```", (ROOT / page).read_text(encoding="utf-8"), re.DOTALL)

    exec(block, {})

    assert capsys.readouterr().out == "1\n", "what waits in a backup is in doubt"


@pytest.mark.parametrize("page", PAGES)
def test_every_command_and_figure_is_there(page: str) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")

    assert {name for name in _KEEPING if f"courriel outbox {name}" not in text} == set()
    assert str(_AT_ONCE // 1024 // 1024) in text
