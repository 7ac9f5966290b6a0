"""The words of SMTP: commands to bytes, bytes to replies (RFC 5321 4.1, 4.2)."""

from __future__ import annotations

import re
from collections.abc import Sequence

from courriel.errors import LocalProtocolError, RemoteProtocolError
from courriel.expressions import expression
from courriel.reply import Reply

# RFC 5321 4.5.3.1.5 allows 512 octets a reply line; servers write more, and attackers as much as one reads.
MAX_LINE = 8192
MAX_REPLY_LINES = 500
MAX_REPLY = 64 * 1024

# Servers say the same few things all day ("250 2.1.0 Ok"): a reply is read once. What holds a queue id is new each
# time; when it has filled the table, the table begins anew.
_KNOWN: dict[bytes, Reply] = {}
_KNOWN_BURSTS: dict[bytes, tuple[Reply, ...]] = {}  # several of them, line ends and all, as they arrived together
_MOST_KNOWN = 256
_LONGEST_KNOWN = 120
_LONGEST_KNOWN_WHOLE = 1000  # of several lines

CLOSING = 421
"""RFC 5321 3.8: the server is about to hang up, whatever it was asked."""

_FORBIDDEN = expression("[\x00-\x1f\x7f\ud800-\udfff]")
_REPLY_LINE = re.compile(rb"([2-5][0-9][0-9])([ -]?)(.*)", re.DOTALL)
_UNPRINTABLE = expression(
    "[\x00-\x08\x0a-\x1f\x7f-\x9f\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]"
)


def commands(lines: Sequence[str]) -> bytes:
    """Write command lines, to leave in one burst; the only function that writes any.

    Raises LocalProtocolError for a control character, which is how one command becomes two.
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
    """Take every whole reply out of the buffer, in order; what is not all there yet stays in it.

    Raises RemoteProtocolError for what is not a reply, and for one without end.
    """
    end = buffer.rfind(b"\n") + 1
    if len(buffer) - end > MAX_LINE:
        raise _too_long()
    replies: list[Reply] = []
    begun: list[str] = []  # lines of a reply that goes on
    code = taken = position = 0
    for line in bytes(buffer[:end]).split(b"\n")[:-1]:
        position += len(line) + 1
        reply = None if begun else _KNOWN.get(line)
        if reply is None:
            said, goes_on, text = _read_line(line.removesuffix(b"\r"))
            if begun and said != code:
                raise RemoteProtocolError(f"one reply with two codes, {code} and {said}")
            code = said
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
        _remember_burst(bytes(buffer), (replies[0],))  # what a server says to EHLO, mostly
    del buffer[:taken]
    return replies


def known_replies(octets: bytes) -> Sequence[Reply] | None:
    """The replies in these octets when they are whole, and every one was heard before; else None. A 421 never is."""
    heard = _KNOWN_BURSTS.get(octets)
    if heard is None:
        lines = octets.split(b"\n")
        if lines.pop() or not lines:
            return None
        heard = tuple([reply for line in lines if (reply := _KNOWN.get(line))])
        if len(heard) < len(lines):
            return None
        if len(octets) <= _LONGEST_KNOWN_WHOLE:
            _remember_burst(octets, heard)
    return heard


def printable(text: bytes) -> str:
    """What a server said, as text that a terminal, a log and a page can show without being steered by it."""
    said = text.decode("utf-8", "backslashreplace")
    return said if said.isascii() and said.isprintable() else _UNPRINTABLE.sub(_visible, said)


def read_capabilities(reply: Reply) -> dict[str, str]:
    """Read the answer to EHLO: what the server can do, by name (RFC 5321 4.1.1.1)."""
    capabilities: dict[str, str] = {}
    for line in reply.lines[1:]:
        name, _, details = line.strip().partition(" ")
        if name.upper().startswith("AUTH="):
            # The form of before RFC 2554, still said by some beside the proper one.
            name, details = "AUTH", f"{name[5:]} {details}"
        name = name.upper()
        if name == "AUTH" and name in capabilities:
            details = f"{capabilities[name]} {details}"
        if name:
            capabilities[name] = details.strip()
    return capabilities


# The steps.


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
