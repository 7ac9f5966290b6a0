"""The pages on the outbox do what they say, and name every state, event and wish there is."""

from __future__ import annotations

import inspect
import re
from pathlib import Path
from typing import get_args

import pytest

from courriel import Outbox, State
from courriel.cli.outbox.recipients import STANDINGS
from courriel.cli.outbox.words import STATES
from courriel.outbox.listeners import Event
from courriel.outbox.metrics import Metrics
from courriel.outbox.putting.encoding import PutTerms
from courriel.outbox.ticket import Ticket

ROOT = Path(__file__).parent.parent.parent
PAGES = ["docs/outbox.md", "docs/outbox.fr.md"]
OF_SESSIONS = {"on_refused", "wishes"}


@pytest.mark.slow
@pytest.mark.parametrize("page", PAGES)
def test_every_example_runs(
    page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / page).read_text(encoding="utf-8"), re.DOTALL)

    for block in blocks:
        exec(block, {})

    assert blocks
    assert capsys.readouterr().out.splitlines() == ["SENT ('bob@example.org',)"]


@pytest.mark.parametrize("page", PAGES)
def test_nothing_that_people_meet_is_left_out(page: str) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")
    methods = {
        name for kind in (Outbox, Ticket) for name, _ in inspect.getmembers(kind) if not name.startswith("_")
    } - {"close", "use", "prune", "content", "id"}
    words = {*get_args(Event), *(set(PutTerms.__slots__) - OF_SESSIONS), *methods, *(state.name for state in State)}

    missing = {word for word in words if not re.search(rf"\b{word}\b", text)}

    assert not missing


@pytest.mark.parametrize("page", PAGES)
def test_the_table_of_names_is_that_of_terminal_figures_and_json(page: str) -> None:
    """State by state, because nobody can guess that `refused` in the figures is "failed" on the terminal."""
    text = (ROOT / page).read_text(encoding="utf-8")
    rows = re.findall(r"^\| `([A-Z_]+)` \| ([^|]+) \| ([^|]+) \| `([a-z_]+)` \|$", text, re.MULTILINE)

    assert [row[0] for row in rows] == [state.name for state in State]
    for state, terminal, figure, word in rows:
        words = STATES[state]
        assert re.split("[ ]?;", terminal)[0] == (words.fr if ".fr" in page else words.en)
        assert word == state.lower()
        name = figure.strip("`")
        assert name in Metrics.__dataclass_fields__ or "`counts`" in figure


def test_every_standing_of_a_recipient_is_named() -> None:
    english, french = ((ROOT / page).read_text(encoding="utf-8") for page in PAGES)

    for standing, words in STANDINGS.items():
        assert standing.value in english
        assert words.fr.split(",")[0].split(" ")[-1] in french or standing.name in ("IN_DOUBT", "WAITING")
