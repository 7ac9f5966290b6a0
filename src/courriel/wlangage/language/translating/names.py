"""Names of a program in Python: the spelling of their declaration, and none that Python has for itself."""

from __future__ import annotations

import builtins
import keyword

from courriel.wlangage.language.functions.table import CONSTANTS, FUNCTIONS
from courriel.wlangage.language.running import mail_names
from courriel.wlangage.language.syntax.words import folded

_TAKEN = frozenset(keyword.kwlist) | frozenset(dir(builtins)) | {
    "wl", "main", "Decimal", "dataclass", "CourrielError", "Password", "Security", "Server",
}  # fmt: skip
_SHORT = {folded("Vrai"): "True", folded("Faux"): "False", folded("True"): "True", folded("False"): "False",
          folded("Null"): "None"}  # fmt: skip


class Names:
    """Spellings of one program's variables and procedures."""

    def __init__(self, in_use: set[str]) -> None:
        self._known: dict[str, str] = {}
        self._in_use = in_use  # folded, those of the program and those made for it

    def fresh(self, name: str) -> str:
        """A name for the translation itself, which the program does not have."""
        made, number = name, 1
        while folded(made) in self._in_use:
            number += 1
            made = f"{name}{number}"
        self._in_use.add(folded(made))
        return made.replace("€", "euro")

    def declare(self, name: str) -> str:
        """The Python name of a variable or procedure; the first spelling stays."""
        key = folded(name)
        if key not in self._known:
            plain = name.replace("€", "euro")
            mail = mail_names.by_name().get(key)
            taken = plain in _TAKEN or (mail is not None and plain in mail.spellings)
            self._known[key] = f"{plain}_" if taken else plain
        return self._known[key]


def standard(name: str) -> str:
    """The Python name of a standard function or constant."""
    key = folded(name)
    if key in _SHORT:
        return _SHORT[key]
    if key in FUNCTIONS:
        return f"wl.{_spelled(name, FUNCTIONS[key].names)}"
    if key in CONSTANTS:
        return f"wl.{CONSTANTS[key][0]}"
    mail = mail_names.by_name()[key]
    return _spelled(name, mail.spellings)


def _spelled(name: str, spellings: tuple[str, ...]) -> str:
    """The program's spelling where it is one of these, else the one that it means."""
    if name in spellings:
        return name
    return next(each for each in spellings if folded(each) == folded(name))
