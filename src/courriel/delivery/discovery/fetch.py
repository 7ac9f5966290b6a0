"""HTTPS GET of a domain's autoconfiguration: what is not there, or cannot be had in time, is no file."""

from __future__ import annotations

from time import monotonic

from courriel import errors
from courriel.delivery.discovery.autoconfig import LONGEST
from courriel.model.servers.trust import Trust
from courriel.network.https.exchange import exchange

_MOST_REDIRECTS = 2


def get(url: str, until: float, trust: Trust | None = None) -> bytes | None:
    """Fetch a file by HTTPS; None when there is none, when the host does not exist, or when it leads elsewhere.

    At most `LONGEST` + 1 bytes are read, until `until` by the monotonic clock. A redirect is followed within the same
    host only. Raises TlsFailed for a certificate that is not accepted.
    """
    if monotonic() >= until:
        return None
    try:
        response = exchange(
            url,
            until=until,
            longest=LONGEST,
            accept="application/xml, text/xml",
            redirects=_MOST_REDIRECTS,
            trust=trust,
        )
    except (errors.ConnectionFailed, errors.RemoteProtocolError) as failed:
        if type(failed.__cause__).__name__ == "SSLCertVerificationError":
            raise
        return None
    return response.body if response.status == 200 else None
