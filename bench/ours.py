"""courriel, doing the works of the bench by its public names; each in the way that its documentation would advise."""

from __future__ import annotations

import asyncio
import itertools
import sys
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec
from threading import Barrier
from types import ModuleType
from typing import cast

import courriel
from courriel import (
    AsyncSmtpPool,
    AsyncSmtpSession,
    Message,
    Password,
    ReadyMessage,
    SmtpPool,
    SmtpSession,
    Submission,
    Template,
)
from courriel.session.encoding import Sendable
from courriel.types import SendArguments, Signer
from courriel.wire.mime import transfer

from . import receiving
from .material import RECIPIENT, SENDER, person
from .our_server import server
from .player import Clock, Job, NotYet, awaited, memory, play, timed
from .reading import READING
from .serving import works

FOR_EVER = 1_000_000
"""Seconds, or messages: no session of a pool is replaced while the clock runs, nor are the peers' ones."""


def parsed(job: Job) -> list[ReadyMessage]:
    """The ready-made mails, looked at before the clock starts; each a value of its own."""
    different = [ReadyMessage.parse(mail) for mail in job.material.ready()]
    return [different[number % len(different)] for number in range(job.count)]


def send_all(session: SmtpSession, messages: Iterable[Sendable]) -> int:
    """By `send_many`; every result is looked at, as a program would."""
    sent = 0
    for result in session.send_many(messages):
        if isinstance(result, courriel.CourrielError):
            raise result
        sent += 1
    return sent


def ready(job: Job) -> dict[str, float]:
    mails = parsed(job)
    with SmtpSession(server(job)) as session, Clock() as clock:
        sent = send_all(session, mails)
    return timed(clock, sent)


def from_bytes(job: Job) -> dict[str, float]:
    """The same, with what `ReadyMessage.parse` costs within the time."""
    mails = list(job.ready())
    with SmtpSession(server(job)) as session, Clock() as clock:
        sent = send_all(session, (ReadyMessage.parse(mail) for mail in mails))
    return timed(clock, sent)


def single(job: Job) -> dict[str, float]:
    """Each mail to whom its header names, or to as many as wanted; without an option that says nothing."""
    mails, options = parsed(job), SendArguments(to=job.to) if job.recipients > 1 else SendArguments()
    with SmtpSession(server(job)) as session, Clock() as clock:
        for mail in mails:
            session.send(mail, **options)
    return timed(clock, job.count)


# Building.


def plain(text: str) -> Message:
    return Message(sender=SENDER, to=RECIPIENT, subject="A mail that was built", text=text)


def both(text: str, html: str, number: int) -> Message:
    name, address, order = person(number)
    return Message(
        sender=SENDER,
        to=address,
        subject=f"Commande {order} prête",
        text=text.format(name=name, number=order),
        html=html.format(name=name, number=order),
    )


def build_text(job: Job) -> dict[str, float]:
    from courriel.wire.mime.build import content_of

    text = job.material.text("text.txt")
    with Clock() as clock:
        for _ in range(job.count):
            bytes(content_of(plain(text)))
    return timed(clock, job.count)


def sign(job: Job) -> dict[str, float]:
    """By the signer that sessions, pools and the outbox use; RSA, relaxed/relaxed."""
    signer = signer_of(job)
    made = [ReadyMessage.parse(mail) for mail in job.ready()]
    submissions = [Submission(mail.envelope(), mail.content, mail.message_id) for mail in made]
    with Clock() as clock:
        for submission in submissions:
            signer.sign(submission)
    return timed(clock, job.count)


def signer_of(job: Job) -> Signer:
    return Signer("example.org", "s1", f"file:{job.material.folder / 'dkim.pem'}")


def built_signed(job: Job) -> dict[str, float]:
    text, signer = job.material.text("text.txt"), signer_of(job)
    with SmtpSession(server(job)) as session, Clock() as clock:
        for _ in range(job.count):
            session.send(signer.signed(plain(text)))
    return timed(clock, job.count)


def build_html(job: Job) -> dict[str, float]:
    """For a server that takes 8BITMIME, as all do; `build-html-7` is for one that does not."""
    from courriel.wire.mime.build import content_of

    eight_bit = job.options["work"] != "build-html-7"
    text, html = job.material.text("merge.txt"), job.material.text("merge.html")
    with Clock() as clock:
        for number in range(job.count):
            bytes(content_of(both(text, html, number), eight_bit=eight_bit))
    return timed(clock, job.count)


def built(job: Job) -> dict[str, float]:
    text = job.material.text("text.txt")
    with SmtpSession(server(job)) as session, Clock() as clock:
        sent = send_all(session, (plain(text) for _ in range(job.count)))
    return timed(clock, sent)


def built_single(job: Job) -> dict[str, float]:
    text = job.material.text("text.txt")
    with SmtpSession(server(job)) as session, Clock() as clock:
        for _ in range(job.count):
            session.send(plain(text))
    return timed(clock, job.count)


def merge(job: Job) -> dict[str, float]:
    template = Template(
        sender=SENDER,
        to="{address}",
        subject="Commande {number} prête",
        text=job.material.text("merge.txt"),
        html=job.material.text("merge.html"),
    )
    people = ((number, *person(number)) for number in range(job.count))
    rows = ({"name": name, "address": address, "number": order} for _, name, address, order in people)
    with SmtpSession(server(job)) as session, Clock() as clock:
        sent = send_all(session, cast("Iterable[Sendable]", template.merge(rows)))
    return timed(clock, sent)


def merge_built(job: Job) -> dict[str, float]:
    """The same mails, each written by hand as a Message."""
    text, html = job.material.text("merge.txt"), job.material.text("merge.html")
    with SmtpSession(server(job)) as session, Clock() as clock:
        sent = send_all(session, (both(text, html, number) for number in range(job.count)))
    return timed(clock, sent)


def attachment(job: Job) -> dict[str, float]:
    """By what comes with Python; `base64=pybase64` says to use the extra `speed`, as who has installed it does."""
    sys.modules.pop("pybase64", None)
    if job.options.get("base64") != "pybase64":
        sys.modules["pybase64"] = cast("ModuleType", None)  # as if it were not installed
    elif find_spec("pybase64") is None:
        raise NotYet("has no pybase64 (extra `speed`)")
    transfer.fastest_base64.cache_clear()
    with SmtpSession(server(job)) as session, Clock() as clock:
        for _ in range(job.count):
            session.send(plain("Attached.\n").with_attachment(job.file))
    return timed(clock, job.count)


# Many at once.


def many(job: Job) -> dict[str, float]:
    """A thread for each session of the pool, and `send_many` on each: no session is replaced on the way."""
    mails = parsed(job)
    ready = Barrier(job.sessions + 1)

    def send(pool: SmtpPool, share: list[ReadyMessage]) -> int:
        with pool.session() as line:
            ready.wait(60)
            ready.wait(60)
            return send_all(line, share)

    with (
        SmtpPool(server(job), size=job.sessions, messages=FOR_EVER, age=FOR_EVER) as pool,
        ThreadPoolExecutor(job.sessions) as threads,
    ):
        shares = [threads.submit(send, pool, mails[rank :: job.sessions]) for rank in range(job.sessions)]
        ready.wait(60)  # all are open
        with Clock() as clock:
            ready.wait(60)
            sent = sum(share.result() for share in shares)
    return timed(clock, sent)


def session(job: Job) -> dict[str, float]:
    """Open, secure, log in, send, close."""
    mails, there, credentials = parsed(job), server(job), Password("ada", "secret")
    with Clock() as clock:
        for mail in mails:
            with SmtpSession(there, credentials) as line:
                line.send(mail)
    return timed(clock, job.count)


# For those who await.


async def async_single(job: Job) -> dict[str, float]:
    mails = parsed(job)
    async with AsyncSmtpSession(server(job)) as line:
        with Clock() as clock:
            for mail in mails:
                await line.send(mail)
    return timed(clock, job.count)


async def async_tasks(job: Job) -> dict[str, float]:
    """A hundred tasks on one connection, each awaiting its own mails."""
    mails = parsed(job)
    async with AsyncSmtpPool(server(job), size=1, messages=FOR_EVER, age=FOR_EVER, wait=FOR_EVER) as pool:

        async def send(share: Iterator[ReadyMessage]) -> None:
            for mail in share:
                await pool.send(mail)

        with Clock() as clock:
            await asyncio.gather(*(send(itertools.islice(mails, rank, None, 100)) for rank in range(100)))
    return timed(clock, job.count)


async def async_ready(job: Job) -> dict[str, float]:
    """One task, `send_many`."""
    mails = parsed(job)
    async with AsyncSmtpSession(server(job)) as line:
        sent = 0
        with Clock() as clock:
            async for result in line.send_many(mails):
                if isinstance(result, courriel.CourrielError):
                    raise result
                sent += 1
    return timed(clock, sent)


async def idle(job: Job) -> dict[str, float]:
    """Open that many sessions and let them be; what one costs, in kB."""
    before = memory("VmRSS")
    lines = [AsyncSmtpSession(server(job)) for _ in range(job.count)]
    with Clock() as clock:
        for some in hundreds(lines):
            await asyncio.gather(*(line.open() for line in some))
    each = (memory("VmRSS") - before) / job.count
    for some in hundreds(lines):
        await asyncio.gather(*(line.close() for line in some))
    return {**timed(clock, job.count), "each": each}


def hundreds(lines: list[AsyncSmtpSession]) -> Iterator[list[AsyncSmtpSession]]:
    return (lines[first : first + 100] for first in range(0, len(lines), 100))


def waiting(job: Job) -> dict[str, float]:
    """Mails that come from a generator: nothing but the window is ever held."""
    mails = [ReadyMessage.parse(mail) for mail in job.material.ready()]
    with SmtpSession(server(job)) as line, Clock() as clock:
        sent = send_all(line, (mails[number % len(mails)] for number in range(job.count)))
    return timed(clock, sent)


def main() -> None:
    play(
        {
            "ready": ready,
            "from-bytes": from_bytes,
            "single": single,
            "build-text": build_text,
            "build-html": build_html,
            "sign": sign,
            "built-signed": built_signed,
            "build-html-7": build_html,
            "built": built,
            "built-single": built_single,
            "merge": merge,
            "merge-built": merge_built,
            "attachment": attachment,
            "many": many,
            "session": session,
            "waiting": waiting,
            "async-single": awaited(async_single),
            "async-tasks": awaited(async_tasks),
            "async-ready": awaited(async_ready),
            "idle": awaited(idle),
            **READING,
            **works(lambda: [sys.executable, "-m", "bench.sandbox_server"]),
            **receiving.works(lambda: [sys.executable, "-m", "bench.sandbox_smtp_server"]),
        }
    )


if __name__ == "__main__":
    main()
