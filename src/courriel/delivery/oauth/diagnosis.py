"""Diagnosis of an access token without asking a server: scopes, and the claims of a JWT.

A diagnosis and no verification: the signature is for the mail server to check, and Google's tokens are opaque.
"""

from __future__ import annotations

from courriel._dataclass import dataclass
from courriel._lazy_re import expression
from courriel.delivery.oauth.provider import GRAPH

TYPE_CHECKING = False

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from courriel.delivery.oauth.login import StoredLogin

_AUDIENCES = (
    "https://outlook.office.com",
    "https://outlook.office365.com",
    "00000002-0000-0ff1-ce00-000000000000",  # the application id of Exchange Online
)
_GRAPH_AUDIENCES = (GRAPH, "00000003-0000-0000-c000-000000000000")
_LONGEST = 64 * 1024
_BASE64URL = expression("[A-Za-z0-9_=-]+")
_CLOCK_TOLERANCE = 120  # seconds


@dataclass(frozen=True, slots=True)
class TokenFinding:
    """One finding, as an English sentence; `failure` is the failure's id when mail cannot work so, `warning` else."""

    sentence: str
    failure: str = ""
    warning: bool = False

    @property
    def mark(self) -> str:
        """Mark of the finding in a list: "✗", "!" or "✓"."""
        return "✗" if self.failure else "!" if self.warning else "✓"


def claims_of(token: str) -> dict[str, Any] | None:
    """The claims of a JWT, unverified; None for an opaque token."""
    import json
    from base64 import urlsafe_b64decode

    parts = token.split(".")
    if len(parts) != 3 or len(token) > _LONGEST or not _BASE64URL.fullmatch(parts[1]):
        return None
    try:
        content: object = json.loads(urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
    except (ValueError, RecursionError):
        return None
    return content if isinstance(content, dict) else None


def findings(login: StoredLogin, now: float) -> list[TokenFinding]:
    """Findings about the tokens of a login."""
    claims = claims_of(login.access_token)
    found = list(_about_refreshing(login))
    if claims is None:
        if login.grant in ("browser", "device"):
            found += _about_scopes(login, login.scopes)
        return [*found, TokenFinding("the access token is opaque: only the mail server can say more")]
    if login.provider == "microsoft":
        found += _about_audience(login, claims)
        found += _about_rights(login, claims)
    found += _about_clock(claims, now)
    found += _about_mailbox(login, claims)
    return found


# The steps.


def _about_refreshing(login: StoredLogin) -> Iterator[TokenFinding]:
    if login.grant in ("browser", "device") and not login.refresh_token:
        yield TokenFinding("there is no refresh token: this login ends with its access token", warning=True)


def _about_audience(login: StoredLogin, claims: dict[str, Any]) -> Iterator[TokenFinding]:
    audience = str(claims.get("aud", "")).rstrip("/")
    graph = login.purpose == "graph"
    # A national cloud has a Graph of its own, which is one of the login's hosts.
    known = (*_GRAPH_AUDIENCES, *(f"https://{host}" for host in login.hosts)) if graph else _AUDIENCES
    if audience in known:
        yield TokenFinding(f"audience {audience}")
    else:
        shown, failure = _shown(audience) or "-", "GRAPH-TOKEN-REFUSED" if graph else "M365-TOKEN-REJECTED"
        yield TokenFinding(f"the token is for {shown} and not for {known[0]}", failure)


def _about_rights(login: StoredLogin, claims: dict[str, Any]) -> Iterator[TokenFinding]:
    if login.grant == "program":
        roles = claims.get("roles")
        granted = tuple(str(role) for role in roles) if isinstance(roles, list) else ()
        wanted = "Mail.Send" if login.purpose == "graph" else "SMTP.SendAsApp"
        if wanted in granted:
            yield TokenFinding(f"roles {_shown(' '.join(granted))}")
        else:
            yield TokenFinding(f"the token does not carry {wanted}", "OAUTH-SCOPE-MISSING")
        return
    yield from _about_scopes(login, tuple(str(claims.get("scp", "")).split()) or login.scopes)


def _about_scopes(login: StoredLogin, granted: tuple[str, ...]) -> Iterator[TokenFinding]:
    wanted = "SMTP.Send" if login.provider == "microsoft" else "https://mail.google.com/"
    wanted = "Mail.Send" if login.purpose == "graph" else wanted
    short = {each.rpartition("/")[2] for each in granted} if login.provider == "microsoft" else set(granted)
    if not granted:
        # RFC 6749 5.1
        yield TokenFinding("the server names no scopes, and so grants those that were asked for")
    elif wanted in short:
        yield TokenFinding(f"scopes {_shown(' '.join(granted))}")
    else:
        yield TokenFinding(f"the token does not carry {wanted}", "OAUTH-SCOPE-MISSING")


def _about_clock(claims: dict[str, Any], now: float) -> Iterator[TokenFinding]:
    begins, ends = claims.get("nbf", claims.get("iat")), claims.get("exp")
    if isinstance(begins, int | float) and begins > now + _CLOCK_TOLERANCE:
        yield TokenFinding(f"this machine's clock is {begins - now:.0f} s behind", warning=True)
    if isinstance(ends, int | float) and ends < now:
        yield TokenFinding("the token has expired by this machine's clock", warning=True)


def _about_mailbox(login: StoredLogin, claims: dict[str, Any]) -> Iterator[TokenFinding]:
    if login.grant == "program":
        return
    named = next((claims[name] for name in ("upn", "preferred_username", "unique_name", "email") if name in claims), "")
    if not isinstance(named, str) or not named:
        return
    if named.lower() == login.mailbox.lower():
        yield TokenFinding(f"mailbox {_shown(named)}")
    else:
        yield TokenFinding(f"the token is of {_shown(named)} and not of {login.mailbox}", warning=True)


def _shown(text: str) -> str:
    return "".join(char if char.isprintable() else "?" for char in text[:300])
