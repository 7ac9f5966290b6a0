"""What is known about one failure: its cause, its remedy and what not to do, in two languages."""

from __future__ import annotations

import re

from courriel.expressions import expression
from courriel.values import dataclass

from .clue import Clue
from .language import Language, language
from .reading import for_reading

TYPE_CHECKING = False

if TYPE_CHECKING:
    from typing import Literal, TypeAlias

Retry: TypeAlias = "Literal['never', 'later', 'reconnect', 'uncertain']"

# A user comes with its "@" and a port with its ":", so that what is unknown leaves a URL that is still one.
_PLACE = expression(r"\{user\}@|:\{port\}|\{host\}")
_UNKNOWN_HOST = "smtp.example.org"


def fill(template: str, *, host: str = "", port: int | str | None = None, user: str = "") -> str:
    """Put host, port and user into a text; what is not known is left out, or replaced by an example.

    In one pass, so that a host named "{user}" stays what it is. The user is percent-encoded, for it stands in URLs.
    """

    def known(place: re.Match[str]) -> str:
        if place[0] == "{host}":
            return _in_url(host) or _UNKNOWN_HOST
        if place[0] == ":{port}":
            return f":{port}" if port else ""
        return f"{_quoted(user)}@" if user else ""

    return _PLACE.sub(known, template)


@dataclass(frozen=True, slots=True)
class Text:
    """One text in both languages."""

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
        """Say it in a language (default: the current one), with the names that are known filled in.

        URLs are those of the protocol, by default SMTP.
        """
        template = self.fr if (spoken or language()) == "fr" else self.en
        return fill(for_reading(template, protocol), host=host, port=port, user=user)

    def __bool__(self) -> bool:
        return bool(self.en)


@dataclass(frozen=True, slots=True)
class Failure:
    """One line of the table: a failure that people meet, and what to tell them."""

    id: str
    stage: str
    """Where it usually strikes: one of the ten stages, or `compose`."""
    cause: Text
    fix: Text
    dont: Text
    retry: Retry
    sysexit: int
    provider: str = ""
    general: bool = False
    """A last resort: any other record that matches is preferred."""
    examples: tuple[str, ...] = ()
    clues: tuple[Clue, ...] = ()

    @staticmethod
    def fill(template: str, *, host: str = "", port: int | str | None = None, user: str = "") -> str:
        """Fill a template the way the texts of the record are filled."""
        return fill(template, host=host, port=port, user=user)


# The steps.


def _in_url(host: str) -> str:
    """Write a host as a URL does, with what cannot be seen made visible: a stray blank is a frequent cause."""
    visible = "".join(
        character if character.isprintable() and character != " " else f"\\x{ord(character):02x}" for character in host
    )
    return f"[{visible}]" if ":" in visible and not visible.startswith("[") else visible


def _quoted(user: str) -> str:
    from urllib.parse import quote

    # A lone surrogate cannot be UTF-8; a hint is no place to fail for it.
    return quote(user, safe="", errors="replace")
