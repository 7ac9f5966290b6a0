"""What `put` gives back: the number of a mail, by which it is looked up, waited for and taken back."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from io import BytesIO
from time import monotonic

from courriel import errors
from courriel.outbox.store.base import Action, MailInfo, State, Store
from courriel.outbox.work.wakeup import Wakeup

_SOONEST, _LATEST = 0.02, 1.0  # seconds between two looks, when somebody else's worker sends


class Ticket:
    """One mail in an outbox. Everything is looked up when it is asked for; nothing here grows old."""

    def __init__(self, id: str, store: Store, bell: Wakeup, *, existed: bool = False) -> None:  # noqa: A002 - its name everywhere
        self.id = id
        self.existed = existed
        """Whether `put` found the mail in the outbox under its key, and kept nothing new."""
        self._store = store
        self._bell = bell

    @property
    def info(self) -> MailInfo:
        """Everything that is known of it. Raises TicketNotFound when it was pruned."""
        found = self._store.find(id=self.id)
        if found is None:
            raise errors.TicketNotFound(f"there is no mail {self.id} in {self._store.place}")
        return found

    @property
    def status(self) -> State:
        """Where it stands: READY, LEASED, IN_FLIGHT, HELD, SENT, FAILED or CANCELED."""
        return self.info.state

    def wait(self, timeout: float = 60.0) -> MailInfo:
        """Wait until it has reached its end (SENT, FAILED, CANCELED), for so many seconds at most. Raises NotYet.

        Somebody has to send meanwhile: a worker, in this process or another.
        """
        return self._wait(lambda info: info.state.final, timeout)

    def cancel(self) -> bool:
        """Take it back; False when it is too late: its end may have left, or it has reached its own."""
        return self._edit("cancel")

    def hold(self) -> bool:
        """Keep it until `release`; False when it is too late."""
        return self._edit("hold")

    def release(self) -> bool:
        """Let go of one that is HELD: it is sent now. One that is unsure may then arrive twice. False for others."""
        return self._edit("release")

    def retry_now(self) -> bool:
        """Send one that waits for its next try at once; False for one that does not wait."""
        return self._edit("retry_now")

    def retry_failed(self) -> bool:
        """Send one that FAILED again, to those recipients that no server accepted it for; False for others.

        It has as long to live as when it was put. Where it is unsure, somebody may get it twice.
        """
        return self._edit("retry_failed")

    def content(self) -> bytes:
        """The whole mail in memory, to the octet, as it is sent; see `blocks` for a large one."""
        whole = BytesIO()
        for block in self.blocks():
            whole.write(block)
        return whole.getvalue()

    def blocks(self) -> Iterator[bytes]:
        """The same, in blocks of up to 256 KB that are read as they are asked for.

        Raises TicketNotFound, and InvalidMessage for a content that is not whole: somebody has changed the tables.
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
        done = self._store.edit(self.id, action)
        self._bell.ring()
        return done

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
