"""Parts of a letter by its BODYSTRUCTURE (RFC 9051 7.5.2): where they are, as far as that makes sense."""

from __future__ import annotations

from collections.abc import Iterator

from courriel._dataclass import dataclass
from courriel.wire.imap.values import Value, number_of, text_of

_MOST = 200
"""Parts of one letter; of one with more of them the structure is not used."""


@dataclass(frozen=True, slots=True)
class PartSection:
    """Part that holds no others: its number on the server, its octets there, and what stands around it."""

    number: str
    size: int
    within: str = ""
    order: int = 0
    alternative: int = 0


def sections_in(structure: Value) -> list[PartSection]:
    """Sections of all parts that hold no others, in order; [] for nonsense, and for more than 200.

    An attached mail is one part.
    """
    counter = _Alternatives()
    found: list[PartSection] = []
    for section in _walk(structure, "", "", 0, 0, counter):
        found.append(section)
        if len(found) > _MOST:
            return []
    return found


# The steps.


class _Alternatives:
    """Number of multipart/alternatives so far."""

    count = 0


def _walk(
    part: Value, number: str, within: str, order: int, alternative: int, counter: _Alternatives
) -> Iterator[PartSection]:
    if not isinstance(part, list) or not part:
        return
    if not isinstance(part[0], list):
        size = number_of(part[6]) if len(part) > 6 else None
        yield PartSection(number or "1", size or 0, within, order, alternative)
        return
    parts = [each for each in part if isinstance(each, list)]
    kinds = [text_of(each) for each in part if not isinstance(each, list)]
    children = next((place for place, each in enumerate(part) if not isinstance(each, list)), len(part))
    kind = f"multipart/{(kinds[0] or 'mixed').lower()}" if kinds else "multipart/mixed"
    if kind == "multipart/alternative":
        counter.count += 1
        alternative = counter.count
    for place, child in enumerate(parts[:children], 1):
        yield from _walk(child, f"{number}.{place}" if number else str(place), kind, place - 1, alternative, counter)
