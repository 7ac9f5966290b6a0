"""A Transport of a user's own, and every way by which mail leaves with it."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterable, AsyncIterator, Callable, Iterable, Iterator

import courriel
from courriel import (
    AsyncTransport,
    Message,
    Outbox,
    ReadyMessage,
    Receipt,
    SendOptions,
    SmtpPool,
    SmtpSession,
    Submission,
    Transport,
)
from courriel.types import AsyncConnected, Connected, Result, SendArguments, Via

logger = logging.getLogger("shop.mail")


class Logged:
    def __init__(self, inner: Transport) -> None:
        self.inner = inner
        self.name = f"logged {inner.name}"
        self.answer_limit = inner.answer_limit
        self.parallel = inner.parallel

    def submit(self, submission: Submission) -> Receipt:
        return self.inner.submit(self.logged(submission))

    def submit_many(
        self, submissions: Iterable[Submission], *, window: int | Callable[[], int] = 100
    ) -> Iterator[Result]:
        return self.inner.submit_many(map(self.logged, submissions), window=window)

    def hang_up(self) -> None:
        self.inner.hang_up()

    def close(self) -> None:
        self.inner.close()

    def logged(self, submission: Submission) -> Submission:
        logger.info("%s", submission.message_id)
        return submission


class AsyncLogged:
    def __init__(self, inner: AsyncTransport) -> None:
        self.inner = inner
        self.name, self.answer_limit, self.parallel = inner.name, inner.answer_limit, inner.parallel

    async def submit(self, submission: Submission) -> Receipt:
        return await self.inner.submit(submission)

    def submit_many(
        self, submissions: Iterable[Submission] | AsyncIterable[Submission], *, window: int | Callable[[], int] = 100
    ) -> AsyncIterator[Result]:
        return self.inner.submit_many(submissions, window=window)

    async def close(self) -> None:
        await self.inner.close()


def every_kind_is_a_transport(session: SmtpSession, pool: SmtpPool, setting: Via) -> list[Transport]:
    return [session, pool, courriel.connect(setting), Logged(session)]


def connected(message: Message) -> Receipt:
    with courriel.connect("billing") as way:
        kept: Connected = way
        del kept
        return way.send(message, on_refused="abandon")


async def awaited(message: Message) -> Receipt:
    async with await courriel.aconnect() as way:
        kept: AsyncConnected = way
        await courriel.asend(message, via=AsyncLogged(kept))
        return await way.send(message)


def sent(message: Message, session: SmtpSession) -> Receipt:
    options: SendArguments = {"on_refused": "abandon", "envid": "42"}
    ready = ReadyMessage.parse(message.as_bytes())
    submission = Submission(ready.envelope(), ready.content, before_end=lambda: True)
    session.submit(submission)
    SendOptions(**options)
    courriel.send(to="bob@example.org", subject="x", text="x", via="billing", require_tls=True)
    return courriel.send(message, via=Logged(session))


def queued(message: Message, session: SmtpSession) -> None:
    with Outbox("outbox.db", ways={"billing": Logged(session), "other": "memory:"}) as outbox:
        outbox.put(message, via="billing", key="invoice-42", on_refused="abandon")
        outbox.put(message, via=Logged(session))
