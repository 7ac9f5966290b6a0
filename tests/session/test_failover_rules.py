"""Rules of several ways out, by transports that answer as a test says: what another way may take, and what never."""

from __future__ import annotations

import asyncio
import os
import pickle
import threading
from collections.abc import AsyncIterable, AsyncIterator, Callable, Iterable, Iterator
from typing import Any

import pytest

from courriel import (
    AsyncByDomain,
    AsyncFailover,
    AsyncRoundRobin,
    ByDomain,
    Envelope,
    Failover,
    Message,
    Outcome,
    Receipt,
    Reply,
    RoundRobin,
    Submission,
    errors,
)  # fmt: skip
from courriel.delivery.routing import decided
from courriel.delivery.routing.course import TURN
from courriel.delivery.routing.health import WayHealth
from courriel.delivery.transport import one_after_the_other
from courriel.model.receipt import RecipientResult
from courriel.session.encoding import IN_SEVEN_BITS, submission_of
from courriel.types import Result

DOWN = errors.ConnectionFailed("connection refused", stage="connect")
LOGIN = errors.AuthenticationRefused(Reply(535, ("5.7.8 no",)), stage="authenticate")
BUSY = errors.CommandRefused(Reply(421, ("4.3.2 too busy",)), stage="greeting")
THROTTLED = errors.SenderRefused(Reply(450, ("4.7.1 slow down",)), stage="sender")
NOT_NOW = errors.SenderRefused(Reply(451, ("4.3.0 not this sender, not now",)), stage="sender")
LOST = errors.ConnectionFailed("the session was lost", stage="data")
GOES_ON = [DOWN, LOGIN, BUSY, THROTTLED, NOT_NOW, LOST, errors.RemoteProtocolError("what?", stage="sender")]

IN_DOUBT = errors.ConnectionFailed("no answer", stage="message", in_doubt=True)
HALF = errors.ConnectionFailed("lost", stage="data", refused={"bob@example.org": Reply(550, ("5.1.1 nobody",))})
STOPS = [
    IN_DOUBT,
    HALF,
    errors.SenderRefused(Reply(550, ("5.7.1 not you",)), stage="sender"),
    errors.RecipientsRefused(Reply(450, ("4.2.0 later",)), stage="recipient"),
    errors.RecipientsRefused(Reply(550, ("5.1.1 nobody",)), stage="recipient"),
    errors.MessageRefused(Reply(451, ("4.3.0 disk full",)), stage="message"),
    errors.MessageRefused(Reply(554, ("5.6.0 no",)), stage="message"),
    errors.ConnectionFailed("closing", stage="message", reply=Reply(421, ("4.3.2 closing",))),
    errors.NotSupported("no SMTPUTF8", capability="SMTPUTF8"),
    errors.InvalidMessage("too long", stage="compose"),
    errors.NotPermitted("the guard said no", stage="message"),
    errors.LocalProtocolError("ours", stage="data"),
]


class Scripted:
    """A transport that answers with each of its script, and then takes everything; the guard is asked as told."""

    answer_limit = 60.0
    parallel = 4
    obeys_recipient_rule = True

    def __init__(self, name: str, *script: errors.CourrielError | str, asks: bool = True) -> None:
        self.name, self.script, self.asks = name, list(script), asks
        self.taken: list[str] = []
        self.tried: list[str] = []
        self.closed = self.hung_up = 0

    def submit(self, submission: Submission) -> Receipt:
        name = submission.message_id
        self.tried.append(name)
        said = self.script.pop(0) if self.script else "yes"
        if isinstance(said, errors.CourrielError):
            if said is IN_DOUBT and submission.before_end is not None:
                assert submission.before_end()
            raise errors.copy(said)
        if submission.before_end is not None and self.asks and not submission.before_end():
            raise errors.NotPermitted("not permitted", stage="message")
        if said == "lost after the yes":
            raise errors.ConnectionFailed("lost", stage="message")
        self.taken.append(name)
        reply = Reply(250, (f"2.0.0 {self.name} has it",))
        fates = tuple(RecipientResult(each.spec, Outcome.ACCEPTED, reply) for each in submission.envelope.recipients)
        return Receipt(self.name, name, reply, fates)

    def submit_many(
        self, submissions: Iterable[Submission], *, window: int | Callable[[], int] = 100
    ) -> Iterator[Result]:
        self.window = window
        return one_after_the_other(self.submit, submissions)

    def hang_up(self) -> None:
        self.hung_up += 1

    def close(self) -> None:
        self.closed += 1


class Ahead(Scripted):
    """Reads `window` mails before it answers the first, as a session does; at a "raise" it cannot be opened."""

    def submit_many(
        self, submissions: Iterable[Submission], *, window: int | Callable[[], int] = 100
    ) -> Iterator[Result]:
        self.window = window
        if self.script and self.script[0] == "raise":
            self.script.pop(0)
            raise errors.copy(DOWN)
        width = window() if callable(window) else window
        source, ended = iter(submissions), False
        while not ended:
            lot: list[Submission | errors.UsageError] = []
            while len(lot) < width and not ended:
                try:
                    lot.append(next(source))
                except StopIteration:
                    ended = True
                except errors.UsageError as broken:
                    lot.append(broken)
            for each in lot:
                if isinstance(each, errors.UsageError):
                    yield each
                    continue
                try:
                    yield self.submit(each)
                except errors.CourrielError as failed:
                    yield failed


class AsyncScripted:
    """The same, awaited."""

    obeys_recipient_rule = True

    def __init__(self, inner: Scripted) -> None:
        self.inner = inner
        self.name, self.answer_limit, self.parallel = inner.name, inner.answer_limit, inner.parallel

    async def submit(self, submission: Submission) -> Receipt:
        await asyncio.sleep(0)
        return self.inner.submit(submission)

    async def submit_many(
        self, submissions: Iterable[Submission] | AsyncIterable[Submission], *, window: int | Callable[[], int] = 100
    ) -> AsyncIterator[Result]:
        assert isinstance(submissions, AsyncIterable)
        waiting = aiter(submissions)
        while True:
            try:
                submission = await anext(waiting)
            except StopAsyncIteration:
                return
            except errors.UsageError as broken:
                yield broken
                continue
            try:
                yield self.inner.submit(submission)
            except errors.CourrielError as failed:
                yield failed

    async def close(self) -> None:
        self.inner.close()


def mail(number: int = 1, *to: str, guard: Callable[[], object] | None = None) -> Submission:
    message = Message(sender="ada@example.org", to=to or ("bob@example.org", "eve@example.org"), text="Hello.")
    made = submission_of(message, IN_SEVEN_BITS)
    return Submission(made.envelope, made.content, f"<{number}@example.org>", before_end=guard)


def one(colour: str, kind: str, *ways: Scripted, **options: Any) -> Callable[[Submission], Receipt]:
    """`submit` of a group, blocking or awaited."""
    if colour == "blocking":
        return {"failover": Failover, "roundrobin": RoundRobin}[kind](*ways, **options).submit
    group = {"failover": AsyncFailover, "roundrobin": AsyncRoundRobin}[kind](*map(AsyncScripted, ways), **options)
    return lambda submission: asyncio.run(group.submit(submission))


def many(colour: str, kind: str, *ways: Scripted) -> Callable[..., list[Result]]:
    """`submit_many` of a group; an error that it raises at the end is the last of the results, in a tuple."""
    if colour == "blocking":
        group = {"failover": Failover, "roundrobin": RoundRobin}[kind](*ways)

        def run(submissions: Iterable[Submission], **options: Any) -> list[Any]:
            results: list[Any] = []
            try:
                results.extend(group.submit_many(submissions, **options))
            except Exception as raised:  # noqa: BLE001 - looked at by the test
                results.append((raised,))
            return results

        return run
    awaited = {"failover": AsyncFailover, "roundrobin": AsyncRoundRobin}[kind](*map(AsyncScripted, ways))

    async def collect(submissions: Iterable[Submission], **options: Any) -> list[Any]:
        results: list[Any] = []
        try:
            async for result in awaited.submit_many(submissions, **options):
                results.append(result)  # noqa: PERF401 - those before an error count
        except Exception as raised:  # noqa: BLE001 - looked at by the test
            results.append((raised,))
        return results

    return lambda submissions, **options: asyncio.run(collect(submissions, **options))


colours = pytest.mark.parametrize("colour", ["blocking", "awaited"])


@colours
@pytest.mark.parametrize("failure", GOES_ON, ids=lambda error: f"{type(error).__name__} {error.stage}")
def test_a_way_that_fails_before_anything_is_decided_is_followed_by_the_next(
    colour: str, failure: errors.CourrielError
) -> None:
    first, second = Scripted("first:25", failure), Scripted("second:25")

    receipt = one(colour, "failover", first, second)(mail())

    assert receipt.server == "second:25"
    assert (first.taken, second.taken) == ([], ["<1@example.org>"])
    assert "first:25" in receipt.notes[0]
    assert "second:25" in receipt.notes[0]


@colours
@pytest.mark.parametrize("failure", STOPS, ids=lambda error: f"{type(error).__name__} {error.stage} {error.reply}")
def test_a_mail_that_is_decided_or_in_doubt_is_never_given_to_the_next(
    colour: str, failure: errors.CourrielError
) -> None:
    first, second = Scripted("first:25", failure), Scripted("second:25")

    with pytest.raises(type(failure)) as raised:
        one(colour, "failover", first, second)(mail())

    assert str(raised.value) == str(failure)
    assert second.tried == []


@colours
@pytest.mark.parametrize("failure", STOPS, ids=lambda error: f"{type(error).__name__} {error.stage} {error.reply}")
def test_nor_in_a_stream_of_mails(colour: str, failure: errors.CourrielError) -> None:
    first, second = Scripted("first:25", "yes", failure), Scripted("second:25")

    results = many(colour, "failover", first, second)([mail(n) for n in range(4)])

    assert [type(result) for result in results] == [Receipt, type(failure), Receipt, Receipt]
    assert "<1@example.org>" not in second.tried


@colours
def test_after_the_yes_of_the_guard_no_other_way_is_tried(colour: str) -> None:
    asked: list[str] = []
    first, second = Scripted("first:25", "lost after the yes"), Scripted("second:25")

    with pytest.raises(errors.ConnectionFailed, match="lost"):
        one(colour, "failover", first, second)(mail(guard=lambda: asked.append("once") or True))

    assert asked == ["once"]
    assert second.tried == []


@colours
def test_the_guard_is_asked_once_for_each_attempt(colour: str) -> None:
    asked: list[str] = []
    first, second = Scripted("first:25", DOWN), Scripted("second:25")

    receipt = one(colour, "failover", first, second)(mail(guard=lambda: asked.append("once") or True))

    assert receipt.server == "second:25"
    assert asked == ["once"]


@colours
def test_a_guard_that_says_no_ends_it(colour: str) -> None:
    second = Scripted("second:25")

    with pytest.raises(errors.NotPermitted):
        one(colour, "failover", Scripted("first:25"), second)(mail(guard=lambda: False))

    assert second.tried == []


@colours
def test_when_no_way_works_the_error_names_each_and_why(colour: str) -> None:
    ways = Scripted("first:25", DOWN), Scripted("second:25", LOGIN), Scripted("third:25", BUSY)

    with pytest.raises(errors.AllWaysFailed) as raised:
        one(colour, "failover", *ways)(mail())

    text = str(raised.value)
    assert [name for name, _ in raised.value.failed] == ["first:25", "second:25", "third:25"]
    assert all(word in text for word in ("first:25: connection refused", "second:25: 535 5.7.8 no", "third:25: 421"))
    assert raised.value.retryable
    assert not raised.value.in_doubt
    assert pickle.loads(pickle.dumps(raised.value)).failed[1][0] == "second:25"


@colours
def test_a_sender_refused_for_now_by_all_keeps_that_answer(colour: str) -> None:
    with pytest.raises(errors.SenderRefused) as raised:
        one(colour, "failover", Scripted("first:25", DOWN), Scripted("second:25", NOT_NOW))(mail())

    assert raised.value.reply.code == 451
    assert any("first:25" in note for note in raised.value.__notes__)


@colours
def test_the_same_server_named_twice_is_two_ways(colour: str) -> None:
    first, second = Scripted("one:25", DOWN), Scripted("one:25")

    receipt = one(colour, "failover", first, second)(mail())

    assert second.taken
    assert "one:25 (2)" in receipt.notes[0]


@pytest.mark.parametrize("kind", [Failover, AsyncFailover])
def test_ways_of_one_server_keep_their_names_when_their_order_changes(kind: Any) -> None:
    """A mail in doubt has the name of its way stored with it."""
    ada, bob = (f"smtps://{user}%20x@mx.example.org?password=env:{user.upper()}" for user in ("ada", "bob"))
    keys = [f"brevo:?password=env:{key}" for key in ("FIRST", "SECOND")]

    names = kind(ada, bob, *keys, ada).ways
    turned = kind(*reversed(keys), bob, ada).ways

    assert names == (
        "mx.example.org:465 (ada%20x)", "mx.example.org:465 (bob%20x)", "api.brevo.com:443 (env:FIRST)",
        "api.brevo.com:443 (env:SECOND)", "mx.example.org:465 (ada%20x) (2)",
    )  # fmt: skip
    assert turned == (names[3], names[2], names[1], names[0])
    assert kind(ada).ways == ("mx.example.org:465",)


def test_groups_may_be_nested() -> None:
    inner = Failover(a := Scripted("a:25", DOWN, DOWN), b := Scripted("b:25", DOWN, IN_DOUBT))
    outer = Failover(inner, c := Scripted("c:25"))

    receipt = outer.submit(mail(1))
    with pytest.raises(errors.ConnectionFailed) as raised:
        Failover(inner, c).submit(mail(2, guard=lambda: True))

    assert receipt.server == "c:25"
    assert "a:25" in receipt.notes[0]
    assert raised.value.in_doubt
    assert c.taken == ["<1@example.org>"]
    assert (a.taken, b.taken) == ([], [])


# Streams.


@colours
@pytest.mark.parametrize("kind", ["failover", "roundrobin"])
def test_a_stream_has_one_result_for_each_mail_in_order(colour: str, kind: str) -> None:
    first, second = Scripted("first:25", "yes", "yes", LOST, "yes", IN_DOUBT), Scripted("second:25", "yes", LOST)
    third = Scripted("third:25")

    results = many(colour, kind, first, second, third)([mail(n) for n in range(40)])

    known = [result.message_id for result in results if isinstance(result, Receipt)]
    doubtful = [result for result in results if not isinstance(result, Receipt)]
    assert len(results) == 40
    assert known == sorted(known, key=lambda name: int(name[1:].partition("@")[0]))
    assert all(result.in_doubt for result in doubtful)
    assert (
        len(set(first.taken + second.taken + third.taken))
        == len(known)
        == len(first.taken + second.taken + third.taken)
    )


def test_what_a_lost_stream_has_in_hand_goes_to_the_next_way_in_order() -> None:
    first = Ahead("first:25", "yes", LOST, IN_DOUBT, LOST, "yes")
    second = Ahead("second:25")

    results = list(Failover(first, second).submit_many([mail(n) for n in range(12)], window=5))

    names = [result.message_id if isinstance(result, Receipt) else "in doubt" for result in results]
    assert names == [f"<{n}@example.org>" if n != 2 else "in doubt" for n in range(12)]
    assert second.taken == ["<1@example.org>", "<3@example.org>"]
    assert first.taken[:2] == ["<0@example.org>", "<4@example.org>"]  # it has found a connection again


def test_mails_are_read_as_there_is_room_and_the_window_is_handed_on() -> None:
    read: list[int] = []

    def mails() -> Iterator[Submission]:
        for number in range(100):
            read.append(number)
            yield mail(number)

    first, second = Ahead("first:25", "raise"), Ahead("second:25")
    results = Failover(first, second).submit_many(mails(), window=4)

    next(results)
    assert len(read) == 4
    assert second.window == 4
    results.close()  # type: ignore[attr-defined]  # a generator
    assert len(read) == 4


def test_a_way_that_cannot_be_opened_reads_nothing_and_the_error_is_raised_where_more_was_to_send() -> None:
    read: list[int] = []
    group = Failover(Ahead("first:25", "raise"), Ahead("second:25", "raise"))

    with pytest.raises(errors.AllWaysFailed, match=r"first:25.*second:25"):
        list(group.submit_many(read.append(n) or mail(n) for n in range(3)))

    assert read == []


@colours
def test_a_mail_that_no_way_takes_has_its_error_and_the_rest_is_not_read(colour: str) -> None:
    results = many(colour, "failover", Scripted("first:25", DOWN), Scripted("second:25", DOWN))(map(mail, range(5)))

    assert [type(each[0] if isinstance(each, tuple) else each) for each in results] == [errors.AllWaysFailed] * 2
    assert isinstance(results[1], tuple)


@colours
def test_one_refused_sender_does_not_end_the_stream_of_its_way(colour: str) -> None:
    first, second = Scripted("first:25", "yes", NOT_NOW), Scripted("second:25")

    results = many(colour, "failover", first, second)([mail(n) for n in range(5)])

    assert [result.server for result in results] == ["first:25", "second:25", "first:25", "first:25", "first:25"]


@colours
def test_an_iterable_that_raises_in_the_place_of_a_mail_goes_on(colour: str) -> None:
    def made(number: int) -> Submission:
        if number == 1:
            raise errors.InvalidMessage("broken", stage="compose")
        return mail(number)

    results = many(colour, "failover", Scripted("first:25"), Scripted("second:25"))(map(made, range(4)))

    assert [type(result) for result in results] == [Receipt, errors.InvalidMessage, Receipt, Receipt]


@colours
@pytest.mark.parametrize("failure", [ValueError("theirs"), errors.InvalidMessage("theirs", stage="compose")])
def test_a_generator_that_raises_is_over_and_its_error_is_raised_after_the_results(
    colour: str, failure: Exception
) -> None:
    def mails() -> Iterator[Submission]:
        yield mail(0)
        raise failure

    results = many(colour, "failover", Scripted("first:25"), Scripted("second:25"))(mails())

    assert [type(results[0]), results[1]] == [Receipt, (failure,)]


def test_a_way_that_raises_in_the_middle_leaves_what_it_had_in_hand_in_doubt() -> None:
    class Raising(Scripted):
        def submit_many(
            self, submissions: Iterable[Submission], *, window: int | Callable[[], int] = 100
        ) -> Iterator[Result]:
            source = iter(submissions)
            yield self.submit(next(source))
            next(source)
            raise errors.copy(LOST)

    second = Scripted("second:25")
    results = list(Failover(Raising("first:25"), second).submit_many([mail(n) for n in range(4)]))

    doubtful = results[1]
    assert isinstance(doubtful, errors.ConnectionFailed)
    assert doubtful.in_doubt
    assert second.taken == ["<2@example.org>", "<3@example.org>"]


@pytest.mark.parametrize("window", [0, -1, True, "many"])
def test_a_window_that_is_no_number_is_refused(window: Any) -> None:
    with pytest.raises(errors.UsageError, match="window"):
        Failover(Scripted("a"), Scripted("b")).submit_many([], window=window)


# Turns and health.


@colours
def test_round_robin_spreads_evenly(colour: str) -> None:
    ways = [Scripted(f"{name}:25") for name in "abc"]
    submit = one(colour, "roundrobin", *ways)

    for number in range(9):
        submit(mail(number))

    assert [len(way.taken) for way in ways] == [3, 3, 3]


@colours
def test_round_robin_spreads_a_stream_by_turns(colour: str) -> None:
    ways = [Scripted(f"{name}:25") for name in "ab"]

    results = many(colour, "roundrobin", *ways)([mail(n) for n in range(4 * TURN)])

    assert len(results) == 4 * TURN
    assert [len(way.taken) for way in ways] == [2 * TURN, 2 * TURN]


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.mark.parametrize("kind", ["failover", "roundrobin"])
def test_a_way_that_failed_rests_and_one_mail_tries_it_again(kind: str) -> None:
    clock = Clock()
    first, second = Scripted("first:25", DOWN, DOWN), Scripted("second:25")
    submit = one("blocking", kind, first, second, health=WayHealth(2, clock=clock, rest=10))

    for number in range(4):
        submit(mail(number))
    at_first = len(first.tried)
    clock.now = 10.5
    for number in range(4, 8):
        submit(mail(number))
    once_more = len(first.tried)
    clock.now = 25.0
    submit(mail(8))
    clock.now = 31.0
    for number in range(9, 13):
        submit(mail(number))

    assert at_first == 1
    assert once_more == 2  # one try, and it rests twice as long
    assert len(first.taken) == (4 if kind == "failover" else 2)
    assert len(first.taken) + len(second.taken) == 13


def test_only_one_of_many_threads_tries_a_resting_way() -> None:
    clock = Clock()
    health = WayHealth(2, clock=clock, rest=10)
    health.failed(0, DOWN)
    clock.now = 11.0
    picked: list[int | None] = []
    threads = [threading.Thread(target=lambda: picked.append(health.pick())) for _ in range(20)]

    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert picked.count(0) == 1
    assert picked.count(1) == 19


def test_a_refused_login_rests_longest_and_a_rest_has_its_limit() -> None:
    clock = Clock()
    health = WayHealth(2, clock=clock, rest=10, longest=300)

    health.failed(0, LOGIN)
    for _ in range(2000):
        health.failed(1, DOWN)
    clock.now = 299.0
    late = health.rests(0), health.rests(1)
    clock.now = 301.0

    assert late == (True, True)
    assert (health.rests(0), health.rests(1)) == (False, False)


def test_resting_ways_are_used_when_no_other_is_left() -> None:
    first, second = Scripted("first:25", DOWN), Scripted("second:25", DOWN)
    group = Failover(first, second)
    with pytest.raises(errors.AllWaysFailed):
        group.submit(mail(0))

    assert group.resting == ("first:25", "second:25")
    assert group.submit(mail(1)).server == "first:25"
    assert group.resting == ("second:25",)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_a_forked_process_begins_with_healthy_ways() -> None:
    health = WayHealth(1)
    health.failed(0, DOWN)
    held = health._lock  # noqa: SLF001 - as a thread of the parent has it at the fork
    held.acquire()
    pid = os.fork()
    if pid == 0:
        os._exit(0 if health.pick() == 0 and not health.rests(0) else 1)
    held.release()

    assert os.waitpid(pid, 0)[1] == 0
    assert health.rests(0)


# The whole.


def test_close_and_hang_up_reach_all_ways() -> None:
    ways = Scripted("a:25"), Scripted("b:25")
    group = RoundRobin(*ways)

    group.hang_up()
    with group:
        pass

    assert [(way.hung_up, way.closed) for way in ways] == [(1, 1), (1, 1)]


def test_after_a_hang_up_no_other_way_is_tried() -> None:
    second = Scripted("second:25")

    class HungUp(Scripted):
        def submit(self, submission: Submission) -> Receipt:
            group.hang_up()
            raise errors.copy(LOST)

    group = Failover(HungUp("first:25"), second)

    with pytest.raises(errors.ConnectionFailed):
        group.submit(mail())
    group = Failover(HungUp("first:25"), second)
    results = group.submit_many([mail(1), mail(2)])

    assert isinstance(next(results), errors.ConnectionFailed)
    with pytest.raises(errors.ConnectionFailed, match="hung up"):
        next(results)
    assert second.tried == []


def test_hanging_up_one_part_leaves_the_others_alone() -> None:
    class Pool(Scripted):
        def __init__(self, name: str) -> None:
            super().__init__(name)
            self.lent: list[Scripted] = []

        def session(self, **options: object) -> Any:
            from contextlib import nullcontext

            self.lent.append(Scripted(self.name))
            return nullcontext(self.lent[-1])

    pool = Pool("pool:25")
    group = Failover(pool, Scripted("second:25"))

    with group.session() as part:
        results = part.submit_many([mail(1), mail(2)])
        next(results)
        part.hang_up()

    assert pool.lent[0].hung_up == 1
    assert pool.hung_up == 0
    assert group.submit(mail(3)).server == "pool:25"


def test_limits_are_those_that_a_lease_has_to_outlive() -> None:
    small, large = Scripted("a:25"), Scripted("b:25")
    small.parallel, small.answer_limit, large.answer_limit = 1, 30.0, 700.0

    assert (Failover(small, large).parallel, RoundRobin(small, large).parallel) == (1, 5)
    assert Failover(small, large).answer_limit == 700.0
    assert Failover(small, large).silence_limit >= 730.0


@pytest.mark.parametrize(
    ("ways", "text"),
    [
        ((), "one way at least"),
        ((None,), "NoneType"),
        ((Scripted,), "Scripted"),
        ((AsyncScripted(Scripted("a")),), "AsyncTransport"),
        (("imaps://imap.example.org",), "reading"),
    ],
)
def test_what_is_no_way_is_refused_at_once(ways: tuple[Any, ...], text: str) -> None:
    with pytest.raises(errors.UsageError, match=text):
        Failover(*ways)


def test_the_same_transport_twice_is_refused() -> None:
    way = Scripted("a:25")

    with pytest.raises(errors.UsageError, match="twice"):
        Failover(way, way)


# By domain.


def by_domain(colour: str, table: dict[str, Scripted], default: Scripted | None) -> Callable[[Submission], Receipt]:
    if colour == "blocking":
        return ByDomain(table, default).submit
    made: dict[int, AsyncScripted] = {id(way): AsyncScripted(way) for way in (*table.values(), default) if way}
    group = AsyncByDomain(
        {domain: made[id(way)] for domain, way in table.items()}, made[id(default)] if default else None
    )
    return lambda submission: asyncio.run(group.submit(submission))


@colours
def test_each_domain_has_its_way_and_the_receipt_has_everybody(colour: str) -> None:
    google, rest = Scripted("google:25"), Scripted("rest:25")
    submit = by_domain(colour, {"gmail.com": google, "GoogleMail.com": google}, rest)

    receipt = submit(mail(1, "a@gmail.com", "b@example.org", "c@googlemail.com", "d@sub.gmail.com"))

    assert receipt.accepted == ("a@gmail.com", "b@example.org", "c@googlemail.com", "d@sub.gmail.com")
    assert receipt.server == "google:25, rest:25"
    assert (len(google.taken), len(rest.taken)) == (1, 1)


@colours
def test_a_part_that_fails_is_in_the_receipt_and_goes_by_no_other_way(colour: str) -> None:
    google, rest = Scripted("google:25", DOWN), Scripted("rest:25", IN_DOUBT)
    other = Scripted("other:25")
    submit = by_domain(colour, {"gmail.com": google, "example.org": rest}, other)

    receipt = submit(mail(1, "a@gmail.com", "b@example.org", "c@example.com"))

    assert [fate.outcome for fate in receipt.fates] == [Outcome.REFUSED, Outcome.IN_DOUBT, Outcome.ACCEPTED]
    assert any("google:25" in note for note in receipt.notes)
    assert other.taken == ["<1@example.org>"]


@colours
def test_when_no_part_is_taken_it_is_an_error_that_names_all(colour: str) -> None:
    submit = by_domain(colour, {"gmail.com": Scripted("google:25", DOWN)}, Scripted("rest:25", LOGIN))

    with pytest.raises(errors.AllWaysFailed, match=r"google:25.*rest:25"):
        submit(mail(1, "a@gmail.com", "b@example.org"))


@colours
def test_all_or_nothing_over_several_ways_is_refused_before_anything_is_sent(colour: str) -> None:
    google, rest = Scripted("google:25"), Scripted("rest:25")
    made = mail(1, "a@gmail.com", "b@example.org")
    whole = Submission(made.envelope, made.content, on_refused="abandon")

    with pytest.raises(errors.UsageError, match="abandon"):
        by_domain(colour, {"gmail.com": google}, rest)(whole)

    assert (google.tried, rest.tried) == ([], [])


@colours
def test_without_a_default_other_domains_are_refused_before_anything_is_sent(colour: str) -> None:
    google = Scripted("google:25")

    with pytest.raises(errors.InvalidMessage, match="no way out"):
        by_domain(colour, {"gmail.com": google}, None)(mail(1, "a@gmail.com", "b@example.org"))

    assert google.tried == []


@pytest.mark.parametrize(
    "written", ["münchen.example", "MÜNCHEN.Example", "xn--mnchen-3ya.example", "@München.example"]
)
@pytest.mark.parametrize("domain", ["münchen.example", "MÜNCHEN.EXAMPLE", "XN--mnchen-3ya.example"])
def test_a_domain_is_compared_as_the_name_service_has_it(written: str, domain: str) -> None:
    munich, rest = Scripted("munich:25"), Scripted("rest:25")

    ByDomain({written: munich}, rest).submit(mail(1, f"a@{domain}"))

    assert (len(munich.taken), len(rest.taken)) == (1, 0)


@colours
@pytest.mark.parametrize("answer", [STOPS[2], STOPS[4], errors.MessageRefused(Reply(554, ("no",)), stage="message")])
def test_a_part_that_has_its_answer_keeps_the_mail_from_other_ways(colour: str, answer: errors.CourrielError) -> None:
    """With the error of the part of which nothing is decided, a group around it gave the whole mail to the next way."""
    google, rest, other = Scripted("google:25", DOWN), Scripted("rest:25", answer), Scripted("other:25")
    if colour == "blocking":
        submit = Failover(ByDomain({"gmail.com": google}, rest), other).submit
    else:
        table = AsyncByDomain({"gmail.com": AsyncScripted(google)}, AsyncScripted(rest))
        group = AsyncFailover(table, AsyncScripted(other))

        def submit(submission: Submission) -> Receipt:
            return asyncio.run(group.submit(submission))

    with pytest.raises(type(answer)):
        submit(mail(1, "a@gmail.com", "b@example.org"))

    assert other.tried == []


def test_one_domain_with_two_ways_is_refused() -> None:
    first, second = Scripted("first:25"), Scripted("second:25")

    assert ByDomain({"gmail.com": first, "GMAIL.com": first}).submit(mail(1, "a@gmail.com")).complete
    with pytest.raises(errors.UsageError, match=r"gmail.com stands twice"):
        ByDomain({"gmail.com": first, "GMail.com": second})


@pytest.mark.parametrize("table", [{}, [], {"no domain at all": Scripted("a")}, {5: Scripted("a")}])
def test_a_table_that_is_none_is_refused(table: Any) -> None:
    with pytest.raises(errors.UsageError, match="ByDomain"):
        ByDomain(table, Scripted("b"))


def test_the_envelope_of_a_part_keeps_what_was_asked_for() -> None:
    seen: list[Envelope] = []

    class Noted(Scripted):
        def submit(self, submission: Submission) -> Receipt:
            seen.append(submission.envelope)
            return super().submit(submission)

    made = mail(1, "a@gmail.com", "b@example.org")
    envelope = Envelope(made.envelope.sender, made.envelope.recipients, envid="7", require_tls=True)
    ByDomain({"gmail.com": Noted("a")}, Noted("b")).submit(Submission(envelope, made.content))

    assert [(each.envid, each.require_tls, len(each.recipients)) for each in seen] == [("7", True, 1)] * 2


@pytest.mark.parametrize(
    ("first", "second", "expected"), [(60.0, 30.0, 30.0), (60.0, None, None), (None, None, None), (0.0, 30.0, 0.0)]
)
def test_when_all_ways_ask_for_a_wait_the_shortest_is_that_of_the_mail(
    first: float | None, second: float | None, expected: float | None
) -> None:
    failed = []
    for name, wait in (("first", first), ("second", second)):
        error = errors.ConnectionFailed(f"{name} is away", stage="connect")
        error.retry_after = wait
        failed.append((name, error))

    assert decided.all_failed(failed).retry_after == expected


@pytest.mark.parametrize("kind", [Failover, RoundRobin, AsyncFailover, AsyncRoundRobin])
@pytest.mark.parametrize("given", [{"retry": "5"}, {"retry": None}, {"retry": True}, {"retry": [1]}, {"health": "x"}])
def test_a_group_of_wrong_values_is_refused_when_it_is_made(kind: Any, given: dict[str, Any]) -> None:
    with pytest.raises(errors.UsageError, match=next(iter(given))):
        kind("memory:", **given)
