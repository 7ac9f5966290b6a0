"""Invitations in received letters: what they say, who answers, why there are no buttons; and hostile ones."""

from __future__ import annotations

import sys
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from courriel import Invitation, Letter, MissingExtra
from courriel.types import ReceivedAttendee

PARIS = ZoneInfo("Europe/Paris")
OURS = Invitation(
    sender="ada@example.org",
    to="bob@example.org",
    subject="Review",
    start=datetime(2027, 1, 12, 14, tzinfo=PARIS),
    duration=timedelta(hours=1),
    key="42",
    location="Room 4",
)
HEAD = "From: ada@example.org\r\nTo: bob@example.org\r\nSubject: x\r\nMIME-Version: 1.0\r\n"


def letter(
    event: str, *, kind: str = "text/calendar; method=REQUEST; charset=utf-8", method: str = "METHOD:REQUEST\n"
) -> Letter:
    calendar = f"BEGIN:VCALENDAR\nVERSION:2.0\nPRODID:x\n{method}{event}\nEND:VCALENDAR\n"
    body = (
        f"Content-Type: multipart/alternative; boundary=b\n\n--b\n\nx\n--b\nContent-Type: {kind}\n\n{calendar}\n--b--\n"
    )
    return Letter.parse((HEAD + body.replace("\n", "\r\n")).encode())


def event(*lines: str) -> str:
    usual = (
        "UID:1", "DTSTAMP:20270101T000000Z", "DTSTART:20270112T130000Z", "ORGANIZER:mailto:ada@example.org",
        "ATTENDEE:mailto:bob@example.org",
    )  # fmt: skip
    names = {line.partition(":")[0].partition(";")[0] for line in lines}
    kept = [line for line in usual if line.partition(":")[0] not in names]
    return "\n".join(("BEGIN:VEVENT", *kept, *(line for line in lines if ":" in line), "END:VEVENT"))


def test_our_own_invitation_is_read_as_it_was_written_and_has_buttons() -> None:
    read = Letter.parse(OURS.message().as_bytes()).invitation

    assert read is not None
    assert (read.method, read.uid, read.sequence) == ("REQUEST", OURS.uid, 0)
    assert (read.summary, read.location, read.start, read.end) == ("Review", "Room 4", OURS.start, OURS.end)
    assert (read.organizer, read.attendees) == (
        "ada@example.org", (ReceivedAttendee("bob@example.org", "bob@example.org"),),
    )  # fmt: skip
    assert (read.remarks, read.answer) == ((), None)


CALENDAR = f"BEGIN:VCALENDAR\nVERSION:2.0\nMETHOD:REQUEST\n{event('SUMMARY:Café')}\nEND:VCALENDAR\n"
CALENDAR = CALENDAR.replace("\n", "\r\n")


@pytest.mark.parametrize(
    ("charset", "octets"),
    [
        ("utf-8", b"\xef\xbb\xbf" + CALENDAR.encode()),
        ("utf-8", CALENDAR.encode().replace("é".encode(), b"\xc3\r\n \xa9")),
        ("", CALENDAR.encode()),
        ("iso-8859-1", CALENDAR.encode("latin-1")),
        ("utf-16", CALENDAR.encode("utf-16")),
        ("utf-16le", CALENDAR.replace("fé", "f\r\n é").encode("utf-16-le")),
    ],
)
def test_a_calendar_is_read_in_the_charset_that_it_names(charset: str, octets: bytes) -> None:
    named = f"; charset={charset}" if charset else ""
    head = f"{HEAD}Content-Type: text/calendar; method=REQUEST{named}\r\n\r\n"

    read = Letter.parse(head.encode() + octets).invitation

    assert read is not None
    assert read.summary == "Café"


@pytest.mark.parametrize("status", ["ACCEPTED", "DECLINED", "TENTATIVE"])
def test_an_answer_says_who_and_what(status: str) -> None:
    given = letter(
        event(f"UID:{OURS.uid}", "SEQUENCE:2", f'ATTENDEE;CN="Bob, b";PARTSTAT={status}:MAILTO:bob@example.org'),
        kind="text/calendar; charset=UTF-8; method=REPLY", method="METHOD:REPLY\n",
    )  # fmt: skip

    read = given.invitation

    assert read is not None
    assert (read.method, read.uid, read.sequence) == ("REPLY", OURS.uid, 2)
    assert read.answer == ReceivedAttendee("bob@example.org", "Bob, b", status)
    assert read.remarks == ()


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (letter(event(), method=""), "no METHOD"),
        (letter(event(), kind="text/calendar; charset=utf-8"), "names no method"),
        (letter(event(), kind="text/calendar; method=CANCEL; charset=utf-8"), "says method=CANCEL"),
        (letter(event(), method="METHOD:PUBLISH\n"), "asks for no answer"),
        (letter(event(), kind="text/calendar; method=REQUEST"), "charset=utf-8"),
        (letter(event("UID")), "no UID"),
        (letter(event("DTSTAMP")), "no DTSTAMP"),
        (letter(event("DTSTART")), "no DTSTART"),
        (letter(event("ORGANIZER")), "no ORGANIZER"),
        (letter(event("ORGANIZER:mailto:eve@example.org")), "not the sender"),
        (letter(event("ATTENDEE")), "no ATTENDEE"),
        (letter(event("ATTENDEE:mailto:eve@example.org")), "no recipient"),
        (Letter.parse(
            (HEAD + "Content-Type: text/calendar; method=REQUEST; charset=utf-8\r\n\r\nBEGIN:VCALENDAR\r\nMETHOD:"
             "REQUEST\r\n"
             + event().replace("\n", "\r\n") + "\r\nEND:VCALENDAR\r\n").encode()), "a file beside"),
    ],
)  # fmt: skip
def test_a_remark_says_why_there_would_be_no_buttons(given: Letter, said: str) -> None:
    read = given.invitation

    assert read is not None
    assert any(said in remark for remark in read.remarks), read.remarks


def test_a_letter_without_an_invitation_has_none_and_needs_no_library(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "icalendar", None)

    assert Letter.parse(b"Subject: x\r\n\r\nx").invitation is None
    with pytest.raises(MissingExtra, match="calendar"):
        _ = letter(event()).invitation


ZONE = (
    "BEGIN:VTIMEZONE\nTZID:{}\nBEGIN:STANDARD\nDTSTART:16010101T000000\nTZOFFSETFROM:{}\nTZOFFSETTO:{}\n{}END:STANDARD\n"
    "END:VTIMEZONE\n"
)


def test_a_zone_is_the_one_that_the_same_letter_describes() -> None:
    there = "DTSTART;TZID=Our own:20270112T140000"
    east, west = (
        letter(ZONE.format("Our own", each, each, "") + event(there)).invitation for each in ("+0300", "-0500")
    )

    assert east is not None
    assert west is not None
    assert east.start == datetime(2027, 1, 12, 11, tzinfo=UTC)
    assert west.start == datetime(2027, 1, 12, 19, tzinfo=UTC)


@pytest.mark.parametrize(
    ("line", "start"),
    [
        ("DTSTART;TZID=Europe/Paris:20270112T140000", OURS.start),
        ("DTSTART;TZID=W. Europe Standard Time:20270112T140000", OURS.start),
        ("DTSTART;TZID=/freeassociation.sourceforge.net/Tzfile/Europe/Paris:20270112T140000", OURS.start),
        ("DTSTART;VALUE=DATE:20270112", date(2027, 1, 12)),
        ("DTSTART;TZID=Nowhere:20270112T140000", datetime(2027, 1, 12, 14)),
        ("DTSTART:20270112T140000", datetime(2027, 1, 12, 14)),
        ("DTSTART:rubbish", None),
    ],
)
def test_a_start_is_read_as_far_as_it_says_when(line: str, start: date | None) -> None:
    read = letter(event(line)).invitation

    assert read is not None
    assert read.start == start


@pytest.mark.timeout(30)
@pytest.mark.parametrize("rule", ["FREQ=SECONDLY", "FREQ=YEARLY;BYSECOND=1,2,3", "FREQ=DAILY;UNTIL=99991231T000000Z"])
def test_a_zone_whose_rule_has_no_end_is_not_computed(rule: str) -> None:
    given = letter(
        ZONE.format("Our own", "+0300", "+0300", f"RRULE:{rule}\n") + event("DTSTART;TZID=Our own:20270112T140000")
    )

    assert given.invitation is not None
    assert given.invitation.start == datetime(2027, 1, 12, 14)


@pytest.mark.parametrize(
    "calendar",
    [
        "", "BEGIN:VCALENDAR", "BEGIN:VEVENT\nEND:VCALENDAR", "END:VEVENT", "\0" * 100, "BEGIN:VEVENT\n" * 3_000,
        event("RRULE:FREQ=SECONDLY", "SEQUENCE:x", "DTEND:y", "DURATION:z"), event('ATTENDEE;CN="x:mailto:a'),
        event("X" * 70_000 + ":"),
        event("DTSTART;TZID=" + "/" * 5_000 + ":20270112T140000"), "BEGIN:VTIMEZONE\n" * 5_000, "x:y\n" * 30_000,
    ],
)  # fmt: skip
def test_octets_that_are_no_calendar_raise_nothing(calendar: str) -> None:
    given = letter(calendar)

    _ = given.invitation
    assert given.text.strip() == "x"
