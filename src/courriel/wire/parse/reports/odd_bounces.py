"""Bounces outside the standard: qmail's and Exim's own, and odd ones that flufl.bounce knows (extra `bounces`)."""

from __future__ import annotations

from collections.abc import Sequence

from courriel.model.received.report import RecipientReport, Report, ReportKind
from courriel.wire.parse.addresses import received_addresses
from courriel.wire.parse.charsets.decoding import ignore_defect
from courriel.wire.parse.header import Header
from courriel.wire.parse.parts import Leaf
from courriel.wire.parse.reports.bounce_text import BounceText, reason_of, status_in
from courriel.wire.parse.reports.original import Original, answered_id, original_in, returned_mail
from courriel.wire.parse.words import one_line, value_of

MOST_RECIPIENTS = 1_000

_QMAIL = ("hi. this is the", "hi, this is the", "this is the qmail")


def odd_bounce(header: Header, content_type: str, data: bytes, leaves: Sequence[Leaf]) -> Report | None:
    """Bounce in a form of some server's own; None when none is recognised."""
    said = BounceText(data, leaves)
    recipients = _by_header(header, said) or _by_qmail(said) or _by_library(header, content_type, said)
    if not recipients:
        return None
    original = returned_mail(data, leaves)
    if not original.headers:
        original = _copied(said.copy)
    return Report(
        ReportKind.DELIVERY,
        recipients,
        message_id=original.message_id or answered_id(header),
        original_headers=original.headers,
        certain=False,
    )


# The steps.


def _copied(copy: str) -> Original:
    """Header of the mail that stands as text, with or without a line before it that announces it."""
    announced, _, rest = copy.partition("\n")
    begins = announced.startswith(("Received: ", "Return-Path: "))
    return original_in((copy if begins else rest).encode("utf-8", "replace"))


def _by_header(header: Header, said: BounceText) -> tuple[RecipientReport, ...]:
    """Recipients that the field of Exim names, which others write as well."""
    named = received_addresses(value_of(header.first("x-failed-recipients"), ignore_defect), ignore_defect)
    listed = dict.fromkeys(each.spec for each in named[:MOST_RECIPIENTS] if each.spec)
    return tuple(_recipient(each, "failed", said.about(each)) for each in listed)


def _by_qmail(said: BounceText) -> tuple[RecipientReport, ...]:
    """Recipients of a bounce in the format of qmail (QSBMF): paragraphs that begin with `<address>:`."""
    if not said.text.lstrip().lower().startswith(_QMAIL):
        return ()
    found: list[RecipientReport] = []
    for paragraph in said.text.split("\n\n")[:MOST_RECIPIENTS]:
        first, _, reason = paragraph.strip("\n").partition("\n")
        first = first.rstrip()
        if first.startswith("<") and first.endswith(">:") and "@" in first:
            found.append(_recipient(first[1:-2], "failed", reason_of(reason)))
    return tuple(found)


def _by_library(header: Header, content_type: str, said: BounceText) -> tuple[RecipientReport, ...]:
    """Recipients that flufl.bounce finds, where it is installed."""
    from courriel.wire.parse.reports.flufl import recipients_by_flufl  # noqa: PLC0415 - few letters come this far

    delayed, failed = recipients_by_flufl(header, content_type, said.text)
    return (
        *(_recipient(each, "failed", said.about(each)) for each in failed),
        *(_recipient(each, "delayed", said.about(each)) for each in delayed),
    )


def _recipient(address: str, action: str, reason: str) -> RecipientReport:
    return RecipientReport(one_line(address, ignore_defect), action, status_in(reason), reason)
