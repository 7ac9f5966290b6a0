"""Letters in an IMAP folder: headers fetched many at a time, the content of each on first access."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Protocol, TypeAlias, overload

from courriel import errors
from courriel._cached import cached_property
from courriel.dialogue.imap.fetching import LISTING_FIELDS
from courriel.model.received.folder import FolderPosition
from courriel.wire.imap.dates import read_date
from courriel.wire.imap.syntax import words_of
from courriel.wire.parse.apart import attachments_of
from courriel.wire.parse.letter import Letter

if TYPE_CHECKING:
    import datetime

    from courriel.model.received.account import LetterIds
    from courriel.model.received.attachment import ReceivedAttachment
    from courriel.model.received.part import LetterPart
    from courriel.wire.imap.fetched import Fetched
    from courriel.wire.parse.header import Header


_LARGE = 256 * 1024  # octets of a letter of which attachments are fetched one by one; a smaller one is there at once


class LetterSource(Protocol):
    """The session that letters are fetched by."""

    def content_of(self, letter: MailboxLetter) -> bytes:
        """All octets of a letter."""
        ...

    def header_of(self, letter: MailboxLetter) -> bytes:
        """The header of a letter."""
        ...

    def parts_of(self, letter: MailboxLetter) -> list[LetterPart]:
        """Parts of a letter."""
        ...

    def part_of(self, letter: MailboxLetter, part: LetterPart) -> bytes:
        """Decoded content of one part."""
        ...

    def ids_of(self, letters: MailboxLetter) -> dict[int, LetterIds]:
        """Lasting ids of a letter, by its UID."""
        ...

    def read(
        self, folder_id: tuple[str, int], uids: Sequence[int], *, whole: bool = False, listing: bool = False
    ) -> Iterator[MailboxLetter]:
        """Iterate over letters."""
        ...


class FolderLetter(Letter):
    """A letter in a folder: with the server's data of it, folder, UID, flags, date of arrival."""

    folder_id: tuple[str, int]
    """Name of its folder, and the UIDVALIDITY of that."""
    uid: int
    """Number of the letter in its folder."""
    _fetched: Fetched

    def header(self, name: str) -> str:
        """First field of that name, decoded; "" when there is none."""
        if self._fetched.some_fields is not None and name.upper() not in LISTING_FIELDS:
            return next((value for field, value in self.headers if field.lower() == name.lower()), "")
        return super().header(name)

    @cached_property
    def flags(self) -> frozenset[str]:
        """Flags in our spelling ("seen", "answered", …), and keywords."""
        return words_of((self._fetched.flags or b"").split())

    @cached_property
    def received(self) -> datetime.datetime | None:
        """Date of arrival, None where the server gives none."""
        return read_date(self._fetched.date)

    @property
    def _full_header(self) -> Header:
        if not self.loaded and self._fetched.some_fields is not None and not isinstance(self._top, bytes):
            _ = self.raw_header  # fetched now
            self.__dict__.pop("_header_alone", None)
        return self._header

    def _header_octets(self) -> bytes:
        fields = self._fetched.some_fields
        return self.raw_header if fields is None or isinstance(self._top, bytes) else fields

    @property
    def folder(self) -> str:
        """Name of its folder."""
        return self.folder_id[0]

    @property
    def mark(self) -> FolderPosition:
        """Position of this letter in its folder; see `ImapSession.watch`."""
        return FolderPosition(self.folder_id[1], self.uid)


class MailboxLetter(FolderLetter):
    """A letter in an IMAP folder: server-side data and header are there, the content is fetched on first access.

    It is a Letter: `subject`, `sender`, `date` come from the header; `text`, `attachments`, `raw` fetch the complete
    letter, once. `uid` is its number in the folder, `flags` its flags in our spelling ("seen", "answered", …) and its
    keywords, `received` its date of arrival (None where the server gives none). Only `ImapSession.flag` marks it as
    seen. What fetches raises what `ImapSession.content_of` raises: UsageError when the letter no longer exists or
    another folder is selected, LetterTooLarge, LetterRefused, and what ends a session.
    """

    _header_apart = True

    def __init__(self, session: LetterSource, folder_id: tuple[str, int], data: Fetched) -> None:
        # Without `Letter.__init__`, which would take as long as all the rest: a search makes thousands of letters.
        self.folder_id, self.uid, self._fetched, self._session = folder_id, data.uid, data, session
        whole = data.sections.get("BODY[]") or data.whole
        if whole:
            self._whole = whole
            return
        # A text that is empty or missing, of a letter that has octets, is asked for once more on access.
        if header := data.header:
            self._top = header
        self._said_size = data.size or 0

    @cached_property
    def attachments(self) -> tuple[ReceivedAttachment, ...]:
        """All attachments, as those of a Letter; of a large one each is fetched alone, when its content is read."""
        if self.loaded or self.size < _LARGE:
            return super().attachments
        parts = self._session.parts_of(self)
        if 2 * sum(part.size for part in parts) < self.size:
            # The structure that the server gives is not that of this letter: something would be missing.
            return super().attachments
        return attachments_of(parts, lambda part: self._session.part_of(self, part), self._note)

    @property
    def email_id(self) -> str:
        """Id that is the same for all copies of this letter; see LetterIds. Raises NotSupported, UsageError."""
        return self._lasting_ids.email_id

    @property
    def thread_id(self) -> str:
        """Id of its conversation; see LetterIds. Raises NotSupported, UsageError."""
        return self._lasting_ids.thread_id

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.uid} in {self.folder!r}, {self.size:,} octets>"

    # The steps.

    @cached_property
    def _lasting_ids(self) -> LetterIds:
        found = self._session.ids_of(self).get(self.uid)
        if found is None:
            raise errors.LetterGone(f"letter {self.uid} is no longer in {self.folder!r}")
        return found

    def _missing_whole(self) -> bytes:
        return self._session.content_of(self)

    def _missing_header(self) -> bytes:
        return self._session.header_of(self)


FoundLetters: TypeAlias = "tuple[tuple[str, int], tuple[int, ...], str]"
"""Folder of letters, their UIDs, and who sorted them; see `LetterSequence.sorted_by`."""


class LetterSequence:
    """UIDs of letters in one folder, in order: what both kinds of search results have."""

    _found: FoundLetters | None = None

    @property
    def folder_id(self) -> tuple[str, int]:
        """Name of their folder, and the UIDVALIDITY of that."""
        return self._known()[0]

    @property
    def uids(self) -> tuple[int, ...]:
        """UIDs of the letters."""
        return self._known()[1]

    @property
    def sorted_by(self) -> str:
        """Sorter of the letters: "server", or "here" where it has no SORT; "" for the order of the folder."""
        return self._known()[2]

    def __len__(self) -> int:
        return len(self.uids)

    def __contains__(self, letter: object) -> bool:
        return (letter.uid if isinstance(letter, FolderLetter) else letter) in self.uids

    # The steps.

    def _known(self) -> FoundLetters:
        """Folder and UIDs. Raises UsageError before the search was awaited."""
        if self._found is None:
            raise errors.UsageError("these letters have not been looked for yet: await them, or use `async for`")
        return self._found


class Letters(LetterSequence, Sequence[MailboxLetter]):
    """Search result: a sequence of letters; its length is known, letters are fetched as needed.

    They are in the order of their UIDs, or in the one that was asked for; see `sorted_by`.

    A letter that was expunged meanwhile is left out. Each iteration fetches again, so that flags are current.
    """

    def __init__(
        self,
        session: LetterSource,
        folder_id: tuple[str, int],
        uids: Sequence[int],
        sorted_by: str = "",
        *,
        whole: bool = False,
        listing: bool = False,
    ) -> None:
        self._session = session
        self._found = folder_id, tuple(uids), sorted_by
        self.whole, self.listing = whole, listing

    def __iter__(self) -> Iterator[MailboxLetter]:
        return self._session.read(self.folder_id, self.uids, whole=self.whole, listing=self.listing)

    def __reversed__(self) -> Iterator[MailboxLetter]:
        return self._session.read(self.folder_id, self.uids[::-1], whole=self.whole, listing=self.listing)

    @overload
    def __getitem__(self, index: int) -> MailboxLetter: ...

    @overload
    def __getitem__(self, index: slice) -> Letters: ...

    def __getitem__(self, index: int | slice) -> MailboxLetter | Letters:
        """One letter by its index (LetterGone when it no longer exists), or a part by a slice."""
        if isinstance(index, slice):
            return Letters(
                self._session, self.folder_id, self.uids[index], self.sorted_by, whole=self.whole, listing=self.listing
            )
        for letter in self._session.read(self.folder_id, (self.uids[index],), whole=self.whole, listing=self.listing):
            return letter
        raise errors.LetterGone(f"letter {self.uids[index]} is no longer in {self.folder_id[0]!r}")

    def __repr__(self) -> str:
        return f"<{len(self)} letters in {self.folder_id[0]!r}>"
