"""What each try to send a mail came to, for those who measure: told at once, and written down nowhere."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from time import monotonic
from typing import TYPE_CHECKING, Literal, TypeAlias

from courriel import errors
from courriel._dataclass import dataclass
from courriel.delivery.urls.route import Route
from courriel.model.server import Security

if TYPE_CHECKING:
    from courriel.outbox.lanes import Way
    from courriel.outbox.policy import Result

logger = logging.getLogger("courriel.outbox")

Operation: TypeAlias = Literal["connect", "authenticate", "send"]
"""What was tried: to open a session, to log in, to hand a mail over."""

_OPENING = ("connect", "secure", "greeting", "hello")
# The most exact class first.
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
    """One try of a worker of this process: on which lane, with which server, and what came of it.

    `server`, `port` and `scheme` ("smtp", "smtps", "lmtp", or that of a folder) are those of the lane's way out.
    `error` is empty when somebody accepted the mail; else the code of the reply ("550"), or a word for what happened
    ("timed_out", "connection_refused"). `seconds` is how long the session was busy with it: since the result before, or
    since the batch was begun.
    """

    lane: str
    server: str
    port: int
    scheme: str
    operation: Operation
    error: str
    seconds: float


AttemptListener: TypeAlias = Callable[[Attempt], object]


class Attempts:
    """Tells of the tries of one batch."""

    def __init__(self, listeners: Sequence[AttemptListener], lane: str, way: Way) -> None:
        self._listeners, self._lane = listeners, lane
        server = getattr(way, "server", None)  # a transport of the user's own may have none
        name = "" if isinstance(way, Route) else way.name
        self._host: str = name if server is None else server.host
        self._port: int = 0 if server is None else server.port
        self._scheme: str = way.kind if isinstance(way, Route) else "smtp"
        if self._scheme == "smtp" and server is not None and server.security is Security.TLS:
            self._scheme = "smtps"
        self._since = monotonic()

    def tell(self, result: Result) -> None:
        """This came of the next one."""
        if not self._listeners:
            return
        now = monotonic()
        seconds, self._since = now - self._since, now
        attempt = Attempt(
            self._lane, self._host, self._port, self._scheme, _operation(result), error_type(result), seconds
        )
        for listener in self._listeners:
            try:
                listener(attempt)
            except Exception:
                logger.exception("A listener failed", extra={"action": "listener_failed"})


def error_type(result: Result) -> str:
    """A word for what a try came to, from few words: the code of a reply, or the kind of the failure."""
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
