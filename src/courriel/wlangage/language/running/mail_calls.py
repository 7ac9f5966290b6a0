"""Calls of the e-mail functions by a program: its values as they take them, and its files only below its folders."""

from __future__ import annotations

import os
from collections.abc import Callable

from courriel.wlangage.language.functions.desk import Desk
from courriel.wlangage.language.running.expressions import for_mail
from courriel.wlangage.structures.email import Email, EmailVariable

_WITH_PATHS = frozenset(("EmailEnvoie", "EmailSauveFichierAttaché", "EmailImporteHTML", "ChargeFichierAttaché"))
"""Functions and methods whose texts may be paths."""
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
        if name in _WITH_PATHS:
            values = [self._checked(each) for each in values]
        if name in _SENDING:
            self._check_attached(values)
            owner = getattr(function, "__self__", None)
            self._check_attached([owner])
        return function(*values)

    def _checked(self, value: object) -> object:
        """A text that names something on the disk, as a path below the program's folders; anything else as it is."""
        if not isinstance(value, str) or not value or len(value) > 4096 or "\n" in value or "\0" in value:
            return value
        written = value.replace("\\", "/") if os.sep == "/" else value
        absolute = self._desk.folder / written
        is_there = os.path.lexists(absolute)
        if not is_there and not os.path.lexists(absolute.parent):
            return value
        return str(self._desk.path(value)) if is_there or os.sep in written else value

    def _check_attached(self, values: list[object]) -> None:
        mails = [value for value in values if isinstance(value, EmailVariable)] or [Email]
        for mail in mails:
            for place, each in enumerate(mail.Attache, 1):
                if isinstance(each, str):
                    mail.Attache[place] = str(self._desk.path(each))
