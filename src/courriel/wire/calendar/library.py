"""The library icalendar, imported when it is first needed (extra `calendar`)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from courriel.errors import MissingExtra

if TYPE_CHECKING:
    import types


def icalendar_library() -> types.ModuleType:
    """The module `icalendar`. Raises MissingExtra without it."""
    try:
        import icalendar
    except ImportError as missing:
        raise MissingExtra(
            'invitations are written and read by icalendar: pip install "courriel[calendar]"', hint_id="EXTRA-MISSING"
        ) from missing
    return icalendar
