"""Order of letters: SORT (RFC 5256 3)."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence

from courriel.dialogue.server.imap.searching import SearchedLetter
from courriel.wire.imap.sort_keys import base_subject, caseless
from courriel.wire.imap_server.arguments import Arguments
from courriel.wire.parse.addresses import received_addresses
from courriel.wire.parse.dates import moment_of
from courriel.wire.parse.words import readable, value_of
from courriel.wire.smtp.server_syntax import Objection

_MOST = 20  # keys of one SORT


def read_order(arguments: Arguments) -> list[tuple[str, bool]]:
    """Keys of SORT, each with whether it is reversed. Raises Objection."""
    words = [each.upper() if isinstance(each, str) else "" for each in arguments.group("Sort criteria")]
    if not 0 < len(words) <= _MOST:
        raise Objection(500, f"Sort by what? By {_MOST} keys at most")
    order: list[tuple[str, bool]] = []
    reverse = False
    for word in words:
        if word == "REVERSE":
            reverse = True
        elif word in _KEYS:
            order.append((word, reverse))
            reverse = False
        else:
            raise Objection(500, "There is no such sort key")
    if reverse or not order:
        raise Objection(500, "REVERSE stands before a key")
    return order


def in_order(letters: Sequence[SearchedLetter], order: Sequence[tuple[str, bool]]) -> list[SearchedLetter]:
    """Letters in this order; equal ones in that of their numbers, which is the last key."""
    found = list(letters)
    for word, reverse in reversed(order):
        found.sort(key=_KEYS[word], reverse=reverse)
    return found


# The steps.


def _sent(one: SearchedLetter) -> dt.datetime:
    return moment_of(value_of(one.header.first("date"), _ignore)) or one.letter.received


def _first_mailbox(name: str) -> Callable[[SearchedLetter], str]:
    def key(one: SearchedLetter) -> str:
        found = received_addresses(value_of(one.header.first(name), _ignore), _ignore)
        return found[0].spec.rpartition("@")[0].casefold() if found else ""

    return key


def _displayed(name: str) -> Callable[[SearchedLetter], str]:
    def key(one: SearchedLetter) -> str:
        found = received_addresses(value_of(one.header.first(name), _ignore), _ignore)
        return (found[0].name or found[0].spec).casefold() if found else ""

    return key


def _subject(one: SearchedLetter) -> str:
    return caseless(base_subject(readable(value_of(one.header.first("subject"), _ignore), _ignore))[0])


def _ignore(defect: str) -> None:
    """Defects are nobody's concern here."""


_KEYS: dict[str, Callable[[SearchedLetter], dt.datetime | str | int]] = {
    "ARRIVAL": lambda one: one.letter.received,
    "CC": _first_mailbox("cc"),
    "DATE": _sent,
    "FROM": _first_mailbox("from"),
    "SIZE": lambda one: one.letter.content.size,
    "SUBJECT": _subject,
    "TO": _first_mailbox("to"),
    "DISPLAYFROM": _displayed("from"),
    "DISPLAYTO": _displayed("to"),
}
