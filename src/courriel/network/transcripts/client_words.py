"""
Client data split into command lines and message content, for transcripts.

Commands and content are written together: the end of one message with the envelope of the next (PIPELINING), a window
of complete transactions (CHUNKING). Commands are shown one by one, content by its size alone.
"""

from __future__ import annotations

from courriel._lazy_re import expression

_HELD_BACK = 500  # bytes of a command line that are shown

# A line that is only a secret never matches: it is base64, without a space (RFC 4954 4, RFC 5034 4).
_LOGIN = expression(rb"(?i)(AUTH [A-Z0-9_-]{1,20}|PASS|APOP) ")
_CHUNK = expression(rb"(?i)BDAT (\d{1,18})(?: LAST)?\r?")
_COMMAND = expression(rb"(?i)(?:MAIL FROM:|RCPT TO:|BDAT |(?:DATA|RSET|NOOP|QUIT)\r?$)")


def without_secret(data: bytes) -> str:
    """The printable part of a line with a secret: the command, and the SASL mechanism."""
    found = _LOGIN.match(data)
    return f"{found[1].decode('ascii')} (not shown: a secret)" if found else "(not shown: a secret)"


class ClientWords:
    """Parser that follows a client through commands and content; `told` returns the entries of each write."""

    def __init__(self) -> None:
        self._asked = False  # after DATA, before its reply
        self._in_content = False
        self._counted = 0  # bytes still to come of a BDAT chunk
        self._end = b""  # the last bytes of content, in which the final dot may begin

    def heard(self, code: bytes) -> None:
        """Take note of a reply code of the server."""
        if self._asked and code == b"354":
            self._asked, self._in_content, self._end = False, True, b"\r\n"

    def told(self, data: bytes, *, about_content: bool) -> list[str | int]:
        """Command lines as text, content as numbers of bytes. `about_content`: data that is no command is content."""
        entries: list[str | int] = []
        while data:
            if self._counted:
                taken = min(self._counted, len(data))
                self._counted -= taken
                _add(entries, taken)
                data = data[taken:]
            elif self._in_content:
                data = self._content(data, entries)
            else:
                data = self._command(data, entries, about_content)
        return entries

    # The steps.

    def _content(self, data: bytes, entries: list[str | int]) -> bytes:
        """Consume content up to the final dot; returns the data behind it."""
        known = len(self._end)
        whole = self._end + data
        at = whole.find(b"\r\n.\r\n")
        if at < 0:
            _add(entries, len(data))
            self._end = whole[-4:]
            return b""
        self._in_content = False
        if (size := at + 2 - known) > 0:
            _add(entries, size)
        entries.append(".")
        return whole[at + 5 :]

    def _command(self, data: bytes, entries: list[str | int], about_content: bool) -> bytes:
        line, end, rest = data.partition(b"\n")
        if about_content and line.rstrip(b"\r") != b"." and not _COMMAND.match(line):
            _add(entries, len(data))
            return b""
        entries.append(_shown(line[:_HELD_BACK].rstrip(b"\r")))
        if chunk := _CHUNK.fullmatch(line):
            self._counted = int(chunk[1])
        elif end and line.rstrip(b"\r").upper() == b"DATA":
            self._asked = True
        return rest


def _add(entries: list[str | int], octets: int) -> None:
    if entries and isinstance(entries[-1], int):
        entries[-1] += octets
    else:
        entries.append(octets)


def _shown(line: bytes) -> str:
    return "".join(c if c.isprintable() else f"\\x{ord(c):02x}" for c in line.decode("utf-8", "backslashreplace"))
