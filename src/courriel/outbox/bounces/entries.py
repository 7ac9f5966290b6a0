"""Entries of the suppression list, checked before they are added."""

from __future__ import annotations

from courriel import errors
from courriel.outbox import checks
from courriel.outbox.store.suppression import Suppression, checked_reason, comparable

_LONGEST_NOTE, _LONGEST_STREAM = 500, 100  # characters


def checked_entry(entry: object) -> Suppression:
    """The entry, when it can be one of the list. Raises InvalidAddress, UsageError."""
    if not isinstance(entry, Suppression):
        raise errors.UsageError(f"add_many: values of Suppression, not {checks.shown(entry)}")
    comparable(entry.address)
    reason = checked_reason(entry.reason)
    for name, text, most in (("stream", entry.stream, _LONGEST_STREAM), ("note", entry.note, _LONGEST_NOTE)):
        if len(checks.text(name, text)) > most or any(ord(letter) < 32 for letter in text):
            raise errors.UsageError(f"{name}: {most} characters in one line at most")
    checks.text("ticket", entry.ticket)
    if entry.stream and reason != "unsubscribe":
        raise errors.UsageError(f"stream: only an unsubscription is from one stream; {reason!r} is for all mail")
    if entry.stream == "*":
        raise errors.UsageError("stream: * is the name of no stream")
    return entry
