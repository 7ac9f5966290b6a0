"""`before_end`: called just before the end of the data; when it returns False nothing is delivered (hazard H03)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator

import pytest

from courriel import AsyncSmtpSession, Message, Receipt, Sandbox, Server, SmtpSession, errors
from courriel._dataclass import replace
from courriel.model.receipt import Result
from courriel.model.submission import Submission
from courriel.session.encoding import submission_of
from courriel.wire.smtp.extensions import Extensions

CAPABLE = Extensions({"8BITMIME": "", "SMTPUTF8": ""})
LARGE = "x" * 70 + "\n" + "y" * 300_000  # too large for BDAT in a window, and for one write


class Asked:
    """Returns the given answers, and records the number of letters in `sandbox` at each call."""

    def __init__(self, sandbox: Sandbox, *answers: bool) -> None:
        self.had: list[int] = []
        self._sandbox, self._answers = sandbox, list(answers)

    def __call__(self) -> bool:
        self.had.append(len(self._sandbox.letters))
        return self._answers.pop(0)


def outgoing(number: int, before_end: Callable[[], object] | None, text: str = "Hello.") -> Submission:
    message = Message(sender="ada@example.org", to="bob@example.org", subject=f"Number {number}", text=text)
    return replace(submission_of(message, CAPABLE), before_end=before_end)


def blocking_many(server: Server, messages: list[Submission], window: int) -> list[Result]:
    with SmtpSession(server) as session:
        return list(session.send_many(messages, window=window))


def awaiting_many(server: Server, messages: list[Submission], window: int) -> list[Result]:
    async def send() -> list[Result]:
        async with AsyncSmtpSession(server) as session:
            return [result async for result in session.send_many(messages, window=window)]

    return asyncio.run(send())


def blocking_one(server: Server, message: Submission) -> tuple[Receipt | errors.CourrielError, bool]:
    with SmtpSession(server) as session:
        try:
            result: Receipt | errors.CourrielError = session.send(message)
        except errors.CourrielError as failed:
            result = failed
        return result, session.usable


def awaiting_one(server: Server, message: Submission) -> tuple[Receipt | errors.CourrielError, bool]:
    async def send() -> tuple[Receipt | errors.CourrielError, bool]:
        async with AsyncSmtpSession(server) as session:
            try:
                result: Receipt | errors.CourrielError = await session.send(message)
            except errors.CourrielError as failed:
                result = failed
            return result, session.usable

    return asyncio.run(send())


in_both_colours = pytest.mark.parametrize("many", [blocking_many, awaiting_many])
one_in_both_colours = pytest.mark.parametrize("one", [blocking_one, awaiting_one])


@pytest.fixture(params=["smtp", "lmtp"])
def sandbox(request: pytest.FixtureRequest) -> Iterator[Sandbox]:
    with Sandbox(lmtp=request.param == "lmtp") as sandbox:
        yield sandbox


@one_in_both_colours
@pytest.mark.parametrize("text", ["Hello.", LARGE])
def test_a_no_leaves_nothing_delivered_and_no_doubt(one: Callable[..., object], sandbox: Sandbox, text: str) -> None:
    before_end = Asked(sandbox, False)

    result, usable = one(sandbox.server(), outgoing(1, before_end, text))  # type: ignore[misc]

    assert isinstance(result, errors.NotPermitted)
    assert not result.in_doubt
    assert not usable
    assert len(before_end.had) == 1
    assert sandbox.letters == []


@one_in_both_colours
def test_a_yes_is_asked_for_once_and_before_the_message_is_there(one: Callable[..., object], sandbox: Sandbox) -> None:
    before_end = Asked(sandbox, True)

    result, usable = one(sandbox.server(), outgoing(1, before_end))  # type: ignore[misc]

    assert isinstance(result, Receipt)
    assert usable
    assert before_end.had == [0]
    assert len(sandbox.letters) == 1


@in_both_colours
@pytest.mark.parametrize("window", [1, 100])
@pytest.mark.parametrize("text", ["Hello.", LARGE])
def test_a_no_to_one_of_many_is_no_news_of_its_neighbours(
    many: Callable[..., list[Result]], sandbox: Sandbox, window: int, text: str
) -> None:
    permits = [Asked(sandbox, answer) for answer in (True, False, True, False, False, True)]

    results = many(sandbox.server(), [outgoing(n, before_end, text) for n, before_end in enumerate(permits)], window)

    assert [isinstance(result, Receipt) for result in results] == [True, False, True, False, False, True]
    assert all(
        isinstance(results[n], errors.NotPermitted) and not results[n].in_doubt  # type: ignore[union-attr]
        for n in (1, 3, 4)
    )
    assert [letter.subject for letter in sandbox.letters] == ["Number 0", "Number 2", "Number 5"]
    assert [len(before_end.had) for before_end in permits] == [1] * 6


@in_both_colours
@pytest.mark.parametrize("window", [1, 100])
def test_a_permit_that_fails_is_a_no(many: Callable[..., list[Result]], sandbox: Sandbox, window: int) -> None:
    def fail() -> bool:
        raise errors.UsageError("nobody knows")

    results = many(sandbox.server(), [outgoing(0, fail), outgoing(1, None)], window)

    assert isinstance(results[0], errors.UsageError)
    assert isinstance(results[1], Receipt)
    assert [letter.subject for letter in sandbox.letters] == ["Number 1"]


def test_those_who_await_may_be_asked_by_a_coroutine(sandbox: Sandbox) -> None:
    async def refuse() -> bool:
        await asyncio.sleep(0)
        return False

    result, _ = awaiting_one(sandbox.server(), outgoing(1, refuse))

    assert isinstance(result, errors.NotPermitted)
    assert sandbox.letters == []


def test_those_who_block_refuse_a_coroutine_and_send_nothing(sandbox: Sandbox) -> None:
    async def before_end() -> bool:
        return True

    result, usable = blocking_one(sandbox.server(), outgoing(1, before_end))

    assert isinstance(result, errors.UsageError)
    assert not usable
    assert sandbox.letters == []
