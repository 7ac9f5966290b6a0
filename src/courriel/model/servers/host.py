"""Host names and addresses of servers and proxies: checked, and in ASCII."""

from __future__ import annotations

from courriel import errors
from courriel._lazy_re import expression
from courriel.model.checks.shown import safely_shown
from courriel.model.checks.text import text_of

_NAME = expression(r"[A-Za-z0-9_](?:[A-Za-z0-9_-]*[A-Za-z0-9_])?(?:\.[A-Za-z0-9_](?:[A-Za-z0-9_-]*[A-Za-z0-9_])?)*\.?")
_ADDRESS = expression(r"[0-9A-Fa-f:.]+(?:%[A-Za-z0-9]+)?")
_WITH_PORT = expression(r"[A-Za-z0-9.-]+:[0-9]{1,5}|\[[0-9A-Fa-f:.]+\]:[0-9]{1,5}")


def checked_host(host: str) -> str:
    """Check a host and return its ASCII form: a DNS name, an IP address, or a path."""
    host = text_of(host) or ""
    if "://" in host:
        raise errors.InvalidServer(
            "host: a name such as smtp.example.org; a URL is read by courriel.send(via=…), courriel.mailbox(…) "
            "and Route.parse(…)",
            stage="compose",
            hint_id="HOST-MALFORMED",
        )
    if host.startswith("/") and not host.startswith("//") and "\0" not in host and host.isprintable():
        return host
    bare = host[1:-1] if host.startswith("[") and host.endswith("]") else host
    if ":" in bare:
        if _ADDRESS.fullmatch(bare) and bare.count(":") > 1:
            return bare
    else:
        name = bare if bare.isascii() else _to_ascii(bare)
        if (
            len(name) <= 253
            and _NAME.fullmatch(name)
            and all(0 < len(part) < 64 for part in name.rstrip(".").split("."))
        ):
            return name
    advice = "a port is given beside it: Server(host, 587)" if _WITH_PORT.fullmatch(host) else "and nothing else"
    raise errors.InvalidServer(
        f"{safely_shown(host)} is not the name of a server: a name such as smtp.example.org, or an IP address;"
        f" {advice}",
        stage="compose",
        hint_id="HOST-MALFORMED",
    )


# The steps.


def _to_ascii(host: str) -> str:
    import idna  # noqa: PLC0415 - most servers have ASCII names

    try:
        return idna.encode(host, uts46=True).decode("ascii")
    except idna.IDNAError:
        return ""
