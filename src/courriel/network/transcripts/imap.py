"""Transcript filter for IMAP: literals, which hold letters, are shown by their size alone."""

from __future__ import annotations

from courriel.dialogue.flow import Ask, Send
from courriel.errors import Stage
from courriel.network.transcripts.transcript import Transcript
from courriel.wire.imap.syntax import counted_at_end

_LONGEST = 2000  # bytes of a line that are shown


class ImapTranscript(Transcript):
    """Transcript that forwards to another one, and keeps nothing itself."""

    def __init__(self, told: Transcript) -> None:
        super().__init__(0)
        self._told = told
        self._ours, self._theirs = _Lines(), _Lines()

    def sent(self, want: Send | Ask) -> None:
        """Record client data; a secret is left out completely, since a password may be sent as a literal."""
        self._told.note_login(want)
        if want.secret:
            self._told.write("C", "(not shown: a secret)")
            return
        for line in self._ours.of(want.data):
            self._told.write("C", line)

    def heard(self, data: bytes, stage: Stage = "") -> None:
        """Record server data."""
        for line in self._theirs.of(data):
            self._told.write_heard(line)

    def noted(self, text: str) -> None:
        """Record an event; an unfinished line before it is dropped."""
        self._ours, self._theirs = _Lines(), _Lines()
        self._told.noted(text)


class _Lines:
    """Splits one side's data into lines; literals are counted only."""

    def __init__(self) -> None:
        self._head = self._tail = b""  # of an unfinished line: the part shown, and the end that may announce a literal
        self._counted = 0

    def of(self, data: bytes) -> list[str]:
        said: list[str] = []
        while data:
            if self._counted:
                passed = min(self._counted, len(data))
                data, self._counted = data[passed:], self._counted - passed
                continue
            piece, end, data = data.partition(b"\n")
            if len(self._head) < _LONGEST:
                self._head += piece[:_LONGEST]
            self._tail = (self._tail + piece)[-32:] + end
            if end:
                said.append(_shown(self._head.rstrip(b"\r")))
                self._counted = counted_at_end(self._tail) or 0
                if self._counted:
                    said.append(f"({self._counted:,} octets)")
                self._head = self._tail = b""
        return said


def _shown(line: bytes) -> str:
    return "".join(c if c.isprintable() else f"\\x{ord(c):02x}" for c in line.decode("utf-8", "backslashreplace"))
