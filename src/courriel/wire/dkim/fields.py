"""Header fields as DKIM sees them: their octets as they stand, which are signed, and in which order (RFC 6376 5.4)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TypeAlias

from courriel._lazy_re import expression
from courriel.wire.dkim.canonical import relaxed_field

HeaderField: TypeAlias = "tuple[bytes, bytes, bytes]"
"""A field: its name in lower case, its value as it stands (folds and CRLF with it), and all of its octets."""

LONGEST_HEADER = 1_048_576
"""Octets of a header block that are looked at; a real one has 10 kB."""

ALWAYS = ("From", "To", "Cc", "Subject", "Reply-To", "Date", "Message-ID")
"""Fields that are signed whether they are there or not: nobody can add one without breaking the signature."""

WHEN_PRESENT = ("mime-version", "in-reply-to", "references")
_FAMILIES = (b"content-", b"list-")

_FIELD_ENDS = expression(rb"\r\n(?![ \t])")
_LISTABLE = expression(rb"[a-z0-9-]+")  # a name with a ; in it, which RFC 5322 allows, has no place in h=


def header_fields(head: bytes) -> list[HeaderField]:
    """The fields of a header block; lines that are no field have the name b""."""
    found = []
    for line in _FIELD_ENDS.split(head.removesuffix(b"\r\n")):
        if line:
            name, colon, value = line.partition(b":")
            found.append((name.rstrip(b" \t").lower() if colon else b"", value, line + b"\r\n"))
    return found


def end_of_header(data: bytes) -> int:
    """Where the header block ends, before the empty line; -1 when there is none so far."""
    if data.startswith(b"\r\n"):
        return 0
    end = data.find(b"\r\n\r\n")
    return end if end < 0 else end + 2


def names_to_sign(fields: Iterable[HeaderField]) -> list[str]:
    """Names for `h=`: each as often as it is there and once more, so that none can be added (RFC 6376 8.15)."""
    count: dict[str, int] = {}
    for name, _, _ in fields:
        if name in _KNOWN or (name.startswith(_FAMILIES) and _LISTABLE.fullmatch(name)):
            shown = _KNOWN.get(name) or name.decode("ascii").title()
            count[shown] = count.get(shown, 0) + 1
    names = [each for always in ALWAYS for each in [always] * (count.pop(always, 0) + 1)]
    for shown, number in count.items():
        names += [shown] * (number + 1)
    return names


def in_order(fields: Sequence[HeaderField], names: Iterable[str]) -> Iterator[HeaderField]:
    """The fields that a list of names means: from the last one upwards, and nothing for a field that is not there."""
    waiting: dict[bytes, list[HeaderField]] = {}
    for field in fields:
        waiting.setdefault(field[0], []).append(field)
    for name in names:
        left = waiting.get(name.strip().lower().encode("ascii", "replace"))
        if left:
            yield left.pop()


def canonical_fields(fields: Iterable[HeaderField], *, relaxed: bool = True) -> bytes:
    """Octets of these fields as they are signed."""
    if relaxed:
        return b"".join([relaxed_field(name, value) + b"\r\n" for name, value, _ in fields])
    return b"".join([octets for _, _, octets in fields])


# The steps.

_KNOWN = {name.lower().encode(): name for name in ALWAYS} | {
    name.encode(): "-".join(word.capitalize() for word in name.split("-")).replace("Mime", "MIME")
    for name in WHEN_PRESENT
}
