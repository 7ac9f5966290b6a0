"""
Values of IMAP responses: atoms, strings, NIL and lists of them (RFC 9051 4).

    read_values((b'(\\Seen) "a\\"b" NIL ', b"octets of a literal", b" 12"))
    # [["\\Seen"], b'a"b', None, b"octets of a literal", "12"]

An atom is a `str`, a string (quoted or literal) is `bytes`, NIL is None. Octets that are no UTF-8 come back by
`surrogateescape`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TypeAlias

from courriel.errors import RemoteProtocolError
from courriel.wire.smtp.client_syntax import printable

Value: TypeAlias = "str | bytes | list[Value] | None"
"""Atom (str), string (bytes), NIL (None), or a list of them."""

DEEPEST = 100
"""Levels of lists; the deepest mails in the wild have some ten."""
_MOST = 200_000  # values in one response

# A section may hold spaces and brackets: `BODY[1.2.HEADER.FIELDS (DATE FROM)]<0>` (in commands `<0.100>`). No "["
# stands in it.
_TOKEN = re.compile(
    rb'[ \t]*(?:([()])|"((?:[^"\\]|\\.)*+)"'
    rb'|((?:BODY|BINARY)(?:\.\w+)?\[[^\[\]\r\n]*\](?:<\d+(?:\.\d+)?>)?|[^ \t()"][^ \t()]*))',
    re.IGNORECASE | re.DOTALL,
)
_BLANK = re.compile(rb"[ \t]*\Z")
_ESCAPED = re.compile(rb"\\(.)", re.DOTALL)


def read_values(pieces: Iterable[bytes]) -> list[Value]:
    """Values of one response; `pieces` are texts and literals in turn, a text first. Raises RemoteProtocolError."""
    stack: list[list[Value]] = [[]]
    count = 0
    for place, piece in enumerate(pieces):
        if place % 2:
            stack[-1].append(piece)
            continue
        at = 0
        while token := _TOKEN.match(piece, at):
            at = token.end()
            count += 1
            if token[1] == b"(":
                _open(stack)
            elif token[1]:
                _close(stack)
            elif token[2] is not None:
                stack[-1].append(unescaped(token[2]))
            else:
                stack[-1].append(_atom(token[3]))
            if count > _MOST:
                raise RemoteProtocolError(f"a response of more than {_MOST:,} values")
        if not _BLANK.match(piece, at):
            raise RemoteProtocolError(f"a string without an end: {printable(piece[at : at + 80])}")
    if len(stack) > 1:
        raise RemoteProtocolError("a list without an end")
    return stack[0]


def unescaped(quoted: bytes) -> bytes:
    """Content of a quoted string, without its quotes and escapes."""
    return _ESCAPED.sub(rb"\1", quoted) if b"\\" in quoted else quoted


def text_of(value: Value) -> str | None:
    """An atom or a string as text; None for NIL and lists."""
    if isinstance(value, bytes):
        return value.decode("utf-8", "surrogateescape")
    return value if isinstance(value, str) else None


def octets_of(value: Value) -> bytes | None:
    """An atom or a string as octets; None for NIL and lists."""
    if isinstance(value, str):
        return value.encode("utf-8", "surrogateescape")
    return value if isinstance(value, bytes) else None


def number_of(value: Value) -> int | None:
    """A number, or None for anything else."""
    text = text_of(value)
    return int(text) if text is not None and text.isascii() and text.isdigit() and len(text) <= 20 else None


# The steps.


def _open(stack: list[list[Value]]) -> None:
    if len(stack) > DEEPEST:
        raise RemoteProtocolError(f"lists more than {DEEPEST} deep")
    inner: list[Value] = []
    stack[-1].append(inner)
    stack.append(inner)


def _close(stack: list[list[Value]]) -> None:
    if len(stack) == 1:
        raise RemoteProtocolError("a list ends that has not begun")
    _ = stack.pop()


def _atom(word: bytes) -> str | None:
    return None if word.upper() == b"NIL" else word.decode("utf-8", "surrogateescape")
