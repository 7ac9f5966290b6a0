"""`make play`: a transcript served to a real client."""

from __future__ import annotations

import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

TOOL = Path(__file__).resolve().parents[2] / "tools" / "play.py"
PLAY = "S: 220 mx.example.org ready\nC: NOOP\nS: 250 ok\nC: QUIT\nS: 221 bye\n"


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    (tmp_path / "play.txt").write_text(PLAY)
    command = [sys.executable, str(TOOL), str(tmp_path / "play.txt")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        yield process
        process.kill()


def converse(stage: subprocess.Popen[str], said: bytes) -> tuple[bytes, str]:
    """Say all this at once; return what was heard, and what the play printed until it ended by Ctrl-C."""
    assert stage.stdout is not None
    found = re.search(r":([0-9]+)\?", stage.stdout.readline())
    assert found is not None
    with socket.create_connection(("127.0.0.1", int(found[1])), timeout=10) as line, line.makefile("rwb") as stream:
        stream.write(said)
        stream.flush()
        heard = stream.read()
    stage.send_signal(signal.SIGINT)
    printed, _ = stage.communicate(timeout=10)
    return heard, printed


def test_a_play_is_served_to_the_end(stage: subprocess.Popen[str]) -> None:
    heard, printed = converse(stage, b"NOOP\r\nQUIT\r\n")

    assert heard == b"220 mx.example.org ready\r\n250 ok\r\n221 bye\r\n"
    assert "-- the end" in printed
    assert stage.returncode == 0


def test_what_differs_from_the_play_is_shown_beside_it(stage: subprocess.Popen[str]) -> None:
    _, printed = converse(stage, b"RSET\r\nQUIT\r\n")

    assert "C: NOOP\n-- but the client said: RSET\n" in printed


def test_a_transcript_that_is_not_there_is_named() -> None:
    command = [sys.executable, str(TOOL), "none.txt"]
    result = subprocess.run(command, capture_output=True, text=True, check=False, timeout=30)

    assert result.returncode == 66
    assert "no transcript 'none.txt'" in result.stderr
