"""Base of both connection classes: busy lock, time limits, handling of errors."""

from __future__ import annotations

from _thread import allocate_lock
from time import monotonic
from types import TracebackType

from courriel import errors
from courriel.errors import Stage
from courriel.model.servers.credentials import Token
from courriel.model.servers.server import Server
from courriel.network.connecting.resolve import AddressesFailed
from courriel.network.translate import (
    HungUp,
    ProxySilent,
    by_proxy,
    opened_too_slowly,
    overdue,
    proxy_silent,
    silent,
    translate,
)

TYPE_CHECKING = False

if TYPE_CHECKING:
    import ssl

    from courriel.network.transcripts.transcript import Transcript


PROBING = 5  # seconds to probe whether a port speaks TLS
_NEVER = float("inf")
_LIVELY = 5  # idle seconds after which the connection may be dead; the strictest servers close after ten (hazard H16)
_AS_GOOD_AS = 0.1  # seconds of tolerance, when the opening deadline equals the limit of a stage
_OPENING = ("connect", "secure", "greeting", "hello", "authenticate")
_ROUNDED = 0.005  # seconds by which a wait may end early: the kernel counts in milliseconds


class BusyGuard:
    """Lock for one call at a time: a concurrent call is refused at once, and does not wait."""

    def __init__(self) -> None:
        self._taken = allocate_lock()
        self.release = self._taken.release

    @property
    def taken(self) -> bool:
        """Whether a call is running."""
        return self._taken.locked()

    def take(self) -> None:
        """Take the lock, to be given back by `release`: for the call whose cost counts. Raises UsageError."""
        if not self._taken.acquire(False):  # by name it takes twice the time
            raise errors.UsageError(
                "this session is busy: one conversation at a time; open another session to send in parallel",
                hint_id="SESSION-BUSY",
            )

    def __enter__(self) -> None:
        self.take()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._taken.release()


class Deadlines:
    """Time limits of a connection: for each stage, for one reply, and for one whole call."""

    def __init__(self, server: Server) -> None:
        self._server, self._timeouts = server, server.timeouts
        self._deadline = float("inf")
        self._call_ends = float("inf")  # the deadline once the session is open
        self._opening = False  # whether the deadline is that of opening the session
        self._greets = False  # whether the limit of the greeting is running
        self._one_call = False
        self._patience = _NEVER  # the limit of the current reply (monotonic)
        self._heard = float("-inf")

    def follow(self, server: Server) -> None:
        """Use the time limits of this server from now on; it differs in its time-outs only."""
        self._server, self._timeouts = server, server.timeouts

    def start_call(self) -> None:
        """Start the total deadline of a call."""
        if not self._one_call or self._call_ends == float("inf"):
            total = self._server.timeouts.total
            self._call_ends = monotonic() + total if total else float("inf")
        self._deadline, self._opening = self._call_ends, False

    def count_as_one_call(self) -> None:
        """Put all calls from the next one on under one total deadline."""
        self._one_call, self._call_ends = True, float("inf")

    def for_connecting(self) -> float:
        """Deadline of connecting (monotonic seconds). Starts the deadline of opening the session."""
        now, timeouts = monotonic(), self._server.timeouts
        self._deadline, self._greets = self._call_ends, False
        self._opening = timeouts.opening is not None and now + timeouts.opening < self._call_ends
        if self._opening and timeouts.opening is not None:
            self._deadline = now + timeouts.opening
        return min(now + timeouts.connect, self._deadline)

    def for_greeting(self, seconds: float) -> float:
        """Up to `seconds` of the greeting's limit, which starts now and continues while the greeting is read."""
        if not self._greets:
            self._greets, self._patience = True, monotonic() + self._timeouts.greeting
        return self.at_most(seconds)

    def for_probe(self, stage: Stage) -> float:
        """Seconds to probe whether the port speaks TLS; 0 when none are left."""
        now = monotonic()
        left = self._patience - now if self._greets else self._timeouts.of(stage)
        return max(0.0, min(PROBING, left, self._deadline - now))

    def for_stage(self, stage: Stage) -> float:
        """Seconds left for a wait at this stage. Raises TimeoutError when none are left."""
        self._end_opening_at(stage)
        return _some_left(min(self._server.timeouts.of(stage), self._deadline - monotonic()))

    def at_most(self, seconds: float) -> float:
        """These seconds, or what is left of the call. Raises TimeoutError when nothing is left."""
        return _some_left(min(seconds, self._deadline - monotonic())) if seconds else 0

    def for_reply(self, stage: Stage, more: bool) -> float:
        """Seconds left for a reply; `more`: one has begun to arrive, and its limit continues. Raises TimeoutError."""
        self._heard = now = monotonic()
        runs = more or (stage == "greeting" and self._greets)
        if not runs or self._patience == _NEVER:
            limit: float = getattr(self._timeouts, stage)
            self._patience = now + limit
            if self._patience <= self._deadline:
                return limit
        self._end_opening_at(stage)
        return _some_left(min(self._deadline, self._patience) - now)

    def maybe_stale(self) -> bool:
        """Whether the last wait for a reply is so long ago that the connection may be dead."""
        return monotonic() - self._heard > _LIVELY

    def explain(self, broken: OSError, stage: Stage) -> errors.CourrielError:
        """Our error for a broken connection, with the original as its cause."""
        timeouts = self._server.timeouts
        error: errors.CourrielError
        over = monotonic() >= self._deadline - _ROUNDED
        if not isinstance(broken, TimeoutError):
            error = translate(broken, self._server, stage)
        elif over and self._opening and timeouts.opening is not None and not self._own_limit_is_over(stage):
            error = opened_too_slowly(self._server, stage, timeouts.opening)
        elif over and not self._opening and timeouts.total is not None:
            error = overdue(self._server, stage, timeouts.total)
        elif isinstance(broken, ProxySilent):
            error = proxy_silent(self._server, stage, timeouts.of(stage), broken)
        else:
            tried = str(broken) if isinstance(broken, AddressesFailed) else ""
            error = silent(self._server, stage, self._server.timeouts.of(stage), tried)
        if isinstance(broken, ProxySilent) and not error.hint_id:
            by_proxy(error, broken)
        error.__cause__ = broken
        return error

    def _end_opening_at(self, stage: Stage) -> None:
        """End the deadline of opening at the first stage after the login."""
        if self._opening and stage not in _OPENING:
            self._opening, self._deadline = False, self._call_ends

    def _own_limit_is_over(self, stage: Stage) -> bool:
        """Whether the limit of this stage alone has run out, within the tolerance."""
        return stage == "connect" or self._patience - self._deadline < _AS_GOOD_AS


class BaseLine:
    """Base of both connections: what neither waits for nor needs a socket."""

    def __init__(self, server: Server, transcript: Transcript | None = None) -> None:
        self.server = server
        self.broken = True  # until a flow connects
        self._hung_up = False  # here, and not by the server, since it was connected or began to be
        self.inherited = False  # from the parent process, by a fork
        self.tls_version = ""
        self.guard = BusyGuard()
        self._transcript = transcript
        self._clock = Deadlines(server)

    def count_as_one_call(self) -> None:
        """Put all calls from the next one on under one total deadline."""
        self._clock.count_as_one_call()

    def follow(self, server: Server) -> None:
        """Replace the time limits, from the next wait on; `server` differs in its time-outs only."""
        self.server = server
        self._clock.follow(server)

    @property
    def maybe_stale(self) -> bool:
        """Whether the last reply is so long ago that the connection may be dead."""
        return self._clock.maybe_stale()

    def listen(self, transcript: Transcript | None) -> Transcript | None:
        """Set the transcript; returns the previous one."""
        before, self._transcript = self._transcript, transcript
        return before

    def hang_up(self) -> None:
        """Close the connection without QUIT."""
        raise NotImplementedError

    def _explain(self, broken: OSError, stage: Stage) -> errors.CourrielError:
        """Our error for a broken connection; one that was closed here meanwhile is broken for that reason."""
        return self._clock.explain(HungUp() if self._hung_up else broken, stage)

    def _refuse_if_hung_up(self) -> None:
        """Raise HungUp when the connection was closed here while it was not there yet."""
        if self._hung_up:
            self.hang_up()
            raise HungUp

    def _note(self, text: str) -> None:
        if self._transcript is not None:
            self._transcript.noted(text)

    def _note_connected(self) -> None:
        if self._transcript is None:
            return
        through = ""
        if self.server.proxy is not None:
            from courriel.network.connecting.proxy.environment import proxy_of  # noqa: PLC0415 - most servers have none

            proxy = proxy_of(self.server)
            through = f" through the proxy {proxy}" if proxy is not None else ""
        self._note(f"connected to {self.server}{through}")


def refuse_if_broken(line: BaseLine) -> None:
    """Raise ConnectionFailed for a closed connection: data on it may belong to another command."""
    if line.broken:
        refuse_if_inherited(line)
        raise errors.ConnectionFailed(
            "this session is closed, or was cut short; open it again", server=str(line.server), hint_id="SESSION-LOST"
        )


def refuse_if_inherited(line: BaseLine) -> None:
    """Raise ConnectionFailed for a session that was open when this process was forked."""
    if line.inherited:
        raise errors.ConnectionFailed(
            "this session was opened by another process, from which this one was forked: open() it again here,"
            " or make a session in each process",
            server=str(line.server),
            hint_id="SESSION-FORKED",
        )


def keep_line(error: BaseException, server: Server, *, opening: bool) -> bool:
    """Fill in `server` and `protocol` on the error, and return whether the connection is still usable.

    A session that could not be opened has no owner to close it. On errors of opening and login the frames of the
    traceback, which held a password or a token, are cleared: error reporters record the locals of frames.
    """
    if opening or getattr(error, "stage", "") == "authenticate":
        _clear_frames(error)
    if not isinstance(error, errors.CourrielError):
        return False
    error.server = error.server or str(server)
    error.protocol = server.dialect.value
    error.session_usable = error.session_usable and not opening
    return error.session_usable


def _clear_frames(error: BaseException) -> None:
    """Clear the frames in the tracebacks of this error and its causes; frames still running are left alone."""
    from traceback import clear_frames  # noqa: PLC0415 - only where a session could not be opened

    link: BaseException | None = error
    for _ in range(10):
        if link is None:
            return
        clear_frames(link.__traceback__)
        link = link.__cause__ or link.__context__


def prepared_tls(server: Server) -> ssl.SSLContext:
    """The TLS context for this server, cached and shared. Raises InvalidServer for an unusable file."""
    from courriel.network.tls import contexts  # noqa: PLC0415 - not needed without TLS

    return contexts.client_context(server.trust, server.client_certificate)


def token_bytes(given: object) -> bytes:
    """The bytes of a token that a token source returned. Raises UsageError for anything else."""
    match given:
        case Token(value):
            return value.encode()
        case str():
            return Token(given).value.encode()  # validates it
        case _:
            raise errors.UsageError(f"a token source returned {type(given).__name__}, not a Token")


def _some_left(seconds: float) -> float:
    if seconds <= 0:
        raise TimeoutError
    return seconds
