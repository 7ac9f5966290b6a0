"""Values that workers exchange with the store: mails put and claimed, leases, slots of a rate, settlements."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TypeAlias

from courriel._dataclass import dataclass, field
from courriel.outbox.store.facts import LaneInfo
from courriel.outbox.store.states import Answer, LeaseId, OnUnsure, State

OTHERS = "others"
"""Name among the options of the first row of a mail for the recipients that stand in its other rows."""

Known: TypeAlias = "Callable[[NewMail, KnownMail], object]"
"""Callback for a mail whose key is already in the store."""


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
    refuse_suppressed: bool = False
    """Whether the put raises SuppressedRecipients when nobody is left; otherwise the mail is stored as FAILED."""
    parent: str = ""
    """Id of the first row of a mail with several, for the others: they are stored only if that one is."""


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
class ClaimedSlots:
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
    slots: ClaimedSlots | None = None
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
