"""Errors of a connection: no answer, a lost connection, a violation of the protocol."""

from __future__ import annotations

from courriel.errors.base import CourrielError


class ConnectionFailed(CourrielError, ConnectionError):
    """No answer from the server, or a connection that was lost."""

    @property
    def retryable(self) -> bool:
        """True, unless the message may have been delivered, or the failure table says that a setting must change."""
        return not self.in_doubt and (self.failure is None or self.failure.retry != "never")


class NameNotFound(ConnectionFailed):
    """Host name that DNS does not know."""


class ProxyError(ConnectionFailed):
    """A proxy that cannot be reached, or that opened no way to the mail server: it refused, or gave a wrong answer.

    `proxy` is the proxy without its login ("socks5h://proxy.example.org:1080"), `answer` its own words. They are not
    the mail server's: `reply` is None. A proxy that is silent is a TimedOut.
    """

    proxy: str = ""
    answer: str = ""


class TimedOut(ConnectionFailed, TimeoutError):
    """Silence of the server beyond the time limit of the stage, or the end of a deadline."""


class TlsFailed(ConnectionFailed):
    """TLS that could not be negotiated, or a certificate that was not accepted."""


class AllWaysFailed(ConnectionFailed):
    """Failure of every way out of several, before any of them had decided on the mail: nothing was sent.

    `failed` has the name of each way that was tried, in order, and its error.
    """

    failed: tuple[tuple[str, CourrielError], ...] = ()

    @property
    def retryable(self) -> bool:
        """Whether the same mail may be sent again later, because one of the ways may work then."""
        return any(error.retryable for _, error in self.failed)


class ProtocolError(CourrielError):
    """Violation of the protocol; the session is closed."""


class LocalProtocolError(ProtocolError):
    """Violation of the protocol by this client, noticed before anything of it was sent."""


class RemoteProtocolError(ProtocolError):
    """Violation of the protocol by the server; its further replies cannot be trusted."""
