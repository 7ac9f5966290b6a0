"""Types of variables: the first value of each, and the conversion of what is assigned."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from importlib import import_module
from math import prod

from courriel.failures import Text
from courriel.wlangage.language.syntax.nodes import StructureDeclaration, TypeName
from courriel.wlangage.language.syntax.problem import ProgramError, Remark, nearest, suggestion
from courriel.wlangage.language.syntax.words import folded
from courriel.wlangage.language.values.containers import MOST, Array, Associative, Record
from courriel.wlangage.language.values.operations import (
    DateText,
    DateTimeText,
    TimeText,
    to_boolean,
    to_integer,
    to_number,
    to_text,
)
from courriel.wlangage.problem import ErreurWLangage
from courriel.wlangage.structures.names import TABLE


@dataclass(frozen=True, slots=True)
class Kind:
    """A type: its French name, the value of a new variable, and the conversion of a value."""

    name: str
    empty: Callable[[], object]
    convert: Callable[[object], object]


def _as_float(value: object) -> float:
    try:
        return float(to_number(value))
    except OverflowError:
        raise ErreurWLangage("ce nombre est trop grand pour un réel", "this number is too large for a real") from None


def _as_decimal(value: object) -> Decimal:
    try:
        number = to_number(value)
        return Decimal(str(number)) if isinstance(number, float) else Decimal(number)
    except InvalidOperation:
        raise ErreurWLangage("un nombre est attendu", "a number is expected") from None


def _as_bytes(value: object) -> bytes:
    return value if isinstance(value, bytes) else to_text(value).encode()


def _of_text(make: Callable[[str], str]) -> Callable[[object], object]:
    return lambda value: make(to_text(value))


VARIANT = Kind("variant", lambda: None, lambda value: value)

_SIMPLE = (
    (("chaîne", "string", "caractère", "character", "jsontexte"), Kind("chaîne", str, to_text)),
    (("entier", "int", "integer"), Kind("entier", int, to_integer)),
    (("réel", "real"), Kind("réel", float, _as_float)),
    (("monétaire", "currency", "numérique", "numeric"), Kind("monétaire", Decimal, _as_decimal)),
    (("booléen", "boolean"), Kind("booléen", bool, to_boolean)),
    (("buffer",), Kind("buffer", bytes, _as_bytes)),
    (("date",), Kind("date", lambda: DateText(""), _of_text(DateText))),
    (("heure", "time"), Kind("heure", lambda: TimeText(""), _of_text(TimeText))),
    (("dateheure", "datetime"), Kind("dateheure", lambda: DateTimeText(""), _of_text(DateTimeText))),
    (("durée", "duration"), Kind("durée", int, to_number)),
    (("variant", "objet", "object"), VARIANT),
)
_BY_WORD: dict[str, Kind] = {folded(word): kind for words, kind in _SIMPLE for word in words}
# Words of a type that change nothing here: sizes, encodings, signs.
_QUALIFIERS = frozenset(
    map(folded, ("sans", "signe", "unsigned", "ansi", "unicode", "fixe", "fixed", "sur", "on", "octets", "octet",
                 "bytes", "byte", "dynamique", "dynamic", "local", "global", "asciiz", "système", "system"))
)  # fmt: skip


def kind_of(type_name: TypeName, structures: dict[str, StructureDeclaration]) -> Kind:
    """Return the type that was written. Raises ProgramError, with the nearest known type, for an unknown one."""
    words = [word for word in type_name.words if folded(word) not in _QUALIFIERS and not word[:1].isdigit()]
    sizes = [int(word) for word in type_name.words if word.isdecimal()]
    first = folded(words[0]) if words else ""
    if first in ("tableau", "tableaux", "array", "arrays", "liste", "list", "file", "queue", "pile", "stack"):
        return _array(type_name, words[1:], sizes, structures)
    # "associative array of strings" puts the word before.
    if len(words) > 1 and folded(words[1]) in ("array", "arrays"):
        return _array(type_name, [words[0], *words[2:]], sizes, structures)
    if len(words) == 1:
        known = _simple(first) or _of_mail(words[0]) or _structure(words[0], structures)
        if known is not None:
            return known
    raise _unknown(type_name, " ".join(words), structures)


def _array(
    type_name: TypeName, words: list[str], sizes: list[int], structures: dict[str, StructureDeclaration]
) -> Kind:
    associative = any(folded(word) in ("associatif", "associatifs", "associative") for word in words)
    inner = [
        word for word in words
        if folded(word) not in ("associatif", "associatifs", "associative", "de", "d", "of", "par", "by")
    ]  # fmt: skip
    if prod(sizes) > MOST:
        text = Text(f"un tableau a au plus {MOST} éléments", f"an array has {MOST} elements at most")
        raise ProgramError(Remark(type_name.place, text))
    element = kind_of(TypeName(type_name.place, inner), structures) if inner else VARIANT
    if associative:
        return Kind("tableau associatif", lambda: Associative(element.convert, element.empty), _same(Associative))

    def empty(sizes: tuple[int, ...] = tuple(sizes)) -> Array:
        if len(sizes) > 1:
            rows = Kind("tableau", lambda: empty(sizes[1:]), _same(Array))
            made = Array(rows.convert, rows.empty)
        else:
            made = Array(element.convert, element.empty)
        if sizes:
            made.resize(sizes[0])
        return made

    def convert(value: object) -> object:
        if isinstance(value, list):
            return Array(element.convert, element.empty, value)
        raise ErreurWLangage("un tableau est attendu", "an array is expected")

    return Kind("tableau", empty, convert)


def _same(container: type) -> Callable[[object], object]:
    def check(value: object) -> object:
        if isinstance(value, container):
            return value
        raise ErreurWLangage("un tableau est attendu", "an array is expected")

    return check


def _simple(word: str) -> Kind | None:
    return _BY_WORD.get(word) or (_BY_WORD.get(word[:-1]) if word.endswith("s") else None)


def _of_mail(word: str) -> Kind | None:
    """A type of the e-mail functions: Email, emailAttache, a session variable."""
    if folded(word) in ("email", "emails"):
        from courriel.wlangage.structures.email import Email, EmailVariable

        return _structured("Email", Email, EmailVariable)
    for name in TABLE:
        if name.kind == "type" and folded(word) in map(folded, name.spellings):
            made = getattr(import_module(f"courriel.wlangage.{name.home}"), name.french)
            return _structured(name.french, made, made)
    return None


def _structured(name: str, make: Callable[[], object], kind: type) -> Kind:
    def check(value: object) -> object:
        if isinstance(value, kind):
            return value
        raise ErreurWLangage(f"une variable {name} est attendue", f"a variable {name} is expected")

    return Kind(name, make, check)


def _structure(word: str, structures: dict[str, StructureDeclaration]) -> Kind | None:
    structure = structures.get(folded(word))
    if structure is None:
        return None

    def make() -> Record:
        members = {
            folded(name.name): (name.name, kind.convert, kind.empty())
            for member in structure.members
            for kind in (kind_of(member.type, structures),)
            for name in member.names
        }
        return Record(structure.name, members)

    def copied(value: object) -> object:
        if isinstance(value, Record) and value.name == structure.name:
            return value.copied()
        raise ErreurWLangage(
            f"une structure {structure.name} est attendue", f"a structure {structure.name} is expected"
        )

    return Kind(structure.name, make, copied)


def _unknown(type_name: TypeName, written: str, structures: dict[str, StructureDeclaration]) -> ProgramError:
    known = [word for words, _ in _SIMPLE for word in words]
    known += [name.french for name in TABLE if name.kind == "type"] + ["Email", "tableau"]
    fr, en = suggestion(nearest(written, [*known, *(each.name for each in structures.values())]))
    text = Text(f"type inconnu : {written}{fr}", f"unknown type: {written}{en}")
    return ProgramError(Remark(type_name.place, text))
