"""What the receiving host says of a mail that we have sent ourselves: its results, and where the mail came from."""

from __future__ import annotations

import ipaddress
import re

from courriel._lazy_re import expression
from courriel.model.received.authentication import Authentication, AuthenticationResult
from courriel.wire.parse.letter import Letter

# Each host has its own sentence: "client-ip=192.0.2.1", "designates 192.0.2.1 as permitted sender", "sender IP is …".
_CLIENT = expression(
    r"(?:client-ip=|designates? |sender ip is )\"?\[?([0-9a-f.:]{3,45})\]?",
    re.IGNORECASE,
)
_LONGEST = 4_000


def host_results(letter: Letter) -> tuple[str, tuple[AuthenticationResult, ...], str]:
    """Name of the host, its results, and the address from which the mail came to it, "" where it does not say.

    The mail left us without such fields, so that the topmost one is of the last host; a host that uses several names,
    one for each check (`spf.icloud.com`, `dkim-verifier.icloud.com`), has the same domain in them.
    """
    found = letter.authentication
    top = found.authserv_id
    names = [each.authserv_id for each in found.fields if _same_host(each.authserv_id, top)]
    counted = found.by(*names) if names else Authentication()
    return top, counted.results, _sent_from(letter)


# The steps.


def _same_host(name: str, other: str) -> bool:
    if name.lower() == other.lower():
        return True
    own, theirs = name.lower().split("."), other.lower().split(".")
    return min(len(own), len(theirs)) > 2 and own[-2:] == theirs[-2:]


def _sent_from(letter: Letter) -> str:
    for name in ("Received-SPF", "Authentication-Results"):
        found = _CLIENT.search(letter.header(name)[:_LONGEST])
        if found:
            try:
                return str(ipaddress.ip_address(found[1].rstrip(".")))
            except ValueError:
                continue
    return ""
