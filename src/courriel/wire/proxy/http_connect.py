"""HTTP CONNECT as octets: the request, and the head of its answer (RFC 9110 9.3.6, RFC 9112)."""

from __future__ import annotations

from base64 import b64encode

from courriel._lazy_re import expression

MOST_OCTETS = 16 * 1024
"""Longest head of an answer that is read; usual ones have some hundred octets."""

_STATUS = expression(rb"HTTP/1\.[01] ([1-9][0-9]{2})(?: [^\r\n]*)?")
_AUTHENTICATE = expression(rb"(?i)proxy-authenticate:(.*)")
_SCHEME = expression(rb"(?:^|,)[ \t]*([A-Za-z0-9-]{1,40})(?=[ \t,]|$)")
_PAGE = expression(rb"(?i)content-type:[ \t]*text/html")
_CONTENT = expression(rb"(?i)transfer-encoding:.*|content-length:[ \t]*0*[1-9].*")


def connect(host: str, port: int, user: str = "", password: str = "") -> bytes:
    """The request for a tunnel to a host: a name in ASCII, or an IP address; with a login by Basic (RFC 7617)."""
    place = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    lines = [f"CONNECT {place} HTTP/1.1", f"Host: {place}"]
    if user:
        lines.append(f"Proxy-Authorization: Basic {b64encode(f'{user}:{password}'.encode()).decode()}")
    return "\r\n".join((*lines, "", "")).encode("ascii")


def is_complete(head: bytes | bytearray) -> bool:
    """Whether the empty line has come that ends the head; a line may end by LF alone, as some proxies do it."""
    return head.endswith((b"\n\r\n", b"\n\n"))


def may_begin(head: bytes | bytearray) -> bool:
    """Whether an answer of HTTP may begin so."""
    return b"HTTP/1.".startswith(head[:7])


def status(head: bytes | bytearray) -> int | None:
    """The status code of an answer; None for what is no answer of HTTP/1."""
    line = _STATUS.fullmatch(bytes(head).partition(b"\n")[0].removesuffix(b"\r"))
    return int(line[1]) if line else None


def logins(head: bytes | bytearray) -> tuple[str, ...]:
    """The kinds of login that an answer offers, as "Basic" or "Negotiate", each once."""
    lists = (_AUTHENTICATE.fullmatch(line) for line in bytes(head).splitlines())
    found = [each[1].decode() for line in lists if line for each in _SCHEME.finditer(line[1])]
    return tuple(dict.fromkeys(found))


def is_page(head: bytes | bytearray) -> bool:
    """Whether an answer announces a page of HTML, as a captive portal gives it in place of a tunnel.

    A length or an encoding alone means nothing, and is ignored (RFC 9110 9.3.6): some proxies send one with 200.
    """
    lines = bytes(head).splitlines()
    return any(_PAGE.match(line) for line in lines) and any(_CONTENT.match(line) for line in lines)
