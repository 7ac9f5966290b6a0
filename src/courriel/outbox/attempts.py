"""Attempt: the outcome of one try to send a mail, for measurements; reported at once, and not stored."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from time import monotonic
from typing import TYPE_CHECKING, Literal, TypeAlias

from courriel import errors
from courriel._dataclass import dataclass
from courriel.delivery.urls.route import Route
from courriel.model.servers.server import Security
from courriel.network.careful_log import CarefulLogger

if TYPE_CHECKING:
    from courriel.model.receipt import Receipt
    from courriel.outbox.lanes import Way
    from courriel.outbox.policy import Result

logger = CarefulLogger("courriel.outbox")

Operation: TypeAlias = Literal["connect", "authenticate", "send"]
"""Operation that was tried: opening a session, logging in, or sending a mail."""

_OPENING = ("connect", "secure", "greeting", "hello")
# The most specific class first.
_KINDS: tuple[tuple[type[BaseException], str], ...] = (
    (errors.NameNotFound, "host_not_found"),
    (errors.TimedOut, "timed_out"),
    (errors.TlsFailed, "secure_connection_error"),
    (ConnectionRefusedError, "connection_refused"),
    (ConnectionResetError, "connection_reset"),
    (ConnectionAbortedError, "connection_aborted"),
    (errors.ConnectionFailed, "connection_aborted"),
    (errors.ProtocolError, "protocol_error"),
)


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try of a worker of this process: lane, server and outcome.

    `server`, `port` and `scheme` ("smtp", "smtps", "lmtp", or that of a folder) are those of the lane's transport.
    `error` is empty when a recipient was accepted; else the code of the reply ("550"), or the kind of failure
    ("timed_out", "connection_refused"). `seconds` is the time since the previous result, or since the start of the
    batch. `result` is the receipt, or the error itself.
    """

    lane: str
    server: str
    port: int
    scheme: str
    operation: Operation
    error: str
    seconds: float
    result: Receipt | Exception | None = None


AttemptListener: TypeAlias = Callable[[Attempt], object]


class Attempts:
    """Reports the attempts of one batch to listeners; `interrupt` is called with whatever they raise."""

    def __init__(
        self,
        listeners: Sequence[AttemptListener],
        lane: str,
        way: Way,
        interrupt: Callable[[BaseException], None] = lambda failed: None,
    ) -> None:
        self._listeners, self._lane, self._interrupt = listeners, lane, interrupt
        server = getattr(way, "server", None)  # a user's transport may have none
        name = "" if isinstance(way, Route) else way.name
        self._host: str = name if server is None else server.host
        self._port: int = 0 if server is None else server.port
        self._scheme: str = way.kind if isinstance(way, Route) else "smtp"
        if self._scheme == "smtp" and server is not None and server.security is Security.TLS:
            self._scheme = "smtps"
        self._since = monotonic()

    def tell(self, result: Result) -> None:
        """Report the next result."""
        if not self._listeners:
            return
        now = monotonic()
        seconds, self._since = now - self._since, now
        attempt = Attempt(
            self._lane, self._host, self._port, self._scheme, _operation(result), error_type(result), seconds, result
        )
        for listener in self._listeners:
            try:
                listener(attempt)
            except BaseException as failed:
                logger.exception("A listener failed", extra={"action": "listener_failed"})
                self._interrupt(failed)


def error_type(result: Result) -> str:
    """Kind of a failure, from a small set of values: the code of a reply, or the kind of error."""
    if not isinstance(result, Exception):
        return ""
    reply = getattr(result, "reply", None)
    if isinstance(result, errors.Refused) and reply is not None:
        return str(reply.code)
    error: BaseException | None = result
    if type(error) is errors.ConnectionFailed and isinstance(error.__cause__, OSError):
        error = error.__cause__
    return next((word for kind, word in _KINDS if isinstance(error, kind)), "other")


# The steps.


def _operation(result: Result) -> Operation:
    stage = result.stage if isinstance(result, errors.CourrielError) else ""
    return "connect" if stage in _OPENING else "authenticate" if stage == "authenticate" else "send"
