"""
Worker: claims due mails lane by lane, sends them, and has their results stored.

Any number of workers may run, in one process or in many: each mail is leased to one of them, and the lease keeps the
others off. A worker that dies loses nothing: its leases expire, and others send its mails.
"""

from __future__ import annotations

from collections.abc import Iterable
from random import random
from threading import Thread
from time import monotonic
from types import TracebackType
from typing import TYPE_CHECKING

from courriel import errors
from courriel.network import forks
from courriel.network.careful_log import CarefulLogger
from courriel.network.transcripts.transcript import Transcript
from courriel.outbox import checks
from courriel.outbox.listeners import checked_function
from courriel.outbox.questions import Confirm
from courriel.outbox.work.health import Health, Pulse
from courriel.outbox.work.imports import too_many_files
from courriel.outbox.work.run import Run
from courriel.outbox.work.sending.ahead import MOST
from courriel.outbox.work.sending.dispatcher import Dispatcher
from courriel.outbox.work.sending.idle_sessions import PER_HOST, limited_sessions
from courriel.outbox.work.sending.result_writer import reopen
from courriel.outbox.work.serving.due_lanes import LOOK, DueLanes
from courriel.outbox.work.serving.lane_service import LaneService
from courriel.outbox.work.stop_requests import StopRequests
from courriel.outbox.work.tools import Tools

if TYPE_CHECKING:
    from typing import Self


logger = CarefulLogger("courriel.outbox")

BATCH = 100
"""Mails claimed together, in one commit; few of them are marked at a time (see `sending.ahead`)."""

GRACE = 30.0
"""Seconds for which a stopping worker waits for answers."""


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
        self._run: Run | None = None
        self._ended_by: BaseException | None = None  # raised by a function of the user: SystemExit and its like
        self._reset()
        forks.renew_in_child(self, type(self)._after_fork)

    def _reset(self) -> None:
        self._requests, self._pulse, self._threads = StopRequests(), Pulse(), list[Thread]()
        self._service = LaneService(self._tools, self._due, self._batch)

    def _after_fork(self) -> None:
        """Reset in a child process: threads, pending results and leases belong to the parent.

        The worker may be started in the child, with an id of its own.
        """
        forks.keep_for_ever(self._run, self._threads)
        self._tools.listeners.enders.discard(self._end_by)
        self._run = self._ended_by = None
        self._reset()

    # Running.

    def start(self) -> Self:
        """Start the threads."""
        run = self._begin()
        for number in range(self._workers):
            name = f"courriel outbox worker {number + 1}"
            thread = Thread(target=self._work, args=(number, run), name=name, daemon=True)
            self._threads.append(thread)
            thread.start()
        return self

    def ask_to_stop(self) -> None:
        """Request a stop; a second call also ends the wait for answers. Safe in a signal handler."""
        self._requests.ask()

    def stop(self, grace: float = GRACE) -> int:
        """Stop the threads: begin no more mails, wait for pending answers, and give back what has not left.

        Returns how many mails are unsure: those that may have left, and were not answered in `grace` seconds. A second
        request to stop, or an interrupt, ends the wait; the mails are given back all the same. What a function of the
        user has raised to end the program (SystemExit) is raised here, when that is done.
        """
        grace = checked_grace(grace)
        run = self._run
        if run is None:
            return 0
        run.halt.set()
        self._tools.bell.ring()
        ends = monotonic() + grace
        try:
            self._wait_for_threads(ends)
        finally:
            left = run.give_back(self._threads, 1.0 if self._requests.number > 1 else max(1.0, ends - monotonic()))
            self._run, self._threads = None, []
            self._requests.forget()
        if left:
            logger.warning("Mails in doubt: %d; the worker stopped before they were answered", left,
                           extra={"action": "stopped_unsure"})  # fmt: skip
        self._raise_ending()
        return left

    def health(self) -> Health:
        """Health of the worker, for a watchdog or a health check; it never blocks."""
        run = self._run
        return self._pulse.health(*(() if run is None else (run.keeper.moved, run.results.writer.moved)))

    def wait(self) -> None:
        """Wait for a call of `ask_to_stop`."""
        while not self._requests.number:
            self._requests.wait(LOOK)

    def run_once(self, for_seconds: float | None = None) -> int:
        """Send due mails in the calling thread, and return how many were tried. Safe in any thread.

        It ends when no due mail can be sent: a lane with a rate is waited for, a paused or stopped lane is not. With
        `for_seconds` it ends sooner, when they have passed, or when no rate allows a mail before (default: no limit);
        mails in hand are finished first.
        """
        self._refuse_second_run()
        ends = monotonic() + checked_seconds(for_seconds)
        run = self._begin()
        dispatcher = Dispatcher(self._sessions, self._transcript, self._ahead)
        tried = left = 0
        try:
            run.keeper.take_over()
            pause: float | None = 0.0
            while pause is not None and run.goes_on():
                done, pause = self._round(run, dispatcher, ends)
                tried += done
                if pause:
                    dispatcher.tidy()
                    run.halt.wait(min(pause, LOOK))
        finally:
            dispatcher.close()
            self._pulse.end()
            left = run.end(GRACE)
            self._run = None
        self._raise_ending()
        if left and run.results.writer.trouble is not None:
            raise run.results.writer.trouble  # its thread goes on trying, for as long as this process lives
        return tried + run.doubts.found

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

    def _begin(self) -> Run:
        """Start the threads beside the sending ones."""
        self._refuse_second_run()
        self._ended_by = None
        self._run = Run(self._tools, self._confirm, self._requests, self._pulse, self._end_by)
        return self._run

    def _refuse_second_run(self) -> None:
        if self._run is not None:
            raise errors.UsageError("this worker runs already")

    def _end_by(self, failed: BaseException) -> None:
        """End the run, because a function of the user asks for it: with SystemExit, say, which ends a program."""
        if self._ended_by is None:
            self._ended_by = failed
            self.ask_to_stop()
            self._tools.bell.ring()

    def _raise_ending(self) -> None:
        ended, self._ended_by = self._ended_by, None
        if ended is not None:
            self._requests.forget()
            raise ended

    def _wait_for_threads(self, ends: float) -> None:
        """Wait until each thread has ended, a second request to stop comes, or the time is over."""
        while any(thread.is_alive() for thread in self._threads) and self._requests.number < 2:
            self._requests.wait(max(0.001, ends - monotonic()))
            if monotonic() >= ends:
                return

    # A thread of a worker that was started.

    def _work(self, number: int, run: Run) -> None:
        """Serve the due lanes until a stop, and query every second while there are none."""
        dispatcher = Dispatcher(self._sessions, self._transcript, self._ahead)
        while run.goes_on():
            rung, done, pause = self._tools.bell.rung, 0, LOOK
            self._pulse.beat()
            try:
                done, pause = self._serve_due(number, run, dispatcher)
                self._pulse.round_done()
            except errors.OutboxError as failed:
                self._pulse.failed(failed)
                logger.error("The outbox cannot be read: %s", failed, extra={"action": "store_failed"})
                dispatcher.make_room_if_short(failed)
                run.halt.wait(LOOK)
                reopen(self._store)
            except BaseException as failed:
                # The outer edge: after any error the mails are due again when their leases expire.
                logger.exception("A worker failed, and goes on", extra={"action": "worker_failed"})
                if isinstance(failed, Exception):
                    run.halt.wait(LOOK)
                else:
                    self._end_by(failed)
            if not done and run.goes_on():
                dispatcher.tidy()
                # A random delay spreads the workers, except when a rate sets the time.
                self._tools.bell.wait(rung, pause * (0.9 + 0.2 * random() if pause >= LOOK else 1.0))  # noqa: S311
        try:
            dispatcher.close()
        finally:
            self._pulse.end()
            self._requests.wake()

    def _serve_due(self, number: int, run: Run, dispatcher: Dispatcher) -> tuple[int, float]:
        """Serve the due lanes in this thread's order; how many mails were tried, and the seconds until a query."""
        due, began = self._due.look(), monotonic()
        lanes, pause, tried = self._due.order_for(due, number), due.pause, 0
        if not lanes:
            run.results.store_pending()
        for lane in lanes:
            if tried and monotonic() - began > LOOK:
                break  # something more urgent may have become due
            if run.goes_on():
                more, wait = self._service.serve(run, lane, dispatcher, alone=len(lanes) == 1)
                tried, pause = tried + more, min(pause, wait) if wait is not None else pause
        return tried, pause

    # A single run.

    def _round(self, run: Run, dispatcher: Dispatcher, ends: float) -> tuple[int, float | None]:
        """Serve every due lane; how many mails were tried, and the seconds until the next round, None for the end.

        Raises OutboxError when no mail can be sent for want of file descriptors.
        """
        asked = run.doubts.questions.asked
        done, pause = self._serve_all(run, dispatcher, ends)
        if not done and run.results.writer.flush(GRACE):
            # A mail just sent may be due again at once (too many recipients), now that its result is stored.
            done, pause = self._serve_all(run, dispatcher, ends)
        if run.doubts.wait(max(0.0, min(ends - monotonic(), LOOK)), asked):
            run.results.writer.flush(GRACE)  # a mail that did not arrive is due again
            pause = 0.0 if pause is None else pause
        if dispatcher.short and not run.results.advanced:
            raise too_many_files(self._store.place)
        if pause is not None and (monotonic() + pause >= ends or (done and not run.results.advanced)):
            pause = None  # also when mails are only given back, and would be due again for ever
        return done, pause

    def _serve_all(self, run: Run, dispatcher: Dispatcher, ends: float) -> tuple[int, float | None]:
        """Serve every due lane once; how many mails were tried, and the seconds until the next round.

        None when no mail is due, or only a rate delays them.
        """
        run.results.advanced = False
        due, began = self._due.look(fresh=True), monotonic()
        if not due.lanes:
            run.results.store_pending()
        tried, waits = 0, [due.limited]
        for lane in due.lanes:
            if tried and monotonic() - began > LOOK:
                break  # something more urgent may have become due
            if run.goes_on() and monotonic() < ends:
                more, wait = self._service.serve(run, lane, dispatcher, alone=len(due.lanes) == 1)
                tried += more
                waits.append(wait)
        return tried, 0.0 if tried else min((wait for wait in waits if wait is not None), default=None)


def checked_grace(grace: float) -> float:
    """The seconds that a stop may take. Raises UsageError for what is no number from 0."""
    return checks.seconds("grace", grace)


def checked_seconds(for_seconds: float | None) -> float:
    """Validate the argument `for_seconds`; infinity for None. Raises UsageError."""
    if for_seconds is None:
        return float("inf")
    return checks.seconds("for_seconds", for_seconds, from_zero=False)
