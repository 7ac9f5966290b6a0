"""Language of the messages for people: French or English, by choice or by locale."""

from __future__ import annotations

import os
from contextvars import ContextVar

TYPE_CHECKING = False

if TYPE_CHECKING:
    from typing import Literal, TypeAlias

Language: TypeAlias = "Literal['fr', 'en']"

# A context variable and not a global: a web application serves French and English users at the same time.
_chosen: ContextVar[Language | None] = ContextVar("courriel_language", default=None)


def language() -> Language:
    """Return the language of hints and messages: the one set with `speak`, else the one of the locale."""
    return _chosen.get() or _by_locale()


def speak(chosen: Language | None) -> None:
    """Set the language for this context; None goes back to the locale. Raises ValueError for another language."""
    if chosen not in ("fr", "en", None):
        raise ValueError(f"courriel speaks 'fr' and 'en', not {chosen!r}")
    _chosen.set(chosen)


def _by_locale() -> Language:
    """Read the locale as POSIX does: the first of three variables that is set and not empty decides."""
    for name in ("LC_ALL", "LC_MESSAGES", "LANG"):
        if value := os.environ.get(name):
            return "fr" if value.lower().startswith("fr") else "en"
    return "en"
