"""`courriel worker` on the terminal: a progress line, a line for each failed mail, and a summary."""

from __future__ import annotations

import sys
from collections import deque
from time import monotonic
from typing import TYPE_CHECKING

from courriel import errors
from courriel._dataclass import dataclass
from courriel.cli.i18n import say, transcript_line, visible
from courriel.cli.outbox.duration import counted, number, span
from courriel.cli.outbox.reasons import reason_of
from courriel.cli.outbox.words import commands_to_decide, hands_line, hands_object, object_of, state_of
from courriel.cli.reporting import CommandReport
from courriel.cli.signals import asked_to_end, interrupted_in_time
from courriel.cli.worker.unsent import Tries, status_of, unsent
from courriel.failures import spoken

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from courriel import Outbox, Ticket
    from courriel.cli.command import GlobalOptions
    from courriel.cli.worker.monitors import Monitors
    from courriel.types import Event, MailInfo, Worker

OK, UNAVAILABLE, INTERRUPTED = 0, 69, 130
_LOOK = 0.5  # seconds between two updates of the progress line
_QUIET = 5.0  # seconds between two looks without a terminal
_PATIENCE = 60.0  # seconds beyond `grace` that the end may take: results are written down
_PLAIN = 60.0  # seconds between two lines without a terminal
_WHEEL = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"
_EVENTS: tuple[Event, ...] = ("sent", "failed", "unsure")
_RATE = 30.0  # seconds over which the rate is measured


@dataclass(frozen=True, slots=True)
class WorkerLimits:
    """Maximum of open connections, and of connections to one host, of a worker; None means the default."""

    sessions: int | None
    per_host: int


class WorkerProgress:
    """Runs a worker and reports its progress.

    On a terminal it updates one line, elsewhere it prints a line now and then, with --json an object for each finished
    mail.
    """

    def __init__(
        self,
        manner: GlobalOptions,
        outbox: Outbox,
        lanes: Sequence[str] | None,
        limits: WorkerLimits,
        *,
        transcript: bool = False,
    ) -> None:
        from courriel import Transcript

        self._transcript = Transcript() if transcript else None
        self._outbox = outbox
        self._lanes, self._limits = lanes, limits
        self._report = CommandReport(manner)
        self._machine = manner.json
        self._line = _Line() if not manner.json and sys.stderr.isatty() else None
        self._counts = {"sent": 0, "failed": 0, "unsure": 0}
        self._tries: Tries | None = None  # of --once, which tells why something is left
        self._news: deque[tuple[str, MailInfo]] = deque()
        self._pace: deque[tuple[float, int]] = deque([(monotonic(), 0)])
        for event in _EVENTS:
            outbox.on(event, self._listener(event))

    def once(self, for_seconds: float | None, grace: float) -> int:
        """Send due mails, for `for_seconds` at most.

        After a signal it finishes the mails in hand for `grace` seconds; then, or after a second signal, it gives the
        rest back.
        """
        self._tries = Tries()
        self._outbox.on_attempt(self._tries)
        worker = self._worker(1)
        status = OK
        with asked_to_end():  # a signal that comes late must not cut the report short
            with interrupted_in_time(worker.ask_to_stop, grace):
                try:
                    worker.run_once(for_seconds)
                except KeyboardInterrupt:
                    status = INTERRUPTED
            self._show_transcript()
            self._tell_news()
            self._say_what_is_left(self._counts["unsure"] if status else 0)
        return self._report.status or status

    def _worker(self, workers: int) -> Worker:
        sessions, per_host = self._limits.sessions, self._limits.per_host
        return self._outbox.worker(
            workers=workers, lanes=self._lanes, sessions=sessions, per_host=per_host, transcript=self._transcript
        )

    def until_told(self, workers: int, grace: float, watched: Monitors) -> int:
        """Send until SIGINT or SIGTERM."""
        worker = self._worker(workers)
        self._report.aside(say(f"Au travail sur {visible(self._outbox.place)} ; Ctrl-C pour arrêter.",
                               f"At work on {visible(self._outbox.place)}; Ctrl-C to stop."))  # fmt: skip
        if watched.place and not self._report.values({"event": "working", "health": watched.place}):
            self._report.aside(say(f"Santé : {watched.place}", f"Health: {watched.place}"))
        watched.measure(self._outbox)
        with asked_to_end(worker.ask_to_stop) as ended:
            worker.start()
            watched.at_work(worker, say("au travail", "at work"))
            said = looked = monotonic()
            while not ended.wait(_LOOK):
                self._show_transcript()
                self._tell_news()
                if self._line is None and monotonic() - looked < _QUIET:
                    continue
                looked = monotonic()
                progress = self._progress()
                watched.progress(progress)
                if self._line is not None:
                    self._line.show(progress)
                elif monotonic() - said >= _PLAIN and self._moved():
                    said = monotonic()
                    self._report.aside(progress)
            if self._line is not None:
                self._line.clear()
            stopping = say("Arrêt : ce qui est en cours se termine…", "Stopping: what is in hand is finished…")
            self._report.aside(stopping)
            watched.stopping(stopping, grace + _PATIENCE)
            unanswered = worker.stop(grace)
            # A signal that comes late must not cut the report short.
            self._show_transcript()
            self._tell_news()
            self._say_what_is_left(unanswered)
        return self._report.status

    # The steps.

    def _listener(self, event: str) -> Callable[[Ticket], None]:
        def told(ticket: Ticket) -> None:
            self._counts[event] += 1
            if self._machine or event != "sent":
                self._news.append((event, ticket.info))

        return told

    def _show_transcript(self) -> None:
        """Print transcript lines recorded since the last call."""
        if self._transcript is None:
            return
        for line in self._transcript.take():
            self._report.aside(transcript_line(line))

    def _tell_news(self) -> None:
        while self._news:
            event, info = self._news.popleft()
            if self._tries is not None and event != "sent":
                self._report.count(status_of(info) if event == "failed" else UNAVAILABLE)
            if self._report.values({"event": event, **object_of(info)}):
                continue
            if self._line is not None:
                self._line.clear()
            mark = "?" if event == "unsure" else "✗"
            self._report.aside(f"{mark} {info.id}{say(' : ', ': ')}{state_of(info)}")
            for name, reply in info.refused.items():
                self._report.aside(f"    {visible(name)}  {visible(str(reply))}")
            if event == "unsure":
                self._report.aside(say("    peut-être parti ; ", "    may have left; ") + _what_follows(info))
            elif not info.refused and info.why:
                self._report.aside(f"    {reason_of(info.why)}")

    def _progress(self) -> str:
        try:
            waiting = sum(count.mails for count in self._outbox.stats() if count.state.name == "READY")
        except errors.OutboxError as away:
            return visible(spoken(away.detail))
        sent, failed, unsure = self._counts["sent"], self._counts["failed"], self._counts["unsure"]
        now, done = monotonic(), sent + failed
        self._pace.append((now, done))
        while len(self._pace) > 2 and now - self._pace[0][0] > _RATE:
            self._pace.popleft()
        then, before = self._pace[0]
        rate = (done - before) / (now - then) if now > then else 0.0
        parts = [_accepted(sent)]
        parts += [_failed(failed)] if failed else []
        parts += [say(counted(unsure, "incertain", "incertains"), f"{number(unsure)} in doubt")] if unsure else []
        parts.append(say(f"{number(waiting)} en attente", f"{number(waiting)} waiting"))
        if rate:
            parts.append(f"{rate * 60:.1f}/min" if rate < 10 else f"{number(round(rate))}/s")
            parts += [say(f"encore {span(waiting / rate)}", f"ETA {span(waiting / rate)}")] if waiting else []
        return " · ".join(parts)

    def _moved(self) -> bool:
        return self._pace[-1][1] != self._counts["sent"] + self._counts["failed"]

    def _say_what_is_left(self, unanswered: int) -> None:
        try:
            stats, hands = self._outbox.stats(), self._outbox.in_hand()
        except errors.OutboxError as away:
            # The summary is printed all the same.
            self._report.failed(away)
            summary: dict[str, object] = {"event": "stopped", **self._counts, "unanswered": unanswered}
            if not self._report.values(summary):
                self._report.line(f"{_accepted(self._counts['sent'])}, {_failed(self._counts['failed'])}")
            return
        counts = [count for count in stats if self._lanes is None or count.lane in self._lanes]
        waiting = sum(count.mails for count in counts if count.state.name == "READY")
        held = sum(count.mails for count in counts if count.state.name == "HELD")
        if unanswered:
            sentence = say(
                f"{counted(unanswered, 'message', 'messages')} sans réponse, à considérer comme incertains "
                "(courriel outbox list --unsure)",
                f"{counted(unanswered, 'mail', 'mails')} unanswered, and in doubt (courriel outbox list --unsure)",
            )
            self._report.failing(UNAVAILABLE, "Unanswered", sentence)
        taken = [each for each in hands if self._lanes is None or each.lane in self._lanes]
        left = [] if self._tries is None else unsent(self._outbox, counts, self._tries)
        for each in left:
            self._report.count(each.status)
            self._report.aside(f"✗ {each.line}")
        summary = {
            "event": "stopped",
            **self._counts,
            "waiting": waiting,
            "held": held,
            "unanswered": unanswered,
            "in_hand": [hands_object(each) for each in taken],
        }
        if self._tries is not None:
            summary |= {"unsent": [each.object for each in left], "sysexit": self._report.status}
        if self._report.values(summary):
            return
        done = f"{_accepted(self._counts['sent'])}, {_failed(self._counts['failed'])}"
        self._report.line(
            say(
                f"{done} ; {number(waiting)} en attente, {counted(held, 'retenu', 'retenus')}",
                f"{done}; {number(waiting)} waiting, {number(held)} held",
            )
        )
        for hand in taken:
            self._report.line(hands_line(hand))


class _Line:
    """A terminal line that is overwritten."""

    def __init__(self) -> None:
        self._turn = 0
        self._wide = 0

    def show(self, text: str) -> None:
        self._turn = (self._turn + 1) % len(_WHEEL)
        line = f"{_WHEEL[self._turn]} {text}"
        print(f"\r{line.ljust(self._wide)}", end="", file=sys.stderr, flush=True)
        self._wide = len(line)

    def clear(self) -> None:
        if self._wide:
            print(f"\r{' ' * self._wide}\r", end="", file=sys.stderr, flush=True)
            self._wide = 0


def _what_follows(info: MailInfo) -> str:
    if info.state.name == "HELD":
        return say("retenu : ", "held: ") + commands_to_decide(info.id)
    return say("sera renvoyé", "will be sent again")


def _accepted(count: int) -> str:
    return say(counted(count, "accepté", "acceptés"), f"{number(count)} accepted")


def _failed(count: int) -> str:
    return say(counted(count, "échec", "échecs"), f"{number(count)} failed")
