"""POP3 mailboxes of the sandbox, one for each recipient."""

from __future__ import annotations

from collections.abc import Sequence
from threading import Lock

from courriel.dialogue.server.handler import Maildrop
from courriel.reply import Reply
from courriel.sandbox.captured import CapturedMail
from courriel.sandbox.letter import CapturedMessage

_IN_USE = Reply(400, ("[IN-USE] Somebody else has this mailbox open",))


class Mailboxes:
    """Mailboxes by user name: an address has its letters, a name without @ those of every such local part.

    Deleting removes a letter from this mailbox; the practice server still lists it.
    """

    def __init__(self, captured: CapturedMail) -> None:
        self._captured = captured
        self._deleted: dict[str, set[str]] = {}
        self._open: set[str] = set()
        self._lock = Lock()

    def open(self, user: str) -> Maildrop | Reply:
        """Open a mailbox exclusively, until it is released (RFC 1939 8)."""
        name = user.lower()
        with self._lock:
            if name in self._open:
                return _IN_USE
            self._open.add(name)
            gone = self._deleted.get(name, set())
        letters = [letter for letter in self._captured.letters if _is_for(letter, name)]
        return _OpenMailbox(
            self, name, [(_uid(letter), letter.content) for letter in letters if _uid(letter) not in gone]
        )

    def remove(self, name: str, uids: Sequence[str]) -> None:
        """Delete letters from one mailbox."""
        with self._lock:
            self._deleted.setdefault(name, set()).update(uids)

    def release(self, name: str) -> None:
        """Unlock a mailbox after its session."""
        with self._lock:
            self._open.discard(name)

    def clear(self) -> None:
        """Restore deleted letters; open sessions go on."""
        with self._lock:
            self._deleted.clear()


class _OpenMailbox(Maildrop):
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


def _is_for(letter: CapturedMessage, name: str) -> bool:
    recipients = [recipient.lower() for recipient in letter.recipients]
    return name in (recipients if "@" in name else [recipient.rpartition("@")[0] for recipient in recipients])


def _uid(letter: CapturedMessage) -> str:
    """Unique id of a letter, unique across restarts too (RFC 1939 7)."""
    return f"{letter.received:%Y%m%dT%H%M%S%f}-{letter.number}"
