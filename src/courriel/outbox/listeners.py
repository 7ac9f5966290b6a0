"""Listeners of the outbox: functions called for events of mails, by the name of the event."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Literal, TypeAlias, TypeVar, get_args

from courriel import errors
from courriel.network.careful_log import CarefulLogger
from courriel.outbox import checks
from courriel.outbox.attempts import AttemptListener
from courriel.outbox.store.facts import MailInfo
from courriel.outbox.store.states import UNSURE, State
from courriel.outbox.ticket import Ticket

Event: TypeAlias = Literal["sent", "failed", "delayed", "unsure", "returned", "complained", "reported"]
"""Sent: accepted for every recipient; failed: not for all, and no more tries; delayed: not sent after four hours;
unsure: it may have been delivered. Of a mail that was accepted: returned to its sender; complained about; reported, by
somebody who has not proved it, so that a person has to look."""

TicketListener: TypeAlias = Callable[[Ticket], object]

logger = CarefulLogger("courriel.outbox")


class Listeners:
    """Listeners of an outbox, called at least once for each event, after it is stored."""

    def __init__(self) -> None:
        self._by_event: dict[str, list[TicketListener]] = {event: [] for event in get_args(Event)}
        self.attempts: list[AttemptListener] = []
        """Functions called for each attempt by the sending thread, before its result is stored."""
        self.enders: set[Callable[[BaseException], None]] = set()
        """Called, one for each running worker, when a listener raises SystemExit or another request to end."""

    def add(self, event: Event, listener: TicketListener) -> None:
        """Add a listener. Raises UsageError for an unknown event."""
        if not isinstance(event, str) or event not in self._by_event:
            raise errors.UsageError(f"{checks.shown(event)} is not an event: {', '.join(self._by_event)}")
        self._by_event[event].append(checked_function(f"on({event!r})", listener))

    def wanted(self, events: Iterable[Event]) -> bool:
        """Whether one of the events has a listener."""
        for event in events:  # noqa: SIM110 - called for each mail
            if self._by_event[event]:
                return True
        return False

    def tell(self, events: Iterable[Event], ticket: Ticket) -> bool:
        """Call the listeners of these events; whether all returned without an exception."""
        taken = True
        for event in events:
            for listener in self._by_event[event]:
                try:
                    listener(ticket)
                except BaseException as failed:
                    taken = False
                    logger.exception("A listener failed", extra={"action": "listener_failed", "ticket": ticket.id})
                    self.interrupt(failed)
        return taken

    def interrupt(self, failed: BaseException) -> None:
        """Have the workers end, where this was raised as a request to: SystemExit, KeyboardInterrupt, their like."""
        if not isinstance(failed, Exception):
            for end in tuple(self.enders):
                end(failed)


F = TypeVar("F")


def checked_function(name: str, function: F) -> F:
    """The function itself. Raises UsageError for a value that cannot be called."""
    if not callable(function):
        raise errors.UsageError(f"{name}: a function, not {checks.shown(function)}")
    return function


def event_of(info: MailInfo) -> Event:
    """Event for the current state of a mail."""
    if info.state is State.SENT:
        return "sent"
    if info.state is State.FAILED:
        return "failed"
    return "unsure" if info.why.startswith(UNSURE) or info.unsure else "delayed"
