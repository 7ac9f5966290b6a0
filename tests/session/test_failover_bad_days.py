"""Bad days of several ways out, with servers: down, hanging, refusing logins, dying halfway; and no secret shown."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

import courriel
from courriel import Failover, Message, Outbox, Receipt, RoundRobin, Sandbox, SmtpPool, State, errors
from courriel.integrations.django.sending import pools
from courriel.outbox.lanes import shown
from inside import forget_shared_groups
from session.stranger import Phone, Stranger, stranger

SECRET = "gehe1m-und-lang"


@pytest.fixture(autouse=True)
def fresh(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.delenv("COURRIEL_CAPTURE", raising=False)
    yield
    forget_shared_groups()


@pytest.fixture
def other() -> Iterator[Sandbox]:
    with Sandbox() as server:
        yield server


def mail(*to: str) -> Message:
    return Message(sender="ada@example.org", to=to or ("bob@example.org",), subject="Paid", text="Hello.")


def way(server: Stranger) -> str:
    return f"smtp://127.0.0.1:{server.port}?timeout=5"


@contextmanager
def first_way(*acts: object) -> Iterator[Stranger]:
    with stranger(*acts) as server:  # type: ignore[arg-type]
        yield server


def envelope(phone: Phone, *recipients: str) -> None:
    """The conversation up to the recipients, each with its answer."""
    phone.ask("220 ready")
    phone.ask("250 first")
    phone.say("250 sender ok")
    for reply in recipients:
        phone.receive()
        phone.say(reply)


def greets_421(phone: Phone) -> None:
    phone.say("421 4.3.2 too busy")


def hangs_after_the_dot(phone: Phone) -> None:
    envelope(phone, "250 ok")
    phone.receive()
    phone.say("354 go on")
    phone.receive_content()
    phone.close()


def dies_after_refusing_one(phone: Phone) -> None:
    envelope(phone, "250 ok", "550 5.1.1 nobody")
    phone.receive()
    phone.reset()


def dies_after_accepting_one(phone: Phone) -> None:
    envelope(phone, "250 ok")
    phone.receive()
    phone.reset()


def test_one_that_greets_421_is_followed_by_the_other(other: Sandbox) -> None:
    with first_way(greets_421) as first:
        receipt = courriel.send(mail(), via=f"failover({way(first)} {other.url})")

    assert receipt.server.endswith(str(other.port))
    assert len(other.letters) == 1


def says_at(stage: str, reply: str) -> Callable[[Phone], None]:
    """A server that says this at a stage, and hangs up."""

    def act(phone: Phone) -> None:
        for at, usual in (("hello", "220 ready"), ("sender", "250 first"), ("recipient", "250 ok"), ("data", "250 ok")):
            phone.ask(usual)
            if at == stage:
                phone.say(reply)
                phone.close()
                return
        phone.say("354 go on")
        phone.receive_content()
        phone.say(reply)
        phone.close()

    return act


@pytest.mark.parametrize(
    ("stage", "reply", "goes_on"),
    [
        ("hello", "421 4.3.2 closing", True),
        ("sender", "421 4.3.2 closing", True),
        ("recipient", "421 4.3.2 closing", True),
        ("recipient", "451 4.3.2 not now", False),
        ("data", "421 4.3.2 closing", True),
        ("data", "451 4.3.2 not now", False),
        ("message", "421 4.3.2 closing", False),
        ("message", "451 4.3.2 not now", False),
    ],
)
def test_one_that_closes_the_session_has_decided_nothing_before_the_end(
    other: Sandbox, stage: str, reply: str, goes_on: bool
) -> None:
    with first_way(says_at(stage, reply)) as first:
        via = f"failover({way(first)} {other.url})"
        if goes_on:
            assert courriel.send(mail(), via=via).server.endswith(str(other.port))
        else:
            with pytest.raises(errors.CourrielError) as raised:
                courriel.send(mail(), via=via)
            assert not raised.value.in_doubt

    assert len(other.letters) == goes_on


def test_one_that_is_lost_after_the_dot_is_in_doubt_and_the_other_never_gets_it(other: Sandbox) -> None:
    with first_way(hangs_after_the_dot) as first, pytest.raises(errors.CourrielError) as raised:
        courriel.send(mail(), via=f"failover({way(first)} {other.url})")

    assert raised.value.in_doubt
    assert other.letters == []


def test_one_that_refuses_one_recipient_and_dies_has_decided(other: Sandbox) -> None:
    with first_way(dies_after_refusing_one) as first, pytest.raises(errors.ConnectionFailed) as raised:
        courriel.send(mail("bob@example.org", "eve@example.org"), via=f"failover({way(first)} {other.url})")

    assert not raised.value.in_doubt
    assert "eve@example.org" in raised.value.refused
    assert other.letters == []


def test_one_that_accepts_one_recipient_and_dies_before_the_end_has_decided_nothing(other: Sandbox) -> None:
    with first_way(dies_after_accepting_one) as first:
        receipt = courriel.send(mail("bob@example.org", "eve@example.org"), via=f"failover({way(first)} {other.url})")

    assert receipt.complete
    assert [tuple(letter.recipients) for letter in other.letters] == [("bob@example.org", "eve@example.org")]


def test_a_recipient_refused_by_the_first_is_not_offered_to_the_other(other: Sandbox) -> None:
    with Sandbox() as first:
        first.refuse("eve@example.org")
        receipt = courriel.send(mail("bob@example.org", "eve@example.org"), via=f"failover({first.url} {other.url})")

        assert receipt.accepted == ("bob@example.org",)
        assert list(receipt.refused) == ["eve@example.org"]
        assert other.letters == []


@pytest.mark.slow
def test_a_refused_login_is_followed_by_the_other_and_rests_and_shows_no_password(
    other: Sandbox, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    with Sandbox(users={"ada": "another"}) as first:
        locked = first.url.replace("smtp://", f"smtp://ada:{SECRET}@")
        via = f"failover({locked} {other.url})"
        receipts = [courriel.send(mail(), via=via) for _ in range(3)]
        sessions = len(first.sessions)
        with pytest.raises(errors.AllWaysFailed) as raised:
            courriel.send(mail(), via=f"failover({locked} {locked})")
        route = courriel.Route.parse(via)
        with pytest.raises(errors.InvalidUrl) as kept_out, Outbox("unused.db", ways={}, create=True) as outbox:
            outbox.put(mail(), via=via)

    assert sessions == 1  # it rests
    assert all(receipt.server.endswith(str(other.port)) for receipt in receipts)
    told = [str(raised.value), repr(raised.value), str(kept_out.value), str(route), repr(route), route.name, shown(via)]
    told += [*raised.value.__notes__, *receipts[0].notes, caplog.text, *capsys.readouterr()]
    assert not [text for text in told if SECRET in text]
    assert "535" in str(raised.value)


@pytest.fixture(autouse=True)
def in_an_empty_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: object) -> None:
    monkeypatch.chdir(str(tmp_path))


def test_the_first_way_is_not_tried_again_while_it_rests(other: Sandbox) -> None:
    with first_way(greets_421) as first:
        via = f"failover({way(first)} {other.url})"
        for _ in range(3):
            courriel.send(mail(), via=via)
        asyncio.run(courriel.asend(mail(), via=via))

        assert len(first.phones) == 1
    assert len(other.letters) == 4


def test_a_pool_may_be_a_way_and_threads_share_it(other: Sandbox) -> None:
    receipts: list[Receipt] = []
    with (
        first_way(greets_421) as first,
        SmtpPool(other.server(), size=2) as pool,
    ):
        group = Failover(way(first), pool)
        threads = [threading.Thread(target=lambda: receipts.append(group.send(mail()))) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    assert len(receipts) == 8
    assert len(other.letters) == 8
    assert len(other.sessions) <= 2


def test_threads_take_turns_at_sessions(other: Sandbox) -> None:
    with Sandbox() as first, RoundRobin(first.url, other.url) as group:
        threads = [threading.Thread(target=group.send, args=(mail(),)) for _ in range(10)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

        assert (len(first.letters), len(other.letters)) == (5, 5)
        assert max(len(first.sessions), len(other.sessions)) == 1


def test_the_same_server_twice_is_asked_twice_and_no_more() -> None:
    with first_way(greets_421) as first:
        with pytest.raises(errors.AllWaysFailed, match=rf"{first.port}.*{first.port} \(2\)"):
            courriel.send(mail(), via=f"failover({way(first)} {way(first)})")

        assert len(first.phones) == 2


def test_nested_groups_find_the_one_that_works(other: Sandbox) -> None:
    with first_way(greets_421) as first:
        via = f"failover(roundrobin({way(first)} {way(first)}) failover({way(first)} {other.url}))"
        receipt = courriel.send(mail(), via=via)

    assert receipt.server.endswith(str(other.port))


def test_a_stranger_to_the_allowlist_is_not_tried_by_another_way(
    other: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COURRIEL_ALLOWLIST", "example.net")
    with Sandbox() as first, pytest.raises(errors.InvalidMessage, match="not among the recipients"):
        courriel.send(mail(), via=f"failover({first.url} {other.url})")

    assert (first.letters, other.letters) == ([], [])


def test_captured_mail_leaves_by_no_way(other: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COURRIEL_CAPTURE", "1")

    receipt = courriel.send(mail(), via=f"failover({other.url} {other.url})")

    assert receipt.server == "memory:"
    assert other.letters == []


def test_a_transcript_has_the_conversation_of_the_way_that_took_it(other: Sandbox) -> None:
    transcript = courriel.Transcript()

    with first_way(greets_421) as first:
        courriel.send(mail(), via=f"failover({way(first)} {other.url})", transcript=transcript)

    assert "421 4.3.2 too busy" in str(transcript)
    assert "MAIL FROM" in str(transcript)


# In the outbox.


def test_a_lane_of_two_ways_is_one_lane_and_one_row(other: Sandbox, caplog: pytest.LogCaptureFixture) -> None:
    with (
        first_way(greets_421) as first,
        Outbox("outbox.db", ways={"billing": f"failover({way(first)} {other.url})"}) as outbox,
    ):
        tickets = outbox.put_many([mail() for _ in range(30)], via="billing")
        outbox.run_once()

        assert {ticket.status for ticket in tickets} == {State.SENT}
        assert [lane.name for lane in outbox.lanes()] == ["billing"]
        assert outbox.lanes()[0].fails == 0
    assert len({letter.content for letter in other.letters}) == len(other.letters) == 30
    assert len(first.phones) == 1


def test_when_all_ways_are_down_the_lane_rests_and_names_them(caplog: pytest.LogCaptureFixture) -> None:
    with first_way(greets_421) as first, Outbox("outbox.db") as outbox:
        ticket = outbox.put(mail(), via=f"failover({way(first)} {way(first)})")
        outbox.run_once()

        assert ticket.status is State.READY
        assert "no way out works" in outbox.lanes()[0].why
        assert outbox.lanes()[0].paused > 0
    assert "ada" not in caplog.text


@pytest.mark.slow
def test_one_in_doubt_by_the_first_waits_for_it_and_does_not_keep_the_others(other: Sandbox) -> None:
    with first_way(hangs_after_the_dot, greets_421) as first, Outbox("outbox.db") as outbox:
        via = f"failover({way(first)}&chunking=0 {other.url})?retry=0.001"
        doubtful = outbox.put(mail(), via=via)
        outbox.run_once()
        others = outbox.put_many([mail() for _ in range(3)], via=via)
        for lane in outbox.lanes():
            outbox.resume(lane.name)
        for _ in range(3):
            doubtful.retry_now()
            outbox.run_once()

        assert doubtful.info.unsure == 1
        assert doubtful.status is State.READY
        assert "leaves by no other way" in doubtful.info.why
        assert all(ticket.status is State.SENT for ticket in others)
        assert outbox.lanes()[0].paused == 0
    assert len(other.letters) == 3


# Whoever uses it without knowing.


def test_a_django_mailer_sends_by_it(other: Sandbox) -> None:
    with first_way(greets_421) as first:
        route = courriel.Route.parse(f"failover({way(first)} {other.url})")
        receipt = pools.send(mail(), route, "ada@example.org", ["bob@example.org"])
        with pools.open_session(route):
            pass

    assert receipt.server.endswith(str(other.port))
