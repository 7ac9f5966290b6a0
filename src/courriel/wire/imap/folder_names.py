"""Names of folders: modified UTF-7 (RFC 3501 5.1.3), and what servers list in its place."""

from __future__ import annotations

from binascii import Error, a2b_base64, b2a_base64
from collections.abc import Iterator

from courriel._lazy_re import expression
from courriel.wire.smtp.client_syntax import printable

_SHIFTED = expression(rb"&([A-Za-z0-9+,]*)-")
_CONTROL = expression("[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_RUN = expression("[^\x20-\x7e]+|&")


def encoded(name: str, *, utf8: bool = False) -> bytes:
    """A name as modified UTF-7, or as UTF-8 where that is switched on (UTF8=ACCEPT, RFC 6855).

    Raises UnicodeEncodeError for half a character.
    """
    if utf8:
        return name.encode()
    return _RUN.sub(lambda run: _shifted(run[0]), name).encode("ascii")


def shown(octets: bytes, *, utf8: bool = False) -> str:
    """Name of a listed folder for people: decoded, if it is valid modified UTF-7 or UTF-8; else as it was listed.

    With `utf8` (UTF8=ACCEPT is on) it is UTF-8, and "&" stands for itself.
    """
    name = _decoded(octets, utf8=utf8)
    if name is None or _CONTROL.search(name):
        return printable(octets)
    return name


# The steps.


def _shifted(run: str) -> str:
    if run == "&":
        return "&-"
    coded = b2a_base64(run.encode("utf-16-be"), newline=False).rstrip(b"=").replace(b"/", b",")
    return f"&{coded.decode('ascii')}-"


def _decoded(octets: bytes, *, utf8: bool) -> str | None:
    """The name, or None when it is neither."""
    try:
        if utf8 or not octets.isascii():
            # A server that lists names in UTF-8 encodes no "&" (RFC 6855 3).
            return octets.decode()
        return "".join(_pieces(octets))
    except ValueError:
        return None


def _pieces(octets: bytes) -> Iterator[str]:
    """Pieces of modified UTF-7. Raises ValueError for anything else, a "&" that was left as it is for example."""
    at = 0
    while (start := octets.find(b"&", at)) >= 0:
        yield octets[at:start].decode("ascii")
        found = _SHIFTED.match(octets, start)
        if found is None:
            raise ValueError("no end")
        yield _unshifted(found[1]) if found[1] else "&"
        at = found.end()
    yield octets[at:].decode("ascii")


def _unshifted(coded: bytes) -> str:
    try:
        return a2b_base64(coded.replace(b",", b"/") + b"=" * (-len(coded) % 4), strict_mode=True).decode("utf-16-be")
    except Error as broken:
        raise ValueError(str(broken)) from None
