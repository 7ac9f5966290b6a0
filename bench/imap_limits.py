"""Figures of IMAP that have a ceiling and no rival: memory, and round trips."""

from __future__ import annotations

import statistics
from collections.abc import Mapping

from .contestants import OURS, Cannot, Contestant, fresh
from .limits import peak_of, round_trip
from .material import HUGE_LETTER, MANY, MB
from .measuring import Ground, Limit, Pace, Result, Skipped, Spread
from .processes import Broken, delay_line

SAVE = """
import os
from courriel import ImapSession, Password, Security, Server
with ImapSession(Server("127.0.0.1", {port}, Security.NONE), Password("ada", "secret")) as box:
    box.select(read_only=True)
    box.save({number}, {folder!r} + f"/{number}-{{os.getpid()}}.eml")
os.unlink({folder!r} + f"/{number}-{{os.getpid()}}.eml")
"""
STDLIB_SAVE = """
import imaplib
box = imaplib.IMAP4("127.0.0.1", {port})
box.login("ada", "secret")
box.select(readonly=True)
open("/dev/null", "wb").write(box.uid("FETCH", "{number}", "(BODY.PEEK[])")[1][0][1])
"""
SESSIONS = 1_000


def imap_limits(ground: Ground, contestants: Mapping[str, Contestant], throttle: Pace) -> list[Result]:
    """A large letter to a file, sessions that idle, a folder that is synchronised."""
    results: list[Result] = []
    for measured in (_saved, _idle, _synchronised):
        try:
            results += measured(ground, contestants, throttle)
        except (Cannot, Broken) as why:
            results.append(Skipped("imap, ceilings", str(why)))
    return results


# The steps.


def _saved(ground: Ground, contestants: Mapping[str, Contestant], throttle: Pace) -> list[Result]:
    """Peaks over those of the same program with a letter of 100 kB, which fills the buffers already."""
    results: list[Result] = []
    with ground.sink("imap-huge") as sink:
        for name, program, ceiling in ((OURS, SAVE, 1.0), ("imaplib", STDLIB_SAVE, None)):
            values = []
            values: list[float] = []
            for _ in range(1 if throttle.quick else 3):
                where = {"port": getattr(sink, "port", 0), "folder": str(ground.folder)}
                small, large = (peak_of(program.format(number=number, **where), ground) for number in (1, 2))
                values.append((large - small) / 1000)
            what = f"{name}: a letter of {HUGE_LETTER // MB} MB to a file, over one of 100 kB"
            results.append(Limit("imap, memory", what, Spread.of(values), "MB", ceiling))
    return results


def _idle(ground: Ground, contestants: Mapping[str, Contestant], throttle: Pace) -> list[Result]:
    """In a process of their own: what another has freed would be taken first, and not be seen."""
    alone = fresh(OURS, ground.folder, ground.core)
    try:
        with ground.sink("imap-idle") as sink:
            _ = alone.do("imap-idle", getattr(sink, "port", 0), 10)
            each = alone.do("imap-idle", getattr(sink, "port", 0), SESSIONS).more["each"]
    finally:
        alone.end()
    return [Limit("imap, memory", f"one of {SESSIONS:,} sessions that wait by IDLE", Spread.of([each]), "kB", 40)]


def _synchronised(ground: Ground, contestants: Mapping[str, Contestant], throttle: Pace) -> list[Result]:
    """Seconds in round trips of this line, just measured; a tenth is left for what the client reckons."""
    results: list[Result] = []
    for milliseconds, ceiling in ((50, 3.3), (10, None)):
        taken: list[float] = []
        with ground.sink("imap-sync") as sink, delay_line(getattr(sink, "port", 0), milliseconds / 1000) as line:
            _ = contestants[OURS].do("imap-sync", line.port)
            for _ in range(3 if throttle.quick else 9):
                trip = statistics.median(round_trip(line.port) for _ in range(3))
                taken.append(contestants[OURS].do("imap-sync", line.port).seconds / trip)
        what = f"ten changes of {MANY:,} letters, QRESYNC, at {milliseconds} ms"
        # At 10 ms what the client computes counts as much as the road: told, and not judged.
        results.append(Limit("imap, sync", what, Spread.of(taken), "round trips", ceiling))
    return results
