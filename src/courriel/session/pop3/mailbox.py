"""Base of both POP3 sessions: everything that does not wait."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, TypeAlias

from courriel import errors
from courriel.dialogue.pop3.client import PopDialogue
from courriel.dialogue.pop3.retrieval import Retrieval, of_another_line
from courriel.model.servers.credentials import Credentials, check_credentials
from courriel.model.servers.server import Dialect, Server
from courriel.network import blocking
from courriel.session import server_memory
from courriel.session.base import BaseSession
from courriel.session.pop3.letter import AsyncPopLetter, PopLetter

if TYPE_CHECKING:
    from courriel.network import awaiting

LARGEST = 64 * 1024 * 1024
"""Default limit of one letter in memory, in bytes: twice what most providers accept."""

PopLetterRef: TypeAlias = "PopLetter | AsyncPopLetter | int"
"""A letter object, or its number, from 1."""


class PopMailboxState(BaseSession):
    """An open POP3 mailbox: its counts, its connection, and the lookup of letters."""

    def __init__(
        self, server: Server, credentials: Credentials | None, line: blocking.Line | awaiting.AsyncLine, largest: int
    ) -> None:
        if isinstance(largest, bool) or not isinstance(largest, int) or largest < 1:
            raise errors.UsageError(f"largest: a number of octets above zero, not {largest!r}")
        check_credentials(credentials)
        self.server = server
        self.user: str = "" if credentials is None else credentials.user
        """Name that logs in; "" without a login."""
        self._known = line
        self._dialogue = PopDialogue(server, credentials, largest)
        self._dialogue.logins = server_memory.of(server)

    def _dialogue_of(self) -> PopDialogue:
        return self._dialogue

    @property
    def size(self) -> int:
        """Size of all letters in bytes, as the server counted when the session was opened."""
        return self._dialogue.size

    @property
    def deleted(self) -> frozenset[int]:
        """Numbers of the letters that will be removed when the session is closed."""
        return frozenset(self._dialogue.deleted)

    def __len__(self) -> int:
        """Number of letters when the session was opened; deletions do not change it.

        Where STAT and LIST disagree, LIST counts, once it was fetched.
        """
        return len(self._dialogue.numbers)

    # The steps.

    def _number(self, letter: PopLetterRef) -> int:
        """The number of a letter. Raises UsageError for one of another connection, or one that does not exist."""
        self._expect_open()
        return self._resolve(letter)

    def _resolve(self, letter: PopLetterRef) -> int:
        dialogue = self._dialogue
        if type(letter) is int and letter in dialogue.known and letter not in dialogue.deleted:
            return letter
        if not isinstance(letter, int):
            if letter.connection_id != dialogue.connection_id:
                raise errors.UsageError(
                    f"letter {letter.number} belongs to an earlier connection; its number may mean another letter now"
                )
            return letter.number
        if isinstance(letter, bool) or letter not in dialogue.known:
            last = dialogue.numbers[-1] if dialogue.numbers else 0
            raise errors.UsageError(f"there is no letter {letter!r}: they count from 1 to {last}")
        raise errors.UsageError(f"letter {letter} is marked for deletion; undo() takes all marks back")

    def _numbers(self, letters: Iterable[PopLetterRef] | None) -> list[int]:
        if letters is not None:
            self._expect_open()
            return [self._resolve(letter) for letter in letters]
        return [number for number in self._dialogue.numbers if number not in self._dialogue.deleted]

    def _number_at(self, index: int) -> int:
        """The number of the letter at this index. Raises IndexError."""
        self._expect_open()
        try:
            return self._dialogue.numbers[index]
        except IndexError:
            raise IndexError(f"the mailbox holds {len(self)} letters, and none is at {index}") from None

    def _expect_open(self) -> None:
        if not self.usable:
            self._refuse_if_inherited()
            raise errors.ConnectionFailed(
                "this session is not open; use it with `with`, or call open()",
                server=str(self.server),
                hint_id="SESSION-LOST",
            )

    def _retrieval(self, connection_id: int, numbers: list[int] | None, window: int, heads: bool) -> Retrieval:
        """Reader for these letters, or for all; call it after LIST."""
        if connection_id != self._dialogue.connection_id:
            raise of_another_line()
        numbers = self._numbers(None) if numbers is None else numbers
        return self._dialogue.read_many(numbers, window, heads=heads)


def check_window(window: int) -> None:
    if isinstance(window, bool) or not isinstance(window, int) or not 0 < window <= 10_000:
        raise errors.UsageError(f"window: a number of letters from 1 to 10,000, not {window!r}")


def as_pop_server(server: Server | str) -> Server:
    """A server that speaks POP3: from a host name (never a URL), or a Server without another protocol."""
    if not isinstance(server, Server):
        return Server(server, dialect=Dialect.POP3)
    if server.dialect is Dialect.SMTP:
        return server.with_dialect(Dialect.POP3)
    if server.dialect is not Dialect.POP3:
        raise errors.InvalidServer(f"{server} speaks {server.dialect.name}, and a POP3 session needs POP3")
    return server
