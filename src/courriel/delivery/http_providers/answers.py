"""
Responses of HTTP providers, and the error that each of them means.

A response below 500 is a decision: the mail was taken or it was not. Any response from 500 on, none at all, and a
success of a shape that nobody documents leave the mail in doubt. What a provider says is shown in one line of at most
300 characters, with an SMTP code before it, by which the outbox and the failure table know a refusal.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Literal, TypeAlias

from courriel import errors
from courriel._dataclass import dataclass
from courriel.network.https.exchange import HttpsResponse
from courriel.reply import Reply

LONGEST = 64 * 1024
"""Longest answer in octets; a usual one has some hundreds."""
_LONGEST_SHOWN = 300
_LONGEST_WAIT = 86400.0  # seconds

Refusal: TypeAlias = Literal["login", "sender", "recipients", "message", "wait", "doubt"]
"""Verdict on an HTTP answer: login, sender, recipients or mail refused; mail refused for now; or result unknown."""


@dataclass(frozen=True, slots=True)
class ErrorMeaning:
    """Meaning of a provider's error: what it refuses, and the record of the failure table."""

    refusal: Refusal
    hint_id: str


@dataclass(frozen=True, slots=True)
class ProviderWords:
    """Error in a provider's own words: its code, which programs know, its sentence, and the field that is wrong.

    `status` is that of this mail, where the answer to the request is a success all the same; 0 where there is none.
    """

    code: str = ""
    sentence: str = ""
    about: str = ""
    status: int = 0


def content_of(response: HttpsResponse) -> dict[str, object] | None:
    """The JSON object of a response; None for anything else, and for one that is too long."""
    if len(response.body) > LONGEST:
        return None
    try:
        content: object = json.loads(response.body.decode("utf-8-sig"))
    except (ValueError, RecursionError):
        return None
    return content if isinstance(content, dict) else None


def accepted(response: HttpsResponse, words: str) -> Reply:
    """The reply of a receipt: the status, and the provider's own ids."""
    return Reply(250, (f"2.0.0 HTTP {response.status} {shown(words)}".rstrip(),))


def failure(
    response: HttpsResponse,
    why: ProviderWords,
    verdict: ErrorMeaning | None,
    *,
    server: str,
    recipients: tuple[str, ...],
    wait: float | None = None,
) -> errors.CourrielError:
    """The error of a response that does not accept the mail.

    `verdict` is what the provider documents for this error, None where it documents nothing; `wait` is how many seconds
    it asks to wait, None when it does not say.
    """
    status = why.status if response.status < 300 and why.status >= 400 else response.status
    said = shown(f"HTTP {status} {why.code}: {why.sentence}" if why.code else f"HTTP {status} {why.sentence}")
    if status == 429 or (status == 503 and wait is not None):
        return _throttled(said, server, wait)
    if status >= 500 or status < 300:
        return _in_doubt(said, server, status)
    if status < 400:
        return _redirected(said, server, status)
    return _refused(said, verdict or _BY_STATUS.get(status, _OTHER), server, recipients)


def wait_of(response: HttpsResponse, name: str = "Retry-After") -> float | None:
    """Seconds for which the provider asks to wait; None when it does not say. A date counts from the server's own."""
    value = response.header(name).strip()
    if not value:
        return None
    if value.isascii() and value.isdigit() and len(value) < 10:
        return min(float(value), _LONGEST_WAIT)
    moment = _moment(value)
    if moment is None:
        return None
    now = _moment(response.header("Date")) or datetime.now(UTC)
    return min(max((moment - now).total_seconds(), 0.0), _LONGEST_WAIT)


def shown(text: str) -> str:
    """Words of a provider in one printable line of limited length."""
    line = " ".join(text[: 4 * _LONGEST_SHOWN].split())
    line = "".join(char if char.isprintable() else "?" for char in line)
    return line if len(line) <= _LONGEST_SHOWN else f"{line[:_LONGEST_SHOWN]}…"


def text_at(content: object, *path: str | int) -> str:
    """The text at a path of keys and places in JSON; "" when there is none."""
    for step in path:
        if isinstance(step, int) and isinstance(content, list) and step < len(content):
            content = content[step]
        elif isinstance(content, dict):
            content = content.get(step)
        else:
            return ""
    return str(content) if isinstance(content, str | int) and not isinstance(content, bool) else ""


# The steps.


_LOGIN = ErrorMeaning("login", "HTTP-KEY-REFUSED")
_OTHER = ErrorMeaning("message", "HTTP-REQUEST-REFUSED")
_BY_STATUS = {
    401: _LOGIN,
    402: ErrorMeaning("wait", "HTTP-CREDIT-USED-UP"),
    403: _LOGIN,
    408: ErrorMeaning("doubt", ""),
    413: ErrorMeaning("message", "HTTP-TOO-LARGE"),
}


def _throttled(said: str, server: str, wait: float | None) -> errors.CourrielError:
    refused = errors.MessageRefused(Reply(451, (f"4.7.0 {said}",)), stage="message", server=server)
    refused.hint_id, refused.retry_after = "HTTP-THROTTLED", wait
    return refused


def _in_doubt(said: str, server: str, status: int) -> errors.CourrielError:
    if status >= 500:
        sentence = f"{server} failed, and may have taken the mail before it did: {said}"
    else:
        sentence = f"{server} gives an answer that its documentation does not know, and may have taken the mail: {said}"
    return errors.RemoteProtocolError(sentence, stage="message", server=server, in_doubt=True)


def _redirected(said: str, server: str, status: int) -> errors.CourrielError:
    """A redirect, never followed: no key leaves for elsewhere. Some kinds are given when the work is done."""
    return errors.RemoteProtocolError(
        f"{server} answers with a redirect, which is not followed: {said}",
        stage="message",
        server=server,
        in_doubt=status not in (301, 307, 308),
        hint_id="HTTP-REDIRECTED" if status in (301, 307, 308) else "",
    )


def _refused(said: str, verdict: ErrorMeaning, server: str, recipients: tuple[str, ...]) -> errors.CourrielError:
    error: errors.CourrielError
    match verdict.refusal:
        case "login":
            error = errors.AuthenticationRefused(Reply(535, (f"5.7.8 {said}",)), stage="authenticate", server=server)
        case "sender":
            error = errors.SenderRefused(Reply(550, (f"5.7.1 {said}",)), stage="sender", server=server)
        case "recipients":
            reply = Reply(550, (f"5.1.3 {said}",))
            refused = dict.fromkeys(recipients, reply)
            error = errors.RecipientsRefused(reply, stage="recipient", server=server, refused=refused)
        case "message":
            error = errors.MessageRefused(Reply(554, (f"5.6.0 {said}",)), stage="message", server=server)
        case "wait":
            error = errors.MessageRefused(Reply(451, (f"4.7.0 {said}",)), stage="message", server=server)
        case "doubt":
            sentence = f"{server} may have taken the mail: {said}"
            error = errors.RemoteProtocolError(sentence, stage="message", server=server, in_doubt=True)
    error.hint_id = verdict.hint_id
    return error


def _moment(value: str) -> datetime | None:
    try:
        moment = parsedate_to_datetime(value)
    except (ValueError, TypeError, OverflowError):
        return None
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
