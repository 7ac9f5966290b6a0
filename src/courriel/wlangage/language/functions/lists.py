"""Functions on arrays, and on the lists of mails."""

from __future__ import annotations

import json
from typing import Protocol, cast

from courriel.wlangage.language.functions.table import constant, function
from courriel.wlangage.language.values.containers import Array, Associative, Record, position
from courriel.wlangage.language.values.operations import to_integer, to_number, to_text
from courriel.wlangage.problem import ErreurWLangage
from courriel.wlangage.structures.lists import WList

constant(1, "asCroissant", "asAscending", "ttCroissant", "taCroissant")
constant(2, "asDécroissant", "asDescending", "ttDécroissant", "taDécroissant")
constant(0, "tcLinéaire", "asLinear")
constant("psdJSON", "psdJSON")


class _List(Protocol):
    """Common members of arrays and the lists of mails."""

    def append(self, item: object) -> None: ...
    def __len__(self) -> int: ...


@function("Ajoute", "Add", "TableauAjoute", "ArrayAdd", "TableauAjouteLigne", "ArrayAddLine")
def add(items: object, *values: object) -> int:
    """Append elements to a list, and return the place of the last one."""
    for value in values:
        if isinstance(items, Array):
            items.add(value)
        elif isinstance(items, WList):
            cast("_List", items).append(value)
        elif isinstance(items, Associative) and len(values) == 2:
            items[values[0]] = values[1]
            break
        else:
            raise _no_list()
    return len(items) if isinstance(items, list | dict) else 0


@function("Insère", "Insert", "TableauInsère", "ArrayInsert")
def insert(items: object, place: object, value: object) -> int:
    """Insert an element before a place."""
    if not isinstance(items, Array):
        raise _no_list()
    items.insert_at(place, value)
    return to_integer(place)


@function("Supprime", "Delete", "TableauSupprime", "ArrayDelete", "TableauSupprimeLigne", "ArrayDeleteLine")
def delete(items: object, place: object) -> bool:
    """Remove the element of a place, or of a key."""
    if isinstance(items, Array):
        del items[place]
    elif isinstance(items, WList):
        del items[to_integer(place)]
    elif isinstance(items, Associative):
        return items.pop(to_text(place), None) is not None
    else:
        raise _no_list()
    return True


@function("SupprimeTout", "DeleteAll", "TableauSupprimeTout", "ArrayDeleteAll")
def delete_all(items: object) -> None:
    """Remove every element."""
    if not isinstance(items, list | dict):
        raise _no_list()
    items.clear()


@function("Occurrence", "Count", "TableauOccurrence", "ArrayCount", "TableauInfo", "ArrayInfo")
def count(items: object, *_: object) -> int:
    """The number of elements."""
    if not isinstance(items, list | dict):
        raise _no_list()
    return len(items)


@function("Dimension")
def dimension(items: object, size: object = None) -> int:
    """The number of elements, after a change to the size given."""
    if size is not None:
        if not isinstance(items, Array):
            raise _no_list()
        items.resize(size)
    return len(items) if isinstance(items, list | dict) else len(to_text(items))


@function("TableauTrie", "ArraySort", "Trie", "Sort")
def sort(items: object, order: object = 1, *_: object) -> None:
    """Sort a list; 2 sorts the other way round."""
    if not isinstance(items, list):
        raise _no_list()
    numbers = all(isinstance(item, int | float) for item in items)
    list.sort(items, key=to_number if numbers else to_text, reverse=to_integer(order) == 2)


@function("TableauCherche", "ArraySeek", "Cherche", "Seek")
def seek(items: object, *wanted: object) -> int:
    """The place of an element; -1 when it is not there."""
    if not isinstance(items, list) or not wanted:
        raise _no_list()
    return position(items, wanted[-1])


@function("Sérialise", "Serialize")
def serialize(value: object, target: object = None, *_: object) -> str:
    """Write a value as JSON; a buffer cannot be passed to be filled: use the result."""
    return json.dumps(_plain(value), ensure_ascii=False)


def _plain(value: object) -> object:
    if isinstance(value, Record):
        return {name: _plain(each) for name, each in value.memory.items()}
    if isinstance(value, dict):
        return {key: _plain(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_plain(each) for each in value]
    if value is None or isinstance(value, bool | int | float):
        return value
    return to_text(value)


def _no_list() -> ErreurWLangage:
    return ErreurWLangage("un tableau est attendu", "an array is expected")
