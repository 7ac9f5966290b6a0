"""Letters in an IMAP folder: headers fetched in batches, the content of each on first access."""

from __future__ import annotations

import datetime
from collections.abc import Iterator, Sequence
from itertools import chain
from typing import TYPE_CHECKING, Any, TypeAlias, overload

from courriel import errors
from courriel.model.received.folder import FolderPosition
from courriel.wire.imap import syntax as wire
from courriel.wire.parse.letter import Letter

if TYPE_CHECKING:
    from courriel.session.imap.session import ImapSession

BATCH = 50  # headers per FETCH: a round trip costs more than they do
_AT_A_TIME = 8 * 1024 * 1024  # bytes of complete letters per FETCH, unless a single one is larger

ABOUT = ("FLAGS", "RFC822.SIZE", "INTERNALDATE")
HEAD = (*ABOUT, "BODY.PEEK[HEADER]")
WHOLE = (*ABOUT, "BODY.PEEK[]")


FetchData: TypeAlias = "dict[bytes, Any]"
"""FETCH data of one letter, as the library parsed it."""


class FolderLetter:
    """Server-side data of a letter: folder, UID, flags, date of arrival."""

    def _set_server_data(self, folder_id: tuple[str, int], uid: int, data: FetchData) -> None:
        flags, received = data.get(b"FLAGS"), data.get(b"INTERNALDATE")
        self.folder_id = folder_id
        self.uid = uid
        self.fetch_data = data
        self.flags = wire.words_of(flags if isinstance(flags, tuple) else ())
        self.received = received if isinstance(received, datetime.datetime) else None

    @property
    def folder(self) -> str:
        """Name of its folder."""
        return self.folder_id[0]

    @property
    def mark(self) -> FolderPosition:
        """Position of this letter in its folder; see `ImapSession.watch`."""
        return FolderPosition(self.folder_id[1], self.uid)


class MailboxLetter(FolderLetter, Letter):
    """A letter in an IMAP folder: server-side data and header are there, the content is fetched on first access.

    It is a Letter: `subject`, `sender`, `date` come from the header; `text`, `attachments`, `raw` fetch the complete
    letter, once. `uid` is its number in the folder, `flags` its flags in our spelling ("seen", "answered", …) and its
    keywords, `received` its date of arrival (None where the server gives none). Only `ImapSession.flag` marks it as
    seen. What fetches raises what `ImapSession.content_of` raises: UsageError when the letter no longer exists or
    another folder is selected, LetterTooLarge, and what ends a session.
    """

    def __init__(self, session: ImapSession, folder_id: tuple[str, int], uid: int, data: FetchData) -> None:
        self._set_server_data(folder_id, uid, data)
        fetched = octets_of(data, b"BODY[]") if b"BODY[]" in data else None
        super().__init__(
            header=octets_of(data, b"BODY[HEADER]"),
            whole=(lambda: session.content_of(self)) if fetched is None else fetched,
            size=size_of(data),
        )

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.uid} in {self.folder!r}, {self.size:,} octets>"


class Letters(Sequence[MailboxLetter]):
    """Search result: a sequence of letters by ascending UID; its length is known, letters are fetched as needed.

    A letter that was expunged meanwhile is left out. Each iteration fetches again, so that flags are current.
    """

    def __init__(
        self, session: ImapSession, folder_id: tuple[str, int], uids: Sequence[int], *, whole: bool = False
    ) -> None:
        self._session = session
        self.folder_id = folder_id
        self.uids = tuple(uids)
        self.whole = whole

    def __len__(self) -> int:
        return len(self.uids)

    def __iter__(self) -> Iterator[MailboxLetter]:
        return chain.from_iterable(self.in_batches(self.uids))

    def __reversed__(self) -> Iterator[MailboxLetter]:
        return chain.from_iterable(self.in_batches(self.uids[::-1]))

    def in_batches(self, uids: Sequence[int]) -> Iterator[list[MailboxLetter]]:
        """These letters in lists, one for each FETCH."""
        for batch, data in self._session.fetch_in_batches(self.folder_id, uids, whole=self.whole):
            yield [MailboxLetter(self._session, self.folder_id, uid, data[uid]) for uid in batch if uid in data]

    @overload
    def __getitem__(self, index: int) -> MailboxLetter: ...

    @overload
    def __getitem__(self, index: slice) -> Letters: ...

    def __getitem__(self, index: int | slice) -> MailboxLetter | Letters:
        """One letter by its index (UsageError when it no longer exists), or a part by a slice."""
        if isinstance(index, slice):
            return Letters(self._session, self.folder_id, self.uids[index], whole=self.whole)
        for letter in chain.from_iterable(self.in_batches((self.uids[index],))):
            return letter
        raise errors.UsageError(f"letter {self.uids[index]} is no longer in {self.folder_id[0]!r}")

    def __contains__(self, letter: object) -> bool:
        return (letter.uid if isinstance(letter, FolderLetter) else letter) in self.uids

    def __repr__(self) -> str:
        return f"<{len(self)} letters in {self.folder_id[0]!r}>"


def size_of(data: FetchData) -> int:
    """RFC822.SIZE of a letter in bytes; 0 when the server sends anything but a number."""
    size = data.get(b"RFC822.SIZE")
    return size if isinstance(size, int) else 0


def octets_of(data: FetchData, name: bytes) -> bytes:
    """A fetched body as bytes; the parser may have turned a short one into a number, and NIL into None."""
    given = data.get(name)
    return given if isinstance(given, bytes) else b"" if given is None else str(given).encode()


def batched(uids: Sequence[int]) -> Iterator[Sequence[int]]:
    """UIDs in batches of which headers are fetched."""
    for start in range(0, len(uids), BATCH):
        yield uids[start : start + BATCH]


def batched_by_size(uids: Sequence[int], sizes: dict[int, int]) -> Iterator[Sequence[int]]:
    """UIDs in batches of some megabytes; those without a size no longer exist."""
    batch: list[int] = []
    octets = 0
    for uid in uids:
        if uid not in sizes:
            continue
        if batch and octets + sizes[uid] > _AT_A_TIME:
            yield batch
            batch, octets = [], 0
        batch.append(uid)
        octets += sizes[uid]
    if batch:
        yield batch
