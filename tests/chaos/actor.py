"""
An operator at the outbox: cancels, holds, releases, hurries, pauses and resumes, and notes what the outbox answers.

    python actor.py PLACE FOLDER NAME SEED [ACT...]

Without an ACT it does everything; else these only: cancel, hold, release, take back, hurry, pause, resume.
"""

from __future__ import annotations

import signal
import sys
import time
from pathlib import Path
from random import Random

from chaos.ledger import Ledger
from courriel import Outbox, errors
from courriel.outbox.store.states import State

WEIGHTS = {"cancel": 2, "hold": 2, "release": 2, "take back": 4, "hurry": 3, "pause": 1, "resume": 4}
"""How often each act comes beside the others."""

PACE = 0.03
"""Seconds between two acts."""


class Actor:
    """Does one thing after the other, by chance; what he means to do is noted before, and what came of it after."""

    def __init__(self, outbox: Outbox, ledger: Ledger, seed: int, acts: tuple[str, ...] = ()) -> None:
        self._outbox, self._ledger, self._chance = outbox, ledger, Random(seed)
        self._weights = {act: weight for act, weight in WEIGHTS.items() if not acts or act in acts}
        self.stopped = False

    def run(self) -> None:
        """Go on until told to stop."""
        acts = list(self._weights)
        while not self.stopped:
            try:
                (act,) = self._chance.choices(acts, list(self._weights.values()))
                getattr(self, f"_{act.replace(' ', '_')}")()
            except errors.OutboxError:
                self._reopen()
            time.sleep(PACE)  # nothing to wait for: nobody acts faster

    # The steps.

    def _cancel(self) -> None:
        self._act("cancel", self._some_open())

    def _hold(self) -> None:
        self._act("hold", self._some_open())

    def _release(self) -> None:
        """Only what he holds himself: what is unsure is not for him to send."""
        held = [info.id for info in self._outbox.list(State.HELD, most=200) if info.why == "operator"]
        self._act("release", self._chance.choice(held) if held else None)

    def _take_back(self) -> None:
        """Hold and release what a worker has leased: it is claimed again while the first lease is in hand."""
        for ident in self._several(State.LEASED, 10):
            if self._act("hold", ident):
                self._act("release", ident)

    def _hurry(self) -> None:
        for ident in self._several(State.READY, 20):
            self._outbox.get(ident).retry_now()

    def _pause(self) -> None:
        lane = self._lane()
        if lane:
            self._outbox.pause(lane)
            time.sleep(PACE)  # nothing to wait for: he thinks
            self._outbox.resume(lane)

    def _resume(self) -> None:
        for lane in self._outbox.lanes():
            if lane.stopped or lane.paused:
                self._outbox.resume(lane.name)

    def _act(self, act: str, ident: str | None) -> bool:
        if ident is None:
            return False
        self._ledger.write(f"to {act}", id=ident)
        done = getattr(self._outbox.get(ident), act)()
        self._ledger.write(act, id=ident, done=done)
        return bool(done)

    def _lane(self) -> str | None:
        lanes = self._outbox.lanes()
        return self._chance.choice(lanes).name if lanes else None

    def _some_open(self) -> str | None:
        """One that may still be taken back, in a worker's hand as often as not."""
        states = [State.LEASED, State.READY]
        self._chance.shuffle(states)
        found = self._several(states[0], 1) or self._several(states[1], 1)
        return found[0] if found else None

    def _several(self, state: State, most: int) -> list[str]:
        found = [info.id for info in self._outbox.list(state, most=200)]
        return self._chance.sample(found, min(most, len(found)))

    def _reopen(self) -> None:
        try:
            self._outbox.reopen()
        except errors.OutboxError:
            time.sleep(PACE)  # the database is away


def main(place: str, folder: str, name: str, seed: str, *acts: str) -> None:
    while True:
        try:
            outbox = Outbox(place)
            break
        except errors.OutboxError:
            time.sleep(PACE)  # the database is away
    actor = Actor(outbox, Ledger(Path(folder) / f"{name}.ledger"), int(seed), acts)

    def stop(*_: object) -> None:
        actor.stopped = True

    signal.signal(signal.SIGTERM, stop)
    with outbox:
        actor.run()


if __name__ == "__main__":
    main(*sys.argv[1:])
