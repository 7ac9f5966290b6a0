"""IMAP commands before the login, as a server reads them: tag, command, arguments (RFC 9051 6.1, 6.2)."""

from __future__ import annotations

import re
from collections.abc import Mapping

from courriel._dataclass import dataclass

_COUNTED = re.compile(rb"\{([0-9]{1,9})(\+?)\}\Z")
_TAG = re.compile(rb"[A-Za-z0-9!#$&',./:;<=>?@\[\]^_`|}~-]{1,64}")
_WORD = re.compile(rb'"((?:[^"\\\r\n]|\\["\\])*+)"|([^\s"(){%*\\]+)')
_BETWEEN = b" ()"  # lists are not told apart: only ID has one, and its words are not used
_ESCAPED = re.compile(rb'\\(["\\])')


class NoCommand(Exception):
    """A line that is no command; `tag` is its tag, b"*" when even that cannot be read."""

    def __init__(self, tag: bytes, reason: str) -> None:
        super().__init__(reason)
        self.tag = tag


@dataclass(frozen=True, slots=True)
class LoginCommand:
    """A command: `name` in capitals, and its arguments as octets."""

    tag: bytes
    name: str
    arguments: tuple[bytes, ...] = ()


def counted_at_end(line: bytes) -> tuple[int, bool] | None:
    """Length of the literal that follows a line, and whether its octets wait for a "+"; None without one."""
    found = _COUNTED.search(line, max(0, len(line) - 12))
    return (int(found[1]), not found[2]) if found else None


def read_command(pieces: list[bytes]) -> LoginCommand:
    """Parse a command from its line and literals in turn: line, literal, line, … Raises NoCommand."""
    words: list[bytes] = []
    tag = b"*"
    for place, piece in enumerate(pieces):
        if place % 2:
            words.append(piece)
            continue
        line = _COUNTED.sub(b"", piece) if place + 1 < len(pieces) else piece
        at = 0
        while at < len(line):
            if line[at : at + 1] in _BETWEEN:
                at += 1
                continue
            found = _WORD.match(line, at)
            if found is None:
                raise NoCommand(tag, "this is no command")
            words.append(found[2] if found[1] is None else _ESCAPED.sub(rb"\1", found[1]))
            at = found.end()
            if len(words) == 1 and not place:
                if not _TAG.fullmatch(words[0]):
                    raise NoCommand(b"*", "this is no tag")
                tag = words[0]
    if len(words) < 2 or not words[1].isalpha():
        raise NoCommand(tag, "this is no command")
    return LoginCommand(tag, words[1].decode("ascii", "replace").upper(), tuple(words[2:]))


def write_capabilities(capabilities: Mapping[str, str], *, without: tuple[str, ...] = ()) -> str:
    """Write capabilities by name, as `capabilities` reads them, without those names."""
    words: list[str] = []
    for name, values in capabilities.items():
        if name not in without:
            words += [f"{name}={value}" for value in values.split()] or [name]
    return " ".join(words)
