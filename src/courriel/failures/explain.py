"""
Explanation of a pasted text: the record that fits, or else the meaning of its codes.

A text that this library printed itself is known by its reference or its cause. A text of unknown origin is explained
only by evidence: no answer is better than a guess.
"""

from __future__ import annotations

import re

from courriel._dataclass import dataclass
from courriel._lazy_re import expression
from courriel.failures.facts import Facts
from courriel.failures.match import find_certain
from courriel.failures.pasted import LONGEST_PASTED, read
from courriel.failures.record import Failure
from courriel.failures.reply_codes import meaning, subject
from courriel.failures.table import by_id, records
from courriel.failures.text import Text

_ID = expression(r"[A-Za-z0-9]{1,30}(?:[-_ ][A-Za-z0-9]{1,30}){0,6}")
_BLANKS = expression(r"\s+")
_NEAR = 0.75
"""Least similarity of a mistyped id with the nearest one: 1 is equal."""


@dataclass(frozen=True, slots=True)
class Explanation:
    """Record and facts of a pasted text.

    `failure` is the record, or None; `mistyped`: it is the nearest to an id that does not exist. `code_meanings`
    are known without a record, as pairs of a word of the text ("550") and its meaning.
    """

    facts: Facts
    failure: Failure | None = None
    mistyped: bool = False
    code_meanings: tuple[tuple[str, Text], ...] = ()


def explain(text: str) -> Explanation:
    """Explain a reply, a traceback, a log, a text of this library, or the id of a record."""
    asked = text.strip()
    if named := by_id().get(asked.upper().replace("_", "-")):
        return Explanation(Facts(hint_id=named.id), named)
    facts = read(text)
    if found := by_id().get(facts.hint_id) or _by_cause(text) or find_certain(facts):
        return Explanation(facts, found)
    if nearest := _nearest(asked):
        return Explanation(Facts(hint_id=nearest.id), nearest, mistyped=True)
    return Explanation(facts, code_meanings=tuple(_code_meanings(facts)))


# The steps.


def _by_cause(text: str) -> Failure | None:
    """The record whose cause stands in the text, in either language; the last one of several."""
    folded = _comparable(text[-LONGEST_PASTED:])
    places = [
        (position, record)
        for record in records()
        for cause in (record.cause.fr, record.cause.en)
        if (position := folded.rfind(_comparable(cause))) >= 0
    ]
    return max(places, key=lambda found: found[0])[1] if places else None


def _comparable(text: str) -> str:
    return _BLANKS.sub(" ", text).strip()


def _nearest(asked: str) -> Failure | None:
    """The record whose id, or its beginning, is nearest to what looks like a mistyped id."""
    if not _ID.fullmatch(asked) or not re.search(r"[-_]|^[A-Z0-9]+$", asked):
        return None
    from difflib import SequenceMatcher

    word = asked.upper().replace("_", "-").replace(" ", "-")

    def nearness(failure_id: str) -> float:
        return max(
            SequenceMatcher(None, word, failure_id).ratio(),
            SequenceMatcher(None, word, failure_id[: len(word)]).ratio() - 0.01,
        )

    best = max(by_id(), key=nearness)
    return by_id()[best] if nearness(best) >= _NEAR else None


def _code_meanings(facts: Facts) -> list[tuple[str, Text]]:
    """The meaning of the codes in a text that no record explains."""
    meanings: list[tuple[str, Text]] = []
    if facts.code is not None:
        meanings.append((str(facts.code), meaning(facts.code)))
    if facts.enhanced and (about := subject(facts.enhanced)):
        meanings.append((facts.enhanced, about))
    return meanings
