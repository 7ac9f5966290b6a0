"""Limits on what a server may send while mail is read (`ReadLimits`): they protect the memory of this process."""

from __future__ import annotations

from courriel import errors
from courriel._dataclass import dataclass

MEBIBYTE = 1024 * 1024


@dataclass(frozen=True, slots=True)
class ReadLimits:
    """Most octets, and `lines`, that a mailbox session keeps in memory; more ends the session.

    `letter` is the limit for one letter (or any other string whose length the server announces), `line` for one line,
    `answer` for the whole answer to one command. Exchange refuses letters above 150 MB, others far smaller ones; a line
    is long where a server lists a million letters. Raises InvalidServer.
    """

    letter: int = 160 * MEBIBYTE
    line: int = 16 * MEBIBYTE
    answer: int = 256 * MEBIBYTE
    lines: int = 200_000

    def __post_init__(self) -> None:
        for name in self.__slots__:
            limit = getattr(self, name)
            if isinstance(limit, bool) or not isinstance(limit, int) or limit < 1:
                raise errors.InvalidServer(f"limit {name}: {limit!r} is not a whole number above zero")
