"""The names of `courriel.wlangage` as a program writes them: in any case, with accents or without."""

from __future__ import annotations

from functools import lru_cache
from importlib import import_module

from courriel.wlangage.language.syntax.problem import nearest, suggestion
from courriel.wlangage.language.syntax.words import folded
from courriel.wlangage.problem import UnknownProperty
from courriel.wlangage.structures import names
from courriel.wlangage.structures.names import Name
from courriel.wlangage.structures.properties import Structure


@lru_cache(maxsize=1)
def by_name() -> dict[str, Name]:
    """The functions, constants, types and variables, by folded name."""
    found: dict[str, Name] = {}
    for name in names.exported():
        for spelling in (*name.spellings, name.english):
            found.setdefault(folded(spelling), name)
    return found


def thing(name: str) -> object:
    """The function, constant or variable of a name; None when there is none."""
    known = by_name().get(folded(name))
    return None if known is None else getattr(import_module(f"courriel.wlangage.{known.home}"), known.french)


def attribute(of: Structure, name: str) -> str:
    """The Python name of a property or method. Raises UnknownProperty, with the nearest, for an unknown one."""
    known = _properties(of.wlangage_type).get(folded(name))
    if known is None:
        fr, en = suggestion(nearest(name, (each.french for each in names.of_type(of.wlangage_type))))
        raise UnknownProperty(
            f"{of.wlangage_type} n'a pas de propriété {name}{fr}", f"{of.wlangage_type} has no property {name}{en}"
        )
    return known


@lru_cache(maxsize=64)
def _properties(wlangage_type: str) -> dict[str, str]:
    return {folded(spelling): name.french for name in names.of_type(wlangage_type) for spelling in name.spellings}
