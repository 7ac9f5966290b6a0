"""Lists of a structure: they count from 1, and grow when written to, as in the WLangage."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from difflib import get_close_matches
from typing import TypeVar

from courriel.wlangage.problem import ErreurWLangage, UnknownProperty

T = TypeVar("T")

MOST = 5_000  # items; a higher index is taken for a mistake


class WList(list[T]):
    """A list with indexes from 1. Writing to an index beyond the end extends it; otherwise as in Python."""

    def __init__(self, items: Iterable[T], check: Callable[[object], T], empty: Callable[[], T]) -> None:
        super().__init__(map(check, items))
        self._check = check
        self._empty = empty

    # Deliberately narrower than list: slices, negative indexes and 0 would count differently.
    def __getitem__(self, index: int) -> T:  # type: ignore[override]  # pyright: ignore[reportIncompatibleMethodOverride]
        return super().__getitem__(self._known(index))

    def __setitem__(self, index: int, item: T) -> None:  # type: ignore[override]  # pyright: ignore[reportIncompatibleMethodOverride]
        index = _from_one(index)
        if index >= MOST:
            raise ErreurWLangage(f"une liste a au plus {MOST} places", f"a list has {MOST} places at most")
        while len(self) <= index:
            super().append(self._empty())
        super().__setitem__(index, self._check(item))

    def __delitem__(self, index: int) -> None:  # type: ignore[override]  # pyright: ignore[reportIncompatibleMethodOverride]
        super().__delitem__(self._known(index))

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

    def Supprime(self, place: int) -> None:
        """Remove the item of a place."""
        del self[place]

    def SupprimeTout(self) -> None:
        """Remove all items."""
        self.clear()

    Delete, DeleteAll = Supprime, SupprimeTout

    def __getattr__(self, name: str) -> object:
        near = get_close_matches(name, _NAMES, 1, 0.6)
        fr = f" ; vouliez-vous dire {near[0]} ?" if near else ""
        en = f"; did you mean {near[0]}?" if near else ""
        raise UnknownProperty(f"une liste n'a pas de membre {name}{fr}", f"a list has no member {name}{en}")

    # The steps.

    def _known(self, index: object) -> int:
        index = _from_one(index)
        if index >= len(self):
            raise ErreurWLangage(
                f"place {index} d'une liste qui en a {len(self)}", f"place {index} of a list that has {len(self)}"
            )
        return index


_NAMES = ("Ajoute", "Add", "Supprime", "Delete", "SupprimeTout", "DeleteAll", "Occurrence", "Count")


def _from_one(index: object) -> int:
    if isinstance(index, bool) or not isinstance(index, int) or index < 1:
        raise ErreurWLangage(
            f"les listes du WLangage commencent à 1 : la place {index!r} n'existe pas",
            f"the lists of the WLangage begin with 1: there is no place {index!r}",
        )
    return index - 1
