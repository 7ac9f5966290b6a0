"""Warnings of the library on the terminal: in the current language, each once."""

from __future__ import annotations

import logging
from collections.abc import Callable

from courriel.cli.i18n import label, visible
from courriel.failures import spoken

_UNCHECKED = "certificate_not_checked"  # the route has warned already, and named the option


class _Shown(logging.Handler):
    """Log handler that passes each warning on as a line to print."""

    def __init__(self, show: Callable[[str], None]) -> None:
        super().__init__(logging.WARNING)
        self._show = show
        self._printed: set[str] = set()

    def emit(self, record: logging.LogRecord) -> None:
        text = record.getMessage()
        if getattr(record, "action", "") == _UNCHECKED and any("verify=0" in line for line in self._printed):
            return
        if text not in self._printed:
            self._printed.add(text)
            self._show(f"{label('attention', 'warning')}{visible(spoken(text))}")


def show_warnings(show: Callable[[str], None]) -> None:
    """Pass warnings of the library to `show` from now on, replacing an earlier function."""
    hide_warnings()
    logging.getLogger("courriel").addHandler(_Shown(show))


def hide_warnings() -> None:
    """Stop passing warnings on."""
    logger = logging.getLogger("courriel")
    for handler in [each for each in logger.handlers if isinstance(each, _Shown)]:
        logger.removeHandler(handler)
