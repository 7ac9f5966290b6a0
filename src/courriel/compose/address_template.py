"""AddressTemplate with placeholders: each filled value is parsed, so it cannot add an address or alter another part."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from courriel.compose.placeholders import Pattern, Placeholder
from courriel.errors import InvalidAddress
from courriel.model.address import Address
from courriel.model.address.pieces import pieces_of
from courriel.model.checks.header import as_text, refusal
from courriel.model.checks.text import described, text_of

_NAMED = re.compile(r"\s*([^<>]*?)\s*<([^<>]*)>\s*")


class AddressPlaceholder:
    """One address with placeholders: `{email}`, `{name} <{email}>`, or `{number}@example.org`."""

    __slots__ = ("_alone", "_name", "_spec", "pattern")

    def __init__(self, field: str, text: str) -> None:
        self.pattern = Pattern.parse(field, text)
        self._name: Pattern | None = None
        self._spec: Pattern | None = None
        first = self.pattern.pieces[0]
        self._alone = first.key if isinstance(first, Placeholder) and len(self.pattern.pieces) == 1 else ""
        if self._alone:
            return  # a single placeholder takes a complete address, with its display name
        named = _NAMED.fullmatch(text)
        if named is not None:
            name = named[1]
            if len(name) > 1 and name.startswith('"') and name.endswith('"'):
                name = name[1:-1]  # quotes are added where needed
            self._name = Pattern.parse(field, name)
        spec = named[2] if named is not None else text.strip(" \t")
        if "<" in spec or ">" in spec or '"' in spec:
            raise refusal(field, f"{text!r:.100} is neither {{email}} nor {{name}} <{{email}}>")
        self._spec = Pattern.parse(field, spec)

    def fill(self, values: Mapping[str, str]) -> Address:
        """The address for these values. Raises InvalidAddress."""
        if self._spec is None:
            return Address.parse(values[self._alone])
        spec = self._spec.fill(values)
        if "<" in spec or ">" in spec:
            raise InvalidAddress(f"{spec!r:.80} is not an address: a name has a place of its own", stage="compose")
        address = Address.parse(spec)
        name = self._name.fill(values) if self._name is not None else ""
        return address.with_name(name) if name else address


class AddressTemplate:
    """The addresses of one header field, some of them with placeholders."""

    __slots__ = ("_items", "field", "fixed", "placeholders")

    def __init__(self, field: str, given: str | Address | Iterable[str | Address]) -> None:
        self.field = field
        items = one_or_several(field, given)
        self._items = [_read(field, item) for item in items]
        self.placeholders = tuple(
            placeholder
            for each in self._items
            if isinstance(each, AddressPlaceholder)
            for placeholder in each.pattern.placeholders
        )
        self.fixed: tuple[Address, ...] = (
            () if self.placeholders else tuple(each for each in self._items if isinstance(each, Address))
        )
        """All of them, when none has a placeholder."""

    def __len__(self) -> int:
        return len(self._items)

    def fill(self, values: Mapping[str, str]) -> tuple[Address, ...]:
        """The addresses for these values. Raises InvalidAddress."""
        return self.fixed or tuple([each if isinstance(each, Address) else each.fill(values) for each in self._items])


# The steps.


def one_or_several(field: str, given: object) -> list[str | Address]:
    """The addresses of one field, as text or Address: one, or a list. A string is one address."""
    if isinstance(given, Address):
        return [given]
    if (text := text_of(given)) is not None:
        return [text] if text.strip(" \t") else []
    if given is None:
        return []
    if isinstance(given, bytes | bytearray | Mapping) or not isinstance(given, Iterable):
        raise refusal(field, f"an address, or a list of them, not {described(given)}")
    return [each if isinstance(each, Address) else as_text(field, each) for each in given]


def _list_refusal(pieces: list[str]) -> str:
    listed = f"{[piece.strip() for piece in pieces]!r:.200}"
    return f"one string is one address; give a list, {listed}, or put quotes around a name that holds a comma"


def _read(field: str, item: str | Address) -> Address | AddressPlaceholder:
    """An address, or one with placeholders. A comma outside quotes is refused: neither template nor row may add one."""
    if isinstance(item, Address):
        return item
    pattern = Pattern.parse(field, item)
    if not pattern.placeholders:
        return Address.parse(pattern.fill({}))
    pieces = pieces_of(item)
    if len(pieces) > 1 and (len([piece for piece in pieces if "{" in piece or "@" in piece]) > 1):
        raise refusal(field, _list_refusal(pieces))
    return AddressPlaceholder(field, item)
