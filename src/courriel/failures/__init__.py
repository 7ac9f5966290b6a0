"""Failure table: cause, remedy and what not to do for each known failure, in French and in English.

`find(facts)` returns the record that explains a failure. The table is read when the first failure is looked up.
"""

from __future__ import annotations

from .facts import Facts
from .language import Language, language, speak
from .record import Failure
from .sentences import spoken
from .text import Retry, Text

TYPE_CHECKING = False

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = [
    "Facts",
    "Failure",
    "Language",
    "Retry",
    "Text",
    "all",
    "by_id",
    "find",
    "language",
    "read",
    "speak",
    "spoken",
]


def find(facts: Facts) -> Failure | None:
    """Return the record that explains these facts best, or None when none does."""
    from courriel.failures import match

    return match.find(facts)


def read(pasted: str, *, stage: str = "") -> Facts:
    """Extract the facts from a pasted reply, traceback or log; `stage` is the stage of the conversation, when known."""
    from . import pasted as texts

    return texts.read(pasted, stage=stage)


def by_id(failure_id: str) -> Failure | None:
    """Return the record with this id, or None when there is none."""
    from . import table

    return table.by_id().get(failure_id)


def all() -> Sequence[Failure]:  # noqa: A001 - used with its module: failures.all()
    """Return every record, in the order of the table."""
    from . import table

    return table.records()
