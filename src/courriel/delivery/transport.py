"""
The door through which every mail leaves: `Transport`, and `AsyncTransport` for those who await.

Sessions, pools and the local transports (memory, console, null, file, Maildir) are transports. A wrapper around one
(signing, logging, failing over) needs these words only, and goes through `send`, the outbox and the command line.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Protocol, TypeAlias

from courriel import errors
from courriel.model.receipt import Receipt
from courriel.model.submission import WINDOW, Submission

if TYPE_CHECKING:
    from collections.abc import AsyncIterable

Result: TypeAlias = Receipt | errors.CourrielError
"""The receipt of one submission, or the error that befell it."""


class Transport(Protocol):
    """A way for mail to leave: a session, a pool, a folder, a list in memory, or a wrapper around one of them."""

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
        """Hand over one submission; when this returns, somebody else is responsible for it.

        `submission.before_end` is called directly before the octets leave that may complete the message, once for each
        attempt; at a false answer nothing of it is delivered, and NotPermitted is raised. `submission.on_refused` is
        kept to. Raises one of `courriel.errors` when nobody took it; `in_doubt` when somebody may have.
        """
        ...

    def submit_many(
        self, submissions: Iterable[Submission], *, window: int | Callable[[], int] = WINDOW
    ) -> Iterator[Result]:
        """Hand over many submissions, read as there is room for them; exactly one result for each, in their order.

        At most `window` are in flight. A submission that cannot be handed over has an error as its result; an iterable
        that raises UsageError in the place of one has that as the result, and goes on.
        """
        ...

    def hang_up(self) -> None:
        """End at once what is in flight, from any thread: those submissions fail, and may be in doubt."""
        ...

    def close(self) -> None:
        """Give back what it holds; the submissions that were accepted stay accepted."""
        ...


class AsyncTransport(Protocol):
    """The same words as `Transport`, awaited; `before_end` may be awaited there as well."""

    @property
    def name(self) -> str:
        """Where it leads, for people."""
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
        """Hand over one submission; see Transport.submit."""
        ...

    def submit_many(
        self, submissions: Iterable[Submission] | AsyncIterable[Submission], *, window: int | Callable[[], int] = WINDOW
    ) -> AsyncIterator[Result]:
        """Hand over many submissions; see Transport.submit_many."""
        ...

    async def close(self) -> None:
        """Give back what it holds."""
        ...


def is_transport(value: object) -> bool:
    """Whether a value has the words of a Transport; a class is none."""
    return not isinstance(value, type) and callable(getattr(value, "submit", None))


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
