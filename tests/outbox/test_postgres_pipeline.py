"""Whole transactions in one round trip, and puts that share a commit: what holds when somebody in the lot fails."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import psycopg
import pytest

from courriel import errors
from courriel._dataclass import replace
from courriel.outbox.store.facts import Query
from courriel.outbox.store.jobs import Job, LeaseTerms, NewMail, Settlement
from courriel.outbox.store.postgres import group_commit
from courriel.outbox.store.postgres.connection import PostgresConnection, all_translated
from courriel.outbox.store.postgres.pipeline import PipelineSession, RefusedError, Statement
from courriel.outbox.store.postgres.server import PostgresServer
from courriel.outbox.store.postgres.store import PostgresStore
from courriel.outbox.store.states import State
from outbox.conftest import claim, new_mail, settled
from servers.daemon import wait_until
from servers.postgres import ROLE, PgBouncer, Postgres

pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(120)]


@pytest.fixture
def url(postgres: Postgres) -> str:
    return postgres.url(postgres.new_outbox())


@pytest.fixture
def store(url: str) -> Iterator[PostgresStore]:
    store = PostgresStore(url)
    store.put([new_mail(lane="other")])
    store.put([new_mail(lane="billing", id="first")])
    yield store
    store.close()


def ask(url: str, question: str) -> Any:
    with psycopg.connect(url, autocommit=True) as connection:
        cursor = connection.execute(question.encode())
        return cursor.fetchall() if cursor.description else None


def ids_in(store: PostgresStore) -> set[str]:
    return {info.id for info in store.read(Query(lane="billing"))} - {"first"}


# One round trip.


def test_nothing_on_the_usual_way_is_said_but_in_one_round_trip(
    store: PostgresStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(PostgresConnection, "execute", lambda *_: pytest.fail("another round trip"))
    trips: list[int] = []
    real = PipelineSession.run

    def run(self: PipelineSession, said: Sequence[Any], *, prepare: bool) -> list[Any]:
        trips.append(len(said))
        return real(self, said, prepare=prepare)

    monkeypatch.setattr(PipelineSession, "run", run)

    def done(act: Callable[[], Any]) -> Any:
        before = len(trips)
        result = act()
        assert len(trips) == before + 1
        return result

    done(lambda: store.put([new_mail(), new_mail(b"x" * 600_000)]))
    (ident,) = done(lambda: store.put([new_mail(key="k")]))
    assert done(lambda: store.put([new_mail(key="k")])) == [ident]
    first, second, *_ = jobs = done(lambda: claim(store, 3))
    assert len(jobs) == 3
    assert done(lambda: store.mark([first, second], lease=60)) == [True, True]
    assert done(lambda: store.extend([first], lease=60)) == [True]
    assert done(lambda: store.settle([settled(first), settled(first)])) == [True, False]
    gone_on = done(
        lambda: store.go_on([settled(second), settled(first)], "billing", 5, LeaseTerms(60, "here:1", 60, 20))
    )
    assert (gone_on.settled, gone_on.marked, len(gone_on.jobs)) == ((True, False), 1, 1)
    assert done(lambda: store.advance([settled(gone_on.jobs[0])], [(second, 9), (first, 9)])) == (
        [True],
        [False, False],
    )
    assert done(lambda: claim(store)) == ()


def test_many_mails_are_one_statement_so_that_they_are_counted_once(
    store: PostgresStore, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The triggers that count run once for each statement, and cost as much as the rest of it."""
    changing: list[int] = []
    real = PipelineSession.run

    def run(self: PipelineSession, said: Sequence[Any], *, prepare: bool) -> list[Any]:
        texts = [statement.text for statement, _ in said]
        changing.append(sum(b"INSERT INTO outbox_mail" in text or b"UPDATE outbox_mail" in text for text in texts))
        return real(self, said, prepare=prepare)

    monkeypatch.setattr(PipelineSession, "run", run)
    store.put([new_mail(key=f"k{number}") for number in range(50)])
    jobs = claim(store, 25)
    store.mark(jobs, lease=60)
    store.extend(jobs, lease=60)
    store.settle([settled(job) for job in jobs[:10]])
    done = [settled(job) for job in jobs[10:]]
    assert store.go_on(done, "billing", 25, LeaseTerms(60, "here:1", 60, 20)).settled == (True,) * 15
    store.told([job.id for job in jobs])

    assert max(changing) <= 2
    assert {count.state: count.mails for count in store.counts() if count.lane == "billing"} == {
        State.READY: 1,
        State.LEASED: 5,
        State.IN_FLIGHT: 20,
        State.SENT: 25,
    }
    assert store.check() == []


def test_mails_that_are_put_together_are_served_in_their_order(store: PostgresStore) -> None:
    ids = store.put([new_mail(lane="p") for _ in range(50)])

    assert [job.id for job in claim(store, 50, lane="p")] == ids
    assert [info.id for info in store.read(Query(lane="p"))] == ids


def test_of_two_words_about_one_mail_the_first_counts(store: PostgresStore) -> None:
    store.put([new_mail()])
    jobs = claim(store)
    ends = [replace(settled(job), state=state) for job in jobs for state in (State.SENT, State.FAILED)]

    assert store.settle(ends) == [True, False] * 2
    assert {store.find(id=job.id).state for job in jobs} == {State.SENT}  # type: ignore[union-attr]


def test_a_claim_takes_the_urgent_first_and_no_more_than_are_wished(store: PostgresStore) -> None:
    wished = [new_mail(priority=priority, lane="p") for priority in (2, 1, 0, 2, 1, 0)]
    store.put(wished)

    jobs = claim(store, 3, lane="p")
    rest = claim(store, 100, lane="p")

    assert sorted(job.priority for job in jobs) == [0, 0, 1]
    assert sorted(job.priority for job in rest) == [1, 2, 2]
    assert all(b"".join(job.body or ()) == b"".join(wished[0].chunks) for job in jobs + rest)


def test_the_first_in_their_turn_are_marked_as_many_as_are_wished(store: PostgresStore) -> None:
    wished = [new_mail(priority=priority, lane="p") for priority in (2, 1, 0, 2, 1, 0)]
    store.put(wished)

    claimed = store.go_on([], "p", 5, LeaseTerms(60, "here:1", 600, 3))

    assert claimed.marked == 3
    states = [store.find(id=job.id).state for job in claimed.jobs]  # type: ignore[union-attr]
    assert states == [State.IN_FLIGHT] * 3 + [State.LEASED] * 2
    assert [job.priority for job in claimed.jobs] == [0, 0, 1, 1, 2]


def test_a_lane_that_is_limited_or_has_lost_mails_goes_the_long_way_and_nothing_is_done_twice(
    store: PostgresStore,
) -> None:
    store.put([new_mail() for _ in range(5)])
    (job,) = claim(store, 1)
    store.set_lane("billing", {"cap": 2})

    gone_on = store.go_on([settled(job)], "billing", 5, LeaseTerms(60, "here:1"))

    assert (gone_on.settled, len(gone_on.jobs)) == ((True,), 2)
    assert claim(store) == ()
    assert store.find(id=job.id).tries == 1  # type: ignore[union-attr]


def test_what_has_to_last_is_committed_to_the_disk_and_the_rest_is_not(store: PostgresStore, url: str) -> None:
    said = Statement("SELECT current_setting('synchronous_commit'), current_setting('lock_timeout')")
    ask(url, f"ALTER ROLE {ROLE} IN DATABASE {url.rpartition('/')[2]} SET synchronous_commit = off")
    store.reopen()

    (durable,) = store._server.at_once([(said, {})])
    (light,) = store._server.at_once([(said, {})], durably=False, wait="100ms")

    assert list(durable.rows) == [("on", "30s")]
    assert list(light.rows) == [("off", "100ms")]
    assert store._read(lambda line: line.execute("SHOW lock_timeout").fetchone()) == ("0",)


@pytest.mark.parametrize(
    "setting", ["default_transaction_isolation = 'serializable'", "default_transaction_read_only = on"]
)
def test_what_is_usual_at_a_server_changes_nothing(store: PostgresStore, url: str, setting: str) -> None:
    ask(url, f"ALTER ROLE {ROLE} IN DATABASE {url.rpartition('/')[2]} SET {setting}")
    store.reopen()

    store.put([new_mail(id="a"), new_mail(id="b", key="k")])

    assert {job.id for job in claim(store)} == {"first", "a", "b"}


def test_what_the_server_refuses_at_the_very_end_was_not_put(store: PostgresStore, url: str) -> None:
    """A trigger of the owner's own, which is asked at the commit."""
    ask(
        url,
        """CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS
           $$ BEGIN RAISE EXCEPTION 'not on my watch'; END $$;
           CREATE CONSTRAINT TRIGGER late AFTER INSERT ON outbox_mail DEFERRABLE INITIALLY DEFERRED
           FOR EACH ROW WHEN (NEW.prio = 2) EXECUTE FUNCTION refuse()""",
    )

    with pytest.raises(errors.OutboxError, match="not on my watch") as refused:
        store.put([new_mail(priority=2)])

    assert not isinstance(refused.value, errors.OutboxUncertain)
    assert ids_in(store) == set()
    store.put([new_mail(id="calm")])
    assert ids_in(store) == {"calm"}


def test_tables_of_another_age_are_not_written_to(store: PostgresStore, url: str) -> None:
    (job,) = claim(store, 1)
    store.put([new_mail()])
    ask(url, "UPDATE outbox_version SET version = 200")

    for act in (
        lambda: store.put([new_mail()]),
        lambda: store.settle([settled(job)]),
        lambda: claim(store),
    ):
        with pytest.raises(errors.OutboxError, match="version 200"):
            act()

    ask(url, "UPDATE outbox_version SET version = 101")
    assert len(ids_in(store)) == 1


def test_a_text_that_postgres_cannot_hold_is_refused_and_not_cut_off(store: PostgresStore) -> None:
    with pytest.raises(errors.OutboxError, match="NUL"):
        store.put([new_mail(sender="ada\0@example.org")])
    with pytest.raises(RefusedError):
        Statement("SELECT %(text)s").parameters({"text": "half \ud800"})

    assert ids_in(store) == set()


# Prepared statements.


def test_statements_are_prepared_where_a_connection_is_a_session(
    store: PostgresStore, postgres: Postgres, pgbouncer: PgBouncer
) -> None:
    pooled = PostgresServer(pgbouncer.url(postgres.new_database()))

    kept = store._read(lambda line: line.execute("SELECT name FROM pg_prepared_statements").fetchall())

    assert any(name.startswith("courriel_") for (name,) in kept)
    assert not pooled._prepares
    pooled.close()


def test_statements_that_are_gone_are_said_all_the_same(store: PostgresStore) -> None:
    """A pooler that is not known for one: the next transaction is another session."""
    store._read(lambda line: line.execute("DEALLOCATE ALL"))

    store.put([new_mail(id="a")])
    store.put([new_mail(id="b")])

    assert ids_in(store) == {"a", "b"}
    assert not store._server._prepares


def test_a_refusal_does_not_forget_what_was_prepared(store: PostgresStore) -> None:
    store.put([new_mail(id="a", key="k")])
    for _ in range(2):
        with pytest.raises(errors.OutboxError, match="duplicate key"):
            store.put([new_mail(id="a", key="another")])

    assert store._server._prepares


def test_without_statistics_a_claim_reads_no_whole_table(store: PostgresStore, url: str) -> None:
    ask(
        url,
        """ALTER TABLE outbox_mail SET (autovacuum_enabled = off);
           INSERT INTO outbox_mail (id, lane, prio, state, due, created, expires, on_unsure, msgid, sender, rcpts,
                                    options, size, changed)
           SELECT 'w' || n, 'billing', 1, 0, extract(epoch FROM now()) + 3600 + n, 0, 1e12, 0, '', '', '[]', '{}', 0, 0
           FROM generate_series(1, 100000) n""",
    )
    values = {
        "lane": "billing",
        "most": 5,
        "ahead": 2,
        "mark": 60,
        "lease": 60,
        "token": "t",
        "holder": "h",
        "carried": 1,
    }
    with psycopg.connect(url) as connection:
        connection.execute("SELECT set_config('courriel.plain', '1', true)")
        connection.execute("SET LOCAL plan_cache_mode = force_generic_plan")
        for name in ("look", "claim_if_plain"):
            said = b"EXPLAIN " + all_translated()[name].encode()
            told = "\n".join(row[0] for row in connection.execute(said, values, prepare=True).fetchall())
            assert "Index Scan using outbox_ready" in told or name == "look"
            assert "Seq Scan on outbox_mail" not in told


@pytest.mark.parametrize("name", ["settle_all_if_plain", "mark_all", "extend_all", "told_all", "claim_if_plain"])
def test_a_plan_that_was_made_while_the_tables_were_empty_reads_no_whole_table(store: PostgresStore, name: str) -> None:
    """A session keeps it, and may live for months."""
    asked = Statement("EXPLAIN (COSTS off) " + all_translated()[name])
    values = {
        "lane": "x",
        "most": 5,
        "ahead": 2,
        "mark": 60.0,
        "lease": 60.0,
        "token": "t",
        "holder": "h",
        "carried": 1,
        "mails": "[]",
    }

    (plan,) = store._server.at_once([(asked, values)])

    told = "\n".join(line for (line,) in plan.rows)
    assert "Index Scan" in told
    assert "Seq Scan on outbox_mail" not in told
    assert "Hash Join" not in told
    assert "Merge Join" not in told


# Those who put at the same time.


@pytest.fixture
def together(store: PostgresStore) -> Iterator[Callable[[Sequence[NewMail]], list[Future[list[str]]]]]:
    """Puts mails by a caller each, who all have come before the first one may write."""
    group = store._joint.group
    with ThreadPoolExecutor(64) as pool:

        def put(mails: Sequence[NewMail]) -> list[Future[list[str]]]:
            with group._writing:
                futures = [pool.submit(store.put, [mail]) for mail in mails]
                assert wait_until(lambda: len(group._waiting) == len(mails), 20)
            group._waiting[0].call()
            return futures

        yield put


@pytest.fixture
def lots(store: PostgresStore, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many callers each commit was for."""
    sizes: list[int] = []
    group, real = store._joint.group, store._joint.group._write

    def write(lot: Sequence[Any]) -> None:
        sizes.append(len(lot))
        real(lot)

    monkeypatch.setattr(group, "_write", write)
    return sizes


def test_those_who_put_at_the_same_time_share_a_commit(together: Any, lots: list[int], store: PostgresStore) -> None:
    mails = [new_mail(key="same" if number % 10 == 0 else None) for number in range(40)]

    ids = [future.result(30)[0] for future in together(mails)]

    assert sum(lots) == 40
    assert len(lots) == 1
    assert len(set(ids)) == 37
    assert ids_in(store) == set(ids)


def test_one_bad_mail_loses_no_other(together: Any, lots: list[int], store: PostgresStore) -> None:
    mails = [new_mail(id="first" if number == 7 else f"mail {number}") for number in range(20)]

    outcomes = together(mails)

    for number, outcome in enumerate(outcomes):
        if number == 7:
            with pytest.raises(errors.OutboxError, match="duplicate key"):
                outcome.result(30)
        else:
            assert outcome.result(30) == [f"mail {number}"]
    assert lots == [20]
    assert ids_in(store) == {mail.id for mail in mails} - {"first"}


def test_a_key_that_somebody_is_just_putting_holds_up_its_own_caller_alone(
    together: Any, store: PostgresStore, url: str
) -> None:
    with psycopg.connect(url) as conn:
        (theirs,) = store.put([new_mail(key="k")], conn)

        ours, *others = together([new_mail(key="k"), *[new_mail() for _ in range(10)]])
        for other in others:
            assert other.result(20)

        assert not ours.done()
        conn.commit()
        assert ours.result(20) == [theirs]


def test_an_interrupted_caller_takes_nobody_with_it(
    together: Any, store: PostgresStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It has written for others, and nobody heard the answer: their mails are there once."""
    real, interrupted = PipelineSession._results, threading.Event()

    def interrupt(self: PipelineSession, pgconn: Any, ends: float) -> Iterator[Any]:
        answers = list(real(self, pgconn, ends))
        if not interrupted.is_set():
            interrupted.set()
            raise KeyboardInterrupt
        yield from answers

    monkeypatch.setattr(PipelineSession, "_results", interrupt)
    mails = [new_mail(key=f"k{number}" if number % 2 else None) for number in range(10)]

    outcomes = [future.exception(30) or future.result() for future in together(mails)]

    assert sum(isinstance(outcome, KeyboardInterrupt) for outcome in outcomes) == 1
    assert sum(isinstance(outcome, list) for outcome in outcomes) == 9
    assert ids_in(store) == {mail.id for mail in mails}


def test_a_lot_has_its_limits(together: Any, lots: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(group_commit, "_MOST_PUTS", 4)

    for future in together([new_mail() for _ in range(10)]):
        future.result(30)
    monkeypatch.setattr(group_commit, "_MOST_OCTETS", 2000)
    for future in together([new_mail(b"x" * 900) for _ in range(5)]):
        future.result(30)

    assert max(lots) == 4
    assert max(lots[3:]) <= 2
    assert sum(lots) == 15


def test_puts_go_on_after_a_fork_while_somebody_was_writing(store: PostgresStore) -> None:
    """The thread that wrote is not in the child; its lock would be held there for ever."""
    old = store._joint.group
    with old._writing:
        store._joint._process -= 1  # as it is in a child

        store.put([new_mail(id="a")])

    assert store._joint.group is not old
    assert ids_in(store) == {"a"}


# An answer that nobody has heard.


class LastWords:
    """What libpq makes of a server's good-bye."""

    status = psycopg.pq.ExecStatus.FATAL_ERROR

    def error_field(self, field: object) -> bytes:
        return b"57P01"


@pytest.fixture
def cut(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Cuts the line once, after so many answers, or after all of them and what the server said then."""

    def cut(after: int | None = None, *, words: bool = False) -> None:
        real, cuts = PipelineSession._results, iter([True])

        def lose(self: PipelineSession, pgconn: Any, ends: float) -> Iterator[Any]:
            answers = list(real(self, pgconn, ends))
            if next(cuts, False):
                yield from answers[:after]
                if words:
                    yield LastWords()
                raise psycopg.OperationalError("the line is cut")
            yield from answers

        monkeypatch.setattr(PipelineSession, "_results", lose)

    return cut


def test_what_the_server_says_after_all_answers_may_be_said_after_the_commit(
    store: PostgresStore, cut: Callable[..., None]
) -> None:
    (job,) = claim(store)
    cut(words=True)

    with pytest.raises(errors.OutboxUncertain):
        store.settle([settled(job)])

    assert store.find(id=job.id).state is State.SENT  # type: ignore[union-attr]


@pytest.mark.parametrize("words", [False, True])
def test_a_put_of_which_all_answers_came_and_then_last_words_is_there_once(
    store: PostgresStore, cut: Callable[..., None], words: bool
) -> None:
    cut(words=words)

    assert store.put([new_mail(id="a"), new_mail(id="b", key="k")]) == ["a", "b"]

    assert ids_in(store) == {"a", "b"}


@pytest.mark.parametrize("mark", [None, 60.0])
def test_mails_of_a_claim_that_nobody_has_heard_of_are_given_back(
    store: PostgresStore, cut: Callable[..., None], mark: float | None
) -> None:
    """They were marked at once, and would be in doubt, or on hold: and nothing of them can have left."""
    (job,) = claim(store)
    store.put([new_mail(id="a"), new_mail(id="b")])
    cut(after=2)

    with pytest.raises(errors.OutboxUncertain):
        store.go_on([settled(job)], "billing", 5, LeaseTerms(600, "here:1", mark, 20))

    assert {(info.id, info.state, info.tries) for info in store.read(Query(lane="billing"))} == {
        ("first", State.SENT, 1),
        ("a", State.READY, 0),
        ("b", State.READY, 0),
    }
    assert store.check() == []


# What else a server says no to.


def test_a_limit_for_statements_is_an_error_and_nothing_is_left_open(store: PostgresStore, url: str) -> None:
    ask(url, f"ALTER ROLE {ROLE} IN DATABASE {url.rpartition('/')[2]} SET statement_timeout = '300ms'")
    store.reopen()

    with psycopg.connect(url) as conn:
        (theirs,) = store.put([new_mail(key="k")], conn)
        with pytest.raises(errors.OutboxError, match="statement timeout") as late:
            store.put([new_mail(key="k")])
        conn.commit()

    assert not isinstance(late.value, errors.OutboxUncertain)
    assert store.put([new_mail(key="k"), new_mail(id="a")]) == [theirs, "a"]
    assert ids_in(store) == {theirs, "a"}


def test_a_pooler_that_was_taken_for_a_server_is_found_out_and_nothing_is_lost(
    postgres: Postgres, pgbouncer: PgBouncer
) -> None:
    """Sessions are exchanged between two transactions, and what was prepared is in another one."""
    url = pgbouncer.url(postgres.new_database())
    stores = [PostgresStore(url) for _ in range(4)]
    for store in stores:
        store._server._prepares = True

    with ThreadPoolExecutor(16) as pool:
        puts = [
            pool.submit(stores[n % 4].put, [new_mail(id=f"m{n}", key=f"k{n}" if n % 2 else None)]) for n in range(80)
        ]
        for n, put in enumerate(puts):
            assert put.result(60) == [f"m{n}"]
    jobs = [job for store in stores for job in claim(store, 20)]
    for n, job in enumerate(jobs):
        assert stores[n % 4].settle([settled(job)]) == [True]

    assert len({job.id for job in jobs}) == 80
    assert not all(store._server._prepares for store in stores)
    for store in stores:
        store.close()


# A connection that was kept.


def test_a_session_that_ends_while_something_is_said_undoes_it_and_it_is_said_again(
    store: PostgresStore, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server says itself that it was ended before the end: that is certain."""
    asked: list[int] = []
    jobs: tuple[Job, ...] = claim(store)
    real = PipelineSession._send

    def end_and_send(self: PipelineSession, pgconn: Any, written: Any) -> list[bytes]:
        if not asked:
            asked.append(pgconn.backend_pid)
            written = [(Statement("SELECT pg_terminate_backend(pg_backend_pid())"), [], []), *written]
        return real(self, pgconn, written)

    monkeypatch.setattr(PipelineSession, "_send", end_and_send)

    done = store.settle([Settlement(job.id, job.token, State.SENT, (), {}) for job in jobs])

    assert asked
    assert done == [True]
