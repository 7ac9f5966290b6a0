"""Order of letters in a folder: the keys by which they are sorted (RFC 5256), and conversations."""

from __future__ import annotations

from collections.abc import Iterable

from courriel import errors
from courriel._dataclass import dataclass
from courriel.model.checks.shown import safely_shown

KEYS = ("received", "date", "sender", "to", "cc", "subject", "size")
"""Keys of `sort=`: day and time of arrival, the Date field, first address of a field, subject without Re:, octets."""
ALGORITHMS = ("references", "orderedsubject")
"""Ways to find conversations: by the ids that answers refer to, or by subjects alone."""


@dataclass(frozen=True, slots=True)
class SortKey:
    """One key of an order, and whether it counts from the greatest to the least."""

    name: str
    descending: bool = False


@dataclass(frozen=True, slots=True)
class LetterOrder:
    """Order of letters that were found, and the part of them that is wanted; `last` None: all of them."""

    keys: tuple[SortKey, ...] = ()
    last: int | None = None
    skip: int = 0

    def part_of(self, uids: tuple[int, ...]) -> tuple[int, ...]:
        """The part that is wanted of letters in their order."""
        end = max(0, len(uids) - self.skip)
        return uids[:end] if self.last is None else uids[max(0, end - self.last) : end]


@dataclass(frozen=True, slots=True)
class ThreadedLetter:
    """A letter of a conversation: its UID, and the UID of the letter that it answers.

    `parent` is 0 for a first letter, and where the letter that it answers is not there; `level` is 0 for a first
    letter, one more for each answer.
    """

    uid: int
    parent: int
    level: int


@dataclass(frozen=True, slots=True)
class LetterThread:
    """A conversation: letters in the order in which they are read, each behind the one that it answers."""

    letters: tuple[ThreadedLetter, ...]

    @property
    def uids(self) -> tuple[int, ...]:
        """UIDs of its letters, in the same order."""
        return tuple(letter.uid for letter in self.letters)


def letter_order(sort: object, last: object, skip: object) -> LetterOrder:
    """Order of letters from `sort=`, `last=` and `skip=`. Raises UsageError."""
    for name, number, least in (("last", last, 1), ("skip", skip, 0)):
        if name == "last" and number is None:
            continue
        if isinstance(number, bool) or not isinstance(number, int) or not least <= number < 2**31:
            raise errors.UsageError(f"{name}={safely_shown(number)}: a number of letters")
    if last is None and skip:
        raise errors.UsageError("skip: goes with last=, as last=50, skip=50 for the last fifty but fifty")
    return LetterOrder(sort_keys(sort), last if isinstance(last, int) else None, skip if isinstance(skip, int) else 0)


def algorithm(by: object) -> str:
    """Check a way to find conversations. Raises UsageError."""
    if by not in ALGORITHMS:
        raise errors.UsageError(f"by: {' or '.join(ALGORITHMS)}, not {safely_shown(by)}")
    return str(by)


def sort_keys(given: object) -> tuple[SortKey, ...]:
    """Keys from `sort=`: one word or several, with a "-" in front for the opposite order. Raises UsageError."""
    words = (given,) if isinstance(given, str) else tuple(given) if isinstance(given, Iterable) else (None,)
    keys: list[SortKey] = []
    for word in words:
        name = word.removeprefix("-") if isinstance(word, str) else ""
        if name not in KEYS:
            raise errors.UsageError(
                f'sort: {", ".join(KEYS)}, or "-date" for the latest first, not {safely_shown(word)}'
            )
        if name in (key.name for key in keys):
            raise errors.UsageError(f"sort: {name} stands twice")
        keys.append(SortKey(name, word != name))
    return tuple(keys)
