"""What a server said that it can do, read once and asked a million times (RFC 5321 4.1.1.1)."""

from __future__ import annotations

from collections.abc import Mapping

_NO_LIMIT = 1 << 62
_DIGITS = 19


class Abilities:
    """The capabilities that decide how a message is written and handed over; nothing of it changes."""

    __slots__ = (
        "binary", "chunking", "eight_bit", "largest", "pipelining", "reports", "require_tls", "size", "utf8",
    )  # fmt: skip

    def __init__(self, capabilities: Mapping[str, str], *, binary: bool = False, chunking: bool = True) -> None:
        limit = capabilities.get("SIZE", "")
        self.size = "SIZE" in capabilities
        # A number of more digits than any message has octets is no limit, and int() refuses the very long ones.
        plain = limit.isascii() and limit.isdecimal() and len(limit) < _DIGITS
        self.largest = (int(limit) if plain else 0) or _NO_LIMIT
        """Octets of the largest message that it takes, as far as it said."""
        self.eight_bit = "8BITMIME" in capabilities
        self.utf8 = "SMTPUTF8" in capabilities
        self.reports = "DSN" in capabilities
        self.require_tls = "REQUIRETLS" in capabilities
        self.pipelining = "PIPELINING" in capabilities
        self.chunking = chunking and "CHUNKING" in capabilities
        """Whether messages leave by BDAT: it is offered, and nothing is known against it."""
        self.binary = binary and self.chunking and self.pipelining and "BINARYMIME" in capabilities
        """Whether files may leave as they are: it is wished, and whole messages leave by BDAT (RFC 3030 3)."""
