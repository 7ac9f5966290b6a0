"""Lists of a structure: they count from 1, and grow when written to, as in the WLangage."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeVar

from courriel.wlangage.problem import ErreurWLangage

T = TypeVar("T")

MOST = 5_000  # items; a higher index is taken for a mistake


class WList(list[T]):
    """A list with indexes from 1. Writing to an index beyond the end extends it; otherwise as in Python."""

    def __init__(self, items: Iterable[T], check: Callable[[object], T], empty: Callable[[], T]) -> None:
        super().__init__(map(check, items))
        self._check = check
        self._empty = empty

    # Deliberately narrower than list: slices, negative indexes and 0 would count differently.
    def __getitem__(self, place: int) -> T:  # type: ignore[override]  # pyright: ignore[reportIncompatibleMethodOverride]
        return super().__getitem__(self._known(place))

    def __setitem__(self, place: int, item: T) -> None:  # type: ignore[override]  # pyright: ignore[reportIncompatibleMethodOverride]
        index = _from_one(place)
        if index >= MOST:
            raise ErreurWLangage(f"une liste a au plus {MOST} places", f"a list has {MOST} places at most")
        while len(self) <= index:
            super().append(self._empty())
        super().__setitem__(index, self._check(item))

    def __delitem__(self, place: int) -> None:  # type: ignore[override]  # pyright: ignore[reportIncompatibleMethodOverride]
        super().__delitem__(self._known(place))

    def append(self, item: T) -> None:
        """Append an item; `Ajoute` and `Add` are the same."""
        super().append(self._check(item))

    Ajoute = Add = append

    def extend(self, items: Iterable[T]) -> None:
        """Append several items."""
        super().extend(map(self._check, items))

    @property
    def Occurrence(self) -> int:
        """Number of items."""
        return len(self)

    Count = Occurrence

    # The steps.

    def _known(self, place: object) -> int:
        index = _from_one(place)
        if index >= len(self):
            raise ErreurWLangage(
                f"place {place} d'une liste qui en a {len(self)}", f"place {place} of a list that has {len(self)}"
            )
        return index


def _from_one(place: object) -> int:
    if isinstance(place, bool) or not isinstance(place, int) or place < 1:
        raise ErreurWLangage(
            f"les listes du WLangage commencent à 1 : la place {place!r} n'existe pas",
            f"the lists of the WLangage begin with 1: there is no place {place!r}",
        )
    return place - 1
