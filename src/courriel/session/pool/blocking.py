"""SMTP pool for threads: open sessions to one server, lent to the thread that sends."""

from __future__ import annotations

from _thread import allocate_lock
from collections.abc import Callable, Generator, Iterable
from contextlib import contextmanager, suppress
from time import monotonic
from types import TracebackType
from typing import TYPE_CHECKING

from courriel import errors
from courriel.model.receipt import Receipt
from courriel.model.servers.credentials import Credentials
from courriel.model.servers.server import Server
from courriel.model.submission import WINDOW, Submission
from courriel.network.transcripts.transcript import Transcript
from courriel.session.encoding import Sendable
from courriel.session.pool.base import PoolBase, never_begun
from courriel.session.pool.pooled_session import PooledSession
from courriel.session.pool.state import PoolLimits, Slot, Waiter
from courriel.session.pool.throttle import Rate
from courriel.session.smtp import SmtpSession, longest_silence

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Self, Unpack

    from courriel.model.receipt import Result
    from courriel.model.typed import SendArguments

_A_LOOK = 1.0  # seconds after which a waiting thread checks the time limits itself


class SmtpPool(PoolBase[SmtpSession]):
    """Up to `size` open sessions to one server, for any number of threads.

    `server` is a Server, or a host name (TLS, port 465). For URLs and profiles there is `courriel.connect`.

        with SmtpPool(Server("smtp.example.org"), Password("ada", secret)) as pool:
            receipt = pool.send(message)          # from any thread
            with pool.session() as session:       # for exclusive use inside the block
                ...

    Sessions are opened when needed. One that has been idle for `idle` seconds (or half of what this server allowed), is
    `age` seconds old or has sent `messages` messages is replaced; these limits are checked when the pool is called,
    there is no background thread. A caller that finds no session free waits for up to `wait` seconds, first come, first
    served. `rate` ("30/m") applies to all sessions together. When the server asks to slow down (432, 4.7.0, most kinds
    of 421), sessions and rate are halved, and restored step by step after some quiet seconds. A server that takes fewer
    than `messages` in a session is remembered, and its sessions are replaced in time. Raises UsageError for invalid
    limits.

    After a fork the pool opens its own sessions in the child process, with its own limits and rate.

    A session that cannot be opened is an error for its caller, unless others work: then the caller waits for one of
    them. With no session open all waiting callers fail at once, instead of trying one after the other.
    """

    def __init__(
        self,
        server: Server | str,
        credentials: Credentials | None = None,
        *,
        size: int = 4,
        idle: float = 8.0,
        age: float = 300.0,
        messages: int = 100,
        wait: float = 30.0,
        rate: Rate | str | None = None,
        transcript: Transcript | None = None,
    ) -> None:
        super().__init__(server, credentials, PoolLimits(size, idle, age, messages, wait, Rate.of(rate)), transcript)

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
        """Seconds that the server may be silent at most before the end of a message."""
        return longest_silence(self.server)

    obeys_recipient_rule = True  # its sessions do

    @property
    def parallel(self) -> int:
        """Submissions carried at once: the number of sessions."""
        return self.limits.size

    def send(self, message: Sendable, /, **options: Unpack[SendArguments]) -> Receipt:
        """Send one message on a free session; returns the result of each recipient. See SmtpSession.send.

        Raises what it raises, what `open` raises, TimedOut when no session was free in time (nothing was sent), and
        UsageError when the pool is closed.
        """
        return self._with_session(lambda session: session.send(message, **options))

    def submit(self, submission: Submission) -> Receipt:
        """Send bytes that are ready, unchanged; see Transport.submit."""
        return self._with_session(lambda session: session.submit(submission))

    def submit_many(
        self, submissions: Iterable[Submission], *, window: int | Callable[[], int] = WINDOW
    ) -> Iterator[Result]:
        """Send many submissions on one session of the pool; yields one result for each, in order."""
        with self.session() as session:
            yield from session.submit_many(submissions, window=window)

    @contextmanager
    def session(self, *, transcript: Transcript | None = None) -> Generator[SmtpSession]:
        """Context manager: a session for exclusive use, checked to be alive; returned when the block ends.

        The rate and the message count apply inside too. Do not use it after the block. A `transcript` records its
        conversation meanwhile.
        """
        waiter = self._ask()
        session = self._ready(waiter, look=True, transcript=transcript)
        try:
            yield session
        finally:
            if transcript is not None:
                _ = session.record(self.transcript_of_session())
            self._withdraw(waiter)

    def close(self) -> None:
        """Take no more messages and close all sessions; may be called twice, and does not wait.

        Callers that wait for a session get ConnectionFailed. Messages being sent go on, and their sessions are closed
        when they are returned; `hang_up` interrupts those too.
        """
        self._shut()

    def close_idle(self) -> None:
        """Close every unused session; the pool goes on, and opens others when needed."""
        with self._lock:
            self._state.discard_all()
            to_close = self._state.discarded()
        self._close_soon(to_close)

    def hang_up(self) -> None:
        """Close, and interrupt messages being sent: those fail, and may be in doubt."""
        self._shut()
        with self._lock:
            cut = self._state.sessions
        for session in cut:
            session.hang_up()

    def __enter__(self) -> Self:
        if self.closed:
            raise errors.UsageError("this pool is closed; make another one")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    # The steps.

    def _with_session(self, act: Callable[[SmtpSession], Receipt]) -> Receipt:
        waiter = self._ask()
        while True:
            session, begun = self._ready(waiter), monotonic()
            try:
                receipt = act(session)
            except BaseException as error:
                if not (isinstance(error, errors.CourrielError) and never_begun(error)):
                    self._withdraw(waiter)
                    raise
                if self._is_final(waiter, error, begun):
                    raise
            else:
                self._withdraw(waiter)
                return receipt

    def _ready(
        self, waiter: Waiter[SmtpSession], *, look: bool = False, transcript: Transcript | None = None
    ) -> SmtpSession:
        """Wait for a slot, and open its session where there is none; `look`: check that the connection is alive."""
        while True:
            if waiter.slot is None:
                self._wait(waiter)
            assert waiter.slot is not None
            begun = monotonic()
            try:
                return self._opened_session(waiter.slot, look, transcript)
            except errors.CourrielError as error:
                if self._is_final(waiter, error, begun):
                    raise
            except BaseException:
                self._withdraw(waiter)
                raise

    def _opened_session(self, slot: Slot[SmtpSession], look: bool, transcript: Transcript | None) -> SmtpSession:
        session = slot.session
        if session is None:
            slot.session = session = PooledSession(self, self._credentials, slot)
            if transcript is not None:
                _ = session.record(transcript)
            session.open()
        elif look:
            assert isinstance(session, PooledSession)
            if transcript is not None:
                _ = session.record(transcript)
            session.look()
        elif session.usable:
            return session  # lent before the pool was closed: its message is still sent
        if self.closed:
            raise self._closed_meanwhile()
        return session

    def _wait(self, waiter: Waiter[SmtpSession]) -> None:
        bell = _Bell()
        try:
            waiter.call = bell.ring
            while not waiter.decided:
                left = waiter.until - monotonic()
                if left <= 0 or not bell.wait(min(left, _A_LOOK)):
                    self._check_limits()
        except BaseException:
            self._withdraw(waiter)
            raise
        if waiter.refusal is not None:
            raise waiter.refusal

    def _pause(self, moment: float) -> None:
        """Wait until `moment`, when the next message may be sent."""
        bell = _Bell()
        with self._lock:
            self._pausing.add(bell.ring)
        try:
            while not self.closed and (left := moment - monotonic()) > 0:
                bell.wait(left)
        except BaseException:
            self._unused(moment)
            raise
        finally:
            with self._lock:
                self._pausing.discard(bell.ring)
        if self.closed:
            raise self._closed_meanwhile()

    def _close_soon(self, sessions: list[SmtpSession]) -> None:
        for session in sessions:
            assert isinstance(session, PooledSession)
            session.close()


class _Bell:
    """Wake-up of one thread; repeated calls before it wakes count once."""

    def __init__(self) -> None:
        self._silent = allocate_lock()
        self._silent.acquire()

    def ring(self) -> None:
        with suppress(RuntimeError):  # set already, and no thread has woken yet
            self._silent.release()

    def wait(self, seconds: float) -> bool:
        """Whether it was set within so many seconds."""
        return self._silent.acquire(timeout=seconds)
