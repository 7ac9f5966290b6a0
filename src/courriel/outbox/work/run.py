"""Run: what the threads of a worker share from its start to its stop."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from threading import Event, Thread
from time import monotonic
from typing import TYPE_CHECKING

from courriel.outbox.work.doubts import Doubts
from courriel.outbox.work.imports import descriptors_in_our_words, import_all
from courriel.outbox.work.lease_keeper import LeaseKeeper
from courriel.outbox.work.results import Results

if TYPE_CHECKING:
    from courriel.outbox.questions import Confirm
    from courriel.outbox.work.health import Pulse
    from courriel.outbox.work.stop_requests import StopRequests
    from courriel.outbox.work.tools import Tools

_CUT = 2.0  # seconds for a cut session to give the results of its mails


class Run:
    """One run of a worker. A thread that hangs at its end keeps it, and takes no part in a later run.

    `interrupted` is called with an exception by which a function of the user asks for an end: SystemExit, say.
    """

    def __init__(
        self,
        tools: Tools,
        confirm: Confirm | None,
        requests: StopRequests,
        pulse: Pulse,
        interrupted: Callable[[BaseException], None],
    ) -> None:
        with descriptors_in_our_words(tools.store.place):
            import_all()
        self.tools, self.pulse = tools, pulse
        self.halt = Event()
        """Set when no more mails are to be begun."""
        self._requests, self._interrupted = requests, interrupted
        self.holder = tools.presence.enter()
        """Id of the worker, for the leases of its mails."""
        self.results = Results(tools, lambda: self.keeper.in_hand)
        self.doubts = Doubts(confirm, self.results, interrupted)
        self.keeper = LeaseKeeper(tools, self.doubts.questions, self.results.tell)
        tools.listeners.enders.add(interrupted)
        self.keeper.start()

    def goes_on(self) -> bool:
        """Whether more mails may be begun."""
        return not (self.halt.is_set() or self._requests.number)

    def give_back(self, threads: Sequence[Thread], seconds: float) -> int:
        """Give back what has not left, cut the connections of the rest, and have all results stored in `seconds`.

        Returns how many mails are unsure, or have no stored result.
        """
        batches = self.keeper.in_hand
        for batch in batches:
            self.results.give_back_unsent(batch)
        self.doubts.close()
        for batch in batches:
            if (cut := batch.cut) is not None:
                cut()
        ends = monotonic() + _CUT
        for thread in threads:
            thread.join(max(0.0, ends - monotonic()))
        for batch in batches:
            self.results.store_unanswered(batch)
        left = self.end(seconds, threads, keeper=1.0 if self._requests.number > 1 else 10.0)
        return left + sum(batch.unsure for batch in batches)

    def end(self, seconds: float, threads: Sequence[Thread] = (), *, keeper: float = 10.0) -> int:
        """Stop the threads beside the senders; returns how many results could not be stored in `seconds`.

        The lock of a process whose sending `threads` are still alive is kept: they may still be sending.
        """
        self.doubts.close()
        self.keeper.stop(keeper)
        left = self.results.close(seconds)
        hanging = any(thread.is_alive() for thread in threads)
        self.tools.presence.leave(clean=not left and not hanging)
        self.tools.listeners.enders.discard(self._interrupted)
        return left
