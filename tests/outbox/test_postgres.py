"""What only PostgreSQL has: a server that dies, sessions that are not ours alone, machines beside each other."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import psycopg
import pytest
from psycopg.rows import dict_row

from courriel import Outbox, Sandbox, Ticket, errors
from courriel.outbox.store.base import Store
from courriel.outbox.store.facts import Query
from courriel.outbox.store.postgres import connection as postgres_line
from courriel.outbox.store.postgres import server as postgres_server
from courriel.outbox.store.postgres import store as postgres
from courriel.outbox.store.postgres.connection import conninfo, translated
from courriel.outbox.store.postgres.pipeline import PipelineSession
from courriel.outbox.store.postgres.server import PostgresServer
from courriel.outbox.store.postgres.store import PostgresStore
from courriel.outbox.store.sql.statements import script, statements
from courriel.outbox.store.states import State
from courriel.outbox.work.sending import batch
from courriel.outbox.work.serving import lane_service
from outbox import doomed
from outbox.conftest import claim, message, new_mail, settled
from outbox.test_deaths import check, finish
from servers.daemon import wait_until
from servers.postgres import OWNER, ROLE, PgBouncer, Postgres
from servers.postgres import postgres as running_postgres

pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(120)]


@pytest.fixture
def engine() -> str:
    return "postgres"


@pytest.fixture
def url(postgres: Postgres) -> str:
    return postgres.url(postgres.new_database())


@pytest.fixture
def store(url: str) -> Iterator[PostgresStore]:
    store = PostgresStore(url)
    yield store
    store.close()


@pytest.fixture(scope="module")
def own() -> Iterator[Postgres]:
    """A server that may be killed, and set up badly."""
    with running_postgres() as running:
        yield running


def ask(url: str, question: str) -> Any:
    with psycopg.connect(url, autocommit=True) as connection:
        cursor = connection.execute(question.encode())
        return cursor.fetchall() if cursor.description else None


def as_owner(url: str) -> str:
    return url.replace(f"//{ROLE}@", f"//{OWNER}@")


def end_sessions(url: str) -> None:
    """What a restart, a fail-over or an administrator does to them."""
    ask(as_owner(url), f"SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE usename = '{ROLE}'")


def children(script: str, url: str, count: int) -> list[subprocess.Popen[str]]:
    """Programs on other machines, as far as the server can tell."""
    command = [sys.executable, "-W", "error", "-c", script, url]
    return [subprocess.Popen(command, stdout=subprocess.PIPE, stdin=subprocess.PIPE, text=True) for _ in range(count)]


def wait_for_more(sandbox: Sandbox, letters: int) -> None:
    wanted = len(sandbox.letters) + letters
    assert wait_until(lambda: len(sandbox.letters) >= wanted, 30)


# A server that dies.


def test_the_server_is_killed_under_load_and_nothing_is_lost(
    own: Postgres, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lane_service, "lease_of_claim", lambda way: doomed.LEASE)
    monkeypatch.setattr(batch, "_MARGIN", 0.3)
    monkeypatch.setattr(lane_service, "answer_limit", lambda way: doomed.ANSWER)
    url = own.url(own.new_database())
    tickets: list[Ticket] = []
    troubles: list[errors.OutboxError] = []
    enough = threading.Event()

    def put_until_it_is_there(outbox: Outbox, number: int) -> Ticket:
        while True:
            try:
                return outbox.put(message(number), via=sandbox.url, key=f"key {number}")
            except errors.OutboxError as trouble:
                troubles.append(trouble)

    def put_all_the_time() -> None:
        with Outbox(url) as outbox:
            while not enough.is_set():
                tickets.append(put_until_it_is_there(outbox, len(tickets)))

    with Outbox(url) as outbox:
        putting = threading.Thread(target=put_all_the_time)
        putting.start()
        with outbox.worker(workers=2):
            for _ in range(3):
                wait_for_more(sandbox, 20)
                own.kill()
                own.start()
            enough.set()
            putting.join(60)
        tickets = [outbox.get(ticket.id) for ticket in tickets]
        finish(outbox, tickets, 60)

        check(sandbox, tickets, hold=False)
        assert len(list(outbox.list())) == len(tickets)
    assert troubles, "it was never away when somebody wanted it"


def test_a_commit_without_an_answer_says_so_and_may_be_repeated_with_its_key(
    store: PostgresStore, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    large = b"x" * (postgres._AT_ONCE + 1)  # in a transaction of several round trips
    real = store._put

    def put_and_lose(*given: Any, **named: Any) -> list[str]:
        ids = real(*given, **named)
        end_sessions(url)
        return ids

    monkeypatch.setattr(store, "_put", put_and_lose)

    with pytest.raises(errors.OutboxUncertain, match="same key") as unknown:
        store.put([new_mail(large, key="invoice-1")])

    monkeypatch.undo()
    assert unknown.value.retryable
    (ident,) = store.put([new_mail(large, key="invoice-1")])
    assert [info.id for info in store.read(Query())] == [ident]


@pytest.mark.parametrize("key", [None, "invoice-1"])
@pytest.mark.parametrize("written", [False, True])
def test_a_put_that_breaks_off_without_an_answer_is_there_once(
    store: PostgresStore, url: str, monkeypatch: pytest.MonkeyPatch, key: str | None, written: bool
) -> None:
    """Nobody knows whether it was committed; the ids of its mails tell, on another connection."""
    lost: list[int] = []
    real = PipelineSession._results

    def lose(self: PipelineSession, pgconn: Any, ends: float) -> Iterator[Any]:
        answers = list(real(self, pgconn, ends)) if written or lost else []
        if not lost:
            lost.append(pgconn.backend_pid)
            raise psycopg.OperationalError("the line is cut")
        yield from answers

    monkeypatch.setattr(PipelineSession, "_results", lose)
    if not written:
        monkeypatch.setattr(PipelineSession, "_flush", lambda *_: None)
    mails = [new_mail(key=key), new_mail(b"x" * 300_000)]

    ids = store.put(mails)

    monkeypatch.undo()
    assert lost
    assert ids == [mail.id for mail in mails]
    assert sorted(info.id for info in store.read(Query())) == sorted(ids)
    assert [b"".join(store.body(mail.id)) for mail in mails] == [b"".join(mail.chunks) for mail in mails]


def test_a_put_that_breaks_off_is_uncertain_when_nobody_can_be_asked(
    own: Postgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = PostgresStore(own.url(own.new_database()))
    store.put([new_mail()])

    def die(*_: Any) -> Iterator[Any]:
        own.kill()
        raise psycopg.OperationalError("the line is cut")
        yield

    monkeypatch.setattr(PipelineSession, "_results", die)

    with pytest.raises(errors.OutboxUncertain, match="same key"):
        store.put([new_mail()])

    monkeypatch.undo()
    own.start()
    assert len(store.put([new_mail()])) == 1
    store.close()


def test_sessions_that_the_server_has_ended_are_replaced_without_a_word(store: PostgresStore, url: str) -> None:
    store.put([new_mail()])
    end_sessions(url)

    store.put([new_mail()])
    end_sessions(url)
    assert len(claim(store)) == 2


def test_a_server_that_is_away_is_said_to_be_and_the_next_call_finds_it_again(own: Postgres) -> None:
    store = PostgresStore(own.url(own.new_database()))
    own.kill()

    with pytest.raises(errors.OutboxError, match="refused") as away:
        store.put([new_mail()])

    own.start()
    assert not isinstance(away.value, errors.OutboxUncertain)
    assert store.put([new_mail()])
    store.close()


def test_a_server_that_hangs_is_not_waited_for_for_ever(own: Postgres, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is there, and its system acknowledges what we say: only the answer is missing."""
    monkeypatch.setattr(postgres_line, "LONGEST_SILENCE", 0.5)
    store = PostgresStore(own.url(own.new_database()))

    with own.hanging(), pytest.raises(errors.OutboxError, match=r"has not answered for 0\.5 s") as silent:
        store.lanes()

    assert not isinstance(silent.value, errors.OutboxUncertain)
    assert store.put([new_mail()])
    store.close()


def test_a_server_that_hangs_at_a_put_leaves_it_uncertain(own: Postgres, monkeypatch: pytest.MonkeyPatch) -> None:
    """All of it has left, with its end: what hangs may still do it."""
    store = PostgresStore(own.url(own.new_database()))
    store.put([new_mail()])
    monkeypatch.setattr(postgres_line, "LONGEST_SILENCE", 0.5)

    with own.hanging(), pytest.raises(errors.OutboxUncertain, match="put it again with the same key"):
        store.put([new_mail(key="1")])

    monkeypatch.undo()
    (ident,) = store.put([new_mail(key="1")])
    assert sum(info.key == "1" for info in store.read(Query())) == 1
    assert store.find(key="1").id == ident  # type: ignore[union-attr]
    store.close()


def test_a_server_that_hangs_at_the_commit_leaves_it_uncertain(own: Postgres, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(postgres_line, "LONGEST_SILENCE", 0.5)
    server = PostgresServer(own.url(own.new_database()))

    with ExitStack() as until_then, pytest.raises(errors.OutboxUncertain, match="put it again with the same key"):
        server.write(lambda line: until_then.enter_context(own.hanging()))

    server.close()


# Beside each other.


def test_through_pgbouncer_everything_is_as_without(postgres: Postgres, pgbouncer: PgBouncer, sandbox: Sandbox) -> None:
    url = pgbouncer.url(postgres.new_database())
    with Outbox(url) as outbox, Outbox(url) as other:
        tickets = outbox.put_many([message(n) for n in range(100)], via=sandbox.url, keys=map(str, range(100)))
        with outbox.worker(workers=3), other.worker(workers=3):
            for ticket in tickets:
                ticket.wait(30)

        check(sandbox, tickets, hold=True)
        assert {ticket.status for ticket in tickets} == {State.SENT}


SENDER = """
import sys
from courriel import Outbox
with Outbox(sys.argv[1]) as outbox:
    print("ready", flush=True)
    sys.stdin.readline()
    print(outbox.run_once(), flush=True)
"""


def test_workers_on_several_machines_send_each_mail_once(url: str, sandbox: Sandbox) -> None:
    with Outbox(url) as outbox:
        tickets = outbox.put_many([message(n) for n in range(300)], via=sandbox.url)
        machines = children(SENDER, url, 3)
        assert all(machine.stdout and machine.stdout.readline() == "ready\n" for machine in machines)

        sent = [int(machine.communicate("go\n", timeout=60)[0]) for machine in machines]

        assert sum(sent) == 300
        check(sandbox, tickets, hold=True)


CLAIMER = """
import sys
from courriel.outbox.store.postgres.store import PostgresStore
from courriel.outbox.store.jobs import Settlement
from courriel.outbox.store.states import State
store = PostgresStore(sys.argv[1])
print("ready", flush=True)
sys.stdin.readline()
done = 0
while jobs := store.claim("billing", 1, lease=60, holder="there:1").jobs:
    store.settle([Settlement(jobs[0].id, jobs[0].token, State.SENT, (), {})])
    done += 1
print(done, flush=True)
store.close()
"""


def test_no_machine_starves_beside_the_others(store: PostgresStore, url: str) -> None:
    store.put([new_mail() for _ in range(600)])
    machines = children(CLAIMER, url, 4)
    assert all(machine.stdout and machine.stdout.readline() == "ready\n" for machine in machines)
    for machine in machines:
        assert machine.stdin
        machine.stdin.write("go\n")
        machine.stdin.flush()

    done = [int(machine.communicate(timeout=60)[0]) for machine in machines]

    assert sum(done) == 600
    assert min(done) > max(done) / 5


SLEEPER = """
import os, signal, sys
from courriel import errors
from courriel.outbox.store.sql import rows
from courriel.outbox.store.postgres.store import PostgresStore
store = PostgresStore(sys.argv[1])
store._go_on_at_once = lambda *given, **named: (None, None)  # in several round trips, as on a lane with a limit
real = rows.jobs_of
def sleep(*arguments):
    print("asleep", flush=True)
    os.kill(os.getpid(), signal.SIGSTOP)
    return real(*arguments)
rows.jobs_of = sleep
try:
    store.claim("billing", 5, lease=60, holder="there:1")
except errors.OutboxError as failed:
    print(type(failed).__name__, flush=True)
store.close()
"""


@pytest.mark.slow
def test_one_that_sleeps_within_a_transaction_keeps_nobody_waiting_and_loses_it(store: PostgresStore, url: str) -> None:
    store.put([new_mail() for _ in range(10)])
    (sleeper,) = children(SLEEPER, url, 1)
    assert sleeper.stdout
    assert sleeper.stdout.readline() == "asleep\n"
    idle = "SELECT 1 FROM pg_stat_activity WHERE state = 'idle in transaction'"

    store.put([new_mail()])
    awake = claim(store)
    store.settle([settled(job) for job in awake])
    PostgresStore(url).close()

    assert ask(as_owner(url), idle), "nobody had to wait until it had lost its transaction"
    assert len(awake) == 6
    assert wait_until(lambda: not ask(as_owner(url), idle), 20)
    assert len(claim(store)) == 5
    sleeper.send_signal(signal.SIGCONT)
    said, _ = sleeper.communicate(timeout=20)
    assert said == "OutboxError\n"


def test_a_forked_child_has_connections_of_its_own(store: PostgresStore) -> None:
    def session(store: PostgresStore) -> int:
        return int(store._read(lambda line: line.execute("SELECT pg_backend_pid()").fetchone()[0]))

    ours = session(store)
    heard, said = os.pipe()

    child = os.fork()
    if not child:
        try:
            os.write(said, str(session(store)).encode())
        finally:
            os._exit(0)
    os.waitpid(child, 0)

    assert int(os.read(heard, 20)) != ours
    assert session(store) == ours
    os.close(heard)
    os.close(said)


def test_many_who_come_first_make_the_tables_once(url: str) -> None:
    opened: list[Store] = []
    threads = [threading.Thread(target=lambda: opened.append(PostgresStore(url))) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)

    assert len(opened) == 6
    assert ask(url, "SELECT count(*) FROM outbox_version") == [(1,)]
    for store in opened:
        store.close()


# In the caller's own transaction.


@pytest.mark.parametrize("end", ["commit", "rollback"])
def test_a_mail_in_the_caller_s_transaction_is_there_when_that_is(url: str, sandbox: Sandbox, end: str) -> None:
    with Outbox(url) as outbox, psycopg.connect(url, row_factory=dict_row) as conn:
        conn.execute("CREATE TABLE invoice (n int)")
        conn.execute("INSERT INTO invoice VALUES (42)")
        outbox.put(message(), via=sandbox.url, key="42", conn=conn)
        assert outbox.run_once() == 0

        getattr(conn, end)()

        assert outbox.run_once() == (1 if end == "commit" else 0)
        assert len(list(outbox.list())) == len(sandbox.letters) == (1 if end == "commit" else 0)


def test_a_caller_s_transaction_goes_on_after_a_mail_that_could_not_be_put(store: PostgresStore, url: str) -> None:
    (ident,) = store.put([new_mail()])
    with psycopg.connect(url) as conn:
        conn.execute("CREATE TABLE invoice (n int)")

        with pytest.raises(errors.OutboxError):
            store.put([new_mail(id=ident)], conn)
        conn.execute("INSERT INTO invoice VALUES (42)")

    assert ask(url, "SELECT n FROM invoice") == [(42,)]


def test_a_caller_who_takes_time_keeps_nobody_from_a_new_lane(store: PostgresStore, url: str) -> None:
    with psycopg.connect(url) as conn:
        store.put([new_mail(lane="new")], conn)

        assert store.put([new_mail(lane="new")])  # it waited for nobody: a lock that it does not get is an error


def test_a_connection_that_leads_elsewhere_is_refused(store: PostgresStore, postgres: Postgres, url: str) -> None:
    other = postgres.url(postgres.new_database())
    PostgresStore(other).close()
    with psycopg.connect(other) as conn, pytest.raises(errors.UsageError, match="another database"):
        store.put([new_mail()], conn)
    with psycopg.connect(url, autocommit=True) as conn, pytest.raises(errors.UsageError, match="begin a transaction"):
        store.put([new_mail()], conn)
    with psycopg.connect(url) as conn:
        with pytest.raises(psycopg.Error):
            conn.execute("nonsense")
        with pytest.raises(errors.UsageError, match="has failed"):
            store.put([new_mail()], conn)
    with pytest.raises(errors.UsageError, match=r"a psycopg\.Connection"):
        store.put([new_mail()], object())

    assert list(store.read(Query())) == []


# What the server has to promise.


@pytest.mark.parametrize(
    ("bad", "good", "says"),
    [("fsync = off", "fsync = on", "fsync is off"), ("full_page_writes = off", "full_page_writes = on", "")],
)
def test_a_server_that_does_not_keep_what_it_is_given_is_refused_or_warned_of(
    own: Postgres, bad: str, good: str, says: str, caplog: pytest.LogCaptureFixture
) -> None:
    url = own.url(own.new_database())

    def set_to(setting: str) -> None:
        ask(as_owner(url), f"ALTER SYSTEM SET {setting}")
        ask(as_owner(url), "SELECT pg_reload_conf()")
        name, _, value = setting.partition(" = ")
        assert wait_until(lambda: ask(url, f"SHOW {name}") == [(value,)], 20)

    set_to(bad)
    try:
        if says:
            with pytest.raises(errors.OutboxError, match=says):
                PostgresStore(url)
        else:
            PostgresStore(url).close()
            assert "full_page_writes" in caplog.text
    finally:
        set_to(good)


def test_tables_that_a_crash_would_empty_are_refused(store: PostgresStore, url: str) -> None:
    ask(url, "ALTER TABLE outbox_body SET UNLOGGED")

    with pytest.raises(errors.OutboxError, match="outbox_body is not a logged table"):
        PostgresStore(url)


def test_a_database_that_cannot_hold_every_name_is_refused(postgres: Postgres) -> None:
    admin = as_owner(postgres.url("postgres"))
    ask(admin, f"CREATE DATABASE ascii OWNER {ROLE} ENCODING 'SQL_ASCII' LOCALE 'C' TEMPLATE template0")

    with pytest.raises(errors.OutboxError, match="SQL_ASCII"):
        PostgresStore(postgres.url("ascii"))


def test_who_starts_with_the_tables_as_they_should_be_waits_for_nobody(store: PostgresStore, url: str) -> None:
    with psycopg.connect(url) as conn:
        conn.execute("LOCK TABLE outbox_mail, outbox_version IN SHARE UPDATE EXCLUSIVE MODE")

        PostgresStore(url).close()  # it waited for nobody: a lock that it does not get is an error


@pytest.mark.parametrize(("usual", "written"), [("off", "on"), ("on", "on"), ("remote_apply", "remote_apply")])
def test_what_has_to_last_is_committed_to_the_disk_whatever_is_usual_there(
    store: PostgresStore, url: str, usual: str, written: str
) -> None:
    ask(url, f"ALTER ROLE {ROLE} IN DATABASE {url.rpartition('/')[2]} SET synchronous_commit = {usual}")
    store.reopen()
    said = "SELECT current_setting('synchronous_commit')"

    durable = store._write(lambda line: line.execute(said).fetchone()[0])
    light = store._write_lightly(lambda line: line.execute(said).fetchone()[0])

    assert (durable, light) == (written, "off")


# Tables of other versions.

LATER = "ALTER TABLE outbox_mail ADD COLUMN colour text NOT NULL DEFAULT 'red';\n"


def bring_up_to_date(monkeypatch: pytest.MonkeyPatch, later: str) -> None:
    monkeypatch.setattr(postgres_server, "UPGRADES", (*postgres_server.UPGRADES, "later"))
    monkeypatch.setattr(postgres_server, "script", lambda name: later if name == "later" else script(name))


def test_an_old_worker_goes_on_while_the_tables_are_brought_up_to_date(
    store: PostgresStore, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.put([new_mail(key="before")])
    jobs = claim(store)
    bring_up_to_date(monkeypatch, LATER)

    PostgresStore(url).close()
    PostgresStore(url).close()

    monkeypatch.undo()
    assert store.mark(jobs, lease=60) == [True]
    assert store.settle([settled(job) for job in jobs]) == [True]
    store.put([new_mail(key="after")])
    assert ask(url, "SELECT key, colour FROM outbox_mail ORDER BY key") == [("after", "red"), ("before", "red")]
    assert ask(url, "SELECT version FROM outbox_version") == [(102,)]


def test_an_upgrade_that_fails_changes_nothing(store: PostgresStore, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    bring_up_to_date(monkeypatch, LATER + "NONSENSE;\n")

    with pytest.raises(errors.OutboxError, match="NONSENSE"):
        PostgresStore(url)

    monkeypatch.undo()
    store.put([new_mail()])
    assert ask(url, "SELECT version FROM outbox_version") == [(101,)]
    assert ask(url, "SELECT 1 FROM pg_attribute WHERE attname = 'colour'") == []


@pytest.mark.parametrize(("version", "advice"), [(200, "update it"), (1, "of an earlier courriel")])
def test_tables_of_another_age_are_not_touched(store: PostgresStore, url: str, version: int, advice: str) -> None:
    ask(url, f"UPDATE outbox_version SET version = {version}")

    with pytest.raises(errors.OutboxError, match=f"version {version}, .*{advice}"):
        PostgresStore(url)
    with pytest.raises(errors.OutboxError, match=f"version {version}, .*{advice}"):
        store.put([new_mail()])  # a program that runs already stops as well


# What a claim costs.


def plan(url: str, name: str) -> str:
    values = {
        "lane": "billing",
        "state": 1,
        "prio": 1,
        "most": 10,
        "lease": 60,
        "holder": "",
        "token": "t",
        "poison": 5,
        "lost": 1,
        "until": None,
    }
    with psycopg.connect(url) as connection:
        said = b"EXPLAIN " + translated(statements()[name]).encode()
        found = connection.execute(said, values).fetchall()
        connection.rollback()
    return "\n".join(row[0] for row in found)


@pytest.mark.parametrize("name", ["claim", "claim_suspect"])
def test_the_mails_of_a_claim_are_chosen_once(name: str) -> None:
    """A join could choose again for each row, and lease more than were wished."""
    assert "id = ANY (ARRAY(SELECT id" in translated(statements()[name])


def test_a_hundred_thousand_that_wait_cost_a_claim_nothing(store: PostgresStore, url: str) -> None:
    store.put([new_mail() for _ in range(20)])
    waiting = """INSERT INTO outbox_mail (id, lane, prio, state, due, created, expires, on_unsure, msgid, sender, rcpts,
                                          options, size, changed)
                 SELECT 'w' || n, 'billing', 1, 0, extract(epoch FROM now()) + 3600 + n, 0, 1e12, 0, '', '',
                        '[]', '{}', 0, 0
                 FROM generate_series(1, 100000) n"""
    ask(url, waiting)
    ask(url, "VACUUM ANALYZE outbox_mail")

    told = plan(url, "claim")

    assert "Index Scan using outbox_ready" in told
    assert "Seq Scan" not in told
    assert "due <=" in told[told.index("Index Cond") :].splitlines()[0], told
    for name in ("recover", "first_suspect", "claim_suspect"):
        assert "Seq Scan" not in plan(url, name)
    assert len(claim(store, most=50)) == 20


# Words and secrets.


def test_a_password_is_in_no_text(url: str, caplog: pytest.LogCaptureFixture) -> None:
    secret = "hunter2"
    with_password = url.replace(f"//{ROLE}@", f"//{ROLE}:{secret}@")

    with Outbox(with_password) as outbox:
        assert secret not in repr(outbox) + caplog.text
        assert url.partition("?")[0].replace(f"{ROLE}@", "") in repr(outbox).replace(f"{ROLE}@", "")
    for wrong in (f"postgresql://a:{secret}@h:no/x", f"postgresql://a:{secret}@127.0.0.1:1/x", url + "_not_there"):
        with pytest.raises(errors.CourrielError) as refused:
            PostgresServer(wrong)
        assert secret not in "".join(map(str, (refused.value, refused.value.__cause__, refused.value.__context__)))


def test_the_url_has_the_last_word_on_how_to_connect() -> None:
    told, _ = conninfo("postgresql://h/x?connect_timeout=3&application_name=shop")

    assert "connect_timeout=3" in told
    assert "application_name=shop" in told
    assert "tcp_user_timeout=" in told


def test_without_psycopg_the_command_that_installs_it_is_said() -> None:
    code = (
        "import sys; sys.modules['psycopg'] = None\n"
        "from courriel import Outbox, errors\n"
        "try: Outbox('postgresql://h/x')\n"
        "except errors.MissingExtra as missing: print(missing)"
    )

    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=30, check=True)

    assert 'pip install "courriel[postgres]"' in said.stdout
