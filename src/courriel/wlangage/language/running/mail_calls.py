"""Calls of the e-mail functions by a program: its values as they take them, and its files only below its folders."""

from __future__ import annotations

import os
from collections.abc import Callable, Generator
from contextlib import contextmanager

from courriel.wlangage.language.functions.desk import Desk
from courriel.wlangage.language.running.expressions import for_mail
from courriel.wlangage.structures.email import Email, EmailVariable

_PATH_LAST = frozenset(("EmailEnvoie", "EmailSauveFichierAttaché", "EmailImporteHTML"))
"""Functions whose last argument is a path."""
_PATH_FIRST = frozenset(("ChargeFichierAttaché",))
"""Methods whose first argument is a path."""
_SENDING = frozenset(("EmailEnvoieMessage", "EnvoieMessage", "EmailConstruitSource", "ConstruitSource"))
"""Functions and methods that read the files attached."""


class MailCalls:
    """Calls of the e-mail functions for one program."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def __call__(self, function: Callable[..., object], arguments: list[object]) -> object:
        """Call a function, after a look at the paths that it would open. Raises ErreurWLangage for one outside."""
        values = [for_mail(each) for each in arguments]
        name = getattr(function, "__name__", "")
        if values and name in _PATH_LAST:
            values[-1] = self._path(values[-1])
        if values and name in _PATH_FIRST:
            values[0] = self._path(values[0])
        if name not in _SENDING:
            return function(*values)
        with self._attached([getattr(function, "__self__", None), *values]):
            return function(*values)

    def _path(self, value: object) -> object:
        """A path below the program's folders, links resolved; what is no text, or empty, is refused by the function."""
        if not isinstance(value, str) or not value:
            return value
        # The slash at the end says that it is a folder.
        return self._checked(value) + (os.sep if value.endswith(("/", "\\", os.sep)) else "")

    def _checked(self, written: str) -> str:
        """The path, counted from the program's folder, which is the current one, where it lies below."""
        path = self._desk.path(written)
        return str(path.relative_to(self._desk.folder) if path.is_relative_to(self._desk.folder) else path)

    @contextmanager
    def _attached(self, values: list[object]) -> Generator[None]:
        """The files of the mails that are sent, by their checked paths; afterwards as the program wrote them."""
        mails = [value for value in values if isinstance(value, EmailVariable)] or [Email]
        before: list[tuple[EmailVariable, int, str]] = []
        try:
            for mail in mails:
                for place, each in enumerate(mail.Attache, 1):
                    if isinstance(each, str):
                        checked = self._checked(each)
                        before.append((mail, place, each))
                        mail.Attache[place] = checked
            yield
        finally:
            for mail, place, each in before:
                mail.Attache[place] = each
