"""
Worker: claims due mails lane by lane, sends them, and has their results stored.

Any number of workers may run, in one process or in many: each mail is leased to one of them, and the lease keeps the
others off. A worker that dies loses nothing: its leases expire, and others send its mails.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from contextlib import suppress
from functools import partial
from queue import Empty, SimpleQueue
from random import random
from threading import Event, Semaphore, Thread
from time import monotonic
from types import TracebackType
from typing import TYPE_CHECKING

from courriel import errors
from courriel._dataclass import replace
from courriel.delivery.urls.route import Route
from courriel.network import forks
from courriel.network.careful_log import CarefulLogger
from courriel.network.transcripts.transcript import Transcript
from courriel.outbox import checks, policy
from courriel.outbox.attempts import Attempts
from courriel.outbox.lanes import Way, shown
from courriel.outbox.listeners import Event as News
from courriel.outbox.listeners import checked_function
from courriel.outbox.questions import Confirm, Question, Questions
from courriel.outbox.rate import in_lane
from courriel.outbox.store.jobs import Claimed, Job, LeaseTerms, Settlement
from courriel.outbox.store.states import FOUND, State
from courriel.outbox.work.ahead import MOST
from courriel.outbox.work.batch import Batch, lease_of_mark
from courriel.outbox.work.dispatcher import Dispatcher, answer_limit, sessions_at_once, silence_limit
from courriel.outbox.work.due_lanes import LOOK, DueLanes
from courriel.outbox.work.health import Health, Pulse
from courriel.outbox.work.held_slots import HeldSlots
from courriel.outbox.work.idle_sessions import PER_HOST, limited_sessions
from courriel.outbox.work.imports import descriptors_in_our_words, import_all, too_many_files
from courriel.outbox.work.lease_keeper import LeaseKeeper
from courriel.outbox.work.marking import Marking, Marks
from courriel.outbox.work.outcomes import LaneOutcome, decision_on, events_of, recipients_of, stored_text, unanswered
from courriel.outbox.work.result_writer import Entry, ResultWriter, reopen
from courriel.outbox.work.takeover import tell_recovered, tell_unreadable
from courriel.outbox.work.tools import Tools
from courriel.session.pool.throttle import Rate

if TYPE_CHECKING:
    from typing import Self


logger = CarefulLogger("courriel.outbox")

BATCH = 100
"""Mails claimed together, in one commit; few of them are marked at a time (see `courriel.outbox.work.ahead`)."""

GRACE = 30.0
"""Seconds for which a stopping worker waits for answers."""

_CUT = 2.0  # seconds for a cut session to give the results of its mails
_TURN = 1000  # mails sent on one lane before the others are served
_NEXT = 1e-6  # seconds between the times at which mails that were given back together are due
_ASK_LATER = 60.0  # seconds until a mail is looked at again, when too many are asked about


class Worker:
    """Threads that send, and one that stores results; used by `with`, or by `start` and `stop`.

    Each of the `workers` threads claims `batch` mails at a time, and at most `ahead` of them are marked: as many are
    unsure when the process is killed. Up to `sessions` are kept open for the next mails of their lanes (default: 100,
    or a quarter of the file descriptors), with at most `per_host` connections to one host. `lanes` restricts the worker
    to some lanes. `confirm` is called before an unsure mail is sent again, in a thread of its own; no answer within
    five minutes counts as None. A `transcript` records the conversations of the sessions that the worker opens, without
    secrets and contents.
    """

    def __init__(
        self,
        tools: Tools,
        *,
        workers: int = 1,
        lanes: Iterable[str] | None = None,
        confirm: Confirm | None = None,
        batch: int = BATCH,
        ahead: int = MOST,
        sessions: int | None = None,
        per_host: int = PER_HOST,
        transcript: Transcript | None = None,
    ) -> None:
        if not isinstance(workers, int) or isinstance(workers, bool) or not 0 < workers <= 100:
            raise errors.UsageError(f"workers: a number from 1 to 100, not {checks.shown(workers)}")
        if not isinstance(batch, int) or isinstance(batch, bool) or not 0 < batch <= 1000:
            raise errors.UsageError(f"batch: a number from 1 to 1000, not {checks.shown(batch)}")
        if not isinstance(ahead, int) or isinstance(ahead, bool) or not 0 < ahead <= 1000:
            raise errors.UsageError(f"ahead: a number from 1 to 1000, not {checks.shown(ahead)}")
        if transcript is not None and not isinstance(transcript, Transcript):
            raise errors.UsageError(f"transcript: a Transcript, not {checks.shown(transcript)}")
        self._tools, self._store = tools, tools.store
        self._sessions = limited_sessions(sessions, per_host, tools.bell.ring)
        self._due = DueLanes(tools.store, tools.bell, None if lanes is None else frozenset(lanes))
        self._confirm = None if confirm is None else checked_function("confirm", confirm)
        self._batch, self._ahead = batch, min(ahead, batch)
        self._workers = workers
        self._transcript = transcript
        self._holder = ""  # id of this worker while it runs
        self._halt = Event()
        self._asked = 0  # times
        self._calls: SimpleQueue[None] = SimpleQueue()  # safe to use in a signal handler
        self._locks: dict[object, Semaphore] = {}
        self._rated: dict[str, str] = {}  # rate from the URL or profile of each lane
        self._threads: list[Thread] = []
        self._recorder: ResultWriter | None = None
        self._found = 0  # mails of this run that `confirm` has found delivered
        self._advanced = False  # whether this round has settled a mail, apart from giving it back
        self._pulse = Pulse()
        self._ended_by: BaseException | None = None  # raised by a function of the user: SystemExit and its like
        self._questions = Questions(self._confirm, self._end_by)
        self._keeper = LeaseKeeper(tools, self._questions, self._tell)
        forks.renew_in_child(self, type(self)._after_fork)

    def _after_fork(self) -> None:
        """Reset in a child process: threads, pending results and leases belong to the parent.

        The worker may be started in the child, with an id of its own.
        """
        forks.keep_for_ever(self._recorder, self._keeper, self._questions, self._threads)
        self._holder = ""
        self._halt, self._locks, self._threads, self._recorder = Event(), {}, [], None
        self._pulse = Pulse()
        self._asked, self._calls = 0, SimpleQueue()
        self._tools.listeners.enders.discard(self._end_by)
        self._ended_by = None
        self._questions = Questions(self._confirm, self._end_by)
        self._keeper = LeaseKeeper(self._tools, self._questions, self._tell)

    # Running.

    def start(self) -> Self:
        """Start the threads."""
        if self._recorder is not None:
            raise errors.UsageError("this worker runs already")
        # A new event, so that a hanging thread of an earlier run does not go on.
        self._halt = Event()
        if self._asked:
            self._halt.set()
        self._begin()
        for number in range(self._workers):
            name = f"courriel outbox worker {number + 1}"
            thread = Thread(target=self._work, args=(number, self._halt), name=name, daemon=True)
            self._threads.append(thread)
            thread.start()
        return self

    def ask_to_stop(self) -> None:
        """Request a stop; a second call also ends the wait for answers. Safe in a signal handler."""
        self._asked += 1
        self._calls.put(None)

    def stop(self, grace: float = GRACE) -> int:
        """Stop the threads: begin no more mails, wait for pending answers, and give back what has not left.

        Returns how many mails are unsure: those that may have left, and were not answered in `grace` seconds. A second
        request to stop, or an interrupt, ends the wait; the mails are given back all the same. What a function of the
        user has raised to end the program (SystemExit) is raised here, when that is done.
        """
        grace = checked_grace(grace)
        self._halt.set()
        if self._recorder is None:
            return 0  # not running
        self._tools.bell.ring()
        ends = monotonic() + grace
        try:
            self._wait_for_threads(ends)
        finally:
            left = self._give_back(1.0 if self._asked > 1 else max(1.0, ends - monotonic()))
        if left:
            logger.warning("Mails in doubt: %d; the worker stopped before they were answered", left,
                           extra={"action": "stopped_unsure"})  # fmt: skip
        self._raise_ending()
        return left

    def health(self) -> Health:
        """Health of the worker, for a watchdog or a health check; it never blocks."""
        recorder = self._recorder
        return self._pulse.health(self._keeper.moved, *([] if recorder is None else [recorder.moved]))

    def wait(self) -> None:
        """Wait for a call of `ask_to_stop`."""
        while not self._asked:
            with suppress(Empty):
                self._calls.get(timeout=LOOK)

    def run_once(self, for_seconds: float | None = None) -> int:
        """Send due mails in the calling thread, and return how many were tried. Safe in any thread.

        It ends when no due mail can be sent: a lane with a rate is waited for, a paused or stopped lane is not. With
        `for_seconds` it ends sooner, when they have passed, or when no rate allows a mail before (default: no limit);
        mails in hand are finished first.
        """
        if self._recorder is not None:
            raise errors.UsageError("this worker runs already")
        ends = monotonic() + checked_seconds(for_seconds)
        self._halt = halt = Event()
        self._begin()
        recorder, tried, left = self._recorder, 0, 0
        assert recorder is not None
        carrier = Dispatcher(self._sessions, self._transcript, self._ahead)
        try:
            self._keeper.take_over()
            while self._may_go_on(halt):
                asked = self._questions.asked
                done, pause = self._serve_all(carrier, ends)
                if not done and recorder.flush(GRACE):
                    # A mail just sent may be due again at once (too many recipients), now that its result is stored.
                    done, pause = self._serve_all(carrier, ends)
                tried += done
                if self._waits_for_answers(asked, ends):
                    recorder.flush(GRACE)  # a mail that did not arrive is due again
                    pause = 0.0 if pause is None else pause
                if carrier.short and not self._advanced:
                    raise too_many_files(self._store.place)
                if pause is None or monotonic() + pause >= ends or (done and not self._advanced):
                    break  # also when mails are only given back, and would be due again for ever
                if pause:
                    carrier.tidy()
                    halt.wait(min(pause, LOOK))
        finally:
            carrier.close()
            self._pulse.end()
            self._ask_no_more()
            self._keeper.stop()
            left = recorder.close(GRACE)
            self._tools.presence.leave(clean=not left)
            self._recorder, self._holder = None, ""
            self._tools.listeners.enders.discard(self._end_by)
        self._raise_ending()
        if left and recorder.trouble is not None:
            raise recorder.trouble  # its thread goes on trying, for as long as this process lives
        return tried + self._found

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self.stop()
        except BaseException:
            if error is None:
                raise

    # The steps.

    def _begin(self) -> None:
        """Start what stands beside the sending threads."""
        with descriptors_in_our_words(self._store.place):
            import_all()
        self._holder = self._tools.presence.enter()
        self._found, self._ended_by = 0, None
        self._recorder = self._new_recorder()
        self._questions = self._keeper.questions = Questions(self._confirm, self._end_by)
        self._tools.listeners.enders.add(self._end_by)
        self._keeper.start()

    def _end_by(self, failed: BaseException) -> None:
        """End the run, because a function of the user asks for it: with SystemExit, say, which ends a program."""
        if self._ended_by is None:
            self._ended_by = failed
            self.ask_to_stop()
            self._tools.bell.ring()

    def _raise_ending(self) -> None:
        ended, self._ended_by = self._ended_by, None
        if ended is not None:
            self._asked, self._calls = 0, SimpleQueue()
            raise ended

    def _tell(self, event: News, ident: str) -> None:
        """Have listeners called for an event that is stored, by the result writer's thread while there is one."""
        if self._recorder is not None:
            self._recorder.tell(event, ident)
        elif self._tools.listeners.tell((event,), self._tools.ticket(ident)):
            self._store.told([ident])

    def _waits_for_answers(self, asked: int, ends: float) -> bool:
        """Wait a moment for an answer of `confirm`; whether one was waited for, or more than `asked` questions put."""
        waited = self._questions.wait(max(0.0, min(ends - monotonic(), LOOK)))
        return waited or self._questions.asked > asked

    def _ask_no_more(self) -> None:
        """Give back the mails about which `confirm` has not answered: none of them has left again."""
        for question in self._questions.close():
            question.tell(None, False)

    def _new_recorder(self) -> ResultWriter:
        tools = self._tools
        return ResultWriter(
            self._store, tools.listeners, tools.ticket, tools.bell.ring, lambda done: Marks(self._keeper.in_hand, done)
        )

    def _wait_for_threads(self, ends: float) -> None:
        """Wait until each thread has ended, a second request to stop comes, or the time is over."""
        while any(thread.is_alive() for thread in self._threads) and self._asked < 2:
            with suppress(Empty):
                self._calls.get(timeout=max(0.001, ends - monotonic()))
            if monotonic() >= ends:
                return

    def _give_back(self, seconds: float) -> int:
        """Give back what has not left, cut the connections of the rest, and have all results stored.

        Returns how many mails are unsure, or have no stored result.
        """
        assert self._recorder is not None
        batches = self._keeper.in_hand
        for batch in batches:
            self._give_back_unsent(batch)
        self._ask_no_more()
        for batch in batches:
            if (cut := batch.cut) is not None:
                cut()
        ends = monotonic() + _CUT
        for thread in self._threads:
            thread.join(max(0.0, ends - monotonic()))
        for batch in batches:
            for job in batch.part_with_rest():
                self._enter(batch, job, unanswered(job, batch, "the worker stopped"))
        self._keeper.stop(1.0 if self._asked > 1 else 10.0)
        unwritten = self._recorder.close(seconds)
        hanging = any(thread.is_alive() for thread in self._threads)
        self._tools.presence.leave(clean=not unwritten and not hanging)
        left = sum(batch.unsure for batch in batches) + unwritten
        self._holder, self._recorder, self._threads = "", None, []
        self._tools.listeners.enders.discard(self._end_by)
        self._asked, self._calls = 0, SimpleQueue()
        return left

    def _give_back_unsent(self, batch: Batch) -> None:
        for job in batch.end():
            self._enter(batch, job, policy.give_back(recipients_of(job, batch)))

    def _work(self, number: int, halt: Event) -> None:
        """Loop of one thread: serve the due lanes, and query every second while there are none."""
        carrier = Dispatcher(self._sessions, self._transcript, self._ahead)
        while self._may_go_on(halt):
            rung, done, pause = self._tools.bell.rung, 0, LOOK
            self._pulse.beat()
            try:
                due, began = self._due.look(), monotonic()
                lanes, pause = self._due.turn_of(due, number), due.pause
                if not lanes:
                    self._write_down()
                for lane in lanes:
                    if done and monotonic() - began > LOOK:
                        break  # something more urgent may have become due
                    if self._may_go_on(halt):
                        tried, wait = self._serve(lane, carrier, alone=len(lanes) == 1)
                        done, pause = done + tried, min(pause, wait) if wait is not None else pause
                self._pulse.round_done()
            except errors.OutboxError as failed:
                self._pulse.failed(failed)
                logger.error("The outbox cannot be read: %s", failed, extra={"action": "store_failed"})
                carrier.make_room_if_short(failed)
                halt.wait(LOOK)
                reopen(self._store)
            except BaseException as failed:
                # The outer edge: after any error the mails are due again when their leases expire.
                logger.exception("A worker failed, and goes on", extra={"action": "worker_failed"})
                if isinstance(failed, Exception):
                    halt.wait(LOOK)
                else:
                    self._end_by(failed)
            if not done and self._may_go_on(halt):
                carrier.tidy()
                # A random delay spreads the workers, except when a rate sets the time.
                self._tools.bell.wait(rung, pause * (0.9 + 0.2 * random() if pause >= LOOK else 1.0))  # noqa: S311
        try:
            carrier.close()
        finally:
            self._pulse.end()
            self._calls.put(None)  # wakes `stop`

    def _may_go_on(self, halt: Event) -> bool:
        return not (halt.is_set() or self._asked)

    def _serve_all(self, carrier: Dispatcher, ends: float) -> tuple[int, float | None]:
        """Serve every due lane once; how many mails were tried, and the seconds until the next round.

        None when no mail is due, or only a rate delays them.
        """
        self._advanced = False
        due, began = self._due.look(fresh=True), monotonic()
        if not due.lanes:
            self._write_down()
        tried, waits = 0, [due.limited]
        for lane in due.lanes:
            if tried and monotonic() - began > LOOK:
                break  # something more urgent may have become due
            if self._may_go_on(self._halt) and monotonic() < ends:
                more, wait = self._serve(lane, carrier, alone=len(due.lanes) == 1)
                tried += more
                waits.append(wait)
        return tried, 0.0 if tried else min((wait for wait in waits if wait is not None), default=None)

    def _serve(self, lane: str, carrier: Dispatcher, *, alone: bool = False) -> tuple[int, float | None]:
        """Claim and send mails of a lane; how many were tried, and the seconds until its rate allows the next.

        A lane that is `alone` is served for a while without a pause between two batches.
        """
        self._pulse.beat()
        try:
            with descriptors_in_our_words(self._store.place):
                way = self._tools.ways.way(lane)
        except errors.UsageError as unknown:
            if self._due.has_no_way(lane):
                logger.warning(
                    "Lane %s is not known to this worker, which leaves its mails: %s",
                    shown(lane),
                    unknown,
                    extra={"action": "lane_unknown"},
                )
            return 0, None
        self._keep_rate(lane, way)
        self._due.serves(lane)
        with sessions_at_once(lane, way, self._locks), carrier.held(lane, way) as held:
            if not held:
                return 0, None
            began = monotonic()
            claimed = self._claim(lane, way, carrier)
            self._tell_found(claimed)
            # Going on has no use where all claimed mails may be marked at once, nor under a rate.
            turn = _TURN if alone and carrier.ahead(lane).number < self._batch and claimed.slots is None else 0
            tried = self._send(lane, way, carrier, claimed, began, turn) if claimed.jobs else 0
            return tried + len(claimed.unreadable), claimed.wait

    def _write_down(self) -> None:
        """Store pending results when no claim does, because a listener may block the result writer."""
        assert self._recorder is not None

        def settle(done: Sequence[Settlement]) -> tuple[bool, Sequence[bool]]:
            return True, self._store.settle(done)

        self._recorder.settle_with(settle)

    def _keep_rate(self, lane: str, way: Way) -> None:
        """Store the rate of a lane's URL or profile as the rate of the lane, for all workers."""
        rate = way.rate if isinstance(way, Route) else ""
        if rate and self._rated.get(lane) != rate:
            self._store.set_lane(lane, in_lane(Rate.parse(rate)))
            self._rated[lane] = rate

    def _claim(self, lane: str, way: Way, carrier: Dispatcher, batch: Batch | None = None) -> Claimed:
        """Claim the next mails of a lane, and store pending results in the same commit.

        When a session has just delivered, only envelopes lie between the claim and the first end, so that the same
        commit marks the next mails. With `ahead` 1 each mail is marked just before its end, on purpose.
        """
        ahead = carrier.ahead(lane)
        going_on = ahead.most > 1 and (batch is not None or carrier.flows(lane, way))
        lease, mark = lease_of_claim(way), lease_of_mark(answer_limit(way)) if going_on else None
        assert self._recorder is not None

        def go_on(done: Sequence[Settlement]) -> tuple[Claimed, Sequence[bool]]:
            room = ahead.room([settled.lease_id for settled in done]) - (batch.pending if batch is not None else 0)
            if batch is not None:
                ahead.reserve(max(0, room))
            terms = LeaseTerms(lease, self._holder, mark, max(0, room))
            claimed = self._store.go_on(done, lane, self._batch, terms)
            return claimed, claimed.settled

        claimed = self._recorder.settle_with(go_on, always=going_on)
        return claimed or self._store.claim(lane, self._batch, lease=lease, holder=self._holder)

    def _send(self, lane: str, way: Way, carrier: Dispatcher, claimed: Claimed, began: float, turn: int) -> int:
        """Send claimed mails, and have each result stored; mails without a result were not begun, or are in doubt.

        While more are due, up to `turn` mails follow without a pause. Returns how many were tried.
        """
        halt, ahead, urgent_elsewhere = self._halt, carrier.ahead(lane), self._due.is_urgent_elsewhere
        slots = HeldSlots(self._store, claimed.slots, began)
        tried = begun = urgent = 0

        def goes_on() -> bool:
            return self._may_go_on(halt) and not (begun >= urgent and urgent_elsewhere(lane)) and slots.may_begin()

        def take(claimed: Claimed, began: float) -> bool:
            nonlocal tried, urgent
            batch.lease_out(claimed.jobs, claimed.marked, began)
            jobs = [job for job in claimed.jobs if not self._is_in_question(batch, job)]
            tried, urgent = tried + len(jobs), begun + sum(job.priority == 0 for job in jobs)
            batch.queue([job for job in jobs if not self._is_over(batch, job)])
            return bool(claimed.jobs)

        def more() -> bool:
            if tried >= turn or tried % self._batch:
                return False
            with ahead.reserving():
                return follow()

        def follow() -> bool:
            nonlocal turn
            began = monotonic()
            claimed = self._claim(lane, way, carrier, batch)
            self._tell_found(claimed)
            if claimed.slots is not None or any(job.lost for job in claimed.jobs):
                turn = 0  # sent alone, or at the lane's new rate, after the mails in hand
                after.append((claimed, began))
                return False
            taken = take(claimed, began)
            if batch.ended:
                self._give_back_unsent(batch)  # the stopping thread has not seen them
            return taken

        after: list[tuple[Claimed, float]] = []
        batch = Batch(
            self._store,
            (),
            answer_limit(way),
            goes_on=goes_on,
            ahead=ahead,
            marking=Marking(self._store, self._recorder),
            more=more,
            waiting_lease=lease_of_claim(way),
        )
        outcome = LaneOutcome(lane, claimed.lane)
        attempts = Attempts(self._tools.listeners.attempts, lane, way, self._tools.listeners.interrupt)
        failure: BaseException | None = None
        self._keeper.watch(batch)
        self._pulse.carry(batch)
        try:
            if take(claimed, began) and batch.jobs and goes_on():
                for job, result in carrier.carry(lane, way, batch):
                    begun += 1
                    slots.answered()
                    attempts.tell(result)
                    self._record(batch, job, decision_on(job, result, batch), outcome)
        except errors.CourrielError as broken:
            attempts.tell(broken)
            failure = broken if not carrier.short else None
        except BaseException as broken:
            failure = broken
            raise
        finally:
            ahead.rest()
            slots.leave(begun + batch.in_hand, in_hand=batch.in_hand > 0)
            self._part_with(batch, failure, outcome)
            self._keeper.forget(batch)
            self._pulse.beat()
            if not batch.ended:
                outcome.tell(self._store)
            if carrier.short:
                halt.wait(LOOK)  # wait until others have closed theirs
        for alone, since in after:
            tried += self._send(lane, way, carrier, alone, since, 0)
        return tried

    def _is_over(self, batch: Batch, job: Job) -> bool:
        """Whether a mail is not to be sent, because it has expired."""
        if job.left > 0:
            return False
        if batch.answered(job):
            self._enter(batch, job, policy.expired(job.recipients))
        return True

    def _is_in_question(self, batch: Batch, job: Job) -> bool:
        """Whether a mail is not to be sent now, because `confirm` is asked about it; then the batch has it no more.

        Its lease is extended while it waits. With the answer it is settled, or given back: then it is due again, and
        its next claim sends it.
        """
        questions = self._questions
        if not job.unsure or not questions.possible or job.left <= 0 or questions.is_answered(job.id, job.unsure):
            return False
        if not batch.answered(job):
            return True

        def tell(found: bool | None, heard: bool) -> None:
            if found is True:
                self._found += 1
                decision = policy.Decision(State.SENT, job.recipients, why=FOUND, counted=False)
            else:
                decision = replace(policy.give_back(recipients_of(job, batch)), delay=-batch.age(job))
            self._enter(batch, job, decision)

        question = Question(job.id, job.message_id, job.lane, job.unsure, tell, partial(batch.extend_alone, job))
        if not questions.ask(question):
            self._enter(batch, job, replace(policy.give_back(recipients_of(job, batch)), delay=_ASK_LATER))
        return True

    def _part_with(self, batch: Batch, failure: BaseException | None, outcome: LaneOutcome) -> None:
        """Settle mails without a result: unsure when the end may have left, otherwise given back."""
        error, jobs = (failure if isinstance(failure, Exception) else None), batch.unanswered
        since = max(map(batch.age, jobs), default=0.0)
        for number, job in enumerate(jobs):
            mail = recipients_of(job, batch)
            if batch.may_have_left(job):
                decision = unanswered(job, batch, failure)
            elif batch.was_begun(job) and error is not None:
                decision = policy.decide(error, mail, random())  # noqa: S311
            else:
                decision = policy.give_back(mail, error)
                if error is None:  # it keeps its turn, and its place among the others
                    decision = replace(decision, delay=number * _NEXT - since)
            self._record(batch, job, decision, outcome)

    def _record(self, batch: Batch, job: Job, decision: policy.Decision, outcome: LaneOutcome) -> None:
        if batch.answered(job):
            outcome.see(decision)
            self._enter(batch, job, decision)

    def _enter(self, batch: Batch, job: Job, decision: policy.Decision) -> None:
        """Have a result stored."""
        batch.unsure += batch.ended and decision.unsure
        self._advanced = self._advanced or decision.counted or decision.state.final
        events = events_of(job, decision)
        now = time.time()
        results = dict(job.results) if job.results else {}
        for name, (code, enhanced, text) in decision.words.items():
            results[name] = code, enhanced, stored_text(text), now
        settlement = Settlement(
            job.id,
            job.token,
            decision.state,
            decision.recipients,
            results,
            decision.delay,
            stored_text(decision.why),
            decision.counted,
            decision.unsure,
            news=self._tools.listeners.wanted(events),
        )
        if self._recorder is None:
            self._store.settle([settlement])  # this thread has outlived its worker's result writer
        else:
            self._recorder.add(Entry(settlement, events, batch.written), slow=batch.ahead.slow)

    def _tell_found(self, claimed: Claimed) -> None:
        """Log mails that the claim has recovered or held, and call listeners."""
        tell_recovered(claimed.recovered, self._tell)
        tell_unreadable(claimed.unreadable)
        self._advanced = self._advanced or bool(claimed.unreadable)


def lease_of_claim(way: Way) -> float:
    """Lease of a claim in seconds: a minute longer than a server may be silent before a mark."""
    return lease_of_mark(silence_limit(way))


def checked_grace(grace: float) -> float:
    """The seconds that a stop may take. Raises UsageError for what is no number from 0."""
    return checks.seconds("grace", grace)


def checked_seconds(for_seconds: float | None) -> float:
    """Validate the argument `for_seconds`; infinity for None. Raises UsageError."""
    if for_seconds is None:
        return float("inf")
    return checks.seconds("for_seconds", for_seconds, from_zero=False)
