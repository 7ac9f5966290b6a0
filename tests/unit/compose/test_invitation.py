"""Invitations: the event that calendars read, its changes, its cancellation, and what is refused beforehand."""

from __future__ import annotations

import sys
from datetime import UTC, date, datetime, timedelta, timezone
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import icalendar
import pytest

from courriel import InvalidAddress, InvalidMessage, Invitation, KeyReused, Letter, Message, MissingExtra, Outbox

PARIS = ZoneInfo("Europe/Paris")
START = datetime(2027, 1, 12, 14, tzinfo=PARIS)
FIELDS: dict[str, Any] = {
    "sender": "Ada <ada@example.org>", "to": ["bob@example.org"], "subject": "Review; a, b", "key": "review-42",
    "start": START, "duration": timedelta(hours=1),
}  # fmt: skip


def event_of(invitation: Invitation) -> Any:
    (event,) = icalendar.Calendar.from_ical(invitation.as_calendar()).walk("VEVENT")
    return event


def test_the_library_of_calendars_reads_the_same_event() -> None:
    invitation = Invitation(
        **FIELDS, cc="\"Zoé; x\" <zoe@example.org>", location="Salle é, 4", text="Bonjour;\nà tous", url="https://example.org/42",
        reminder=timedelta(minutes=10),
    )  # fmt: skip

    event = event_of(invitation)

    assert (event.start, event.end) == (START, START + timedelta(hours=1))
    assert (event["SUMMARY"], event["LOCATION"], event["DESCRIPTION"], event["URL"]) == (
        "Review; a, b", "Salle é, 4", "Bonjour;\nà tous", "https://example.org/42",
    )  # fmt: skip
    assert (event["UID"], event["SEQUENCE"], event["STATUS"]) == (invitation.uid, 0, "CONFIRMED")
    assert (event["ORGANIZER"], event["ORGANIZER"].params["CN"]) == ("mailto:ada@example.org", "Ada")
    assert [(each, each.params["ROLE"], each.params["RSVP"]) for each in event["ATTENDEE"]] == [
        ("mailto:bob@example.org", "REQ-PARTICIPANT", "TRUE"), ("mailto:zoe@example.org", "OPT-PARTICIPANT", "TRUE"),
    ]  # fmt: skip
    assert event.walk("VALARM")[0]["TRIGGER"].dt == -timedelta(minutes=10)


def test_the_event_is_a_form_of_the_text_and_a_file() -> None:
    from email import message_from_bytes

    parsed = message_from_bytes(Invitation(**FIELDS).message().as_bytes())

    assert [part.get_content_type() for part in parsed.walk()] == [
        "multipart/mixed", "multipart/alternative", "text/plain", "text/html", "text/calendar", "application/ics",
    ]  # fmt: skip
    calendar, file = list(parsed.walk())[-2:]
    assert (calendar.get_param("method"), calendar.get_param("charset")) == ("REQUEST", "utf-8")
    assert calendar.get_payload(decode=True) == file.get_payload(decode=True)
    assert b"2027-01-12 14:00 \xe2\x80\x93 15:00 (Europe/Paris)" in list(parsed.walk())[2].get_payload(decode=True)


def test_who_is_asked_no_longer_is_told_and_the_others_go_on() -> None:
    first = Invitation(**FIELDS | {"to": ["bob@example.org", "carol@example.org"], "cc": ["zoe@example.org"]})
    later = first.update(to=["bob@example.org"], cc=())
    gone = first.cancel(only=["Carol@Example.org", "zoe@example.org"], text="We are fewer now.")
    event = event_of(gone)

    assert (gone.uid, event["SEQUENCE"], event["STATUS"]) == (first.uid, later.sequence, "CANCELLED")
    assert [each.spec for each in gone.message().to] == ["carol@example.org", "zoe@example.org"]
    assert not gone.message().cc
    assert "bob@" not in gone.as_calendar()
    assert (
        len({first.outbox_key, later.outbox_key, gone.outbox_key, first.cancel(only="zoe@example.org").outbox_key}) == 4
    )
    for only, reason in [("dan@example.org", "was not invited"), ((), "nobody is named")]:
        with pytest.raises(InvalidMessage, match=reason):
            first.cancel(only=only)
    with pytest.raises(InvalidAddress, match=r"^only: "):
        first.cancel(only="carol")
    for only in (None, "zoe@example.org"):  # it must not be taken for the cancellation of the event
        with pytest.raises(InvalidMessage, match="for some of them"):
            gone.cancel(only=only)
    with pytest.raises(InvalidMessage, match="for everybody"):
        first.cancel().cancel(only="bob@example.org")


def test_updates_and_the_cancellation_are_the_same_event_with_a_higher_sequence() -> None:
    first = Invitation(**FIELDS)

    moved = first.update(start=START + timedelta(days=1), location="Room 5")
    cancelled = moved.cancel(text="Ada is ill.")

    assert first.uid == moved.uid == cancelled.uid
    assert [event_of(each)["SEQUENCE"] for each in (first, moved, cancelled)] == [0, 1, 2]
    assert event_of(moved).start == START + timedelta(days=1)
    assert (cancelled.method, event_of(cancelled)["STATUS"]) == ("CANCEL", "CANCELLED")
    assert "METHOD:CANCEL" in cancelled.as_calendar()
    assert Letter.parse(cancelled.message().as_bytes()).text.strip() == "Ada is ill."
    with pytest.raises(InvalidMessage, match="above 1"):
        moved.update(sequence=1)
    with pytest.raises(InvalidMessage, match="cancelled"):
        cancelled.update(location="x")


def test_an_end_that_was_given_does_not_stay_when_the_start_is_moved() -> None:
    """Moved to the morning, a meeting of an hour had six."""
    with_end = Invitation(**FIELDS | {"duration": None, "end": START + timedelta(hours=1)})
    earlier = START - timedelta(hours=5)

    with pytest.raises(InvalidMessage, match="end: the start was moved"):
        with_end.update(start=earlier)

    assert with_end.update(start=START, location="x").end == with_end.end
    assert with_end.update(start=earlier, end=earlier + timedelta(hours=1)).start == earlier
    assert with_end.update(start=earlier, duration=timedelta(hours=1)).end == earlier + timedelta(hours=1)
    assert Invitation(**FIELDS).update(start=earlier).end == earlier + timedelta(hours=1)


def test_the_same_key_is_the_same_event_in_another_process_and_another_key_or_organiser_is_not() -> None:
    uid = Invitation(**FIELDS).uid

    assert Invitation(**FIELDS | {"sender": "ada@example.org", "sequence": 3}).uid == uid
    assert Invitation(**FIELDS | {"key": "review-43"}).uid != uid
    assert Invitation(**FIELDS | {"organizer": "bob@example.org"}).uid != uid


def test_the_outbox_takes_each_state_once_and_finds_a_sequence_that_was_not_raised(tmp_path: Path) -> None:
    first = Invitation(**FIELDS)
    again = Invitation(**FIELDS)
    again._stamp += timedelta(seconds=5)  # noqa: SLF001 - another process, later
    later, forgotten = first.update(location="x"), Invitation(**FIELDS, location="elsewhere")
    with Outbox(tmp_path / "outbox.sqlite") as outbox:
        ticket = outbox.put(first.message(), via="memory:", key=first.outbox_key)

        assert outbox.put(again.message(), via="memory:", key=again.outbox_key).id == ticket.id
        assert outbox.put(later.message(), via="memory:", key=later.outbox_key).id != ticket.id
        with pytest.raises(KeyReused):
            outbox.put(forgotten.message(), via="memory:", key=forgotten.outbox_key)


# Times.


@pytest.mark.parametrize(
    ("zone", "moments"),
    [
        ("Europe/Paris", [(2027, 3, 28, 1, 30), (2027, 3, 28, 3, 0), (2027, 3, 28, 3, 30), (2027, 10, 31, 3, 0)]),
        # Rules that changed: no summer time any more, half an hour, another standard time, a day left out.
        ("America/Mexico_City", [(2022, 7, 1, 10), (2023, 7, 1, 10)]),
        ("America/Sao_Paulo", [(2019, 1, 10, 10), (2020, 1, 10, 10)]),
        ("Australia/Lord_Howe", [(2027, 1, 10, 10), (2027, 7, 1, 10), (2027, 10, 3, 2, 30)]),
        ("Asia/Almaty", [(2024, 2, 29, 10), (2024, 3, 1, 10)]),
        ("Pacific/Apia", [(2011, 12, 29, 23), (2011, 12, 31, 1)]),
        ("Africa/Casablanca", [(2027, 2, 10, 10), (2027, 3, 10, 10)]),
        ("Europe/Dublin", [(2027, 1, 10, 10), (2027, 7, 10, 10)]),
    ],
)  # fmt: skip
def test_an_event_is_at_its_moment_by_the_rules_that_are_written_alone(
    zone: str, moments: list[tuple[int, ...]]
) -> None:
    for moment in moments:
        start = datetime(*moment, tzinfo=ZoneInfo(zone))  # type: ignore[arg-type, misc]
        text = Invitation(**FIELDS | {"start": start}).as_calendar()

        # Under a name that no reader knows, nothing but the written rules can say when it is (icalendar keeps the first
        # zone of a name, so each has its own).
        event: Any = icalendar.Calendar.from_ical(text.replace(zone, f"Nowhere {hash((zone, moment))}")).walk("VEVENT")[
            0
        ]

        assert event.start.replace(tzinfo=None) == start.replace(tzinfo=None)
        assert event.start.astimezone(UTC) == start.astimezone(UTC), moment


def test_a_change_of_clocks_is_named_by_the_clock_before_it() -> None:
    text = Invitation(**FIELDS).as_calendar()

    assert "DTSTART:20270328T020000" in text
    assert "DTSTART:20271031T030000" in text


@pytest.mark.parametrize(
    "start",
    [
        datetime(2027, 1, 12, 13, tzinfo=UTC),
        datetime(2027, 1, 12, 14, tzinfo=timezone(timedelta(hours=1))),
        datetime(2027, 10, 31, 2, 30, tzinfo=PARIS, fold=1),
    ],
)
def test_a_moment_that_no_zone_can_say_is_written_in_utc(start: datetime) -> None:
    text = Invitation(**FIELDS | {"start": start}).as_calendar()

    assert f"DTSTART:{start.astimezone(UTC):%Y%m%dT%H%M%SZ}" in text
    assert "VTIMEZONE" not in text or start.fold


def test_an_event_of_whole_days() -> None:
    text = Invitation(**FIELDS | {"start": date(2027, 5, 1), "duration": timedelta(days=2)}).as_calendar()

    assert "DTSTART;VALUE=DATE:20270501" in text
    assert "DTEND;VALUE=DATE:20270503" in text


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"start": datetime(2027, 1, 12, 14)}, "start"),
        ({"start": datetime(2027, 3, 28, 2, 30, tzinfo=PARIS)}, "start"),
        ({"start": "2027-01-12"}, "start"),
        ({"start": datetime(1, 1, 1, tzinfo=UTC)}, "start"),
        ({"end": START, "duration": None}, "end"),
        ({"end": START - timedelta(hours=1), "duration": None}, "end"),
        ({"end": date(2027, 1, 13), "duration": None}, "end"),
        ({"end": START + timedelta(hours=1)}, "duration"),
        ({"duration": None}, "end"),
        ({"duration": 60}, "duration"),
        ({"duration": timedelta()}, "end"),
        ({"start": date(2027, 1, 12)}, "duration"),
        ({"sender": ""}, "organizer"),
        ({"attendees": ["eve@example.org"]}, "attendees"),
        ({"attendees": []}, "attendees"),
        ({"subject": " "}, "subject"),
        ({"subject": "a\nATTENDEE:mailto:eve@example.org"}, "subject"),
        ({"location": "a\r\nATTENDEE:mailto:eve@example.org"}, "location"),
        ({"key": ""}, "key"),
        ({"sequence": -1}, "sequence"),
        ({"sequence": True}, "sequence"),
        ({"reminder": timedelta(minutes=-1)}, "reminder"),
        ({"to": [f"a{number}@example.org" for number in range(501)]}, "attendees"),
        ({"to": []}, "to, cc, bcc"),
    ],
)
def test_what_is_no_event_is_refused(changed: dict[str, object], field: str) -> None:
    with pytest.raises(InvalidMessage, match=f"^{field}: "):
        Invitation(**FIELDS | changed)


@pytest.mark.parametrize("field", ["organizer", "attendees"])
def test_an_address_that_is_none_is_refused(field: str) -> None:
    with pytest.raises(InvalidAddress):
        Invitation(**FIELDS | {field: "no address"})


@pytest.mark.parametrize("field", ["key", "sender", "organizer"])
def test_an_update_is_of_the_same_event(field: str) -> None:
    with pytest.raises(InvalidMessage, match="another event"):
        Invitation(**FIELDS).update(**{field: "eve@example.org"})


def test_text_of_an_event_makes_no_property() -> None:
    invitation = Invitation(**FIELDS, text="x\nATTENDEE:mailto:eve@example.org\nEND:VEVENT", html="<p>x")

    assert str(event_of(invitation)["ATTENDEE"]) == "mailto:bob@example.org"


def test_without_icalendar_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "icalendar", None)

    with pytest.raises(MissingExtra, match=r"courriel\[calendar\]"):
        Invitation(**FIELDS).message()


# Further forms of a text.


def test_amp_stands_before_the_html_and_others_behind_it() -> None:
    from email import message_from_bytes

    message = Message(
        sender="a@example.org", to="b@example.org", text="x", html="<p>x",
        alternatives=[("text/calendar; method=PUBLISH", "é"), ("text/x-amp-html; charset=utf-8", "<html amp4email>")],
    )  # fmt: skip

    parts = list(message_from_bytes(message.as_bytes()).walk())

    assert [part.get_content_type() for part in parts] == [
        "multipart/alternative", "text/plain", "text/x-amp-html", "text/html", "text/calendar",
    ]  # fmt: skip
    assert [part.get_params() for part in parts[2::2]] == [
        [("text/x-amp-html", ""), ("charset", "utf-8")],
        [("text/calendar", ""), ("method", "PUBLISH"), ("charset", "utf-8")],
    ]
    assert parts[4].get_payload(decode=True) == "é".encode()


@pytest.mark.parametrize(
    "given",
    [
        "text/calendar", [("text/calendar",)], [("text/html", "x")], [("text/plain", "x")], [("image/png", "x")],
        [("text/calendar; charset=latin-1", "x")], [("text/calendar\r\nX: y", "x")], [("text/calendar", b"x")],
        [("text/calendar", "\ud800")], [("multipart/mixed", "x")], [("text/csv", "x")] * 11,
    ],
)  # fmt: skip
def test_what_is_no_form_of_a_text_is_refused(given: Any) -> None:
    with pytest.raises(InvalidMessage, match=r"^(alternatives|content_type)"):
        Message(sender="a@example.org", to="b@example.org", text="x", alternatives=given)
