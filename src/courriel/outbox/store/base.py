"""
Where mails are kept until they have reached their end: what a store can do, and the values that go in and out.

One row a mail, and a few short statements; the same ones for every engine (`courriel.outbox.sql`).

    put -> READY --claim--> LEASED --mark--> IN_FLIGHT --settle--> SENT | FAILED
             ^                 |              |
             |<----------------+--------------+   not now; or the lease ran out: nobody knows more about it
    HELD: waits for a person         CANCELED: never from IN_FLIGHT

A lease is a token and a time. Who has the token may go on; whoever comes after the time has passed gives the mail to
somebody else, and the token of the first is worth nothing from then on. IN_FLIGHT is what other outboxes do not have:
it is written durably before the final dot of a mail may leave, so that only a mail found in IN_FLIGHT can have been
delivered without anybody having written it down.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from enum import IntEnum
from typing import TYPE_CHECKING, Literal, Protocol, TypeAlias

from courriel import errors
from courriel._dataclass import dataclass, field
from courriel.model.receipt import Outcome, RecipientResult
from courriel.reply import Reply

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

    from courriel.outbox.metrics import Activity


class State(IntEnum):
    """Where a mail stands. Numbers, as they are stored."""

    READY = 0  # waits for a worker, or for its time
    LEASED = 1  # a worker has it; its end has not left
    IN_FLIGHT = 2  # its end may have left, and no answer is written down
    HELD = 3  # waits for a person
    SENT = 4  # every recipient was accepted
    FAILED = 5  # at least one was refused for good, or its time is over
    CANCELED = 6  # somebody took it back before its end left

    @property
    def final(self) -> bool:
        """Whether nothing more happens to it."""
        return self > State.HELD


class OnUnsure(IntEnum):
    """What is done with a mail that may have been delivered without anybody having written it down."""

    RESEND = 0  # somebody may get it twice; nobody goes without
    HOLD = 1  # nobody gets it twice; a person decides


Action: TypeAlias = Literal["cancel", "hold", "release", "retry_now", "found", "not_found"]
"""What can be done to a mail from outside; "found" and "not_found" answer whether one on hold was delivered."""

Known: TypeAlias = "Callable[[NewMail, KnownMail], object]"
"""Hears of a mail whose key is known."""

UNSURE, POISON, LOST, EXPIRED = "unsure", "poison", "lost", "expired"
"""Words in `why` that mean something; everything else there is for people."""

UNREADABLE = "this row cannot be read: "
"""How `why` begins of a mail that is set aside, because somebody has changed its row; what cannot be read follows."""

CHUNK = 256 * 1024  # octets of a body in one row: what a connection holds in memory at a time
LARGE = 1024 * 1024
"""Octets above which a content is written ahead, piece by piece: nobody waits for it, and no memory holds it."""

POISON_AFTER = 5  # leases that ran out in a row, until a mail is taken for the one that kills its workers

LeaseId: TypeAlias = tuple[str, str]
"""One lease of one mail: the id of the mail, and the token of the claim. A later claim of the mail is another lease."""

Answer: TypeAlias = tuple[int, str, str, float]
"""The last word on one recipient, as it is stored: code (0: our own word), enhanced code, text, and when."""


@dataclass(frozen=True, slots=True)
class NewMail:
    """A mail on its way into a store. Times are in seconds from now: the store's clock is the one that counts.

    `options` is what else is in its envelope and known of its content, for JSON.
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
    """Its content, in pieces of CHUNK octets; those of a large one are made when they are read, as often as that is."""


@dataclass(frozen=True, slots=True)
class KnownMail:
    """The mail that is kept under a key already: what was said when it was put."""

    id: str
    sender: str
    recipients: tuple[str, ...]
    options: Mapping[str, object]
    content: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Job:
    """A mail that a worker has leased. `age` and `left` are seconds since it was put, and until it expires.

    `calm` is the age at which it was last settled, or put. `body` is there when the whole of it is small.
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
    """A mail whose lease ran out; `why` is UNSURE, POISON or LOST."""

    id: str
    state: State
    why: str


@dataclass(frozen=True, slots=True)
class DueLane:
    """A lane on which there is something to do, in `wait` seconds: its rate lets nothing leave sooner."""

    name: str
    wait: float = 0.0


@dataclass(frozen=True, slots=True)
class Slots:
    """The right to let so many mails of a lane leave, under its rate, within the next `good_for` seconds.

    `until` is that moment by the store's clock. See `courriel.outbox.rate`.
    """

    lane: str
    mails: int
    until: float
    good_for: float
    per: float


@dataclass(frozen=True, slots=True)
class Claimed:
    """What a claim brought: mails to send, and what was found on the way there."""

    jobs: tuple[Job, ...] = ()
    recovered: tuple[Recovered, ...] = ()
    unreadable: tuple[Recovered, ...] = ()
    """Those whose rows cannot be read; they are HELD, and their rows are left as they are."""
    lane: LaneInfo | None = None
    settled: tuple[bool, ...] = ()
    """What `go_on` says of each mail that it settled."""
    marked: int = 0
    """How many of the jobs, the first ones, are marked already."""
    slots: Slots | None = None
    """Their slots, on a lane with a rate."""
    wait: float | None = None
    """Seconds until the rate of the lane lets the next mail leave."""


@dataclass(frozen=True, slots=True)
class Pruned:
    """What one step of pruning has done."""

    mails: int
    """How many were forgotten."""
    more: bool
    """Whether there may be more to do."""


@dataclass(frozen=True, slots=True)
class LeaseTerms:
    """How mails are leased: for so many seconds, by whom, and when some are marked at once, with which lease.

    `ahead` is how many of them.
    """

    lease: float
    holder: str
    mark: float | None = None
    ahead: int = 0


@dataclass(frozen=True, slots=True)
class Settlement:
    """What became of a leased mail, by the token of whoever had it.

    `recipients` are those still to be tried, `delay` is for READY. A try that says nothing of the mail is not
    `counted`; `unsure` says that it may have been delivered this time. `news` keeps a note until somebody was told.
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
    """One way out, as the store knows it. `paused` is seconds from now; a lane that is `stopped` waits for a person.

    `fails` counts failures of the lane in a row, `cap` is the most mails in hand at a time. Of a rate, `gap` is
    the mean number of seconds between two mails, and no more than `per / gap` of them leave in any `per` seconds. None
    is no such limit.
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
    """A mail as it stands, without its content; times are seconds since 1970, by the store's clock."""

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
    """The recipients that are still to be tried."""
    options: Mapping[str, object]
    results: Mapping[str, Answer]
    why: str
    size: int
    holder: str
    """Who has it in hand, as "host:process/number"; empty when nobody has."""

    @property
    def fates(self) -> tuple[RecipientResult, ...]:
        """What is known of each recipient that a server has given its word on."""
        return tuple(_fate(name, answer) for name, answer in self.results.items())

    @property
    def accepted(self) -> tuple[str, ...]:
        """The recipients that a server has taken it over for."""
        return tuple(fate.recipient for fate in self.fates if fate.outcome is Outcome.ACCEPTED)

    @property
    def refused(self) -> dict[str, Reply]:
        """The recipients that were refused, now or for good, and the last words to each."""
        return {fate.recipient: fate.reply for fate in self.fates if fate.outcome is Outcome.REFUSED and fate.reply}

    @property
    def put_at(self) -> datetime:
        """When it was put."""
        from datetime import UTC, datetime

        return datetime.fromtimestamp(self.created, UTC)


@dataclass(frozen=True, slots=True)
class Count:
    """How many mails of a lane are in a state, and how many of them are unsure.

    `oldest`, in seconds since 1970: of READY the moment at which the first could have been sent, or will be; of those
    in hand or HELD when the oldest was put; None for those that have reached their end.
    """

    lane: str
    state: State
    mails: int
    oldest: float | None
    unsure: int


@dataclass(frozen=True, slots=True)
class IntegrityFinding:
    """Something that is wrong with an outbox: how often, and an example (the id of a mail, a lane, SQLite's words).

    `kind` is "damaged" (SQLite cannot trust the file), "log" (it was copied, or lost its log, while it was open),
    "incomplete" (a mail that waits has lost a part of its content), "orphan" (a content is no mail's), "lane" (a mail's
    lane is not known, so that nobody sends it), "value" (a mail is in no state or priority that there is), "counters"
    (`stats` would tell other numbers).
    """

    kind: str
    number: int
    example: str


@dataclass(frozen=True, slots=True)
class Query:
    """Which mails to list; None is any. `since` is the moment at which they were put, in seconds since 1970.

    With `news`, those whose end somebody has still to hear of, and nothing else is asked.
    """

    state: State | None = None
    lane: str | None = None
    since: float | None = None
    unsure: bool | None = None
    news: bool = False
    most: int | None = None


@dataclass(frozen=True, slots=True)
class WorkerInfo:
    """A process that works on an outbox. `id` is what stands in `holder` of its mails: "host:process/random".

    `folder` is where its lock file lies: beside the outbox, or a folder of the machine; empty when it has none.
    `inode` is that of the lock file: a copy of the file is not locked, and proves nothing. `process` tells processes of
    one machine apart; empty when that is not known. See `courriel.outbox.work.liveness`.
    """

    id: str
    folder: str
    inode: int
    process: str
    heard: float = 0.0
    """Seconds since it last said that it is there."""


@dataclass(frozen=True, slots=True)
class Taken:
    """So many mails of a lane that one worker has in hand; they are given back in `back` seconds, unless it goes on."""

    lane: str
    holder: str
    mails: int
    back: float


class Store(Protocol):
    """What keeps mails. Every method blocks, is safe to call from any thread, and commits before it returns.

    `put`, `mark`, `advance`, `settle` and `edit` are on stable storage when they return; `claim` and `extend` need not
    be: a lease that a power cut undoes was never used. Raises OutboxError, and OutboxUncertain when nobody knows what
    was written.
    """

    @property
    def place(self) -> str:
        """Where it is, for people, without a secret."""
        ...

    def put(self, mails: Sequence[NewMail], conn: object = None, *, known: Known | None = None) -> list[str]:
        """Keep mails, all or none, and return their ids; a key that is there already gives the id of its mail.

        `known` is called with each mail whose key is there already, and the mail that is kept under it, perhaps more
        than once: it is called within the transaction or right after it, and must be quick. With `conn`, a connection
        of the caller's to the same database, it is done in the caller's own transaction.
        """
        ...

    def claim(self, lane: str, most: int, *, lease: float, holder: str) -> Claimed:
        """Lease up to so many mails for `lease` seconds; those whose lease ran out are given back first.

        They are served in their turn: by priority, then by the time at which they were due. Mails whose lease ran out
        before stand in the same queue, but are never leased with the others, and alone from the second time on: one
        that kills its workers takes few others with it.
        """
        ...

    def go_on(self, settlements: Sequence[Settlement], lane: str, most: int, terms: LeaseTerms) -> Claimed:
        """Settle what was sent and claim what comes next, in one durable transaction.

        With `terms.mark` the first `terms.ahead` of them are marked in it too, as `mark` does; not one whose lease ran
        out before.
        """
        ...

    def mark(self, jobs: Sequence[Job], *, lease: float) -> list[bool]:
        """Write down that the end of these mails may leave; False for one that is not the caller's any more.

        The lease is new, and the last one. May be repeated for a mail whose end has not left.
        """
        ...

    def advance(
        self, settlements: Sequence[Settlement], marks: Sequence[tuple[Job, float]]
    ) -> tuple[list[bool], list[bool]]:
        """Settle what was answered and mark what comes next, in one durable transaction; see `settle` and `mark`.

        Each mark has a lease of its own, in seconds.
        """
        ...

    def extend(self, jobs: Sequence[Job], *, lease: float) -> list[bool]:
        """Go on having them; False for one that is not the caller's any more. A mail in IN_FLIGHT is left as it is."""
        ...

    def settle(self, settlements: Sequence[Settlement]) -> list[bool]:
        """Write down what became of mails; False for one that is not the caller's any more."""
        ...

    def told(self, ids: Sequence[str]) -> None:
        """Whoever wanted the news of these mails has it."""
        ...

    @property
    def beside(self) -> str | None:
        """The file of the outbox, beside which workers keep their lock files; None when it is on a server."""
        ...

    def enlist(self, worker: WorkerInfo) -> None:
        """Know a worker, or that it is still there."""
        ...

    def workers(self) -> Sequence[WorkerInfo]:
        """Every worker that is known; some may be gone."""
        ...

    def resign(self, id: str) -> bool:  # noqa: A002
        """Forget a worker; False when it has mails in hand."""
        ...

    def take_over(self, id: str, *, wait: float) -> Sequence[Recovered]:  # noqa: A002
        """Give back a hundred mails of a worker that is proved to be gone, without waiting for their leases.

        Those that may have been delivered are due in `wait` seconds.
        """
        ...

    def taken(self, id: str = "") -> Sequence[Taken]:  # noqa: A002
        """What workers have in hand, or who has one mail."""
        ...

    def edit(self, id: str, action: Action) -> bool:  # noqa: A002 - its name everywhere
        """Do something to a mail; False when its state does not allow it. Raises TicketNotFound."""
        ...

    def find(self, *, id: str | None = None, key: str | None = None) -> MailInfo | None:  # noqa: A002
        """One mail, by its id or its key."""
        ...

    def read(self, query: Query) -> Iterator[MailInfo]:
        """Mails in the order in which they were put; the store may change meanwhile, and nothing is read twice."""
        ...

    def counts(self) -> list[Count]:
        """How many mails are where."""
        ...

    def activity(self, window: float, most: int) -> Activity:
        """What was sent in the last `window` seconds, of at most so many mails, and the last error of any lane."""
        ...

    def body(self, id: str) -> Iterator[bytes]:  # noqa: A002
        """The content of a mail, piece by piece; empty when there is none."""
        ...

    def lanes(self) -> list[LaneInfo]:
        """Every lane that ever had a mail, or a setting."""
        ...

    def due_lanes(self) -> list[DueLane]:
        """The lanes on which there is something to do: one question, however many lanes there are."""
        ...

    def renew_slots(self, slots: Slots) -> Slots | None:
        """Have slots that were taken, and are nearly over, for as long again; None when others have them by now."""
        ...

    def leave_slots(self, slots: Slots, *, used: int, ago: float) -> None:
        """So many of the mails left under the slots, the last of them answered `ago` seconds ago; the rest is free."""
        ...

    def set_lane(self, name: str, changes: Mapping[str, object]) -> LaneInfo:
        """Change `stopped`, `cap`, or `gap` and `per` of a lane, which is made when it is missing."""
        ...

    def lane_failed(self, name: str, *, fails: int, pause: float, why: str) -> None:
        """A lane failed, and rests for `pause` seconds; nothing, when others wrote that down since it had `fails`."""
        ...

    def note_error(self, name: str, why: str) -> None:
        """Remember the last error on a lane, with the moment; `lane_failed` does as well."""
        ...

    def lane_works(self, name: str) -> None:
        """Something was answered on a lane that had failed."""
        ...

    def prune(self, *, sent: float, failed: float, most: int) -> Pruned:
        """Forget mails that have been sent (or canceled), or failed, for so many seconds: one short transaction.

        At most so many mails, of a megabyte together. What is larger goes in pieces, when this is called again.
        """
        ...

    def check(self) -> list[IntegrityFinding]:
        """Look for what is wrong; all of it is read, which takes its time. Empty when all is well."""
        ...

    def backup(self, path: Path) -> None:
        """Write a copy of all that is committed into a new file, while others go on. Raises UsageError, OutboxError."""
        ...

    def compact(self) -> tuple[int, int]:
        """Give the room of what was forgotten back to the disk; the octets of the file before and after."""
        ...

    def reopen(self) -> None:
        """Begin anew after OutboxUncertain."""
        ...

    def close(self) -> None:
        """Let go of everything; may be called twice."""
        ...


def in_chunks(pieces: Iterable[bytes]) -> tuple[bytes, ...]:
    """A content in pieces of the size that is stored; the last one may be smaller."""
    return tuple(_rechunked(pieces))


class LazyChunks:
    """The chunks of a content that is not held in memory: read from its files each time that they are asked for.

    Raises InvalidMessage when it is not as long any more as it was.
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
        return RecipientResult(recipient, Outcome.REFUSED)  # by us: it could not be done
    reply = Reply(code, (f"{enhanced} {text}".strip(),))
    return RecipientResult(recipient, Outcome.ACCEPTED if reply.kind == 2 else Outcome.REFUSED, reply)
