"""Responses of authorization servers (RFC 6749 5): parsed within limits, refusals as errors with a cause. Pure.

Whatever the server says is shown in one line of at most 300 characters, and what we sent in secret is masked in it.
"""

from __future__ import annotations

from courriel import errors
from courriel._dataclass import dataclass, field

TYPE_CHECKING = False

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Any

LONGEST = 64 * 1024
"""Longest response in bytes; a token with many groups has some ten thousand."""
_LONGEST_SHOWN = 300
_LONGEST_LIFE = 366 * 86400  # seconds
_CLOCK_TOLERANCE = 120.0  # seconds; assertions live for minutes

_HINTS = {
    "invalid_grant": "OAUTH-GRANT-REFUSED",
    "interaction_required": "OAUTH-GRANT-REFUSED",
    "login_required": "OAUTH-GRANT-REFUSED",
    "invalid_client": "OAUTH-CLIENT-REFUSED",
    "unauthorized_client": "OAUTH-CLIENT-REFUSED",
    "redirect_uri_mismatch": "OAUTH-CLIENT-REFUSED",
    "access_denied": "OAUTH-CONSENT-REFUSED",
    "authorization_declined": "OAUTH-CONSENT-REFUSED",
    "consent_required": "OAUTH-CONSENT-REFUSED",
    "expired_token": "OAUTH-LOGIN-TOO-LATE",
    "invalid_scope": "OAUTH-SCOPE-MISSING",
}
_TROUBLE = ("server_error", "temporarily_unavailable")
# Numbers in Microsoft's descriptions say more than its codes.
_NUMBERS = {
    "AADSTS65001": "OAUTH-CONSENT-REFUSED",
    "AADSTS90094": "OAUTH-CONSENT-REFUSED",
    "AADSTS90095": "OAUTH-CONSENT-REFUSED",
    "AADSTS7000218": "OAUTH-CLIENT-REFUSED",
    "AADSTS53003": "OAUTH-POLICY",
    "AADSTS530033": "OAUTH-POLICY",
    "AADSTS50105": "OAUTH-POLICY",
}
_ABOUT_TIME = ("iat", "short-lived", "AADSTS700024", "not within its valid time range", "clock")


@dataclass(frozen=True, slots=True)
class HttpAnswer:
    """Response of an HTTP server; `skew` is its clock minus ours in seconds, None without a Date."""

    url: str
    status: int
    content_type: str
    body: bytes = field(repr=False)
    location: str = field(default="", repr=False)
    skew: float | None = None

    @property
    def host(self) -> str:
        """The server's host name and port, for errors."""
        return self.url.partition("://")[2].partition("/")[0]


@dataclass(frozen=True, slots=True)
class TokenAnswer:
    """Tokens from a token endpoint; `expires_at` in seconds since 1970 by our own clock, `raw` the whole JSON."""

    access_token: str = field(repr=False)
    expires_at: float | None
    refresh_token: str = field(default="", repr=False)
    scopes: tuple[str, ...] = ()
    raw: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class DeviceCode:
    """Answer of a device authorization endpoint (RFC 8628 3.2): the code for the user, and how to poll."""

    device_code: str = field(repr=False)
    user_code: str
    verification_uri: str
    lasts: float
    interval: float


def token_of(answer: HttpAnswer, now: float, secrets: Iterable[str] = ()) -> TokenAnswer:
    """The tokens of a response. Raises TokenRefused, RemoteProtocolError or ConnectionFailed."""
    content = content_of(answer, secrets)
    kind = content.get("token_type")
    if not isinstance(kind, str) or kind.lower() != "bearer":
        raise broken(answer, "its token is not a bearer token")
    return TokenAnswer(
        _text(answer, content, "access_token"),
        now + _seconds(answer, content, "expires_in", 0) if "expires_in" in content else None,
        _text(answer, content, "refresh_token") if content.get("refresh_token") else "",
        tuple(_text(answer, content, "scope").split()) if content.get("scope") else (),
        answer.body.decode("utf-8-sig"),
    )


def device_code_of(answer: HttpAnswer, secrets: Iterable[str] = ()) -> DeviceCode:
    """The codes of a device authorization response. Raises as `token_of`."""
    content = content_of(answer, secrets)
    uri = _text(answer, content, "verification_uri")
    if not uri.startswith("https://"):
        raise broken(answer, "the page for the code is not https")
    return DeviceCode(
        _text(answer, content, "device_code"),
        shown(_text(answer, content, "user_code")),
        shown(uri),
        min(_seconds(answer, content, "expires_in", 900), 3600),
        min(max(_seconds(answer, content, "interval", 5), 1), 60),
    )


def content_of(answer: HttpAnswer, secrets: Iterable[str] = ()) -> Mapping[str, Any]:
    """The JSON object of a successful response. Raises TokenRefused, RemoteProtocolError or ConnectionFailed."""
    content = _object(answer)
    code = content.get("error") if content is not None else None
    if content is not None and isinstance(code, str) and code:
        raise refusal(answer, code, str(content.get("error_description") or ""), secrets)
    if answer.status >= 500 or answer.status == 429:
        raise trouble(answer, f"HTTP status {answer.status}")
    if 300 <= answer.status < 400:
        raise broken(answer, "it answers with a redirect, which is not followed")
    if content is None:
        kind = shown(answer.content_type.partition(";")[0]) or "no type"
        raise broken(answer, f"the answer is not JSON ({kind}, HTTP status {answer.status})")
    if answer.status != 200:
        raise broken(answer, f"HTTP status {answer.status} without an error code")
    return content


def refusal(answer: HttpAnswer, code: str, description: str, secrets: Iterable[str] = ()) -> errors.CourrielError:
    """The error for a refusal by the server, with its own words."""
    hidden = shown(description, secrets)
    if code in _TROUBLE:
        return trouble(answer, f"{shown(code, secrets)} {hidden}".rstrip())
    hint = next(
        (hint for number, hint in _NUMBERS.items() if f"{number}:" in hidden), _HINTS.get(code, "OAUTH-REFUSED")
    )
    if off := clock_is_off(answer, hidden):
        hint = "OAUTH-CLOCK-OFF"
        seconds = f"{abs(off):.0f}"
        hidden = (
            f"{hidden} (this machine's clock is {seconds} s behind)"
            if off > 0
            else f"{hidden} (this machine's clock is {seconds} s ahead)"
        )
    sentence = f"{answer.host} gives no token: {shown(code, secrets)}"
    error = errors.TokenRefused(
        f"{sentence}: {hidden}" if hidden else sentence, stage="authenticate", server=answer.host, hint_id=hint
    )
    error.code = shown(code, secrets)
    return error


def clock_is_off(answer: HttpAnswer, description: str) -> float:
    """Seconds between the server's clock and ours, where the refusal is about time; 0 otherwise."""
    if answer.skew is None or abs(answer.skew) <= _CLOCK_TOLERANCE:
        return 0.0
    return answer.skew if any(word in description for word in _ABOUT_TIME) else 0.0


def broken(answer: HttpAnswer, what: str) -> errors.RemoteProtocolError:
    """The error for a response that no authorization server gives."""
    return errors.RemoteProtocolError(
        f"{answer.host} does not answer as an authorization server: {what}",
        stage="authenticate",
        server=answer.host,
        hint_id="OAUTH-SERVER-BROKEN",
    )


def trouble(answer: HttpAnswer, what: str) -> errors.ConnectionFailed:
    """The error for a server that says it cannot answer now."""
    return errors.ConnectionFailed(
        f"{answer.host} gives no token for now: {what}",
        stage="authenticate",
        server=answer.host,
        hint_id="OAUTH-SERVER-TROUBLE",
    )


def shown(text: str, secrets: Iterable[str] = ()) -> str:
    """Words of a server in one printable line of limited length, with our secrets masked."""
    for secret in secrets:
        if secret:
            text = text.replace(secret, "***")
    line = " ".join(text[: 4 * _LONGEST_SHOWN].split())
    line = "".join(char if char.isprintable() else "?" for char in line)
    return line if len(line) <= _LONGEST_SHOWN else f"{line[:_LONGEST_SHOWN]}…"


# The steps.


def _object(answer: HttpAnswer) -> Mapping[str, Any] | None:
    import json

    if len(answer.body) > LONGEST:
        raise broken(answer, f"the answer is longer than {LONGEST} bytes")
    try:
        content: object = json.loads(answer.body.decode("utf-8-sig"))
    except (ValueError, RecursionError):
        return None
    return content if isinstance(content, dict) else None


def _text(answer: HttpAnswer, content: Mapping[str, Any], name: str) -> str:
    value = content.get(name)
    if not isinstance(value, str) or not value or not value.isprintable():
        raise broken(answer, f"{name} is missing, or is not text")
    return value


def _seconds(answer: HttpAnswer, content: Mapping[str, Any], name: str, default: float) -> float:
    value = content.get(name, default)
    try:
        # Some servers write the number as text.
        seconds = float(value)
    except (TypeError, ValueError, OverflowError):
        raise broken(answer, f"{name} is not a number") from None
    if not 0 <= seconds <= _LONGEST_LIFE:
        raise broken(answer, f"{name} is not a number of seconds")
    return seconds
