"""What functions of the user do: take long, raise, or end the program. Leases, results and other lanes go on."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator

import pytest

from courriel import Outbox, Sandbox, State, Ticket
from courriel.outbox import questions
from courriel.outbox.questions import Question, Questions
from courriel.outbox.store.facts import Query
from courriel.outbox.work import lease_keeper
from courriel.outbox.work.sending import batch
from inside import keeper_of
from outbox.conftest import each_time, message
from servers.daemon import wait_until


@pytest.fixture
def unsure(outbox: Outbox, sandbox: Sandbox) -> Ticket:
    """A mail that may have been delivered, and is due."""
    sandbox.answer("message", "hang up", times=1)
    ticket = outbox.put(message(1), via=sandbox.url, key="unsure")
    outbox.run_once()
    ticket.retry_now()
    return ticket


# Functions that take long.


@pytest.fixture
def silent() -> Iterator[Callable[..., None]]:
    """A function that does not return before the test is over."""
    over = threading.Event()

    def silent(*asked: object) -> None:
        silent.called.set()  # type: ignore[attr-defined]
        over.wait()

    silent.called = threading.Event()  # type: ignore[attr-defined]
    yield silent
    over.set()


@pytest.mark.slow
def test_nobody_waits_for_an_answer_about_another_mail(
    outbox: Outbox, sandbox: Sandbox, unsure: Ticket, silent: Callable[..., None]
) -> None:
    """Neither other lanes, nor the other mails of this one."""
    with outbox.worker(confirm=silent):
        assert silent.called.wait(20)  # type: ignore[attr-defined]
        with Sandbox() as other:
            outbox.put(message(2), via=sandbox.url).wait(20)
            outbox.put(message(3), via=other.url).wait(20)

        asked_about = unsure.status

    assert asked_about in (State.LEASED, State.IN_FLIGHT)
    assert unsure.status is State.READY  # given back: it has not left again
    assert [letter.subject for letter in sandbox.letters] == ["Number 2"]


def test_the_lease_of_a_mail_in_question_is_extended(
    outbox: Outbox, unsure: Ticket, silent: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batch, "_EXTEND", 0.0)
    monkeypatch.setattr(lease_keeper, "_TICK", 0.01)
    monkeypatch.setattr("courriel.outbox.work.serving.lane_service.lease_of_claim", lambda way: 2.0)
    extended = each_time(monkeypatch, outbox._store, "extend")

    with outbox.worker(confirm=silent):
        assert silent.called.wait(20)  # type: ignore[attr-defined]
        before = outbox._store.taken(unsure.id)[0].back
        while outbox._store.taken(unsure.id)[0].back <= before:
            assert extended.acquire(timeout=20)
        lost = unsure.info.lost

    assert lost == 0


@pytest.mark.slow
def test_what_nobody_answers_in_time_is_sent_as_the_mail_says(
    outbox: Outbox, sandbox: Sandbox, unsure: Ticket, silent: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(questions, "LIMIT", 0.0)
    monkeypatch.setattr(lease_keeper, "_TICK", 0.01)

    assert outbox.run_once(confirm=silent) == 1

    assert unsure.status is State.SENT
    assert len(sandbox.letters) == 1


def test_a_held_mail_keeps_the_keeper_from_nothing(
    outbox: Outbox, sandbox: Sandbox, silent: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    sandbox.answer("message", "hang up", times=1)
    held = outbox.put(message(1), via=sandbox.url, on_unsure="hold")
    outbox.run_once()
    monkeypatch.setattr(lease_keeper, "_TICK", 0.01)
    looked = each_time(monkeypatch, lease_keeper.LeaseKeeper, "take_over")

    with outbox.worker(confirm=silent):
        assert silent.called.wait(20)  # type: ignore[attr-defined]
        assert all(looked.acquire(timeout=20) for _ in range(20))

    assert held.status is State.HELD


@pytest.mark.slow
def test_a_listener_that_hangs_stops_nobody_who_takes_over(
    outbox: Outbox, sandbox: Sandbox, silent: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The news of a mail that a dead worker had is told by the thread that tells all others."""
    outbox.on("unsure", silent)
    first = outbox.put(message(1), via=sandbox.url)
    store = outbox._store
    (job,) = store.claim(first.info.lane, 1, lease=600, holder="dead").jobs
    store.mark([job], lease=-1)
    monkeypatch.setattr("courriel.outbox.work.worker.GRACE", 0.2)

    with outbox.worker() as worker:
        assert silent.called.wait(20)  # type: ignore[attr-defined]
        outbox.put(message(2), via=sandbox.url).wait(20)
        first.wait(20)
        worker.stop(0.2)

    assert len(sandbox.letters) == 2


# Functions that raise.


class Rude(BaseException):
    """What nobody expects."""


@pytest.mark.parametrize("raised", [ZeroDivisionError, SystemExit, Rude])
def test_who_raises_has_said_nothing(raised: type[BaseException]) -> None:
    answers: list[tuple[bool | None, bool]] = []
    ends: list[BaseException] = []

    def confirm(message_id: str, lane: str) -> bool:
        if message_id == "<2>":
            return True
        raise raised

    asked = Questions(confirm, ends.append)
    for number in (1, 2):
        asked.ask(Question(str(number), f"<{number}>", "x", 1, lambda *answer: answers.append(answer)))
        wait_until(lambda: not asked.wait(0.01), 20)

    assert answers == [(None, False), (True, True)]
    assert [type(end) for end in ends] == ([] if raised is ZeroDivisionError else [raised])
    asked.close()


def test_who_raises_about_a_held_mail_is_asked_again(outbox: Outbox, sandbox: Sandbox) -> None:
    sandbox.answer("message", "hang up", times=1)
    held = outbox.put(message(1), via=sandbox.url, on_unsure="hold")
    outbox.run_once()
    called = threading.Semaphore(0)

    def confirm(message_id: str, lane: str) -> bool:
        called.release()
        raise ConnectionError

    keeper = keeper_of(outbox, confirm)

    for _ in range(2):
        keeper._ask_about_held()
        assert called.acquire(timeout=20)
        wait_until(lambda: not keeper.questions.wait(0.01), 20)
    assert held.info.why == "unsure"
    keeper.questions.close()


# Functions that end the program.


@pytest.mark.slow
@pytest.mark.parametrize("raised", [SystemExit, KeyboardInterrupt, Rude])
@pytest.mark.parametrize("where", ["on", "on_attempt"])
def test_who_ends_the_program_loses_no_result(
    outbox: Outbox, sandbox: Sandbox, raised: type[BaseException], where: str
) -> None:
    """The first answer ends it: what was answered is written down, and the rest is due as before."""
    calls: list[object] = []

    def end(told: object) -> None:
        calls.append(told)
        raise raised("enough")

    if where == "on":
        outbox.on("sent", end)
    else:
        outbox.on_attempt(end)
    tickets = outbox.put_many([message(n) for n in range(300)], via=sandbox.url)

    with pytest.raises(raised, match="enough"):
        outbox.run_once()

    states = [ticket.status for ticket in tickets]
    sent = states.count(State.SENT)
    assert sent == len(sandbox.letters) >= 1
    assert states.count(State.READY) == 300 - sent > 0
    assert sum(ticket.info.unsure for ticket in tickets) == 0


def test_who_ends_the_program_ends_a_worker_beside_it(outbox: Outbox, sandbox: Sandbox) -> None:
    def end(ticket: Ticket) -> None:
        raise SystemExit(3)

    outbox.on("sent", end)
    first = outbox.put(message(1), via=sandbox.url)

    with pytest.raises(SystemExit, match="3"):  # noqa: PT012, SIM117
        with outbox.worker(workers=2) as worker:
            first.wait(20)
            wait_until(lambda: not any(thread.is_alive() for thread in worker._threads), 20)
            later = outbox.put(message(2), via=sandbox.url)

    assert later.status is State.READY
    assert list(outbox._store.read(Query(news=True))) != []  # to be told again: nobody has taken it


def test_a_transport_that_ends_the_program_keeps_its_mail(outbox: Outbox) -> None:
    from courriel.delivery.local import LocalTransport

    class Ends(LocalTransport):
        name = "ends"

        def submit_many(self, submissions, *, window=1):  # type: ignore[no-untyped-def]
            next(iter(submissions))
            taken.set()
            raise SystemExit(4)

    taken = threading.Event()

    ticket = outbox.put(message(1), via=Ends())

    with pytest.raises(SystemExit), outbox.worker() as worker:  # noqa: PT012
        assert taken.wait(20)
        wait_until(lambda: not any(thread.is_alive() for thread in worker._threads), 20)

    assert (ticket.status, ticket.info.unsure) == (State.READY, 0)


@pytest.mark.slow
@pytest.mark.parametrize("raised", [ValueError, SystemExit])
@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_log_handler_that_raises_loses_no_result(
    outbox: Outbox, sandbox: Sandbox, raised: type[BaseException]
) -> None:
    class Raises(logging.Handler):
        def handle(self, record: logging.LogRecord) -> bool:
            raise raised(record.getMessage())

    log, handler = logging.getLogger("courriel.outbox"), Raises()
    log.addHandler(handler)
    log.setLevel(logging.INFO)
    try:
        tickets = outbox.put_many([message(n) for n in range(50)], via=sandbox.url)
        assert outbox.run_once() == 50
    finally:
        log.removeHandler(handler)
        log.setLevel(logging.NOTSET)

    assert {ticket.status for ticket in tickets} == {State.SENT}
    assert len(sandbox.letters) == 50
