"""A worker on the terminal: one line that moves, a line for each mail that failed, and what is left at the end."""

from __future__ import annotations

import sys
from collections import deque
from time import monotonic
from typing import TYPE_CHECKING

from courriel.cli.ending import asked_to_end, interrupted_in_time
from courriel.cli.outbox_words import counted, hands_line, hands_object, object_of, span, state_of
from courriel.cli.reporting import Report
from courriel.cli.speaking import say, transcript_line, visible
from courriel.failures import spoken

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from courriel import Outbox, Ticket
    from courriel.cli.command import Manner
    from courriel.outbox.listeners import Event
    from courriel.outbox.store import MailInfo

OK, UNAVAILABLE, INTERRUPTED = 0, 69, 130
_LOOK = 0.5  # seconds between two looks; the line moves, and nobody waits for it
_PLAIN = 60.0  # seconds between two lines where no person sits
_WHEEL = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"
_EVENTS: tuple[Event, ...] = ("sent", "failed", "unsure")
_RATE = 30.0  # seconds over which the rate is taken


class Working:
    """Runs a worker and tells of it; on a terminal by one line that is written over, elsewhere by a line now and
    then, with --json by an object for each mail that has reached its end."""

    def __init__(
        self, manner: Manner, outbox: Outbox, lanes: Sequence[str] | None, *, transcript: bool = False
    ) -> None:
        from courriel import Transcript

        self._transcript = Transcript() if transcript else None
        self._outbox = outbox
        self._lanes = lanes
        self._report = Report(manner)
        self._machine = manner.json
        self._line = _Line() if not manner.json and sys.stderr.isatty() else None
        self._counts = {"sent": 0, "failed": 0, "unsure": 0}
        self._news: deque[tuple[str, MailInfo]] = deque()
        self._pace: deque[tuple[float, int]] = deque([(monotonic(), 0)])
        for event in _EVENTS:
            outbox.on(event, self._listener(event))

    def once(self, for_seconds: float | None, grace: float) -> int:
        """Send what is due now, for so many seconds at most.

        Asked to end, it finishes what is in hand for `grace` seconds; then, or asked again, it gives the rest back.
        """
        worker = self._outbox.worker(lanes=self._lanes, transcript=self._transcript)
        status = OK
        with interrupted_in_time(worker.ask_to_stop, grace):
            try:
                worker.run_once(for_seconds)
            except KeyboardInterrupt:
                status = INTERRUPTED
        self._show_transcript()
        self._tell_news()
        self._say_what_is_left(self._counts["unsure"] if status else 0)
        return self._report.status or status

    def until_told(self, workers: int, grace: float) -> int:
        """Send until Ctrl-C or SIGTERM."""
        worker = self._outbox.worker(workers=workers, lanes=self._lanes, transcript=self._transcript)
        self._report.aside(say(f"Au travail sur {self._outbox} ; Ctrl-C pour arrêter.",
                               f"At work on {self._outbox}; Ctrl-C to stop."))  # fmt: skip
        with asked_to_end(worker.ask_to_stop) as ended:
            worker.start()
            said = monotonic()
            while not ended.wait(_LOOK):
                self._show_transcript()
                self._tell_news()
                if self._line is not None:
                    self._line.show(self._progress())
                elif monotonic() - said >= _PLAIN and self._moved():
                    said = monotonic()
                    self._report.aside(self._progress())
            if self._line is not None:
                self._line.clear()
            self._report.aside(say("Arrêt : ce qui est en cours se termine…", "Stopping: what is in hand is finished…"))
            unanswered = worker.stop(grace)
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
        """Transcript lines written since the last call."""
        if self._transcript is None:
            return
        for line in self._transcript.take():
            self._report.aside(transcript_line(line))

    def _tell_news(self) -> None:
        while self._news:
            event, info = self._news.popleft()
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
                self._report.aside(f"    {visible(spoken(info.why))}")

    def _progress(self) -> str:
        waiting = sum(count.mails for count in self._outbox.stats() if count.state.name == "READY")
        sent, failed, unsure = self._counts["sent"], self._counts["failed"], self._counts["unsure"]
        now, done = monotonic(), sent + failed
        self._pace.append((now, done))
        while len(self._pace) > 2 and now - self._pace[0][0] > _RATE:
            self._pace.popleft()
        then, before = self._pace[0]
        rate = (done - before) / (now - then) if now > then else 0.0
        parts = [_accepted(sent)]
        parts += [_failed(failed)] if failed else []
        parts += [say(counted(unsure, "incertain", "incertains"), f"{_number(unsure)} in doubt")] if unsure else []
        parts.append(say(f"{_number(waiting)} en attente", f"{_number(waiting)} waiting"))
        if rate:
            parts.append(f"{rate * 60:.1f}/min" if rate < 10 else f"{_number(round(rate))}/s")
            parts += [say(f"encore {span(waiting / rate)}", f"ETA {span(waiting / rate)}")] if waiting else []
        return " · ".join(parts)

    def _moved(self) -> bool:
        return self._pace[-1][1] != self._counts["sent"] + self._counts["failed"]

    def _say_what_is_left(self, unanswered: int) -> None:
        counts = [count for count in self._outbox.stats() if self._lanes is None or count.lane in self._lanes]
        waiting = sum(count.mails for count in counts if count.state.name == "READY")
        held = sum(count.mails for count in counts if count.state.name == "HELD")
        if unanswered:
            sentence = say(
                f"{counted(unanswered, 'message', 'messages')} sans réponse, à considérer comme incertains "
                "(courriel outbox list --unsure)",
                f"{counted(unanswered, 'mail', 'mails')} unanswered, and in doubt (courriel outbox list --unsure)",
            )
            self._report.failing(UNAVAILABLE, "Unanswered", sentence)
        taken = [each for each in self._outbox.in_hand() if self._lanes is None or each.lane in self._lanes]
        summary: dict[str, object] = {
            "event": "stopped",
            **self._counts,
            "waiting": waiting,
            "held": held,
            "unanswered": unanswered,
            "in_hand": [hands_object(each) for each in taken],
        }
        if self._report.values(summary):
            return
        done = f"{_accepted(self._counts['sent'])}, {_failed(self._counts['failed'])}"
        self._report.line(
            say(
                f"{done} ; {_number(waiting)} en attente, {counted(held, 'retenu', 'retenus')}",
                f"{done}; {_number(waiting)} waiting, {_number(held)} held",
            )
        )
        for each in taken:
            self._report.line(hands_line(each))


class _Line:
    """One line of the terminal that is written over."""

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
        return say("retenu : courriel outbox release ou cancel", "held: courriel outbox release or cancel")
    return say("sera renvoyé", "will be sent again")


def _accepted(count: int) -> str:
    return say(counted(count, "accepté", "acceptés"), f"{_number(count)} accepted")


def _failed(count: int) -> str:
    return say(counted(count, "échec", "échecs"), f"{_number(count)} failed")


def _number(count: int) -> str:
    return f"{count:,}".replace(",", say("\u202f", " "))
