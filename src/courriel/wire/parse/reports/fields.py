"""Fields of a report in groups, as message/delivery-status and message/feedback-report have them (RFC 3464 2.1)."""

from __future__ import annotations

import re
from typing import TypeAlias

from courriel._lazy_re import expression
from courriel.wire.parse.charsets.decoding import ignore_defect
from courriel.wire.parse.words import one_line, readable

MOST_GROUPS = 10_000  # recipients of one report; a large list has fewer
LONGEST_FIELD = 4_000  # characters of one value; a reply of many lines has a thousand
LONGEST_STATUS = 8_388_608  # octets of the part that are read

Fields: TypeAlias = "dict[str, list[str]]"
"""Values by the names of the fields, in lower case; of a repeated field all, in order."""

_CODE = expression(r"(?<![\d.])([245]\.\d{1,3}\.\d{1,3})(?![\d.])")
_CHARACTER = expression(r"\\x\{([0-9A-Fa-f]{2,6})\}")


def field_groups(text: str) -> list[Fields]:
    """Groups of fields, which empty lines separate; what is no field is left out."""
    groups: list[Fields] = []
    group: Fields = {}
    values: list[str] = []  # of the field that a continuation line belongs to
    for line in text.split("\n"):
        if not line.strip():
            if group:
                groups.append(group)
                if len(groups) > MOST_GROUPS:
                    return groups
            group, values = {}, []
        elif line[0] in " \t":
            if values and len(values[-1]) < LONGEST_FIELD:
                values[-1] = f"{values[-1]} {line.strip()}"[:LONGEST_FIELD]
        else:
            name, colon, value = line.partition(":")
            values = group.setdefault(name.strip().lower(), []) if colon else []
            if colon:
                values.append(value.strip()[:LONGEST_FIELD])
    return [*groups, group] if group else groups


def first(fields: Fields, name: str) -> str:
    """First value of a field on one line, its encoded words decoded; "" without one."""
    values = fields.get(name)
    return readable(values[0], ignore_defect) if values else ""


def untyped(value: str) -> str:
    """A value without its type: `mx.example.org` of `dns; mx.example.org`."""
    kind, semicolon, rest = value.partition(";")
    return rest.strip() if semicolon else kind.strip()


def host(value: str) -> str:
    """Name of a server, without its type, its address in brackets, and a dot at the end."""
    return untyped(value).partition("(")[0].strip().rstrip(".")


def address(value: str) -> str:
    """Address of a recipient, without its type and angle brackets; of an RFC 6533 address as its characters."""
    kind, semicolon, rest = value.partition(";")
    found = (rest if semicolon else kind).strip()
    if found.startswith("<") and found.endswith(">"):
        found = found[1:-1].strip()
    elif '"' not in found:
        found = found.partition(" (")[0]  # a comment, as `bob@example.org (Bob)`
    if kind.strip().lower() == "utf-8":
        found = one_line(_CHARACTER.sub(_character, found), ignore_defect)
    return found


def code_in(text: str) -> str:
    """First enhanced status code in a text, as "5.1.1"; "" without one."""
    found = _CODE.search(text)
    return found[1] if found else ""


# The steps.


def _character(found: re.Match[str]) -> str:
    number = int(found[1], 16)
    return chr(number) if number < 0x110000 else found[0]
