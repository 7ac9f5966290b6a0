"""Complaints of recipients: the standard format (RFC 5965), and Microsoft's own from before it."""

from __future__ import annotations

from collections.abc import Sequence

from courriel.model.received.report import RecipientReport, Report, ReportKind
from courriel.wire.parse.charsets.decoding import ignore_defect
from courriel.wire.parse.dates import moment_of
from courriel.wire.parse.header import Header
from courriel.wire.parse.parts import Leaf
from courriel.wire.parse.reports.delivery import part_text
from courriel.wire.parse.reports.fields import Fields, address, field_groups, first, host
from courriel.wire.parse.reports.original import Original, first_id, returned_mail
from courriel.wire.parse.words import value_of

_NO_COMPLAINT = frozenset({"not-spam", "auth-failure", "dmarc"})
"""Types of feedback that are none: the opposite (RFC 6430), and failures of signatures (RFC 6591)."""
_MOST = 100  # recipients of one complaint; one is usual
_MICROSOFT = "x-hmxmroriginalrecipient"
"""Field that Hotmail's programme (JMRP) adds to the mail that it returns."""


def complaint(header: Header, data: bytes, leaves: Sequence[Leaf], *, certain: bool) -> Report | None:
    """Complaint that a letter is, None when it has no such part."""
    leaf = next((leaf for leaf in leaves if leaf.label.content_type == "message/feedback-report"), None)
    if leaf is None:
        return None
    groups = field_groups(part_text(data, leaf))
    # One group by the standard; some senders put empty lines between its fields.
    fields: Fields = {}
    for group in groups[:_MOST]:
        for name, values in group.items():
            fields.setdefault(name, []).extend(values)
    feedback = first(fields, "feedback-type").lower()
    if feedback in _NO_COMPLAINT:
        return None
    original = returned_mail(data, leaves)
    return Report(
        ReportKind.COMPLAINT,
        _recipients(fields, original),
        message_id=original.message_id or first_id(first(fields, "original-message-id")),
        envid=first(fields, "original-envelope-id"),
        reporting_mta=host(first(fields, "reporting-mta")),
        arrival_date=moment_of(first(fields, "arrival-date") or first(fields, "received-date")),
        feedback_type=feedback or "abuse",
        reported_domain=first(fields, "reported-domain").lower(),
        original_headers=original.headers,
        certain=certain and bool(feedback),
    )


def microsoft_complaint(header: Header, data: bytes, leaves: Sequence[Leaf]) -> Report | None:
    """Complaint in the way of Hotmail: the mail itself comes back, with a field that names its recipient."""
    original = returned_mail(data, leaves)
    named = original.first(_MICROSOFT) or value_of(header.first(_MICROSOFT), ignore_defect)
    if not named:
        return None
    return Report(
        ReportKind.COMPLAINT,
        (RecipientReport(address(named)),),
        message_id=original.message_id,
        feedback_type="abuse",
        original_headers=original.headers,
        certain=False,
    )


# The steps.


def _recipients(fields: Fields, original: Original) -> tuple[RecipientReport, ...]:
    """Recipients that the complaint names; the To of the mail is not believed: it is redacted, or holds others."""
    named = [*fields.get("original-rcpt-to", ()), *fields.get("removal-recipient", ())][:_MOST]
    found = dict.fromkeys(filter(None, map(address, named or [original.first(_MICROSOFT)])))
    return tuple(map(RecipientReport, found))
