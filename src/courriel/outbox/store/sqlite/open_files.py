"""
SQLite files that are open in this process, told of a fork and of the end of the interpreter.

A child process must not inherit an open connection: SQLite in the child would rely on locks that the system has not
given it. So all are closed before a fork, and opened again by their next use.
"""

from __future__ import annotations

import atexit
import os
from collections.abc import Callable
from contextlib import suppress
from typing import Protocol
from weakref import WeakSet


class OpenFile(Protocol):
    """A file as a fork and the end of the interpreter see it."""

    def before_fork(self) -> None: ...
    def after_fork(self) -> None: ...
    def in_child(self) -> None: ...
    def at_exit(self) -> None: ...


_open: WeakSet[OpenFile] = WeakSet()
_kept: list[object] = []


def add(file: OpenFile) -> None:
    """Tell this file of forks and of the end of the interpreter, for as long as it exists."""
    _open.add(file)


def keep_for_ever(*connections: object) -> None:
    """Keep connections of a parent process from being closed here, which would release its locks."""
    _kept.extend(connections)


# The steps.


def _each(act: Callable[[OpenFile], None]) -> Callable[[], None]:
    def each() -> None:
        for file in list(_open):
            act(file)

    return each


def _at_exit() -> None:
    for file in list(_open):
        with suppress(Exception):
            file.at_exit()


atexit.register(_at_exit)

if hasattr(os, "register_at_fork"):
    os.register_at_fork(
        before=_each(lambda file: file.before_fork()),
        after_in_parent=_each(lambda file: file.after_fork()),
        after_in_child=_each(lambda file: file.in_child()),
    )
