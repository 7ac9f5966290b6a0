"""How much a server may say before it is taken for an attack: limits that apply before memory does."""

from __future__ import annotations

from courriel import errors
from courriel.values import dataclass

MEBIBYTE = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Limits:
    """What a mailbox may have us keep in memory, in octets, and in `lines`; more ends the session.

    `letter` is for one letter (or any other string that the server counts out), `line` for one line, `answer` for all
    that is said to one command. Exchange refuses letters above 150 MB, others far smaller ones; a line is long where a
    server lists a million letters. Raises InvalidServer.
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
