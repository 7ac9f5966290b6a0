"""What structures are made of: properties that check what is put into them, and names that are checked too."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Generic, TypeVar, overload

from courriel.failures import Text
from courriel.wlangage.lists import WList
from courriel.wlangage.names import of_type, unaccented
from courriel.wlangage.problem import ErreurWLangage, UnknownProperty

T = TypeVar("T")
S = TypeVar("S")


class Structure:
    """A value of the WLangage with named properties; one that it does not have cannot be read, nor written."""

    __slots__ = ("_own",)
    _own: dict[str, object]
    wlangage_type = ""
    """Its French name."""

    def __init__(self, **values: object) -> None:
        object.__setattr__(self, "_own", {})
        for name, value in values.items():
            setattr(self, name, value)

    @property
    def memory(self) -> dict[str, object]:
        """What has been set, by French name."""
        return self._own

    def complete(self, name: str) -> None:
        """Fetch what is behind a property that is read for the first time, where a type has such."""

    def __setattr__(self, name: str, value: object) -> None:
        if isinstance(getattr(type(self), name, None), Property):
            object.__setattr__(self, name, value)
            return
        raise self._unknown(name)

    def __getattr__(self, name: str) -> object:
        raise self._unknown(name)

    def __repr__(self) -> str:
        # No values: a mail's content, or a password, has no place in a log.
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
    """One property: what it is when nothing was set (`T`), and what may be set (`S`)."""

    def __init__(self, default: Callable[[], T], check: Callable[[object], T], *, keep_default: bool = False) -> None:
        self.name = ""
        self._default = default
        self._check = check
        self._keep_default = keep_default  # a list that was read may be written into

    def __set_name__(self, owner: type[Structure], name: str) -> None:
        self.name = self.name or name  # the first of its names is the French one

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
                f"{owner.wlangage_type}.{self.name} : {wanted.said.fr} ; reçu : {got.fr}",
                f"{owner.wlangage_type}.{self.name}: {wanted.said.en}; got: {got.en}",
            ) from None


def text() -> Property[str, str]:
    """A text, empty at first."""
    return Property(str, as_text)


def flag() -> Property[bool, bool]:
    """Vrai or Faux, Faux at first."""
    return Property(bool, _as_flag)


def number(default: int = 0) -> Property[int, int]:
    """A whole number."""
    return Property(lambda: default, as_number)


def moment() -> Property[datetime | None, datetime | None]:
    """A date with its time; None as long as nobody has said."""
    return Property(lambda: None, _as_moment)


def limit() -> Property[int | None, int]:
    """How many places of a list count; None as long as nobody has said: then all of them."""
    return Property(lambda: None, as_number)


def series(
    check: Callable[[object], T], empty: Callable[[], T], *, split: Callable[[str], Iterable[object]] | None = None
) -> Property[WList[T], object]:
    """A list; one value alone, or any Python iterable, may be put in its place. `split` cuts a text that is alone."""

    def as_list(value: object) -> WList[T]:
        if split is not None and isinstance(value, str):
            return WList(map(check, split(value)), check, empty)
        if isinstance(value, str | bytes | os.PathLike | Structure) or not isinstance(value, Iterable):
            value = (value,)
        return WList(value, check, empty)

    return Property(lambda: WList((), check, empty), as_list, keep_default=True)


def as_text(value: object) -> str:
    """Check that it is a text."""
    if isinstance(value, str):
        return value
    raise NotThat("une chaîne est attendue", "a string is expected")


def as_number(value: object) -> int:
    """Check that it is a whole number, and neither negative nor Vrai."""
    if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return value
    raise NotThat("un entier positif est attendu", "a positive integer is expected")


class NotThat(ErreurWLangage):
    """What a check raises; a property adds its own name to it."""


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
    """A number as it is, and of anything else its kind: a text may be a password."""
    if value is None or isinstance(value, bool):
        return Text({True: "Vrai", False: "Faux"}.get(value, "rien"), repr(value))  # type: ignore[arg-type]
    if isinstance(value, int | float):
        return Text(str(value), str(value))
    name = type(value).__name__
    return next((said for kind, said in _KINDS.items() if isinstance(value, kind)), Text(name, name))


def _nearest(name: str, wlangage_type: str) -> tuple[str, str]:
    """The property that was probably meant, as French and as English texts name it; "" where none is near.

    In French it is a French name, also for a word of English; in English it is the spelling that is nearest, for many a
    program has French names and an English reader.
    """
    properties = tuple(of_type(wlangage_type))
    french = _near(name, {each.french: each.french for each in properties}, _NEAR)
    translated = _near(name, {spelling: each.french for each in properties for spelling in each.spellings}, _VERY_NEAR)
    nearest = _near(name, {each: each for known in properties for each in reversed(known.spellings)}, _NEAR)
    return french or translated, nearest


def _near(name: str, known: dict[str, str], cutoff: float) -> str:
    from difflib import get_close_matches

    plain = {unaccented(spelling).casefold(): told for spelling, told in known.items()}
    near = get_close_matches(unaccented(name).casefold(), list(plain), 1, cutoff)
    return plain[near[0]] if near else ""


_NEAR, _VERY_NEAR = 0.6, 0.75  # of 1.0, which is the same word
