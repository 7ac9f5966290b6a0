"""The pages on what one database carries: the sample runs, and every figure said to be measured was."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
PAGES = ["docs/capacity.md", "docs/capacity.fr.md"]


@pytest.mark.slow
@pytest.mark.parametrize("page", PAGES)
def test_every_example_runs(
    page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (block,) = re.findall(r"```python\n(.*?)```", (ROOT / page).read_text(encoding="utf-8"), re.DOTALL)

    exec(block, {})

    said = {"docs/capacity.md": "4 SENT in 2 outboxes\n", "docs/capacity.fr.md": "4 envoyés dans 2 boîtes\n"}
    assert capsys.readouterr().out == said[page]


@pytest.mark.parametrize("page", PAGES)
def test_every_figure_of_the_measurement_is_that_of_the_bench(page: str) -> None:
    """What `python -m bench.capacity` has said is kept beside it; the pages round nothing."""
    measured = _numbers((ROOT / "bench/CAPACITY.md").read_text(encoding="utf-8"))
    text = (ROOT / page).read_text(encoding="utf-8")
    (table,) = re.findall(r"<!-- measured -->\n(.*?)\n\n", text, re.DOTALL)

    figures = _numbers(table)

    assert len(figures) > 10
    assert set(figures) <= set(measured)


# The steps.


def _numbers(text: str) -> list[str]:
    """Numbers as both languages write them, without what parts their thousands."""
    plain = re.sub(r"(?<=\d)[ ,](?=\d{3}\b)", "", text)
    return re.findall(r"\d+(?:\.\d+)?", re.sub(r"(?<=\d),(?=\d)", ".", plain))
