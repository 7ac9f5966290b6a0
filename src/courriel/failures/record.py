"""Record of the failure table: cause, remedy and what not to do, in French and English."""

from __future__ import annotations

from courriel._dataclass import dataclass
from courriel.failures.clue import Clue
from courriel.failures.text import Retry, Text, fill


@dataclass(frozen=True, slots=True)
class Failure:
    """Record of the failure table: a known failure, its cause and its remedy."""

    id: str
    stage: str
    """Stage at which the failure usually occurs: one of the ten stages, or `compose`."""
    cause: Text
    fix: Text
    dont: Text
    retry: Retry
    sysexit: int
    provider: str = ""
    general: bool = False
    """Whether the record is a fallback: any other record that matches is preferred."""
    examples: tuple[str, ...] = ()
    clues: tuple[Clue, ...] = ()

    @staticmethod
    def fill(template: str, *, host: str = "", port: int | str | None = None, user: str = "") -> str:
        """Fill a template as the texts of the record are filled."""
        return fill(template, host=host, port=port, user=user)
