"""SMTP server syntax: bytes to commands, replies to bytes (RFC 5321 4.1, 4.2)."""

from __future__ import annotations

import re
from functools import lru_cache

from courriel._dataclass import dataclass
from courriel.reply import Reply
from courriel.wire.smtp.client_syntax import printable

# RFC 5321 4.5.3.1.5: 512 octets a reply line, code and line end included. Longer texts are cut.
_LONGEST_TEXT = 500

_VERB = re.compile(r"[A-Za-z][A-Za-z0-9]{2,19}")
_CONTROL = re.compile("[\x00-\x1f\x7f]")
# Beyond RFC 5321 4.1.2 the underscore is allowed, which stands in many host names.
_HELLO = re.compile(r"(?:[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)*\.?|\[[A-Za-z0-9.:-]+\])")
# HTTP from a browser, or from a server tricked into a request, on the port of a mail server: a request line, or the
# header that follows one whose line was too long. None of these is a command of SMTP or POP3.
_HTTP = re.compile(
    rb"(?:GET|POST|PUT|HEAD|DELETE|OPTIONS|CONNECT|TRACE|PATCH)(?:[ \t].*)?|.*[ \t]HTTP/\d(?:\.\d)?[ \t]*"
    rb"|Host[ \t]*:.*",
    re.IGNORECASE | re.DOTALL,
)
_HTTP_BEGINS = b"GPHDOCTgphdoct"  # without a slash only these words: MAIL and RCPT are not looked at twice
_CHUNK = re.compile(r"(\d{1,18})(?: +(LAST))?", re.IGNORECASE | re.ASCII)


class Objection(Exception):
    """A client's command that cannot be carried out; `reply` is the reply to send."""

    def __init__(self, code: int, text: str) -> None:
        super().__init__(text)
        self.reply = Reply(code, (text,))


@dataclass(frozen=True, slots=True)
class CommandLine:
    """Line as received, without its end; `whole` is False when the end was a bare line feed."""

    octets: bytes
    whole: bool


def take_line(buffer: bytearray) -> CommandLine | None:
    """Remove one line from the buffer and return it, or None when its end has not arrived yet.

    A bare line feed ends a line too, so that the client gets a reply; but such a line is no command (`whole`).
    """
    end = buffer.find(b"\n")
    if end < 0:
        return None
    line = bytes(buffer[:end])
    del buffer[: end + 1]
    return CommandLine(line.removesuffix(b"\r"), line.endswith(b"\r"))


def read_command(line: CommandLine) -> tuple[str, str]:
    """Parse a command: the verb in capitals, and its argument. Raises Objection when the line is no command."""
    if not line.whole:
        raise Objection(500, "5.5.2 A line ends with CR LF, not with LF alone")
    try:
        text = line.octets.decode()
    except UnicodeDecodeError:
        raise Objection(500, "5.5.2 The command is neither ASCII nor UTF-8") from None
    if not text.isprintable() and _CONTROL.search(text):
        # When two servers differ in what ends a line, one command becomes two.
        raise Objection(500, "5.5.2 Control characters are not allowed in a command")
    verb, _, argument = text.partition(" ")
    if not _VERB.fullmatch(verb):
        raise Objection(500, "5.5.2 This is not a command")
    return verb.upper(), argument.strip(" ")


def is_http(line: CommandLine) -> bool:
    """Whether a line is HTTP. The lines after it come from a web page and must not be taken for commands."""
    octets = line.octets
    return (b"/" in octets or octets[:1] in _HTTP_BEGINS) and _HTTP.fullmatch(octets) is not None


def read_hello(argument: str) -> str:
    """Parse the name in EHLO, HELO, LHLO: a host name or an address literal (RFC 5321 4.1.1.1)."""
    if len(argument) > 255 or not _HELLO.fullmatch(argument):
        raise Objection(501, "5.5.4 Say your full name, or your address as [192.0.2.1]")
    return argument


def read_chunk(argument: str) -> tuple[int, bool]:
    """Parse the argument of BDAT: the number of octets, and whether they are the last (RFC 3030 2)."""
    found = _CHUNK.fullmatch(argument)
    if found is None:
        raise Objection(501, "5.5.4 BDAT takes a number of octets, and LAST for the last ones")
    return int(found[1]), found[2] is not None


@lru_cache(maxsize=256)
def write_reply(reply: Reply) -> bytes:
    """Write one reply, its enhanced code on every line (RFC 2034 4); no text can become a line of its own.

    Those that every session has are kept.
    """
    if len(reply.lines) == 1 and len(line := reply.lines[0]) <= _LONGEST_TEXT and line.isascii() and line.isprintable():
        return f"{reply.code} {line}\r\n".encode("ascii")
    code = f"{reply.enhanced} " if reply.enhanced else ""
    lines = [
        line if place == 0 or line.startswith(code) else code + line for place, line in enumerate(reply.lines or ("",))
    ]
    last = len(lines) - 1
    return b"".join(
        f"{reply.code}{' ' if place == last else '-'}{sayable(line)[:_LONGEST_TEXT]}\r\n".encode("ascii")
        for place, line in enumerate(lines)
    )


def sayable(text: str) -> str:
    """Escape a text to printable ASCII: the client may not support more."""
    visible = printable(text.encode("utf-8", "backslashreplace"))
    return visible.replace("\t", " ").encode("ascii", "backslashreplace").decode("ascii")
