"""Search criteria to SEARCH arguments (RFC 3501 6.4.4); values are never pasted into a command."""

from __future__ import annotations

import datetime
from collections.abc import Iterator

from courriel.model.received.search import Search
from courriel.wire.imap import syntax

_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_FLAGS = ("seen", "answered", "flagged", "draft", "deleted", "recent")
_TEXTS = {
    "sender": "FROM", "to": "TO", "cc": "CC", "bcc": "BCC", "subject": "SUBJECT", "body": "BODY", "text": "TEXT",
    "gmail": "X-GM-RAW",
}  # fmt: skip
_DAYS = {
    "since": "SINCE", "before": "BEFORE", "on": "ON",
    "sent_since": "SENTSINCE", "sent_before": "SENTBEFORE", "sent_on": "SENTON",
}  # fmt: skip
_SIZES = {"larger": "LARGER", "smaller": "SMALLER"}


def arguments(search: Search) -> list[bytes]:
    """Arguments of SEARCH; non-ASCII ones are literals, see `needs_charset`."""
    return list(_arguments_of(search)) or [b"ALL"]


def needs_charset(words: list[bytes]) -> bool:
    """Whether SEARCH needs CHARSET UTF-8."""
    return not all(word.isascii() for word in words)


# The steps.


def _arguments_of(search: Search) -> Iterator[bytes]:
    yield from _flags(search)
    for name, key in _TEXTS.items():
        if (value := getattr(search, name)) is not None:
            yield from (key.encode("ascii"), syntax.text(name, value))
    if search.message_id is not None:
        yield from (b"HEADER", b"MESSAGE-ID", syntax.text("message_id", search.message_id))
    for name, value in dict(search.header).items():
        yield from (b"HEADER", syntax.text("header", name), syntax.text("header", value))
    for name, key in _DAYS.items():
        if (day := getattr(search, name)) is not None:
            yield from (key.encode("ascii"), _day(day))
    for name, key in _SIZES.items():
        if (size := getattr(search, name)) is not None:
            yield from (key.encode("ascii"), b"%d" % size)
    yield from _numbers(search)
    yield from _combined(search)


def _flags(search: Search) -> Iterator[bytes]:
    wanted = {name: getattr(search, name) for name in _FLAGS}
    if search.unseen is not None:
        wanted["seen"] = not search.unseen
    for name, yes in wanted.items():
        if yes is not None:
            # "UNRECENT" does not exist: a letter that is not recent is called OLD.
            yield b"OLD" if name == "recent" and not yes else (b"" if yes else b"UN") + name.upper().encode("ascii")
    for key, words in ((b"KEYWORD", search.keyword), (b"UNKEYWORD", search.not_keyword)):
        for word in words or ():
            yield from (key, syntax.flag(word).encode("ascii"))


def _numbers(search: Search) -> Iterator[bytes]:
    if search.above is not None:
        # `n:*` always includes the last letter, whatever its UID: the caller has to filter the answer.
        yield from (b"UID", b"%d:*" % min(search.above + 1, 2**32 - 1))
    if search.uids is not None:
        # No UID at all is a search that no letter matches.
        yield from (b"UID", syntax.uid_set(search.uids).encode("ascii")) if search.uids else (b"NOT", b"ALL")


def _combined(search: Search) -> Iterator[bytes]:
    for other in search.none_of:
        yield b"NOT"
        yield from _group(other)
    if not search.any_of:
        return
    *firsts, last = search.any_of
    for first in firsts:
        yield b"OR"
        yield from _group(first)
    yield from _group(last)


def _group(search: Search) -> Iterator[bytes]:
    """One search in brackets, as arguments of their own; `join` puts no space beside them."""
    yield b"("
    yield from arguments(search)
    yield b")"


def _day(day: datetime.date) -> bytes:
    return f"{day.day}-{_MONTHS[day.month - 1]}-{day.year:04}".encode("ascii")
