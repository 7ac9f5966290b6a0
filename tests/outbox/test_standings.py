"""Where each recipient stands at every moment, a failed mail that is sent again, and ids that are cut short."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as some

from courriel import Outbox, Sandbox, errors
from courriel._dataclass import replace
from courriel.outbox.store.base import Store
from courriel.outbox.store.facts import MailInfo
from courriel.outbox.store.standing import Standing
from courriel.outbox.store.states import OnUnsure, State
from inside import store_of, write_in
from outbox.conftest import claim, message, new_mail, settled

ADA, BOB, CARL = "ada@example.org", "bob@example.org", "carl@example.org"
OK, LATER, NO, OURS = (
    (250, "2.0.0", "ok", 1.0),
    (450, "4.2.0", "later", 1.0),
    (550, "5.1.1", "no", 1.0),
    (0, "", "x", 1.0),
)
INFO = MailInfo("1" * 32, None, "billing", 1, State.READY, 0, 0, 0, 0, 0, 0, 0, OnUnsure.RESEND, "<1@x>", "", (), {},
                {}, "", 1, "")  # fmt: skip


@pytest.mark.parametrize(
    ("state", "unsure", "waiting", "results", "standing"),
    [
        (State.READY, 0, (BOB,), {}, Standing.WAITING),
        (State.LEASED, 0, (BOB,), {}, Standing.WAITING),
        (State.READY, 0, (BOB,), {BOB: LATER}, Standing.DEFERRED),
        (State.HELD, 0, (BOB,), {BOB: LATER}, Standing.DEFERRED),
        (State.READY, 1, (BOB,), {}, Standing.IN_DOUBT),
        (State.READY, 1, (BOB,), {BOB: LATER}, Standing.IN_DOUBT),
        (State.HELD, 1, (BOB,), {}, Standing.IN_DOUBT),
        (State.IN_FLIGHT, 0, (BOB,), {}, Standing.IN_DOUBT),
        (State.READY, 1, (ADA,), {BOB: OK}, Standing.ACCEPTED),
        (State.READY, 0, (ADA,), {BOB: NO}, Standing.REFUSED),
        (State.SENT, 1, (), {BOB: OK}, Standing.ACCEPTED),
        (State.SENT, 1, (BOB,), {}, Standing.ACCEPTED),  # it was found
        (State.FAILED, 0, (), {BOB: NO}, Standing.REFUSED),
        (State.FAILED, 0, (), {BOB: OURS}, Standing.REFUSED),
        (State.FAILED, 0, (), {BOB: LATER}, Standing.REFUSED),  # all or nothing
        (State.FAILED, 0, (BOB,), {}, Standing.EXPIRED),
        (State.FAILED, 0, (BOB,), {BOB: LATER}, Standing.EXPIRED),
        (State.FAILED, 1, (BOB,), {}, Standing.IN_DOUBT),
        (State.CANCELED, 0, (BOB,), {}, Standing.CANCELED),
        (State.CANCELED, 1, (BOB,), {}, Standing.IN_DOUBT),
    ],
)
def test_each_recipient_stands_somewhere(
    state: State,
    unsure: int,
    waiting: tuple[str, ...],
    results: dict[str, tuple[int, str, str, float]],
    standing: Standing,
) -> None:
    held = {"unserved": waiting} if state.final else {"waiting": waiting}

    info = replace(INFO, state=state, unsure=unsure, results=results, **held)

    assert info.standings[BOB] is standing


@given(
    some.sampled_from(State), some.integers(0, 2), some.lists(some.sampled_from((ADA, BOB, CARL)), unique=True),
    some.dictionaries(some.sampled_from((ADA, BOB, CARL)), some.sampled_from((OK, LATER, NO, OURS))),
)  # fmt: skip
def test_nobody_is_left_out(
    state: State, unsure: int, waiting: list[str], results: dict[str, tuple[int, str, str, float]]
) -> None:
    held = {"unserved": tuple(waiting)} if state.final else {"waiting": tuple(waiting)}
    info = replace(INFO, state=state, unsure=unsure, results=results, **held)

    assert set(info.standings) == set(info.recipients) == {*waiting, *results}


def test_an_expired_mail_keeps_its_recipients(outbox: Outbox, sandbox: Sandbox) -> None:
    sandbox.answer("recipient", "450 4.2.0 later", when=CARL)
    ticket = outbox.put(message(1, to=[BOB, CARL]), via=sandbox.url, expires=1000)
    silent = outbox.put(message(2, to=[ADA, BOB]), via=sandbox.url, not_before=100, expires=1000)
    outbox.run_once()
    age(outbox)

    outbox.run_once()

    info = ticket.info
    assert (info.state, info.why, info.waiting) == (State.FAILED, "expired", ())
    assert info.standings == {BOB: Standing.ACCEPTED, CARL: Standing.EXPIRED}
    assert info.refused[CARL].code == 450, "what was said last stays"
    assert silent.info.standings == dict.fromkeys((ADA, BOB), Standing.EXPIRED)


def age(outbox: Outbox) -> None:
    """Let the time of every mail be over."""
    older = "UPDATE outbox_mail SET created = created - 5000, expires = expires - 5000, due = due - 5000"
    write_in(store_of(outbox), lambda line: line.execute(older))


def test_a_mail_that_was_found_keeps_its_recipients(store: Store) -> None:
    """By `confirm`, and by a person."""
    store.put([new_mail(id="a" * 32, recipients=(ADA, BOB), on_unsure=OnUnsure.HOLD)])
    (job,) = claim(store)
    store.settle([settled(job, State.HELD, recipients=job.recipients, results={}, why="unsure", unsure=True)])

    assert store.edit("a" * 32, "found")

    info = store.find(id="a" * 32)
    assert info is not None
    assert (info.state, info.accepted) == (State.SENT, (ADA, BOB))


def test_a_worker_that_finds_a_mail_keeps_its_recipients(outbox: Outbox, sandbox: Sandbox) -> None:
    sandbox.answer("message", "hang up", times=1)
    ticket = outbox.put(message(1, to=[ADA, BOB]), via=sandbox.url)
    outbox.run_once()
    assert ticket.info.standings == dict.fromkeys((ADA, BOB), Standing.IN_DOUBT)
    ticket.retry_now()
    outbox.resume(ticket.info.lane)

    outbox.run_once(confirm=lambda message_id, lane: True)

    assert (ticket.status, ticket.info.accepted, len(sandbox.letters)) == (State.SENT, (ADA, BOB), 0)


def test_a_failed_mail_is_sent_again_to_those_who_have_not_got_it(outbox: Outbox, sandbox: Sandbox) -> None:
    sandbox.answer("recipient", "550 5.1.1 no such user", when=CARL, times=1)
    ticket = outbox.put(message(1, to=[BOB, CARL]), via=sandbox.url)
    outbox.run_once()
    assert (ticket.status, ticket.info.standings[CARL]) == (State.FAILED, Standing.REFUSED)
    assert not ticket.retry_now()

    again = ticket.retry_failed()
    standings = ticket.info.standings
    outbox.run_once()

    assert again
    assert standings == {BOB: Standing.ACCEPTED, CARL: Standing.DEFERRED}
    assert (ticket.status, ticket.info.accepted) == (State.SENT, (BOB, CARL))
    assert [letter.recipients for letter in sandbox.letters] == [(BOB,), (CARL,)]
    assert not ticket.retry_failed()


def test_an_expired_mail_that_is_sent_again_has_time_to_live(outbox: Outbox, sandbox: Sandbox) -> None:
    ticket = outbox.put(message(1, to=[ADA, BOB]), via=sandbox.url, not_before=100, expires=1000)
    age(outbox)
    outbox.run_once()
    assert ticket.status is State.FAILED

    assert ticket.retry_failed()
    outbox.run_once()

    assert (ticket.status, ticket.info.accepted) == (State.SENT, (ADA, BOB))


@pytest.mark.parametrize("state", [State.READY, State.LEASED, State.HELD, State.SENT, State.CANCELED])
def test_only_a_failed_mail_is_sent_again_so(store: Store, state: State) -> None:
    store.put([new_mail(id="a" * 32)])
    if state in (State.SENT, State.LEASED):
        (job,) = claim(store)
        if state is State.SENT:
            store.settle([settled(job)])
    elif state is not State.READY:
        store.edit("a" * 32, "hold" if state is State.HELD else "cancel")

    assert not store.edit("a" * 32, "retry_failed")

    info = store.find(id="a" * 32)
    assert info is not None
    assert info.state is state


def test_a_mail_of_which_no_recipient_can_be_read_is_not_sent_to_nobody(store: Store) -> None:
    store.put([new_mail(id="a" * 32)])
    (job,) = claim(store)
    store.settle([settled(job, State.FAILED, results={}, recipients=())])

    assert not store.edit("a" * 32, "retry_failed")


IDS = ("5f2c00010000", "5f2c00010001", "5f2c0002ffff", "00000000aaaa")


@pytest.mark.parametrize(
    ("beginning", "found"),
    [("5f2c0002", 2), ("5f2c00010000", 0), ("00000000", 3), ("5f2c0001000", "several"), ("5f2c0001", "several"),
     ("5f2c000", None), ("5F2C0002", None), ("5f2c0003", None), ("5f2c%002", None), ("", None)],
)  # fmt: skip
def test_an_id_may_be_cut_short_where_it_is_the_only_one(outbox: Outbox, beginning: str, found: object) -> None:
    ids = [each.ljust(32, "7") for each in IDS]
    store_of(outbox).put([new_mail(id=ident) for ident in ids])

    if found == "several":
        with pytest.raises(errors.UsageError, match="several mails begin with"):
            outbox.get(beginning)
    elif found is None:
        with pytest.raises(errors.TicketNotFound):
            outbox.get(beginning)
    else:
        assert isinstance(found, int)
        assert outbox.get(beginning).id == ids[found]
