"""
Interface of an outbox store (`Store`), and the values that it takes and returns.

One row for each mail, and a few short statements, the same for every engine (`sql/statements.sql`).

    put -> READY --claim--> LEASED --mark--> IN_FLIGHT --settle--> SENT | FAILED
             ^                 |              |
             |<----------------+--------------+   not sent now; or the lease expired, and no result is known
    HELD: waits for a person         CANCELED: never from IN_FLIGHT

A lease is a token and an expiry time. Only the holder of the token may go on with the mail. After the expiry the next
claim gives the mail a new token, and the old one is refused from then on. IN_FLIGHT is what other outboxes lack: it is
written durably before the final dot of a mail may leave, so that only a mail found in IN_FLIGHT can have been delivered
without a stored result.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from enum import IntEnum
from typing import TYPE_CHECKING, Literal, Protocol, TypeAlias

from courriel import errors
from courriel._dataclass import dataclass, field
from courriel.model.receipt import Outcome, RecipientResult
from courriel.outbox.store.standing import Standing, standings_of
from courriel.reply import Reply

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

    from courriel.outbox.metrics import Activity


class State(IntEnum):
    """State of a mail, as the number that is stored."""

    READY = 0  # waits for a worker, or for its due time
    LEASED = 1  # held by a worker; its end has not left
    IN_FLIGHT = 2  # its end may have left, and no answer is stored
    HELD = 3  # waits for a person
    SENT = 4  # every recipient was accepted
    FAILED = 5  # at least one recipient was refused for good, or it expired
    CANCELED = 6  # taken back before its end left

    @property
    def final(self) -> bool:
        """Whether the state is an end: SENT, FAILED or CANCELED."""
        return self > State.HELD


class OnUnsure(IntEnum):
    """Policy for a mail that may have been delivered without a stored result."""

    RESEND = 0  # a recipient may get it twice, and none goes without
    HOLD = 1  # no recipient gets it twice; a person decides


Action: TypeAlias = Literal["cancel", "hold", "release", "retry_now", "retry_failed", "found", "not_found"]
"""Action of a person on a mail; "found" and "not_found" answer whether a held mail was delivered."""

Known: TypeAlias = "Callable[[NewMail, KnownMail], object]"
"""Callback for a mail whose key is already in the store."""

UNSURE, POISON, LOST, EXPIRED, FOUND = "unsure", "poison", "lost", "expired", "found"
"""Values of `why` with a meaning for programs; any other text is for people."""

MISSING, DAMAGED, FORBIDDEN, FULL = "OUTBOX-MISSING", "OUTBOX-DAMAGED", "OUTBOX-FORBIDDEN", "OUTBOX-FULL"
"""Records of the failure table for an outbox: none there, damaged, and not to be used by this user."""

UNREADABLE = "this row cannot be read: "
"""Prefix of `why` for a mail that is held because its row was changed by hand; the unreadable columns follow."""

CHUNK = 256 * 1024  # octets of a body in one row: the unit held in memory
LARGE = 1024 * 1024
"""Octets above which a content is staged: written in pieces before the mail's own transaction, so that no other writer
waits for it and it is never whole in memory."""

POISON_AFTER = 5  # consecutive expired leases after which a mail is held as the one that kills its workers

LeaseId: TypeAlias = tuple[str, str]
"""One lease of one mail: the id of the mail, and the token of the claim. A later claim of the mail is another lease."""

Answer: TypeAlias = tuple[int, str, str, float]
"""Last reply for one recipient as it is stored: code (0: a result of our own), enhanced code, text, and time."""


@dataclass(frozen=True, slots=True)
class NewMail:
    """A mail to be put. Times are seconds from now, because only the store's clock counts.

    `options` has the rest of the envelope and the properties of the content, as values for JSON.
    """

    id: str
    key: str | None
    lane: str
    priority: int
    delay: float
    lifetime: float
    on_unsure: OnUnsure
    message_id: str
    sender: str
    recipients: tuple[str, ...]
    options: Mapping[str, object]
    size: int
    chunks: Iterable[bytes] = field(repr=False)
    """Content in pieces of CHUNK octets; those of a large content are read from its files at each iteration."""


@dataclass(frozen=True, slots=True)
class KnownMail:
    """The mail that is already stored under a key, as it was put."""

    id: str
    sender: str
    recipients: tuple[str, ...]
    options: Mapping[str, object]
    content: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Job:
    """A mail leased by a worker. `age` and `left` are the seconds since it was put, and until it expires.

    `calm` is the age in seconds at which it was last settled, or 0. `body` is the content when it is small, else None:
    it is read while the mail is sent.
    """

    id: str
    token: str
    lane: str
    priority: int
    tries: int
    lost: int
    unsure: int
    on_unsure: OnUnsure
    age: float
    calm: float
    left: float
    message_id: str
    sender: str
    recipients: tuple[str, ...]
    options: Mapping[str, object]
    results: Mapping[str, Answer]
    size: int
    body: tuple[bytes, ...] | None = field(default=None, repr=False)

    @property
    def lease_id(self) -> LeaseId:
        """Key of this lease: a worker can have claimed the same mail twice, and only one of the leases is valid."""
        return self.id, self.token


@dataclass(frozen=True, slots=True)
class Recovered:
    """A mail whose lease expired; `why` is UNSURE, POISON or LOST."""

    id: str
    state: State
    why: str


@dataclass(frozen=True, slots=True)
class DueLane:
    """A lane with due mails; its rate allows the next one in `wait` seconds.

    `priority` is that of its most urgent due mail, from 0 (high) to 2.
    """

    name: str
    wait: float = 0.0
    priority: int = 1


@dataclass(frozen=True, slots=True)
class Slots:
    """The right to send so many mails of a lane under its rate, within the next `good_for` seconds.

    `until` is the end of that time by the store's clock. See `courriel.outbox.rate`.
    """

    lane: str
    mails: int
    until: float
    good_for: float
    per: float


@dataclass(frozen=True, slots=True)
class Claimed:
    """Result of a claim: leased mails, and mails whose state it changed on the way."""

    jobs: tuple[Job, ...] = ()
    recovered: tuple[Recovered, ...] = ()
    unreadable: tuple[Recovered, ...] = ()
    """Mails whose rows cannot be read; they are HELD, and their rows are kept unchanged."""
    lane: LaneInfo | None = None
    settled: tuple[bool, ...] = ()
    """For each settlement of `go_on`, whether it was written."""
    marked: int = 0
    """Number of jobs, from the first on, that are already marked."""
    slots: Slots | None = None
    """Slots of the jobs, on a lane with a rate."""
    wait: float | None = None
    """Seconds until the rate of the lane allows the next mail."""


@dataclass(frozen=True, slots=True)
class Pruned:
    """Result of one step of pruning."""

    mails: int
    """Number of mails deleted."""
    more: bool
    """Whether there may be more mails to delete."""


@dataclass(frozen=True, slots=True)
class LeaseTerms:
    """Parameters of a claim: lease in seconds, holder, and optionally the lease of mails that are marked at once.

    `mark` is that lease in seconds, and `ahead` the number of mails to be marked.
    """

    lease: float
    holder: str
    mark: float | None = None
    ahead: int = 0


@dataclass(frozen=True, slots=True)
class Settlement:
    """Outcome of an attempt for a leased mail, with the token of its lease.

    `recipients` are those still to be tried; `delay` in seconds applies to READY. An attempt that failed because of the
    lane and not of the mail is not `counted`. `unsure` says that this attempt may have delivered the mail. `news` keeps
    a note of the event until a listener was called.
    """

    id: str
    token: str
    state: State
    recipients: tuple[str, ...]
    results: Mapping[str, Answer]
    delay: float = 0
    why: str = ""
    counted: bool = True
    unsure: bool = False
    news: bool = False

    @property
    def lease_id(self) -> LeaseId:
        """Key of the lease that it ends."""
        return self.id, self.token


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


class Store(Protocol):
    """Storage of mails. Every method blocks, is thread-safe, and commits before it returns.

    `put`, `mark`, `advance`, `settle` and `edit` are on stable storage when they return; `claim` and `extend` need not
    be: a lease that a power cut undoes was never used. Raises OutboxError, and OutboxUncertain when it is unknown
    whether a commit was written.
    """

    @property
    def place(self) -> str:
        """Path or URL of the store without secrets, for messages."""
        ...

    def put(self, mails: Sequence[NewMail], conn: object = None, *, known: Known | None = None) -> list[str]:
        """Store mails, all or none, and return their ids; for a known key this is the id of the stored mail.

        `known` is called with each mail whose key is already stored, and the stored mail, perhaps more than once. The
        call comes within the transaction or right after it, and must be quick. With `conn`, the caller's own connection
        to the same database, the mails are written in the caller's transaction.
        """
        ...

    def claim(self, lane: str, most: int, *, lease: float, holder: str) -> Claimed:
        """Lease up to `most` mails for `lease` seconds; expired leases are recovered first.

        The order is priority, then due time. Mails whose lease expired before keep their turn, but are leased apart
        from the others, and one by one from the second expiry on: a mail that kills its workers takes few others with
        it.
        """
        ...

    def go_on(self, settlements: Sequence[Settlement], lane: str, most: int, terms: LeaseTerms) -> Claimed:
        """Settle finished mails and claim the next ones, in one durable transaction.

        With `terms.mark` the first `terms.ahead` mails are also marked, as by `mark`, except those whose lease expired
        before.
        """
        ...

    def mark(self, jobs: Sequence[Job], *, lease: float) -> list[bool]:
        """Store that the end of these mails may leave; False for each mail whose lease was lost.

        The mail gets a new lease of `lease` seconds, its last one. The call may be repeated for a mail whose end has
        not left.
        """
        ...

    def advance(
        self, settlements: Sequence[Settlement], marks: Sequence[tuple[Job, float]]
    ) -> tuple[list[bool], list[bool]]:
        """Settle answered mails and mark the next ones, in one durable transaction; see `settle` and `mark`.

        Each mark has its own lease, in seconds.
        """
        ...

    def extend(self, jobs: Sequence[Job], *, lease: float) -> list[bool]:
        """Extend leases; False for each mail whose lease was lost. A mail in IN_FLIGHT is left unchanged."""
        ...

    def settle(self, settlements: Sequence[Settlement]) -> list[bool]:
        """Store outcomes of mails; False for each mail whose lease was lost."""
        ...

    def told(self, ids: Sequence[str]) -> None:
        """Record that the listeners have received the events of these mails."""
        ...

    @property
    def beside(self) -> str | None:
        """Path of the outbox file, next to which workers keep their lock files; None for a database server."""
        ...

    def enlist(self, worker: WorkerInfo) -> None:
        """Register a worker process, or renew its sign of life."""
        ...

    def workers(self) -> Sequence[WorkerInfo]:
        """Registered worker processes; some may be gone."""
        ...

    def resign(self, id: str) -> bool:  # noqa: A002
        """Remove a worker process; False while it holds mails."""
        ...

    def take_over(self, id: str, *, wait: float) -> Sequence[Recovered]:  # noqa: A002
        """Give back up to a hundred mails of a worker that is proved to be gone, before their leases expire.

        Mails that may have been delivered become due in `wait` seconds.
        """
        ...

    def taken(self, id: str = "") -> Sequence[Taken]:  # noqa: A002
        """Mails held by workers, by lane and worker; with `id`, the holder of one mail."""
        ...

    def edit(self, id: str, action: Action) -> bool:  # noqa: A002 - its name everywhere
        """Apply an action to a mail; False when its state does not allow it. Raises TicketNotFound."""
        ...

    def begin_with(self, beginning: str) -> Sequence[str]:
        """Ids that begin so, no more than two of them."""
        ...

    def find(self, *, id: str | None = None, key: str | None = None) -> MailInfo | None:  # noqa: A002
        """Find one mail by its id or its key."""
        ...

    def read(self, query: Query) -> Iterator[MailInfo]:
        """Iterate over mails in the order of their put; the store may change meanwhile, and no mail comes twice."""
        ...

    def counts(self) -> list[Count]:
        """Number of mails for each lane and state."""
        ...

    def activity(self, window: float, most: int) -> Activity:
        """Mails sent in the last `window` seconds, from a sample of at most `most`, and the last error of any lane."""
        ...

    def body(self, id: str) -> Iterator[bytes]:  # noqa: A002
        """Iterate over the content of a mail in chunks; empty when there is none."""
        ...

    def lanes(self) -> list[LaneInfo]:
        """Every lane that ever had a mail or a setting."""
        ...

    def due_lanes(self) -> list[DueLane]:
        """Lanes with due mails, by one query for any number of lanes."""
        ...

    def renew_slots(self, slots: Slots) -> Slots | None:
        """Renew slots that are about to expire; None when others have taken them by now."""
        ...

    def leave_slots(self, slots: Slots, *, used: int, ago: float) -> None:
        """Give back slots: `used` mails were sent, the last one answered `ago` seconds ago, and the rest is free."""
        ...

    def set_lane(self, name: str, changes: Mapping[str, object]) -> LaneInfo:
        """Change `stopped`, `cap`, or `gap` and `per` of a lane; a missing lane is created."""
        ...

    def lane_failed(self, name: str, *, fails: int, pause: float, why: str) -> None:
        """Pause a lane for `pause` seconds after a failure; does nothing when its counter is not `fails` any more."""
        ...

    def note_error(self, name: str, why: str) -> None:
        """Store the last error of a lane with its time; `lane_failed` does so too."""
        ...

    def lane_works(self, name: str) -> None:
        """Reset the failures of a lane after an answer from its server."""
        ...

    def prune(self, *, sent: float, failed: float, most: int) -> Pruned:
        """Delete mails that were sent (or canceled), or failed, so many seconds ago, in one short transaction.

        At most `most` mails and a megabyte of content; a larger content is deleted in pieces, by several calls.
        """
        ...

    def check(self) -> list[IntegrityFinding]:
        """Search the whole store for damage, which takes time; an empty list when there is none."""
        ...

    def backup(self, path: Path) -> None:
        """Copy the committed state into a new file, without blocking others. Raises UsageError, OutboxError."""
        ...

    def compact(self) -> tuple[int, int]:
        """Return free pages to the disk; the size of the file in octets before and after."""
        ...

    def reopen(self) -> None:
        """Open new connections after OutboxUncertain."""
        ...

    def close(self) -> None:
        """Close every connection; may be called twice."""
        ...


def in_chunks(pieces: Iterable[bytes]) -> tuple[bytes, ...]:
    """Split a content into chunks of the stored size; the last one may be smaller."""
    return tuple(_rechunked(pieces))


class LazyChunks:
    """Chunks of a content that is not held in memory: its files are read at each iteration.

    Raises InvalidMessage when the length has changed since.
    """

    def __init__(self, pieces: Iterable[bytes], size: int) -> None:
        self._pieces, self._size = pieces, size

    def __iter__(self) -> Iterator[bytes]:
        read = 0
        for chunk in _rechunked(self._pieces):
            read += len(chunk)
            yield chunk
        if read != self._size:
            raise errors.InvalidMessage(
                f"the message had {self._size:,} octets, and {read:,} when it was written down: a file of it was"
                " changed meanwhile",
                stage="compose",
            )


# The steps.


def _rechunked(pieces: Iterable[bytes]) -> Iterator[bytes]:
    held = bytearray()
    for piece in pieces:
        view = memoryview(piece)
        while len(held) + len(view) >= CHUNK:
            taken = CHUNK - len(held)
            yield bytes(held) + view[:taken] if held else bytes(view[:taken])
            held.clear()
            view = view[taken:]
        held += view
    if held:
        yield bytes(held)


def _fate(recipient: str, answer: Answer) -> RecipientResult:
    code, enhanced, text, _ = answer
    if not code:
        return RecipientResult(recipient, Outcome.REFUSED)  # by courriel itself, without a server's reply
    reply = Reply(code, (f"{enhanced} {text}".strip(),))
    return RecipientResult(recipient, Outcome.ACCEPTED if reply.kind == 2 else Outcome.REFUSED, reply)
