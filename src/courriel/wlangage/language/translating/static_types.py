"""Types of expressions, as far as a program's text tells: they make plain Python of what needs no conversion."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass

from courriel.wlangage.language.functions.table import CONSTANTS, FUNCTIONS
from courriel.wlangage.language.running import mail_names
from courriel.wlangage.language.running.kinds import kind_of
from courriel.wlangage.language.syntax.nodes import StructureDeclaration, TypeName
from courriel.wlangage.language.syntax.words import folded
from courriel.wlangage.language.values.containers import Array, Associative, Record
from courriel.wlangage.language.values.operations import DateText, DateTimeText, TimeText
from courriel.wlangage.structures.properties import Structure as MailStructure

ANY = "any"
NUMBERS = frozenset(("int", "float", "Decimal"))


@dataclass(frozen=True, slots=True)
class Declared:
    """The type of a variable: a Python type by name, what makes its first value, and what converts to it."""

    name: str
    first: str
    convert: str = ""
    annotation: str = ""


_SIMPLE = {
    "chaîne": Declared("str", '""', "wl.text", "str"),
    "entier": Declared("int", "0", "wl.integer", "int"),
    "réel": Declared("float", "0.0", "wl.real", "float"),
    "monétaire": Declared("Decimal", "Decimal(0)", "wl.money", "Decimal"),
    "booléen": Declared("bool", "False", "wl.true", "bool"),
    "buffer": Declared("bytes", 'b""', "wl.octets", "bytes"),
    "date": Declared("date", 'wl.date("")', "wl.date", "str"),
    "heure": Declared("str", '""', "wl.text", "str"),
    "dateheure": Declared("str", '""', "wl.text", "str"),
    "durée": Declared("float", "0", "wl.number", "float"),
    "variant": Declared(ANY, "None", "", "object"),
}
_CONVERT_NAMES = {
    "str": "str",
    "int": "int",
    "bool": "bool",
    "float": "wl.real",
    "Decimal": "wl.money",
    "date": "wl.date",
}


def declared(written: TypeName, structures: dict[str, StructureDeclaration]) -> Declared:
    """The type of a declaration."""
    kind = kind_of(written, structures)
    simple = _SIMPLE.get(kind.name)
    if simple is not None:
        return simple
    value = kind.empty()
    if isinstance(value, Array | Associative):
        element = _element(value)
        maker = "wl.array" if isinstance(value, Array) else "wl.associative"
        row = value.empty()
        convert = _maker(element, len(row) if isinstance(row, Array) else 0)
        size = f", size={len(value)}" if isinstance(value, Array) and len(value) else ""
        return Declared(f"{maker[3:]}:{element}", f"{maker}({convert}{size})", "", "list")
    if isinstance(value, Record):
        return Declared(f"record:{value.name}", f"{value.name}()", "", value.name)
    return Declared(f"mail:{kind.name}", f"{kind.name}()", "", kind.name if kind.name != "Email" else "object")


def element_maker(array: str) -> str:
    """Conversion of the elements of an array's type."""
    return _maker(array.partition(":")[2])


def _maker(element: str, size: int = 0) -> str:
    kind, _, inner = element.partition(":")
    if kind == "array":
        return f"wl.rows({_maker(inner)}{f', {size}' if size else ''})"
    return "wl.copied" if element.startswith("record:") else _CONVERT_NAMES.get(element, "wl.anything")


def of_value(value: object) -> str:
    """The static type of a constant's value."""
    if isinstance(value, bool):
        return "bool"
    if isinstance(value, int):
        return "int"
    if isinstance(value, DateText):
        return "date"
    return "str" if isinstance(value, str) and not isinstance(value, TimeText | DateTimeText) else ANY


def of_function(name: str) -> str:
    """The type of a standard or e-mail function's result."""
    key = folded(name)
    if key in FUNCTIONS:
        return _annotated(FUNCTIONS[key].call)
    found = mail_names.thing(name)
    return _annotated(found) if callable(found) else ANY


def of_constant(name: str) -> str:
    """The type of a standard or e-mail constant or variable."""
    key = folded(name)
    if key in CONSTANTS:
        return of_value(CONSTANTS[key][1])
    found = mail_names.thing(name)
    if isinstance(found, MailStructure):
        return f"mail:{found.wlangage_type}"
    if type(found).__name__ == "_ErrorOccurred":
        return "bool"
    return of_value(found)


def of_property(owner: str, name: str) -> str:
    """The type of a property of a mail or session."""
    made = _made(owner)
    if made is None:
        return ANY
    try:
        value = getattr(made, mail_names.attribute(made, name))
    except AttributeError:
        return ANY
    if isinstance(value, list):
        return "texts"
    if name.startswith("Nb"):
        return "int"
    return of_value(value)


def property_name(owner: str, name: str) -> str:
    """The spelling of a property or method: the program's own where Python has it, else the French one."""
    made = _made(owner)
    if made is None:
        return name
    known = mail_names.attribute(made, name)
    return name if hasattr(type(made), name) else known


def _made(owner: str) -> MailStructure | None:
    kind = owner.removeprefix("mail:")
    if kind == "Email":
        from courriel.wlangage.structures.email import EmailVariable

        return EmailVariable()
    found = mail_names.thing(kind)
    if isinstance(found, type) and issubclass(found, MailStructure):
        return found()
    return None


def _element(value: Array | Associative) -> str:
    first = value.empty()
    if isinstance(first, Array):
        return f"array:{_element(first)}"
    if isinstance(first, Record):
        return f"record:{first.name}"
    if isinstance(first, float) and not isinstance(first, bool):
        return "float"
    return "Decimal" if type(first).__name__ == "Decimal" else of_value(first) if first is not None else ANY


def _annotated(call: Callable[..., object]) -> str:
    inner = inspect.unwrap(call)
    result = str(getattr(inner, "__annotations__", {}).get("return", ANY))
    known = {"str": "str", "int": "int", "bool": "bool", "DateText": "date", "None": "None",
             "Status": "int", "Verdict": "int"}  # fmt: skip
    return known.get(result, ANY)
