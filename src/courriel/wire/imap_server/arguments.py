"""Arguments of a command, taken one after the other; each that is not as it should be raises Objection (BAD)."""

from __future__ import annotations

from collections.abc import Sequence

from courriel._lazy_re import expression
from courriel.errors import RemoteProtocolError
from courriel.wire.imap import folder_names
from courriel.wire.imap.syntax import SYSTEM_FLAGS
from courriel.wire.imap.values import Value, octets_of, read_values
from courriel.wire.smtp.server_syntax import Objection

_KEYWORD = expression(r"[A-Za-z0-9!#$&'+,./:;<=>?@\[\]^_`|~-]{1,100}")
_SYSTEM = {flag.lower(): flag for flag in SYSTEM_FLAGS}


class Arguments:
    """Arguments that are left; `utf8` says that names of folders are UTF-8 (UTF8=ACCEPT, IMAP4rev2)."""

    def __init__(self, values: Sequence[Value], *, utf8: bool = False) -> None:
        self._values = values
        self._at = 0
        self._utf8 = utf8

    @classmethod
    def read(cls, pieces: Sequence[bytes], *, utf8: bool = False) -> Arguments:
        """Read the texts and literals behind a command. Raises Objection."""
        try:
            return cls(read_values(pieces), utf8=utf8)
        except RemoteProtocolError as wrong:
            raise Objection(500, f"This is no command: {wrong}") from None

    @property
    def left(self) -> bool:
        """Whether arguments are left."""
        return self._at < len(self._values)

    def look(self) -> Value:
        """Next argument, which stays; None at the end."""
        return self._values[self._at] if self.left else None

    def value(self, noun: str) -> Value:
        """Take the next argument, of any kind."""
        if not self.left:
            raise Objection(500, f"{noun} is missing")
        self._at += 1
        return self._values[self._at - 1]

    def atom(self, noun: str) -> str:
        """Take the next argument, which is a word."""
        value = self.value(noun)
        if not isinstance(value, str):
            raise Objection(500, f"{noun} should stand here")
        return value

    def word(self, noun: str) -> str:
        """Take the next argument, which is a word, in capitals."""
        return self.atom(noun).upper()

    def octets(self, noun: str) -> bytes:
        """A word or a string (an astring)."""
        value = self.value(noun)
        if value is None:
            return b"NIL"
        octets = octets_of(value)
        if octets is None:
            raise Objection(500, f"{noun} should stand here")
        return octets

    def text(self, noun: str) -> str:
        """A word or a string in UTF-8."""
        try:
            return self.octets(noun).decode()
        except UnicodeDecodeError:
            raise Objection(500, f"{noun} is not UTF-8") from None

    def folder(self) -> str:
        """Name of a folder."""
        octets = self.octets("A name of a folder")
        return folder_names.shown(octets, utf8=self._utf8)

    def group(self, noun: str) -> list[Value]:
        """A list in brackets."""
        value = self.value(noun)
        if not isinstance(value, list):
            raise Objection(500, f"{noun} should stand here, in brackets")
        return value

    def number(self, noun: str) -> int:
        """A number below 2**63."""
        return number(self.atom(noun), noun)

    def flags(self) -> list[str]:
        """Flags in brackets, or without."""
        value = self.look()
        if isinstance(value, list):
            self._at += 1
            return [flag(each) for each in value]
        values, self._at = self._values[self._at :], len(self._values)
        return [flag(each) for each in values]

    def end(self) -> None:
        """Check that no argument is left."""
        if self.left:
            raise Objection(500, "There is too much behind the command")


def number(word: str, noun: str) -> int:
    """A number below 2**63. Raises Objection."""
    if not word.isascii() or not word.isdigit() or len(word) > 19 or int(word) >= 2**63:
        raise Objection(500, f"{noun} is a number")
    return int(word)


def flag(value: Value) -> str:
    """A flag in its spelling. Raises Objection; for \\Recent too, which only the server sets."""
    if isinstance(value, str):
        known = _SYSTEM.get(value.lower())
        if known is not None:
            return known
        if _KEYWORD.fullmatch(value):
            return value
    raise Objection(500, "This is not a flag that can be set")
