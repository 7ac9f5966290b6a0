"""Clues of a failure: combinations of stage, codes, words and numbers by which it is recognised."""

from __future__ import annotations

import re
from collections.abc import Set as AbstractSet

from courriel._dataclass import dataclass
from courriel._lazy_re import expression

from .facts import Facts, fold

TYPE_CHECKING = False

if TYPE_CHECKING:
    from .text import Retry, Text

# Orange and La Poste number their refusals: OFR_416, LPN105_421, OFR006_102. The last three digits count.
_ORANGE = expression(r"\b(?:OFR|LPN|OUK)[0-9A-Z]{0,12}?[-_]?([0-9]{3})\b", re.IGNORECASE)

_ON_THIS_MACHINE = expression(
    r"(?:\blocalhost|\b127\.[0-9.]{5,11}|\[?::1\]?)(?::|,? port:? ?|, ?)"
    r"(?!(?:25|110|143|465|587|993|995)\b)[0-9]{2,5}\b",
    re.IGNORECASE,
)

Strength = tuple[int, int, int, int, int, int, int]
"""Quality of a match, the best evidence first. Two strengths are compared from left to right."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """Facts of one failure, prepared once for all the clues that are tested against them."""

    facts: Facts
    text: str
    exceptions: AbstractSet[str]
    orange_codes: AbstractSet[str]
    practice: bool

    @classmethod
    def of(cls, facts: Facts) -> Evidence:
        text = fold(facts)
        names = frozenset(name.rpartition(".")[2] for name in facts.exceptions)
        return cls(
            facts, text, names, frozenset(_ORANGE.findall(text)), bool(_ON_THIS_MACHINE.search(facts.server or text))
        )


@dataclass(frozen=True, slots=True)
class Clue:
    """One way to recognise a failure: every field that is set must match."""

    stages: frozenset[str] = frozenset()
    codes: tuple[str, ...] = ()
    """Basic codes, "535", or whole classes, "5xx"."""
    enhanced: tuple[str, ...] = ()
    words: str = ""
    """Pattern to search in the folded text, in any case."""
    orange_codes: frozenset[str] = frozenset()
    exceptions: frozenset[str] = frozenset()
    errnos: frozenset[int] = frozenset()
    reasons: frozenset[str] = frozenset()
    verify_codes: frozenset[int] = frozenset()
    marker: bool = False
    """Whether the words are those of one provider alone."""
    retry: Retry | None = None
    sysexit: int | None = None
    more: Text | None = None
    """Text to add to the remedy when the failure is recognised by this clue."""
    dont: Text | None = None
    """Advice against, in place of the record's, when the failure is recognised by this clue."""
    bare: bool = False
    """Whether no server may have answered: its words would mean something else within a reply."""
    practice: bool = False
    """Whether the server must look like a practice server: this machine, at no usual port of mail."""
    guess: bool = False
    """Whether this is too little evidence for a text of unknown origin, where no answer is better than this record."""

    def strength(self, evidence: Evidence) -> Strength | None:
        """Return how strongly the evidence supports this failure, or None when some field does not match."""
        facts = evidence.facts
        code = _code_fits(self.codes, facts.code)
        if not (
            self._stage_fits(facts.stage)
            and (not self.codes or code)
            and not (self.bare and facts.code is not None)
            and not (self.practice and not evidence.practice)
            and (not self.enhanced or facts.enhanced in self.enhanced)
            and (not self.exceptions or self.exceptions & evidence.exceptions)
            and (not self.errnos or facts.errno in self.errnos)
            and (not self.reasons or facts.ssl_reason in self.reasons)
            and (not self.verify_codes or facts.verify_code in self.verify_codes)
            and (not self.orange_codes or self.orange_codes & evidence.orange_codes)
            # Last, because the pattern search is the only expensive test.
            and (not self.words or re.search(self.words, evidence.text, re.IGNORECASE))
        ):
            return None
        return (
            bool(self.errnos or self.reasons or self.verify_codes),
            bool(self.orange_codes or (self.marker and self.words)),
            bool(self.words),
            bool(self.enhanced),
            code,
            bool(self.exceptions),
            bool(self.stages and facts.stage),
        )

    def _stage_fits(self, stage: str) -> bool:
        """Whether the stage matches. Codes and exception classes need their stage; words and numbers do without one."""
        if not self.stages or stage in self.stages:
            return True
        return not stage and bool(self.words or self.orange_codes or self.errnos or self.reasons or self.verify_codes)


def _code_fits(codes: tuple[str, ...], code: int | None) -> int:
    """0: no match, 1: the class of the code matches ("5xx"), 2: the code itself."""
    if code is None:
        return 0
    if str(code) in codes:
        return 2
    return int(f"{code // 100}xx" in codes)
