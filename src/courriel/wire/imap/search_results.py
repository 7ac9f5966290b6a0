"""UIDs in the answer to a search: SEARCH, and ESEARCH with ranges (RFC 9051 7.3.4)."""

from __future__ import annotations

from collections.abc import Sequence

from courriel.errors import RemoteProtocolError
from courriel.wire.imap.syntax import read_uid_set
from courriel.wire.smtp.client_syntax import printable


def found_in(name: str, pieces: Sequence[bytes], most: int) -> list[int]:
    """UIDs that a SEARCH or ESEARCH response lists, at most so many. Raises RemoteProtocolError for other words."""
    line = b" ".join(pieces[::2])
    words = line.split()
    if name == "SEARCH":
        numbers = words[: words.index(b"(MODSEQ")] if b"(MODSEQ" in words else words
        if not all(word.isdigit() and len(word) <= 10 for word in numbers):
            raise RemoteProtocolError(f"this is not a list of letters: {printable(line[:80])}")
        return list(filter(None, map(int, numbers)))  # no letter has the number 0, by which some say "none"
    words = [word.upper() for word in words]
    if b"ALL" not in words[:-1]:
        return []
    return read_uid_set(words[words.index(b"ALL") + 1], most)
