"""Ticket: the handle of one mail in an outbox, by which it is looked up, waited for and taken back."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from io import BytesIO
from time import monotonic
from typing import TYPE_CHECKING

from courriel import errors
from courriel.outbox import checks
from courriel.outbox.store.base import Store
from courriel.outbox.store.facts import MailInfo
from courriel.outbox.store.jobs import OTHERS
from courriel.outbox.store.parts import joined
from courriel.outbox.store.states import Action, State
from courriel.outbox.wakeup import Wakeup

if TYPE_CHECKING:
    from courriel.outbox.store.reports import HistoryEntry

_SOONEST, _LATEST = 0.02, 1.0  # seconds between two reads, when a worker of another process sends


class Ticket:
    """Handle of one mail in an outbox. Each call reads the store; nothing is cached.

        ticket = outbox.put(message)
        with outbox.worker():
            ticket.wait(timeout=30)
        print(ticket.info.accepted)  # ('bob@example.org',)

    A mail in parts (one row for each way of its recipients, see ByDomain) has one ticket: `info` joins all of them, and
    each action is one on all of them; it is True when one of them took it.
    """

    def __init__(self, id: str, store: Store, bell: Wakeup, *, existed: bool = False) -> None:  # noqa: A002
        self.id = id
        self.existed = existed
        """Whether `put` found the key in the outbox, and stored no new mail."""
        self._store = store
        self._bell = bell

    @property
    def info(self) -> MailInfo:
        """Stored facts of the mail; of one in parts, of all of them. Raises TicketNotFound when it was pruned."""
        found = self._store.find(id=self.id)
        if found is None:
            raise errors.TicketNotFound(f"there is no mail {self.id} in {self._store.place}")
        return joined(self._store.parts(self.id)) if OTHERS in found.options else found

    @property
    def status(self) -> State:
        """State of the mail: READY, LEASED, IN_FLIGHT, HELD, SENT, FAILED or CANCELED."""
        return self.info.state

    def wait(self, timeout: float = 60.0) -> MailInfo:
        """Wait for an end state (SENT, FAILED, CANCELED), for `timeout` seconds at most. Raises NotYet.

        A worker has to send meanwhile, in this process or another.
        """
        return self._wait(lambda info: info.state.final, checks.seconds("timeout", timeout))

    def cancel(self) -> bool:
        """Take the mail back; False when it is too late: its end may have left, or it is in an end state.

        True says that it is not sent any more, and nothing of earlier attempts: with `info.unsure` above zero it may
        have arrived, and `info.accepted` has those for whom a server has taken it over; see `info.standings`.
        """
        return self._edit("cancel")

    def hold(self) -> bool:
        """Hold the mail until `release`; False when it is too late. As with `cancel`, it may have arrived before."""
        return self._edit("hold")

    def release(self) -> bool:
        """Release a HELD mail: it becomes due now. An unsure one may then arrive twice. False in any other state."""
        return self._edit("release")

    def retry_now(self) -> bool:
        """Make a mail that waits for its next attempt due at once; False in any other state."""
        return self._edit("retry_now")

    def retry_failed(self) -> bool:
        """Send one that FAILED again, to those recipients that no server accepted it for; False for others.

        It has as long to live as when it was put. Where it is unsure, somebody may get it twice.
        """
        return self._edit("retry_failed")

    @property
    def history(self) -> Sequence[HistoryEntry]:
        """History of the mail: its put, the last word of each server, and later reports, each with its time.

        Raises TicketNotFound when it was pruned.
        """
        from courriel.outbox.reports.history import history_of

        info = self.info
        return history_of(info, [entry for row in info.parts or (info,) for entry in self._store.history(row.id)])

    def apply_report(self, recipient: str) -> bool:
        """Believe the last report about this recipient, which proved nothing; False when there is none.

        The recipient is then returned or complained, and gets onto the suppression list, as if the report had been
        proven. Raises TicketNotFound; UsageError for an address that the mail was not sent to.
        """
        from courriel.outbox.reports.history import applied

        report = applied(self.info, self._store.history, recipient)
        return report is not None and self._store.note_reports([report])[0] == "new"

    def content(self) -> bytes:
        """Content of the mail as it is sent, octet by octet, whole in memory; see `blocks` for a large one."""
        whole = BytesIO()
        for block in self.blocks():
            whole.write(block)
        return whole.getvalue()

    def blocks(self) -> Iterator[bytes]:
        """Content of the mail in blocks of up to 256 KB, read from the store one by one.

        Raises TicketNotFound, and InvalidMessage for an incomplete content, when the tables were changed by hand.
        """
        left = self.info.size
        for block in self._store.body(self.id):
            left -= len(block)
            yield block
        if left:
            raise errors.InvalidMessage(f"the content of mail {self.id} is not whole in {self._store.place}")

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Ticket) and (self.id, self._store) == (other.id, other._store)

    def __hash__(self) -> int:
        return hash(self.id)

    def __repr__(self) -> str:
        return f"<Ticket {self.id}>"

    # The steps.

    def _edit(self, action: Action) -> bool:
        found = self._store.find(id=self.id)
        parts = self._store.parts(self.id) if found is not None and OTHERS in found.options else ()
        done = [self._store.edit(ident, action) for ident in [part.id for part in parts] or [self.id]]
        self._bell.ring()
        return any(done)

    def _wait(self, enough: Callable[[MailInfo], bool], timeout: float) -> MailInfo:
        ends, pause = monotonic() + timeout, _SOONEST
        while True:
            rung = self._bell.rung
            info = self.info
            left = ends - monotonic()
            if enough(info):
                return info
            if left <= 0:
                raise errors.NotYet(f"mail {self.id} is {info.state.name} after {timeout:g} s")
            if not self._bell.wait(rung, min(pause, left)):
                pause = min(pause * 2, _LATEST)
