"""Who logs in, and with what. No value here ever shows its secret."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from courriel import errors
from courriel.values import dataclass, field

TYPE_CHECKING = False

if TYPE_CHECKING:
    from typing import TypeAlias


@dataclass(frozen=True, slots=True)
class Password:
    """A user name and a password, in any characters (they leave as UTF-8, RFC 4616).

    Raises InvalidServer for an empty user name, and for NUL or a lone surrogate, which no server can be told.
    """

    user: str
    secret: str = field(repr=False)

    def __post_init__(self) -> None:
        for what, text in (("user name", self.user), ("password", self.secret)):
            if not text:
                raise errors.InvalidServer(f"an empty {what} cannot log in")
            check_sayable(what, text)


@dataclass(frozen=True, slots=True)
class Token:
    """An OAuth 2 access token; `expires_at` is in seconds since 1970, None when its issuer does not say."""

    value: str = field(repr=False)
    expires_at: float | None = None


Fetch: TypeAlias = Callable[[], "Token | str | Awaitable[Token | str]"]


@dataclass(frozen=True, slots=True)
class TokenSource:
    """A user name, and a callable, plain or async, that returns a fresh token each time (XOAUTH2, OAUTHBEARER).

    The session asks once when it opens, and once more when the server refuses the token.
    """

    user: str
    fetch: Fetch = field(repr=False)

    def __post_init__(self) -> None:
        check_sayable("user name", self.user)


@dataclass(frozen=True, slots=True)
class External:
    """Whoever the client certificate says we are (SASL EXTERNAL, RFC 4422); `user` asks to act for somebody else."""

    user: str = ""

    def __post_init__(self) -> None:
        check_sayable("user name", self.user)


Credentials: TypeAlias = Password | TokenSource | External


def check_sayable(what: str, text: str) -> None:
    """Refuse what no mechanism can carry; the text itself is never part of the complaint."""
    if "\0" in text:
        raise errors.InvalidServer(f"the {what} holds a NUL character")
    try:
        text.encode()
    except UnicodeEncodeError:
        raise errors.InvalidServer(f"the {what} holds half a character (a lone surrogate)") from None
