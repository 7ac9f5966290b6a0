"""Letters in a folder: their headers in batches, each one's content when it is touched."""

from __future__ import annotations

import datetime
from collections.abc import Iterator, Sequence
from itertools import chain
from typing import TYPE_CHECKING, Any, TypeAlias, overload

from courriel import errors
from courriel.model.folder import Mark
from courriel.wire import imap as wire
from courriel.wire.letter import Letter

if TYPE_CHECKING:
    from courriel.session.imap import ImapSession

BATCH = 50  # letters whose headers are fetched at a time: a round trip costs more than they do
_AT_A_TIME = 8 * 1024 * 1024  # octets of whole letters fetched at a time, unless a single one is larger

ABOUT = ("FLAGS", "RFC822.SIZE", "INTERNALDATE")
HEAD = (*ABOUT, "BODY.PEEK[HEADER]")
WHOLE = (*ABOUT, "BODY.PEEK[]")


Told: TypeAlias = "dict[bytes, Any]"
"""What the server says of one letter, as the library read it."""


class Placed:
    """What the server says of a letter, beside what stands in it: where it is, its flags, when it came."""

    def _place(self, place: tuple[str, int], uid: int, told: Told) -> None:
        flags, received = told.get(b"FLAGS"), told.get(b"INTERNALDATE")
        self.place = place
        self.uid = uid
        self.told = told
        self.flags = wire.words_of(flags if isinstance(flags, tuple) else ())
        self.received = received if isinstance(received, datetime.datetime) else None

    @property
    def folder(self) -> str:
        """The folder it was found in."""
        return self.place[0]

    @property
    def mark(self) -> Mark:
        """How far its folder is read with this letter; see `ImapSession.watch`."""
        return Mark(self.place[1], self.uid)


class MailboxLetter(Placed, Letter):
    """A letter in a folder: what the server says of it is here, its content is fetched when it is touched.

    It is a Letter: `subject`, `sender`, `date` need its header, which is here; `text`, `attachments`, `raw` fetch the
    whole, once. `uid` is its number in the folder, `flags` its flags by our words ("seen", "answered", …) and its
    keywords, `received` the moment it arrived (None where the server does not say). Nothing marks it as seen but
    `ImapSession.flag`. What fetches raises what `ImapSession.content_of` raises: UsageError when the letter is gone or
    another folder is selected, LetterTooLarge, and what ends a session.
    """

    def __init__(self, session: ImapSession, place: tuple[str, int], uid: int, told: Told) -> None:
        self._place(place, uid, told)
        fetched = octets_of(told, b"BODY[]") if b"BODY[]" in told else None
        super().__init__(
            header=octets_of(told, b"BODY[HEADER]"),
            whole=(lambda: session.content_of(self)) if fetched is None else fetched,
            size=size_of(told),
        )

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.uid} in {self.folder!r}, {self.size:,} octets>"


class Letters(Sequence[MailboxLetter]):
    """The letters that were found, lowest number first: how many is known, each is fetched when it is its turn.

    A letter that was expunged meanwhile is passed over. Iterating again fetches again, so that flags are those of now.
    """

    def __init__(
        self, session: ImapSession, place: tuple[str, int], uids: Sequence[int], *, whole: bool = False
    ) -> None:
        self._session = session
        self.place = place
        self.uids = tuple(uids)
        self.whole = whole

    def __len__(self) -> int:
        return len(self.uids)

    def __iter__(self) -> Iterator[MailboxLetter]:
        return chain.from_iterable(self.lots(self.uids))

    def __reversed__(self) -> Iterator[MailboxLetter]:
        return chain.from_iterable(self.lots(self.uids[::-1]))

    def lots(self, uids: Sequence[int]) -> Iterator[list[MailboxLetter]]:
        """These letters, as many at a time as are fetched with one command."""
        for lot, told in self._session.fetch_in_lots(self.place, uids, whole=self.whole):
            yield [MailboxLetter(self._session, self.place, uid, told[uid]) for uid in lot if uid in told]

    @overload
    def __getitem__(self, place: int) -> MailboxLetter: ...

    @overload
    def __getitem__(self, place: slice) -> Letters: ...

    def __getitem__(self, place: int | slice) -> MailboxLetter | Letters:
        """One letter by its place in the list (UsageError when it is gone), or a part of the list by a slice."""
        if isinstance(place, slice):
            return Letters(self._session, self.place, self.uids[place], whole=self.whole)
        for letter in chain.from_iterable(self.lots((self.uids[place],))):
            return letter
        raise errors.UsageError(f"letter {self.uids[place]} is no longer in {self.place[0]!r}")

    def __contains__(self, letter: object) -> bool:
        return (letter.uid if isinstance(letter, Placed) else letter) in self.uids

    def __repr__(self) -> str:
        return f"<{len(self)} letters in {self.place[0]!r}>"


def size_of(told: Told) -> int:
    """How many octets the server says a letter has; 0 when it says something else."""
    size = told.get(b"RFC822.SIZE")
    return size if isinstance(size, int) else 0


def octets_of(told: Told, name: bytes) -> bytes:
    """A text that was fetched; a short one may have been taken for a number, or be missing (NIL)."""
    given = told.get(name)
    return given if isinstance(given, bytes) else b"" if given is None else str(given).encode()


def batched(uids: Sequence[int]) -> Iterator[Sequence[int]]:
    """As many at a time as headers are fetched of."""
    for start in range(0, len(uids), BATCH):
        yield uids[start : start + BATCH]


def batched_by_size(uids: Sequence[int], sizes: dict[int, int]) -> Iterator[Sequence[int]]:
    """As many at a time as fit into some megabytes; those without a size are gone."""
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
