"""Sorting of letters by the rules of RFC 5256, for servers without SORT: base subjects, dates, addresses."""

from __future__ import annotations

import datetime as dt
import unicodedata
from typing import TYPE_CHECKING

from courriel._dataclass import dataclass
from courriel._lazy_re import expression

if TYPE_CHECKING:
    from collections.abc import Sequence

    from courriel.model.received.sorting import SortKey

SORT_KEYS = {
    "received": b"ARRIVAL", "date": b"DATE", "sender": b"FROM", "to": b"TO", "cc": b"CC", "subject": b"SUBJECT",
    "size": b"SIZE",
}  # fmt: skip
"""Words of SORT for the keys of `sort=`."""

_LONGEST = 1000  # characters of a subject that are compared
_SPACES = expression(r"[ \t\r\n]+")
_BLOBS = expression(r"(?:\[[^\[\]]*\] *)++")
_LEADER = expression(r"(?i:re|fwd?) *(?:\[[^\[\]]*\] *)?:")
_FORWARDED = expression(r"(?i:\[fwd:)(.*)\]", flags=16)  # DOTALL


@dataclass(frozen=True, slots=True)
class SortFacts:
    """Properties of a letter by which it may be sorted."""

    uid: int
    received: dt.datetime
    date: dt.datetime
    sender: str
    to: str
    cc: str
    subject: str
    size: int


def sorted_uids(letters: Sequence[SortFacts], keys: Sequence[SortKey]) -> tuple[int, ...]:
    """UIDs in this order; equal ones in the order in which they are in the folder, whatever the direction."""
    ordered = sorted(letters, key=lambda facts: facts.uid)
    for key in reversed(keys):
        ordered.sort(key=lambda facts, name=key.name: getattr(facts, name), reverse=key.descending)  # type: ignore[misc]
    return tuple(facts.uid for facts in ordered)


def base_subject(subject: str) -> tuple[str, bool]:
    """A subject without "Re:", "Fwd:", "[list]" and "(fwd)", and whether it is that of an answer (RFC 5256 2.1)."""
    text = _SPACES.sub(" ", subject[:_LONGEST])
    answers = False
    while True:
        at, end = 0, len(text)
        while end > at and (text[end - 1] == " " or text[max(0, end - 5) : end].lower() == "(fwd)"):
            answers = answers or text[end - 1] == ")"
            end -= 1 if text[end - 1] == " " else 5
        while at < end:
            if text[at] == " ":
                at += 1
                continue
            blobs = _BLOBS.match(text, at, end)
            behind = blobs.end() if blobs else at
            leader = _LEADER.match(text, behind, end)
            if leader:
                at, answers = leader.end(), True
            elif blobs and at < (kept := behind if behind < end else text.rindex("[", at, end)):
                at = kept  # something has to be left of a subject that is nothing else
            else:
                break
        forwarded = _FORWARDED.fullmatch(text, at, end)
        if forwarded is None:
            return text[at:end], answers
        text, answers = forwarded[1], True


def caseless(text: str) -> str:
    """A text as i;unicode-casemap compares it (RFC 5051): by title case, decomposed."""
    return unicodedata.normalize("NFKD", "".join(map(_titlecase, text))) if not text.isascii() else text.upper()


# The steps.


def _titlecase(character: str) -> str:
    title = character.title()
    return title if len(title) == 1 else character
