"""Texts of the failure table in both languages, with host, port and user filled in."""

from __future__ import annotations

import re

from courriel._dataclass import dataclass
from courriel._lazy_re import expression
from courriel.failures.language import Language, language
from courriel.failures.protocol_words import for_reading

TYPE_CHECKING = False

if TYPE_CHECKING:
    from typing import Literal, TypeAlias

Retry: TypeAlias = "Literal['never', 'later', 'reconnect', 'uncertain']"

# A user is replaced together with its "@" and a port with its ":", so that a URL stays valid without them.
_PLACE = expression(r"\{user\}@|\{mailbox\}|:\{port\}|\{host\}")
_PLAIN_MAILBOX = expression(r"[A-Za-z0-9][A-Za-z0-9._+-]*@[A-Za-z0-9.-]+")
_UNKNOWN_MAILBOX = "ada@firm.example"
_UNKNOWN_HOST = "smtp.example.org"


def fill(template: str, *, host: str = "", port: int | str | None = None, user: str = "") -> str:
    """Insert host, port, user and mailbox into a text.

    An unknown port or user is left out; an unknown host or mailbox is replaced by an example.

    In one pass, so that a host named "{user}" stays what it is. The user is percent-encoded, because it stands in URLs.
    """

    def known(place: re.Match[str]) -> str:
        if place[0] == "{host}":
            return _in_url(host) or _UNKNOWN_HOST
        if place[0] == ":{port}":
            return f":{port}" if port else ""
        if place[0] == "{mailbox}":
            # It stands in commands: what a shell would read otherwise is replaced by an example.
            return user if _PLAIN_MAILBOX.fullmatch(user) else _UNKNOWN_MAILBOX
        return f"{_quoted(user)}@" if user else ""

    return _PLACE.sub(known, template)


@dataclass(frozen=True, slots=True)
class Text:
    """A text in both languages."""

    fr: str
    en: str

    def in_(
        self,
        spoken: Language | None = None,
        *,
        host: str = "",
        port: int | str | None = None,
        user: str = "",
        protocol: str = "",
    ) -> str:
        """Return the text in one language (default: the current one), with host, port and user inserted.

        URLs are those of `protocol`, by default SMTP.
        """
        template = self.fr if (spoken or language()) == "fr" else self.en
        return fill(for_reading(template, protocol), host=host, port=port, user=user)

    def __bool__(self) -> bool:
        return bool(self.en)


# The steps.


def _in_url(host: str) -> str:
    """Write a host as in a URL, with invisible characters escaped: a stray space in the setting is a frequent cause."""
    visible = "".join(
        character if character.isprintable() and character != " " else f"\\x{ord(character):02x}" for character in host
    )
    return f"[{visible}]" if ":" in visible and not visible.startswith("[") else visible


def _quoted(user: str) -> str:
    from urllib.parse import quote

    # A lone surrogate cannot be encoded as UTF-8; a hint must not fail for it.
    return quote(user, safe="", errors="replace")
