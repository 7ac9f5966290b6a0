"""How many mails are where, and which: from counters and indexes, beside a million as beside ten."""

from __future__ import annotations

import random
import re
import threading
from collections import Counter
from collections.abc import Callable
from itertools import product

import psycopg
import pytest

from courriel import State
from courriel.outbox.store.base import Store
from courriel.outbox.store.facts import Query
from courriel.outbox.store.postgres.connection import translated
from courriel.outbox.store.postgres.store import PostgresStore
from courriel.outbox.store.sql.statements import in_order, statements
from courriel.outbox.store.sql.store import SqlStore
from courriel.outbox.store.states import Action
from inside import read_in, write_in
from outbox.conftest import claim, new_mail, settled

OUT_OF_HAND = (0, 3, 4, 5, 6)
EVERYTHING = (("read_in_hand", -1), *(("read_state", state) for state in OUT_OF_HAND))


def counted(store: Store) -> dict[tuple[str, State], tuple[int, int]]:
    """One by one."""
    infos = list(store.read(Query()))
    mails = Counter((info.lane, info.state) for info in infos)
    unsure = Counter((info.lane, info.state) for info in infos if info.unsure)
    return {each: (number, unsure[each]) for each, number in mails.items()}


def told(store: Store) -> dict[tuple[str, State], tuple[int, int]]:
    return {(each.lane, each.state): (each.mails, each.unsure) for each in store.counts()}


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
def test_counters_are_what_one_would_count(store: Store, open_store: Callable[[], Store], seed: int) -> None:
    chance, stores = random.Random(seed), [store, open_store()]
    actions: list[Action] = ["cancel", "hold", "release", "retry_now", "found", "not_found"]
    ids: list[str] = []
    for _ in range(40):
        one, lane = chance.choice(stores), chance.choice("ab")
        match chance.randrange(6):
            case 0 | 1:
                keys = [chance.choice([None, f"key {chance.randrange(5)}"]) for _ in range(chance.randrange(4))]
                ids += one.put([new_mail(lane=lane, key=key) for key in keys])
            case 2:
                jobs = claim(one, lane=lane, most=3, lease=chance.choice([60.0, -1.0]))
                one.mark(jobs, lease=60)
                one.settle(
                    [settled(job, chance.choice(list(State)[:1] + list(State)[3:6]), unsure=chance.random() < 0.5)
                     for job in jobs if chance.random() < 0.8]
                )  # fmt: skip
            case 3 if ids:
                one.edit(chance.choice(ids), chance.choice(actions))
            case 4:
                claim(one, lane=lane, most=2, lease=-1.0)
            case 5 if chance.random() < 0.2:
                one.prune(sent=-1, failed=-1, most=2)
                ids = [info.id for info in one.read(Query())]
        assert told(store) == counted(store)


def test_the_oldest_is_the_first_that_could_be_sent_or_was_put(store: Store) -> None:
    store.put([new_mail(delay=600, lane="later"), new_mail(lane="held"), new_mail(lane="now"), new_mail(lane="now")])
    (held,) = store.read(Query(lane="held"))
    store.edit(held.id, "hold")
    first = min(info.due for info in store.read(Query(lane="now")))
    (later,) = store.read(Query(lane="later"))

    assert {each.lane: each.oldest for each in store.counts()} == {
        "later": later.due, "held": held.created, "now": first,
    }  # fmt: skip
    (job, _) = claim(store, lane="now")
    store.settle([settled(job)])
    assert {each.state: each.oldest for each in store.counts() if each.lane == "now"}[State.SENT] is None


def test_a_list_has_those_that_fit_in_order(store: Store) -> None:
    chance = random.Random(11)
    store.put([new_mail(lane=chance.choice("ab")) for _ in range(60)])
    assert isinstance(store, SqlStore)
    values = [
        {"id": info.id, "state": chance.randrange(7), "unsure": chance.randrange(2), "lost": chance.randrange(2)}
        for info in store.read(Query())
    ]
    change = "UPDATE outbox_mail SET state = :state, unsure = :unsure, lost = :lost WHERE id = :id"
    said = translated(change) if isinstance(store, PostgresStore) else change
    write_in(store, lambda line: [line.execute(said, each) for each in values])
    every = list(store.read(Query()))
    half = every[30].created

    assert len(every) == 60
    assert every == sorted(every, key=lambda info: (info.created, info.id))
    for asked in product([None, *State], [None, True, False], [None, "a", "b", "nobody's"]):
        state, unsure, lane = asked
        fits = [
            info for info in every
            if state in (None, info.state) and lane in (None, info.lane) and unsure in (None, info.unsure > 0)
        ]  # fmt: skip

        assert list(store.read(Query(state, lane, unsure=unsure))) == fits, asked
        assert list(store.read(Query(state, lane, half, unsure))) == [each for each in fits if each.created >= half]


def test_a_mail_that_is_sent_while_it_is_listed_is_listed_once(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("courriel.outbox.store.sql.store._PAGE", 3)
    store.put([new_mail() for _ in range(10)])
    seen = []

    for info in store.read(Query()):
        seen.append(info.id)
        store.settle([settled(job) for job in claim(store, most=1)])

    assert len(seen) == len(set(seen)) == 10


def plan(store: Store, place: str, said: str) -> str:
    values = dict.fromkeys(re.findall(r":(\w+)", re.sub(r"--[^\n]*|::", "", said)), 1) | {"lane": "a", "id": "x"}
    if isinstance(store, PostgresStore):
        with psycopg.connect(place) as connection:
            connection.execute("SET enable_seqscan = off")  # there is next to nothing to read: it is not to be tempted
            rows = connection.execute(b"EXPLAIN " + translated(said).encode(), values).fetchall()
        return "\n".join(row[0] for row in rows)
    assert isinstance(store, SqlStore)
    rows = read_in(store, lambda line: line.execute(f"EXPLAIN QUERY PLAN {said}", values).fetchall())
    return "\n".join(row[3] for row in rows)


@pytest.mark.parametrize(
    ("said", "indexes"),
    [
        ("read_state", {"outbox_order"}),
        ("read_ended", {"outbox_ended"}),
        ("read_ready", {"outbox_ready", "outbox_suspect"}),
        ("read_in_hand", {"outbox_busy"}),
        ("read_unsure", {"outbox_unsure"}),
        ("counts", {"outbox_ready", "outbox_suspect", "outbox_ended", "outbox_busy"}),
        ("everything", {"outbox_order", "outbox_busy"}),
        ("sent_lately", {"outbox_done"}),
    ],
)
def test_what_people_ask_is_read_from_an_index(store: Store, place: str, said: str, indexes: set[str]) -> None:
    text = in_order(EVERYTHING) if said == "everything" else statements()[said]
    if said in ("read_state", "read_ended"):
        text = text.replace(":state", "3")

    found = plan(store, place, text)

    used = set(re.findall(r"\boutbox_(?:ready|suspect|busy|done|news|order|ended|unsure)\b", found))
    assert used == indexes or (used and isinstance(store, PostgresStore)), found  # which has a choice, of equal ones
    assert "Seq Scan on outbox_mail" not in found
    assert "SCAN outbox_mail\n" not in f"{found}\n"


@pytest.mark.acceptance
def test_transactions_that_run_at_once_do_not_wait_for_each_other_s_counters(
    request: pytest.FixtureRequest,
) -> None:
    """Each that finds the counter taken begins another one; they are one again when mails are forgotten."""
    url = request.getfixturevalue("postgres").url(request.getfixturevalue("postgres").new_database())
    store = PostgresStore(url)
    callers = [psycopg.connect(url) for _ in range(3)]
    strict = psycopg.connect(url)
    strict.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
    for caller in callers:
        store.put([new_mail()], caller)  # in transactions that stay open
    strict.execute("SELECT 1 FROM outbox_mail")
    done = threading.Event()

    def put() -> None:
        store.put([new_mail()])
        done.set()

    threading.Thread(target=put).start()
    assert done.wait(30)
    for caller in callers:
        caller.commit()
        caller.close()
    store.put([new_mail()], strict)
    strict.commit()
    strict.close()

    assert told(store) == counted(store) == {("billing", State.READY): (5, 0)}
    write_in(store, lambda line: line.execute("INSERT INTO outbox_count (lane, state, mails, unsure)"
                                           " SELECT 'billing', 0, 0, 0 FROM generate_series(1, 200)"))  # fmt: skip
    store.prune(sent=0, failed=0, most=500)
    rows = read_in(store, lambda line: line.execute("SELECT count(*) FROM outbox_count").fetchone())
    assert rows == (1,)
    assert told(store) == counted(store)
    store.close()
