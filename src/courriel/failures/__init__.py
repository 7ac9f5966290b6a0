"""What goes wrong with mail: cause, remedy and what not to do, in French and in English, as one table.

`find(facts)` gives the record that explains a failure. The table is read when the first failure asks for it.
"""

from __future__ import annotations

from .facts import Facts, read
from .language import Language, language, speak
from .record import Failure, Retry, Text
from .sentences import spoken

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
    """Give the record that explains these facts best, or None when none does."""
    from . import matcher

    return matcher.find(facts)


def by_id(failure_id: str) -> Failure | None:
    """Give the record of this name, or None when there is none."""
    from . import table

    return table.by_id().get(failure_id)


def all() -> Sequence[Failure]:  # noqa: A001 - said with its module: failures.all()
    """Give every record, in the order of the table."""
    from . import table

    return table.records()
