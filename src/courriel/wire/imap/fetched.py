"""Data of one letter, as a FETCH response gives it (RFC 9051 7.5.2)."""

from __future__ import annotations

import re
from collections.abc import Iterable

from courriel.errors import RemoteProtocolError
from courriel.wire.imap.syntax import words_of
from courriel.wire.imap.values import Value, number_of, octets_of, read_values

_SPACES = re.compile(r"\s+")
_WHOLE = ("BODY[]", "RFC822", "BODY[RFC822]", "BINARY[]")


class Fetched:
    """FETCH data of one letter.

    `uid` is 0 and `size` None where the response does not have them; `flags` are the server's, separated by spaces,
    None where it does not tell; `date` is the INTERNALDATE as sent. `sections` are texts by their names in capitals
    (`BODY[]`, `BODY[HEADER]`), None for NIL; `others` all other data.
    """

    __slots__ = ("date", "flags", "others", "sections", "size", "uid")

    def __init__(
        self,
        uid: int,
        size: int | None,
        flags: bytes | None,
        date: bytes | None,
        sections: dict[str, bytes | None],
        others: dict[str, Value] | None = None,
    ) -> None:
        self.uid, self.size, self.flags, self.date = uid, size, flags, date
        self.sections = sections
        self.others = others

    @property
    def whole(self) -> bytes | None:
        """All octets of the letter, None when they are not here; the name of the section is the server's affair."""
        for name in _WHOLE:
            octets = self.sections.get(name)
            if octets is not None:
                return octets
        return None

    @property
    def header(self) -> bytes | None:
        """Octets of the whole header; None when they are not here."""
        octets = self.sections.get("BODY[HEADER]")
        return self.sections.get("RFC822.HEADER") if octets is None else octets

    @property
    def some_fields(self) -> bytes | None:
        """Octets of the header fields that were asked for by their names; None when they are not here."""
        for name, octets in self.sections.items():
            if name.startswith("BODY[HEADER.FIELDS"):
                return octets
        return None

    @property
    def has_letter_data(self) -> bool:
        """Whether it holds more than flags, which a server may send unasked and without a UID."""
        return bool(self.sections) or self.size is not None or self.date is not None

    def add(self, later: Fetched) -> None:
        """Take over what a later response says of the same letter. Raises RemoteProtocolError for another text."""
        for section, octets in later.sections.items():
            before = self.sections.get(section)
            if before is not None and octets is not None and before != octets:
                raise two_texts(section)
        self.size = self.size if later.size is None else later.size
        self.flags = self.flags if later.flags is None else later.flags
        self.date = self.date if later.date is None else later.date
        self.sections.update(later.sections)
        if later.others:
            self.others = {**(self.others or {}), **later.others}

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Fetched):
            return NotImplemented
        return self._compared() == other._compared()

    __hash__ = None  # type: ignore[assignment]  # it changes

    def _compared(self) -> tuple[object, ...]:
        flags = None if self.flags is None else self.flags.split()
        return self.uid, self.size, flags, self.date, self.sections, self.others

    def __repr__(self) -> str:
        said = ", ".join(f"{name}: {len(octets or b'')}" for name, octets in self.sections.items())
        return f"<Fetched {self.uid}, {self.size} octets, {self.flags!r}, {self.date!r}, {said}>"


def read_fetched(pieces: list[bytes]) -> Fetched:
    """FETCH data from the texts and literals behind the word FETCH.

    Raises RemoteProtocolError for no list of pairs, and for two UIDs or two texts of one section that differ: whose
    letter it is would be a guess.
    """
    values = read_values(pieces)
    if len(values) != 1 or not isinstance(values[0], list):
        raise RemoteProtocolError("FETCH data that are no list")
    data = values[0]
    if len(data) % 2:
        raise RemoteProtocolError("FETCH data with a name and no value")
    told = Fetched(0, None, None, None, {})
    for name, value in zip(data[::2], data[1::2], strict=True):
        if not isinstance(name, str):
            raise RemoteProtocolError("FETCH data without a name")
        _take(told, name.upper(), value)
    return told


def flags_in(fetched: Iterable[Fetched]) -> dict[int, frozenset[str]]:
    """Flags in our spelling by UID; "recent" is no property of a letter (RFC 9051 2.3.2)."""
    return {
        each.uid: words_of(each.flags.split()) - {"recent"} for each in fetched if each.uid and each.flags is not None
    }


def two_texts(section: str) -> RemoteProtocolError:
    """The error for two texts of one section of a letter: the text of a letter never changes (RFC 9051 2.3.1.1)."""
    return RemoteProtocolError(f"FETCH data with two texts of {section}")


# The steps.


def _take(told: Fetched, name: str, value: Value) -> None:
    """One pair; a value of the wrong kind counts as not sent."""
    match name:
        case "UID":
            uid = number_of(value) or 0
            if told.uid and told.uid != uid:
                raise RemoteProtocolError(f"FETCH data of two letters at once, {told.uid} and {uid}")
            told.uid = uid
        case "RFC822.SIZE":
            told.size = number_of(value)
        case "FLAGS":
            if isinstance(value, list):
                told.flags = b" ".join(octets for each in value if (octets := octets_of(each)) is not None)
        case "INTERNALDATE":
            told.date = octets_of(value)
        case _ if "[" in name or name.startswith("RFC822"):
            section, octets = _SPACES.sub(" ", name), octets_of(value)
            if told.sections.get(section, octets) != octets:
                raise two_texts(section)
            told.sections[section] = octets
        case _:
            told.others = {**(told.others or {}), name: value}
