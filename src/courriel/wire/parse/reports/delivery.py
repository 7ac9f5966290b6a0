"""Delivery reports in the standard format (RFC 3464), and those for addresses beyond ASCII (RFC 6533)."""

from __future__ import annotations

from collections.abc import Sequence

from courriel.model.received.report import RecipientReport, Report, ReportKind
from courriel.wire.parse.charsets.decoding import guessed, ignore_defect
from courriel.wire.parse.dates import moment_of
from courriel.wire.parse.header import Header
from courriel.wire.parse.parts import Leaf
from courriel.wire.parse.reports.bounce_text import BounceText
from courriel.wire.parse.reports.fields import LONGEST_STATUS, Fields, address, code_in, field_groups, first, host
from courriel.wire.parse.reports.fields import untyped as without_type
from courriel.wire.parse.reports.original import answered_id, first_id, returned_mail
from courriel.wire.parse.transfer import unpacked_slice

_STATUS = frozenset({"message/delivery-status", "message/global-delivery-status"})
_RECIPIENT = ("final-recipient", "original-recipient")
# Beginnings, because some servers add a comment; OpenSMTPD writes "error".
_ACTIONS = (
    ("fail", "failed"), ("error", "failed"), ("delay", "delayed"), ("deliver", "delivered"), ("relay", "relayed"),
    ("expand", "expanded"),
)  # fmt: skip
_MEANT = {"5": "failed", "4": "delayed", "2": "delivered"}


def delivery_report(header: Header, data: bytes, leaves: Sequence[Leaf], *, certain: bool) -> Report | None:
    """Delivery report of a letter; None when it has no such part."""
    leaf = next((leaf for leaf in leaves if leaf.label.content_type in _STATUS), None)
    if leaf is None:
        return None
    groups = field_groups(part_text(data, leaf))
    # Some servers leave out the empty line before the first recipient, or the fields of the mail altogether.
    about = groups[0] if groups else {}
    said = BounceText(data, leaves)
    recipients = tuple(_recipient(group, said) for group in groups if any(name in group for name in _RECIPIENT))
    original = returned_mail(data, leaves)
    return Report(
        ReportKind.DELIVERY,
        recipients,
        message_id=original.message_id or first_id(first(about, "original-message-id")) or answered_id(header),
        envid=first(about, "original-envelope-id"),
        reporting_mta=host(first(about, "reporting-mta")),
        arrival_date=moment_of(first(about, "arrival-date")),
        original_headers=original.headers,
        certain=certain,
    )


def part_text(data: bytes, leaf: Leaf) -> str:
    """Text of a part with fields, as far as it is read."""
    end = min(leaf.end, leaf.start + LONGEST_STATUS)
    return guessed(unpacked_slice(data, leaf.start, end, leaf.label.encoding, ignore_defect)).replace("\r", "")


def status_of(status: str, diagnostic: str) -> str:
    """Status code of a recipient: the one that is more exact, where the server's own says only that it failed.

    Exim writes 5.0.0 for whatever it is, and the reply of the other server beside it.
    """
    own = code_in(status)
    quoted = code_in(diagnostic)
    general = own.endswith(".0.0") or not own
    return quoted if general and quoted and (not own or quoted[0] == own[0]) else own


# The steps.


def _recipient(group: Fields, said: BounceText) -> RecipientReport:
    final, original = (address(first(group, name)) for name in _RECIPIENT)
    # Exim tells a reason of its own to people alone, in the text.
    diagnostic = without_type(first(group, "diagnostic-code")) or said.about(final or original)
    status = status_of(first(group, "status"), diagnostic)
    return RecipientReport(
        final or original,
        _action(first(group, "action"), status),
        status,
        diagnostic,
        host(first(group, "remote-mta")),
        original,
    )


def _action(value: str, status: str) -> str:
    word = value.lower()
    for beginning, meant in _ACTIONS:
        if word.startswith(beginning):
            return meant
    return _MEANT.get(status[:1], "")
