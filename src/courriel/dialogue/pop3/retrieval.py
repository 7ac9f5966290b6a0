"""Pipelined retrieval of many letters, in memory that does not grow with their number."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import TYPE_CHECKING, TypeAlias

from courriel import errors
from courriel.dialogue.flow import Flow, Send
from courriel.wire.pop3.client_syntax import of_letters

if TYPE_CHECKING:
    from courriel.dialogue.pop3.client import PopDialogue

_OCTETS = 1024 * 1024  # requested ahead: the most that has to be read before another command can be sent

Result: TypeAlias = "tuple[int, bytes | errors.CourrielError]"
"""Number of a letter, and its octets or the error in their place."""


class Retrieval:
    """Retrieval of letters in their order; run `advance`, take the `results` available, until `done`.

    Before any other command, the answers that are on their way are read and kept; they are one letter, or a megabyte of
    them.
    """

    def __init__(self, dialogue: PopDialogue, numbers: Sequence[int], window: int, limit: int, *, lines: str) -> None:
        self._dialogue = dialogue
        self._exchange = dialogue.exchange
        self._connection_id = dialogue.connection_id
        self._waiting = deque(numbers)
        self._asked: deque[tuple[int, int]] = deque()  # with the expected octets of the answer
        self._results: list[Result] = []
        self._window = window
        self._limit = limit
        self._words = ("TOP", f" {lines}") if lines else ("RETR", "")
        self._largest_answer = 4096 if lines else limit
        self._octets = 0  # expected of the requested ones

    @property
    def done(self) -> bool:
        """Whether all results were returned."""
        return not (self._waiting or self._asked or self._results)

    def results(self) -> list[Result]:
        """Results available; each is returned once."""
        found, self._results = self._results, []
        return found

    def advance(self) -> Flow[None]:
        """Send the requests that the window allows, read at least one letter. Raises UsageError after a reconnect."""
        if self._connection_id != self._dialogue.connection_id:
            raise of_another_line()
        yield from self._dialogue.settle(self)
        yield from self._send_requests()
        if self._asked:
            yield from self._read_answers()

    def read_all(self) -> Flow[None]:
        """Read all outstanding answers."""
        while self._asked:
            yield from self._read_answers()

    # The steps.

    def _send_requests(self) -> Flow[None]:
        """Send several requests when a third of the window is free: single ones would cost the server a wake-up each,
        and waiting for an empty window would leave the connection idle."""
        if self._window - len(self._asked) < max(1, self._window // 3):
            return
        burst: list[int] = []
        verb, _ = self._words
        while self._waiting and len(self._asked) < self._window and self._octets < _OCTETS:
            number = self._waiting.popleft()
            size = self._dialogue.sizes.get(number, 0)
            if size > self._dialogue.largest and verb == "RETR":
                if self._asked:
                    # Its error comes after the letters before it.
                    self._waiting.appendleft(number)
                    break
                self._results.append((number, self._dialogue.too_large(number)))
                continue
            # A header is small, whatever the size of the letter.
            weight = min(size, self._largest_answer)
            burst.append(number)
            self._asked.append((number, weight))
            self._octets += weight
        if not burst:
            return
        if len(burst) == len(self._asked):
            yield from self._exchange.expect_silence("letter")
        yield Send(of_letters(verb, burst, self._words[1]), "letter")

    def _read_answers(self) -> Flow[None]:
        asked = self._asked
        heads = bool(self._words[1])
        for status, text in (yield from self._exchange.read_some(len(asked), "letter", self._limit, heads=heads)):
            number, weight = asked.popleft()
            self._octets -= weight
            self._results.append((number, self._refused(status, number) if text is None else text))

    def _refused(self, status: bytes, number: int) -> errors.LetterRefused:
        reply = self._exchange.read(status, "letter")
        if self._words[1]:
            self._dialogue.top_is_refused = True
        if reply.kind == 3:
            raise errors.RemoteProtocolError(f"the server answered {reply} to a question for a letter", stage="letter")
        return errors.LetterRefused(reply, stage="letter", about=f"letter {number}")


def of_another_line() -> errors.UsageError:
    """Error: letters were requested on a connection that is closed."""
    return errors.UsageError("the session was opened anew meanwhile: these letters were those of another one")
