"""The pages on reading do what they say, against a practice server."""

from __future__ import annotations

import asyncio
import re
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest

import courriel
from courriel import AsyncPopSession, Sandbox

ROOT = Path(__file__).parent.parent.parent
USER = "ada@example.org"


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox() as sandbox:
        for number in range(3):
            courriel.send(via=sandbox.url, sender="bob@example.org", to=USER, subject=f"number {number}", text="Hello")
        yield sandbox


@pytest.mark.parametrize("page", ["docs/reading.md", "docs/reading.fr.md"])
def test_the_page_reads_and_deletes_what_it_says(
    page: str, sandbox: Sandbox, capsys: pytest.CaptureFixture[str]
) -> None:
    first, second, awaited = re.findall(r"```python\n(.*?)```", (ROOT / page).read_text("utf-8"), re.DOTALL)
    stored: list[bytes] = []
    names = {
        "courriel": courriel,
        "AsyncPopSession": AsyncPopSession,
        "server": sandbox.pop_server(),
        "secret": "any",
        "url": sandbox.pop_url.replace("://", "://ada%40example.org:any@"),
        "store": lambda *words: stored.append(words[-1]),
    }

    exec(first.replace('"pop.example.org"', "server"), names)
    code = "async def awaited():\n" + textwrap.indent(awaited.replace('"pop.example.org"', "server"), "    ")
    exec(code + "\n    return first", names)
    letter = asyncio.run(names["awaited"]())  # type: ignore[operator]
    exec(second, names)

    contents = [letter.content for letter in sandbox.letters]
    assert capsys.readouterr().out.splitlines()[1:] == ["1 number 0", "2 number 1", "3 number 2"]
    assert names["last"] == contents[-1]
    assert letter.raw == contents[0]
    assert stored == contents * 2
    with courriel.mailbox(str(names["url"])) as box:
        assert len(box) == 0
