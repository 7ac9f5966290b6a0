"""
A login, as the client holds it (AUTH: in SMTP RFC 4954, in POP3 RFC 5034).

The rule of fall-back: the strongest mechanism that the server offers and the credentials can serve comes first. One
further try follows only when the server says that it cannot do this one after all (504, 534) or asks what makes no
sense; never after a refusal (535), which another mechanism would only repeat and which locks accounts. Nothing is ever
tried that was not offered, or that the profile excludes.
"""

from __future__ import annotations

import binascii
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterator

from courriel import errors
from courriel.dialogue.flow import Fetch, Flow
from courriel.dialogue.talk import Talk
from courriel.model.credentials import Credentials, External, Password, TokenSource
from courriel.model.server import Server
from courriel.wire import sasl
from courriel.wire import smtp as wire

_MAX_ROUNDS = 8  # SCRAM needs three; a server that goes on asking is not going to stop
MAX_INITIAL = 360  # octets: in base64, with the command, still a line of 512 (RFC 4954 4); more waits to be asked
# "Unrecognized authentication type", "mechanism is too weak": the only refusals that another try may follow.
_CANNOT = (504, 534)

Choice = tuple[str, Callable[[], sasl.Mechanism]]


def authenticate(
    exchange: Talk,
    credentials: Credentials,
    offered: tuple[str, ...],
    server: Server,
    certificate: bytes,
    most_at_once: int = MAX_INITIAL,
) -> Flow[tuple[str, ...]]:
    """Log in, and say which mechanisms were tried; the last one worked.

    `offered` are the server's mechanisms in upper case, `certificate` its certificate (DER) for channel binding, empty
    on a clear line; `most_at_once` is how many octets may go with the command itself. Raises AuthenticationRefused,
    NotSupported when the server offers nothing that the credentials can serve.
    """
    token = ""
    if isinstance(credentials, TokenSource):
        token = (yield Fetch(credentials)).decode()
    tried: list[str] = []
    refusal: errors.AuthenticationRefused | None = None
    for name, make in list(_choices(credentials, token, offered, server, certificate))[:2]:
        tried.append(name)
        try:
            yield from _log_in(exchange, make(), most_at_once)
            return tuple(tried)
        except errors.AuthenticationRefused as refused:
            refused.tried, refused.user = tuple(tried), credentials.user
            refusal = refused
        if not _another_may_follow(refusal):
            break
    if refusal is None:
        raise errors.NotSupported(
            f"the server offers no login that these credentials can serve (it offers: {' '.join(offered) or 'none'})",
            capability="AUTH",
            stage="authenticate",
            hint_id="AUTH-NOT-OFFERED",
        )
    if not isinstance(credentials, TokenSource) or refusal.reply.kind != 5 or _another_may_follow(refusal):
        raise refusal
    # The token may have been withdrawn before its time: one fresh one, then the refusal stands (scar 31).
    fresh = (yield Fetch(credentials)).decode()
    mechanism = make_token(tried[-1], credentials.user, fresh, server)
    try:
        yield from _log_in(exchange, mechanism, most_at_once)
    except errors.AuthenticationRefused as again:
        again.tried, again.user = (*tried, mechanism.name), credentials.user
        raise again from None
    return (*tried, tried[-1])


def make_token(name: str, user: str, token: str, server: Server) -> sasl.Mechanism:
    """The mechanism of that name, for a token."""
    if name == "OAUTHBEARER":
        return sasl.OAuthBearer(user, token, host=server.host, port=server.port)
    return sasl.XOAuth2(user, token)


# The steps.


def _choices(
    credentials: Credentials, token: str, offered: tuple[str, ...], server: Server, certificate: bytes
) -> Iterator[Choice]:
    """What both sides can do, best first; `Server.auth` restricts it and gives its own order."""
    known = dict(_mechanisms(credentials, token, offered, server, certificate))
    wished = [name.upper() for name in server.auth] or list(known)
    for name in wished:
        if name in known and name in offered:
            yield name, known[name]


def _mechanisms(
    credentials: Credentials, token: str, offered: tuple[str, ...], server: Server, certificate: bytes
) -> Iterator[Choice]:
    match credentials:
        case Password(user, secret):
            binding = sasl.end_point_binding(certificate)
            downgraded = bool(binding) and "SCRAM-SHA-256-PLUS" not in offered
            if binding:
                yield "SCRAM-SHA-256-PLUS", lambda: sasl.ScramSha256(user, secret, binding=binding)
            yield "SCRAM-SHA-256", lambda: sasl.ScramSha256(user, secret, downgraded=downgraded)
            yield "CRAM-MD5", lambda: sasl.CramMd5(user, secret)
            yield "PLAIN", lambda: sasl.Plain(user, secret)
            yield "LOGIN", lambda: sasl.Login(user, secret)
        case TokenSource(user):
            yield "OAUTHBEARER", lambda: make_token("OAUTHBEARER", user, token, server)
            yield "XOAUTH2", lambda: make_token("XOAUTH2", user, token, server)
        case External(user):
            yield "EXTERNAL", lambda: sasl.ExternalMechanism(user)


def _log_in(exchange: Talk, mechanism: sasl.Mechanism, most_at_once: int) -> Flow[None]:
    """One exchange from AUTH to the server's verdict (RFC 4954 4)."""
    first = mechanism.start()
    short = first is not None and len(first) <= most_at_once
    words = (_encoded(first) or "=",) if first is not None and short else ()
    explained = b""
    reply = yield from exchange.ask("authenticate", wire.command("AUTH", mechanism.name, *words), secret=True)
    for turn in range(_MAX_ROUNDS):
        if reply.kind != 3:
            break
        try:
            challenge = explained = b64decode(reply.lines[0].strip(), validate=True)
            answer = first if turn == 0 and first is not None and not short else mechanism.answer(challenge)
        except sasl.Impostor as impostor:
            impostor.stage = "authenticate"
            raise
        except (binascii.Error, errors.RemoteProtocolError) as broken:
            yield from _cancel(exchange, mechanism.name, broken)
            return
        reply = yield from exchange.ask("authenticate", wire.command(_encoded(answer)), secret=True)
    if reply.kind == 2:
        _finish(mechanism)
        return
    if reply.kind == 3:
        raise errors.RemoteProtocolError(f"{mechanism.name}: the server goes on asking", stage="authenticate")
    raise errors.AuthenticationRefused(reply, stage="authenticate", about=_explanation(mechanism.name, explained))


def _finish(mechanism: sasl.Mechanism) -> None:
    """The server is content; are we? Raises RemoteProtocolError."""
    try:
        mechanism.finish()
    except errors.RemoteProtocolError as doubtful:
        doubtful.stage = "authenticate"
        raise


def _cancel(exchange: Talk, name: str, broken: Exception) -> Flow[None]:
    """Give up this mechanism, but not the session (RFC 4954 4: a lone "*"), and say why."""
    reply = yield from exchange.ask("authenticate", wire.command("*"))
    if reply.kind == 2:
        raise errors.RemoteProtocolError(f"{name}: the server took a login that was given up", stage="authenticate")
    raise errors.AuthenticationRefused(reply, stage="authenticate", about=f"we gave {name} up: {broken}") from broken


def _another_may_follow(refusal: errors.AuthenticationRefused) -> bool:
    """Whether another mechanism may be tried: the server cannot do this one, or we gave it up."""
    return refusal.reply.code in _CANNOT or refusal.__cause__ is not None


def _explanation(name: str, challenge: bytes) -> str:
    """The JSON in which Google and Microsoft say what was wrong with a token, for the error's text."""
    if name not in ("XOAUTH2", "OAUTHBEARER") or not challenge.startswith(b"{"):
        return ""
    return f"the server explains: {wire.printable(challenge[:300])}"


def _encoded(said: bytes) -> str:
    return b64encode(said).decode("ascii")
