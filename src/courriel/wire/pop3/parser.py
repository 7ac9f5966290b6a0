"""Parser of POP3 replies: status lines, and texts that end with a dot alone on its line (RFC 1939 3).

A letter is found and unstuffed in one operation, however many lines it has, and no octet of a large one is scanned
twice.
"""

from __future__ import annotations

from collections.abc import Callable

from courriel.errors import RemoteProtocolError

MAX_LINE = 8192
"""Octets of a status line. RFC 2449 4 allows 512; servers send more, and attackers any number."""

_SMALL = 8192  # octets of a letter that may be scanned again when more of it has arrived

END = b"\r\n.\r\n"
_EMPTY_LINE = b"\r\n\r\n"

Answer = tuple[bytes, "bytes | None"]
"""Status line without its end, and the text that followed it; None after a status without a text."""


class Pop3Parser:
    """Incremental parser: octets in, answers out; incomplete ones stay in the buffer."""

    __slots__ = ("_at", "_data", "_fresh", "_head_is_here", "_held", "_parts", "_status", "_tail")

    def __init__(self) -> None:
        self.clear()

    def clear(self) -> None:
        """Reset the parser for a new connection."""
        self._data = b""
        self._at = 0  # offset of the first octet not consumed
        self._status: bytes | None = None  # status line whose text is still arriving
        # State of a text that arrives in several portions:
        self._parts: list[bytes] = []
        self._held = 0  # octets received
        self._head_is_here = False  # with `heads`: the header is complete, the rest is skipped
        self._tail = b""  # the last three octets, with which an empty line may begin
        self._fresh = False  # nothing of the text has been written yet

    @property
    def empty(self) -> bool:
        """Whether all octets received were consumed."""
        return self._at == len(self._data) and self._status is None

    def add(self, data: bytes) -> None:
        """Append received octets. Take answers until there are none before you add more."""
        self._data = self._data[self._at :] + data if self._at < len(self._data) else data
        self._at = 0

    def line(self) -> bytes | None:
        """Next status line, None when it is incomplete. Raises RemoteProtocolError for one that is too long."""
        data, at = self._data, self._at
        end = data.find(b"\n", at)
        if (end if end >= 0 else len(data)) - at > MAX_LINE:
            raise RemoteProtocolError(f"the server sent more than {MAX_LINE} octets without ending a line")
        if end < 0:
            return None
        if not data.endswith(b"\r", at, end):
            raise RemoteProtocolError("the server ended a line with LF alone")
        self._at = end + 1
        return data[at : end - 1]

    def answers(self, count: int, limit: int, *, heads: bool = False) -> list[Answer]:
        """At most `count` answers: each a status line, and after +OK a text of at most `limit` octets.

        With `heads`, the text ends at its first empty line, and the rest is skipped, however long: some servers send
        the whole letter in reply to TOP. Raises RemoteProtocolError for a longer text.
        """
        found: list[Answer] = []
        while len(found) < count:
            if self._status is None:
                if self._take_complete_texts(count, limit, heads, found):
                    continue
                if self._awaits_more(limit):
                    break
                status = self.line()
                if status is None:
                    break
                if not _is_ok(status):
                    found.append((status, None))
                    continue
                self._begin_text(status)
            text = self._text(limit, heads)
            if text is None:
                break
            assert self._status is not None
            found.append((self._status, text))
            self._status = None
        return found

    def begin_pouring(self) -> bytes | None:
        """Next status line; after +OK the text follows by `pour`."""
        status = self.line()
        if status is not None and _is_ok(status):
            self._begin_text(status)
            self._fresh = True
        return status

    def pour(self, write: Callable[[bytes], object]) -> bool:
        """Write the received part of the text, unstuffed, and return whether its end was reached."""
        data, at = self._data, self._at
        end = data.find(END, at)
        stop = end + 2 if end >= 0 else len(data) - _beginning_of_end(data)
        if stop > at:
            write(data[at:stop].replace(b"\r\n.", b"\r\n")[2 if self._fresh else 0 :])
            self._fresh, self._at = False, stop
        if end < 0:
            return False
        self._at, self._status = end + len(END), None
        return True

    # The steps.

    def _take_complete_texts(self, count: int, limit: int, heads: bool, found: list[Answer]) -> bool:
        """The usual case, many answers at a time: the letter is complete, and no line but its end begins with a dot."""
        data, at = self._data, self._at
        before = len(found)
        while len(found) < count and data.startswith((b"+OK ", b"+OK\r"), at):
            end = data.find(b"\r\n.", at)
            cut = data.find(b"\n", at, at + MAX_LINE)
            if end < 0 or not data.startswith(END, end) or end + 1 - cut > limit or not data.endswith(b"\r", at, cut):
                break
            text = data[cut + 1 : end + 2]
            found.append((data[at : cut - 1], _head_of(text) if heads else text))
            at = end + len(END)
        self._at = at
        return len(found) > before

    def _awaits_more(self, limit: int) -> bool:
        """Whether a small letter has begun to arrive: with the next portion it is probably complete."""
        data, at = self._data, self._at
        size = len(data) - at
        if size > min(_SMALL, limit) or not data.startswith((b"+OK ", b"+OK\r"), at):
            return False
        line_end = data.find(b"\n", at)
        return data.endswith(b"\r", at, line_end) and data.find(END, line_end - 1) < 0

    def _begin_text(self, status: bytes) -> None:
        self._status = status
        # Back to the status line's end: the text may be empty, or begin with a dot.
        self._at -= 2

    def _text(self, limit: int, heads: bool) -> bytes | None:
        data, at = self._data, self._at
        end = data.find(END, at)
        # Without the end, the last octets may belong to it; the first two are the line end of the status.
        size = self._held + (end if end >= 0 else len(data) - len(END) - 2) - at
        stop = end + 2 if end >= 0 else len(data) - len(END) + 1
        portion = data[at:stop] if stop > at else b""
        if heads and not self._head_is_here:
            self._head_is_here = _EMPTY_LINE in self._tail + portion
            self._tail = (self._tail + portion[-3:])[-3:]
            self._parts.append(portion)
        elif not heads:
            self._parts.append(portion)
        if size > limit and not self._head_is_here:
            raise RemoteProtocolError(f"the server's answer goes on beyond {limit} octets")
        self._held += len(portion)
        if end < 0:
            self._at = max(at, stop)
            return None
        self._at = end + len(END)
        text = b"".join(self._parts)
        self._reset_text()
        text = text.replace(b"\r\n.", b"\r\n")[2:]
        return _head_of(text) if heads else text

    def _reset_text(self) -> None:
        self._parts = []
        self._held, self._head_is_here, self._tail = 0, False, b""


def _head_of(text: bytes) -> bytes:
    """Text up to its first empty line, that line included."""
    end = -2 if text.startswith(b"\r\n") else text.find(_EMPTY_LINE)
    return text if end == -1 else text[: end + len(_EMPTY_LINE)]


def _is_ok(status: bytes) -> bool:
    return status.startswith(b"+OK") and status[3:4] in b" \t"


def _beginning_of_end(data: bytes) -> int:
    """Number of octets at the end of the data that may be the beginning of the end mark."""
    return next((length for length in (4, 3, 2, 1) if data.endswith(END[:length])), 0)
