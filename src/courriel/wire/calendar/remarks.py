"""
Reasons why a mail program may show no buttons for an invitation, each from what is known of one of them.

Gmail and Outlook look for a text/calendar part among the alternatives, with the method in its type and in its content;
Outlook and Exchange take an invitation from its organiser alone; both ask nobody who is not among the attendees.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from courriel._dataclass import dataclass

if TYPE_CHECKING:
    from courriel.model.received.invitation import ReceivedInvitation
    from courriel.wire.parse.letter import Letter


@dataclass(frozen=True, slots=True)
class CalendarPart:
    """Header of the MIME part of a calendar."""

    method: str
    charset: str
    alternative: bool


def remarks_of(
    read: ReceivedInvitation, part: CalendarPart, written: str, stamped: bool, letter: Letter
) -> tuple[str, ...]:
    """Remarks on an invitation; `written` is the METHOD of the calendar itself, `stamped` whether it has a DTSTAMP."""
    sender = letter.sender.spec.casefold() if letter.sender is not None else ""
    people = {each.address.casefold() for each in read.attendees}
    recipients = {each.spec.casefold() for each in (*letter.to, *letter.cc)}
    request = read.method in ("REQUEST", "CANCEL")
    found = (
        (not written, "the calendar has no METHOD"),
        (not part.method, "the Content-Type of the calendar names no method"),
        (
            bool(written and part.method and written != part.method),
            f"the Content-Type says method={part.method}, and the calendar METHOD:{written}",
        ),
        (written == "PUBLISH", "METHOD:PUBLISH asks for no answer; METHOD:REQUEST does"),
        (
            part.charset.lower() not in ("utf-8", "utf8", "us-ascii"),
            "the Content-Type of the calendar does not say charset=utf-8",
        ),
        (not part.alternative, "the calendar is a file beside the text, and no form of it (multipart/alternative)"),
        (not read.uid, "the event has no UID"),
        (not stamped, "the event has no DTSTAMP"),
        (read.start is None, "the event has no DTSTART that can be read"),
        (not read.organizer, "the event has no ORGANIZER"),
        (
            bool(request and read.organizer and read.organizer.casefold() != sender),
            "the organiser is not the sender of the mail",
        ),
        (not people, "the event has no ATTENDEE"),
        (bool(request and people and not people & recipients), "no recipient of the mail is an ATTENDEE"),
    )
    return tuple(text for holds, text in found if holds)
