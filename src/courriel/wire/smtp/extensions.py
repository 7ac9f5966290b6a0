"""Capabilities of an SMTP server, parsed once from the reply to EHLO (RFC 5321 4.1.1.1)."""

from __future__ import annotations

from collections.abc import Mapping

_NO_LIMIT = 1 << 62
_DIGITS = 19


class Extensions:
    """Capabilities that decide how a message is written and sent; immutable."""

    __slots__ = (
        "binary", "chunking", "eight_bit", "largest", "pipelining", "reports", "require_tls", "size", "utf8",
    )  # fmt: skip

    def __init__(self, capabilities: Mapping[str, str], *, binary: bool = False, chunking: bool = True) -> None:
        limit = capabilities.get("SIZE", "")
        self.size = "SIZE" in capabilities
        # A number above any message size is no limit, and int() refuses very long ones.
        plain = limit.isascii() and limit.isdecimal() and len(limit) < _DIGITS
        self.largest = (int(limit) if plain else 0) or _NO_LIMIT
        """Size limit for a message in octets, as the server declared it."""
        self.eight_bit = "8BITMIME" in capabilities
        self.utf8 = "SMTPUTF8" in capabilities
        self.reports = "DSN" in capabilities
        self.require_tls = "REQUIRETLS" in capabilities
        self.pipelining = "PIPELINING" in capabilities
        self.chunking = chunking and "CHUNKING" in capabilities
        """Whether messages are sent by BDAT: offered by the server, and not turned off."""
        self.binary = binary and self.chunking and self.pipelining and "BINARYMIME" in capabilities
        """Whether files are sent unencoded: requested, and whole messages can be sent by BDAT (RFC 3030 3)."""
