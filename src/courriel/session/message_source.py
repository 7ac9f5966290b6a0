"""Input of `send_many`: messages taken one by one from an iterable, and encoded."""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable, Iterable, Iterator
from time import monotonic
from types import AsyncGeneratorType, GeneratorType

from courriel import errors
from courriel.dialogue.smtp.batch_sender import BatchSender
from courriel.dialogue.smtp.client import SmtpDialogue
from courriel.dialogue.smtp.send_queue import QueuedMessage, Window
from courriel.model.envelope import OnRefused
from courriel.model.submission import check_on_refused
from courriel.session.encoding import Sendable, check_several, fields_of
from courriel.wire.smtp.extensions import Extensions

_SLOW = 0.02
"""Seconds; when the iterable takes longer for a message, those in hand are finished before the next is requested."""


class _MessageSource:
    """State of an iterable of messages, common to both kinds.

    An error it raises is kept until the messages before it have their results. An iterator that continues after an
    error (`map`, `template.merge`) has the error in place of that message; a generator is over by then, and its end
    must not look like the end of the messages. `pauses` is true when the next message is likely to take long: the
    connection should have no unfinished message meanwhile.
    """

    def __init__(self, messages: object, on_refused: OnRefused) -> None:
        check_on_refused(on_refused)
        self._abandon = on_refused == "abandon"
        self.ended = False
        self.pauses = False
        self.failure: Exception | None = None
        check_several(messages)
        self._goes_on = not isinstance(messages, GeneratorType | AsyncGeneratorType)

    def _record_failure(self, failure: Exception, sender: BatchSender) -> None:
        if self._goes_on and isinstance(failure, errors.UsageError):
            sender.put(failure)
        else:
            self.ended, self.failure = True, failure


class Supply(_MessageSource):
    """Messages from an iterable."""

    def __init__(self, messages: Iterable[Sendable], on_refused: OnRefused = "deliver") -> None:
        super().__init__(messages, on_refused)
        self._messages = iter(messages)

    def fill(self, sender: BatchSender) -> None:
        """Put as many messages into the stream as it has room for."""
        began = monotonic()
        for _ in range(sender.room):
            try:
                sender.put(queued(next(self._messages), sender.extensions, abandon=self._abandon))
            except StopIteration:
                self.ended = True
            except Exception as failure:  # noqa: BLE001 - the caller's own; raised where they expect it
                self._record_failure(failure, sender)
            if self.ended or (now := monotonic()) - began > _SLOW:
                self.pauses = True
                return
            began = now
        self.pauses = False


class AsyncSupply(_MessageSource):
    """Messages from an iterable or an async iterable."""

    def __init__(
        self, messages: Iterable[Sendable] | AsyncIterable[Sendable], on_refused: OnRefused = "deliver"
    ) -> None:
        super().__init__(messages, on_refused)
        self._next = aiter(messages).__anext__ if isinstance(messages, AsyncIterable) else _awaited(iter(messages))

    async def fill(self, sender: BatchSender) -> None:
        """Put as many messages into the stream as it has room for."""
        began = monotonic()
        for _ in range(sender.room):
            try:
                sender.put(queued(await self._next(), sender.extensions, abandon=self._abandon))
            except StopAsyncIteration:
                self.ended = True
            except Exception as failure:  # noqa: BLE001 - the caller's own; raised where they expect it
                self._record_failure(failure, sender)
            if self.ended or (now := monotonic()) - began > _SLOW:
                self.pauses = True
                return
            began = now
        self.pauses = False


def stream_on(dialogue: SmtpDialogue, window: int | Window) -> BatchSender:
    """A batch on an open session. Raises UsageError for an invalid window."""
    if callable(window):
        return BatchSender(dialogue, window=window)
    if isinstance(window, bool) or not isinstance(window, int) or not 0 < window <= 10_000:
        raise errors.UsageError(f"window: a number of messages from 1 to 10,000, not {window!r}")
    return BatchSender(dialogue, window=window)


def queued(message: Sendable, extensions: Extensions, *, abandon: bool = False) -> QueuedMessage | errors.CourrielError:
    """An encoded message, or its error as a value: one invalid message does not stop the others."""
    try:
        made = QueuedMessage(*fields_of(message, extensions))
        if abandon:
            made.all_or_nothing = True
        if made.content.binary:
            made.rewrite = lambda extensions: fields_of(message, extensions)[1]
        return made
    except errors.CourrielError as wrong:
        return wrong


def _awaited(messages: Iterator[Sendable]) -> Callable[[], Awaitable[Sendable]]:
    """An iterator's `next` as a coroutine function."""

    async def following() -> Sendable:
        try:
            return next(messages)
        except StopIteration:
            raise StopAsyncIteration from None

    return following


async def one_by_one(messages: Iterable[Sendable]) -> AsyncIterator[Sendable]:
    """An ordinary iterable as an async iterator."""
    for message in messages:
        yield message
