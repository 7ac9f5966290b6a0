"""Whether a letter fits a search program (RFC 9051 6.4.4); its texts are decoded once for each search."""

from __future__ import annotations

import datetime as dt
from functools import cached_property

from courriel.dialogue.server.imap.view import FolderView
from courriel.dialogue.server.mail_store import StoredLetter
from courriel.wire.imap_server.search_keys import SearchKey
from courriel.wire.parse.charsets.decoding import decoded
from courriel.wire.parse.dates import moment_of
from courriel.wire.parse.header import Header
from courriel.wire.parse.transfer import unpacked_slice
from courriel.wire.parse.words import readable, value_of


class SearchedLetter:
    """One letter of a search, with its texts folded to one case."""

    def __init__(self, number: int, letter: StoredLetter) -> None:
        self.number = number
        self.letter = letter

    @cached_property
    def header(self) -> Header:
        """The header of the letter."""
        return self.letter.content.tree.header

    def field(self, name: str) -> list[str]:
        """Decoded values of a field."""
        return [readable(value_of(value, _ignore), _ignore).casefold() for value in self.header.all(name)]

    @cached_property
    def header_text(self) -> str:
        """All fields of all headers, decoded."""
        return _header_text(self.header)

    @cached_property
    def body_text(self) -> str:
        """The decoded texts of the letter, and the headers of mails within it."""
        raw, texts = self.letter.content.raw, []
        for part in self.letter.content.tree.leaves():
            if part.fields.content_type.startswith(("text/", "multipart/")):
                encoding = part.fields.encoding.decode("ascii", "replace").lower()
                octets = unpacked_slice(raw, part.body, part.end, encoding, _ignore)
                texts.append(decoded(octets, _charset(part.fields.parameters), _ignore).casefold())
            if part.depth and part is not self.letter.content.tree:
                texts.append(_header_text(part.header))
        return "\n".join(texts)

    @cached_property
    def sent(self) -> dt.date:
        """Day of the Date field, where it was written; the day of arrival when there is none."""
        moment = moment_of(value_of(self.header.first("date"), _ignore))
        return moment.date() if moment is not None else self.letter.received.date()


class SearchProgram:
    """A program, and what it is about: a view, and the moment of the search."""

    def __init__(self, key: SearchKey, view: FolderView, now: dt.datetime) -> None:
        self._key = key
        self._view = view
        self._now = now
        self._numbers: dict[SearchKey, frozenset[int]] = {}

    def fits(self, searched: SearchedLetter) -> bool:
        """Whether the letter fits."""
        return self._fits(self._key, searched)

    # The steps.

    def _fits(self, key: SearchKey, one: SearchedLetter) -> bool:
        match key.name:
            case "AND":
                return all(self._fits(inner, one) for inner in key.inner)
            case "OR":
                return any(self._fits(inner, one) for inner in key.inner)
            case "NOT":
                return not self._fits(key.inner[0], one)
            case "ALL":
                return True
            case "FLAG":
                return key.text in one.letter.flags
            case "KEYWORD":
                return any(flag.lower() == key.text for flag in one.letter.flags)
            case "RECENT":
                return self._view.is_recent(one.letter)
            case "OLD":
                return not self._view.is_recent(one.letter)
            case "NEW":
                return self._view.is_recent(one.letter) and "\\Seen" not in one.letter.flags
            case "HEADER":
                return any(key.text in value for value in one.field(key.field))
            case "BODY":
                return key.text in one.body_text
            case "TEXT":
                return key.text in one.header_text or key.text in one.body_text
            case "SEQUENCE" | "UID":
                return one.number in self._chosen(key)
            case _:
                return self._compares(key, one)

    def _compares(self, key: SearchKey, one: SearchedLetter) -> bool:
        received = one.letter.received.date()
        match key.name:
            case "BEFORE":
                return received < key.day
            case "ON":
                return received == key.day
            case "SINCE":
                return received >= key.day
            case "SENTBEFORE":
                return one.sent < key.day
            case "SENTON":
                return one.sent == key.day
            case "SENTSINCE":
                return one.sent >= key.day
            case "LARGER":
                return one.letter.content.size > key.number
            case "SMALLER":
                return one.letter.content.size < key.number
            case "MODSEQ":
                return one.letter.modseq >= key.number
            case "OLDER":
                return (self._now - one.letter.received).total_seconds() >= key.number
            case _:  # YOUNGER
                return (self._now - one.letter.received).total_seconds() <= key.number

    def _chosen(self, key: SearchKey) -> frozenset[int]:
        """Sequence numbers of a set, found once for the whole search."""
        found = self._numbers.get(key)
        if found is None:
            if key.numbers is None:
                numbers = [self._view.number_of(uid) for uid in self._view.saved]
            elif key.name == "UID":
                numbers = [self._view.number_of(uid) for uid in key.numbers.among(self._view.uids)]
            else:
                numbers = key.numbers.among(range(1, len(self._view.uids) + 1))
            found = self._numbers[key] = frozenset(numbers)
        return found


def uses_modseq(key: SearchKey) -> bool:
    """Whether a program asks for MODSEQ, which the answer then tells."""
    return key.name == "MODSEQ" or any(uses_modseq(inner) for inner in key.inner)


# The steps.


def _header_text(header: Header) -> str:
    return "\n".join(
        f"{name}: {readable(value_of(value, _ignore), _ignore)}".casefold() for name, value in header.fields
    )


def _charset(parameters: tuple[tuple[bytes, bytes], ...]) -> str:
    found = next((value for name, value in parameters if name.lower() == b"charset"), b"")
    return found.decode("ascii", "replace")


def _ignore(defect: str) -> None:
    """Defects are nobody's concern here."""
