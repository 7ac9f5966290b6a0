"""No mail client: the least that Python can do on the same wire, so that one sees how much room there is for any.

Octets that were written beforehand go out, line ends are counted, and no answer is looked at; nothing is checked, and
the first refusal would lose a mail. What a client in Python adds to this is its own; what this costs is the language's,
the kernel's and the sink's.
"""

from __future__ import annotations

import asyncio
import socket
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from email import policy
from functools import lru_cache

from ..material import RECIPIENT, SENDER, person
from ..player import Clock, Job, awaited, play, timed
from .stdlib import both

_WINDOW = 100  # mails in flight by CHUNKING

Mail = tuple[bytes, bytes]
"""MAIL, RCPT and what follows them, and the mail as it goes on the line."""


class Wire:
    """A blocking socket on which answers are counted."""

    def __init__(self, job: Job) -> None:
        self.socket = greeted(job.port)
        self.awaited = 0

    def say(self, octets: bytes, answers: int) -> None:
        self.socket.sendall(octets)
        self.awaited += answers

    def hear(self, enough: int = 0) -> None:
        while self.awaited > enough:
            self.awaited -= self.socket.recv(65536).count(b"\n")

    def close(self) -> None:
        self.say(b"QUIT\r\n", 0)
        self.socket.close()


def greeted(port: int) -> socket.socket:
    line = socket.create_connection(("127.0.0.1", port))
    line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    with line.makefile("rb") as heard:
        heard.readline()
        line.sendall(b"EHLO bench\r\n")
        while heard.readline()[3:4] == b"-":
            pass
    return line


def by_dot(job: Job) -> list[Mail]:
    envelope = f"MAIL FROM:<{SENDER}> SIZE=1024\r\nRCPT TO:<{RECIPIENT}>\r\nDATA\r\n".encode()
    return [(envelope, ended(mail)) for mail in job.ready()]


def by_length(job: Job) -> list[Mail]:
    envelope = f"RSET\r\nMAIL FROM:<{SENDER}> SIZE=1024\r\nRCPT TO:<{RECIPIENT}>\r\n".encode()
    return [(envelope + b"BDAT %d LAST\r\n" % len(mail), mail) for mail in job.ready()]


@lru_cache(maxsize=1)
def merged(job_text: str, job_html: str, count: int) -> list[Mail]:
    return [
        (
            f"MAIL FROM:<{SENDER}> SIZE=2048\r\nRCPT TO:<{person(number)[1]}>\r\nDATA\r\n".encode(),
            ended(both(job_text, job_html, number).as_bytes(policy=policy.SMTP)),
        )
        for number in range(count)
    ]


def ended(mail: bytes) -> bytes:
    if b"\r\n." in mail or not mail.endswith(b"\r\n"):
        raise ValueError("a mail of the bench has neither dots to stuff nor an open end")
    return mail + b".\r\n"


# The works.


def ready(job: Job) -> dict[str, float]:
    """The end of one leaves with the envelope of the next; whole by BDAT where the sink is for that."""
    if job.options["sink"] == "chunking":
        return in_a_window(job)
    mails = by_dot(job)
    wire = Wire(job)
    with Clock() as clock:
        in_turn(wire, mails)
    wire.close()
    return timed(clock, job.count)


def merge(job: Job) -> dict[str, float]:
    mails = merged(job.material.text("merge.txt"), job.material.text("merge.html"), job.count)
    wire = Wire(job)
    with Clock() as clock:
        in_turn(wire, mails)
    wire.close()
    return timed(clock, job.count)


def in_turn(wire: Wire, mails: list[Mail]) -> None:
    end = b""
    for envelope, mail in mails:
        wire.say(end + envelope, 4 if end else 3)
        wire.hear()
        end = mail
    wire.say(end, 1)
    wire.hear()


def in_a_window(job: Job) -> dict[str, float]:
    mails = by_length(job)
    wire = Wire(job)
    with Clock() as clock:
        for start in range(0, len(mails), _WINDOW // 2):
            some = mails[start : start + _WINDOW // 2]
            wire.say(b"".join([piece for mail in some for piece in mail]), 4 * len(some))
            wire.hear(4 * _WINDOW // 2)
        wire.hear()
    wire.close()
    return timed(clock, job.count)


def single(job: Job) -> dict[str, float]:
    mails = by_dot(job)
    wire = Wire(job)
    with Clock() as clock:
        for envelope, mail in mails:
            wire.say(envelope, 3)
            wire.hear()
            wire.say(mail, 1)
            wire.hear()
    wire.close()
    return timed(clock, job.count)


def many(job: Job) -> dict[str, float]:
    mails = by_dot(job)
    wires = [Wire(job) for _ in range(job.sessions)]
    with ThreadPoolExecutor(job.sessions) as threads, Clock() as clock:
        for done in [threads.submit(in_turn, wire, mails[rank :: job.sessions]) for rank, wire in enumerate(wires)]:
            done.result()
    for wire in wires:
        wire.close()
    return timed(clock, job.count)


# The same in an event loop.


class Awaited(asyncio.BufferedProtocol):
    """Counts answers, and says to the first in the queue that it has had as many as it waits for."""

    def __init__(self) -> None:
        self.space = bytearray(65536)
        self.here = 0
        self.queue: deque[tuple[int, Callable[[], object]]] = deque()

    def get_buffer(self, sizehint: int) -> bytearray:
        return self.space

    def buffer_updated(self, nbytes: int) -> None:
        self.here += self.space.count(b"\n", 0, nbytes)
        while self.queue and self.here >= self.queue[0][0]:
            answers, go_on = self.queue.popleft()
            self.here -= answers
            go_on()


async def connected(job: Job) -> tuple[asyncio.Transport, Awaited]:
    line = greeted(job.port)
    line.setblocking(False)
    return await asyncio.get_running_loop().create_connection(Awaited, sock=line)


async def async_single(job: Job) -> dict[str, float]:
    mails = by_dot(job)
    transport, protocol = await connected(job)
    loop = asyncio.get_running_loop()

    def send(envelope: bytes, mail: bytes) -> asyncio.Future[None]:
        told = loop.create_future()

        def go_on() -> None:
            protocol.queue.append((1, lambda: told.set_result(None)))
            transport.write(mail)

        protocol.queue.append((3, go_on))
        transport.write(envelope)
        return told

    with Clock() as clock:
        for envelope, mail in mails:
            await send(envelope, mail)
    transport.close()
    return timed(clock, job.count)


async def async_tasks(job: Job) -> dict[str, float]:
    """What the tasks want to send in one turn of the loop leaves in one write."""
    mails = by_length(job)
    transport, protocol = await connected(job)
    loop = asyncio.get_running_loop()
    leaving: list[bytes] = []

    def leave() -> None:
        transport.write(b"".join(leaving))
        leaving.clear()

    def send(mail: Mail) -> asyncio.Future[None]:
        told = loop.create_future()
        protocol.queue.append((4, lambda: told.set_result(None)))
        if not leaving:
            loop.call_soon(leave)
        leaving.extend(mail)
        return told

    async def send_all(share: list[Mail]) -> None:
        for mail in share:
            await send(mail)

    with Clock() as clock:
        await asyncio.gather(*(send_all(mails[rank::100]) for rank in range(100)))
    transport.close()
    return timed(clock, job.count)


if __name__ == "__main__":
    play(
        {
            "ready": ready,
            "single": single,
            "merge": merge,
            "many": many,
            "async-single": awaited(async_single),
            "async-tasks": awaited(async_tasks),
        }
    )
