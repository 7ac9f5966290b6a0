"""Rows of an outbox, and replies, that hold control sequences: they are made visible, and never reach the terminal."""

from __future__ import annotations

import json
import logging
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from cli.conftest import Ran
from courriel import Message, Outbox, Sandbox

# A colour, a link (OSC 8), the title of the window, both with C1 controls as well, a bell, carriage return, backspaces,
# marks of direction, a character without width, a tag, and a line of its own.
HOSTILE = (
    "\x1b[31mred\x1b]8;;http://evil.example\x07link\x1b]8;;\x07\x1b]0;title\x07\x9b31m\x9d0;title\x9c\x07\rover\b\b"
    "\u202eleft\u2066\u200b\U000e0041\nforged: line"
)
UNSEEN = {chr(number) for number in (*range(9), *range(11, 32), *range(127, 160))} | set("\u202e\u2066\u200b\U000e0041")


@pytest.fixture
def hostile(tmp_path: Path) -> tuple[str, list[str]]:
    """An outbox with a mail in each state, whose every text is hostile, and the ids of the mails."""
    path = str(tmp_path / "outbox.db")
    with Sandbox() as sandbox, Outbox(path) as outbox:
        mail = Message(sender="ada@example.org", to="bob@example.org", subject="Hello", text="Hello.")
        ids = [outbox.put(mail, via=sandbox.url, key=str(number)).id for number in range(7)]
    with sqlite3.connect(path) as line:
        lanes = [f"lane{HOSTILE}", f"smtp://evil{HOSTILE}"]
        for lane in lanes:
            line.execute("INSERT INTO outbox_lane (name, why, error, erred, paused) VALUES (?, ?, ?, 1, 9e9)",
                         (lane, HOSTILE, HOSTILE))  # fmt: skip
        for state, ident in enumerate(ids):
            results = json.dumps({f"q{HOSTILE}@example.org": [550, "5.1.1", HOSTILE, 1.0]})
            line.execute(
                "UPDATE outbox_mail SET state = ?, lane = ?, key = ?, why = ?, sender = ?, msgid = ?, rcpts = ?,"
                " results = ?, unsure = 1, holder = ?, lease = 9e9, token = 'x' WHERE id = ?",
                (state, lanes[state % 2], f"{state}{HOSTILE}", HOSTILE, f"a{HOSTILE}@example.org", f"<{HOSTILE}>",
                 json.dumps([f"r{HOSTILE}@example.org"]), results, f"host{HOSTILE}:1/2" * (state in (1, 2)), ident),
            )  # fmt: skip
        line.execute("INSERT INTO outbox_worker (id, folder, inode, process, seen) VALUES (?, ?, 1, ?, 9e9)",
                     (f"host{HOSTILE}:1/2", HOSTILE, HOSTILE))  # fmt: skip
    line.close()
    return path, ids


def _looks_harmless(ran: Ran) -> None:
    for text in (ran.out, ran.err):
        assert UNSEEN.isdisjoint(text), ascii(text)
        assert not any(line.startswith("forged: line") for line in text.splitlines())
        assert "Traceback" not in text


@pytest.mark.slow
@pytest.mark.parametrize("manner", [(), ("--json",)], ids=["text", "json"])
@pytest.mark.parametrize("language", ["en", "fr"])
def test_no_command_lets_a_row_speak_to_the_terminal(
    courriel: Callable[..., Ran], hostile: tuple[str, list[str]], tmp_path: Path, language: str, manner: tuple[str, ...]
) -> None:
    place, ids = hostile
    file = str(tmp_path / HOSTILE.replace("/", ""))
    commands = [
        ("list",), ("list", "--unsure"), ("list", "--via", HOSTILE), ("list", "--state", HOSTILE), ("stats",),
        *(("show", ident) for ident in ids), ("show", HOSTILE), ("show", "--key", HOSTILE),
        ("hold", *ids), ("retry", *ids), ("hold", *ids), ("forget", *ids), ("cancel", *ids),
        ("release", HOSTILE), ("pause", HOSTILE), ("resume", f"lane{HOSTILE}"), ("resume", f"smtp://evil{HOSTILE}"),
        ("check",), ("export", ids[0], file), ("backup", file + "2"), ("restore", file + "3"),
    ]  # fmt: skip

    for command in commands:
        _looks_harmless(courriel("outbox", *command, "--outbox", place, "--lang", language, *manner))
    for lane in ((), ("--via", HOSTILE)):
        _looks_harmless(courriel("worker", "--once", *lane, "--outbox", place, "--lang", language, *manner))


def test_no_log_of_a_worker_holds_what_a_row_says(
    hostile: tuple[str, list[str]], caplog: pytest.LogCaptureFixture
) -> None:
    """A lane that nobody knows, and a worker that is gone."""
    place, _ = hostile
    with sqlite3.connect(place) as line:
        line.execute("UPDATE outbox_lane SET paused = 0")
        line.execute("UPDATE outbox_mail SET lease = 1 WHERE state IN (1, 2)")
    line.close()

    with caplog.at_level(logging.INFO), Outbox(place) as outbox:
        outbox.run_once()

    assert "evil" in caplog.text
    for record in caplog.records:
        assert record.getMessage().isprintable(), ascii(record.getMessage())
