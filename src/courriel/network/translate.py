"""Translation of operating system and TLS errors into ours; the only place where this happens."""

from __future__ import annotations

import socket
import sys

from courriel import errors
from courriel.errors import Stage
from courriel.model.servers.server import Server


class HungUp(ConnectionAbortedError):
    """End of a connection that was closed here, by another thread or task than the one that uses it."""


class ProxySilent(TimeoutError):
    """A proxy that was silent at the time limit of connecting: when it was called, or when it was `asked`."""

    def __init__(self, proxy: str, *, asked: bool) -> None:
        silence = "was asked, and gave no answer" if asked else "did not answer"
        super().__init__(f"the proxy {proxy} {silence}")
        self.proxy, self.asked = proxy, asked
        self.hint_id = "PROXY-NO-ANSWER" if asked else "PROXY-UNREACHABLE"


def translate(broken: OSError, server: Server, stage: Stage) -> errors.ConnectionFailed:
    """Our error for a failed connection; raise the result `from` the original."""
    if isinstance(broken, HungUp):
        return errors.ConnectionFailed(f"{server}: the connection was closed here", stage=stage, server=str(server))
    tls = sys.modules.get("ssl")
    if tls is not None and isinstance(broken, tls.SSLError) and not isinstance(broken, TimeoutError):
        return _of_tls(broken, server, stage)
    if isinstance(broken, socket.gaierror):
        return errors.NameNotFound(f"{server.host}: {broken.strerror or broken}", stage=stage, server=str(server))
    if isinstance(broken, TimeoutError):
        return silent(server, stage, server.timeouts.of(stage))
    if stage == "secure":
        # A server that closes during the handshake usually does not speak TLS on this port.
        return _of_tls(broken, server, stage)
    said = broken.strerror or str(broken) or "the server hung up"
    hint_id = "" if stage == "connect" else "SESSION-LOST"
    return errors.ConnectionFailed(f"{server}: {said}", stage=stage, server=str(server), hint_id=hint_id)


def silent(server: Server, stage: Stage, seconds: float, tried: str = "") -> errors.TimedOut:
    """Error for a server that did not answer in time; `tried` are its addresses, when it has several."""
    what = "did not answer" if stage == "connect" else "was silent"
    where = f": {tried}" if tried else ""
    return errors.TimedOut(f"{server} {what} for {seconds:g} s ({stage}){where}", stage=stage, server=str(server))


def by_proxy(error: errors.CourrielError, why: ProxySilent) -> errors.CourrielError:
    """The error of a deadline, with the proxy that caused it."""
    error.args = (f"{error.detail}; {why}",)
    error.hint_id = why.hint_id
    return error


def proxy_silent(server: Server, stage: Stage, seconds: float, why: ProxySilent) -> errors.TimedOut:
    """Error for a proxy that did not answer in time."""
    if why.asked:
        sentence = f"the proxy {why.proxy} was asked, and gave no answer for {seconds:g} s ({stage})"
    else:
        sentence = f"the proxy {why.proxy} did not answer for {seconds:g} s ({stage})"
    return errors.TimedOut(sentence, stage=stage, server=str(server), hint_id=why.hint_id)


def overdue(server: Server, stage: Stage, seconds: float) -> errors.TimedOut:
    """Error for a call that exceeded its total deadline."""
    return errors.TimedOut(
        f"the whole call to {server} took more than {seconds:g} s ({stage})", stage=stage, server=str(server)
    )


def opened_too_slowly(server: Server, stage: Stage, seconds: float) -> errors.TimedOut:
    """Error for a session that was not open before the deadline for opening."""
    return errors.TimedOut(
        f"opening a session with {server} took more than {seconds:g} s ({stage})", stage=stage, server=str(server)
    )


def lost_client(cause: OSError, stage: Stage) -> errors.CourrielError:
    """Error for the flow of a server whose client was silent for too long, or is gone."""
    error: errors.CourrielError
    if isinstance(cause, TimeoutError):
        error = errors.TimedOut("silent for too long", stage=stage)
    else:
        error = errors.ConnectionFailed(f"the line broke: {cause}", stage=stage)
    error.__cause__ = cause
    return error


# The steps.


def _of_tls(broken: OSError, server: Server, stage: Stage) -> errors.ConnectionFailed:
    from courriel.network.tls.reasons import examine  # noqa: PLC0415 - only where TLS is used

    found = examine(broken, server.expected_name, server.trust)
    if found.check == "hung up" and stage != "secure":
        return errors.ConnectionFailed(found.sentence, stage=stage, server=str(server), hint_id="SESSION-LOST")
    return errors.TlsFailed(found.sentence, stage=stage, server=str(server), hint_id=found.hint_id)
