"""Quotas, namespaces and ids of letters: QUOTA, NAMESPACE, EMAILID, THREADID (RFC 9208, RFC 2342, RFC 8474)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from courriel.model.received.account import LetterIds, Namespace, Namespaces, Quota
from courriel.wire.imap import folder_names
from courriel.wire.imap.values import Value, number_of, octets_of, text_of
from courriel.wire.smtp.client_syntax import printable

_STORAGE_UNIT = 1024  # octets (RFC 9208 5.1)


def read_quotas(values: Sequence[Value], *, utf8: bool) -> Iterator[Quota]:
    """Quotas of a QUOTA response; what is no number is left out."""
    match values:
        case [str() | bytes() as root, list() as limits, *_]:
            pass
        case _:
            return
    name = folder_names.shown(octets_of(root) or b"", utf8=utf8)
    for resource, used, limit in zip(limits[::3], limits[1::3], limits[2::3], strict=False):
        word, amount, most = text_of(resource), number_of(used), number_of(limit)
        if word is None or amount is None or most is None:
            continue
        unit = _STORAGE_UNIT if word.upper() == "STORAGE" else 1
        yield Quota(name, printable(word.encode("utf-8", "surrogateescape")).lower(), amount * unit, most * unit)


def read_namespaces(values: Sequence[Value], *, utf8: bool) -> Namespaces:
    """Namespaces of a NAMESPACE response."""
    return Namespaces(*(tuple(_namespaces_of(kind, utf8=utf8)) for kind in [*values, None, None, None][:3]))


def read_ids(told: dict[str, Value]) -> LetterIds:
    """Ids in the data of a FETCH response, by OBJECTID or by Gmail."""
    return LetterIds(
        _id(told.get("EMAILID")) or _id(told.get("X-GM-MSGID")),
        _id(told.get("THREADID")) or _id(told.get("X-GM-THRID")),
    )


def read_labels(value: Value, *, utf8: bool) -> frozenset[str]:
    """Labels of Gmail: names like those of folders, or with a backslash ("\\Inbox")."""
    listed = value if isinstance(value, list) else []
    return frozenset(folder_names.shown(octets, utf8=utf8) for each in listed if (octets := octets_of(each)))


# The steps.


def _namespaces_of(kind: Value, *, utf8: bool) -> Iterator[Namespace]:
    for each in kind if isinstance(kind, list) else []:
        match each:
            case [str() | bytes() as prefix, separator, *_]:
                yield Namespace(
                    folder_names.shown(octets_of(prefix) or b"", utf8=utf8), printable(octets_of(separator) or b"")
                )
            case _:
                pass


def _id(value: Value) -> str:
    octets = octets_of(value[0] if isinstance(value, list) and value else value)
    return printable(octets) if octets else ""
