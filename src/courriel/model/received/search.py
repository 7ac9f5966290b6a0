"""Search criteria for a mailbox, as values: flags, addresses, texts, days, sizes. Never a part of a command."""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Mapping

from courriel import errors
from courriel._dataclass import dataclass
from courriel.model.checks.shown import safely_shown

_FLAGS = ("seen", "answered", "flagged", "draft", "deleted", "recent", "unseen")
_TEXTS = ("sender", "to", "cc", "bcc", "subject", "body", "text", "message_id", "gmail")
_DAYS = ("since", "before", "on", "sent_since", "sent_before", "sent_on")
_NUMBERS = ("larger", "smaller", "above")


@dataclass(frozen=True, slots=True)
class Search:
    """Search criteria that a letter must all meet; None is no criterion.

    `unseen=True` is `seen=False`. A text is found anywhere in its field, in any case; `text` anywhere in the letter.
    `since` and `before` are days of arrival (`since` includes its day, `before` does not), `sent_since` and
    `sent_before` those of the Date field. `larger` and `smaller` are octets, `above` and `uids` are UIDs of letters.
    `keyword` and `not_keyword` are flags that mail programs define. `any_of` requires one of these searches to match,
    `none_of` none. `gmail` is a search in the words of Gmail ("has:attachment in:unread"), which no other server knows.
    Raises UsageError for an invalid value, before any command is sent.
    """

    seen: bool | None = None
    unseen: bool | None = None
    answered: bool | None = None
    flagged: bool | None = None
    draft: bool | None = None
    deleted: bool | None = None
    recent: bool | None = None
    keyword: str | tuple[str, ...] | None = None
    not_keyword: str | tuple[str, ...] | None = None
    sender: str | None = None
    to: str | None = None
    cc: str | None = None
    bcc: str | None = None
    subject: str | None = None
    body: str | None = None
    text: str | None = None
    message_id: str | None = None
    gmail: str | None = None
    header: Mapping[str, str] | tuple[tuple[str, str], ...] = ()
    since: datetime.date | None = None
    before: datetime.date | None = None
    on: datetime.date | None = None
    sent_since: datetime.date | None = None
    sent_before: datetime.date | None = None
    sent_on: datetime.date | None = None
    larger: int | None = None
    smaller: int | None = None
    above: int | None = None
    uids: tuple[int, ...] | None = None
    any_of: tuple[Search, ...] = ()
    none_of: tuple[Search, ...] = ()

    def __post_init__(self) -> None:
        for names, check in ((_FLAGS, _flag), (_TEXTS, _text), (_DAYS, _day), (_NUMBERS, _number)):
            for name in names:
                value = getattr(self, name)
                if value is not None:
                    check(name, value)
        pairs = _pairs(self.header)
        object.__setattr__(self, "header", pairs)
        for name in ("keyword", "not_keyword"):
            object.__setattr__(self, name, _words(name, getattr(self, name)))
        if self.uids is not None:
            object.__setattr__(self, "uids", checked_uids(self.uids))
        for name in ("any_of", "none_of"):
            object.__setattr__(self, name, _searches(name, getattr(self, name)))
        if self.seen is not None and self.unseen is not None and self.seen == self.unseen:
            raise errors.UsageError("search: seen and unseen say the opposite of each other")


def checked_uids(uids: object) -> tuple[int, ...]:
    """UIDs of letters as a tuple. Raises UsageError for an invalid one."""
    if isinstance(uids, str | bytes) or not isinstance(uids, Iterable):
        raise errors.UsageError(f"uids: {safely_shown(uids)} is not a list of numbers")
    listed = tuple(uids)
    for uid in listed:
        if isinstance(uid, bool) or not isinstance(uid, int) or not 0 < uid < 2**32:
            raise errors.UsageError(f"uids: {safely_shown(uid)} is not the number of a letter (1 to 4,294,967,295)")
    return listed


# The steps.


def _pairs(header: object) -> tuple[tuple[str, str], ...]:
    """Header fields and the texts to search in them, from a mapping or from pairs."""
    wanted = 'a field and what it holds, {"List-Id": "lists.example.org"}'
    given: object = header.items() if isinstance(header, Mapping) else header
    if isinstance(given, str | bytes) or not isinstance(given, Iterable):
        raise errors.UsageError(f"search: header={safely_shown(header):.80}: {wanted}")
    pairs: list[tuple[str, str]] = []
    for each in given:
        pair = tuple(each) if isinstance(each, Iterable) and not isinstance(each, str | bytes) else ()
        if len(pair) != 2:
            raise errors.UsageError(f"search: header={safely_shown(header):.80}: {wanted}")
        _text("header", pair[0])
        _check_text("header", pair[1])
        pairs.append(pair)
    return tuple(pairs)


def _flag(name: str, value: object) -> None:
    if not isinstance(value, bool):
        raise errors.UsageError(f"search: {name}={safely_shown(value)}: True or False")


def _text(name: str, value: object) -> None:
    _check_text(name, value)
    if not value:
        raise errors.UsageError(f"search: {name} is empty: every letter would be found")


def _check_text(name: str, value: object) -> None:
    if not isinstance(value, str):
        raise errors.UsageError(f"search: {name}={safely_shown(value)}: a text")
    if any(c < " " or c == "\x7f" or "\ud800" <= c <= "\udfff" for c in value):
        # A value may come from a stranger's letter; a control character would end the command (hazard H42).
        raise errors.UsageError(f"search: {name} holds a control character", hint_id="HEADER-LINE-BREAK")


def _day(name: str, value: object) -> None:
    if isinstance(value, datetime.datetime) or not isinstance(value, datetime.date):
        raise errors.UsageError(f"search: {name}={safely_shown(value)}: a datetime.date; IMAP knows days and no hours")


def _number(name: str, value: object) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < 2**32:
        raise errors.UsageError(f"search: {name}={safely_shown(value)}: a whole number from 0 to 4,294,967,295")


def _words(name: str, value: object) -> tuple[str, ...] | None:
    if value is None:
        return None
    listed = (value,) if isinstance(value, str) else tuple(value) if isinstance(value, Iterable) else ()
    if not listed:
        raise errors.UsageError(f"search: {name}={safely_shown(value)}: one word or several")
    for word in listed:
        _text(name, word)
    return listed


def _searches(name: str, value: object) -> tuple[Search, ...]:
    listed: tuple[object, ...] = tuple(value) if isinstance(value, Iterable) else (value,)
    searches = tuple(each for each in listed if isinstance(each, Search))
    if len(searches) < len(listed):
        raise errors.UsageError(f"search: {name} takes values of Search")
    return searches
