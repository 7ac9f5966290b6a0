"""What workers do when servers, disks and people interfere."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path

import pytest

from courriel import (
    Outbox,
    Outcome,
    Receipt,
    RecipientResult,
    Reply,
    Sandbox,
    Server,
    SmtpSession,
    Ticket,
    Timeouts,
    errors,
)
from courriel._dataclass import replace
from courriel.delivery.local import LocalTransport
from courriel.model.servers.server import Security
from courriel.model.submission import Submission
from courriel.outbox.store.facts import Query
from courriel.outbox.store.jobs import DueLane, Job, Settlement
from courriel.outbox.store.sql import rows
from courriel.outbox.store.states import State
from courriel.outbox.work import lease_keeper
from courriel.outbox.work import worker as worker_module
from courriel.outbox.work.sending import batch, outcomes, result_writer
from courriel.outbox.work.sending.ahead import MOST, Ahead
from courriel.outbox.work.sending.batch import Batch
from courriel.outbox.work.serving import lane_service
from inside import keeper_of
from outbox.conftest import claim, each_time, message, new_mail
from servers.daemon import wait_until


def lane_of(sandbox: Sandbox) -> str:
    return f"smtp://127.0.0.1:{sandbox.port}"


@pytest.mark.slow
def test_what_has_no_answer_is_unsure_and_sent_again(outbox: Outbox, sandbox: Sandbox) -> None:
    """Hazard H03: after the dot, before the reply, a written policy decides."""
    told: list[str] = []
    outbox.on("unsure", lambda ticket: told.append(ticket.id))
    sandbox.answer("message", "hang up", times=1)
    ticket = outbox.put(message(1), via=sandbox.url)

    outbox.run_once()
    unsure = ticket.info
    ticket.retry_now()
    outbox.run_once()

    assert (unsure.state, unsure.unsure) == (State.READY, 1)
    assert (ticket.status, ticket.info.unsure) == (State.SENT, 1)
    assert told == [ticket.id]


def test_what_has_no_answer_is_held_where_nobody_may_get_it_twice(outbox: Outbox, sandbox: Sandbox) -> None:
    sandbox.answer("message", "hang up", times=1)
    ticket = outbox.put(message(1), via=sandbox.url, on_unsure="hold")

    outbox.run_once()
    outbox.run_once()

    assert ticket.status is State.HELD
    assert ticket.release()
    assert outbox.run_once() == 1
    assert ticket.info.unsure == 1
    assert ticket.status is State.SENT


@pytest.mark.slow
@pytest.mark.parametrize(("found", "letters"), [(True, 0), (False, 1), (None, 1)])
def test_somebody_who_can_find_out_is_asked_before_it_is_sent_again(
    outbox: Outbox, sandbox: Sandbox, found: bool | None, letters: int
) -> None:
    asked: list[tuple[str, str]] = []

    def confirm(message_id: str, lane: str) -> bool | None:
        asked.append((message_id, lane))
        return found

    sandbox.answer("message", "hang up", times=1)
    ticket = outbox.put(message(1), via=sandbox.url)
    outbox.run_once(confirm=confirm)
    ticket.retry_now()

    outbox.run_once(confirm=confirm)

    assert asked == [(ticket.info.message_id, lane_of(sandbox))]
    assert ticket.status is State.SENT
    assert len(sandbox.letters) == letters


@pytest.mark.parametrize(("found", "state"), [(True, State.SENT), (False, State.HELD)])
def test_somebody_who_can_find_out_is_asked_about_what_is_held(
    outbox: Outbox, sandbox: Sandbox, found: bool, state: State
) -> None:
    asked = threading.Event()

    def confirm(message_id: str, lane: str) -> bool:
        asked.set()
        return found

    sandbox.answer("message", "hang up", times=1)
    ticket = outbox.put(message(1), via=sandbox.url, on_unsure="hold")
    outbox.run_once()

    with outbox.worker(confirm=confirm):
        assert asked.wait(10)
        if found:
            ticket.wait(10)

    assert ticket.status is state
    assert sandbox.letters == []


def test_a_lane_that_nobody_answers_on_rests_and_its_mails_are_untouched(outbox: Outbox, sandbox: Sandbox) -> None:
    sandbox.answer("greeting", "554 go away", times=1)
    tickets = outbox.put_many([message(n) for n in range(5)], via=sandbox.url)

    outbox.run_once()

    (lane,) = outbox.lanes()
    assert (lane.fails, lane.why) == (1, f"554 go away (127.0.0.1:{sandbox.port})")
    assert 8 < lane.paused <= 11.5
    assert [ticket.info.tries for ticket in tickets] == [0] * 5
    assert [ticket.status for ticket in tickets] == [State.READY] * 5
    outbox.resume(lane.name)
    assert outbox.run_once() == 5


def test_a_refused_login_fails_no_mail_and_rests_ten_minutes(outbox: Outbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PASSWORD_OF_ADA", "wrong")
    with Sandbox(users={"ada": "right"}, require_login=True) as sandbox:
        url = f"smtp://ada@127.0.0.1:{sandbox.port}?tls=none&password=env:PASSWORD_OF_ADA"
        ticket = outbox.put(message(1), via=url)

        outbox.run_once()

    (lane,) = outbox.lanes()
    assert lane.paused > 500
    assert (ticket.status, ticket.info.tries) == (State.READY, 0)


def test_no_address_is_in_what_is_logged_of_a_lane(
    outbox: Outbox, sandbox: Sandbox, caplog: pytest.LogCaptureFixture
) -> None:
    sandbox.answer("sender", "450 4.7.1 slow down, ada@example.org", times=1)
    outbox.put(message(1), via=sandbox.url)
    outbox.put(message(2), via=f"smtp://ada%40example.org@127.0.0.1:{sandbox.port}?tls=none&password=env:NOTHING")

    outbox.run_once()

    paused = sorted(record.getMessage().partition(": ")[2] for record in caplog.records)
    first, second = paused
    assert second == "the sender was refused (450 4.7.1)"
    assert "NOTHING" in first
    assert first.endswith(". Once that is mended, courriel outbox resume starts it")
    assert "@" not in first
    assert "ada" not in caplog.text


def test_a_password_that_is_not_there_is_the_lane_s_trouble(outbox: Outbox, sandbox: Sandbox) -> None:
    url = f"smtp://ada@127.0.0.1:{sandbox.port}?tls=none&password=env:NO_SUCH_VARIABLE"
    ticket = outbox.put(message(1), via=url)

    outbox.run_once()

    (lane,) = outbox.lanes()
    assert lane.fails == 1
    assert (ticket.status, ticket.info.tries) == (State.READY, 0)


def test_one_lane_that_fails_keeps_no_other_from_working(outbox: Outbox, sandbox: Sandbox) -> None:
    with Sandbox() as gone:
        dead = outbox.put(message(1), via=gone.url)
    alive = outbox.put(message(2), via=sandbox.url)

    with outbox.worker():
        alive.wait(10)

    assert dead.status is State.READY


@pytest.mark.slow
def test_a_broken_mail_does_not_stop_the_others(outbox: Outbox, sandbox: Sandbox) -> None:
    """Hazard H10: a missing row is a state of its own, and not a mail of nothing."""
    tickets = outbox.put_many([message(n) for n in range(3)], via=sandbox.url)
    delete = f"DELETE FROM outbox_body WHERE mail = '{tickets[1].id}'"
    outbox._store._write(lambda line: line.execute(delete))  # type: ignore[attr-defined]

    outbox.run_once()

    assert [ticket.status for ticket in tickets] == [State.SENT, State.READY, State.SENT]
    assert "not whole" in tickets[1].info.why
    for _ in range(4):
        tickets[1].retry_now()
        outbox.run_once()
    assert tickets[1].status is State.HELD
    assert len(sandbox.letters) == 2


def test_a_mail_taken_back_before_its_end_leaves_is_not_delivered(
    outbox: Outbox, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    ticket = outbox.put(message(1), via=sandbox.url)
    other = outbox.put(message(2), via=sandbox.url)
    mark = outbox._store.mark

    def cancel_first(jobs: object, *, lease: float) -> list[bool]:
        ticket.cancel()
        return mark(jobs, lease=lease)  # type: ignore[arg-type]

    monkeypatch.setattr(outbox._store, "mark", cancel_first)

    outbox.run_once()

    assert (ticket.status, other.status) == (State.CANCELED, State.SENT)
    assert [letter.subject for letter in sandbox.letters] == ["Number 2"]


@pytest.mark.slow
def test_cancel_and_claim_race_and_each_mail_is_either_sent_or_canceled(outbox: Outbox, sandbox: Sandbox) -> None:
    tickets = outbox.put_many([message(n) for n in range(200)], via=sandbox.url)

    with outbox.worker(workers=2, batch=5):
        canceled = {ticket.id for ticket in reversed(tickets) if ticket.cancel()}
        ends = {ticket.id: ticket.wait(20).state for ticket in tickets}

    assert {ident for ident, state in ends.items() if state is State.CANCELED} == canceled
    assert len(sandbox.letters) == 200 - len(canceled)


def test_a_disk_that_fails_at_the_mark_sends_nothing(
    outbox: Outbox, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(jobs: object, *, lease: float) -> list[bool]:
        raise errors.OutboxError("disk")

    ticket = outbox.put(message(1), via=sandbox.url)
    monkeypatch.setattr(outbox._store, "mark", fail)

    assert outbox.run_once() == 1

    assert sandbox.letters == []
    assert ticket.status is State.READY


def test_a_disk_that_fails_at_the_end_is_tried_until_it_works(
    outbox: Outbox, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The database is away between the 250 and its being written down: the mail is delivered once."""
    failures = iter([True, True])

    def failing(name: str) -> None:
        real = getattr(outbox._store, name)

        def fail_twice(*given: object, **named: object) -> object:
            if next(failures, False):
                raise errors.OutboxUncertain("away")
            return real(*given, **named)

        monkeypatch.setattr(outbox._store, name, fail_twice)

    failing("settle")
    failing("go_on")
    ticket = outbox.put(message(1), via=sandbox.url)

    outbox.run_once()

    assert next(failures, None) is None
    assert ticket.status is State.SENT
    assert len(sandbox.letters) == 1


@pytest.mark.slow
def test_a_result_that_cannot_be_written_keeps_no_other_waiting(
    outbox: Outbox, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    tickets = outbox.put_many([message(n) for n in range(3)], via=sandbox.url)
    written = rows.settlement_values

    def choke(settled: Settlement) -> dict[str, object]:
        if settled.id == tickets[1].id:
            raise ZeroDivisionError
        return written(settled)

    monkeypatch.setattr(rows, "settlement_values", choke)

    outbox.run_once()

    assert [ticket.status for ticket in tickets] == [State.SENT, State.IN_FLIGHT, State.SENT]


def test_a_result_is_written_down_while_the_next_answer_is_waited_for(outbox: Outbox) -> None:
    """A worker that dies now leaves one mail unsure, and not all those as well that were answered before."""
    with Sandbox(lmtp=True) as sandbox:  # one after the other
        tickets = outbox.put_many([message(n) for n in range(3)], via=sandbox.url)
        sandbox.answer("message", "silence", nth=2)
        worker = outbox.worker().start()

        found = tickets[0].wait(10)

        assert found.state is State.SENT
        assert tickets[1].status is State.IN_FLIGHT
        worker.stop(grace=0.2)


@pytest.mark.slow
def test_a_listener_that_takes_its_time_keeps_no_mail_waiting(outbox: Outbox, sandbox: Sandbox) -> None:
    told, enough = threading.Event(), threading.Event()

    def dawdle(ticket: Ticket) -> None:
        told.set()
        enough.wait(20)

    outbox.on("sent", dawdle)
    tickets = outbox.put_many([message(n) for n in range(10)], via=sandbox.url)
    with outbox.worker(batch=2):
        assert told.wait(10)
        for ticket in tickets:
            ticket.wait(10)
        enough.set()


def test_what_follows_at_once_is_marked_with_what_was_sent_before(
    outbox: Outbox, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    marked: list[int] = []
    mark = outbox._store.mark

    def count(jobs: Sequence[Job], *, lease: float) -> list[bool]:
        marked.append(len(jobs))
        return mark(jobs, lease=lease)

    monkeypatch.setattr(outbox._store, "mark", count)
    outbox.put_many([message(n) for n in range(10)], via=sandbox.url)

    outbox.worker(batch=4).run_once()

    assert marked[0] == 4
    assert len(sandbox.letters) == 10


def test_who_is_interrupted_as_it_goes_on_has_written_down_what_it_sent(
    outbox: Outbox, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object) -> object:
        raise KeyboardInterrupt

    tickets = outbox.put_many([message(n) for n in range(4)], via=sandbox.url)
    monkeypatch.setattr(outbox._store, "go_on", interrupted)

    with pytest.raises(KeyboardInterrupt):
        outbox.worker(batch=2).run_once()

    assert [ticket.status for ticket in tickets] == [State.SENT] * 2 + [State.READY] * 2


def test_who_marks_one_mail_at_a_time_marks_it_just_before_its_dot(
    outbox: Outbox, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    states: list[State] = []
    mark, advance = outbox._store.mark, outbox._store.advance

    def look(jobs: Sequence[Job]) -> None:
        states.extend(ticket.status for ticket in tickets if ticket.id in {job.id for job in jobs})

    def look_and_mark(jobs: Sequence[Job], *, lease: float) -> list[bool]:
        look(jobs)
        return mark(jobs, lease=lease)

    def look_and_advance(
        done: Sequence[Settlement], marks: Sequence[tuple[Job, float]]
    ) -> tuple[list[bool], list[bool]]:
        look([job for job, _ in marks])
        return advance(done, marks)

    monkeypatch.setattr(outbox._store, "mark", look_and_mark)
    monkeypatch.setattr(outbox._store, "advance", look_and_advance)
    tickets = outbox.put_many([message(n) for n in range(3)], via=sandbox.url)

    outbox.worker(ahead=1).run_once()

    assert states == [State.LEASED] * 3


def in_doubt(outbox: Outbox) -> int:
    return sum(count.mails for count in outbox.stats() if count.state is State.IN_FLIGHT)


@pytest.mark.slow
@pytest.mark.parametrize("lmtp", [True, False])
def test_no_more_than_so_many_are_in_doubt_at_any_moment(
    outbox: Outbox, monkeypatch: pytest.MonkeyPatch, lmtp: bool
) -> None:
    """Whoever dies after a commit leaves what it says: it is looked at after each."""
    most: list[int] = []

    def look_after(name: str) -> None:
        real = getattr(outbox._store, name)

        def do(*given: object, **named: object) -> object:
            result = real(*given, **named)
            most.append(in_doubt(outbox))
            return result

        monkeypatch.setattr(outbox._store, name, do)

    with Sandbox(lmtp=lmtp) as sandbox:
        outbox.put_many([message(n) for n in range(120)], via=sandbox.url)
        for name in ("claim", "go_on", "advance", "mark", "settle"):
            look_after(name)

        assert outbox.worker(ahead=6, batch=50).run_once() == 120

        assert len(sandbox.letters) == 120
    assert 4 <= max(most) <= 6


@pytest.fixture
def silent_at() -> Iterator[Callable[[str], str]]:
    """A server that says nothing any more at this moment: its URL."""
    over = threading.Event()
    servers: list[socket.socket] = []

    def serve(server: socket.socket, moment: str) -> None:
        with suppress(OSError):
            line, _ = server.accept()
            with line:
                converse(line, moment)
                over.wait(60)

    def begin(moment: str) -> str:
        servers.append(socket.create_server(("127.0.0.1", 0)))
        threading.Thread(target=serve, args=(servers[-1], moment), daemon=True).start()
        tls = "required" if moment == "in TLS" else "none"
        return f"smtp://127.0.0.1:{servers[-1].getsockname()[1]}?tls={tls}"

    yield begin
    over.set()
    for server in servers:
        server.close()


def converse(line: socket.socket, moment: str) -> None:
    """Play an SMTP server until the moment has come."""
    if moment == "greeting":
        return
    line.sendall(b"220 x\r\n")
    said = line.makefile("rb")
    for command in said:
        verb = command[:4].upper()
        if verb == b"EHLO":
            line.sendall(b"250-x\r\n250 STARTTLS\r\n")
        elif verb == b"STAR":
            line.sendall(b"220 go\r\n")
            return
        elif verb == b"DATA":
            line.sendall(b"354 go\r\n")
            while said.readline() not in (b".\r\n", b""):
                pass
            return
        else:
            line.sendall(b"250 x\r\n")


@pytest.mark.slow
@pytest.mark.parametrize(("moment", "unsure"), [("greeting", 0), ("in TLS", 0), ("dot", 1)])
@pytest.mark.parametrize("hurried", [True, False])
def test_who_stops_gives_back_all_that_has_not_left(
    outbox: Outbox,
    silent_at: Callable[[str], str],
    moment: str,
    unsure: int,
    hurried: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    tickets = outbox.put_many([message(n) for n in range(20)], via=silent_at(moment), on_unsure="hold")
    begun = each_time(monkeypatch, outbox._store, "mark" if unsure else "claim")
    worker = outbox.worker().start()
    assert begun.acquire(timeout=20)
    if hurried:
        worker.ask_to_stop()
        worker.ask_to_stop()

    left = worker.stop(grace=3600 if hurried else 0.1)

    states = [ticket.status for ticket in tickets]
    assert left == unsure == states.count(State.HELD)
    assert states.count(State.READY) == 20 - unsure
    assert not any(ticket.info.tries for ticket in tickets if ticket.status is State.READY)
    assert not any(lane.fails for lane in outbox.lanes())  # it was not the lane's fault
    assert sum(ticket.cancel() for ticket in tickets) == 20
    assert worker.start().stop() == 0


@pytest.mark.slow
@pytest.mark.parametrize("said", [b"550 \xff\xfe\x00 \xed\xa0\x80\r\n", b"550 " + b"x" * 400 + b"\r\n"])
def test_whatever_a_server_says_can_be_written_down(outbox: Outbox, sandbox: Sandbox, said: bytes) -> None:
    sandbox.answer("message", said, times=1)
    ticket = outbox.put(message(1), via=sandbox.url)

    outbox.run_once()

    assert ticket.status is State.FAILED
    assert ticket.info.refused


def test_a_reason_with_half_a_character_is_kept(
    outbox: Outbox, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object, **__: object) -> object:
        raise errors.RemoteProtocolError("\ud800\0", stage="data")

    ticket = outbox.put(message(1), via=sandbox.url)
    monkeypatch.setattr(SmtpSession, "open", broken)

    outbox.run_once()

    assert ticket.info.why == "\\ud800\\0"


def test_a_session_that_breaks_without_a_word_leaves_its_mails_unsure_or_given_back(
    outbox: Outbox, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An exception that nobody foresaw, in the middle of a batch: what may have left is flagged, the rest waits."""

    def explode(self: SmtpSession, messages: Iterator[object], **_: object) -> Iterator[object]:
        first = next(messages)
        first.before_end()  # type: ignore[attr-defined]
        next(messages)
        raise ZeroDivisionError
        yield

    monkeypatch.setattr(SmtpSession, "send_many", explode)
    tickets = outbox.put_many([message(n) for n in range(3)], via=sandbox.url)

    with pytest.raises(ZeroDivisionError):
        outbox.run_once()

    assert [ticket.info.unsure for ticket in tickets] == [1, 0, 0]
    assert [ticket.info.tries for ticket in tickets] == [1, 1, 0]
    assert [ticket.status for ticket in tickets] == [State.READY] * 3


def test_listeners_are_told_after_it_is_written_down(outbox: Outbox, sandbox: Sandbox) -> None:
    told: list[tuple[str, State]] = []
    for event in ("sent", "failed"):
        outbox.on(event, lambda ticket, event=event: told.append((event, ticket.status)))  # type: ignore[misc]
    sandbox.refuse("no@example.org")
    outbox.put(message(1), via=sandbox.url)
    outbox.put(message(2, "no@example.org"), via=sandbox.url)

    outbox.run_once()

    assert told == [("sent", State.SENT), ("failed", State.FAILED)]
    assert list(outbox._store.read(Query(news=True))) == []
    with pytest.raises(errors.UsageError, match="seen"):
        outbox.on("seen", print)  # type: ignore[arg-type]


def test_news_that_was_not_taken_is_told_again(
    outbox: Outbox, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lease_keeper, "_OLD_NEWS", -1.0)
    told = threading.Event()
    calls: list[str] = []

    def fail_first(ticket: Ticket) -> None:
        calls.append(ticket.id)
        if len(calls) == 1:
            raise ZeroDivisionError
        told.set()

    outbox.on("sent", fail_first)
    ticket = outbox.put(message(1), via=sandbox.url)
    outbox.run_once()
    with outbox.worker():
        assert told.wait(10)

    assert set(calls) == {ticket.id}
    assert list(outbox._store.read(Query(news=True))) == []


@pytest.mark.slow
def test_a_worker_that_is_stopped_gives_back_what_it_has_not_begun(
    outbox: Outbox, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    worker, mark = outbox.worker(batch=300), outbox._store.mark

    def stop_meanwhile(jobs: object, *, lease: float) -> list[bool]:
        worker.ask_to_stop()
        return mark(jobs, lease=lease)  # type: ignore[arg-type]

    monkeypatch.setattr(outbox._store, "mark", stop_meanwhile)
    tickets = outbox.put_many([message(n) for n in range(300)], via=sandbox.url)

    worker.start()
    worker.wait()

    assert worker.stop() == 0
    states = [ticket.status for ticket in tickets]
    assert set(states) == {State.SENT, State.READY}
    assert 0 < states.count(State.SENT) == len(sandbox.letters) < 250
    assert all(ticket.info.unsure == 0 for ticket in tickets)
    outbox.run_once()
    assert len(sandbox.letters) == 300


def test_a_worker_says_what_is_left_when_a_server_does_not_answer(
    outbox: Outbox, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    sandbox.answer("message", "silence")
    ticket = outbox.put(message(1), via=sandbox.url)
    marked = each_time(monkeypatch, outbox._store, "mark")
    worker = outbox.worker().start()
    assert marked.acquire(timeout=20)

    assert worker.stop(grace=0.2) == 1
    assert (ticket.status, ticket.info.unsure) == (State.READY, 1)


@pytest.mark.slow
def test_two_workers_send_each_mail_once(place: str, outbox: Outbox, sandbox: Sandbox) -> None:
    tickets = outbox.put_many([message(n) for n in range(400)], via=sandbox.url)

    with Outbox(place) as other, outbox.worker(workers=2, batch=7), other.worker(workers=2, batch=7):
        for ticket in tickets:
            ticket.wait(30)

    assert sorted(letter.subject for letter in sandbox.letters) == sorted(f"Number {n}" for n in range(400))


def test_a_server_of_lmtp_is_served_too(outbox: Outbox) -> None:
    with Sandbox(lmtp=True) as sandbox:
        tickets = outbox.put_many(
            [message(n, ["ada@example.org", "bob@example.org"]) for n in range(3)], via=sandbox.url
        )

        outbox.run_once()

        assert [ticket.status for ticket in tickets] == [State.SENT] * 3
        assert len(sandbox.letters) == 3


def test_who_slept_after_the_mark_marks_again_before_the_dot(
    open_store: Callable[[], object], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A machine that was paused between mark and dot: what others have taken over meanwhile is not sent."""
    store, now = open_store(), [1000.0]
    monkeypatch.setattr(batch, "monotonic", lambda: now[0])
    store.put([new_mail(), new_mail()])  # type: ignore[attr-defined]
    jobs = claim(store)  # type: ignore[arg-type]
    ours = Batch(store, jobs, answer_limit=600)  # type: ignore[arg-type]
    assert ours.before_end(jobs[0])
    now[0] += ours.lease / 4 + 1
    assert ours.before_end(jobs[1])  # it was still ours, and is marked anew
    now[0] += batch._MARGIN / 2 + 1

    store.mark(jobs, lease=-1.0)  # type: ignore[attr-defined]
    store.claim("billing", 1, lease=60, holder="other")  # type: ignore[attr-defined]

    assert not ours.before_end(jobs[1])


def test_the_last_dot_has_its_answer_or_its_doubt_before_the_lease_is_over() -> None:
    limit = 600.0

    lease = Batch(None, (), limit).lease  # type: ignore[arg-type]

    assert batch._MARGIN / 2 + limit < lease
    assert lease <= limit + 60, "no more than a minute beyond the longest silence"


def test_an_answer_that_does_not_come_is_not_waited_for_beyond_the_lease(
    open_store: Callable[[], object], monkeypatch: pytest.MonkeyPatch
) -> None:
    store, now = open_store(), [1000.0]
    monkeypatch.setattr(batch, "monotonic", lambda: now[0])
    store.put([new_mail(), new_mail()])  # type: ignore[attr-defined]
    jobs = claim(store)  # type: ignore[arg-type]
    ours = Batch(store, jobs, answer_limit=600)  # type: ignore[arg-type]
    ours.before_end(jobs[0])
    now[0] += ours.lease - 10

    overdue = ours.overdue
    ours.answered(jobs[0])

    assert overdue
    assert not ours.overdue  # the other one was marked, and has not left


@pytest.mark.slow
def test_the_keeper_cuts_who_waits_too_long(outbox: Outbox, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batch, "_MARGIN", 0.3)
    monkeypatch.setattr(lease_keeper, "_TICK", 0.05)
    sandbox.answer("message", "silence")
    server = Server("127.0.0.1", sandbox.port, Security.NONE, timeouts=Timeouts(message=1000))
    monkeypatch.setattr("courriel.outbox.work.serving.lane_service.answer_limit", lambda way: 0.2)
    with SmtpSession(server) as session:
        ticket = outbox.put(message(1), via=session)

        outbox.run_once()

    assert (ticket.status, ticket.info.unsure) == (State.READY, 1)


@pytest.mark.parametrize("wrong", [{"workers": 0}, {"workers": True}, {"batch": 0}, {"batch": 10_000}, {"ahead": 0}])
def test_a_worker_that_cannot_be_meant_is_refused(outbox: Outbox, wrong: dict[str, int]) -> None:
    with pytest.raises(errors.UsageError):
        outbox.worker(**wrong)  # type: ignore[arg-type]


def test_a_worker_runs_once_at_a_time(outbox: Outbox) -> None:
    with outbox.worker() as worker, pytest.raises(errors.UsageError, match="already"):
        worker.start()


@pytest.mark.slow
def test_a_recorder_that_cannot_write_says_how_many_are_left(
    outbox: Outbox, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(result_writer, "_SOONEST", 0.01)
    works = threading.Event()

    def failing(name: str) -> None:
        real = getattr(outbox._store, name)

        def fail(settlements: Sequence[Settlement], *terms: object) -> object:
            if settlements and not works.is_set():
                raise errors.OutboxError("away")
            return real(settlements, *terms)

        monkeypatch.setattr(outbox._store, name, fail)

    failing("settle")
    failing("go_on")
    ticket = outbox.put(message(1), via=sandbox.url)
    worker = outbox.worker().start()
    sandbox.wait_for(subject="Number 1")

    assert worker.stop(grace=0.1) == 1
    works.set()
    assert ticket.wait(10).state is State.SENT


@pytest.mark.parametrize("engine", ["sqlite"])
def test_files_are_for_their_owner_alone(outbox: Outbox, place: str) -> None:
    modes = {path.name: path.stat().st_mode & 0o777 for path in Path(place).parent.iterdir() if "outbox" in path.name}

    assert len(modes) >= 3
    assert set(modes.values()) == {0o600}


def test_a_lease_is_extended_by_progress_and_by_nothing_else(outbox: Outbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """A sender that hangs keeps what waits behind it for as long as one silence may last, and no thread helps it."""
    store, now = outbox._store, [1000.0]
    monkeypatch.setattr(batch, "monotonic", lambda: now[0])
    store.put([new_mail(), new_mail(), new_mail()])
    jobs = claim(store, lease=60)
    ours = Batch(store, jobs, answer_limit=600, ahead=Ahead(1), waiting_lease=360)
    assert ours.before_end(jobs[0])
    asked: list[tuple[list[str], float]] = []
    monkeypatch.setattr(store, "extend", lambda jobs, *, lease: asked.append(([job.id for job in jobs], lease)))
    looker = keeper_of(outbox)
    looker.watch(ours)

    now[0] += 31
    looker._look_after()
    nobody_helped = not asked
    ours.touch()
    ours.touch()  # once in thirty seconds

    assert nobody_helped
    assert asked == [([jobs[1].id, jobs[2].id], 360)]


def test_what_waits_is_leased_for_a_minute_more_than_the_longest_silence() -> None:
    server = Server(
        "127.0.0.1", 25, Security.NONE, timeouts=Timeouts(greeting=200, hello=90, data=80, sender=80, recipient=80)
    )

    assert lane_service.lease_of_claim(SmtpSession(server)) == 260


# Many recipients.


def test_too_many_recipients_for_one_transaction_are_all_sent_by_one_run(outbox: Outbox, sandbox: Sandbox) -> None:
    """The rest is due at once, and known to be when the answers are written down."""
    names = [f"r{number}@example.org" for number in range(9)]
    for name in names[3:]:
        sandbox.answer("recipient", "452 4.5.3 too many recipients", when=name, times=1)
    ticket = outbox.put(message(1, to=names), via=sandbox.url)

    outbox.run_once()

    assert ticket.status is State.SENT
    assert set(ticket.info.accepted) == set(names)


def test_one_run_waits_for_what_is_being_written_down(
    outbox: Outbox, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a thread writes down slowly may be due again at once, and is not left for the next run."""
    looked, settle = threading.Event(), outbox._store.settle
    worker = outbox.worker()
    due_lanes = outbox._store.due_lanes
    looks = iter(range(100))

    def look() -> list[DueLane]:
        if next(looks) == 1:
            looked.set()  # after the first round, with its results still on their way
        return due_lanes()

    def settle_late(settlements: Sequence[Settlement]) -> list[bool]:
        assert looked.wait(20)
        return settle(settlements)

    monkeypatch.setattr(result_writer.ResultWriter, "settle_with", lambda *_, **__: None)
    monkeypatch.setattr(outbox._store, "settle", settle_late)
    monkeypatch.setattr(outbox._store, "due_lanes", look)
    sandbox.answer("recipient", "452 4.5.3 too many recipients", when="bob@example.org", times=1)
    ticket = outbox.put(message(1, to=["ada@example.org", "bob@example.org"]), via=sandbox.url)

    worker.run_once()

    assert ticket.status is State.SENT


class Compared(str):
    """An address that counts how often it is held against another one."""

    __slots__ = ()
    times = 0

    def __eq__(self, other: object) -> bool:
        Compared.times += 1
        return str.__eq__(self, other)

    __hash__ = str.__hash__


def test_ten_thousand_recipients_are_not_compared_with_each_other(outbox: Outbox) -> None:
    outbox._store.put([new_mail()])
    (job,) = claim(outbox._store)
    waiting = tuple(Compared(f"w{number}@example.org") for number in range(10_000))
    known = {Compared(f"k{number}@example.org"): (250, "", "ok", 1.0) for number in range(10_000)}
    Compared.times = 0

    assert not outcomes._has_failed(replace(job, recipients=waiting, results=known))

    assert Compared.times < 20_000


# A disk that is full.


class _Disk:
    """The disk of an outbox, full or not: whatever is written while it is full fails, as with the real one."""

    def __init__(self, store: object, monkeypatch: pytest.MonkeyPatch) -> None:
        self.full = threading.Event()
        self.refused = threading.Semaphore(0)
        for name in ("mark", "advance", "settle", "go_on", "claim", "extend", "told", "lane_failed", "note_error"):
            monkeypatch.setattr(store, name, self._unless_full(getattr(store, name)))

    def _unless_full(self, real: Callable[..., object]) -> Callable[..., object]:
        def act(*given: object, **named: object) -> object:
            if self.full.is_set():
                self.refused.release()
                raise errors.OutboxFull("outbox.db: the disk is full; nothing was written")
            return real(*given, **named)

        return act


def _fill_after(outbox: Outbox, disk: _Disk, answers: int) -> None:
    """Fill the disk when so many mails are answered, and their results are not written down yet."""
    seen: list[object] = []

    def fill(attempt: object) -> None:
        seen.append(attempt)
        if len(seen) == answers:
            disk.full.set()

    outbox.on_attempt(fill)


@pytest.mark.slow
def test_results_wait_for_room_on_the_disk(
    outbox: Outbox, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """`run_once` ends soon, begins no mail that it could not mark, and its results are written when there is room."""
    monkeypatch.setattr("courriel.outbox.work.sending.marking._PATIENCE", 1000.0)  # for a commit that goes on
    monkeypatch.setattr(worker_module, "GRACE", 0.1)
    disk = _Disk(outbox._store, monkeypatch)
    _fill_after(outbox, disk, 20)
    tickets = outbox.put_many([message(n) for n in range(200)], via=sandbox.url)

    with pytest.raises(errors.OutboxFull):
        outbox.run_once()
    arrived = len(sandbox.letters)
    unmarked = [record for record in caplog.records if getattr(record, "action", "") == "mark_failed"]
    disk.full.clear()
    wait_until(lambda: sum(ticket.status is State.SENT for ticket in tickets) >= arrived, 20)

    assert 20 <= arrived < 100
    assert len(unmarked) <= MOST  # those whose ends waited already, and not one for each mail
    wait_until(lambda: all(ticket.status in (State.SENT, State.READY) for ticket in tickets), 20)
    assert sum(ticket.info.unsure for ticket in tickets) == 0
    outbox.run_once()
    assert sorted(letter.subject for letter in sandbox.letters) == sorted(f"Number {n}" for n in range(200))


@pytest.mark.slow
def test_run_once_says_when_results_are_not_written_down(
    outbox: Outbox, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker_module, "GRACE", 0.1)
    disk = _Disk(outbox._store, monkeypatch)
    _fill_after(outbox, disk, 1)
    ticket = outbox.put(message(1), via=sandbox.url)
    monkeypatch.setattr(worker_module.Worker, "_serve_all", _once(worker_module.Worker._serve_all))

    with pytest.raises(errors.OutboxFull):
        outbox.run_once()
    disk.full.clear()

    assert ticket.wait(20).state is State.SENT


def _once(serve: Callable[..., tuple[int, float | None]]) -> Callable[..., tuple[int, float | None]]:
    """Without the next claim, which would meet the same disk."""
    calls: list[object] = []

    def serve_once(*given: object) -> tuple[int, float | None]:
        calls.append(given)
        return serve(*given) if len(calls) == 1 else (0, None)

    return serve_once


@pytest.mark.slow
def test_a_worker_waits_for_room_and_goes_on(outbox: Outbox, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    disk = _Disk(outbox._store, monkeypatch)
    _fill_after(outbox, disk, 20)
    tickets = outbox.put_many([message(n) for n in range(200)], via=sandbox.url)

    with outbox.worker():
        assert disk.refused.acquire(timeout=20)
        assert all(disk.refused.acquire(timeout=20) for _ in range(5))
        disk.full.clear()
        for ticket in tickets:
            ticket.wait(30)

    assert sorted(letter.subject for letter in sandbox.letters) == sorted(f"Number {n}" for n in range(200))
    assert sum(ticket.info.unsure for ticket in tickets) == 0


class _OneAtATime(LocalTransport):
    """Takes one recipient in each transaction, and says of the others that they are too many; refuses some for good."""

    name = "one at a time"

    def __init__(self) -> None:
        self.offered = 0
        self.taken: list[str] = []

    def submit(self, submission: Submission) -> Receipt:
        names = [recipient.spec for recipient in submission.envelope.recipients]
        self.offered += len(names)
        fates, full = [], False
        for name in names:
            if full:
                outcome, reply = Outcome.REFUSED, Reply(452, ("4.5.3 too many recipients",))
            elif "7@" in name:
                outcome, reply = Outcome.REFUSED, Reply(550, ("5.1.1 nobody of that name",))
            else:
                outcome, reply, full = Outcome.ACCEPTED, Reply(250, ("2.1.5 ok",)), True
                self.taken.append(name)
            fates.append(RecipientResult(name, outcome, reply))
        if not full:
            raise errors.RecipientsRefused(reply, stage="recipient", refused=dict.fromkeys(names, reply))
        assert submission.before_end is not None
        assert submission.before_end()
        return Receipt(self.name, submission.message_id, Reply(250, ("2.0.0 taken",)), tuple(fates))


@pytest.mark.slow
def test_a_server_that_takes_one_recipient_at_a_time_is_offered_few(outbox: Outbox) -> None:
    """Twice as many recipients are twice as many commands, and each has its fate."""
    server = _OneAtATime()
    names = [f"r{number}@example.org" for number in range(120)]
    ticket = outbox.put(message(1, to=names), via=server)

    outbox.run_once()

    refused = [name for name in names if "7@" in name]
    assert sorted(server.taken) == sorted(set(names) - set(refused))  # each of them once
    assert (ticket.status, sorted(ticket.info.refused)) == (State.FAILED, sorted(refused))
    assert sorted(ticket.info.accepted) == sorted(server.taken)
    assert server.offered < 4 * len(names)
