"""Who wants to hear what becomes of mails: functions by the name of the event."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from typing import Literal, TypeAlias, get_args

from courriel import errors
from courriel.outbox.attempts import AttemptListener
from courriel.outbox.store.base import UNSURE, MailInfo, State
from courriel.outbox.ticket import Ticket

Event: TypeAlias = Literal["sent", "failed", "delayed", "unsure"]
"""Every recipient has it; not everybody, and nobody tries any more; not through after four hours; nobody knows."""

TicketListener: TypeAlias = Callable[[Ticket], object]

logger = logging.getLogger("courriel.outbox")


class Listeners:
    """Told at least once of each event, after it is written down: the table is the truth, and this is its news."""

    def __init__(self) -> None:
        self._by_event: dict[str, list[TicketListener]] = {event: [] for event in get_args(Event)}
        self.attempts: list[AttemptListener] = []
        """Told of each try by the thread that sends, before anything is written down."""

    def add(self, event: Event, listener: TicketListener) -> None:
        """Tell this function. Raises UsageError for an event that there is not."""
        if event not in self._by_event:
            raise errors.UsageError(f"{event!r} is not an event: {', '.join(self._by_event)}")
        self._by_event[event].append(listener)

    def wanted(self, events: Iterable[Event]) -> bool:
        """Whether somebody wants to hear of one of them."""
        return any(self._by_event[event] for event in events)

    def tell(self, events: Iterable[Event], ticket: Ticket) -> bool:
        """Tell everybody; whether everybody has taken it without an exception."""
        taken = True
        for event in events:
            for listener in self._by_event[event]:
                try:
                    listener(ticket)
                except Exception:
                    taken = False
                    logger.exception("A listener failed", extra={"action": "listener_failed", "ticket": ticket.id})
        return taken


def event_of(info: MailInfo) -> Event:
    """What the news of a mail is, from how it stands."""
    if info.state is State.SENT:
        return "sent"
    if info.state is State.FAILED:
        return "failed"
    return "unsure" if info.why.startswith(UNSURE) or info.unsure else "delayed"
