"""POP3 server syntax: replies, lists and letters to bytes (RFC 1939, RFC 2449)."""

from __future__ import annotations

import re
from collections.abc import Iterable

from courriel.reply import Reply
from courriel.wire.smtp.server_syntax import Objection, sayable

_BARE_LF = re.compile(rb"(?<!\r)\n")
_LONGEST_TEXT = 480  # RFC 2449 4: a response line has 512 octets
# Response codes of RFC 2449 8 and RFC 3206 for our reply codes; a text that begins with one keeps it.
_CODES = {421: "SYS/TEMP", 451: "SYS/TEMP", 452: "SYS/TEMP", 535: "AUTH"}


def write_status(reply: Reply) -> bytes:
    """Write one reply: +OK, -ERR, or the "+" that asks for more. Enhanced codes are SMTP's and are left out."""
    text = reply.text.removeprefix(str(reply.enhanced or "")).lstrip()
    if reply.kind == 3:
        return f"+ {sayable(text)}\r\n".encode("ascii")
    if reply.kind == 2:
        return f"+OK {sayable(text)[:_LONGEST_TEXT]}".rstrip().encode("ascii") + b"\r\n"
    code = _CODES.get(reply.code, "")
    marked = f"[{code}] {text}" if code and not text.startswith("[") else text
    return f"-ERR {sayable(marked)[:_LONGEST_TEXT]}".rstrip().encode("ascii") + b"\r\n"


def write_list(lines: Iterable[str]) -> bytes:
    """Write the lines that follow +OK, and the end of the list."""
    return b"".join([f"{sayable(line)}\r\n".encode("ascii") for line in lines]) + b".\r\n"


def write_letter(content: bytes) -> bytes:
    """Write a letter and its end, dot-stuffed (RFC 1939 3)."""
    ended = content if content.endswith(b"\r\n") or not content else content + b"\r\n"
    stuffed = ended.replace(b"\r\n.", b"\r\n..")
    return (b"." if stuffed.startswith(b".") else b"") + stuffed + b".\r\n"


def with_whole_ends(content: bytes) -> bytes:
    """Letter with CR LF in place of bare line feeds; the same object when there are none.

    A bare line feed is data in SMTP, but many POP3 readers take it for a line end: one before a dot would end the
    letter.
    """
    if content.count(b"\n") == content.count(b"\r\n"):
        return content
    return _BARE_LF.sub(b"\r\n", content)


def head_of(content: bytes, lines: int) -> bytes:
    """Header of a letter, the empty line, and that many lines of the body (RFC 1939 7, TOP)."""
    head, blank, text = content.partition(b"\r\n\r\n")
    pieces = text.split(b"\r\n", lines)
    if not blank or len(pieces) <= lines:
        return content
    return head + blank + b"".join(line + b"\r\n" for line in pieces[:lines])


def read_numbers(argument: str, *least: int) -> tuple[int, ...]:
    """Parse the numeric arguments of a command, as many as there are minima. Raises Objection."""
    words = argument.split(" ")
    if len(words) != len(least) or not all(word.isascii() and word.isdecimal() and len(word) < 10 for word in words):
        raise Objection(501, f"{len(least)} number{'s are' if len(least) > 1 else ' is'} needed here")
    numbers = tuple(map(int, words))
    if any(number < minimum for number, minimum in zip(numbers, least, strict=True)):
        raise Objection(501, "There is no such letter")
    return numbers
