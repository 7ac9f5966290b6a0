"""A pool for those who block: warm sessions to one server, lent to whichever thread sends."""

from __future__ import annotations

from _thread import allocate_lock
from collections.abc import Callable, Generator, Iterable
from contextlib import contextmanager, suppress
from time import monotonic
from types import TracebackType
from typing import TYPE_CHECKING

from courriel import errors
from courriel.model.credentials import Credentials
from courriel.model.receipt import Receipt
from courriel.model.server import Server
from courriel.model.submission import WINDOW, Submission
from courriel.network.transcript import Transcript
from courriel.session.lending import Lending, never_begun
from courriel.session.outgoing import Sendable
from courriel.session.pace import Rate
from courriel.session.shelf import Limits, Place, Ticket
from courriel.session.smtp import SmtpSession
from courriel.session.warm import WarmSession

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Self, Unpack

    from courriel.dialogue.tray import Result
    from courriel.model.submission import SendWords

_A_LOOK = 1.0  # seconds after which a thread that waits looks for itself whether something has changed


class SmtpPool(Lending[SmtpSession]):
    """Up to `size` open sessions to one server, for any number of threads.

    `server` is a Server, or a host name (TLS, port 465). A URL or a profile becomes a pool by `courriel.connect`.

        with SmtpPool(Server("smtp.example.org"), Password("ada", secret)) as pool:
            receipt = pool.send(message)          # in any thread, as often as wished
            with pool.session() as session:       # a session for oneself, for as long as the block lasts
                ...

    Sessions are opened when they are needed. One that has been silent for `idle` seconds (or half of what this server
    has hung up after), that is `age` seconds old or has carried so many `messages` is replaced; all that is looked at
    when the pool is called, there is no thread behind it. Who finds no session free waits for `wait` seconds, first
    come, first served. `rate` ("30/m") holds for all together. A server that asks for it (432,
    4.7.0, most kinds of 421) gets half the sessions and half the rate; some quiet seconds give a little back. One that
    takes fewer than `messages` in a session is remembered, and gets its new session in time. Raises UsageError for
    limits that cannot be meant.

    After a fork the pool opens sessions of its own in the child process, with limits and a rate of its own.

    A session that cannot be opened is an error for its caller, unless others work: then the caller waits for one of
    them. With none alive all who wait are told at once, and do not try one after the other.
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
        super().__init__(server, credentials, Limits(size, idle, age, messages, wait, Rate.of(rate)), transcript)

    @property
    def name(self) -> str:
        """The server, "host:port"."""
        return str(self.server)

    @property
    def answer_limit(self) -> float:
        """Seconds that the answer to one submission may take, from its `before_end` on."""
        return self.server.timeouts.message

    @property
    def parallel(self) -> int:
        """Submissions carried at once: the number of sessions."""
        return self.limits.size

    def send(self, message: Sendable, /, **options: Unpack[SendWords]) -> Receipt:
        """Send one message over a session that is free, and say what became of each recipient; see SmtpSession.send.

        Raises what it raises, what `open` raises, TimedOut when no session was free in time (nothing was sent), and
        UsageError when the pool is closed.
        """
        return self._with_session(lambda session: session.send(message, **options))

    def submit(self, submission: Submission) -> Receipt:
        """Hand over a mail whose envelope and octets are made already; see Transport.submit."""
        return self._with_session(lambda session: session.submit(submission))

    def submit_many(
        self, submissions: Iterable[Submission], *, window: int | Callable[[], int] = WINDOW
    ) -> Iterator[Result]:
        """Hand over many submissions on one session of the pool, and give one result for each, in their order."""
        with self.session() as session:
            yield from session.submit_many(submissions, window=window)

    @contextmanager
    def session(self, *, transcript: Transcript | None = None) -> Generator[SmtpSession]:
        """A session for oneself, open and known to be alive; it goes back at the end of the block, whatever happens.

        The rate and the count of messages hold inside, too. Nobody may use it after the block. A
        `transcript` is told what is said on it meanwhile.
        """
        ticket = self._ask()
        session = self._ready(ticket, look=True, transcript=transcript)
        try:
            yield session
        finally:
            if transcript is not None:
                _ = session._line.listen(self.transcript_of_session())
            self._withdraw(ticket)

    def close(self) -> None:
        """Take no more messages, and say goodbye; may be called twice, and does not wait.

        Who waits for a session gets ConnectionFailed. Messages that are on their way go on, and their sessions are
        closed when they come back; `hang_up` cuts those, too.
        """
        self._shut()

    def close_idle(self) -> None:
        """Say goodbye on every session that nobody uses; the pool goes on, and opens others when they are needed."""
        with self._lock:
            self._shelf.put_all_away()
            gone = self._shelf.discarded()
        self._let_go(gone)

    def hang_up(self) -> None:
        """Close, and cut what is on its way: those messages fail, and may be in doubt."""
        self._shut()
        with self._lock:
            cut = self._shelf.sessions
        for session in cut:
            session._line.hang_up()

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
        ticket = self._ask()
        while True:
            session, begun = self._ready(ticket), monotonic()
            try:
                receipt = act(session)
            except BaseException as error:
                if not (isinstance(error, errors.CourrielError) and never_begun(error)):
                    self._withdraw(ticket)
                    raise
                if self._is_final(ticket, error, begun):
                    raise
            else:
                self._withdraw(ticket)
                return receipt

    def _ready(
        self, ticket: Ticket[SmtpSession], *, look: bool = False, transcript: Transcript | None = None
    ) -> SmtpSession:
        """Wait for a place, and open its session where there is none; `look`: make sure that the server is there."""
        while True:
            if ticket.place is None:
                self._wait(ticket)
            assert ticket.place is not None
            begun = monotonic()
            try:
                return self._opened_session(ticket.place, look, transcript)
            except errors.CourrielError as error:
                if self._is_final(ticket, error, begun):
                    raise
            except BaseException:
                self._withdraw(ticket)
                raise

    def _opened_session(self, place: Place[SmtpSession], look: bool, transcript: Transcript | None) -> SmtpSession:
        session = place.session
        if session is None:
            place.session = session = WarmSession(self, self._credentials, place)
            if transcript is not None:
                _ = session._line.listen(transcript)
            session.open()
        elif look:
            assert isinstance(session, WarmSession)
            if transcript is not None:
                _ = session._line.listen(transcript)
            session.look()
        elif session.usable:
            return session  # lent before the pool was closed: its message goes on
        if self.closed:
            raise self._closed_meanwhile()
        return session

    def _wait(self, ticket: Ticket[SmtpSession]) -> None:
        bell = _Bell()
        try:
            ticket.call = bell.ring
            while not ticket.decided:
                left = ticket.until - monotonic()
                if left <= 0 or not bell.wait(min(left, _A_LOOK)):
                    self._look()
        except BaseException:
            self._withdraw(ticket)
            raise
        if ticket.refusal is not None:
            raise ticket.refusal

    def _pause(self, moment: float) -> None:
        """Wait for the moment at which the next message may leave."""
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

    def _let_go(self, sessions: list[SmtpSession]) -> None:
        for session in sessions:
            assert isinstance(session, WarmSession)
            session.close()


class _Bell:
    """Wakes one thread; ringing twice is ringing once."""

    def __init__(self) -> None:
        self._silent = allocate_lock()
        self._silent.acquire()

    def ring(self) -> None:
        with suppress(RuntimeError):  # it has been rung, and nobody has come yet
            self._silent.release()

    def wait(self, seconds: float) -> bool:
        """Whether it rang within so many seconds."""
        return self._silent.acquire(timeout=seconds)
