"""Result of one check of a mail."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

MOST_DETAILS = 100
"""Details of one check that are shown; of more there is the count."""


@dataclass(frozen=True)
class Check:
    """One check: how grave, one sentence in both languages, and details as they stand in the mail."""

    grade: Literal["good", "note", "warning", "bad"]
    fr: str
    en: str
    details: tuple[str, ...] = ()

    @property
    def shown(self) -> tuple[str, ...]:
        """The list of the first details, those that are shown."""
        return self.details[:MOST_DETAILS]

    @property
    def more(self) -> int:
        """Number of details that are not shown."""
        return max(0, len(self.details) - MOST_DETAILS)
