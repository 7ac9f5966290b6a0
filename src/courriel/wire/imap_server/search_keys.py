"""Search programs: the keys of SEARCH and SORT as a tree (RFC 9051 6.4.4, RFC 5032, RFC 7162)."""

from __future__ import annotations

import datetime as dt
import re

from courriel._dataclass import dataclass
from courriel._lazy_re import expression
from courriel.wire.imap_server.arguments import Arguments, flag
from courriel.wire.imap_server.number_sets import SAVED, NumberSet, is_number_set
from courriel.wire.smtp.server_syntax import Objection

_DEEPEST = 30  # NOT, OR and brackets within each other
_MOST = 500  # keys of one program
_MOST_TEXTS = 20  # of them BODY and TEXT, each of which reads all letters

_FLAGS = {
    "ANSWERED": "\\Answered", "DELETED": "\\Deleted", "DRAFT": "\\Draft", "FLAGGED": "\\Flagged", "SEEN": "\\Seen",
}  # fmt: skip
_TEXTS = ("BCC", "CC", "FROM", "SUBJECT", "TO", "BODY", "TEXT")
_DATES = ("BEFORE", "ON", "SINCE", "SENTBEFORE", "SENTON", "SENTSINCE")
_NUMBERS = ("LARGER", "SMALLER", "OLDER", "YOUNGER")
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_DATE = expression(r"([0-9]{1,2})-([A-Za-z]{3})-([0-9]{4})")
_CHARSET = re.compile(
    r"US-ASCII|ASCII|UTF-8|ISO-8859-(?:[1-9]|1[0-13-6])|WINDOWS-125[0-8]|KOI8-[RU]|ISO-2022-JP|SHIFT_JIS|EUC-(?:JP|KR)"
    r"|GB2312|GBK|GB18030|BIG5",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class SearchKey:
    """One key.

    AND, OR and NOT have `inner` keys; FLAG, KEYWORD a `text`; texts a folded `text`, HEADER the field in `field`; dates
    a `day`; sizes, ages and MODSEQ a `number`; SEQUENCE and UID `numbers`, None for the saved result.
    """

    name: str
    inner: tuple[SearchKey, ...] = ()
    text: str = ""
    field: str = ""
    day: dt.date = dt.date.min
    number: int = 0
    numbers: NumberSet | None = None


def read_charset(arguments: Arguments) -> str:
    """Charset of the strings of a program. Raises Objection (NO [BADCHARSET])."""
    name = arguments.text("A charset")
    if not _CHARSET.fullmatch(name):
        raise Objection(550, "[BADCHARSET (US-ASCII UTF-8 ISO-8859-1)] This charset is not known here")
    return name


def read_program(arguments: Arguments, charset: str = "utf-8") -> SearchKey:
    """Read the keys up to the end, which must all hold. Raises Objection."""
    reader = _Reader(charset)
    return reader.all_of(arguments, 0)


# The steps.


class _Reader:
    def __init__(self, charset: str) -> None:
        self._charset = charset
        self._count = self._texts = 0

    def all_of(self, arguments: Arguments, depth: int) -> SearchKey:
        if not arguments.left:
            raise Objection(500, "Search for what?")
        keys = []
        while arguments.left:
            keys.append(self._key(arguments, depth))
        return keys[0] if len(keys) == 1 else SearchKey("AND", tuple(keys))

    def _key(self, arguments: Arguments, depth: int) -> SearchKey:
        self._count += 1
        if self._count > _MOST or depth > _DEEPEST:
            raise Objection(500, f"A search has {_MOST} keys and {_DEEPEST} levels at most")
        if isinstance(arguments.look(), list):
            return self.all_of(Arguments(arguments.group("Keys")), depth + 1)
        name = arguments.word("A key")
        if name in ("NOT", "OR"):
            inner = [self._key(arguments, depth + 1) for _ in range(1 if name == "NOT" else 2)]
            return SearchKey(name, tuple(inner))
        return self._simple(name, arguments)

    def _simple(self, name: str, arguments: Arguments) -> SearchKey:
        if name in ("ALL", "NEW", "OLD", "RECENT"):
            return SearchKey(name)
        if name in _FLAGS:
            return SearchKey("FLAG", text=_FLAGS[name])
        if name.removeprefix("UN") in _FLAGS:
            return SearchKey("NOT", (SearchKey("FLAG", text=_FLAGS[name[2:]]),))
        if name in ("KEYWORD", "UNKEYWORD"):
            word = SearchKey("KEYWORD", text=flag(arguments.atom("A keyword")).lower())
            return word if name == "KEYWORD" else SearchKey("NOT", (word,))
        if name in _TEXTS:
            return self._text(name, arguments)
        if name == "HEADER":
            field = arguments.text("The name of a field").lower()
            return SearchKey(name, field=field, text=self._string(arguments))
        if name in _DATES:
            return SearchKey(name, day=_day(arguments))
        if name in _NUMBERS:
            return SearchKey(name, number=arguments.number(name))
        return self._numbered(name, arguments)

    def _text(self, name: str, arguments: Arguments) -> SearchKey:
        text = self._string(arguments)
        if name not in ("BODY", "TEXT"):
            return SearchKey("HEADER", field=name.lower(), text=text)
        self._texts += 1
        if self._texts > _MOST_TEXTS:
            raise Objection(500, f"A search has {_MOST_TEXTS} texts at most")
        return SearchKey(name, text=text)

    def _numbered(self, name: str, arguments: Arguments) -> SearchKey:
        if name == "MODSEQ":
            if isinstance(arguments.look(), bytes):
                _ = arguments.value("An entry"), arguments.word("shared, priv or all")
            return SearchKey(name, number=arguments.number("MODSEQ"))
        if name == "UID":
            name = arguments.atom("A set of numbers")
            return SearchKey("UID", numbers=None if name == SAVED else NumberSet(name))
        if name == SAVED:
            return SearchKey("UID")
        if is_number_set(name):
            return SearchKey("SEQUENCE", numbers=NumberSet(name))
        raise Objection(500, "There is no such search key")

    def _string(self, arguments: Arguments) -> str:
        octets = arguments.octets("A text")
        try:
            return octets.decode(self._charset).casefold()
        except UnicodeDecodeError:
            raise Objection(500, f"This text is not in {self._charset}") from None


def _day(arguments: Arguments) -> dt.date:
    found = _DATE.fullmatch(arguments.text("A date"))
    try:
        if found is not None:
            return dt.date(int(found[3]), _MONTHS.index(found[2].lower()) + 1, int(found[1]))
    except ValueError:
        pass
    raise Objection(500, "A date is written 29-Nov-2026")
