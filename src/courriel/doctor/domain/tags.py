"""Parser of tag lists, `v=DMARC1; p=none`, as DKIM, DMARC, MTA-STS and TLS reports have them (RFC 6376 3.2)."""

from __future__ import annotations

from courriel._lazy_re import expression

_NAME = expression(r"[A-Za-z][A-Za-z0-9_]*")


def read(record: str) -> dict[str, str] | None:
    """The tags of a record, names in lower case, in order; None for text that is no tag list, or names one twice."""
    tags: dict[str, str] = {}
    for part in record.split(";"):
        if not part.strip():
            continue
        name, equals, value = part.partition("=")
        name = name.strip().lower()
        if not equals or not _NAME.fullmatch(name) or name in tags:
            return None
        tags[name] = value.strip()
    return tags


def version_of(record: str) -> str:
    """The value of the first tag when that is `v`; "" otherwise."""
    name, equals, value = record.partition(";")[0].partition("=")
    return value.strip() if equals and name.strip().lower() == "v" else ""
