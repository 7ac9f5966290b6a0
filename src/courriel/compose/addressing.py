"""Addresses with holes: each value goes through the grammar, and none becomes two addresses, or another part of one."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from courriel.compose.holes import Hole, Pattern
from courriel.errors import InvalidAddress
from courriel.model.address import Address
from courriel.model.field import refusal

_NAMED = re.compile(r"\s*([^<>]*?)\s*<([^<>]*)>\s*")


class Place:
    """One address with holes: `{email}`, `{name} <{email}>`, or `{number}@example.org`."""

    __slots__ = ("_alone", "_name", "_spec", "pattern")

    def __init__(self, field: str, text: str) -> None:
        self.pattern = Pattern.parse(field, text)
        self._name: Pattern | None = None
        self._spec: Pattern | None = None
        first = self.pattern.pieces[0]
        self._alone = first.key if isinstance(first, Hole) and len(self.pattern.pieces) == 1 else ""
        if self._alone:
            return  # a hole alone is a whole address, its name included
        named = _NAMED.fullmatch(text)
        if named is not None:
            name = named[1]
            if len(name) > 1 and name.startswith('"') and name.endswith('"'):
                name = name[1:-1]  # quotes are put where they are needed
            self._name = Pattern.parse(field, name)
        spec = named[2] if named is not None else text.strip(" \t")
        if "<" in spec or ">" in spec or '"' in spec:
            raise refusal(field, f"{text!r:.100} is neither {{email}} nor {{name}} <{{email}}>")
        self._spec = Pattern.parse(field, spec)

    def fill(self, values: Mapping[str, str]) -> Address:
        """The address that these values make. Raises InvalidAddress."""
        if self._spec is None:
            return Address.parse(values[self._alone])
        spec = self._spec.fill(values)
        if "<" in spec or ">" in spec:
            raise InvalidAddress(f"{spec!r:.80} is not an address: a name has a place of its own", stage="compose")
        address = Address.parse(spec)
        name = self._name.fill(values) if self._name is not None else ""
        return address.named(name) if name else address


class Addresses:
    """The addresses of one field, some of them with holes."""

    __slots__ = ("_several", "field", "fixed", "holes")

    def __init__(self, field: str, given: str | Address | Iterable[str | Address]) -> None:
        self.field = field
        items = [given] if isinstance(given, str | Address) else list(given)
        self._several = [each for item in items for each in _read(field, item)]
        self.holes = tuple(hole for each in self._several if isinstance(each, Place) for hole in each.pattern.holes)
        self.fixed: tuple[Address, ...] = (
            () if self.holes else tuple(each for each in self._several if isinstance(each, Address))
        )
        """All of them, when none has a hole."""

    def __len__(self) -> int:
        return len(self._several)

    def fill(self, values: Mapping[str, str]) -> tuple[Address, ...]:
        """The addresses that these values make. Raises InvalidAddress."""
        return self.fixed or tuple([each if isinstance(each, Address) else each.fill(values) for each in self._several])


# The steps.


def _read(field: str, item: str | Address) -> list[Address | Place]:
    """One address with holes, or addresses without any, as many as there are."""
    if isinstance(item, Address):
        return [item]
    if not any(isinstance(piece, Hole) for piece in Pattern.parse(field, item).pieces):
        return list(Address.all_of(Pattern.parse(field, item).fill({})))
    # Commas set addresses apart, and a hole is no place to hide one: only those of the template count.
    return [each for part in Address.split_list(item) for each in _one(field, part)]


def _one(field: str, part: str) -> list[Address | Place]:
    pattern = Pattern.parse(field, part)
    return [Place(field, part)] if pattern.holes else [Address.parse(pattern.fill({}))]
