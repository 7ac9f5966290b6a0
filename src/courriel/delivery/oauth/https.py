"""Form posts to a token endpoint, as the responses and errors of an authorization server. No redirect is followed."""

from __future__ import annotations

import time
from email.utils import parsedate_to_datetime

from courriel import errors
from courriel.delivery.oauth.answers import LONGEST, HttpAnswer, broken
from courriel.delivery.oauth.provider import encoded
from courriel.model.servers.trust import Trust
from courriel.network.https.exchange import exchange

TOTAL = 30.0
"""Seconds for one exchange, from connecting to the last byte."""


def post(url: str, fields: dict[str, str], *, trust: Trust | None = None, total: float = TOTAL) -> HttpAnswer:
    """Post a form, and return the response, whatever its status.

    At most `answers.LONGEST` + 1 bytes are read, and the whole exchange takes at most `total` seconds. Raises
    ConnectionFailed, TlsFailed, TimedOut, or RemoteProtocolError for an answer that is not HTTP.
    """
    try:
        response = exchange(
            url,
            until=time.monotonic() + total,
            longest=LONGEST,
            form=encoded(fields).encode(),
            accept="application/json",
            trust=trust,
            stage="authenticate",
        )
    except errors.RemoteProtocolError:
        raise broken(HttpAnswer(url, 0, "", b""), "this is not HTTP") from None
    except errors.TlsFailed:
        raise
    except errors.ConnectionFailed as failed:
        raise _no_answer(HttpAnswer(url, 0, "", b"").host, failed) from None
    return HttpAnswer(
        url,
        response.status,
        response.header("Content-Type"),
        response.body,
        response.header("Location"),
        _skew(response.header("Date")),
    )


# The steps.


def _no_answer(host: str, failed: errors.ConnectionFailed) -> errors.ConnectionFailed:
    if isinstance(failed, errors.TimedOut):
        return errors.TimedOut(
            f"{host} did not answer a request for a token in time",
            stage="authenticate",
            server=host,
            hint_id="OAUTH-SERVER-TROUBLE",
        )
    failed.hint_id = "OAUTH-SERVER-TROUBLE"
    return failed


def _skew(date: str) -> float | None:
    """The server's clock minus ours."""
    try:
        return parsedate_to_datetime(date).timestamp() - time.time()
    except (ValueError, TypeError, OverflowError):
        return None
