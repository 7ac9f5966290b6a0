"""
Interface by which every mail is sent: `Transport`, and `AsyncTransport` for asyncio.

Sessions, pools and the local transports (memory, console, null, file, Maildir) are transports. A wrapper around one
(signing, logging, failing over) needs these words only, and goes through `send`, the outbox and the command line.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Protocol

from courriel import errors
from courriel.model.receipt import Receipt, Result
from courriel.model.submission import WINDOW, Submission

if TYPE_CHECKING:
    from collections.abc import AsyncIterable
    from contextlib import AbstractContextManager

    from courriel.model.typed import SendArguments
    from courriel.network.transcripts.transcript import Transcript
    from courriel.session.encoding import Sendable


class Transport(Protocol):
    """Anything that takes a submission: a session, a pool, a folder, a list in memory, or a wrapper around one.

    It connects by itself when it has to. Some transports have more, which a wrapper may pass on, and need not: `send`
    (encodes for the capabilities of the server), `session()` (lends one of several connections), `silence_limit`,
    `usable` and `maybe_stale`.
    """

    @property
    def name(self) -> str:
        """Where it leads, for people: "smtp.example.org:465"."""
        ...

    @property
    def answer_limit(self) -> float:
        """Seconds from the yes of `before_end` to the last answer, at most: what a lease on the mail must outlive."""
        ...

    @property
    def parallel(self) -> int:
        """How many submissions it carries at once, each in a thread of its own."""
        ...

    def submit(self, submission: Submission) -> Receipt:
        """Send one submission; on return the transport has taken responsibility for it.

        `submission.before_end` is called directly before the octets leave that may complete the message, once for each
        attempt; at a false answer nothing of it is delivered, and NotPermitted is raised. `submission.on_refused`
        is obeyed. Raises one of `courriel.errors` when it was not accepted; with `in_doubt` when it may have been.
        """
        ...

    def submit_many(
        self, submissions: Iterable[Submission], *, window: int | Callable[[], int] = WINDOW
    ) -> Iterator[Result]:
        """Send many submissions, read from the iterable as there is room; yields one result for each, in order.

        At most `window` are in flight. A submission that cannot be handed over has an error as its result; an iterable
        that raises UsageError in the place of one has that as the result, and goes on.
        """
        ...

    def hang_up(self) -> None:
        """Abort the submissions in flight, from any thread: they fail, and may be in doubt."""
        ...

    def close(self) -> None:
        """Close connections; accepted submissions stay accepted."""
        ...


class AsyncTransport(Protocol):
    """The methods of `Transport`, awaited; `before_end` may be awaited there as well."""

    @property
    def name(self) -> str:
        """Server or place of delivery, for messages."""
        ...

    @property
    def answer_limit(self) -> float:
        """Seconds from the yes of `before_end` to the last answer, at most."""
        ...

    @property
    def parallel(self) -> int:
        """How many submissions it carries at once, each in a task of its own."""
        ...

    async def submit(self, submission: Submission) -> Receipt:
        """Send one submission; see Transport.submit."""
        ...

    def submit_many(
        self, submissions: Iterable[Submission] | AsyncIterable[Submission], *, window: int | Callable[[], int] = WINDOW
    ) -> AsyncIterator[Result]:
        """Send many submissions; see Transport.submit_many."""
        ...

    async def close(self) -> None:
        """Close connections."""
        ...


def lent(transport: Transport, transcript: Transcript | None = None) -> AbstractContextManager[Transport]:
    """Context manager: the part of a transport that one batch has for itself.

    Of a pool this is a session of its own (`session`), so that `hang_up` ends this batch alone; else the transport.
    """
    session = getattr(transport, "session", None)
    if session is not None:
        return session(transcript=transcript)  # type: ignore[no-any-return]
    from contextlib import nullcontext

    return nullcontext(transport)


def silence_limit_of(transport: Transport) -> float:
    """Seconds without progress, before the end of a submission, after which a transport counts as hung."""
    limit: float = getattr(transport, "silence_limit", transport.answer_limit)
    return limit


def answers_now(transport: Transport) -> bool:
    """Whether a transport says that its connection is open, and has answered a moment ago."""
    return getattr(transport, "usable", False) and not getattr(transport, "maybe_stale", True)


def send_by(transport: Transport, message: Sendable, options: SendArguments) -> Receipt:
    """Send a message by the `send` of a transport, or submit it in seven bits, which every server takes."""
    own = getattr(type(transport), "send", None)
    receipt: Receipt = own(transport, message, **options) if own else transport.submit(_in_seven_bits(message, options))
    return receipt


async def asend_by(transport: AsyncTransport, message: Sendable, options: SendArguments) -> Receipt:
    """Send a message by an AsyncTransport; see `send_by`."""
    own = getattr(type(transport), "send", None)
    if own is None:
        return await transport.submit(_in_seven_bits(message, options))
    receipt: Receipt = await own(transport, message, **options)
    return receipt


def _in_seven_bits(message: Sendable, options: SendArguments) -> Submission:
    from courriel.model.submission import SendOptions
    from courriel.session.encoding import IN_SEVEN_BITS, submission_of

    return submission_of(message, IN_SEVEN_BITS, SendOptions(**options) if options else None)


_NAMES = ("name", "answer_limit", "parallel", "submit", "submit_many", "hang_up", "close")


def check_transport(value: object, argument: str = "via") -> Transport:
    """The value, which has everything that a Transport has. Raises UsageError."""
    if is_awaited(value):
        raise errors.UsageError(
            f"{argument}: {type(value).__name__} is an AsyncTransport, and asend() and aconnect() take those",
            stage="compose",
        )
    _check_names(value, _NAMES, argument)
    return value  # type: ignore[return-value]


def check_async_transport(value: object, argument: str = "via") -> AsyncTransport:
    """The value, which has everything that an AsyncTransport has. Raises UsageError."""
    _check_names(value, [name for name in _NAMES if name != "hang_up"], argument)
    return value  # type: ignore[return-value]


def _check_names(value: object, names: Iterable[str], argument: str) -> None:
    if isinstance(value, type):
        raise errors.UsageError(f"{argument}: an object is wanted, and not the class {value.__name__}", stage="compose")
    missing = [name for name in names if not hasattr(value, name)]
    if missing:
        raise errors.UsageError(
            f"{argument}: {type(value).__name__} has no {', '.join(missing)}, and a Transport has {', '.join(names)}",
            stage="compose",
        )


def is_transport(value: object) -> bool:
    """Whether a value has the methods of a Transport; a class is none."""
    return not isinstance(value, type) and callable(getattr(value, "submit", None))


def is_awaited(transport: object) -> bool:
    """Whether a transport is an AsyncTransport: its `submit` is a coroutine function."""
    from inspect import iscoroutinefunction  # not with the module: it costs as much to import as all of ours

    return not isinstance(transport, type) and iscoroutinefunction(getattr(transport, "submit", None))


def one_after_the_other(submit: Callable[[Submission], Receipt], submissions: Iterable[Submission]) -> Iterator[Result]:
    """`submit_many` for a transport that carries one submission after the other.

    What the iterable raises ends it, except UsageError, which is the result of the submission in whose place it stands.
    """
    waiting = iter(submissions)
    while True:
        try:
            submission = next(waiting)
        except StopIteration:
            return
        except errors.UsageError as broken:
            yield broken
            continue
        result: Result
        try:
            result = submit(submission)
        except errors.CourrielError as failed:
            result = failed
        yield result
