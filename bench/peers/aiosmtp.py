"""aiosmtplib: one connected `SMTP` object, `sendmail` for octets that are ready, `send_message` for an EmailMessage."""

from __future__ import annotations

import asyncio

import aiosmtplib

from ..material import RECIPIENT, SENDER
from ..player import Clock, Job, awaited, play, timed
from .stdlib import both, plain


async def open_line(job: Job) -> aiosmtplib.SMTP:
    line = aiosmtplib.SMTP(hostname="127.0.0.1", port=job.port, local_hostname="bench", start_tls=False, use_tls=False)
    await line.connect()
    await line.ehlo()
    return line


async def ready(job: Job) -> dict[str, float]:
    mails, to, line = list(job.ready()), job.to, await open_line(job)
    with Clock() as clock:
        for mail in mails:
            await line.sendmail(SENDER, to, mail)
    await line.quit()
    return timed(clock, job.count)


async def tasks(job: Job) -> dict[str, float]:
    """A hundred tasks on one connection, each awaiting its own mails."""
    mails, line = list(job.ready()), await open_line(job)

    async def send(share: list[bytes]) -> None:
        for mail in share:
            await line.sendmail(SENDER, [RECIPIENT], mail)

    with Clock() as clock:
        await asyncio.gather(*(send(mails[rank::100]) for rank in range(100)))
    await line.quit()
    return timed(clock, job.count)


async def many(job: Job) -> dict[str, float]:
    """Several connections, a task for each."""
    mails = list(job.ready())
    lines = [await open_line(job) for _ in range(job.sessions)]

    async def send(line: aiosmtplib.SMTP, share: list[bytes]) -> None:
        for mail in share:
            await line.sendmail(SENDER, [RECIPIENT], mail)

    with Clock() as clock:
        await asyncio.gather(*(send(line, mails[rank :: job.sessions]) for rank, line in enumerate(lines)))
    for line in lines:
        await line.quit()
    return timed(clock, job.count)


async def built(job: Job) -> dict[str, float]:
    text, line = job.material.text("text.txt"), await open_line(job)
    with Clock() as clock:
        for _ in range(job.count):
            await line.send_message(plain(text))
    await line.quit()
    return timed(clock, job.count)


async def merge(job: Job) -> dict[str, float]:
    text, html, line = job.material.text("merge.txt"), job.material.text("merge.html"), await open_line(job)
    with Clock() as clock:
        for number in range(job.count):
            await line.send_message(both(text, html, number))
    await line.quit()
    return timed(clock, job.count)


async def attachment(job: Job) -> dict[str, float]:
    line = await open_line(job)
    with Clock() as clock:
        for _ in range(job.count):
            message = plain("Attached.\n")
            message.add_attachment(
                job.file.read_bytes(), maintype="application", subtype="octet-stream", filename="file.bin"
            )
            await line.send_message(message)
    await line.quit()
    return timed(clock, job.count)


if __name__ == "__main__":
    play(
        {
            "ready": awaited(ready),
            "single": awaited(ready),
            "async-single": awaited(ready),
            "async-tasks": awaited(tasks),
            "built": awaited(built),
            "merge": awaited(merge),
            "attachment": awaited(attachment),
            "many": awaited(many),
        }
    )
