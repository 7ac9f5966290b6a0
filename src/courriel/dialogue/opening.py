"""How every session begins: no secret on a clear line, a look at a silent port, and the step into TLS."""

from __future__ import annotations

from courriel import errors
from courriel.dialogue.flow import Flow, Probe, Remember, Secure
from courriel.dialogue.talk import Talk
from courriel.model.credentials import Credentials
from courriel.model.server import Security, Server
from courriel.wire.smtp import printable

PATIENCE = 10
"""Seconds of silence after which a port that should greet us is tried with TLS; half its time when that is less."""


def keep_secrets_off_a_clear_line(server: Server, credentials: Credentials | None) -> None:
    """No credentials where strangers can read them, unless that was asked for by name (scar 27).

    Raises InvalidServer.
    """
    in_clear = server.security in (Security.NONE, Security.OPPORTUNISTIC)
    if credentials and in_clear and not (server.local or server.allow_clear_credentials):
        raise errors.InvalidServer(
            f"the credentials would cross the line to {server} in clear",
            stage="compose",
            hint_id="CLEAR-CREDENTIALS",
        )


def make_sure_that_it_speaks_first(talk: Talk, server: Server) -> Flow[None]:
    """A port that waits for TLS and a client that waits for a greeting would wait for each other (scar 21).

    What this takes is of the time that the greeting has; the rest of it is for hearing the greeting.
    """
    timeouts = server.timeouts
    patience = min(PATIENCE, timeouts.of("greeting") / 2, (timeouts.opening or PATIENCE * 2) / 2)
    yield from talk.linger("greeting", patience)
    if not talk.idle:
        return
    if (yield Probe(tls=True, stage="greeting")):
        raise errors.TimedOut(
            f"{server} said nothing for {patience:g} s, and answers a handshake of TLS: it waits for one",
            stage="greeting",
            hint_id="PLAIN-ON-TLS-PORT",
        )


def secure(server: Server) -> Flow[bytes]:
    """Make the line secure, and give the server's certificate (DER). Raises TlsFailed, RemoteProtocolError.

    Whoever calls this has made sure that nothing is here that was said in clear.
    """
    try:
        return (yield Secure())
    except errors.TlsFailed as failed:
        if failed.hint_id != "TLS-PORT-MIXUP":
            raise
        if server.security is not Security.TLS:
            # It has agreed to TLS: what came in its place, in clear, is no other port's greeting (B2).
            raise errors.RemoteProtocolError(
                "the server spoke before the line was secure", stage="secure", hint_id="INJECTED-BEFORE-TLS"
            ) from failed
        # What it says in clear proves the diagnosis.
        greeting = printable((yield Probe(tls=False, stage="secure")))
        failed.args = (f"{failed.detail}; in clear it says: {greeting}" if greeting else failed.detail,)
        raise


def remember(mechanism: str) -> Flow[None]:
    """All went well on a secured line: let the next one take its session of TLS up.

    Not after a login that was bound to the server's certificate, which is not shown when a session is taken up.
    """
    if not mechanism.endswith("-PLUS"):
        yield Remember()
