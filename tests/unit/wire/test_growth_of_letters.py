"""
Letters of any shape are read with work that grows as they do: parts, fields, addresses, words, reports, calendars.

`test_growth.py` repeats pieces of syntax in every parser; here each letter is whole, and what it has many of differs.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from core_time import grows_no_faster
from courriel import Letter
from courriel.wire.dkim.fields import end_of_header, header_fields, names_to_sign
from courriel.wire.imap_server.envelope import envelope
from courriel.wire.imap_server.letter_tree import LetterContent
from courriel.wire.imap_server.sections import octets_of, read_section
from courriel.wire.imap_server.structure import structure
from courriel.wire.mime.checks import check_message
from hostile.mails import HEAD, SHAPES, body, fields, html, parts
from steps import counting, grows_evenly

COUNT = 24
PROPERTIES = (
    "headers", "subject", "sender", "to", "cc", "reply_to", "date", "message_id", "references", "text", "html",
    "attachments", "report", "authentication", "invitation", "defects",
)  # fmt: skip


def read(raw: bytes) -> None:
    """Everything that a letter has."""
    letter = Letter.parse(raw)
    for name in PROPERTIES:
        getattr(letter, name)
    for attachment in letter.attachments:
        _ = attachment.name, attachment.content


def fetched(raw: bytes) -> None:
    """What the practice server's IMAP tells of a letter."""
    letter = LetterContent(raw)
    structure(letter, extended=True)
    envelope(letter.tree.header)
    for section in ("HEADER", "TEXT", "1", "1.MIME", "HEADER.FIELDS (FROM TO SUBJECT)"):
        octets_of(letter, read_section(section))


def signed(raw: bytes) -> None:
    """What a signature looks at."""
    names_to_sign(header_fields(raw[: end_of_header(raw)]))


READERS: dict[str, Callable[[bytes], object]] = {
    "letter": read, "IMAP": fetched, "findings": check_message, "signature": signed,
}  # fmt: skip
REPORT = "multipart/report; report-type=delivery-status"
LETTERS: dict[str, Callable[[int], bytes]] = {
    **SHAPES,
    "dates": fields("Date: Mon, 23 Nov 2026 08:%d:00 (%d) +0000\r\n", also=""),
    "groups": fields("G%d: a%d@b.org, b@c.org;, ", also="From: a@b.org\r\nTo: "),
    "comments": fields("(a %d (b)) ", also="From: a@b.org\r\nTo: x@y.org "),
    "words of two charsets": fields("=?utf-8?q?%d?= =?iso-2022-jp?b?GyRC?= ", also="From: a@b.org\r\nSubject: "),
    "parameters by name": fields("; n%d*=utf-8'fr'%41", also=f"{HEAD}Content-Type: text/plain"),
    "results of checks": fields("Authentication-Results: b%d.org; spf=pass smtp.mailfrom=a%d.org\r\n"),
    "results in one field": fields("; dkim=pass header.d=a%d.org", also=f"{HEAD}Authentication-Results: b.org"),
    "who did not get it": body(
        f"Content-Type: {REPORT}; boundary=b",
        "Final-Recipient: rfc822; a%d@b.org\r\nAction: failed\r\nStatus: 5.1.1\r\n\r\n",
        "--b\r\nContent-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; x\r\n\r\n",
        "--b--",
    ),
    "failed recipients": fields("a%d@b.org,\r\n ", also=f"{HEAD}X-Failed-Recipients: "),
    "lines like a boundary": body("Content-Type: multipart/mixed; boundary=b", "--b%d\r\n--\r\n", "--b\r\n\r\n"),
    "parts that share a boundary": parts("multipart/mixed", "Content-Type: multipart/mixed; boundary=b\r\n"),
    "parts of two kinds": parts("multipart/related", "Content-Type: text/html\r\nContent-ID: <%d@x>\r\n\r\n<p>%d"),
    "events": body("Content-Type: text/calendar", "BEGIN:VEVENT\r\nUID:%d\r\nEND:VEVENT\r\n", "BEGIN:VCALENDAR\r\n"),
    "zones": body(
        "Content-Type: text/calendar",
        "BEGIN:VTIMEZONE\r\nTZID:%d\r\nEND:VTIMEZONE\r\n",
        "BEGIN:VCALENDAR\r\n",
        "BEGIN:VEVENT\r\nDTSTART;TZID=0:20261124T080000\r\nEND:VEVENT\r\nEND:VCALENDAR",
    ),
    "a folded calendar": body("Content-Type: text/calendar", "a\r\n ", "BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\nSUMMARY:"),
    "quoted-printable": body("Content-Type: text/html\r\nContent-Transfer-Encoding: quoted-printable", "=3C=\r\n"),
    "uuencode": body("Content-Transfer-Encoding: x-uuencode", "#04%d\r\n", "begin 644 a\r\n", "end"),
    "flowed text": body("Content-Type: text/plain; format=flowed; delsp=yes", ">> a \r\n"),
    "changes of charset": body("Content-Type: text/plain; charset=iso-2022-jp", "\x1b$B0!\x1b(Ba"),
    "hidden text": html("<p style='display:none'>a<ul><li>b"),
}  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("shape", LETTERS)
def test_a_letter_of_twice_as_much_is_twice_the_work(shape: str) -> None:
    make = LETTERS[shape]
    with counting() as work_of:
        for reader in READERS.values():
            grows_evenly(work_of, make, reader, COUNT)


@pytest.mark.slow
@pytest.mark.parametrize("shape", LETTERS)
def test_a_letter_of_eight_times_as_much_is_not_sixty_four_times_the_time(shape: str) -> None:
    small, large = (LETTERS[shape](size) for size in (750, 6000))
    for reader in READERS.values():
        grows_no_faster(reader, small, large, 24)


@pytest.mark.slow
def test_time_that_grows_with_the_square_is_found() -> None:
    with pytest.raises(AssertionError):
        grows_no_faster(lambda size: [sum(range(size)) for _ in range(size)], 500, 4000, 24)
