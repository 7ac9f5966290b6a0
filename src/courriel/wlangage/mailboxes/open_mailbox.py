"""Open mailbox of the WLangage: a sequence of mails with a current one."""

from __future__ import annotations

from _thread import RLock
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, TypeVar

from courriel.errors import CourrielError
from courriel.wlangage.problem import Impossible
from courriel.wlangage.structures.constants import Fetching, Section

if TYPE_CHECKING:
    from courriel import Letter, Timeouts
    from courriel.wlangage.structures.email import EmailVariable

T = TypeVar("T")


class OpenMailbox(ABC):
    """An open session for reading, by POP3 or IMAP; threads that share it take turns, by `with`.

    Mails have keys that are constant for the session, in ascending order: numbers in POP3, UIDs in IMAP.
    """

    protocol = ""
    """Protocol for the wording of its errors."""

    def __init__(self) -> None:
        self.renew_turn()
        self.current: int | None = None
        """Key of the mail read last; None before the first, and after it was deleted."""
        self.found: Iterator[int] = iter(())
        """Remaining results of the last search."""
        self.shown: EmailVariable | None = None
        """The structure into which it was read."""
        self._place = 0

    def renew_turn(self) -> None:
        """Renew the lock, in a process that was just forked: its holder is a thread of the parent."""
        self._turn = RLock()

    def __enter__(self) -> None:
        self._turn.acquire()

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        self._turn.release()
        if isinstance(error, CourrielError):
            error.protocol = error.protocol or self.protocol

    # Position.

    def go_to(self, key: int) -> Letter:
        """Make this the current mail, and return it; its parts are fetched on first access."""
        self.current = self._place = key
        return self.letter(key)

    def first(self) -> int | None:
        """Key of the oldest mail not deleted; None when there is none."""
        return next(iter(self.left()), None)

    def last(self) -> int | None:
        """Key of the newest mail not deleted; None when there is none."""
        return next(iter(reversed(self.left())), None)

    def next(self) -> int | None:
        """Key of the mail after the current, or after the position of a deleted one; None at the end."""
        return next((key for key in self.left() if key > self._place), None)

    def previous(self) -> int | None:
        """Key of the mail before the current one; None at the start."""
        return next((key for key in reversed(self.left()) if key < self._place), None)

    def leave(self) -> None:
        """Clear the current mail; the position stays, so that one can go back."""
        self.current = None

    def forget(self) -> None:
        """Delete the current mail. Raises Impossible when there is none."""
        if self.current is None:
            raise Impossible(
                "Il n'y a pas de message courant à supprimer : lisez-le d'abord.",
                "There is no current mail to delete: read it first.",
            )
        self.delete(self.current)
        self.current = None

    def in_turn(self, fetch: Callable[[], T]) -> Callable[[], T]:
        """The same function under the lock: for parts fetched on later access."""

        def fetched() -> T:
            with self:
                return fetch()

        return fetched

    # Methods of each protocol.

    @abstractmethod
    def keys(self) -> list[int]:
        """Keys of all mails, including those deleted but not expunged."""

    @abstractmethod
    def left(self) -> list[int]:
        """Keys of the mails not deleted."""

    @abstractmethod
    def letter(self, key: int) -> Letter:
        """One mail, whose parts are fetched on first access."""

    @abstractmethod
    def size(self, key: int) -> int:
        """Octets of one mail, as the server tells them."""

    @abstractmethod
    def all(self, fetching: Fetching) -> Iterator[Letter]:
        """All mails not deleted, with the parts selected by `fetching`."""

    @abstractmethod
    def delete(self, key: int) -> None:
        """Delete one mail."""

    @abstractmethod
    def expunge(self) -> None:
        """Make deletions final. Raises ErreurWLangage where the end of the session does that."""

    @abstractmethod
    def search(self, section: Section, value: str) -> Iterator[int]:
        """Keys of mails with this text in this field, oldest first."""

    @abstractmethod
    def close(self) -> None:
        """Close the session."""

    @abstractmethod
    def change_timeouts(self, timeouts: Timeouts) -> None:
        """Replace the time limits from now on."""
