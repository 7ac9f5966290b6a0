"""
SMTP sessions, blocking and asyncio, over one dialogue.

Dialogue, connection and message encoding are imported when the first session is made: a program that imports the names
and sends nothing does not pay for them.
"""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator, Callable, Iterable, Iterator
from types import TracebackType

from courriel import errors
from courriel.model.envelope import OnRefused
from courriel.model.receipt import Receipt
from courriel.model.servers.credentials import Credentials, check_credentials
from courriel.model.servers.server import Dialect, Server
from courriel.model.submission import WINDOW, SendOptions, Submission
from courriel.session.base import BaseSession

TYPE_CHECKING = False

if TYPE_CHECKING:
    from typing import Self, Unpack

    from courriel.dialogue.flow import Flow
    from courriel.dialogue.smtp.client import SmtpDialogue
    from courriel.model.receipt import Result
    from courriel.model.typed import SendArguments
    from courriel.network import awaiting, blocking
    from courriel.network.transcripts.transcript import Transcript
    from courriel.session.encoding import Sendable


class _Session(BaseSession):
    """Base of both SMTP sessions: everything that does not wait."""

    def __init__(
        self,
        server: Server,
        credentials: Credentials | None,
        line: blocking.Line | awaiting.AsyncLine,
        max_messages: int | None,
    ) -> None:
        from courriel.dialogue.smtp.client import SmtpDialogue  # noqa: PLC0415
        from courriel.session import server_memory  # noqa: PLC0415 - see there
        from courriel.session.encoding import submission_of  # noqa: PLC0415 - kept, since each `send` would feel its import

        check_credentials(credentials)
        self.server = server
        self._known = line
        self._closed = False  # by `close`: a submission does not open it again
        self._submission_of = submission_of
        known = server_memory.of(server)
        self._dialogue = SmtpDialogue(server, credentials, known)
        self._dialogue.count.facts = self._dialogue.logins = known
        if max_messages is not None:
            self._dialogue.count.most = _as_limit(max_messages)

    def count_as_one_call(self) -> None:
        """Put all calls from the next one (`open`) until close under one total deadline."""
        self._known.count_as_one_call()

    def _dialogue_of(self) -> SmtpDialogue:
        return self._dialogue

    def _refuse_if_closed(self) -> None:
        if not self.usable:
            self._refuse_if_inherited()
            raise errors.ConnectionFailed(
                "this session is not open; use it with `with`, or call open()",
                server=str(self.server),
                hint_id="SESSION-LOST",
            )

    @property
    def name(self) -> str:
        """The server, "host:port"."""
        return str(self.server)

    @property
    def answer_limit(self) -> float:
        """Seconds that the answer to one submission may take, from its `before_end` on."""
        return self.server.timeouts.message

    @property
    def silence_limit(self) -> float:
        """Seconds that the server may be silent at most before the end of a message: the longest of those stages."""
        return longest_silence(self.server)

    obeys_recipient_rule = True
    """Whether `redirect_to`, `allowlist` and the variables of that name apply to what it sends."""

    parallel = 1
    """Submissions carried at once: a session holds one conversation."""

    def record(self, transcript: Transcript | None) -> Transcript | None:
        """Record the conversation in another transcript, or in none, from now on; returns the previous one."""
        return self._known.listen(transcript)

    @property
    def maybe_stale(self) -> bool:
        """Whether the connection has been silent for long enough that the server may have closed it."""
        return self._known.maybe_stale

    def _submit(self, submission: Submission) -> Flow[Receipt]:
        if not isinstance(submission, Submission):
            raise errors.UsageError(f"submission: a value of Submission, not {type(submission).__name__}")
        return self._dialogue.deliver(submission, maybe_stale=self._known.maybe_stale)


class SmtpSession(_Session):
    """SMTP session. Use it with `with`, or call `open()` and `close()`.

        with SmtpSession(Server("smtp.example.org"), Password("ada", secret)) as session:
            receipt = session.send(message)

    `server` is a Server, or a host name (then TLS on port 465). With `credentials` the session logs in. A `transcript`
    records the conversation without secrets. After `max_messages`, or as many as the server is found to take, the
    session continues on a new connection. A session serves one call at a time; a concurrent call raises UsageError.
    After an error whose `session_usable` is False the session is closed; `open()` reconnects.
    """

    def __init__(
        self,
        server: Server | str,
        credentials: Credentials | None = None,
        *,
        max_messages: int | None = None,
        transcript: Transcript | None = None,
    ) -> None:
        from courriel.dialogue.smtp.usual_mail import usual_mail  # noqa: PLC0415 - kept, as `submission_of` is
        from courriel.network import blocking  # noqa: PLC0415 - asyncio programs do not need this one
        from courriel.network.transcripts.transcript import log_if_wanted  # noqa: PLC0415

        server = _as_server(server)
        self._line = blocking.Line(server, transcript if transcript is not None else log_if_wanted())
        self._usual_mail = usual_mail
        super().__init__(server, credentials, self._line, max_messages)

    def open(self) -> Self:
        """Connect, send EHLO, start TLS, log in; an older connection is closed first.

        Raises ConnectionFailed (NameNotFound, TimedOut, TlsFailed), AuthenticationRefused, CommandRefused,
        NotSupported, RemoteProtocolError; InvalidServer when credentials would be sent without TLS.
        """
        self._line.run(self._dialogue.open(), opening=True)
        self._closed = False
        return self

    def send(self, message: Sendable, /, **options: Unpack[SendArguments]) -> Receipt:
        """Send one message; returns a receipt with the result of each recipient.

            try:
                session.send(message, to="gone@example.org")
            except courriel.RecipientsRefused as refused:
                print(refused.reply.code, refused.retryable)  # 550 False

        `sender` and `to` replace those of the envelope, not the headers. With `on_refused="abandon"` nothing is sent
        when one recipient is refused; by default the others get it and the receipt names the refused. `notify`, `ret`
        and `envid` ask for delivery reports (RFC 3461), `require_tls` forbids later hops without TLS (RFC 8689); see
        SendOptions.

        Raises SenderRefused, RecipientsRefused (none was accepted), MessageRefused: the session stays open.
        ConnectionFailed and RemoteProtocolError end it; their `in_doubt` tells whether the message may have been
        delivered. InvalidMessage, InvalidAddress and NotSupported are raised before a byte is sent.
        """
        return self.send_with(message, SendOptions(**options) if options else None)

    def send_with(self, message: Sendable, options: SendOptions | None) -> Receipt:
        """Send one message with its options in a value; see `send`."""
        if self._known.broken:
            self._refuse_if_closed()
        submission = self._submission_of(message, self._dialogue.extensions, options)
        try:
            return self.submit(submission)
        except errors.MessageRefused as refused:
            if not (submission.content.binary and refused.hint_id == "BDAT-REFUSED"):
                raise
        # Binary content needs BDAT, which this server refused: encode the files in base64 instead.
        self.open()
        return self.submit(self._submission_of(message, self._dialogue.extensions, options))

    def send_many(
        self,
        messages: Iterable[Sendable],
        *,
        on_refused: OnRefused = "deliver",
        window: int | Callable[[], int] = WINDOW,
    ) -> Iterator[Result]:
        """Send many messages without waiting for each; yields one result for each, in order.

            mails = [Message(sender="ada@example.org", to=f"{name}@example.org") for name in ("bob", "gone")]
            for result in session.send_many(mails):
                print(type(result).__name__)  # Receipt, then RecipientsRefused

        A result is a Receipt, or the error of that message: one bad message does not stop the others. Messages are
        taken from the iterable as the connection has room, at most `window` ahead, so that memory stays constant. Where
        the server supports CHUNKING, `window` is also the number that may be in doubt when the connection is lost; 1
        keeps it at one; a function is called for it each time that more may leave. A session that the server ends is
        reopened: messages of which it had accepted nothing are sent again, once; what it may have accepted is in doubt
        and never sent again.

        Raises what reopening raises, after each message in flight has its result, and whatever `messages` raises, after
        those before have theirs. The session is busy until the last result was taken; to stop earlier close the
        generator, and the results of messages in flight are dropped.
        """
        from courriel.network.line import refuse_if_broken  # noqa: PLC0415
        from courriel.session.message_source import Supply, stream_on  # noqa: PLC0415 - not for one message

        refuse_if_broken(self._line)
        sender = stream_on(self._dialogue, window)
        supply = Supply(messages, on_refused)
        with self._line.guard:
            try:
                while not supply.ended or sender.in_hand:
                    if not (supply.pauses and sender.in_hand):
                        supply.fill(sender)
                    self._line.proceed(sender.advance(last=supply.pauses))
                    for result in sender.results():
                        yield result
            except errors.CourrielError:
                for result in sender.results():
                    yield result
                raise
            finally:
                if self.usable:
                    self._line.proceed(sender.wind_up())
        if supply.failure is not None:
            raise supply.failure

    def submit(self, submission: Submission) -> Receipt:
        """Send bytes that are ready, unchanged: the method of every transport; see Transport.submit.

        A session that was lost, or has never been opened, is opened first; one that was closed raises ConnectionFailed.
        """
        if self._known.broken:
            self._open_for_submission()
        script = self._usual_mail(self._dialogue, submission)
        receipt = self._line.run(self._submit(submission)) if script is None else self._line.run_script(script)
        return receipt.with_notes(*submission.notes) if submission.notes else receipt

    def submit_many(
        self, submissions: Iterable[Submission], *, window: int | Callable[[], int] = WINDOW
    ) -> Iterator[Result]:
        """Send many submissions; yields one result for each, in order: `send_many` for bytes that are ready.

        A session that was lost, or has never been opened, is opened first, as by `submit`.
        """
        if self._known.broken:
            self._open_for_submission()
        return self.send_many(submissions, window=window)

    def noop(self) -> None:
        """Send NOOP: checks the connection, and resets the server's idle timer."""
        self._line.run(self._dialogue.noop())

    def close(self) -> None:
        """Send QUIT and close the connection. Never raises for the server's answer: accepted messages stay accepted."""
        self._closed = True
        if self.usable:
            try:  # noqa: SIM105 - contextlib would be imported for this alone
                self._line.run(self._dialogue.close())
            except errors.CourrielError:
                pass
        self._line.hang_up()

    def _open_for_submission(self) -> None:
        if self._closed:
            self._refuse_if_closed()
        self.open()

    def __enter__(self) -> Self:
        return self if self.usable else self.open()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class AsyncSmtpSession(_Session):
    """SMTP session for asyncio: the methods of SmtpSession, awaited.

        async with AsyncSmtpSession(Server("smtp.example.org"), Password("ada", secret)) as session:
            receipt = await session.send(message)

    Use it with `async with`, or await `open()` and `close()`.
    """

    def __init__(
        self,
        server: Server | str,
        credentials: Credentials | None = None,
        *,
        max_messages: int | None = None,
        transcript: Transcript | None = None,
    ) -> None:
        from courriel.network import awaiting  # noqa: PLC0415 - blocking programs do not pay for asyncio
        from courriel.network.transcripts.transcript import log_if_wanted  # noqa: PLC0415

        server = _as_server(server)
        self._line = awaiting.AsyncLine(server, transcript if transcript is not None else log_if_wanted())
        super().__init__(server, credentials, self._line, max_messages)

    async def open(self) -> Self:
        """Connect, send EHLO, start TLS, log in; see SmtpSession.open."""
        await self._line.run(self._dialogue.open(), opening=True)
        self._closed = False
        return self

    async def send(self, message: Sendable, /, **options: Unpack[SendArguments]) -> Receipt:
        """Send one message; returns a receipt with the result of each recipient; see SmtpSession.send.

        A cancelled call closes the connection; the server may have accepted the message already.
        """
        return await self.send_with(message, SendOptions(**options) if options else None)

    async def send_with(self, message: Sendable, options: SendOptions | None) -> Receipt:
        """Send one message with its options in a value; see `send`."""
        if self._known.broken:
            self._refuse_if_closed()
        submission = self._submission_of(message, self._dialogue.extensions, options)
        try:
            return await self.submit(submission)
        except errors.MessageRefused as refused:
            if not (submission.content.binary and refused.hint_id == "BDAT-REFUSED"):
                raise
        # Binary content needs BDAT, which this server refused: encode the files in base64 instead.
        await self.open()
        return await self.submit(self._submission_of(message, self._dialogue.extensions, options))

    async def send_many(
        self,
        messages: Iterable[Sendable] | AsyncIterable[Sendable],
        *,
        on_refused: OnRefused = "deliver",
        window: int | Callable[[], int] = WINDOW,
    ) -> AsyncIterator[Result]:
        """Send many messages without waiting for each; yields one result for each; see SmtpSession.send_many.

        The messages may come from an async iterable too. A cancelled call closes the connection: messages in flight are
        in doubt.
        """
        from courriel.network.line import refuse_if_broken  # noqa: PLC0415
        from courriel.session.message_source import AsyncSupply, stream_on  # noqa: PLC0415 - not for one message

        refuse_if_broken(self._line)
        sender = stream_on(self._dialogue, window)
        supply = AsyncSupply(messages, on_refused)
        with self._line.guard:
            try:
                while not supply.ended or sender.in_hand:
                    if not (supply.pauses and sender.in_hand):
                        await supply.fill(sender)
                    await self._line.proceed(sender.advance(last=supply.pauses))
                    for result in sender.results():
                        yield result
            except errors.CourrielError:
                for result in sender.results():
                    yield result
                raise
            finally:
                if self.usable:
                    await self._line.proceed(sender.wind_up())
        if supply.failure is not None:
            raise supply.failure

    async def submit(self, submission: Submission) -> Receipt:
        """Send bytes that are ready, unchanged; see SmtpSession.submit."""
        if self._known.broken:
            await self._open_for_submission()
        receipt = await self._line.run(self._submit(submission))
        return receipt.with_notes(*submission.notes) if submission.notes else receipt

    async def submit_many(
        self, submissions: Iterable[Submission] | AsyncIterable[Submission], *, window: int | Callable[[], int] = WINDOW
    ) -> AsyncIterator[Result]:
        """Send many submissions; yields one result for each, in order; see SmtpSession.submit_many."""
        if self._known.broken:
            await self._open_for_submission()
        results = self.send_many(submissions, window=window)
        try:
            async for result in results:
                yield result
        finally:
            await results.aclose()  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue]

    async def noop(self) -> None:
        """Send NOOP: checks the connection, and resets the server's idle timer."""
        await self._line.run(self._dialogue.noop())

    async def close(self) -> None:
        """Send QUIT and close the connection; see SmtpSession.close."""
        self._closed = True
        if self.usable:
            try:  # noqa: SIM105 - see SmtpSession.close
                await self._line.run(self._dialogue.close())
            except errors.CourrielError:
                pass
        self._line.hang_up()

    async def _open_for_submission(self) -> None:
        if self._closed:
            self._refuse_if_closed()
        await self.open()

    async def __aenter__(self) -> Self:
        return self if self.usable else await self.open()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()


_BEFORE_THE_END = ("connect", "secure", "greeting", "hello", "authenticate", "sender", "recipient", "data")


def longest_silence(server: Server) -> float:
    """Seconds that a server may be silent before the end of a message: the longest limit of those stages."""
    return max(server.timeouts.of(stage) for stage in _BEFORE_THE_END)


def _as_limit(most: int) -> int:
    if isinstance(most, bool) or not isinstance(most, int) or most < 1:
        raise errors.UsageError(f"max_messages: {most!r} is not a number from 1 on")
    return most


def _as_server(server: Server | str) -> Server:
    """A server by its host name, never a URL: `courriel.send(via=...)` takes those."""
    if not isinstance(server, Server):
        return Server(server)
    if server.dialect is Dialect.HTTPS:
        raise errors.InvalidServer(f"{server} speaks HTTPS, and a session speaks SMTP: courriel.connect takes its URL")
    if server.dialect in (Dialect.POP3, Dialect.IMAP):
        raise errors.InvalidServer(f"{server} speaks {server.dialect.name}, which is for reading; mail leaves by SMTP")
    return server
