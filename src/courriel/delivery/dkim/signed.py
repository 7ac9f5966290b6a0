"""
Transports that sign: `Signed` around any Transport, `AsyncSigned` around any AsyncTransport.

    pool = courriel.connect("billing")
    with courriel.Signed(pool, domain="example.org", selector="s1", key="file:/etc/courriel/s1.pem") as signed:
        receipt = signed.send(message)

Mail that is built here is built in seven bits, so that no server has to change it; submissions are signed as they are.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Callable, Generator, Iterable, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import TYPE_CHECKING

from courriel.delivery.dkim.signer import Signer
from courriel.delivery.transport import (
    AsyncTransport,
    Transport,
    check_async_transport,
    check_transport,
    lent,
    silence_limit_of,
)
from courriel.model.submission import WINDOW, Submission

if TYPE_CHECKING:
    from types import TracebackType
    from typing import Self, Unpack

    from courriel.delivery.secrets import SecretReference
    from courriel.model.receipt import Receipt, Result
    from courriel.model.typed import SendArguments
    from courriel.network.transcripts.transcript import Transcript
    from courriel.session.encoding import Sendable

_AT_ONCE = 256 * 1024  # octets in memory that are signed in the event loop: a millisecond; more goes into a thread


class _SignedBase:
    """Base of both: the signer, and what is known of the transport inside."""

    signer: Signer
    """The domain, selectors and keys by which it signs."""

    def _inside(self) -> Transport | AsyncTransport:
        raise NotImplementedError

    @property
    def name(self) -> str:
        """Where it leads: the name of the transport inside."""
        return self._inside().name

    @property
    def answer_limit(self) -> float:
        """Seconds from the yes of `before_end` to the last answer, at most."""
        return self._inside().answer_limit

    @property
    def parallel(self) -> int:
        """Submissions carried at once."""
        return self._inside().parallel

    @property
    def obeys_recipient_rule(self) -> bool:
        """Recipient rules (`redirect_to`, `allowlist`, their variables) are applied by the wrapped transport."""
        return bool(getattr(self._inside(), "obeys_recipient_rule", False))

    @property
    def usable(self) -> bool:
        """State of the wrapped transport's connection: True while it is open."""
        return bool(getattr(self._inside(), "usable", False))

    @property
    def maybe_stale(self) -> bool:
        """True after a silence so long that the server may have closed the wrapped connection."""
        return bool(getattr(self._inside(), "maybe_stale", True))

    @property
    def closed(self) -> bool:
        """True once the wrapped transport was closed for good."""
        return bool(getattr(self._inside(), "closed", False))

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.name} by {self.signer.domain}>"


class Signed(_SignedBase):
    """A Transport that signs by DKIM whatever leaves by the transport inside. Use it with `with`, or call `close`.

    `domain` is the one that signs (`d=`), `selector` the name of its key in the DNS, `key` where the private key lies:
    "file:/etc/courriel/s1.pem", "env:NAME", "cmd:…" or "keyring". Two of each sign by two keys at once, as RSA and
    Ed25519. Raises UsageError for a key that cannot be used, MissingExtra without the extra `sign`.
    """

    def __init__(
        self,
        transport: Transport,
        *,
        domain: str,
        selector: str | Iterable[str],
        key: str | SecretReference | Iterable[str | SecretReference],
    ) -> None:
        self.transport = check_transport(transport, "transport")
        self.signer = Signer(domain, selector, key)

    @classmethod
    def by(cls, transport: Transport, signer: Signer) -> Self:
        """A transport that signs by a signer which is there already."""
        made = cls.__new__(cls)
        made.transport, made.signer = transport, signer
        return made

    def _inside(self) -> Transport:
        return self.transport

    @property
    def silence_limit(self) -> float:
        """Seconds without progress, before the end of a submission, after which it counts as hung."""
        return silence_limit_of(self.transport)

    def open(self) -> Self:
        """Open the transport inside, where that is something to open."""
        opened: Callable[[], object] | None = getattr(self.transport, "open", None)
        if opened is not None:
            opened()
        return self

    def send(self, message: Sendable, /, **options: Unpack[SendArguments]) -> Receipt:
        """Build a message in seven bits, sign it, send it; returns a receipt, see SmtpSession.send."""
        return self.submit(self.signer.signed(message, options))

    def submit(self, submission: Submission) -> Receipt:
        """Sign one submission, and send it; see Transport.submit."""
        return self.transport.submit(self.signer.sign(submission))

    def submit_many(
        self, submissions: Iterable[Submission], *, window: int | Callable[[], int] = WINDOW
    ) -> Iterator[Result]:
        """Send many submissions, each signed when there is room for it; see Transport.submit_many."""
        # `map` goes on after a submission that raises; a generator would end.
        return self.transport.submit_many(map(self.signer.sign, submissions), window=window)

    @contextmanager
    def session(self, *, transcript: Transcript | None = None) -> Generator[Self]:
        """Context manager: a session of a pool for exclusive use, which signs; of another transport, this one."""
        with lent(self.transport, transcript) as part:
            yield self.by(part, self.signer)

    def hang_up(self) -> None:
        """Abort the submissions in flight, from any thread."""
        self.transport.hang_up()

    def close(self) -> None:
        """Close the transport inside."""
        self.transport.close()

    def __enter__(self) -> Self:
        enter: Callable[[object], object] | None = getattr(type(self.transport), "__enter__", None)
        if enter is not None:
            enter(self.transport)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class AsyncSigned(_SignedBase):
    """An AsyncTransport that signs by DKIM: the methods of Signed, awaited. Use it with `async with`.

    Files are read and digested in a thread.
    """

    def __init__(
        self,
        transport: AsyncTransport,
        *,
        domain: str,
        selector: str | Iterable[str],
        key: str | SecretReference | Iterable[str | SecretReference],
    ) -> None:
        self.transport = check_async_transport(transport, "transport")
        self.signer = Signer(domain, selector, key)

    @classmethod
    def by(cls, transport: AsyncTransport, signer: Signer) -> Self:
        """A transport that signs by a signer which is there already."""
        made = cls.__new__(cls)
        made.transport, made.signer = transport, signer
        return made

    def _inside(self) -> AsyncTransport:
        return self.transport

    async def send(self, message: Sendable, /, **options: Unpack[SendArguments]) -> Receipt:
        """Build a message in seven bits, sign it, send it; see Signed.send."""
        from asyncio import to_thread

        return await self.transport.submit(await to_thread(self.signer.signed, message, options))

    async def submit(self, submission: Submission) -> Receipt:
        """Sign one submission, and send it; see Transport.submit."""
        return await self.transport.submit(await self._signed(submission))

    def submit_many(
        self, submissions: Iterable[Submission] | AsyncIterable[Submission], *, window: int | Callable[[], int] = WINDOW
    ) -> AsyncIterator[Result]:
        """Send many submissions, each signed when there is room for it; see Transport.submit_many."""
        return self.transport.submit_many(_SignedSubmissions(submissions, self._signed), window=window)

    @asynccontextmanager
    async def session(self, *, transcript: Transcript | None = None) -> AsyncGenerator[Self]:
        """Context manager: a session of a pool for exclusive use, which signs; of another transport, this one."""
        lend = getattr(self.transport, "session", None)
        if lend is None:
            yield self
            return
        async with lend(transcript=transcript) as part:
            yield self.by(part, self.signer)

    async def close(self) -> None:
        """Close the transport inside."""
        await self.transport.close()

    async def __aenter__(self) -> Self:
        enter = getattr(type(self.transport), "__aenter__", None)
        if enter is not None:
            await enter(self.transport)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    # The steps.

    async def _signed(self, submission: Submission) -> Submission:
        content = getattr(submission, "content", None)
        if content is None or (content.alone is not None and content.size <= _AT_ONCE):
            return self.signer.sign(submission)
        from asyncio import to_thread

        return await to_thread(self.signer.sign, submission)


# The steps.


class _SignedSubmissions:
    """Submissions, signed one by one; not a generator, so that it goes on after one that raises."""

    def __init__(
        self,
        submissions: Iterable[Submission] | AsyncIterable[Submission],
        sign: Callable[[Submission], object],
    ) -> None:
        self._sign = sign
        self._coming = aiter(submissions) if isinstance(submissions, AsyncIterable) else None
        self._here = iter(()) if isinstance(submissions, AsyncIterable) else iter(submissions)

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Submission:
        if self._coming is not None:
            submission = await anext(self._coming)
        else:
            try:
                submission = next(self._here)
            except StopIteration:
                raise StopAsyncIteration from None
        return await self._sign(submission)  # type: ignore[no-any-return,misc]
