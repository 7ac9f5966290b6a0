"""An open mailbox as the WLangage sees it: mails one after the other, a current one, and what was deleted."""

from __future__ import annotations

from _thread import RLock
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, TypeVar

from courriel.errors import CourrielError
from courriel.wlangage.constants import Fetching, Section
from courriel.wlangage.problem import Impossible

if TYPE_CHECKING:
    from courriel import Letter, Timeouts
    from courriel.wlangage.structures import EmailVariable

T = TypeVar("T")


class OpenMailbox(ABC):
    """A session for reading that the program has opened, by POP3 or by IMAP. Threads that share it take their turns, by
    `with`.

    Mails are told apart by keys that stay the same for the whole session, lowest first: numbers of POP3, UIDs of IMAP.
    """

    protocol = ""
    """Which words its errors are told in."""

    def __init__(self) -> None:
        self.renew_turn()
        self.current: int | None = None
        """The mail that was read last; None before the first, and when it was deleted."""
        self.found: Iterator[int] = iter(())
        """What is left of the search that goes on."""
        self.shown: EmailVariable | None = None
        """The structure that it was read into."""
        self._place = 0

    def renew_turn(self) -> None:
        """Nobody has the turn, as in a process that was just forked: the thread that had it is in the parent."""
        self._turn = RLock()

    def __enter__(self) -> None:
        self._turn.acquire()

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        self._turn.release()
        if isinstance(error, CourrielError):
            error.protocol = error.protocol or self.protocol

    # Where one is.

    def go_to(self, key: int) -> Letter:
        """Make this the current mail, and give it: its header is here, or fetched when it is touched."""
        self.current = self._place = key
        return self.letter(key)

    def first(self) -> int | None:
        """The oldest mail that is not deleted; None when there is none, as for the three that follow."""
        return next(iter(self.left()), None)

    def last(self) -> int | None:
        """The newest."""
        return next(iter(reversed(self.left())), None)

    def next(self) -> int | None:
        """The one after the current one, or after the place where one was deleted."""
        return next((key for key in self.left() if key > self._place), None)

    def previous(self) -> int | None:
        """The one before."""
        return next((key for key in reversed(self.left()) if key < self._place), None)

    def leave(self) -> None:
        """There is no current mail any more; the place stays, so that one can turn around."""
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
        """The same, as one of those who take their turns: what is touched later is fetched in between."""

        def fetched() -> T:
            with self:
                return fetch()

        return fetched

    # What each protocol does in its own way.

    @abstractmethod
    def keys(self) -> list[int]:
        """Every mail that there is, those that were deleted and are not gone yet included."""

    @abstractmethod
    def left(self) -> list[int]:
        """The same without those that were deleted."""

    @abstractmethod
    def letter(self, key: int) -> Letter:
        """One mail, whose parts are fetched when they are touched."""

    @abstractmethod
    def all(self, what: Fetching) -> Iterator[Letter]:
        """Every mail that is not deleted, with as much of it as is wanted."""

    @abstractmethod
    def delete(self, key: int) -> None:
        """Delete one mail."""

    @abstractmethod
    def expunge(self) -> None:
        """Make deletions final. Raises ErreurWLangage where the end of the session does that."""

    @abstractmethod
    def search(self, section: Section, value: str) -> Iterator[int]:
        """The keys of mails that hold this text there, oldest first."""

    @abstractmethod
    def close(self) -> None:
        """Say goodbye."""

    @abstractmethod
    def change_timeouts(self, timeouts: Timeouts) -> None:
        """Bear other silences from now on."""
