"""Recognition of a report: which kind of letter it is, if any."""

from __future__ import annotations

from collections.abc import Callable

from courriel.model.received.report import Report
from courriel.wire.parse.charsets.decoding import ignore_defect
from courriel.wire.parse.header import Header
from courriel.wire.parse.part_info import part_info_of
from courriel.wire.parse.parts import Leaf
from courriel.wire.parse.reports.automatic import automatic_reply, disposition
from courriel.wire.parse.reports.complaint import complaint, microsoft_complaint
from courriel.wire.parse.reports.delivery import delivery_report
from courriel.wire.parse.reports.machines import has_null_sender, is_from_daemon, is_from_list, keyword_of, sender_of
from courriel.wire.parse.reports.odd_bounces import odd_bounce

_MICROSOFT = "staff@hotmail.com"


def report_of(header: Header, body: Callable[[], tuple[bytes, list[Leaf]]]) -> Report | None:
    """Report that a letter is; None for a letter of a person, or of a machine about nothing that was sent.

    `body` returns the whole letter and its parts; it is called when the header does not rule a report out.
    """
    content_type = part_info_of(header, "text/plain", ignore_defect).content_type
    if content_type == "multipart/report" and (found := _standard(header, *body(), certain=True)):
        return found
    if sender_of(header) == _MICROSOFT and (found := microsoft_complaint(header, *body())):
        return found
    if _may_be_bounce(header):
        # A server that knows the parts and not what they stand in: multipart/mixed, as some filters make of it.
        if content_type != "multipart/report" and (found := _standard(header, *body(), certain=False)):
            return found
        if found := odd_bounce(header, content_type, *body()):
            return found
    return automatic_reply(header)


# The steps.


def _standard(header: Header, data: bytes, leaves: list[Leaf], *, certain: bool) -> Report | None:
    return (
        complaint(header, data, leaves, certain=certain)
        or delivery_report(header, data, leaves, certain=certain)
        or (disposition(header, data, leaves) if certain else None)
    )


def _may_be_bounce(header: Header) -> bool:
    """Whether a server may have written it; an absence has no sender either, and says itself that it is one."""
    if header.first("x-failed-recipients") or is_from_daemon(header):
        return True
    return has_null_sender(header) and not is_from_list(header) and keyword_of(header, "auto-submitted") in ("", "no")
