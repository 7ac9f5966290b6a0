"""Listed folders and their status: LIST, LSUB, STATUS (RFC 9051 7.3)."""

from __future__ import annotations

from collections.abc import Sequence

from courriel._dataclass import dataclass
from courriel.wire.imap.values import Value, number_of, octets_of, text_of


@dataclass(frozen=True, slots=True)
class Listed:
    """Folder as it was listed: its flags, the separator of levels ("" without levels), its name as octets."""

    flags: tuple[str, ...]
    separator: str
    name: bytes


def read_listed(values: Sequence[Value], pieces: Sequence[bytes] = ()) -> Listed | None:
    """Folder of a LIST response, None when it has no name.

    A name with spaces that some servers leave unquoted goes on to the end of the line.
    """
    match values:
        case [list() as flags, separator, name, *more]:
            pass
        case _:
            return None
    octets = octets_of(name) or (b"NIL" if name is None else b"")
    if more and isinstance(name, str) and len(pieces) == 1 and not isinstance(more[0], list):
        octets = pieces[0][pieces[0].rindex(octets + b" ") :].rstrip() if octets + b" " in pieces[0] else octets
    if not octets:
        return None
    words = tuple(text for flag in flags if (text := text_of(flag)) is not None)
    return Listed(words, (octets_of(separator) or b"").decode("ascii", "replace"), octets)


def read_status_data(values: Sequence[Value]) -> dict[str, int]:
    """Numbers of a STATUS response, by their names."""
    told: dict[str, int] = {}
    for value in values[1:]:
        if isinstance(value, list):
            for name, number in zip(value[::2], value[1::2], strict=False):
                count = number_of(number)
                if isinstance(name, str) and count is not None:
                    told[name.upper()] = count
    return told
