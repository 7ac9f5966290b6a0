"""By what a failure is known: one combination of stage, codes, words and numbers."""

from __future__ import annotations

import re
from collections.abc import Set as AbstractSet

from courriel.expressions import expression
from courriel.values import dataclass

from .facts import Facts, fold

TYPE_CHECKING = False

if TYPE_CHECKING:
    from .record import Retry, Text

# Orange and La Poste number their refusals: OFR_416, LPN105_421, OFR006_102. The last three digits count.
_ORANGE = expression(r"\b(?:OFR|LPN|OUK)[0-9A-Z]{0,12}?[-_]?([0-9]{3})\b", re.IGNORECASE)

Strength = tuple[int, int, int, int, int, int, int]
"""How good a match is, the best evidence first. Two strengths are compared from left to right."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """The facts, prepared once for all the clues that look at them."""

    facts: Facts
    text: str
    exceptions: AbstractSet[str]
    orange: AbstractSet[str]

    @classmethod
    def of(cls, facts: Facts) -> Evidence:
        text = fold(facts)
        names = frozenset(name.rpartition(".")[2] for name in facts.exceptions)
        return cls(facts, text, names, frozenset(_ORANGE.findall(text)))


@dataclass(frozen=True, slots=True)
class Clue:
    """One way to know a failure: everything that is given must hold."""

    stages: frozenset[str] = frozenset()
    codes: tuple[str, ...] = ()
    """Basic codes, "535", or whole classes, "5xx"."""
    enhanced: tuple[str, ...] = ()
    words: str = ""
    """A pattern to find in the folded text, whatever the case."""
    orange: frozenset[str] = frozenset()
    exceptions: frozenset[str] = frozenset()
    errnos: frozenset[int] = frozenset()
    reasons: frozenset[str] = frozenset()
    verify_codes: frozenset[int] = frozenset()
    marker: bool = False
    """The words are those of one provider, and of nobody else."""
    retry: Retry | None = None
    sysexit: int | None = None
    more: Text | None = None
    """What to add to the remedy when the failure is known by this clue."""

    def strength(self, evidence: Evidence) -> Strength | None:
        """Say how strongly the evidence points here, or None when something does not fit."""
        facts = evidence.facts
        code = _code_fits(self.codes, facts.code)
        if not (
            self._stage_fits(facts.stage)
            and (not self.codes or code)
            and (not self.enhanced or facts.enhanced in self.enhanced)
            and (not self.exceptions or self.exceptions & evidence.exceptions)
            and (not self.errnos or facts.errno in self.errnos)
            and (not self.reasons or facts.ssl_reason in self.reasons)
            and (not self.verify_codes or facts.verify_code in self.verify_codes)
            and (not self.orange or self.orange & evidence.orange)
            # Last, because it is the only one that costs something.
            and (not self.words or re.search(self.words, evidence.text, re.IGNORECASE))
        ):
            return None
        return (
            bool(self.errnos or self.reasons or self.verify_codes),
            bool(self.orange or (self.marker and self.words)),
            bool(self.words),
            bool(self.enhanced),
            code,
            bool(self.exceptions),
            bool(self.stages and facts.stage),
        )

    def _stage_fits(self, stage: str) -> bool:
        """Codes and classes mean something at their stage only; words and numbers speak for themselves."""
        if not self.stages or stage in self.stages:
            return True
        return not stage and bool(self.words or self.orange or self.errnos or self.reasons or self.verify_codes)


def _code_fits(codes: tuple[str, ...], code: int | None) -> int:
    """0: does not fit, 1: its class fits, 2: it is named."""
    if code is None:
        return 0
    if str(code) in codes:
        return 2
    return int(f"{code // 100}xx" in codes)
