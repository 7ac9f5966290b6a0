"""Arguments of FETCH: names of data, sections of the letter, octets of them (RFC 9051 6.4.5)."""

from __future__ import annotations

import re
from collections.abc import Iterable

from courriel._dataclass import dataclass
from courriel._lazy_re import expression
from courriel.wire.imap.values import Value
from courriel.wire.imap_server.sections import BodySection, read_section
from courriel.wire.smtp.server_syntax import Objection

_MACROS = {
    "ALL": ("FLAGS", "INTERNALDATE", "RFC822.SIZE", "ENVELOPE"),
    "FAST": ("FLAGS", "INTERNALDATE", "RFC822.SIZE"),
    "FULL": ("FLAGS", "INTERNALDATE", "RFC822.SIZE", "ENVELOPE", "BODY"),
}
_PLAIN = ("UID", "FLAGS", "INTERNALDATE", "RFC822.SIZE", "ENVELOPE", "BODY", "BODYSTRUCTURE", "MODSEQ")
_RFC822 = {"RFC822": "", "RFC822.HEADER": "HEADER", "RFC822.TEXT": "TEXT"}
_SECTION = expression(
    r"(BODY|BINARY)(\.PEEK|\.SIZE)?\[([^\[\]]*)\](?:<([0-9]{1,18})(?:\.([0-9]{1,18}))?>)?", re.IGNORECASE
)
_MOST = 200  # data of one letter in one command


@dataclass(frozen=True, slots=True)
class FetchItem:
    """Datum of a letter that is asked for. `section` says which text of it, `begin` and `most` which octets of that.

    `name` is the word in the response: UID, BODY (the structure without extensions, or a section), BINARY, BINARY.SIZE,
    RFC822. `marks` says that it makes the letter seen.
    """

    name: str
    section: BodySection | None = None
    begin: int | None = None
    most: int = 0
    marks: bool = False


def read_items(value: Value) -> list[FetchItem]:
    """Read the data that are asked for: a word, or a list. Raises Objection."""
    if isinstance(value, str):
        return [_item(word) for word in _MACROS.get(value.upper(), (value,))]
    if not isinstance(value, list) or not value:
        raise Objection(500, "FETCH what?")
    if len(value) > _MOST:
        raise Objection(500, f"That is more than {_MOST} data of one letter")
    items: dict[FetchItem, None] = {}
    for each in value:
        if not isinstance(each, str):
            raise Objection(500, "There is no such datum")
        items.setdefault(_item(each))
    return list(items)


def needs_uid(items: Iterable[FetchItem]) -> list[FetchItem]:
    """The same, with the UID, which every answer to UID FETCH has."""
    items = list(items)
    return items if any(item.name == "UID" for item in items) else [FetchItem("UID"), *items]


# The steps.


def _item(word: str) -> FetchItem:
    upper = word.upper()
    if upper in _PLAIN:
        return FetchItem(upper)
    if upper in _RFC822:
        return FetchItem(upper, BodySection((), _RFC822[upper]), marks=upper != "RFC822.HEADER")
    found = _SECTION.fullmatch(word)
    if found is None:
        raise Objection(500, "There is no such datum of a letter")
    name, more, inner, begin, most = found.groups()
    name, more = name.upper(), (more or "").upper()
    section = read_section(inner)
    if name == "BINARY" and section.what:
        raise Objection(500, "BINARY takes the number of a part alone")
    if more == ".SIZE":
        if name != "BINARY" or begin is not None:
            raise Objection(500, "There is no such datum of a letter")
        return FetchItem("BINARY.SIZE", section)
    if begin is not None and (most is None or not int(most)):
        raise Objection(500, "Octets are asked for as <first.count>")
    return FetchItem(name, section, None if begin is None else int(begin), int(most or 0), marks=more != ".PEEK")
