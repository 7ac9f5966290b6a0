"""The pages on the practice server run, and name every quirk and every way in."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from courriel import Sandbox
from courriel.sandbox.faults import STAGES
from courriel.wire.imap_server.quirks import QUIRKS

ROOT = Path(__file__).parent.parent.parent
PAGES = ["docs/sandbox-imap.md", "docs/sandbox-imap.fr.md"]


@pytest.mark.parametrize("page", PAGES)
def test_the_examples_run(page: str) -> None:
    reading, faults = re.findall(r"```python\n(.*?)```", (ROOT / page).read_text("utf-8"), re.DOTALL)
    names: dict[str, object] = {}

    exec(reading, names)
    exec(faults, names)

    assert str(names["letter"]).endswith("from ada@example.org to bob@example.org")


@pytest.mark.parametrize("page", PAGES)
def test_every_quirk_and_every_way_in_is_named(page: str) -> None:
    text = (ROOT / page).read_text("utf-8")

    assert re.findall(r"^\| `(IMAP-[A-Z0-9-]+)` \|", text, re.MULTILINE) == list(QUIRKS)
    ways = {name for name in dir(Sandbox) if re.fullmatch(r"(pop|imap)s?_\w*(url|server)|(pop|imap)s?_url", name)}
    assert all(f"`{way}" in text for way in ways)
    assert all(f'"{stage}"' in text for stage in STAGES if stage not in ("sender", "recipient", "data", "message"))


def test_both_pages_name_the_same() -> None:
    def named(page: str) -> set[str]:
        text = re.sub(r"```.*?```", "", (ROOT / page).read_text("utf-8"), flags=re.DOTALL)
        return set(re.findall(r"`([^`]+)`", text))

    english, french = map(named, PAGES)

    assert english == french
