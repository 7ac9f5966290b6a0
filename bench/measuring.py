"""Rounds: everybody does the same work, one after the other, again and again; what counts is the middle.

A round lasts a few seconds, so that a neighbour who makes the machine slow makes it slow for all. Each ratio is that of
two runs of one round; the median of the rounds is what is told, with the least and the most beside it.

Time is that of the core which client and sink share: what the two used of it, and what it was idle meanwhile (a client
that waits for nothing but a timer is slow too). On a quiet machine this is what the clock on the wall says; on a busy
one it leaves out what the neighbours used. The ratio by the wall's clock is told beside it. Where the system does not
say what a core did, there is only the wall's.
"""

from __future__ import annotations

import contextlib
import os
import statistics
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from .contestants import JUST_IN_TIME, OURS, WARMED, Cannot, Contestant, Done
from .material import HEADS, LETTERS
from .processes import (
    SMTP_SINK,
    Broken,
    Delayed,
    Program,
    SmtpSink,
    delay_line,
    imap_sink,
    imap_special_sink,
    own_sink,
    pop_sink,
)


@dataclass(frozen=True, slots=True)
class Pace:
    """How long everything may take."""

    rounds: int
    seconds: float  # that one run should last
    first_warming: float  # seconds before everything, for those who are quick only when they are warm
    warming: float  # and before each row
    quick: bool


THOROUGH = Pace(rounds=9, seconds=0.6, first_warming=15.0, warming=3.0, quick=False)
QUICK = Pace(rounds=3, seconds=0.12, first_warming=4.0, warming=0.4, quick=True)


@dataclass(frozen=True, slots=True)
class Spread:
    """A median, and how far the rounds lay apart."""

    middle: float
    low: float
    high: float

    @classmethod
    def of(cls, values: list[float]) -> Spread:
        return cls(statistics.median(values), min(values), max(values))

    def __str__(self) -> str:
        return f"{number(self.middle)} ({number(self.low)} to {number(self.high)})"


@dataclass(frozen=True, slots=True)
class Rival:
    """Somebody beside us in a row: which work is his, and how many times his rate ours has to be."""

    name: str
    floor: float | None = None
    work: str = ""
    options: Mapping[str, object] = field(default_factory=dict)
    label: str = ""
    few: bool = False  # in a row of `whole`: whoever goes one by one has the same rate with a few


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table: a work, the sink it is for, and who is measured beside us."""

    name: str
    what: str
    work: str
    sink: str
    rivals: tuple[Rival, ...]
    unit: str = "mails/s"
    most: int = 200_000  # mails in one run, whatever its length
    scale: float = 1.0  # what one piece of work counts: 5 for 5 MB
    options: Mapping[str, object] = field(default_factory=dict)
    whole: bool = False  # each run is of all `most`: what a list costs is not what its first lines cost


@dataclass(frozen=True, slots=True)
class Ratio:
    """Ours to theirs, in one row, by the core's time; `wall` is the ratio by the clock, neighbours and all."""

    row: Row
    rival: str
    ours: Spread
    theirs: Spread
    ratio: Spread
    wall: Spread
    floor: float | None

    @property
    def met(self) -> bool | None:
        return None if self.floor is None else self.ratio.middle >= self.floor


@dataclass(frozen=True, slots=True)
class Limit:
    """A figure that has a ceiling and no rival: milliseconds, round trips, megabytes."""

    row: str
    what: str
    value: Spread
    unit: str
    at_most: float | None

    @property
    def met(self) -> bool | None:
        return None if self.at_most is None else self.value.middle <= self.at_most


@dataclass(frozen=True, slots=True)
class Skipped:
    """A row, or somebody in it, that was not measured, and why."""

    row: str
    why: str


Result = Ratio | Limit | Skipped


@dataclass(frozen=True, slots=True)
class Ground:
    """Where it happens: the core that everything measured is pinned to, and the certificates of the TLS sinks."""

    core: int | None
    folder: Path

    @contextlib.contextmanager
    def sink(self, kind: str) -> Iterator[Program | Delayed | None]:
        """A sink by its kind; `check` at the end has it count every octet, "at 10 ms" puts it so far away, with
        "by 100 Mbit/s" behind that on such a line.
        """
        kind, _, distance = kind.partition(" at ")
        with contextlib.ExitStack() as stack:
            program = stack.enter_context(self._program(kind)) if kind else None
            if distance and program is not None:
                delay, _, width = distance.partition(" by ")
                seconds, megabits = float(delay.removesuffix(" ms")) / 1000, float(width.removesuffix(" Mbit/s") or 0)
                line = stack.enter_context(delay_line(getattr(program, "port", 0), seconds, megabits))
                yield Delayed(line.port)
            else:
                yield program

    def _program(self, kind: str) -> Program:
        kind, _, check = kind.partition(" ")
        options = ["-k"] if check else []
        secure = ["-s", str(self.folder / "server.pem"), str(self.folder / "server.key")]
        match kind:
            case "smtp-sink" if not check:
                return SmtpSink(self.core)
            case "smtp-sink" | "pipelining":
                return own_sink(self.core, "-c", *options)
            case "chunking":
                return own_sink(self.core, *options)
            case "pop":
                return pop_sink(self.core, self.folder / "letter.eml", LETTERS)
            case "imap":
                return imap_sink(self.core, self.folder / "letter.eml", LETTERS)
            case "imap-heads":
                return imap_sink(self.core, self.folder / "letter.eml", HEADS)
            case "imap-part" | "imap-sync" | "imap-huge" | "imap-idle":
                return imap_special_sink(self.core, kind.removeprefix("imap-"))
            case "starttls":
                return own_sink(self.core, "-c", *secure, *options)
            case "tls":
                return own_sink(self.core, "-c", *secure, "-t", *options)
            case _:
                raise ValueError(kind)

    def idle_seconds(self) -> float:
        """How long our core has had nothing to do since the machine started, in ticks of a hundredth; 0 where nobody
        says.
        """
        if self.core is not None and sys.platform == "linux":
            for line in Path("/proc/stat").read_text("ascii").splitlines():
                if line.startswith(f"cpu{self.core} "):
                    return (int(line.split()[4]) + int(line.split()[5])) / os.sysconf("SC_CLK_TCK")
        return 0.0

    @staticmethod
    def can(kind: str) -> bool:
        return kind != "smtp-sink" or Path(SMTP_SINK).exists()


def measure(row: Row, ground: Ground, contestants: Mapping[str, Contestant], throttle: Pace) -> list[Result]:
    """Everybody who can, in rounds; those who cannot are said."""
    if not ground.can(row.sink):
        return [Skipped(row.name, "smtp-sink is not installed: Debian's package postfix brings it (`make debian`)")]
    skipped: list[Result] = []
    runners: dict[str, tuple[Contestant, Rival]] = {}
    own = Rival(OURS, None, row.work)
    for rival in (own, *row.rivals):
        if rival.name in contestants:
            runners[rival.label or rival.name] = (contestants[rival.name], rival)
    with ground.sink(row.sink) as sink:
        counts: dict[str, int] = {}
        for label, (contestant, rival) in list(runners.items()):
            try:
                counts[label] = _warm_up(contestant, rival, row, sink, throttle, ground)
            except (Cannot, Broken) as why:
                skipped.append(Skipped(row.name, f"{label}: {why}"))
                del runners[label]
        if OURS not in runners or len(runners) < 2:
            return skipped or [Skipped(row.name, "nobody to compare with")]
        rates: dict[str, list[float]] = {label: [] for label in runners}
        walls: dict[str, list[float]] = {label: [] for label in runners}
        for turn in range(throttle.rounds):
            labels = list(runners)
            # Everybody is first once: whoever follows a heavy one pays for what that one left behind.
            for label in labels[turn % len(labels) :] + labels[: turn % len(labels)]:
                contestant, rival = runners[label]
                done, seconds = _run(contestant, rival, row, sink, counts[label], ground)
                rates[label].append(done.sent * row.scale / seconds)
                walls[label].append(done.sent * row.scale / done.seconds)
    return [*skipped, *(_ratio(row, label, runners[label][1], rates, walls) for label in runners if label != OURS)]


def warm_up(ground: Ground, contestants: Mapping[str, Contestant], throttle: Pace) -> None:
    """Let those who compile while they run do so before anybody looks."""
    with ground.sink("pipelining") as sink:
        for name in JUST_IN_TIME:
            for work in ("ready", "built"):
                spent = 0.0
                while name in contestants and spent < throttle.first_warming / 2:
                    spent += contestants[name].do(work, getattr(sink, "port", 0), 1_000).seconds


# The steps.


def _ratio(row: Row, label: str, rival: Rival, rates: dict[str, list[float]], walls: dict[str, list[float]]) -> Ratio:
    ratio, wall = (
        Spread.of([ours / theirs for ours, theirs in zip(by[OURS], by[label], strict=True)]) for by in (rates, walls)
    )
    return Ratio(row, label, Spread.of(rates[OURS]), Spread.of(rates[label]), ratio, wall, rival.floor)


def _run(
    contestant: Contestant, rival: Rival, row: Row, sink: Program | Delayed | None, count: int, ground: Ground
) -> tuple[Done, float]:
    """One run, and how long the core took for it: the contestant's part, the sink's, and the idle part between."""
    served, idle = sink.core_seconds() if sink else 0.0, ground.idle_seconds()
    port = getattr(sink, "port", 0)
    options = {"sink": row.sink.partition(" ")[0] or "none", **row.options, **rival.options}
    done = contestant.do(rival.work or row.work, port, count, **options)
    served, idle = (sink.core_seconds() if sink else 0.0) - served, ground.idle_seconds() - idle
    if not done.core_seconds or (sink and not served):
        return done, done.seconds
    # More than the clock says was not spent on this: it was used before the clock started, or is a tick too many.
    return done, min(done.core_seconds + served + idle, done.seconds)


def _warm_up(
    contestant: Contestant, rival: Rival, row: Row, sink: Program | Delayed | None, throttle: Pace, ground: Ground
) -> int:
    """Warm somebody up, and find out how many mails fill one run."""
    whole = row.whole and not rival.few
    spent, count = 0.0, row.most if whole else min(row.most, 20)
    wanted = throttle.warming if contestant.name in WARMED else throttle.seconds / 2
    while True:
        done, _ = _run(contestant, rival, row, sink, count, ground)
        spent += done.seconds
        if whole and (spent >= wanted or contestant.name not in WARMED):
            return count
        if whole:
            continue
        count = max(1, min(row.most, int(done.rate * throttle.seconds), 10 * count))
        if spent >= wanted or done.sent >= row.most:
            return count


def number(value: float) -> str:
    """Three digits that count."""
    if value == 0:
        return "0"
    if abs(value) >= 999.5:
        digits = len(str(round(abs(value)))) - 3
        return f"{round(value / 10**digits) * 10**digits:,}"
    return f"{value:.3g}"


def narrate(text: str) -> None:
    """What goes on, for who waits."""
    print(text, file=sys.stderr, flush=True)
