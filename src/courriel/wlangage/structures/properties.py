"""Base of structures: properties that check the values assigned, and suggestions for misspelled names."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Generic, TypeVar, overload

from courriel.failures import Text
from courriel.wlangage.problem import ErreurWLangage, UnknownProperty
from courriel.wlangage.structures.lists import WList
from courriel.wlangage.structures.names import of_type, unaccented

T = TypeVar("T")
S = TypeVar("S")


class Structure:
    """A WLangage value with named properties; an unknown one can neither be read nor written."""

    __slots__ = ("_own",)
    _own: dict[str, object]
    wlangage_type = ""
    """French name of the type."""

    def __init__(self, **values: object) -> None:
        object.__setattr__(self, "_own", {})
        for name, value in values.items():
            setattr(self, name, value)

    @property
    def memory(self) -> dict[str, object]:
        """Values set, by French name of the property."""
        return self._own

    def complete(self, name: str) -> None:
        """Hook: fetch the value of a property on first access."""

    def __setattr__(self, name: str, value: object) -> None:
        if isinstance(getattr(type(self), name, None), Property):
            object.__setattr__(self, name, value)
            return
        raise self._unknown(name)

    def __getattr__(self, name: str) -> object:
        raise self._unknown(name)

    def __repr__(self) -> str:
        # No values: they may be mail content or a password, and get into logs.
        return f"<{self.wlangage_type}: {', '.join(self.memory) or 'vide'}>"

    def _unknown(self, name: str) -> UnknownProperty:
        french, english = _nearest(name, self.wlangage_type)
        fr = f" ; vouliez-vous dire {french} ?" if french else ""
        en = f"; did you mean {english}?" if english else ""
        return UnknownProperty(
            f"{self.wlangage_type} n'a pas de propriété {name}{fr}",
            f"{self.wlangage_type} has no property {name}{en}",
        )


class Property(Generic[T, S]):
    """A property with its default (`T`), and the values that may be assigned (`S`)."""

    def __init__(self, default: Callable[[], T], check: Callable[[object], T], *, keep_default: bool = False) -> None:
        self.name = ""
        self._default = default
        self._check = check
        self._keep_default = keep_default  # a default list is stored, since it may be modified

    def __set_name__(self, owner: type[Structure], name: str) -> None:
        self.name = self.name or name  # the French name comes first

    @overload
    def __get__(self, owner: None, kind: type[Structure]) -> Property[T, S]: ...
    @overload
    def __get__(self, owner: Structure, kind: type[Structure]) -> T: ...
    def __get__(self, owner: Structure | None, kind: type[Structure]) -> T | Property[T, S]:
        if owner is None:
            return self
        memory = owner.memory
        if self.name not in memory:
            owner.complete(self.name)
        if self.name not in memory and self._keep_default:
            memory[self.name] = self._default()
        return memory.get(self.name, self._default())  # type: ignore[return-value]  # what was put in was checked

    def __set__(self, owner: Structure, value: S) -> None:
        try:
            owner.memory[self.name] = self._check(value)
        except NotThat as wanted:
            got = _kind_of(value)
            raise ErreurWLangage(
                f"{owner.wlangage_type}.{self.name} : {wanted.wording.fr} ; reçu : {got.fr}",
                f"{owner.wlangage_type}.{self.name}: {wanted.wording.en}; got: {got.en}",
            ) from None


def text() -> Property[str, str]:
    """A text property, "" by default."""
    return Property(str, as_text)


def flag() -> Property[bool, bool]:
    """A boolean property, Faux by default."""
    return Property(bool, _as_flag)


def number(default: int = 0) -> Property[int, int]:
    """A property of whole numbers."""
    return Property(lambda: default, as_number)


def port(default: int) -> Property[int, int | str]:
    """A port; a string of digits is taken too, as programs read it from their settings."""
    return Property(lambda: default, lambda value: as_number(int(value) if _is_port(value) else value))  # type: ignore[call-overload]


def _is_port(value: object) -> bool:
    return isinstance(value, str) and value.isascii() and value.isdigit() and len(value) <= 5


def moment() -> Property[datetime | None, datetime | None]:
    """A datetime property, None by default."""
    return Property(lambda: None, _as_moment)


def limit() -> Property[int | None, int]:
    """A property for the number of items of a list to use; None, the default, means all."""
    return Property(lambda: None, as_number)


def series(
    check: Callable[[object], T], empty: Callable[[], T], *, split: Callable[[str], Iterable[object]] | None = None
) -> Property[WList[T], object]:
    """A list property; a single value or any iterable may be assigned. `split` splits a single text."""

    def as_list(value: object) -> WList[T]:
        if split is not None and isinstance(value, str):
            return WList(map(check, split(value)), check, empty)
        if isinstance(value, str | bytes | os.PathLike | Structure) or not isinstance(value, Iterable):
            value = (value,)
        return WList(value, check, empty)

    return Property(lambda: WList((), check, empty), as_list, keep_default=True)


def as_text(value: object) -> str:
    """Check for a text."""
    if isinstance(value, str):
        return value
    raise NotThat("une chaîne est attendue", "a string is expected")


def as_number(value: object) -> int:
    """Check for a whole number, not negative and not a boolean."""
    if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return value
    raise NotThat("un entier positif est attendu", "a positive integer is expected")


class NotThat(ErreurWLangage):
    """Error of a check; the property adds its name to it."""


# The steps.


def _as_flag(value: object) -> bool:
    if isinstance(value, bool) or (isinstance(value, int) and value in (0, 1)):
        return bool(value)
    raise NotThat("Vrai ou Faux est attendu", "True or False is expected")


def _as_moment(value: object) -> datetime | None:
    if value is None or isinstance(value, datetime):
        return value
    raise NotThat("une date et une heure (datetime) sont attendues", "a datetime is expected")


_KINDS: dict[type, Text] = {
    str: Text("une chaîne", "a string"),
    bytes: Text("des octets", "bytes"),
    list: Text("une liste", "a list"),
    tuple: Text("une liste", "a tuple"),
    dict: Text("un dictionnaire", "a dictionary"),
    datetime: Text("une date", "a datetime"),
}


def _kind_of(value: object) -> Text:
    """A number itself, otherwise the type: a text may be a password."""
    if value is None or isinstance(value, bool):
        return Text({True: "Vrai", False: "Faux"}.get(value, "rien"), repr(value))  # type: ignore[arg-type]
    if isinstance(value, int | float):
        return Text(str(value), str(value))
    name = type(value).__name__
    return next((text for kind, text in _KINDS.items() if isinstance(value, kind)), Text(name, name))


def _nearest(name: str, wlangage_type: str) -> tuple[str, str]:
    """The most similar property name, for the French and the English message; "" for none.

    In French it is a French name, also for an English word; in English the closest spelling, since many programs have
    French names and English readers.
    """
    properties = tuple(of_type(wlangage_type))
    french = _near(name, {each.french: each.french for each in properties}, _NEAR)
    translated = _near(name, {spelling: each.french for each in properties for spelling in each.spellings}, _VERY_NEAR)
    nearest = _near(name, {each: each for known in properties for each in reversed(known.spellings)}, _NEAR)
    return french or translated, nearest


def _near(name: str, known: dict[str, str], cutoff: float) -> str:
    from difflib import get_close_matches

    plain = {unaccented(spelling).casefold(): shown for spelling, shown in known.items()}
    near = get_close_matches(unaccented(name).casefold(), list(plain), 1, cutoff)
    return plain[near[0]] if near else ""


_NEAR, _VERY_NEAR = 0.6, 0.75  # similarity; 1.0 means equal
