"""Many letters, asked for before the ones before them have come, in memory that does not grow with their number."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import TYPE_CHECKING, TypeAlias

from courriel import errors
from courriel.dialogue.flow import Flow, Send
from courriel.wire.pop3 import of_letters

if TYPE_CHECKING:
    from courriel.dialogue.pop3 import PopDialogue

_OCTETS = 1024 * 1024  # asked for ahead: what may have to be heard to its end before anything else can be said

Result: TypeAlias = "tuple[int, bytes | errors.CourrielError]"
"""The number of a letter, and its octets or the reason why they are not to be had."""


class Reading:
    """
    Asks for letters in their order; run `advance`, take the `results` that are there, until `done`.

    Whatever else is said on the line meanwhile, the answers that are on their way are heard first and kept; they are
    one letter, or a megabyte of them.
    """

    def __init__(self, dialogue: PopDialogue, numbers: Sequence[int], window: int, limit: int, *, lines: str) -> None:
        self._dialogue = dialogue
        self._exchange = dialogue.exchange
        self._visit = dialogue.visit
        self._waiting = deque(numbers)
        self._asked: deque[tuple[int, int]] = deque()  # with the octets that the answer is likely to have
        self._results: list[Result] = []
        self._window = window
        self._limit = limit
        self._words = ("TOP", f" {lines}") if lines else ("RETR", "")
        self._largest_answer = 4096 if lines else limit
        self._octets = 0  # of those that are asked for

    @property
    def done(self) -> bool:
        """Whether nothing more will come."""
        return not (self._waiting or self._asked or self._results)

    def results(self) -> list[Result]:
        """What is here; each is given once."""
        found, self._results = self._results, []
        return found

    def advance(self) -> Flow[None]:
        """Ask for as much as the window allows, hear of one letter at least. Raises UsageError on another line."""
        if self._visit != self._dialogue.visit:
            raise of_another_line()
        yield from self._dialogue.settle(self)
        yield from self._ask()
        if self._asked:
            yield from self._hear()

    def hear_all(self) -> Flow[None]:
        """Hear everything that was asked for."""
        while self._asked:
            yield from self._hear()

    # The steps.

    def _ask(self) -> Flow[None]:
        """A burst of commands when a third of the window is free: one at a time would cost the server a wake-up for
        each, and to wait until it is empty would leave the road empty as well.
        """
        if self._window - len(self._asked) < max(1, self._window // 3):
            return
        burst: list[int] = []
        verb, _ = self._words
        while self._waiting and len(self._asked) < self._window and self._octets < _OCTETS:
            number = self._waiting.popleft()
            size = self._dialogue.sizes.get(number, 0)
            if size > self._dialogue.largest and verb == "RETR":
                if self._asked:
                    # Its turn comes when those before it are there.
                    self._waiting.appendleft(number)
                    break
                self._results.append((number, self._dialogue.too_large(number)))
                continue
            # A head is small, whatever stands below it.
            weight = min(size, self._largest_answer)
            burst.append(number)
            self._asked.append((number, weight))
            self._octets += weight
        if not burst:
            return
        if len(burst) == len(self._asked):
            yield from self._exchange.expect_silence("letter")
        yield Send(of_letters(verb, burst, self._words[1]), "letter")

    def _hear(self) -> Flow[None]:
        asked = self._asked
        heads = bool(self._words[1])
        for status, text in (yield from self._exchange.hear_some(len(asked), "letter", self._limit, heads=heads)):
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
    """The news that letters were asked for on a connection that is no more."""
    return errors.UsageError("the session was opened anew meanwhile: these letters were those of another one")
