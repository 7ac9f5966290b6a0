"""Pieces of responses: strings, literals, lists, names of folders, sets of numbers."""

from __future__ import annotations

from collections.abc import Iterable

from courriel._lazy_re import expression
from courriel.wire.imap import folder_names
from courriel.wire.imap.syntax import Counted, uid_set
from courriel.wire.imap.syntax import octets as quoted
from courriel.wire.smtp.server_syntax import sayable

_ATOM = expression(r"[A-Za-z0-9!#$'+,./:;<=>?@^_`|~-]+")
_LONGEST_TEXT = 480


def string(value: bytes) -> bytes:
    """A string: quoted where that is possible, else a literal."""
    written = quoted(value)
    return literal(value) if isinstance(written, Counted) or not value.isascii() else written


def literal(value: bytes) -> bytes:
    """A literal: its length, and its octets."""
    return b"{%d}\r\n%b" % (len(value), value)


def nil_or_string(value: bytes | None) -> bytes:
    """A string, or NIL."""
    return b"NIL" if value is None else string(value)


def folder_name(name: str, *, utf8: bool) -> bytes:
    """Name of a folder in a response: an atom where that is possible, else quoted."""
    if _ATOM.fullmatch(name) and name.upper() != "NIL":
        return name.encode("ascii")
    octets = folder_names.encoded(name, utf8=utf8)
    return quoted(octets) if utf8 else string(octets)


def flag_list(flags: Iterable[str]) -> bytes:
    """Flags in brackets, the system's first."""
    ordered = sorted(flags, key=lambda flag: (not flag.startswith("\\"), flag))
    return b"(%b)" % " ".join(ordered).encode("ascii")


def number_set(numbers: Iterable[int]) -> bytes:
    """Numbers as ranges: `1:3,7`."""
    return uid_set(list(numbers)).encode("ascii")


def text(words: str) -> bytes:
    """Text of a status response: printable ASCII, of a length that clients bear."""
    return sayable(words)[:_LONGEST_TEXT].encode("ascii")
