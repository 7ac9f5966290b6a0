"""Bounded HTTPS GET of a domain's autoconfiguration: verified certificate, one host, limited size and time."""

from __future__ import annotations

import http.client
import socket
from contextlib import suppress
from threading import Timer
from time import monotonic

from courriel import errors
from courriel.delivery.discovery.autoconfig import LONGEST
from courriel.model.trust import Trust
from courriel.network.tls.contexts import client_context, finish, name_to_check

_MOST_REDIRECTS = 2


def get(url: str, until: float, trust: Trust | None = None) -> bytes | None:
    """Fetch a file by HTTPS; None when there is none, when the host does not exist, or when it leads elsewhere.

    At most `LONGEST` + 1 bytes are read, until `until` by the monotonic clock. A redirect is followed within the same
    host only. Raises TlsFailed for a certificate that is not accepted.
    """
    trust = trust or Trust.system()
    host, _, path = url.removeprefix("https://").partition("/")
    path = f"/{path}"
    for _attempt in range(_MOST_REDIRECTS + 1):
        answer = _request(host, path, until, trust)
        if answer is None:
            return None
        status, content, location = answer
        if status == 200:
            return content
        path = _path_on_same_host(host, location) if status in (301, 302, 303, 307, 308) else ""
        if not path:
            return None
    return None


# The steps.


def _request(host: str, path: str, until: float, trust: Trust) -> tuple[int, bytes, str] | None:
    seconds = until - monotonic()
    if seconds <= 0:
        return None
    context = client_context(trust)
    raw: socket.socket | None = None
    overdue: Timer | None = None
    try:
        raw = _connect(host, seconds)
        # The limit of a socket is one of silence; the whole exchange has its own.
        opened = [raw]
        overdue = Timer(max(until - monotonic(), 0), _abort, [opened])
        overdue.daemon = True
        overdue.start()
        with context.wrap_socket(raw, server_hostname=name_to_check(host), do_handshake_on_connect=False) as line:
            opened.append(line)  # it has taken the descriptor away from the other
            line.do_handshake()
            finish(line, trust, host)
            connection = http.client.HTTPConnection(host)
            connection.sock = line
            connection.request("GET", path, headers={"Host": host, "Accept": "application/xml, text/xml"})
            response = connection.getresponse()
            content = response.read(LONGEST + 1)
            # A body without a length ends like any other where the line was cut.
            cut = monotonic() >= until
            return None if cut else (response.status, content, response.getheader("Location", ""))
    except (OSError, http.client.HTTPException, ValueError) as failed:
        if type(failed).__name__ == "SSLCertVerificationError":
            raise errors.TlsFailed(
                f"the certificate of {host} is not accepted", stage="secure", server=host
            ) from failed
        return None
    finally:
        if overdue is not None:
            overdue.cancel()
        if raw is not None:
            raw.close()


def _connect(host: str, seconds: float) -> socket.socket:
    return socket.create_connection((host, 443), timeout=seconds)


def _abort(opened: list[socket.socket]) -> None:
    """End a connection that takes too long: a blocked read returns with an error."""
    with suppress(OSError):  # it may have ended by itself
        # Not the method of SSLSocket, which would let the other thread go on reading without TLS.
        socket.socket.shutdown(opened[-1], socket.SHUT_RDWR)


def _path_on_same_host(host: str, location: str) -> str:
    """The path of a redirect that stays on this host by HTTPS; empty otherwise."""
    if location.startswith("/") and not location.startswith("//"):
        return location
    beginning = f"https://{host}/"
    return location[len(beginning) - 1 :] if location.startswith(beginning) else ""
