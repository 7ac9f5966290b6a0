"""IMAP mailbox of the WLangage: it follows changes on the server; deletions are final after EmailDétruit."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import suppress
from typing import TYPE_CHECKING

from courriel.errors import CourrielError
from courriel.wlangage.mailboxes.open_mailbox import OpenMailbox
from courriel.wlangage.structures.constants import Fetching, Section

if TYPE_CHECKING:
    from courriel import ImapSession, Letter, Timeouts
    from courriel.types import MailboxLetter


class ImapMailbox(OpenMailbox):
    """IMAP mailbox; see OpenMailbox. A mail whose content was fetched is marked as read, as in mail programs."""

    protocol = "imap"

    def __init__(self, session: ImapSession) -> None:
        super().__init__()
        self.session = session

    def keys(self) -> list[int]:
        return list(self.session.search().uids)

    def left(self) -> list[int]:
        return list(self.session.search(deleted=False).uids)

    def letter(self, key: int) -> Letter:
        return self._lazy(self.session.fetch(key)[0])

    def size(self, key: int) -> int:
        return self.session.fetch(key)[0].size

    def all(self, fetching: Fetching) -> Iterator[Letter]:
        unseen = True if fetching is Fetching.NON_LU else None
        letters = self.session.search(deleted=False, unseen=unseen, whole=fetching is Fetching.COMPLET)
        if fetching is Fetching.ASYNCHRONE:
            return (self._later(uid) for uid in letters.uids)
        if fetching is Fetching.COMPLET:
            return iter(self._read(letters))
        return map(self._lazy, letters)

    def delete(self, key: int) -> None:
        self.session.delete(key)

    def expunge(self) -> None:
        self.session.expunge()

    def search(self, section: Section, value: str) -> Iterator[int]:
        from courriel import Search

        wanted: dict[str, str] = {section.value: value}
        return iter(self.session.search(Search(**wanted, deleted=False)).uids)  # type: ignore[arg-type]  # a section is one of its words

    def close(self) -> None:
        with self:
            self.session.close()

    def change_timeouts(self, timeouts: Timeouts) -> None:
        self.session.change_timeouts(timeouts)

    # The steps.

    def _lazy(self, letter: MailboxLetter) -> Letter:
        from courriel.wlangage.mailboxes.arrival import DatedLetter

        lazy = DatedLetter.partial(letter.raw_header, self.in_turn(lambda: self._whole(letter)), size=letter.size)
        lazy.arrived = letter.received
        return lazy

    def _later(self, uid: int) -> Letter:
        """A mail of which nothing has been fetched."""
        from courriel import Letter

        return Letter.partial(
            self.in_turn(lambda: self.session.fetch(uid)[0].raw_header),
            self.in_turn(lambda: self._whole(self.session.fetch(uid)[0])),
        )

    def _whole(self, letter: MailboxLetter) -> bytes:
        raw = letter.raw
        if "seen" not in letter.flags:
            self._mark(letter.uid)
        return raw

    def _read(self, letters: Iterable[MailboxLetter]) -> list[MailboxLetter]:
        """All letters, marked as read with one command; one that is too large raises an error on access."""
        came = list(letters)
        self._mark(*(letter.uid for letter in came if letter.loaded and "seen" not in letter.flags))
        return came

    def _mark(self, *uids: int) -> None:
        # Reading works in a read-only mailbox too.
        with suppress(CourrielError):
            if uids:
                self.session.flag(uids, "seen")
