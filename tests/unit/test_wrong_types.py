"""A value of the wrong type at the front door is told of in our own words."""

from __future__ import annotations

import email
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

import courriel
from courriel import AsyncSmtpPool, Message, Outbox, Sandbox, Search, Server, SmtpPool, Transcript, Trust, errors
from courriel.wire.mime.library_message import ready_of

SERVER: Any = Server("smtp.example.org")
FIELDS: dict[str, Any] = {"sender": "ada@example.org", "to": "bob@example.org", "text": "x"}
HUGE: Any = 10**5000


@pytest.mark.parametrize(
    ("make", "name", "wrongs"),
    [
        (partial(SmtpPool, SERVER), "rate", (30, b"x", [1], HUGE)),
        (partial(SmtpPool, SERVER), "size", (-HUGE,)),
        (partial(AsyncSmtpPool, SERVER), "rate", (30,)),
        (courriel.connect, "setting", (3, b"x", ["x"], {}, HUGE)),
        (Trust, "files", (None, 3, "x", [3])),
        (Trust, "authorities", (None, 3, b"x", ["x"])),
        (Sandbox, "users", (3, [3], "x")),
        (Sandbox, "folder", (3, b"x")),
        (Transcript, "limit", (b"x", "3", -1, HUGE)),
        (partial(Message, **FIELDS), "priority", (HUGE,)),
        (partial(Message, **FIELDS), "delivery_receipt", (HUGE,)),
        *((partial(Server, "h"), name, (HUGE,)) for name in ("port", "security", "auth", "binary")),
        *(
            (Search, name, (HUGE, (HUGE,)))
            for name in ("seen", "sender", "since", "larger", "uids", "header", "keyword")
        ),
    ],
)
def test_a_wrong_type_is_a_usage_error(make: Callable[..., object], name: str, wrongs: tuple[object, ...]) -> None:
    for value in wrongs:
        with pytest.raises(errors.UsageError) as wrong:
            make(**{name: value})
        assert len(str(wrong.value)) < 1000


@pytest.mark.parametrize("ways", [[1], [], 3, 0, "x"])
def test_ways_are_a_mapping(tmp_path: Path, ways: Any) -> None:
    with pytest.raises(errors.UsageError, match="ways"):
        Outbox(tmp_path / "outbox.db", ways=ways)


def test_a_line_break_in_a_header_of_the_library_is_an_invalid_message() -> None:
    message = email.message_from_string("From: a@example.org\nTo: b@example.org\n\nx\n")
    message["X-Bad"] = "a\nBcc: v@example.org"
    with pytest.raises(errors.InvalidMessage):
        ready_of(message)
