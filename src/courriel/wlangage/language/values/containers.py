"""Arrays, associative arrays, and structures that a program declares."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from courriel.wlangage.language.syntax.problem import nearest, suggestion
from courriel.wlangage.language.syntax.words import folded
from courriel.wlangage.language.values.operations import alike, to_integer, to_text
from courriel.wlangage.problem import ErreurWLangage

MOST = 1_000_000
"""Elements of one array; a higher size is taken for a mistake."""


class Array(list[object]):
    """An array with places from 1. Each element is converted to the type of the array."""

    def __init__(self, convert: Callable[[object], object], empty: Callable[[], object], items: Iterable[object] = ()):
        super().__init__(map(convert, items))
        self.convert = convert
        self.empty = empty

    # Narrower than list: slices and 0 would count differently.
    def __getitem__(self, place: object) -> object:  # type: ignore[override]  # pyright: ignore[reportIncompatibleMethodOverride]
        return super().__getitem__(self._offset(place))

    def __setitem__(self, place: object, value: object) -> None:
        super().__setitem__(self._offset(place), self.convert(value))

    def __delitem__(self, place: object) -> None:
        super().__delitem__(self._offset(place))

    def add(self, value: object) -> int:
        """Append an element, and return its place."""
        if len(self) >= MOST:
            raise ErreurWLangage(f"un tableau a au plus {MOST} éléments", f"an array has {MOST} elements at most")
        self.append(self.convert(value))
        return len(self)

    def insert_at(self, place: object, value: object) -> None:
        """Insert an element before a place; one behind the last appends."""
        wanted = to_integer(place)
        if wanted == len(self) + 1:
            self.add(value)
        else:
            self.insert(self._offset(wanted), self.convert(value))

    def refill(self, items: Iterable[object]) -> None:
        """Replace all elements."""
        self.clear()
        self.extend(map(self.convert, items))

    def resize(self, size: object) -> None:
        """Shorten the array, or extend it with empty elements."""
        wanted = to_integer(size)
        if not 0 <= wanted <= MOST:
            raise ErreurWLangage(f"un tableau a de 0 à {MOST} éléments", f"an array has from 0 to {MOST} elements")
        while len(self) > wanted:
            self.pop()
        self.extend(self.empty() for _ in range(wanted - len(self)))

    def _offset(self, place: object) -> int:
        number = to_integer(place)
        if not 1 <= number <= len(self):
            raise ErreurWLangage(
                f"place {number} d'un tableau qui en a {len(self)} (elles commencent à 1)",
                f"place {number} of an array that has {len(self)} (they begin with 1)",
            )
        return number - 1


class Associative(dict[str, object]):
    """An associative array: elements by key. A key that is not there has an empty element."""

    def __init__(self, convert: Callable[[object], object], empty: Callable[[], object]):
        super().__init__()
        self.convert = convert
        self.empty = empty

    def __getitem__(self, key: object) -> object:
        """The element of a key, empty when there is none."""
        return super().__getitem__(to_text(key)) if to_text(key) in self else self.empty()

    def __setitem__(self, key: object, value: object) -> None:
        """Set the element of a key."""
        if len(self) >= MOST:
            raise ErreurWLangage(f"un tableau a au plus {MOST} éléments", f"an array has {MOST} elements at most")
        super().__setitem__(to_text(key), self.convert(value))


class Record:
    """A value of a structure that the program declares: members by name, each of its type."""

    def __init__(self, name: str, members: dict[str, tuple[str, Callable[[object], object], object]]):
        """Make it; `members` has by folded name the name as written, the conversion, and the first value."""
        self.name = name
        self._members = members
        self.memory = {key: first for key, (_, _, first) in members.items()}

    def copied(self) -> Record:
        """A copy: structures are assigned by value; a structure or an array inside is copied by its type."""
        members = {
            key: (written, convert, convert(self.memory[key])) for key, (written, convert, _) in self._members.items()
        }
        return Record(self.name, members)

    def read(self, name: str) -> object:
        """The value of a member."""
        return self.memory[self._known(name)]

    def write(self, name: str, value: object) -> None:
        """Set the value of a member."""
        key = self._known(name)
        self.memory[key] = self._members[key][1](value)

    def _known(self, name: str) -> str:
        key = folded(name)
        if key not in self._members:
            fr, en = suggestion(nearest(name, (written for written, _, _ in self._members.values())))
            raise ErreurWLangage(f"{self.name} n'a pas de membre {name}{fr}", f"{self.name} has no member {name}{en}")
        return key


def position(items: Iterable[object], wanted: object) -> int:
    """The place of the first element that is like this one; -1 when there is none, as TableauCherche says."""
    for place, item in enumerate(items, 1):
        if (isinstance(item, str | int | float) and alike(item, wanted)) or item is wanted:
            return place
    return -1
