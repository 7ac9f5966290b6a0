"""What lines of both colours have in common: whose turn it is, how long to wait, what is done with a broken one."""

from __future__ import annotations

from _thread import allocate_lock
from time import monotonic
from types import TracebackType

from courriel import errors
from courriel.errors import Stage
from courriel.model.credentials import Token
from courriel.model.server import Server
from courriel.network.failures import opened_too_slowly, overdue, silent, translate
from courriel.network.race import Unreached

TYPE_CHECKING = False

if TYPE_CHECKING:
    import ssl

    from courriel.network import awaiting, blocking


PROBING = 5  # seconds that a look at how a port begins may take
_NEVER = float("inf")
_LIVELY = 5  # seconds of silence after which nobody knows any more; the hastiest servers hang up after ten (scar 16)
_AS_GOOD_AS = 0.1  # seconds that connecting took, when the whole opening has no more than a stage
_OPENING = ("connect", "secure", "greeting", "hello", "authenticate")
_ROUNDED = 0.005  # seconds by which a wait may end too early: the kernel counts in milliseconds


class Turn:
    """One conversation at a time: a second caller is refused at once, and does not wait."""

    def __init__(self) -> None:
        self._taken = allocate_lock()

    @property
    def taken(self) -> bool:
        """Whether a conversation goes on at this moment."""
        return self._taken.locked()

    def __enter__(self) -> None:
        if not self._taken.acquire(blocking=False):
            raise errors.UsageError(
                "this session is busy: one conversation at a time; open another session to send in parallel",
                hint_id="SESSION-BUSY",
            )

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._taken.release()


class Clock:
    """How long a line may be silent: by stage, for one reply, and for one whole call."""

    def __init__(self, server: Server) -> None:
        self._server, self._timeouts = server, server.timeouts
        self._deadline = float("inf")
        self._call_ends = float("inf")  # the deadline once the session is open
        self._opening = False  # the deadline is that of an opening
        self._greets = False  # the limit of the greeting runs
        self._one_call = False
        self._patience = _NEVER  # until a reply is waited for on this line
        self._heard = float("-inf")

    def follow(self, server: Server) -> None:
        """From now on the limits of this server hold, which is the same one in all but its time-outs."""
        self._server, self._timeouts = server, server.timeouts

    def start_call(self) -> None:
        """A call begins: from now on its total deadline runs."""
        if not self._one_call or self._call_ends == float("inf"):
            total = self._server.timeouts.total
            self._call_ends = monotonic() + total if total else float("inf")
        self._deadline, self._opening = self._call_ends, False

    def count_as_one_call(self) -> None:
        """From the next call on all of them have one total deadline together."""
        self._one_call, self._call_ends = True, float("inf")

    def for_connecting(self) -> float:
        """The moment (monotonic) at which connecting is given up. An opening begins, and its deadline runs."""
        now, timeouts = monotonic(), self._server.timeouts
        self._deadline, self._greets = self._call_ends, False
        self._opening = timeouts.opening is not None and now + timeouts.opening < self._call_ends
        if self._opening and timeouts.opening is not None:
            self._deadline = now + timeouts.opening
        return min(now + timeouts.connect, self._deadline)

    def for_greeting(self, seconds: float) -> float:
        """So many seconds of the limit of the greeting, which begins now and goes on when the greeting is heard."""
        if not self._greets:
            self._greets, self._patience = True, monotonic() + self._timeouts.greeting
        return self.at_most(seconds)

    def for_probe(self, stage: Stage) -> float:
        """Seconds that a look at how the port begins may take; 0 when there are none left."""
        now = monotonic()
        left = self._patience - now if self._greets else self._timeouts.of(stage)
        return max(0.0, min(PROBING, left, self._deadline - now))

    def for_stage(self, stage: Stage) -> float:
        """Seconds that may pass in silence now. Raises TimeoutError when there are none left."""
        self._end_opening_at(stage)
        return _some_left(min(self._server.timeouts.of(stage), self._deadline - monotonic()))

    def at_most(self, seconds: float) -> float:
        """So many seconds, or what the call has left. Raises TimeoutError when it has nothing left."""
        return _some_left(min(seconds, self._deadline - monotonic())) if seconds else 0

    def for_reply(self, stage: Stage, more: bool) -> float:
        """The same, for a reply: when one has begun to arrive (`more`), its limit goes on and does not start anew."""
        self._heard = now = monotonic()
        runs = more or (stage == "greeting" and self._greets)
        if not runs or self._patience == _NEVER:
            limit: float = getattr(self._timeouts, stage)
            self._patience = now + limit
            if self._patience <= self._deadline:
                return limit
        self._end_opening_at(stage)
        return _some_left(min(self._deadline, self._patience) - now)

    def rested(self) -> bool:
        """Whether so much time has passed since a reply was last waited for that the line may have died unheard."""
        return monotonic() - self._heard > _LIVELY

    def explain(self, broken: OSError, stage: Stage) -> errors.CourrielError:
        """What broke, as an error of ours with the original as its cause."""
        timeouts = self._server.timeouts
        error: errors.CourrielError
        over = monotonic() >= self._deadline - _ROUNDED
        if not isinstance(broken, TimeoutError):
            error = translate(broken, self._server, stage)
        elif over and self._opening and timeouts.opening is not None and not self._own_limit_is_over(stage):
            error = opened_too_slowly(self._server, stage, timeouts.opening)
        elif over and not self._opening and timeouts.total is not None:
            error = overdue(self._server, stage, timeouts.total)
        else:
            tried = str(broken) if isinstance(broken, Unreached) else ""
            error = silent(self._server, stage, self._server.timeouts.of(stage), tried)
        error.__cause__ = broken
        return error

    def _end_opening_at(self, stage: Stage) -> None:
        """The deadline of an opening holds no more once something else is said."""
        if self._opening and stage not in _OPENING:
            self._opening, self._deadline = False, self._call_ends

    def _own_limit_is_over(self, stage: Stage) -> bool:
        """Whether silence at this stage alone has lasted as long as it may, as good as."""
        return stage == "connect" or self._patience - self._deadline < _AS_GOOD_AS


def refuse_if_broken(line: blocking.Line | awaiting.Line) -> None:
    """A line that was cut short is not used again: what arrives on it belongs to another question."""
    if line.broken:
        refuse_if_inherited(line)
        raise errors.ConnectionFailed(
            "this session is closed, or was cut short; open it again", server=str(line.server), hint_id="SESSION-LOST"
        )


def refuse_if_inherited(line: blocking.Line | awaiting.Line) -> None:
    """A session that was open when this process was forked belongs to its parent."""
    if line.inherited:
        raise errors.ConnectionFailed(
            "this session was opened by another process, from which this one was forked: open() it again here,"
            " or make a session in each process",
            server=str(line.server),
            hint_id="SESSION-FORKED",
        )


def keep_line(error: BaseException, server: Server, *, opening: bool) -> bool:
    """Whether the line is still good after this error, which is told whose line it was.

    A session that could not be opened is no session: nobody holds it who could close it. The frames of its traceback,
    which held a password or a token, hold nothing any more: what collects errors keeps the locals of frames.
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
    """Empty the frames that this error, and whatever caused it, came through; those that still run are left alone."""
    from traceback import clear_frames  # noqa: PLC0415 - only where a session could not be opened

    link: BaseException | None = error
    for _ in range(10):
        if link is None:
            return
        clear_frames(link.__traceback__)
        link = link.__cause__ or link.__context__


def prepared_tls(server: Server) -> ssl.SSLContext:
    """The context for lines to this server, made once and shared. Raises InvalidServer for an unusable file."""
    from courriel.network import tls  # noqa: PLC0415 - a line in clear does not pay for it

    return tls.client_context(server.trust, server.client_certificate)


def token_bytes(given: object) -> bytes:
    """What a token source returned, as it goes on the line. Raises UsageError for what is no token."""
    match given:
        case Token(value):
            return value.encode()
        case str():
            return Token(given).value.encode()  # checked as one that a program makes
        case _:
            raise errors.UsageError(f"a token source returned {type(given).__name__}, not a Token")


def _some_left(seconds: float) -> float:
    if seconds <= 0:
        raise TimeoutError
    return seconds
