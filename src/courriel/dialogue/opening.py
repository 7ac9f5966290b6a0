"""Opening of a session in every protocol: no credentials in clear, detection of a TLS port, the TLS handshake."""

from __future__ import annotations

from courriel import errors
from courriel.dialogue.flow import Flow, Probe, Remember, Secure
from courriel.dialogue.reply_reader import ReplyReader
from courriel.model.servers.credentials import Credentials
from courriel.model.servers.server import Security, Server
from courriel.wire.smtp.client_syntax import printable

PATIENCE = 10
"""Seconds of silence before the greeting after which the port is probed for TLS; at most half of the time limit."""


def keep_secrets_off_a_clear_line(server: Server, credentials: Credentials | None) -> None:
    """Refuse to send credentials unencrypted, unless explicitly allowed (hazard H27).

    Raises InvalidServer.
    """
    in_clear = server.security in (Security.NONE, Security.OPPORTUNISTIC)
    if credentials and in_clear and not (server.local or server.allow_clear_credentials):
        raise errors.InvalidServer(
            f"the credentials would cross the line to {server} in clear",
            stage="compose",
            hint_id="CLEAR-CREDENTIALS",
        )


def check_server_speaks_first(reader: ReplyReader, server: Server) -> Flow[None]:
    """Detect a port that expects a TLS handshake, where client and server would wait for each other (hazard H21).

    The wait counts against the time limit of the greeting; the rest of it is left for reading the greeting.
    """
    timeouts = server.timeouts
    patience = min(PATIENCE, timeouts.of("greeting") / 2, (timeouts.opening or PATIENCE * 2) / 2)
    yield from reader.linger("greeting", patience)
    if not reader.idle:
        return
    if (yield Probe(tls=True, stage="greeting")):
        raise errors.TimedOut(
            f"{server} said nothing for {patience:g} s, and answers a handshake of TLS: it waits for one",
            stage="greeting",
            hint_id="PLAIN-ON-TLS-PORT",
        )


def secure(server: Server) -> Flow[bytes]:
    """Start TLS, and return the server's certificate (DER). Raises TlsFailed, RemoteProtocolError.

    The caller has checked that no octet received in clear is left.
    """
    try:
        return (yield Secure())
    except errors.TlsFailed as failed:
        if failed.hint_id != "TLS-PORT-MIXUP":
            raise
        if server.security is not Security.TLS:
            # The server has agreed to TLS: clear text now is an injection, not another port's greeting (hazard H62).
            raise errors.RemoteProtocolError(
                "the server spoke before the line was secure", stage="secure", hint_id="INJECTED-BEFORE-TLS"
            ) from failed
        # The greeting in clear proves the diagnosis.
        greeting = printable((yield Probe(tls=False, stage="secure")))
        failed.args = (f"{failed.detail}; in clear it says: {greeting}" if greeting else failed.detail,)
        raise


def remember(mechanism: str) -> Flow[None]:
    """Store the TLS session for the next connection, after everything went well.

    Not after a login with channel binding: a resumed session shows no certificate to bind to.
    """
    if not mechanism.endswith("-PLUS"):
        yield Remember()
