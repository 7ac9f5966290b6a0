"""Received invitation: the event, who is asked, who answered what, why a mail program may show no buttons for it."""

from __future__ import annotations

from courriel._dataclass import dataclass

TYPE_CHECKING = False

if TYPE_CHECKING:
    from datetime import date


@dataclass(frozen=True, slots=True)
class ReceivedAttendee:
    """Attendee of an event. None of it is to be trusted: it is what the sender's calendar wrote."""

    address: str
    name: str = ""
    status: str = "NEEDS-ACTION"
    """PARTSTAT: NEEDS-ACTION, ACCEPTED, DECLINED, TENTATIVE, DELEGATED."""
    optional: bool = False


@dataclass(frozen=True, slots=True)
class ReceivedInvitation:
    """Event of a letter (iTIP, RFC 5546). Texts are of the sender; only a letter's own sender says who answers."""

    method: str
    """REQUEST (an invitation or its change), CANCEL, REPLY, COUNTER, PUBLISH; "" when there is none."""
    uid: str
    sequence: int
    summary: str
    start: date | None
    """With its time zone; without one where the sender gave none. A date for whole days."""
    end: date | None
    location: str
    organizer: str
    """Address of the organiser, "" when there is none."""
    attendees: tuple[ReceivedAttendee, ...]
    remarks: tuple[str, ...]
    """Reasons why a mail program may show no buttons, a sentence each; empty when there is none."""

    @property
    def answer(self) -> ReceivedAttendee | None:
        """Answer of an attendee in a REPLY; None in everything else."""
        return self.attendees[0] if self.method == "REPLY" and self.attendees else None
