"""Stored facts of mails, lanes and workers, as they are listed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from courriel._dataclass import dataclass, field
from courriel.model.receipt import Outcome, RecipientResult
from courriel.outbox.store.standing import LaterFate, Standing, standings_of
from courriel.outbox.store.states import SUPPRESSED, Answer, OnUnsure, State
from courriel.reply import Reply

if TYPE_CHECKING:
    from datetime import datetime


@dataclass(frozen=True, slots=True)
class LaneInfo:
    """State of a lane in the store. `paused` is in seconds from now; a `stopped` lane waits for a person.

    `fails` counts consecutive failures of the lane; `cap` is the maximum of mails in hand at a time. The rate is given
    by `gap`, the mean number of seconds between two mails, and `per`: at most `per / gap` mails leave in any `per`
    seconds. None means no such limit.
    """

    name: str
    stopped: bool = False
    paused: float = 0
    fails: int = 0
    why: str = ""
    cap: int | None = None
    gap: float | None = None
    per: float | None = None


@dataclass(frozen=True, slots=True)
class MailInfo:
    """Stored facts of a mail, without its content; times are seconds since 1970 by the store's clock."""

    id: str
    key: str | None
    lane: str
    priority: int
    state: State
    due: float
    created: float
    expires: float
    changed: float
    tries: int
    lost: int
    unsure: int
    on_unsure: OnUnsure
    message_id: str
    sender: str
    waiting: tuple[str, ...]
    """Recipients still to be tried."""
    options: Mapping[str, object]
    results: Mapping[str, Answer]
    why: str
    size: int
    holder: str
    """Worker thread that holds the mail, as "host:process/number"; empty when none does."""
    unserved: tuple[str, ...] = ()
    """Recipients neither accepted nor refused for good when the mail reached its final state."""
    later: Mapping[str, LaterFate] = field(default_factory=dict)
    """Recipients whose mail came back after it was accepted, or who complained; see `Ticket.history`."""

    @property
    def recipients(self) -> tuple[str, ...]:
        """All recipients, those with a reply of a server first."""
        return tuple(dict.fromkeys((*self.results, *self.waiting, *self.unserved)))

    @property
    def standings(self) -> dict[str, Standing]:
        """Standing of each recipient, without exception."""
        return standings_of(self)

    @property
    def fates(self) -> tuple[RecipientResult, ...]:
        """Result for each recipient that a server has answered for; `standings` has all of them."""
        return tuple(_fate(name, answer) for name, answer in self.results.items())

    @property
    def accepted(self) -> tuple[str, ...]:
        """Recipients accepted by a server."""
        return tuple(name for name, standing in self.standings.items() if standing is Standing.ACCEPTED)

    @property
    def suppressed(self) -> dict[str, str]:
        """Recipients left out because they are on the suppression list, each with the reason and how to lift it."""
        return {
            name: text for name, (code, _, text, _) in self.results.items() if not code and text.startswith(SUPPRESSED)
        }

    @property
    def refused(self) -> dict[str, Reply]:
        """Recipients refused, for now or for good, and the last reply to each."""
        return {fate.recipient: fate.reply for fate in self.fates if fate.outcome is Outcome.REFUSED and fate.reply}

    @property
    def put_at(self) -> datetime:
        """Time of the put, in UTC."""
        from datetime import UTC, datetime

        return datetime.fromtimestamp(self.created, UTC)


@dataclass(frozen=True, slots=True)
class Count:
    """Number of mails of a lane in one state, and how many of them are unsure.

    `oldest`, in seconds since 1970: for READY the time at which the first mail was or will be due, for LEASED,
    IN_FLIGHT and HELD the time at which the oldest was put; None for the end states.
    """

    lane: str
    state: State
    mails: int
    oldest: float | None
    unsure: int


@dataclass(frozen=True, slots=True)
class IntegrityFinding:
    """One kind of damage in an outbox: how many cases, and an example (mail id, lane, or SQLite's message).

    `kind` is "damaged" (SQLite cannot trust the file), "log" (the file was copied, or lost its log, while it was open),
    "incomplete" (a waiting mail lacks a part of its content), "orphan" (a content without a mail), "lane" (the row of a
    mail's lane is missing, so that nobody sends the mail), "value" (a mail has an unknown state or priority),
    "counters" (the numbers of `stats` are wrong).
    """

    kind: str
    number: int
    example: str


@dataclass(frozen=True, slots=True)
class Query:
    """Filter of a listing; None matches any value. `since` is a time of put, in seconds since 1970.

    With `news` the listing has the mails whose event no listener has received yet, and the other filters are ignored.
    """

    state: State | None = None
    lane: str | None = None
    since: float | None = None
    unsure: bool | None = None
    news: bool = False
    most: int | None = None


@dataclass(frozen=True, slots=True)
class WorkerInfo:
    """A worker process of an outbox. `id` is the prefix of `holder` in its mails: "host:process/random".

    `folder` is the folder of its lock file: beside the outbox, or one of the machine; empty when there is none. `inode`
    is that of the lock file: a copy of the file is not locked, and proves nothing. `process` tells processes of one
    machine apart; empty when unknown. See `courriel.outbox.work.liveness`.
    """

    id: str
    folder: str
    inode: int
    process: str
    heard: float = 0.0
    """Seconds since its last sign of life."""


@dataclass(frozen=True, slots=True)
class Taken:
    """Mails of a lane held by one worker; others may claim them in `back` seconds, unless their leases are extended."""

    lane: str
    holder: str
    mails: int
    back: float


@dataclass(frozen=True, slots=True)
class Activity:
    """Mails `sent` within the last `seconds`, and the last error of any lane.

    `error_at` is in seconds since 1970, by the store's clock; 0 when there was no error.
    """

    sent: int
    seconds: float
    error_lane: str = ""
    error: str = ""
    error_at: float = 0.0


# The steps.


def _fate(recipient: str, answer: Answer) -> RecipientResult:
    code, enhanced, text, _ = answer
    if not code:
        return RecipientResult(recipient, Outcome.REFUSED)  # by courriel itself, without a server's reply
    reply = Reply(code, (f"{enhanced} {text}".strip(),))
    return RecipientResult(recipient, Outcome.ACCEPTED if reply.kind == 2 else Outcome.REFUSED, reply)
