"""SMTP client syntax: commands to bytes, bytes to replies (RFC 5321 4.1, 4.2)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from operator import attrgetter

from courriel._lazy_re import expression
from courriel.errors import LocalProtocolError, RemoteProtocolError
from courriel.reply import Reply

# RFC 5321 4.5.3.1.5 allows 512 octets a reply line; servers send more, and attackers any number.
MAX_LINE = 8192
MAX_REPLY_LINES = 500
MAX_REPLY = 64 * 1024

# Caches of parsed replies, because servers repeat the same few ("250 2.1.0 Ok"). A reply with a queue id is new each
# time; when such replies have filled a cache, it is cleared.
_KNOWN: dict[bytes, Reply] = {}
_KNOWN_BURSTS: dict[bytes, tuple[Reply, ...]] = {}  # several replies that arrived together, with line ends
_MOST_KNOWN = 256
_LONGEST_KNOWN = 120
_LONGEST_KNOWN_WHOLE = 1000  # of several lines

CLOSING = 421
"""Code of a reply to any command, by which the server announces that it closes the connection (RFC 5321 3.8)."""

_FORBIDDEN = expression("[\x00-\x1f\x7f\ud800-\udfff]")
_REPLY_LINE = re.compile(rb"([2-5][0-9][0-9])([ -]?)(.*)", re.DOTALL)
_UNPRINTABLE = expression(
    "[\x00-\x08\x0a-\x1f\x7f-\x9f\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]"
)


def commands(lines: Sequence[str]) -> bytes:
    """Write command lines, to be sent together; the only function that writes any.

    Raises LocalProtocolError for a control character, by which one command becomes two.
    """
    text = "".join(lines)
    if not (text.isascii() and text.isprintable()) and _FORBIDDEN.search(text):
        verb = next(line for line in lines if _FORBIDDEN.search(line)).partition(" ")[0]
        raise LocalProtocolError(
            f"{verb}: control characters are not allowed in a command", hint_id="HEADER-LINE-BREAK"
        )
    return ("\r\n".join(lines) + "\r\n").encode()


def command(verb: str, *words: str) -> bytes:
    """Write one command line; see `commands`."""
    return commands((" ".join((verb, *words)),))


def take_replies(buffer: bytearray) -> list[Reply]:
    """Remove every complete reply from the buffer, in order; an incomplete one stays in it.

    Raises RemoteProtocolError for a line that is no reply, and for a reply that is too long.
    """
    end = buffer.rfind(b"\n") + 1
    if len(buffer) - end > MAX_LINE:
        raise _too_long()
    replies: list[Reply] = []
    begun: list[str] = []  # lines of an incomplete reply
    code = taken = position = 0
    for line in bytes(buffer[:end]).split(b"\n")[:-1]:
        position += len(line) + 1
        reply = None if begun else _KNOWN.get(line)
        if reply is None:
            line_code, goes_on, text = _read_line(line.removesuffix(b"\r"))
            if begun and line_code != code:
                raise RemoteProtocolError(f"one reply with two codes, {code} and {line_code}")
            code = line_code
            begun.append(printable(text))
            if len(begun) > MAX_REPLY_LINES or position - taken > MAX_REPLY:
                raise RemoteProtocolError(f"a reply of more than {MAX_REPLY_LINES} lines or {MAX_REPLY} bytes")
            if goes_on:
                continue
            reply = Reply(code, tuple(begun))
            if len(begun) == 1:
                _remember_line(line, reply)
            begun.clear()
        replies.append(reply)
        taken = position
    if len(buffer) - taken > MAX_REPLY + MAX_LINE:
        raise RemoteProtocolError(f"a reply of more than {MAX_REPLY} bytes")
    if len(replies) == 1 and len(replies[0].lines) > 1 and taken == len(buffer) <= _LONGEST_KNOWN_WHOLE:
        _remember_burst(bytes(buffer), (replies[0],))  # the reply to EHLO, mostly
    del buffer[:taken]
    return replies


def known_replies(octets: bytes) -> Sequence[Reply] | None:
    """Look replies up in the cache of replies seen before. None unless all are complete and cached; never 421."""
    replies = _KNOWN_BURSTS.get(octets)
    if replies is None:
        lines = octets.split(b"\n")
        if lines.pop() or not lines:
            return None
        replies = tuple([reply for line in lines if (reply := _KNOWN.get(line))])
        if len(replies) < len(lines):
            return None
        if len(octets) <= _LONGEST_KNOWN_WHOLE:
            _remember_burst(octets, replies)
    return replies


def last_reply_of(octets: bytes, codes: tuple[int, ...]) -> Reply | None:
    """The last reply in these octets; None unless they are as many replies as there are codes, all with these codes."""
    replies = _KNOWN_BURSTS.get(octets) or known_replies(octets) or _whole_replies(octets)
    return replies[-1] if tuple(map(_code_of, replies)) == codes else None


def printable(text: bytes) -> str:
    """Server text in a form that is safe to show in a terminal, a log or a page: control characters are escaped."""
    decoded = text.decode("utf-8", "backslashreplace")
    return decoded if decoded.isascii() and decoded.isprintable() else _UNPRINTABLE.sub(_visible, decoded)


def read_capabilities(reply: Reply) -> dict[str, str]:
    """Parse the reply to EHLO: capabilities by name (RFC 5321 4.1.1.1)."""
    capabilities: dict[str, str] = {}
    for line in reply.lines[1:]:
        name, _, details = line.strip().partition(" ")
        if name.upper().startswith("AUTH="):
            # The form from before RFC 2554, which some servers still send beside the standard one.
            name, details = "AUTH", f"{name[5:]} {details}"
        name = name.upper()
        if name == "AUTH" and name in capabilities:
            details = f"{capabilities[name]} {details}"
        if name:
            capabilities[name] = details.strip()
    return capabilities


# The steps.


_code_of = attrgetter("code")


def _whole_replies(octets: bytes) -> list[Reply]:
    """Replies that were not seen before; none when one is incomplete, or no reply at all."""
    buffer = bytearray(octets)
    try:
        replies = take_replies(buffer)
    except RemoteProtocolError:
        return []
    return [] if buffer else replies


def _remember_line(line: bytes, reply: Reply) -> None:
    if len(line) <= _LONGEST_KNOWN and reply.code != CLOSING:
        if len(_KNOWN) >= _MOST_KNOWN:
            _KNOWN.clear()
        _KNOWN[line] = reply


def _remember_burst(octets: bytes, replies: tuple[Reply, ...]) -> None:
    if all(reply.code != CLOSING for reply in replies):
        if len(_KNOWN_BURSTS) >= _MOST_KNOWN:
            _KNOWN_BURSTS.clear()
        _KNOWN_BURSTS[octets] = replies


def _read_line(line: bytes) -> tuple[int, bool, bytes]:
    if len(line) > MAX_LINE:
        raise _too_long()
    found = _REPLY_LINE.fullmatch(line)
    if found is None or (not found[2] and found[3]):
        raise RemoteProtocolError(f"not an SMTP reply: {printable(line[:60])!r}")
    return int(found[1]), found[2] == b"-", found[3]


def _too_long() -> RemoteProtocolError:
    return RemoteProtocolError(f"the server sent more than {MAX_LINE} bytes without ending a line")


def _visible(found: re.Match[str]) -> str:
    point = ord(found[0])
    return f"\\x{point:02x}" if point < 0x100 else f"\\u{point:04x}"
