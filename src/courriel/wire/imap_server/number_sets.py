"""Sets of numbers in commands: `1:3,7,*`, `$` (RFC 9051, sequence-set)."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence

from courriel._lazy_re import expression
from courriel.wire.smtp.server_syntax import Objection

SAVED = "$"
"""The result of the search before (SEARCHRES)."""

_SET = expression(r"(?:\*|[0-9]{1,10})(?::(?:\*|[0-9]{1,10}))?(?:,(?:\*|[0-9]{1,10})(?::(?:\*|[0-9]{1,10}))?)*+")
_MOST = 2**32 - 1


class NumberSet:
    """Ranges of numbers; `*` is the largest there is."""

    def __init__(self, words: str) -> None:
        if not _SET.fullmatch(words):
            raise Objection(500, "A set of numbers should stand here, such as 1:3,7")
        self._ranges = [_range(piece) for piece in words.split(",")]

    def among(self, numbers: Sequence[int]) -> list[int]:
        """The numbers of the set that are in an ascending list, each once, in order; time grows with both lengths."""
        if not numbers:
            return []
        found: list[int] = []
        last = numbers[-1]
        at = 0
        for first, end in self._merged(last):
            start = max(at, bisect_left(numbers, first))
            at = max(start, bisect_right(numbers, end))
            found.extend(numbers[start:at])
        return found

    def beyond(self, most: int) -> bool:
        """Whether it names a number above `most` itself, not by a `*`."""
        return any(max(first or 0, end or 0) > most for first, end in self._ranges)

    # The steps.

    def _merged(self, last: int) -> list[tuple[int, int]]:
        """Ranges of numbers without a `*`, ascending."""
        pairs = ((last if first is None else first, last if end is None else end) for first, end in self._ranges)
        return sorted((min(pair), max(pair)) for pair in pairs)


def is_number_set(words: str) -> bool:
    """Whether a word is a set of numbers."""
    return _SET.fullmatch(words) is not None


# The steps.


def _range(piece: str) -> tuple[int | None, int | None]:
    first, colon, end = piece.partition(":")
    begin = _number(first)
    return begin, _number(end) if colon else begin


def _number(word: str) -> int | None:
    """A number, None for `*`. Raises Objection."""
    if word == "*":
        return None
    value = int(word)
    if not 0 < value <= _MOST:
        raise Objection(500, "Letters have numbers from 1 to 4294967295")
    return value
