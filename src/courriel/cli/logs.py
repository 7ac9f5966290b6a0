"""Warnings of the library on the terminal: in the language spoken, each once, in the words of the command."""

from __future__ import annotations

import logging
from collections.abc import Callable

from courriel.cli.speaking import label, visible
from courriel.failures import spoken

_UNCHECKED = "certificate_not_checked"  # said by the way out already, with the option that is to blame


class _Shown(logging.Handler):
    """Hands each warning over, as a line to print."""

    def __init__(self, show: Callable[[str], None]) -> None:
        super().__init__(logging.WARNING)
        self._show = show
        self._told: set[str] = set()

    def emit(self, record: logging.LogRecord) -> None:
        text = record.getMessage()
        if getattr(record, "action", "") == _UNCHECKED and any("verify=0" in told for told in self._told):
            return
        if text not in self._told:
            self._told.add(text)
            self._show(f"{label('attention', 'warning')}{visible(spoken(text))}")


def show_warnings(show: Callable[[str], None]) -> None:
    """From now on hand the warnings of the library over as lines; whoever had them before gets no more."""
    hide_warnings()
    logging.getLogger("courriel").addHandler(_Shown(show))


def hide_warnings() -> None:
    """Stop handing the warnings of the library over as lines."""
    logger = logging.getLogger("courriel")
    for handler in [each for each in logger.handlers if isinstance(each, _Shown)]:
        logger.removeHandler(handler)
