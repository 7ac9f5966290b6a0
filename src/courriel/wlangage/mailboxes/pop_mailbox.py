"""POP3 mailbox of the WLangage: mails are numbered when it is opened, and deleted when it is closed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from courriel.wlangage.mailboxes.open_mailbox import OpenMailbox
from courriel.wlangage.problem import ErreurWLangage
from courriel.wlangage.structures.constants import Fetching, Section

if TYPE_CHECKING:
    from courriel import Letter, PopSession, Timeouts
    from courriel.types import PopLetter


class PopMailbox(OpenMailbox):
    """POP3 mailbox; see OpenMailbox."""

    protocol = "pop3"

    def __init__(self, session: PopSession) -> None:
        super().__init__()
        self.session = session

    def keys(self) -> list[int]:
        return list(range(1, len(self.session) + 1))

    def left(self) -> list[int]:
        gone = self.session.deleted
        return [key for key in self.keys() if key not in gone]

    def letter(self, key: int) -> Letter:
        return self._lazy(self.session[key - 1])

    def size(self, key: int) -> int:
        return self.session[key - 1].size

    def all(self, fetching: Fetching) -> Iterator[Letter]:
        if fetching is Fetching.NON_LU:
            raise ErreurWLangage(
                "ertNonLu : un serveur POP3 ne dit pas ce qui a été lu ; ouvrez la session avec EmailOuvreSessionIMAP",
                "ertNotRead: a POP3 server does not tell what was read; open the session with EmailStartIMAPSession",
            )
        if fetching is Fetching.COMPLET:
            return map(self._lazy, self.session.fetch_many())
        if fetching is Fetching.ENTÊTE:
            return map(self._lazy, self.session)
        return map(self.letter, self.left())

    def delete(self, key: int) -> None:
        self.session.delete(key)

    def expunge(self) -> None:
        raise ErreurWLangage(
            "EmailDétruit est pour les sessions IMAP ; en POP3, EmailFermeSession rend les suppressions définitives",
            "EmailExpunge is for IMAP sessions; in POP3, EmailCloseSession makes deletions final",
        )

    def search(self, section: Section, value: str) -> Iterator[int]:
        """Search by fetching one mail after the other, since POP3 has no search; headers only, except for the body."""
        wanted = value.casefold()
        for key in self.left():
            if wanted in _section(self.letter(key), section).casefold():
                yield key

    def close(self) -> None:
        with self:
            self.session.close()

    def change_timeouts(self, timeouts: Timeouts) -> None:
        self.session.change_timeouts(timeouts)

    # The steps.

    def _lazy(self, letter: PopLetter) -> Letter:
        from courriel import Letter

        return Letter.partial(self.in_turn(lambda: letter.head), self.in_turn(lambda: letter.raw))


def _section(letter: Letter, section: Section) -> str:
    match section:
        case Section.SUJET:
            return letter.subject
        case Section.EXPÉDITEUR:
            return str(letter.sender or "")
        case Section.DESTINATAIRE:
            return ", ".join(map(str, letter.to))
        case Section.IDENTIFIANT:
            return letter.message_id
        case Section.CORPS:
            return letter.text
