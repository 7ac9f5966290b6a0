"""The mailboxes of the sandbox: one for each recipient, for those who come to read (POP3)."""

from __future__ import annotations

from collections.abc import Sequence
from threading import Lock

from courriel.dialogue.desk import Stock
from courriel.reply import Reply
from courriel.sandbox.letter import Letter
from courriel.sandbox.mailroom import Mailroom

_IN_USE = Reply(400, ("[IN-USE] Somebody else has this mailbox open",))


class Mailboxes:
    """Who may read what: a user named like an address has its letters, one without an @ those of every such local part.

    What a reader deletes is gone from his mailbox; the practice server itself still shows it.
    """

    def __init__(self, mailroom: Mailroom) -> None:
        self._mailroom = mailroom
        self._deleted: dict[str, set[str]] = {}
        self._open: set[str] = set()
        self._lock = Lock()

    def open(self, user: str) -> Stock | Reply:
        """Let one reader in, and nobody else until he has gone (RFC 1939 8)."""
        name = user.lower()
        with self._lock:
            if name in self._open:
                return _IN_USE
            self._open.add(name)
            gone = self._deleted.get(name, set())
        letters = [letter for letter in self._mailroom.letters if _is_for(letter, name)]
        return _Opened(self, name, [(_uid(letter), letter.content) for letter in letters if _uid(letter) not in gone])

    def remove(self, name: str, uids: Sequence[str]) -> None:
        """Delete these from one mailbox."""
        with self._lock:
            self._deleted.setdefault(name, set()).update(uids)

    def release(self, name: str) -> None:
        """The reader has gone."""
        with self._lock:
            self._open.discard(name)

    def clear(self) -> None:
        """Forget what was deleted; who reads goes on."""
        with self._lock:
            self._deleted.clear()


class _Opened(Stock):
    """One open mailbox."""

    def __init__(self, mailboxes: Mailboxes, name: str, letters: Sequence[tuple[str, bytes]]) -> None:
        super().__init__(letters)
        self._mailboxes = mailboxes
        self._name = name

    def remove(self, uids: Sequence[str]) -> None:
        self._mailboxes.remove(self._name, uids)

    def release(self) -> None:
        self._mailboxes.release(self._name)


# The steps.


def _is_for(letter: Letter, name: str) -> bool:
    recipients = [recipient.lower() for recipient in letter.recipients]
    return name in (recipients if "@" in name else [recipient.rpartition("@")[0] for recipient in recipients])


def _uid(letter: Letter) -> str:
    """A name that no other letter gets, of another day neither (RFC 1939 7)."""
    return f"{letter.received:%Y%m%dT%H%M%S%f}-{letter.number}"
