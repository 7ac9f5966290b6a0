"""Credentials: password, OAuth token source, client certificate. The repr of a value never shows its secret."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from courriel import errors
from courriel._dataclass import dataclass, field
from courriel.model.checks.text import described, text_of

TYPE_CHECKING = False

if TYPE_CHECKING:
    from typing import TypeAlias


@dataclass(frozen=True, slots=True)
class Password:
    """User name and password, in any characters (sent as UTF-8, RFC 4616).

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


@dataclass(frozen=True, slots=True)
class TokenSource:
    """User name and a callable, plain or async, that returns a fresh token each time (XOAUTH2, OAUTHBEARER).

    The session calls it once when it opens, and once more when the server refuses the token.
    """

    user: str
    fetch: TokenFetch = field(repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "user", _text("user name", self.user))
        if not callable(self.fetch):
            raise errors.InvalidServer(
                f"a token source calls a function each time it needs a token, and {type(self.fetch).__name__} is none; "
                "a token that is at hand: TokenSource(user, lambda: token)"
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


def check_sayable(what: str, text: str) -> None:
    """Check that a mechanism can send the text: no NUL, no lone surrogate. The error never shows the text."""
    if "\0" in text:
        raise errors.InvalidServer(f"the {what} holds a NUL character")
    try:
        text.encode()
    except UnicodeEncodeError:
        raise errors.InvalidServer(f"the {what} holds half a character (a lone surrogate)") from None


# The steps.


def _text(what: str, value: object) -> str:
    """Check a text that a mechanism sends, and return it. The error never shows the text."""
    text = text_of(value)
    if text is None:
        kind = described(value) if value is not None else "None"
        raise errors.InvalidServer(f"the {what} is text, not {kind}")
    if not text:
        raise errors.InvalidServer(f"an empty {what} cannot log in")
    check_sayable(what, text)
    return text
