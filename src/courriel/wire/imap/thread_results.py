"""UIDs in the answers to SORT, THREAD (RFC 5256) and to a search for a part of what is found (PARTIAL, RFC 9394)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise

from courriel.errors import RemoteProtocolError
from courriel.model.received.sorting import LetterThread, ThreadedLetter
from courriel.wire.imap.syntax import read_uid_set
from courriel.wire.imap.values import Value, text_of
from courriel.wire.smtp.client_syntax import printable

DEEPEST = 1000
"""Levels of lists in THREAD; conversations themselves may be longer."""

_MOST = 2**32 - 1
_TOKEN = re.compile(rb" *(?:(\d{1,10})(?![\d])|([()]))")


def read_sorted(pieces: Sequence[bytes]) -> list[int]:
    """UIDs of a SORT response, in its order. Raises RemoteProtocolError for other words, or the same letter twice."""
    line = b" ".join(pieces[::2])
    words = line.split(b"(MODSEQ")[0].split()
    if not all(word.isdigit() and len(word) <= 10 and 0 < int(word) <= _MOST for word in words):
        raise _no_letters(line)
    uids = list(map(int, words))
    if len(set(uids)) != len(uids):
        raise RemoteProtocolError("a letter stands twice in the server's order")
    return uids


def read_threads(pieces: Sequence[bytes]) -> list[LetterThread]:
    """Conversations of a THREAD response.

    Raises RemoteProtocolError for other words, for lists that do not end, and for a letter that comes twice.
    """
    line = b" ".join(pieces[::2])
    threads: list[LetterThread] = []
    letters: list[ThreadedLetter] = []  # of the current conversation
    stack: list[tuple[int, int]] = []  # parent and level of the lists that are open
    parent, level, at = 0, 0, 0
    seen: set[int] = set()
    while token := _TOKEN.match(line, at):
        at = token.end()
        if token[1]:
            uid = int(token[1])
            if not stack or not 0 < uid <= _MOST or uid in seen:
                raise _no_letters(line)
            seen.add(uid)
            letters.append(ThreadedLetter(uid, parent, level))
            parent, level = uid, level + 1
        elif token[2] == b"(":
            if len(stack) == DEEPEST:
                raise RemoteProtocolError(f"lists more than {DEEPEST:,} deep")
            if stack and not parent and not level:
                level = 1  # several answers to a letter that is not there
            stack.append((parent, level))
        else:
            if not stack:
                raise _no_letters(line)
            parent, level = stack.pop()
            if not stack:
                if letters:
                    threads.append(LetterThread(tuple(letters)))
                letters, parent, level = [], 0, 0
    if stack or line[at:].strip():
        raise _no_letters(line)
    return threads


def read_partial(values: Sequence[Value], most: int) -> list[int] | None:
    """UIDs of the PARTIAL part of an ESEARCH response, None where it has none. Raises RemoteProtocolError."""
    for name, value in pairwise(values):
        if isinstance(name, str) and name.upper() == "PARTIAL" and isinstance(value, list) and len(value) == 2:
            words = text_of(value[1])
            return read_uid_set(words.encode("ascii", "replace"), most) if words else []
    return None


# The steps.


def _no_letters(line: bytes) -> RemoteProtocolError:
    return RemoteProtocolError(f"this is not a list of letters: {printable(line[:80])}")
