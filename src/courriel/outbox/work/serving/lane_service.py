"""LaneService: claims the due mails of one lane, and has them sent by the lane's transport."""

from __future__ import annotations

from collections.abc import Sequence
from threading import Semaphore
from time import monotonic
from typing import TYPE_CHECKING

from courriel import errors
from courriel.delivery.urls.route import Route
from courriel.network.careful_log import CarefulLogger
from courriel.outbox.lanes import Way, shown
from courriel.outbox.rate import in_lane
from courriel.outbox.store.jobs import Claimed, LeaseTerms, Settlement
from courriel.outbox.work.imports import descriptors_in_our_words
from courriel.outbox.work.sending.batch import Batch, lease_of_mark
from courriel.outbox.work.sending.dispatcher import Dispatcher, answer_limit, sessions_at_once, silence_limit
from courriel.outbox.work.serving.lane_sending import LaneSending, Terms
from courriel.session.pool.throttle import Rate

if TYPE_CHECKING:
    from courriel.outbox.work.run import Run
    from courriel.outbox.work.serving.due_lanes import DueLanes
    from courriel.outbox.work.tools import Tools

logger = CarefulLogger("courriel.outbox")

_IN_A_ROW = 1000  # mails sent on one lane before the others are served


class LaneService:
    """Service of the lanes of one worker, by any of its threads; `most` mails are claimed together."""

    def __init__(self, tools: Tools, due: DueLanes, most: int) -> None:
        self._tools, self._store, self._due, self._most = tools, tools.store, due, most
        self._locks: dict[object, Semaphore] = {}
        self._rated: dict[str, str] = {}  # rate from the URL or profile of each lane

    def serve(self, run: Run, lane: str, dispatcher: Dispatcher, *, alone: bool = False) -> tuple[int, float | None]:
        """Claim and send mails of a lane; how many were tried, and the seconds until its rate allows the next.

        A lane that is `alone` is served for a while without a pause between two batches.
        """
        run.pulse.beat()
        way = self._way(lane)
        if way is None:
            return 0, None
        self._keep_rate(lane, way)
        self._due.serves(lane)
        with sessions_at_once(lane, way, self._locks), dispatcher.held(lane, way) as held:
            if not held:
                return 0, None
            claimed, began = self._claim(run, lane, way, dispatcher)
            # Going on has no use where all claimed mails may be marked at once, nor under a rate.
            goes_on = alone and dispatcher.ahead(lane).number < self._most and claimed.slots is None
            tried = 0
            if claimed.jobs:
                terms = self._terms(run, lane, way, dispatcher)
                tried = LaneSending(run, terms, claimed, began, _IN_A_ROW if goes_on else 0).send()
            return tried + len(claimed.unreadable), claimed.wait

    # The steps.

    def _way(self, lane: str) -> Way | None:
        """The transport of a lane; None, and a line in the log, when this process has none."""
        try:
            with descriptors_in_our_words(self._store.place):
                return self._tools.ways.way(lane)
        except errors.UsageError as unknown:
            if self._due.has_no_way(lane):
                logger.warning(
                    "Lane %s is not known to this worker, which leaves its mails: %s",
                    shown(lane),
                    unknown,
                    extra={"action": "lane_unknown"},
                )
            return None

    def _terms(self, run: Run, lane: str, way: Way, dispatcher: Dispatcher) -> Terms:
        return Terms(
            lane,
            way,
            dispatcher,
            answer_limit(way),
            lease_of_claim(way),
            self._most,
            lambda batch: self._claim(run, lane, way, dispatcher, batch),
            self._due.is_urgent_elsewhere,
        )

    def _keep_rate(self, lane: str, way: Way) -> None:
        """Store the rate of a lane's URL or profile as the rate of the lane, for all workers."""
        rate = way.rate if isinstance(way, Route) else ""
        if rate and self._rated.get(lane) != rate:
            self._store.set_lane(lane, in_lane(Rate.parse(rate)))
            self._rated[lane] = rate

    def _claim(
        self, run: Run, lane: str, way: Way, dispatcher: Dispatcher, batch: Batch | None = None
    ) -> tuple[Claimed, float]:
        """Claim the next mails of a lane, and store pending results in the same commit; also a time before the claim.

        When a session has just delivered, only envelopes lie between the claim and the first end, so that the same
        commit marks the next mails. With `ahead` 1 each mail is marked just before its end, on purpose.
        """
        began = monotonic()
        ahead = dispatcher.ahead(lane)
        going_on = ahead.most > 1 and (batch is not None or dispatcher.flows(lane, way))
        going_on = going_on and not (batch is not None and batch.has_ways)  # its way is stored before a mark
        lease, mark = lease_of_claim(way), lease_of_mark(answer_limit(way)) if going_on else None

        def go_on(done: Sequence[Settlement]) -> tuple[Claimed, Sequence[bool]]:
            room = ahead.room([settled.lease_id for settled in done]) - (batch.pending if batch is not None else 0)
            if batch is not None:
                ahead.reserve(max(0, room))
            terms = LeaseTerms(lease, run.holder, mark, max(0, room))
            claimed = self._store.go_on(done, lane, self._most, terms)
            return claimed, claimed.settled

        claimed = run.results.writer.settle_with(go_on, always=going_on)
        claimed = claimed or self._store.claim(lane, self._most, lease=lease, holder=run.holder)
        run.results.tell_found(claimed)
        return claimed, began


def lease_of_claim(way: Way) -> float:
    """Lease of a claim in seconds: a minute longer than a server may be silent before a mark."""
    return lease_of_mark(silence_limit(way))
