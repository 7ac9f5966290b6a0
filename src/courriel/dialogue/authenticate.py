"""
Client login by mechanisms (AUTH in SMTP, RFC 4954, and in POP3, RFC 5034; AUTHENTICATE in IMAP).

The first mechanism tried is the strongest one that the server offers and the credentials allow, or the one that worked
for this user last time. After a failure `login_rule` decides which may follow. No mechanism is tried that is not
offered, or that the profile excludes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

from courriel import errors
from courriel._dataclass import dataclass
from courriel.dialogue.flow import Fetch, Flow
from courriel.dialogue.login_rule import FailedLogin, MechanismOutcome, nobody_listens, strength
from courriel.dialogue.reply_reader import ReplyReader
from courriel.dialogue.sasl_exchange import MAX_INITIAL, exchange_sasl
from courriel.model.servers.credentials import Credentials, External, Password, TokenSource
from courriel.model.servers.server import Server
from courriel.wire.sasl import client_mechanisms

TYPE_CHECKING = False

if TYPE_CHECKING:
    from typing import TypeAlias

    from courriel.dialogue.login_rule import LoginMemory

__all__ = ["MAX_INITIAL", "ORDER", "LoginLine", "OneLogin", "authenticate"]

OneLogin: TypeAlias = "Callable[[], Flow[FailedLogin | None]]"
"""One mechanism from its command to the final reply: None after a successful login. Raises RemoteProtocolError."""

ORDER = ("SCRAM-SHA-256-PLUS", "SCRAM-SHA-256", "CRAM-MD5", "PLAIN", "LOGIN", "OAUTHBEARER", "XOAUTH2", "EXTERNAL")
"""Mechanisms, the one that reveals least of the secret first."""


@dataclass(frozen=True, slots=True)
class LoginLine:
    """Connection and server of a login.

    `offered` are the server's mechanisms in upper case, `certificate` its certificate (DER) for channel binding, empty
    without TLS; `most_at_once` is the longest initial response in octets that may go with the command, -1 for none at
    all.
    """

    reader: ReplyReader
    server: Server
    offered: tuple[str, ...]
    certificate: bytes
    most_at_once: int = MAX_INITIAL


def authenticate(
    line: LoginLine,
    credentials: Credentials,
    memory: LoginMemory | None = None,
    *,
    commands: Mapping[str, OneLogin] | None = None,
    order: Sequence[str] = ORDER,
) -> Flow[tuple[str, ...]]:
    """Log in, and return the mechanisms that were tried; the last one worked, and is remembered in `memory`.

    `commands` are logins other than SASL (USER, APOP, the LOGIN of IMAP), by name; `order` is the order of preference,
    unless `Server.auth` gives one. Raises AuthenticationRefused, NotSupported when the server offers no mechanism for
    the credentials, RemoteProtocolError for a server that does not know the password that it asks for.
    """
    token = _Token("")
    if isinstance(credentials, TokenSource):
        credentials.check_server(line.server)
        token.value = (yield Fetch(credentials)).decode()
    commands = commands or {}
    known = {**dict(_sasl(line, credentials, token)), **commands}
    names = [name.upper() for name in line.server.auth] or order
    login = _Login(line, credentials, memory, token, set(commands))
    return (yield from login.by_first_that_works({name: known[name] for name in names if name in known}))


# The steps.


class _Token:
    """Token of this login; it is refreshed once at most (repeated refreshing may lock the account)."""

    def __init__(self, value: str) -> None:
        self.value = value
        self.fresh = False


class _Login:
    """One login: the mechanisms that are left, and those that failed."""

    def __init__(
        self, line: LoginLine, credentials: Credentials, memory: LoginMemory | None, token: _Token, commands: set[str]
    ) -> None:
        self._line = line
        self._commands = commands
        self._credentials = credentials
        self._memory = memory
        self._token = token
        self._tried: list[str] = []
        self._judged: list[str] = []
        self._alone = nobody_listens(line.server, line.certificate)

    def by_first_that_works(self, known: dict[str, OneLogin]) -> Flow[tuple[str, ...]]:
        left = self._with_remembered_first(list(known))
        failed: FailedLogin | None = None
        unusable: errors.InvalidServer | None = None
        while left:
            name = left.pop(0)
            try:
                failure = yield from self._try_mechanism(name, known[name], failed)
            except errors.InvalidServer as unsayable:
                # The mechanism cannot carry this name or password (RFC 4013); nothing was sent, and another one may.
                unusable, left = unsayable, self._no_weaker_ones(left, name)
                continue
            if failure is None:
                self._remember(name)
                return tuple(self._tried)
            failed = failure
            self._forget(name)
            # Another session may have found out meanwhile which mechanism works.
            left = self._with_remembered_first((yield from self._next_mechanisms(left, failed)))
        if failed is not None:
            raise self._with_mechanisms_tried(failed)
        raise unusable or _no_mechanism_offered(self._line.offered)

    # The steps.

    def _try_mechanism(self, name: str, login: OneLogin, before: FailedLogin | None) -> Flow[FailedLogin | None]:
        self._tried.append(name)
        try:
            return (yield from login())
        except errors.InvalidServer:
            _ = self._tried.pop()
            raise
        except errors.ConnectionFailed as gone:
            if before is None or isinstance(gone, errors.TimedOut):
                raise
            # The server hung up after a failed login: the refusal is reported, not the end of the connection.
            _ = self._tried.pop()
            raise self._with_mechanisms_tried(before) from gone
        except errors.RemoteProtocolError as broken:
            if self._tried[:-1]:
                broken.args = (f"{broken} ({_joined_names(self._tried[:-1])} had failed before)",)
            raise

    def _next_mechanisms(self, left: list[str], failed: FailedLogin) -> Flow[list[str]]:
        """Mechanisms that may still follow (docs/decisions/0025)."""
        name, outcome = failed.mechanism, failed.outcome
        if outcome is MechanismOutcome.FINAL:
            return []
        if outcome is MechanismOutcome.JUDGED and (yield from self._refresh_token()):
            # The token may have been revoked before its expiry: the same mechanism again, with another token.
            return [name, *left]
        if outcome is MechanismOutcome.JUDGED:
            self._judged.append(name)
            if len(self._judged) > 1 or not self._alone:
                return []
            if not strength(name):
                # The password itself was refused: the old commands would only send it again.
                left = [each for each in left if each not in self._commands or strength(each)]
        return self._no_weaker_ones(left, name)

    def _no_weaker_ones(self, left: list[str], name: str) -> list[str]:
        """In clear to another machine, only mechanisms that reveal no more of the secret than the one that failed."""
        return left if self._alone else [each for each in left if strength(each) >= strength(name)]

    def _refresh_token(self) -> Flow[bool]:
        """Fetch another token, once; False for other credentials, and the second time."""
        if not isinstance(self._credentials, TokenSource) or self._token.fresh:
            return False
        self._token.value, self._token.fresh = (yield Fetch(self._credentials, self._token.value)).decode(), True
        return True

    def _with_mechanisms_tried(self, failed: FailedLogin) -> errors.AuthenticationRefused:
        """The refusal, with the names of all mechanisms that were tried."""
        refusal = failed.refusal
        refusal.tried, refusal.judged = tuple(self._tried), tuple(self._refused_mechanisms(failed))
        refusal.offered, refusal.user = self._line.offered, self._credentials.user
        refusal.final = failed.outcome is MechanismOutcome.FINAL
        if failed.intercepted:
            refusal.hint_id = "LOGIN-BINDING-REFUSED"
        if len(self._tried) > 1:
            refusal.args = (f"{refusal.detail} (tried {_joined_names(self._tried)})",)
        return refusal

    def _refused_mechanisms(self, failed: FailedLogin) -> Iterator[str]:
        yield from self._judged
        if failed.proved and failed.outcome is MechanismOutcome.FINAL:
            yield failed.mechanism

    # The mechanism that worked last time.

    def _with_remembered_first(self, names: list[str]) -> list[str]:
        worked = self._memory.auth.get(self._credentials.user, "") if self._memory is not None else ""
        if worked not in names:
            return names
        if not self._alone and any(strength(each) > strength(worked) for each in names):
            # It was learnt on a private connection.
            return names
        return [worked, *(each for each in names if each != worked)]

    def _remember(self, name: str) -> None:
        if self._memory is not None:
            self._memory.remember_mechanism(self._credentials.user, name)

    def _forget(self, name: str) -> None:
        if self._memory is not None and self._memory.auth.get(self._credentials.user) == name:
            _ = self._memory.auth.pop(self._credentials.user, None)


def _sasl(line: LoginLine, credentials: Credentials, token: _Token) -> Iterator[tuple[str, OneLogin]]:
    """SASL mechanisms that both sides support."""
    for name, make in _mechanisms(line, credentials, token):
        if name in line.offered:
            yield name, _login_by(line, make)


def _login_by(line: LoginLine, make: Callable[[], client_mechanisms.Mechanism]) -> OneLogin:
    def login() -> Flow[FailedLogin | None]:
        return exchange_sasl(line.reader, make(), line.most_at_once)

    return login


def _mechanisms(
    line: LoginLine, credentials: Credentials, token: _Token
) -> Iterator[tuple[str, Callable[[], client_mechanisms.Mechanism]]]:
    match credentials:
        case Password(user, secret):
            binding = client_mechanisms.end_point_binding(line.certificate)
            # RFC 5802 6: "y" says that the server offered no PLUS. If it did and PLUS was skipped, the server would
            # have to take that for a man in the middle: then it is "n".
            downgraded = bool(binding) and "SCRAM-SHA-256-PLUS" not in line.offered
            if binding:
                yield "SCRAM-SHA-256-PLUS", lambda: client_mechanisms.ScramSha256(user, secret, binding=binding)
            yield "SCRAM-SHA-256", lambda: client_mechanisms.ScramSha256(user, secret, downgraded=downgraded)
            yield "CRAM-MD5", lambda: client_mechanisms.CramMd5(user, secret)
            yield "PLAIN", lambda: client_mechanisms.Plain(user, secret)
            yield "LOGIN", lambda: client_mechanisms.Login(user, secret)
        case TokenSource(user):
            server = line.server
            yield (
                "OAUTHBEARER",
                lambda: client_mechanisms.OAuthBearer(user, token.value, host=server.host, port=server.port),
            )
            yield "XOAUTH2", lambda: client_mechanisms.XOAuth2(user, token.value)
        case External(user):
            yield "EXTERNAL", lambda: client_mechanisms.ExternalMechanism(user)


def _no_mechanism_offered(offered: tuple[str, ...]) -> errors.NotSupported:
    return errors.NotSupported(
        f"the server offers no login that these credentials can serve (it offers: {' '.join(offered) or 'none'})",
        capability="AUTH",
        stage="authenticate",
        hint_id="AUTH-NOT-OFFERED",
    )


def _joined_names(tried: Sequence[str]) -> str:
    return ", ".join(tried)
