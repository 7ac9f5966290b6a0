"""What a server said that it can do, read once and asked a million times (RFC 5321 4.1.1.1)."""

from __future__ import annotations

from collections.abc import Mapping

from courriel.model.server import Dialect

_NO_LIMIT = 1 << 62


class Abilities:
    """The capabilities that decide how a message is written and handed over; nothing of it changes."""

    __slots__ = (
        "binary", "by_length", "eight_bit", "files_as_they_are", "largest", "pipelining", "reports", "require_tls",
        "size", "utf8",
    )  # fmt: skip

    def __init__(
        self, capabilities: Mapping[str, str], dialect: Dialect = Dialect.SMTP, *, binary: bool = False
    ) -> None:
        limit = capabilities.get("SIZE", "")
        self.size = "SIZE" in capabilities
        self.largest = int(limit) if limit.isascii() and limit.isdecimal() and int(limit) else _NO_LIMIT
        """Octets of the largest message that it takes, as far as it said."""
        self.eight_bit = "8BITMIME" in capabilities
        self.utf8 = "SMTPUTF8" in capabilities
        self.reports = "DSN" in capabilities
        self.require_tls = "REQUIRETLS" in capabilities
        self.pipelining = "PIPELINING" in capabilities
        self.by_length = dialect is Dialect.SMTP and self.pipelining and "CHUNKING" in capabilities
        """Whether messages leave by BDAT, their length said before them (RFC 3030 2)."""
        self.binary = self.by_length and "BINARYMIME" in capabilities
        """Whether it takes any octets whatever, in lines or not: they can leave by BDAT only (RFC 3030 3)."""
        self.files_as_they_are = binary and self.binary
        """Whether files are written so, which it can do and somebody asked for (`Server.binary`)."""
