"""Entries of the suppression list, checked before they are added."""

from __future__ import annotations

from courriel import errors
from courriel._dataclass import replace
from courriel._lazy_re import expression
from courriel.model.address import Address
from courriel.outbox import checks
from courriel.outbox.store.suppression import LATEST, Suppression, checked_reason, comparable

_LONGEST_NOTE, _LONGEST_STREAM, _LONGEST_TICKET = 500, 100, 100  # characters
_CONTROL = expression(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")


def checked_entry(entry: object) -> Suppression:
    """The entry, when it can be one of the list. Raises InvalidAddress, UsageError."""
    if not isinstance(entry, Suppression):
        raise errors.UsageError(f"add_many: values of Suppression, not {checks.shown(entry)}")
    comparable(entry.address)
    reason = checked_reason(entry.reason)
    for name, text, most in (
        ("stream", entry.stream, _LONGEST_STREAM),
        ("note", entry.note, _LONGEST_NOTE),
        ("ticket", entry.ticket, _LONGEST_TICKET),
    ):
        if len(checks.text(name, text)) > most or _CONTROL.search(text):
            raise errors.UsageError(f"{name}: {most} characters in one line at most")
    added = entry.added
    if isinstance(added, bool) or not isinstance(added, int | float) or not 0 <= added <= LATEST:
        raise errors.UsageError(f"added: seconds since 1970, 0 for now, and not {checks.shown(added)}")
    if entry.stream and reason != "unsubscribe":
        raise errors.UsageError(f"stream: only an unsubscription is from one stream; {reason!r} is for all mail")
    if entry.stream == "*":
        raise errors.UsageError("stream: * is the name of no stream")
    if "<" not in entry.address:
        return entry
    # The name of a person is no part of what `courriel outbox lift` is told.
    return replace(entry, address=Address.of(entry.address).spec)
