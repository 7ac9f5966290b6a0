"""How a contestant that is written in Python is spoken to: a line for each job, a line for each result.

    bench:       work=ready port=2525 count=5000
    contestant:  ok seconds=0.512 sent=5000

The clock runs in the contestant, from the first mail to the last answer: starting it up costs nobody anything.
"""

from __future__ import annotations

import gc
import sys
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter, process_time

from .material import Material


class NotYet(Exception):
    """This contestant cannot do that work; the text says why."""


@dataclass(frozen=True, slots=True)
class Job:
    """One piece of work: what, where, how often."""

    material: Material
    port: int = 0
    count: int = 1
    sessions: int = 1
    recipients: int = 1
    file: Path = Path()
    options: dict[str, str] = field(default_factory=dict)

    @property
    def to(self) -> list[str]:
        return (
            ["someone@example.org"] if self.recipients == 1 else [f"s{n}@example.org" for n in range(self.recipients)]
        )

    def ready(self) -> Iterator[bytes]:
        """As many mails as wanted, out of a thousand different ones."""
        mails = self.material.ready()
        return (mails[number % len(mails)] for number in range(self.count))


class Clock:
    """`with Clock() as clock: ...`, then `clock.seconds`; and `clock.core_seconds`, what this process used of its core.

    The garbage of before is collected before it starts.
    """

    seconds = 0.0
    core_seconds = 0.0

    def __enter__(self) -> Clock:
        gc.collect()
        self._begun, self._core_begun = perf_counter(), process_time()
        return self

    def __exit__(self, *_: object) -> None:
        self.seconds, self.core_seconds = perf_counter() - self._begun, process_time() - self._core_begun


def compared(job: Job, letters: list[bytes]) -> int:
    """How many letters were read, each to the octet. Raises ValueError."""
    for number, letter in enumerate(letters, 1):
        if letter != job.material.letter(number):
            raise ValueError(f"letter {number} is not the one that was in the mailbox")
    return len(letters)


Work = Callable[[Job], dict[str, float]]


def awaited(work: Callable[[Job], Awaitable[dict[str, float]]]) -> Work:
    """A work for an event loop, as one that may be called; each call has a loop of its own."""
    import asyncio  # those who block are measured without it

    async def in_a_loop(job: Job) -> dict[str, float]:
        return await work(job)

    return lambda job: asyncio.run(in_a_loop(job))


def play(works: dict[str, Work]) -> None:
    """Do what standard input asks for, until it ends."""
    material = Material(Path(sys.argv[1]))
    for line in sys.stdin:
        said = dict(pair.split("=", 1) for pair in line.split())
        job = Job(
            material,
            int(said.get("port", 0)),
            int(said.get("count", 1)),
            int(said.get("sessions", 1)),
            int(said.get("recipients", 1)),
            Path(said.get("file", "")),
            said,
        )
        try:
            if said["work"] not in works:
                raise NotYet(f"does not do {said['work']}")
            result = works[said["work"]](job)
        except NotYet as missing:
            answer = f"skip {missing}"
        except Exception as error:  # noqa: BLE001 - one outer edge: the bench shows it and goes on
            answer = f"error {type(error).__name__}: {error}".replace("\n", " ")
        else:
            result["peak"] = memory("VmHWM")
            answer = "ok " + " ".join(f"{name}={value}" for name, value in result.items())
        print(answer, flush=True)


def memory(what: str) -> float:
    """Memory of this process in kB: "VmHWM" is its peak, "VmRSS" what it holds now."""
    for line in Path("/proc/self/status").read_text("ascii").splitlines():
        if line.startswith(what):
            return float(line.split()[1])
    return 0.0


def timed(clock: Clock, sent: float) -> dict[str, float]:
    return {"seconds": clock.seconds, "core": clock.core_seconds, "sent": sent}
