"""Fetch of an MTA-STS policy by HTTPS: a verified certificate, no redirect, the right type (RFC 8461 3.3)."""

from __future__ import annotations

from time import monotonic

from courriel import errors
from courriel.doctor.domain.mta_sts import LONGEST_POLICY
from courriel.model.servers.trust import Trust
from courriel.network.https.exchange import exchange

TOTAL = 10.0
"""Seconds for the whole exchange."""


def fetch_policy(url: str, trust: Trust | None = None) -> bytes:
    """The file behind a URL. Raises TlsFailed, ConnectionFailed; RemoteProtocolError when the answer is no policy."""
    response = exchange(url, until=monotonic() + TOTAL, longest=LONGEST_POLICY, accept="text/plain", trust=trust)
    if response.status != 200:
        raise errors.RemoteProtocolError(f"{url} answers with status {response.status}", stage="secure")
    if response.header("Content-Type").partition(";")[0].strip().lower() != "text/plain":
        raise errors.RemoteProtocolError(f"{url} is no text/plain", stage="secure")
    return response.body
