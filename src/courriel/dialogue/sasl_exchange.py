"""SASL exchange, from its command to the server's final reply (RFC 4422; RFC 4954 4, RFC 5034, RFC 3501 6.2.2)."""

from __future__ import annotations

from base64 import b64decode, b64encode

from courriel import errors
from courriel.dialogue.flow import Flow
from courriel.dialogue.login_rule import FailedLogin
from courriel.dialogue.reply_reader import ReplyReader
from courriel.reply import Reply
from courriel.wire.sasl import client_mechanisms
from courriel.wire.smtp import client_syntax as wire

MAX_INITIAL = 360  # octets of an initial response: in base64, with the command, a line of 512 at most (RFC 4954 4)
_MAX_ROUNDS = 8  # SCRAM needs three; a server that sends more challenges will not stop
_BYE = 221  # not a success of a login, although its first digit is 2


def exchange_sasl(
    reader: ReplyReader, mechanism: client_mechanisms.Mechanism, most_at_once: int
) -> Flow[FailedLogin | None]:
    """Log in by this mechanism; None when both the server and the mechanism accept the result.

    Raises RemoteProtocolError when the server sends challenges without end, or accepts the login without the proof that
    the mechanism requires of it.
    """
    first = mechanism.start()
    short = first is not None and len(first) <= most_at_once
    words = (_encoded(first) or "=",) if first is not None and short else ()
    explained, sent = b"", len(words)
    reply = yield from reader.command("authenticate", wire.command("AUTH", mechanism.name, *words), secret=True)
    for turn in range(_MAX_ROUNDS):
        if reply.kind != 3:
            break
        try:
            challenge = explained = b64decode(reply.lines[0].strip(), validate=True)
            answer = first if turn == 0 and first is not None and not short else mechanism.answer(challenge)
        except client_mechanisms.Impostor as impostor:
            impostor.stage = "authenticate"
            raise
        except (ValueError, errors.RemoteProtocolError) as broken:  # not base64, and perhaps not even ASCII
            return (yield from _cancelled(reader, mechanism, broken, sent))
        sent += 1
        reply = yield from reader.command("authenticate", wire.command(_encoded(answer)), secret=True)
    if reply.kind == 2 and reply.code != _BYE:
        _finish(mechanism)
        return None
    if reply.kind == 3:
        raise errors.RemoteProtocolError(f"{mechanism.name}: the server goes on asking", stage="authenticate")
    return _failed(mechanism, reply, _explanation(mechanism, explained), sent)


# The steps.


def _failed(
    mechanism: client_mechanisms.Mechanism, reply: Reply, about: str, sent: int, broken: Exception | None = None
) -> FailedLogin:
    refusal = errors.AuthenticationRefused(reply, stage="authenticate", about=about)
    refusal.__cause__ = broken
    return FailedLogin(
        mechanism.name,
        refusal,
        mechanism.proved_by(sent),
        _server_error(mechanism),
        foreign_nonce=isinstance(broken, client_mechanisms.ForeignNonce),
    )


def _finish(mechanism: client_mechanisms.Mechanism) -> None:
    """Let the mechanism check the server's proof after the server accepted the login. Raises RemoteProtocolError."""
    try:
        mechanism.finish()
    except errors.RemoteProtocolError as doubtful:
        doubtful.stage = "authenticate"
        raise


def _cancelled(
    reader: ReplyReader, mechanism: client_mechanisms.Mechanism, broken: Exception, sent: int
) -> Flow[FailedLogin]:
    """Cancel this mechanism, but not the session (RFC 4954 4: a lone "*"), and return the reason."""
    name = mechanism.name
    reply = yield from reader.command("authenticate", wire.command("*"))
    if reply.kind == 2:
        raise errors.RemoteProtocolError(f"{name}: the server took a login that was given up", stage="authenticate")
    return _failed(mechanism, reply, f"we gave {name} up: {broken}", sent, broken)


def _explanation(mechanism: client_mechanisms.Mechanism, challenge: bytes) -> str:
    """Server's explanation for the error's text: SCRAM's error word, or the JSON of Google and Microsoft."""
    if server_error := _server_error(mechanism):
        return f"{mechanism.name}: {wire.printable(server_error.encode())}"
    if mechanism.name in ("XOAUTH2", "OAUTHBEARER") and challenge.startswith(b"{"):
        return f"the server explains: {wire.printable(challenge[:300])}"
    return ""


def _server_error(mechanism: client_mechanisms.Mechanism) -> str:
    return mechanism.server_error if isinstance(mechanism, client_mechanisms.ScramSha256) else ""


def _encoded(response: bytes) -> str:
    return b64encode(response).decode("ascii")
