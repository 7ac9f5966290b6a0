"""The bench's own mailbox holds what it says, for whoever reads it, near or far."""

from __future__ import annotations

import poplib
import shutil
from pathlib import Path

import pytest
from bench.material import Material
from bench.processes import delay_line, pop_sink

from courriel import PopSession, Security, Server

pytestmark = pytest.mark.skipif(shutil.which("cc") is None, reason="there is no C compiler")


@pytest.mark.slow
def test_letters_are_those_of_the_bench(tmp_path: Path) -> None:
    material = Material(tmp_path)
    material.write()
    with pop_sink(None, tmp_path / "letter.eml", 150) as sink:
        client = poplib.POP3("127.0.0.1", sink.port, timeout=10)
        count, _ = client.stat()
        last = b"\r\n".join(client.retr(150)[1]) + b"\r\n"
        head = b"\r\n".join(client.top(1, 0)[1])
        client.quit()
        with (
            delay_line(sink.port, 0.001) as line,
            PopSession(Server("127.0.0.1", line.port, Security.NONE)) as box,
        ):
            letters = [letter.raw for letter in box.fetch_many()]

    assert count == 150
    assert last == material.letter(150)
    assert letters == [material.letter(number) for number in range(1, 151)]
    assert material.letter(1).startswith(head)
    assert not any(line.startswith(b".") for line in last.splitlines())
