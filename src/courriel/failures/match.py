"""Search in the failure table: the record with the best evidence."""

from __future__ import annotations

from courriel._dataclass import replace
from courriel.failures.clue import Clue, Evidence, Strength
from courriel.failures.facts import Facts
from courriel.failures.record import Failure
from courriel.failures.table import by_id, records
from courriel.failures.text import Text


def find(facts: Facts) -> Failure | None:
    """Return the record that explains these facts best, or None when none does.

    A record named by `hint_id` wins. Then numbers (of the system, of TLS) count more than a provider's own words, those
    more than other words, then the enhanced code, the basic code, the class of the exception; a general record is taken
    when nothing else matches. A provider's words come before the codes because codes are ambiguous: `550 5.7.30` is
    "password login removed" at one provider and "DKIM did not pass" at another.
    """
    return by_id().get(facts.hint_id) or _best(facts)


def find_certain(facts: Facts) -> Failure | None:
    """Return the record that explains the facts of a text of unknown origin, or None where that would be a guess."""
    return by_id().get(facts.hint_id) or _best(facts, guess=False)


def rank(facts: Facts) -> list[tuple[tuple[bool, Strength], Clue, Failure]]:
    """List the records that match these facts, the best first; equal ones in the order of the table."""
    evidence = Evidence.of(facts)
    possible: list[tuple[tuple[bool, Strength], Clue, Failure]] = []
    for record in records():
        matches = [(strength, clue) for clue in record.clues if (strength := clue.strength(evidence))]
        if matches:
            strength, clue = max(matches, key=lambda match: match[0])
            possible.append(((not record.general, strength), clue, record))
    return sorted(possible, key=lambda found: found[0], reverse=True)


def _best(facts: Facts, *, guess: bool = True) -> Failure | None:
    ranked = [found for found in rank(facts) if guess or not found[1].guess]
    return _as_suggested_by(ranked[0][2], ranked[0][1]) if ranked else None


def _as_suggested_by(record: Failure, clue: Clue) -> Failure:
    """Return the record with the changes of this clue: the same words are permanent with 550 and temporary with 421."""
    if not (clue.retry or clue.more or clue.dont):
        return record
    fix = record.fix
    if clue.more:
        fix = Text(fr=f"{fix.fr} {clue.more.fr}", en=f"{fix.en} {clue.more.en}")
    return replace(
        record,
        fix=fix,
        dont=clue.dont or record.dont,
        retry=clue.retry or record.retry,
        sysexit=record.sysexit if clue.sysexit is None else clue.sysexit,
    )
