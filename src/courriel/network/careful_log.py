"""CarefulLogger: a logger whose handlers cannot break the code that logs."""

from __future__ import annotations

import logging
import sys
import traceback
from collections.abc import MutableMapping
from threading import current_thread, main_thread
from typing import Any


class CarefulLogger(logging.LoggerAdapter[logging.Logger]):
    """Logger for threads that hold results of mails: whatever a handler or filter raises is printed, and not raised.

    `logging` itself catches what most handlers raise, but no SystemExit, and nothing that a filter or a handler with a
    `handle` of its own raises. Like there, nothing is printed when `logging.raiseExceptions` is off.

    Arguments are written without control characters: rows of an outbox and replies of servers are what somebody else
    has written, and a log is a file of lines that people look at on a terminal.
    """

    def __init__(self, name: str) -> None:
        super().__init__(logging.getLogger(name))

    def process(self, msg: object, kwargs: MutableMapping[str, Any]) -> tuple[object, MutableMapping[str, Any]]:
        """Leave a message, and its `extra`, as they are."""
        return msg, kwargs

    def log(self, level: int, msg: object, *args: object, **kwargs: Any) -> None:
        """Log a message; see logging.Logger.log."""
        try:
            if self.isEnabledFor(level):
                kwargs["stacklevel"] = kwargs.get("stacklevel", 1) + 1  # the caller, and not this file
                self.logger.log(level, msg, *map(_in_one_line, args), **kwargs)
        except BaseException as failed:
            # A result that is not written down because of a log would be a mail sent twice. A Ctrl-C is no handler's.
            if isinstance(failed, KeyboardInterrupt) and current_thread() is main_thread():
                raise
            if logging.raiseExceptions and sys.stderr is not None:
                traceback.print_exc()


def _in_one_line(argument: object) -> object:
    """The text of an argument with its control and invisible characters escaped; a number as it is."""
    if not isinstance(argument, str | BaseException):
        return argument
    text = str(argument)
    return text if text.isprintable() else "".join(each if each.isprintable() else ascii(each)[1:-1] for each in text)
