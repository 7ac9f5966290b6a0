"""Credentials: password, OAuth token source, client certificate. The repr of a value never shows its secret."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from courriel import errors
from courriel._dataclass import dataclass, field
from courriel.model.checks.text import described, text_of

TYPE_CHECKING = False

if TYPE_CHECKING:
    from typing import TypeAlias

    from courriel.model.servers.server import Server


@dataclass(frozen=True, slots=True)
class Password:
    """User name and password, in any characters (sent as UTF-8, RFC 4616).

        with SmtpSession(Server("smtp.example.org"), Password("ada", os.environ["MAIL_PASSWORD"])) as session:
            session.send(message)

    Raises InvalidServer for an empty user name or password, and for NUL or a lone surrogate, which no mechanism can
    send.
    """

    user: str
    secret: str = field(repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "user", _text("user name", self.user))
        object.__setattr__(self, "secret", _text("password", self.secret))


@dataclass(frozen=True, slots=True)
class Token:
    """OAuth 2 access token; `expires_at` is in seconds since 1970, None when the issuer does not say.

    Raises InvalidServer for a token that cannot be sent: empty, not text, or with a NUL or a lone surrogate.
    """

    value: str = field(repr=False)
    expires_at: float | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "value", _text("token", self.value))
        if self.expires_at is not None and (
            isinstance(self.expires_at, bool) or not isinstance(self.expires_at, int | float)
        ):
            raise errors.InvalidServer(
                f"expires_at: seconds since 1970, such as moment.timestamp(), not {type(self.expires_at).__name__}"
            )


TokenFetch: TypeAlias = "Callable[[], Token | str | Awaitable[Token | str]]"
TokenRefresh: TypeAlias = "Callable[[str], Token | str | Awaitable[Token | str]]"


@dataclass(frozen=True, slots=True)
class TokenSource:
    """User name and a callable, plain or async, that returns a fresh token each time (XOAUTH2, OAUTHBEARER).

        source = TokenSource("ada@example.org", lambda: os.environ["MAIL_TOKEN"])
        with SmtpSession(Server("smtp.example.org"), source) as session:
            session.send(message)

    The session calls it once when it opens. When the server refuses the token, it asks for another one, once: from
    `refresh`, which gets the refused token, or from `fetch` without one. `hosts` are the servers that may get the
    token, over TLS with a verified certificate only; empty, as for a function of your own, for any server.

    `TokenSource.stored`, `.microsoft`, `.google` and `.client_credentials` get and refresh their tokens themselves.
    """

    user: str
    fetch: TokenFetch = field(repr=False)
    refresh: TokenRefresh | None = field(default=None, repr=False)
    hosts: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "user", _text("user name", self.user))
        if not callable(self.fetch):
            raise errors.InvalidServer(
                f"a token source calls a function each time it needs a token, and {type(self.fetch).__name__} is none; "
                "a token that is at hand: TokenSource(user, lambda: token)"
            )
        if self.refresh is not None and not callable(self.refresh):
            raise errors.InvalidServer(
                f"refresh: a function that gets the refused token, not {described(self.refresh)}"
            )
        if isinstance(self.hosts, str) or not all(isinstance(each, str) and each for each in self.hosts):
            raise errors.InvalidServer("hosts: a tuple of host names")
        object.__setattr__(self, "hosts", tuple(each.lower().removesuffix(".") for each in self.hosts))

    @classmethod
    def stored(cls, login: str, user: str = "") -> TokenSource:
        """The source of a login stored by `courriel login`; `user` logs in, by default the login's own mailbox.

        It is what `password=login:NAME` means in a URL. Raises UsageError when there is no such login.
        """
        from courriel.delivery.oauth.sources import stored

        return stored(login, user)

    @classmethod
    def microsoft(
        cls,
        user: str,
        *,
        login: str = "",
        client_id: str = "",
        tenant: str = "",
        secret: str = "",
        certificate: str = "",
        key: str = "",
    ) -> TokenSource:
        """The source for a mailbox at Microsoft 365.

        Without `client_id` it is the stored login of `courriel login microsoft`, under the name `login` (by default
        the user). With it a program logs in by itself, with a `secret` or with a `certificate` and its RSA `key` (paths
        of PEM files; needs the extra cryptography), in one `tenant` (a domain, or the directory id); its tokens stay in
        memory. Raises UsageError, also when there is no such login.
        """
        from courriel.delivery.oauth.sources import microsoft_source

        return microsoft_source(user, login, client_id, tenant, secret, certificate, key)

    @classmethod
    def google(cls, user: str, *, login: str = "", service_account: str = "") -> TokenSource:
        """The source for a mailbox at Google.

        Without `service_account` it is the stored login of `courriel login google`, under the name `login` (by default
        the user). With the path of a service account's JSON key it acts for `user` by domain-wide delegation (needs the
        extra cryptography); its tokens stay in memory. Raises UsageError, also when there is no such login.
        """
        from courriel.delivery.oauth.sources import google_source

        return google_source(user, login, service_account)

    @classmethod
    def client_credentials(
        cls,
        user: str,
        *,
        token_url: str,
        client_id: str,
        scope: str,
        hosts: tuple[str, ...],
        secret: str = "",
        certificate: str = "",
        key: str = "",
    ) -> TokenSource:
        """The source of a program's own login at any authorization server (RFC 6749 4.4), with its tokens in memory.

        `hosts` are the mail servers that may get them. It logs in with a `secret`, or with a `certificate` and its RSA
        `key` (paths of PEM files; RFC 7523, needs the extra cryptography). Raises UsageError.
        """
        from courriel.delivery.oauth.provider import AuthorizationServer
        from courriel.delivery.oauth.sources import program

        if not hosts:
            raise errors.UsageError("hosts: the mail servers that may get the token are missing", stage="authenticate")
        provider = AuthorizationServer("other", token_url, app_scope=scope, hosts=tuple(hosts))
        return program(user, provider, client_id, secret, certificate, key)

    def check_server(self, server: Server) -> None:
        """Check that this server may get the token. Raises UsageError (LOGIN-WRONG-HOST)."""
        if not self.hosts:
            return
        for name in (server.host, server.expected_name):
            if name.lower().removesuffix(".") not in self.hosts:
                raise errors.UsageError(
                    f"the token is for {', '.join(self.hosts)}, and {name} does not get it",
                    stage="authenticate",
                    hint_id="LOGIN-WRONG-HOST",
                )
        if server.security.value not in ("tls", "starttls") or not server.trust.checks_chain:
            raise errors.UsageError(
                f"a token is sent over verified TLS only, and {server} is set to less",
                stage="authenticate",
                hint_id="LOGIN-WRONG-HOST",
            )


@dataclass(frozen=True, slots=True)
class External:
    """Login by client certificate (SASL EXTERNAL, RFC 4422); `user` asks to act for another user."""

    user: str = ""

    def __post_init__(self) -> None:
        if self.user != "":
            object.__setattr__(self, "user", _text("user name", self.user))


Credentials: TypeAlias = Password | TokenSource | External


def check_credentials(given: object) -> None:
    """Check the type of the credentials; the error says what to give, and shows no value. Raises InvalidServer."""
    if given is None or isinstance(given, Password | TokenSource | External):
        return
    match given:
        case Token():
            advice = "a token belongs to a user: TokenSource('ada@example.org', lambda: token)"
        case tuple() | list():
            advice = "a user name and a password are Password('ada', secret)"
        case str():
            advice = "a password belongs to a user: Password('ada', secret)"
        case _ if callable(given):
            advice = "a function that returns tokens belongs to a user: TokenSource('ada@example.org', function)"
        case _:
            advice = "Password, TokenSource or External is expected"
    raise errors.InvalidServer(f"credentials: {advice}, not {type(given).__name__}")


def check_sayable(field: str, text: str) -> None:
    """Check that a mechanism can send the text: no NUL, no lone surrogate. The error never shows the text."""
    if "\0" in text:
        raise errors.InvalidServer(f"the {field} holds a NUL character")
    try:
        text.encode()
    except UnicodeEncodeError:
        raise errors.InvalidServer(f"the {field} holds half a character (a lone surrogate)") from None


# The steps.


def _text(field: str, value: object) -> str:
    """Check a text that a mechanism sends, and return it. The error never shows the text."""
    text = text_of(value)
    if text is None:
        kind = described(value) if value is not None else "None"
        raise errors.InvalidServer(f"the {field} is text, not {kind}")
    if not text:
        raise errors.InvalidServer(f"an empty {field} cannot log in")
    check_sayable(field, text)
    return text
