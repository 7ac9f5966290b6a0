"""
Interface of an outbox store (`Store`).

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

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Protocol

from courriel.outbox.store.facts import Count, IntegrityFinding, LaneInfo, MailInfo, Query, Taken, WorkerInfo
from courriel.outbox.store.jobs import (
    Claimed,
    ClaimedSlots,
    DueLane,
    Job,
    Known,
    LeaseTerms,
    NewMail,
    Pruned,
    Recovered,
    Settlement,
)
from courriel.outbox.store.states import Action

if TYPE_CHECKING:
    from pathlib import Path

    from courriel.outbox.store.facts import Activity
    from courriel.outbox.store.reports import HistoryEntry, NewReport, Noted
    from courriel.outbox.store.suppression import Suppression


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

    def token_key(self) -> str:
        """Key that signs the tokens of mails, read once; "" where the tables have none."""
        ...

    def setting(self, name: str, value: str | None = None) -> str:
        """A named text of the outbox, "" when there is none; with `value` it is stored first."""
        ...

    def note_reports(self, reports: Sequence[NewReport]) -> Sequence[Noted]:
        """Write reports down, each with its fate and its suppression or not at all, some hundreds in one commit.

        Durable; the same report twice, from any number of processes, counts once.
        """
        ...

    def history(self, id: str) -> Sequence[HistoryEntry]:  # noqa: A002
        """Reports about a mail, in the order in which they were written down."""
        ...

    def untold(self, most: int) -> Sequence[tuple[str, str, str]]:
        """Reports that no listener has heard of: mail, digest and event of each, the oldest first."""
        ...

    def told_reports(self, each: Sequence[tuple[str, str]]) -> None:
        """Record that listeners have heard of these reports, by mail and digest."""
        ...

    def mails_of_message(self, message_id: str) -> Sequence[str]:
        """Ids of the mails with this Message-ID, no more than eleven."""
        ...

    @property
    def suppressing(self) -> bool:
        """Whether anybody may be on the suppression list, as the last transaction has seen it."""
        ...

    def suppressed(self, addresses: Iterable[str]) -> Sequence[Suppression]:
        """Entries of the suppression list for these addresses, whatever the way in which they are written."""
        ...

    def suppress(self, entries: Sequence[Suppression]) -> Sequence[bool]:
        """Add entries to the suppression list; for each, whether it is new. An old one keeps its note and its time."""
        ...

    def lift(self, address: str, reason: str, stream: str | None) -> int:
        """Take entries of an address off the list: those for one reason (""), and one stream (None), or for any."""
        ...

    def suppressions(self, after: Suppression | None, reason: str, most: int) -> Sequence[Suppression]:
        """A page of the suppression list, in the order of the addresses, after the last entry of the page before."""
        ...

    def claim(self, lane: str, most: int, *, lease: float, holder: str) -> Claimed:
        """Lease up to `most` mails for `lease` seconds; expired leases are recovered first.

        The order is priority, then due time. Mails whose lease expired before keep their place, but are leased apart
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

    def note_way(self, jobs: Sequence[Job], way: str) -> list[bool]:
        """Store by which of the several ways of their lane the ends of these mails may leave, before they are marked.

        False for each mail whose lease was lost.
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

    def parts(self, id: str) -> Sequence[MailInfo]:  # noqa: A002
        """All rows of a mail that leaves in parts, the first one first; those that were not pruned."""
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

    def renew_slots(self, slots: ClaimedSlots) -> ClaimedSlots | None:
        """Renew slots that are about to expire; None when others have taken them by now."""
        ...

    def leave_slots(self, slots: ClaimedSlots, *, used: int, ago: float) -> None:
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
