"""Search words of the inbox: `from: to: subject: id: has: is: before: after: larger: smaller:`, and `!` for "not"."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta

LONGEST = 1000  # characters of a search
MOST_TERMS = 30

_TERM = re.compile(r'(?P<no>[!-]?)(?:(?P<key>[a-zA-Z-]{1,20}):)?(?:"(?P<phrase>[^"]*)"?|(?P<word>\S+))')
_SIZE = re.compile(r"(\d{1,12})\s?([kmg]?)(?:i?[bo])?", re.IGNORECASE)
_UNITS = {"": 1, "k": 1024, "m": 1024**2, "g": 1024**3}
# Names of columns of the index by the word that one writes; French words beside the English ones.
_COLUMNS = {
    "from": "sender", "de": "sender", "to": "recipients", "à": "recipients", "a": "recipients", "cc": "recipients",
    "bcc": "recipients", "addressed": "recipients", "subject": "subject", "objet": "subject", "id": "id",
    "message-id": "id", "name": "names", "file": "names", "fichier": "names", "body": "body", "texte": "body",
}  # fmt: skip
_HAS = {
    "attachment": "attachments > 0", "attachments": "attachments > 0", "pj": "attachments > 0", "html": "html = 1",
    "text": "text = 1", "texte": "text = 1",
}  # fmt: skip
_IS = {"unread": False, "unseen": False, "read": True, "seen": True, "nonlu": False, "lu": True}


@dataclass(frozen=True)
class MailQuery:
    """Parsed search. `words` are expressions of the index that must all be found, `without` those that must not."""

    words: tuple[str, ...] = ()
    without: tuple[str, ...] = ()
    conditions: tuple[tuple[str, float | int], ...] = ()
    """SQL about one column of `facts` with one value, from the fixed list here and never from the search itself."""
    flags: tuple[str, ...] = ()
    """SQL without a value, from the same list."""
    seen: bool | None = None
    remarks: tuple[str, ...] = field(default=(), compare=False)
    """Words that were not understood, as they were written. They narrow nothing: the page says so, the API refuses."""

    @property
    def empty(self) -> bool:
        """Whether it asks for nothing, so that every mail is found."""
        return self == MailQuery()


def read_query(text: str) -> MailQuery:
    """Parse a search; words that make no sense are in `remarks`. Never raises, and is linear in the text."""
    words: list[str] = []
    without: list[str] = []
    conditions: list[tuple[str, float | int]] = []
    flags: list[str] = []
    seen: bool | None = None
    remarks: list[str] = []
    terms = list(_TERM.finditer(text[:LONGEST]))
    for found in terms[:MOST_TERMS]:
        key, negated = (found["key"] or "").lower(), bool(found["no"])
        value = found["phrase"] if found["phrase"] is not None else found["word"]
        whole = found["phrase"] is not None
        if key in _COLUMNS:
            expression = _expression(value, whole=whole or _is_address(value))
            if expression:
                (without if negated else words).append(f"{{{_COLUMNS[key]}}} : {expression}")
        elif key == "has" and value.lower() in _HAS:
            flags.append(f"NOT ({_HAS[value.lower()]})" if negated else _HAS[value.lower()])
        elif key == "is" and value.lower() in _IS:
            seen = _IS[value.lower()] != negated
        elif (condition := _condition(key, value)) is not None:
            sql, number = condition
            conditions.append((f"NOT ({sql})" if negated else sql, number))
        elif key in ("has", "is", "before", "after", "larger", "smaller"):
            remarks.append(found[0])
        else:
            # An unknown key is text: "Re:" and "https://…" are words that people look for.
            expression = _expression(f"{found['key']}:{value}" if key else value, whole=whole)
            if expression:
                (without if negated else words).append(expression)
    # What is cut off is said: without it the search finds more than was asked for.
    remarks += [found[0] for found in terms[MOST_TERMS:]] + (
        [text[LONGEST:][:20] + "…"] if text[LONGEST:].strip() else []
    )
    return MailQuery(tuple(words), tuple(without), tuple(conditions), tuple(flags), seen, tuple(remarks))


# The steps.


def _expression(value: str, *, whole: bool) -> str:
    """Phrase of FTS5; without `whole` its last word may go on. "" for a value without a letter or a figure."""
    if not any(character.isalnum() for character in value):
        return ""
    return '"' + value.replace('"', '""').replace("\0", "") + '"' + ("" if whole else "*")


def _is_address(value: str) -> bool:
    """Whether it is a whole address: bob@example.org is not to find bob@example.organic."""
    return "." in value.partition("@")[2]


def _condition(key: str, value: str) -> tuple[str, float | int] | None:
    if key in ("larger", "smaller"):
        found = _SIZE.fullmatch(value)
        if found is None:
            return None
        return f"size {'>' if key == 'larger' else '<'} ?", int(found[1]) * _UNITS[found[2].lower()]
    if key in ("before", "after"):
        try:
            moment = _moment(value)
        except (ValueError, OverflowError):
            return None
        return f"received {'<' if key == 'before' else '>='} ?", moment.timestamp()
    return None


def _moment(value: str) -> datetime:
    """A day (2026-11-30, today, yesterday) or a moment in ISO 8601; without a zone it is UTC."""
    today = datetime.now(UTC).date()
    if value.lower() in ("today", "aujourdhui"):
        return _midnight(today)
    if value.lower() in ("yesterday", "hier"):
        return _midnight(today - timedelta(days=1))
    moment = datetime.fromisoformat(value)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC)
