"""
Invitation to an event: a mail that Gmail, Outlook, Apple Mail and Thunderbird show with buttons to accept or decline.

    paris = ZoneInfo("Europe/Paris")
    invitation = Invitation(
        sender="ada@example.org", to=["bob@example.org"], subject="Review", key="review-42",
        start=datetime(2027, 1, 12, 14, tzinfo=paris), duration=timedelta(hours=1), location="Room 4",
    )
    outbox.put(invitation.message(), key=invitation.outbox_key)
    later = invitation.update(start=datetime(2027, 1, 13, 9, tzinfo=paris))
    outbox.put(later.message(), key=later.outbox_key)
    outbox.put(later.cancel().message(), key=later.cancel().outbox_key)

Calendars know an event by its UID, which is made of `key` and the organiser's address, and take the highest SEQUENCE.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any

from courriel.compose.event_times import checked_times, shown_times
from courriel.errors import InvalidAddress
from courriel.model.address import Address, Addresses
from courriel.model.checks.header import as_text, check_body, check_text, refusal
from courriel.model.messages.attachment import Attachment
from courriel.model.messages.message import Message

LONGEST_KEY = 500  # characters
MOST_ATTENDEES = 500


class Invitation:
    """Invitation to one event; a frozen value, `update` and `cancel` return another one.

    Its recipients are the attendees: those of `to` are needed, those of `cc` are optional.
    """

    def __init__(
        self,
        *,
        sender: str | Address,
        to: Addresses,
        cc: Addresses = (),
        subject: str,
        start: date,
        key: str,
        end: date | None = None,
        duration: timedelta | None = None,
        organizer: str | Address | None = None,
        attendees: Addresses | None = None,
        location: str = "",
        text: str = "",
        html: str = "",
        url: str = "",
        reminder: timedelta | None = None,
        sequence: int = 0,
    ) -> None:
        """Make an invitation.

        `start` is a datetime with a time zone, or a date for whole days; `end` is the first moment (the first day)
        after the event, `duration` its length: one of both, or neither for a whole day. `key` is the program's own name
        of the event: the same key is the same event, also from another process, which then says `sequence` too (0 at
        first, higher with each update). `organizer` (the sender) gets the replies. `attendees` are those recipients who
        are asked, if not all. `reminder` is how long before the start calendars remind. Raises InvalidMessage,
        InvalidAddress.
        """
        given = {name: value for name, value in locals().items() if name not in ("self", "__class__")}
        self._given: Mapping[str, Any] = given
        self._method = "REQUEST"
        self._part = ""  # of the key for the outbox: whose cancellation it is, if not everybody's
        self.key = as_text("key", key)
        if not self.key or len(self.key) > LONGEST_KEY:
            raise refusal("key", f"a name of the event of 1 to {LONGEST_KEY} characters")
        if not sender:
            raise refusal("organizer", "none was given, and no sender; an invitation comes from somebody")
        self.organizer = Address.of(organizer or sender)
        self.start, self.end = checked_times(start, end, duration)
        self.sequence = sequence
        if not isinstance(sequence, int) or isinstance(sequence, bool) or not 0 <= sequence < 2**31:
            raise refusal("sequence", f"a number from 0, one higher with each update, not {sequence!r:.50}")
        if reminder is not None and not (isinstance(reminder, timedelta) and timedelta() <= reminder):
            raise refusal("reminder", "how long before the start, a timedelta")
        for name, value in (("location", location), ("url", url)):
            check_text(name, as_text(name, value))
        check_body("text", as_text("text", text))
        if not as_text("subject", subject).strip():
            raise refusal("subject", "an event has a name, and calendars show it")
        self._stamp = datetime.now(UTC)
        to, cc = Address.all_of(to), Address.all_of(cc) if cc else ()
        self._required, self._optional = _attendees(to, cc, attendees)
        self._mail = Message(sender=sender, to=to, cc=cc, subject=subject, text=text, html=html)

    @property
    def method(self) -> str:
        """Method of the calendar: REQUEST (invites, and changes), or CANCEL."""
        return self._method

    @property
    def uid(self) -> str:
        """UID by which calendars know the event: the same for the same key and organiser."""
        return f"{_digest(self.organizer.spec.casefold(), self.key)}@{self.organizer.dns_domain}"

    @property
    def outbox_key(self) -> str:
        """Key for `Outbox.put`: each state of the event leaves once.

        Another state under the same sequence is refused by the outbox (KeyReused): an update that did not raise it.
        """
        return f"{self.key}/{self._method.lower()}/{self.sequence}{self._part}"

    def update(self, **changes: Any) -> Invitation:
        """The invitation with these values changed, and a higher SEQUENCE, so that calendars take it for newer.

        A `duration` stays as it was given; an `end` that was given must come anew with another `start`. Raises
        InvalidMessage when it does not, and when `key` or `organizer` would change, which would be another event.
        """
        for name in ("key", "organizer", "sender"):
            if name in changes and changes[name] != self._given[name]:
                raise refusal(name, "with another one it would be another event; cancel this one, and make a new one")
        if self._method == "CANCEL":
            raise refusal("sequence", "the event was cancelled; make a new one, with another key")
        if isinstance(sequence := changes.get("sequence"), int) and sequence <= self.sequence:
            raise refusal("sequence", f"a number above {self.sequence}, or calendars take the update for an old one")
        given = dict(self._given)
        moved = "start" in changes and changes["start"] != given["start"]
        if moved and given["end"] is not None and not {"end", "duration"} & changes.keys():
            raise refusal("end", "the start was moved, and the end was given: give the new one, or duration")
        if "end" in changes:
            given["duration"] = None
        elif "duration" in changes:
            given["end"] = None
        whole: dict[str, Any] = given | {"sequence": self.sequence + 1} | changes
        return Invitation(**whole)

    def cancel(self, *, text: str = "", only: Addresses | None = None) -> Invitation:
        """The cancellation of the event, to all who were invited; `text` says why.

        With `only` it is for these alone, who are asked no longer, and the event stays: `update(to=…)` tells the others
        (RFC 5546 3.2.5). Raises InvalidMessage when one of them was not invited, and for a cancellation of some, from
        which that of the event cannot be made.
        """
        if self._part:
            raise refusal("only", "this is the cancellation for some of them; cancel the invitation that it came from")
        if self._method == "CANCEL" and only is None:
            return self
        whole: dict[str, Any] = dict(self._given) | {"sequence": self.sequence + 1, "text": text, "html": ""}
        gone = () if only is None else self._invited(only)
        if gone:
            whole |= {"to": gone, "cc": (), "attendees": None}
        cancelled = Invitation(**whole)
        cancelled._method = "CANCEL"
        if gone:
            cancelled._part = f"/{_digest(*sorted(each.spec.casefold() for each in gone))}"
        return cancelled

    def as_calendar(self) -> str:
        """iCalendar text (RFC 5545). Raises MissingExtra without icalendar (extra `calendar`)."""
        from courriel.wire.calendar.writing import calendar_text

        given = self._given
        return calendar_text(
            method=self._method,
            uid=self.uid,
            sequence=self.sequence,
            stamp=self._stamp,
            summary=self._mail.subject,
            start=self.start,
            end=self.end,
            organizer=self.organizer,
            required=self._required,
            optional=self._optional,
            location=given["location"],
            description=given["text"],
            url=given["url"],
            reminder=given["reminder"],
        )

    def message(self) -> Message:
        """The mail: text, HTML and event as three forms of the same, and the event once more as a file.

        Gmail and Outlook make buttons of the form, Apple Mail and some others of the file. Raises MissingExtra.
        """
        mail, calendar = self._mail, self.as_calendar()
        text = mail.text or self._usual_text()
        return Message(
            sender=mail.sender,
            to=mail.to,
            cc=mail.cc,
            subject=mail.subject,
            text=text,
            html=mail.html or _as_html(text),
            alternatives=[(f"text/calendar; method={self._method}", calendar)],
            attachments=[Attachment.data(calendar.encode(), "invite.ics", content_type="application/ics")],
            reply_to=() if self.organizer.spec == mail.sender.spec else self.organizer,
        )

    def __repr__(self) -> str:
        return f"<Invitation: {self._method}, {shown_times(self.start, self.end)}, sequence {self.sequence}>"

    # The steps.

    def _invited(self, some: Addresses) -> tuple[Address, ...]:
        """These addresses as they were invited. Raises InvalidMessage for another one, and for none."""
        if self._method == "CANCEL":
            raise refusal("only", "the event was cancelled for everybody")
        known = {each.spec.casefold(): each for each in (*self._required, *self._optional)}
        asked = {each.spec.casefold() for each in _addresses("only", some)}
        if strangers := asked - known.keys():
            raise refusal("only", f"{min(strangers)!r:.100} was not invited")
        if not asked:
            raise refusal("only", "nobody is named; leave it out to cancel the event for all")
        return tuple(each for name, each in known.items() if name in asked)

    def _usual_text(self) -> str:
        """Text of the event: title, time and place, without a word of any language."""
        given = self._given
        lines = (self._mail.subject, shown_times(self.start, self.end), given["location"], given["url"])
        return "".join(f"{line}\n" for line in lines if line)


def _digest(*texts: str) -> str:
    from hashlib import sha256

    return sha256("\0".join(texts).encode()).hexdigest()[:40]


def _addresses(field: str, given: Addresses) -> tuple[Address, ...]:
    """Addresses of an argument. Raises InvalidAddress that names it."""
    try:
        return Address.all_of(given)
    except InvalidAddress as wrong:
        raise InvalidAddress(f"{field}: {wrong}", stage="compose", hint_id=wrong.hint_id) from wrong


def _attendees(
    to: tuple[Address, ...], cc: tuple[Address, ...], asked: Addresses | None
) -> tuple[tuple[Address, ...], tuple[Address, ...]]:
    """Needed and optional attendees; each is a recipient, as nobody else would get the invitation."""
    if len(to) + len(cc) > MOST_ATTENDEES:
        raise refusal("attendees", f"more than {MOST_ATTENDEES} of them")
    if asked is None:
        return to, cc
    wanted = {each.spec.casefold(): each for each in _addresses("attendees", asked)}
    strangers = wanted.keys() - {each.spec.casefold() for each in (*to, *cc)}
    if strangers:
        raise refusal("attendees", f"{min(strangers)!r:.100} is no recipient, and would not learn of the event")
    if not wanted:
        raise refusal("attendees", "nobody is asked to come; leave it out to ask all recipients")
    needed, optional = ([each for each in group if each.spec.casefold() in wanted] for group in (to, cc))
    return tuple(needed), tuple(optional)


def _as_html(text: str) -> str:
    from html import escape

    return "<p>" + escape(text.rstrip("\n")).replace("\n", "<br>\n") + "</p>\n"
