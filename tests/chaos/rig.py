"""Starts everybody of a chaos run, has happen what its schedule says, and then waits until all is quiet."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from itertools import product
from pathlib import Path
from types import TracebackType
from typing import Self

import inside
from chaos import actor, lying_server, producer, sender
from chaos.ledger import Ledger, facts
from chaos.promises import Death, Story
from chaos.schedule import Event
from courriel import Message, Outbox, errors
from courriel.outbox.store.states import State
from courriel.outbox.work.worker import BATCH

SILENCE = 1
"""Seconds of silence that workers allow the server."""

LANES = 3
"""Lanes that lies are told on. Two more are quiet until the end: one for a rush, and a narrow one."""

QUIET, NARROW = LANES, LANES + 1
NARROW_MAILS = 200  # half of them have three recipients, of which the server takes one at a time
NARROW_KILLS = 3

SENDERS = ((1, "hours"), (2, "hours"), (2, "moments"))
"""Threads and leases of each worker process: with leases of moments it is stopped and goes on; others are killed."""
PRODUCERS = 2

PATIENCE = 60.0
"""Seconds without any progress on the slowest machine. Whoever hangs longer has broken a promise."""

Program = subprocess.Popen[bytes]


class Rig:
    """One run over one empty outbox. `kill_database`, `kill_pooler`: end it at once and start it again."""

    def __init__(
        self,
        place: str,
        folder: Path,
        seed: int,
        *,
        kill_database: Callable[[], None] | None = None,
        kill_pooler: Callable[[], None] | None = None,
    ) -> None:
        self._place, self._folder, self._seed = place, folder, seed
        self._kill_database, self._kill_pooler = kill_database, kill_pooler
        self._ending = contextlib.ExitStack()
        self._outbox = self._ending.enter_context(Outbox(place))
        self._server = self._start(lying_server.__file__, folder, seed, LANES + 2, pipes=True)
        assert self._server.stdout is not None
        ports = self._server.stdout.readline().split()
        self._lanes = [f"smtp://127.0.0.1:{port.decode()}?timeout={SILENCE}" for port in ports]
        self._ledger = Ledger(folder / "rig.ledger")
        self._started = 0
        self._senders = [self._new_sender(number) for number in range(len(SENDERS))]
        self._producers = [self._new_producer(number) for number in range(PRODUCERS)]
        self._actor = self._new_actor()
        self._stopped: list[tuple[float, Program]] = []
        self.deaths: list[Death] = []
        self.done: list[str] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ending.close()

    # What happens.

    def perform(self, events: list[Event]) -> None:
        """Have these happen, one after the other."""
        acts: dict[str, Callable[[Event], None]] = {
            "kill sender": self._kill_sender,
            "stop sender": self._stop_sender,
            "kill producer": self._kill_producer,
            "kill actor": self._kill_actor,
            "lie": lambda event: self._tell_server(f"lie {','.join(event.lies)}"),
            "kill database": lambda _: self._kill_database and self._kill_database(),
            "kill pooler": lambda _: self._kill_pooler and self._kill_pooler(),
        }
        self._wait_for_arrivals(10)
        for event in events:
            self._pass(event.after)
            self.done.append(str(event))
            acts[event.what](event)

    def quiet(self) -> bool:
        """No more lies and deaths but a last one; everybody goes on until every mail has its end. Whether it has."""
        self._tell_server("lie ")
        self._wake(float("inf"))
        self._end([*self._producers, self._actor])
        self._kill_sender(Event(0, "kill sender"))
        return self._every_mail_has_its_end()

    def narrow(self) -> bool:
        """A worker alone on a lane whose server takes one recipient of each mail (452 4.5.3), killed several times.

        The rest of each mail is due at once, and claimed again into the same batch; so is what the actor holds and
        releases meanwhile. Whether every mail has its end.
        """
        self._end(self._senders)
        self._tell_server(f"narrow {NARROW}")
        self._tell_server("pace 0.004")
        self._put_narrow()
        actor = self._new_actor("take back")
        for _ in range(NARROW_KILLS):
            # More than a batch, so that it has mails in hand which it has had before.
            doomed, enough = self._new_sender(0), self._arrivals("narrow-") + BATCH * 1.3
            ends = time.monotonic() + PATIENCE
            while self._arrivals("narrow-") < enough and self._nudge():
                if time.monotonic() > ends:
                    return False  # it is judged as it stands
                time.sleep(0.02)  # others work
            self._kill(doomed, SENDERS[0][0])
        self._end([actor])
        self._senders = [self._new_sender(0)]
        return self._every_mail_has_its_end()

    def _put_narrow(self) -> None:
        """Mails of three recipients, and of one, of either policy.

        Where one of several is refused nothing is sent ahead; so it is with those of one recipient that a session has
        some in hand when the next ones are claimed.
        """
        for several, policy in product((3, 1), ("hold", "resend")):
            keys = [f"narrow-{several}-{policy}-{number}" for number in range(NARROW_MAILS // 4)]
            names = [[f"{key}-{each}@example.net" for each in range(several)] for key in keys]
            messages = [
                Message(sender="ada@example.org", to=to, subject=key, text=key)
                for key, to in zip(keys, names, strict=True)
            ]
            tickets = self._outbox.put_many(messages, via=self._lanes[NARROW], keys=keys, on_unsure=policy)
            for ticket, key, to in zip(tickets, keys, names, strict=True):
                self._ledger.write("acknowledged", id=ticket.id, key=key, recipients=to)

    def _every_mail_has_its_end(self) -> bool:
        """Wait for it, as long as there is progress."""
        ends = time.monotonic() + PATIENCE
        least = self._nudge()
        while (left := self._nudge()) and time.monotonic() < ends:
            if left < least:
                least, ends = left, time.monotonic() + PATIENCE
            time.sleep(0.15)  # others work
        return not left

    def rush(self) -> tuple[float, frozenset[str], dict[str, float]]:
        """Many mails of low priority, then a few urgent ones, and the worker that has some of both in hand is killed.

        Since when nobody dead has any of them; the keys of the former; when each of the latter was acknowledged.
        """
        self._end(self._senders)
        self._tell_server("pace 0.004")
        low = [f"low-{number}" for number in range(BATCH * 4)]
        self._put_all(low, "low")
        doomed = self._new_sender(0)
        self._wait(lambda: self._has_in_hand(doomed))
        high = {}
        for number in range(20):
            self._put_all([f"high-{number}"], "high")
            high[f"high-{number}"] = time.monotonic()
        self._wait_for_arrivals(BATCH // 4, "low-")
        self._kill(doomed, SENDERS[0][0])
        self._senders = [self._new_sender(0)]
        self._wait(lambda: not any(each.worker == _holder(doomed) for each in self._outbox.in_hand()))
        since = time.monotonic()
        self._tell_server("pace 0")
        self._wait(lambda: not self._nudge())
        return since, frozenset(low), high

    def end(self) -> list[int]:
        """Stop the workers in peace; what their processes ended with."""
        return self._end(self._senders)

    def story(self) -> Story:
        """What everybody has noted, and how each mail stands."""
        return Story(
            list(facts(self._folder)), {info.key or info.id: info for info in self._outbox.list()}, self.deaths
        )

    @property
    def wrong(self) -> str:
        """What the processes have complained of."""
        return (self._folder / "errors").read_text("utf-8", "replace")

    # The steps.

    def _kill_sender(self, event: Event) -> None:
        """Kill one that has something in hand, and start another in its place."""
        mortal = [number for number, (_, leases) in enumerate(SENDERS) if leases == "hours"]
        number = mortal[event.number % len(mortal)]
        doomed = self._senders[number]
        self._wait_until_it_has(doomed)
        self._kill(doomed, SENDERS[number][0])
        self._senders[number] = self._new_sender(number)

    def _kill(self, doomed: Program, workers: int) -> None:
        doomed.kill()
        doomed.wait()
        self.deaths.append(Death(_holder(doomed), time.monotonic(), workers))

    def _stop_sender(self, event: Event) -> None:
        (number,) = [number for number, (_, leases) in enumerate(SENDERS) if leases == "moments"]
        stopped = self._senders[number]
        if all(each is not stopped for _, each in self._stopped):
            self._wait_until_it_has(stopped, State.LEASED)
            stopped.send_signal(signal.SIGSTOP)
            self._stopped.append((time.monotonic() + event.lasts, stopped))

    def _kill_producer(self, event: Event) -> None:
        number = event.number % PRODUCERS
        self._producers[number].kill()
        self._producers[number].wait()
        self._producers[number] = self._new_producer(number)

    def _kill_actor(self, _: Event) -> None:
        self._actor.kill()
        self._actor.wait()
        self._actor = self._new_actor()

    def _pass(self, seconds: float) -> None:
        """Time passes, and those wake up whose sleep is over."""
        time.sleep(seconds)  # the point of it: at any moment
        self._wake(time.monotonic())

    def _wake(self, now: float) -> None:
        for each in [each for each in self._stopped if each[0] <= now]:
            each[1].send_signal(signal.SIGCONT)
            self._stopped.remove(each)

    def _nudge(self) -> int:
        """Do what a person would: let lanes go on, decide about what is held, and hurry. How many mails are left."""
        outbox, left = self._outbox, 0
        try:
            self._resume_lanes()
            for info in list(outbox.list(State.HELD)):
                if info.why in ("operator", "poison"):
                    self._ledger.write("to release", id=info.id)
                    outbox.get(info.id).release()
            for info in list(outbox.list(State.READY)):
                left += 1
                if info.due > time.time():
                    outbox.get(info.id).retry_now()
            return left + sum(count.mails for count in outbox.stats() if count.state in (State.LEASED, State.IN_FLIGHT))
        except errors.OutboxError:
            return 1_000_000  # nobody can say

    def _resume_lanes(self) -> None:
        for lane in self._outbox.lanes():
            if lane.stopped or lane.paused:
                self._outbox.resume(lane.name)

    def _put_all(self, keys: list[str], priority: str) -> None:
        messages = [Message(sender="ada@example.org", to="bob@example.net", subject=key, text=key) for key in keys]
        self._outbox.put_many(messages, via=self._lanes[QUIET], keys=keys, priority=priority)

    def _wait_until_it_has(self, process: Program, state: State | None = None) -> None:
        """Who dies, or falls asleep, with nothing in hand proves nothing. Not for long: it may have nothing to do."""
        ends = time.monotonic() + 1
        with contextlib.suppress(errors.OutboxError):
            while not self._has_in_hand(process, state) and time.monotonic() < ends:
                self._resume_lanes()
                self._pass(0.005)

    def _has_in_hand(self, process: Program, state: State | None = None) -> bool:
        """Whether it has mails (in this state), and others can know that it is dead when it is."""
        holder = f"{_holder(process)}/"
        listed = any(worker.id.startswith(holder) for worker in inside.store_of(self._outbox).workers())
        states = (State.LEASED, State.IN_FLIGHT) if state is None else (state,)
        return listed and any(info.holder.startswith(holder) for each in states for info in self._outbox.list(each))

    def _wait_for_arrivals(self, number: int, prefix: str = "") -> None:
        self._wait(lambda: self._arrivals(prefix) >= number)

    def _arrivals(self, prefix: str) -> int:
        # Not by `facts`: this is asked again and again, of thousands of lines.
        begins = f'"key": "{prefix}'.encode("ascii")
        return sum(path.read_bytes().count(begins) for path in self._folder.glob("arrivals.ledger"))

    def _wait(self, true: Callable[[], bool]) -> None:
        ends = time.monotonic() + PATIENCE
        while not true():
            assert time.monotonic() < ends, f"it does not come\n{self.wrong[-3000:]}"
            time.sleep(0.01)  # others work

    def _tell_server(self, order: str) -> None:
        assert self._server.stdin is not None
        assert self._server.stdout is not None
        self._server.stdin.write(f"{order}\n".encode())
        self._server.stdin.flush()
        assert self._server.stdout.readline() == b"heard\n"

    def _new_sender(self, number: int) -> Program:
        workers, leases = SENDERS[number]
        return self._start(sender.__file__, self._place, self._folder, f"sender-{number}", leases, workers)

    def _new_producer(self, number: int) -> Program:
        return self._start(
            producer.__file__, self._place, self._folder, f"producer-{number}", self._seed, *self._lanes[:LANES]
        )

    def _new_actor(self, *acts: str) -> Program:
        self._started += 1
        name, seed = f"actor-{self._started}", f"{self._seed}{self._started}"
        return self._start(actor.__file__, self._place, self._folder, name, seed, *acts)

    def _start(self, *arguments: object, pipes: bool = False) -> Program:
        pipe = subprocess.PIPE if pipes else None
        # Not the server: asyncio complains of connections that hang when it ends.
        warnings = "ignore" if pipes else "error"
        found = os.pathsep.join(filter(None, (str(Path(__file__).parents[1]), os.environ.get("PYTHONPATH"))))
        environment = os.environ | {"PYTHONWARNINGS": warnings, "PYTHONPATH": found}
        log = self._ending.enter_context((self._folder / "errors").open("ab"))
        process = subprocess.Popen(
            [sys.executable, "-P", *map(str, arguments)], env=environment, stdin=pipe, stdout=pipe, stderr=log
        )
        self._ending.callback(_destroy, process)
        return process

    def _end(self, processes: list[Program]) -> list[int]:
        """Ask them to stop; those that do not are killed, and their status says so."""
        for process in processes:
            process.terminate()
        for process in processes:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(60)
        return [process.poll() if process.poll() is not None else 999 for process in processes]  # type: ignore[misc]


def _holder(process: Program) -> str:
    """What stands on the mails that it has in hand."""
    return f"{socket.gethostname()}:{process.pid}"


def _destroy(process: Program) -> None:
    process.kill()
    process.wait()
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            pipe.close()
