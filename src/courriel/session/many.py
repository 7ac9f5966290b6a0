"""Many messages on their way into a session: taken one by one from wherever they come, and made ready."""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator, Iterable, Iterator, Mapping
from time import monotonic

from courriel import errors
from courriel.dialogue.smtp import SmtpDialogue
from courriel.dialogue.stream import Stream
from courriel.dialogue.tray import Parcel
from courriel.session.outgoing import OnRefused, Sendable, Wishes, all_or_nothing, prepare

WINDOW = 100
"""Messages in flight, where the server takes whole messages at a time: enough to keep any line busy."""

_SLOW = 0.02
"""Seconds after which a message had to be waited for: what is in hand then leaves before the next is asked for."""

_NO_WISHES = Wishes()


class Supply:
    """Takes messages out of an iterable, and keeps what it raises until the messages before have had their results.

    It `pauses` when the next message is likely to be long in coming: nothing should wait for it on the line meanwhile.
    """

    def __init__(self, messages: Iterable[Sendable]) -> None:
        self._messages: Iterator[Sendable] = iter(messages)
        self.ended = False
        self.pauses = False
        self.failure: Exception | None = None

    def fill(self, stream: Stream, capabilities: Mapping[str, str]) -> None:
        """Put as many messages into the stream as it has room for."""
        while stream.hungry and not self.ended:
            began = monotonic()
            try:
                stream.put(parcel(next(self._messages), capabilities))
            except StopIteration:
                self.ended = True
            except Exception as failure:  # noqa: BLE001 - the caller's own; raised where they expect it, after the results
                self.ended, self.failure = True, failure
            self.pauses = self.ended or monotonic() - began > _SLOW
            if self.pauses:
                return


class AsyncSupply:
    """The same, out of an iterable that may have to be awaited."""

    def __init__(self, messages: Iterable[Sendable] | AsyncIterable[Sendable]) -> None:
        self._messages: AsyncIterator[Sendable] = (
            aiter(messages) if isinstance(messages, AsyncIterable) else _awaited(messages)
        )
        self.ended = False
        self.pauses = False
        self.failure: Exception | None = None

    async def fill(self, stream: Stream, capabilities: Mapping[str, str]) -> None:
        """Put as many messages into the stream as it has room for."""
        while stream.hungry and not self.ended:
            began = monotonic()
            try:
                stream.put(parcel(await anext(self._messages), capabilities))
            except StopAsyncIteration:
                self.ended = True
            except Exception as failure:  # noqa: BLE001 - the caller's own; raised where they expect it, after the results
                self.ended, self.failure = True, failure
            self.pauses = self.ended or monotonic() - began > _SLOW
            if self.pauses:
                return


def stream_on(dialogue: SmtpDialogue, on_refused: OnRefused, window: int) -> Stream:
    """A stream on an open session. Raises UsageError for a window that is none."""
    if isinstance(window, bool) or not isinstance(window, int) or not 0 < window <= 10_000:
        raise errors.UsageError(f"window: a number of messages from 1 to 10,000, not {window!r}")
    return Stream(dialogue, window=window, all_or_nothing=all_or_nothing(on_refused))


def parcel(message: Sendable, capabilities: Mapping[str, str]) -> Parcel | errors.CourrielError:
    """A message made ready, or what is wrong with it: one bad message does not stop the others."""
    try:
        out = prepare(message, _NO_WISHES, capabilities)
    except errors.CourrielError as wrong:
        return wrong
    return Parcel(out.envelope, out.content, out.message_id, out.notes)


async def _awaited(messages: Iterable[Sendable]) -> AsyncIterator[Sendable]:
    for message in messages:
        yield message
