"""What is particular to the embedded store: one file, forks, a disk that fails, applications in the same file."""

from __future__ import annotations

import logging
import multiprocessing
import os
import signal
import sqlite3
import subprocess
import sys
import threading
from collections import deque, namedtuple
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from courriel import Outbox, Sandbox, errors
from courriel.outbox.store import group_commit
from courriel.outbox.store.facts import Query
from courriel.outbox.store.jobs import NewMail
from courriel.outbox.store.sql.statements import script, statements
from courriel.outbox.store.sqlite import file as sqlite_file
from courriel.outbox.store.sqlite import filesystem, lockfile, tables
from courriel.outbox.store.sqlite import store as sqlite
from courriel.outbox.store.sqlite.lockfile import LockFile
from courriel.outbox.store.sqlite.store import SqliteStore
from courriel.outbox.store.states import State
from outbox.conftest import claim, each_time, message, new_mail, settled

MB = 1024 * 1024


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "outbox.db"


@pytest.fixture
def store(path: Path) -> Iterator[SqliteStore]:
    store = SqliteStore(path)
    yield store
    store.close()


# Where it lies.


def test_a_folder_that_is_not_there_is_said_so(tmp_path: Path) -> None:
    with pytest.raises(errors.UsageError, match="no folder"):
        SqliteStore(tmp_path / "nowhere" / "outbox.db")
    with pytest.raises(errors.UsageError, match="is a folder"):
        SqliteStore(tmp_path)


def test_a_network_file_system_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(filesystem, "network_kind", lambda path: "nfs4")

    with pytest.raises(errors.UsageError, match="nfs4"):
        SqliteStore(tmp_path / "outbox.db")
    assert list(tmp_path.iterdir()) == []


MOUNTS = r"""
22 1 8:1 / / rw - ext4 /dev/sda1 rw
30 22 0:44 / /home rw,relatime shared:9 - nfs4 server:/home rw
31 30 0:45 / /home/ada/my\040disk rw - xfs /dev/sdb rw
"""


@pytest.mark.parametrize(
    ("folder", "kind"),
    [("/var", "ext4"), ("/home", "nfs4"), ("/home/bob", "nfs4"), ("/homes", "ext4"), ("/home/ada/my disk/x", "xfs")],
)
def test_the_mount_that_a_folder_lies_on_is_the_innermost(folder: str, kind: str) -> None:
    assert filesystem.kind_of_mount(folder, MOUNTS) == kind


def test_a_file_that_is_no_database_is_left_alone(path: Path) -> None:
    path.write_text("my own notes, and nothing else " * 100)

    with pytest.raises(errors.OutboxError):
        SqliteStore(path)

    assert path.read_text().startswith("my own notes")


def test_a_full_disk_is_seen_before_it_is_full(store: SqliteStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """What becomes of mails has room to be written down, always."""
    store.put([new_mail()])
    monkeypatch.setattr(filesystem, "free_octets", lambda path: 64 * MB + 19)

    with pytest.raises(errors.OutboxFull):
        store.put([new_mail(b"x" * 10)])

    store.put([new_mail(b"x" * 9)])
    monkeypatch.setattr(filesystem, "free_octets", lambda path: 0)
    assert store.settle([settled(job) for job in claim(store)]) == [True, True]


@pytest.mark.parametrize(
    ("version", "damaged"),
    [((3, 40, 1), True), ((3, 44, 5), True), ((3, 44, 6), False), ((3, 45, 0), True), ((3, 50, 6), True),
     ((3, 50, 7), False), ((3, 51, 2), True), ((3, 51, 3), False), ((3, 52, 0), False)],
)  # fmt: skip
def test_which_versions_can_damage_a_shared_file(version: tuple[int, int, int], damaged: bool) -> None:
    assert filesystem.may_reset_wal(version) is damaged


def test_an_old_sqlite_is_refused(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite3, "sqlite_version_info", (3, 34, 1))

    with pytest.raises(errors.OutboxError, match=r"3\.35"):
        SqliteStore(path)


# In an application's own file, and its transaction.


@pytest.fixture
def application(path: Path, store: SqliteStore) -> Iterator[sqlite3.Connection]:
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE invoice (number INTEGER)")
    connection.commit()
    yield connection
    connection.close()


def test_a_mail_exists_when_the_application_commits(
    path: Path, store: SqliteStore, application: sqlite3.Connection, sandbox: Sandbox
) -> None:
    with Outbox(path) as outbox:
        application.execute("INSERT INTO invoice VALUES (1)")
        rolled_back = outbox.put(message(1), via=sandbox.url, key="1", conn=application)
        application.rollback()
        assert store.find(id=rolled_back.id) is None

        application.execute("INSERT INTO invoice VALUES (2)")
        kept = outbox.put(message(2), via=sandbox.url, key="2", conn=application)
        assert outbox.put(message(2), via=sandbox.url, key="2", conn=application) == kept
        assert store.find(id=kept.id) is None
        application.commit()
        outbox.run_once()

        assert kept.status is State.SENT
    assert application.execute("SELECT number FROM invoice").fetchall() == [(2,)]


def test_rows_of_another_shape_are_no_trouble(store: SqliteStore, application: sqlite3.Connection) -> None:
    Row = namedtuple("Row", "only")
    application.row_factory = lambda cursor, row: Row(row[0])

    store.put([new_mail(key="a")], application)
    ids = store.put([new_mail(key="a")], application)
    application.commit()

    assert store.find(id=ids[0]) is not None


def test_a_failure_inside_leaves_the_application_s_own_work(
    store: SqliteStore, application: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    application.execute("INSERT INTO invoice VALUES (1)")
    twice = new_mail()

    with pytest.raises(errors.OutboxError):
        store.put([twice, twice], application)

    application.commit()
    assert application.execute("SELECT count(*) FROM invoice").fetchone() == (1,)
    assert list(store.read(Query())) == []


def test_a_connection_that_cannot_be_meant_is_refused(store: SqliteStore, path: Path) -> None:
    other = sqlite3.connect(":memory:")
    alone = sqlite3.connect(path, isolation_level=None)

    with pytest.raises(errors.UsageError, match="in memory"):
        store.put([new_mail()], other)
    with pytest.raises(errors.UsageError, match="begin a transaction"):
        store.put([new_mail()], alone)
    with pytest.raises(errors.UsageError, match="str"):
        store.put([new_mail()], "outbox.db")
    other.close()
    alone.close()


def test_a_shared_file_is_warned_of_once_where_it_is_dangerous(
    path: Path, store: SqliteStore, application: sqlite3.Connection, caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr(filesystem, "may_reset_wal", lambda: True)
    for _ in range(2):
        store.put([new_mail()], application)
        application.commit()
    second = SqliteStore(path)
    second.close()

    assert [record.action for record in caplog.records] == ["outbox_shared_file"] * 2  # each store once
    caplog.clear()
    monkeypatch.setattr(filesystem, "may_reset_wal", lambda: False)
    SqliteStore(path).close()
    assert caplog.records == []


# Forks, processes and threads.


@pytest.mark.filterwarnings("ignore:.*multi-threaded:DeprecationWarning")
def test_a_child_opens_its_own(store: SqliteStore) -> None:
    store.put([new_mail(key="parent")])
    child = os.fork()
    if not child:
        try:
            store.put([new_mail(key="child")])
            os._exit(0 if len(list(store.read(Query()))) == 2 else 1)
        finally:
            os._exit(2)

    _, status = os.waitpid(child, 0)
    store.put([new_mail(key="parent again")])

    assert os.waitstatus_to_exitcode(status) == 0
    assert [info.key for info in store.read(Query())] == ["parent", "child", "parent again"]


@pytest.mark.filterwarnings("ignore:.*multi-threaded:DeprecationWarning")
def test_a_fork_waits_until_nothing_is_being_written(store: SqliteStore) -> None:
    inside, done = threading.Event(), threading.Event()

    def long_act(connection: sqlite3.Connection) -> None:
        connection.execute("INSERT INTO outbox_lane (name) VALUES ('parent')")
        inside.set()
        assert done.wait(20)

    thread = threading.Thread(target=lambda: store._file.write(long_act))
    thread.start()
    assert inside.wait(20)
    threading.Timer(0.2, done.set).start()
    child = os.fork()
    if not child:
        try:
            assert done.is_set()
            store.set_lane("child", {"cap": 1})
            os._exit(0)
        finally:
            os._exit(2)
    thread.join()
    _, status = os.waitpid(child, 0)

    assert os.waitstatus_to_exitcode(status) == 0
    assert [lane.name for lane in store.lanes()] == ["child", "parent"]


@pytest.mark.filterwarnings("ignore:.*multi-threaded:DeprecationWarning")
def test_a_child_of_a_fork_that_could_not_wait_refuses_to_go_on(
    store: SqliteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite_file, "PATIENCE", 0.1)
    assert store._file._group.take(1)
    child = os.fork()
    if not child:
        try:
            store.put([new_mail()])
        except errors.OutboxError:
            os._exit(0)
        finally:
            os._exit(2)
    store._file._group.give_back()
    _, status = os.waitpid(child, 0)
    store.put([new_mail()])

    assert os.waitstatus_to_exitcode(status) == 0
    assert len(list(store.read(Query()))) == 1


def put_many(path: str, number: int, failures: object) -> None:
    store = SqliteStore(path)
    for _ in range(number):
        store.put([new_mail()])
    store.close()


@pytest.mark.slow
def test_processes_that_write_at_once_wait_for_each_other(path: Path, store: SqliteStore) -> None:
    context = multiprocessing.get_context("spawn")
    writers = [context.Process(target=put_many, args=(str(path), 50, None)) for _ in range(4)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join(60)

    assert [writer.exitcode for writer in writers] == [0] * 4
    assert len(list(store.read(Query()))) == 200


@pytest.mark.slow
def test_a_lock_is_one_for_processes_and_threads(tmp_path: Path) -> None:
    ours = LockFile(str(tmp_path / "lock"))
    script = (
        "import sys; from courriel.outbox.store.sqlite.lockfile import LockFile\n"
        "with LockFile(sys.argv[1]): print('in', flush=True)"
    )
    order: list[str] = []
    with ours:
        other = subprocess.Popen([sys.executable, "-c", script, str(tmp_path / "lock")], stdout=subprocess.PIPE)
        thread = threading.Thread(
            target=lambda: (ours.__enter__(), order.append("thread"), ours.__exit__(None, None, None))
        )
        thread.start()
        with pytest.raises(subprocess.TimeoutExpired):
            other.wait(0.7)
        order.append("ours")
    thread.join(20)

    assert other.communicate(timeout=20)[0] == b"in\n"
    assert order == ["ours", "thread"]
    ours.close()
    ours.close()


def queueing() -> None:
    """Wait until nobody stands in the system's queue any more."""
    for thread in threading.enumerate():
        if thread.name == "courriel-outbox-lock":
            thread.join(20)


@pytest.mark.slow
def test_who_waits_for_a_writer_that_was_stopped_gives_up_and_keeps_nobody_waiting(
    path: Path, store: SqliteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.put([new_mail(key="early")])
    monkeypatch.setattr(lockfile, "PATIENCE", 0.2)
    stopped = LockFile(f"{path}.lock")
    with stopped:
        for _ in range(2):  # the second stands where the first gave up
            with pytest.raises(errors.OutboxError, match="another process has been writing for"):
                store.put([new_mail(key="late")])
        with pytest.raises(errors.OutboxError, match="another process"):
            claim(store)

    queueing()
    monkeypatch.setattr(lockfile, "PATIENCE", 20.0)
    with stopped:  # what came too late has given the lock back
        pass
    store.put([new_mail(key="late")])
    with stopped:
        pass
    assert [info.key for info in store.read(Query())] == ["early", "late"]
    stopped.close()


def test_who_was_interrupted_while_waiting_keeps_nobody_waiting(tmp_path: Path) -> None:
    ours, theirs = LockFile(str(tmp_path / "lock")), LockFile(str(tmp_path / "lock"))
    with theirs:
        previous = signal.signal(signal.SIGALRM, signal.default_int_handler)
        signal.setitimer(signal.ITIMER_REAL, 0.1)
        try:
            with pytest.raises(KeyboardInterrupt), ours:
                pass
        finally:
            signal.signal(signal.SIGALRM, previous)

    queueing()
    assert theirs.take_at_once()
    theirs.close()
    theirs = LockFile(str(tmp_path / "lock"))
    with ours:
        assert not theirs.take_at_once()
    assert theirs.take_at_once()
    for each in (ours, theirs):
        each.close()


@pytest.mark.slow
@pytest.mark.parametrize("act", ["put", "claim", "close"])
def test_whatever_writes_waits_for_the_lock(path: Path, store: SqliteStore, act: str) -> None:
    """SQLite's own waiting would let it through, and starve others."""
    store.put([new_mail()])
    acts = {"put": lambda: store.put([new_mail()]), "claim": lambda: claim(store), "close": store.close}
    done = threading.Event()
    thread = threading.Thread(target=lambda: (acts[act](), done.set()))
    with LockFile(f"{path}.lock"):
        thread.start()
        early = done.wait(0.3)
    thread.join(20)

    assert not early
    assert done.is_set()


def queue_of(store: SqliteStore) -> threading.Semaphore:
    """A semaphore that counts those who join the queue for the next commit."""
    arrived = threading.Semaphore(0)

    class Queue(deque[object]):
        def append(self, write: object) -> None:
            super().append(write)
            arrived.release()

        def appendleft(self, write: object) -> None:
            super().appendleft(write)
            arrived.release()

    store._file._group._waiting = Queue(store._file._group._waiting)  # type: ignore[assignment]
    return arrived


def test_those_who_come_while_the_disk_works_share_a_commit(store: SqliteStore) -> None:
    commits: list[int] = []
    store.settle([])  # the first transaction of all makes one more
    store._file._durable.set_trace_callback(  # type: ignore[union-attr]
        lambda said: commits.append(1) if said == "COMMIT" else None
    )
    inside, go_on = threading.Event(), threading.Event()

    def slow(connection: sqlite3.Connection) -> None:
        inside.set()
        assert go_on.wait(20)

    threads = [threading.Thread(target=lambda: store._file.write(slow))]
    threads[0].start()
    assert inside.wait(20)
    arrived = queue_of(store)
    threads += [threading.Thread(target=lambda: store.put([new_mail()])) for _ in range(40)]
    for thread in threads[1:]:
        thread.start()
    for _ in range(40):
        assert arrived.acquire(timeout=20)
    go_on.set()
    for thread in threads:
        thread.join(20)

    assert len(commits) == 2
    assert len(list(store.read(Query()))) == 40


def together(store: SqliteStore, *acts: Callable[[], object]) -> list[object]:
    """Have these wait for the same commit; what each returned, or raised."""
    inside, go_on = threading.Event(), threading.Event()

    def slow(connection: sqlite3.Connection) -> None:
        inside.set()
        assert go_on.wait(20)

    results: list[object] = [None] * len(acts)

    def do(place: int) -> None:
        try:
            results[place] = acts[place]()
        except errors.CourrielError as failed:
            results[place] = failed

    threads = [threading.Thread(target=lambda: store._file.write(slow))]
    threads[0].start()
    assert inside.wait(20)
    arrived = queue_of(store)
    for place in range(len(acts)):
        threads.append(threading.Thread(target=do, args=(place,)))
        threads[-1].start()
        assert arrived.acquire(timeout=20)
    go_on.set()
    for thread in threads:
        thread.join(20)
    return results


def test_one_that_fails_takes_no_neighbour_of_its_commit_with_it(store: SqliteStore) -> None:
    twice = new_mail()

    results = together(
        store,
        lambda: store.put([new_mail(key="a")]),
        lambda: store.put([new_mail(), twice, twice]),
        lambda: store.put([new_mail(key="b")]),
    )

    assert isinstance(results[1], errors.OutboxError)
    assert [info.key for info in store.read(Query())] == ["a", "b"]


def test_one_that_takes_the_transaction_down_is_alone_in_failing(store: SqliteStore) -> None:
    """SQLite gives up a whole transaction when the disk is full; the others are written in the next."""

    def fall(connection: sqlite3.Connection) -> None:
        connection.execute("ROLLBACK")
        raise sqlite3.OperationalError("database or disk is full")

    results = together(
        store,
        lambda: store.put([new_mail(key="a")]),
        lambda: store._file.write(fall),
        lambda: store.put([new_mail(key="b")]),
    )

    assert isinstance(results[1], errors.OutboxError)
    assert [info.key for info in store.read(Query())] == ["a", "b"]


def test_a_caller_that_is_interrupted_while_writing_for_others_leaves_them_to_the_next(store: SqliteStore) -> None:
    def interrupted(connection: sqlite3.Connection) -> None:
        raise KeyboardInterrupt

    caught: list[BaseException] = []

    def interrupted_caller() -> None:
        try:
            store._file.write(interrupted)
        except KeyboardInterrupt as stopped:
            caught.append(stopped)

    together(store, interrupted_caller, lambda: store.put([new_mail(key="a")]))

    assert len(caught) == 1
    assert [info.key for info in store.read(Query())] == ["a"]


def test_many_callers_share_few_commits_of_a_slow_disk(store: SqliteStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who is served goes on at once: were they told one after the other, the next commit would begin with one alone."""
    monkeypatch.setattr(group_commit, "_LOOK", 3600.0)  # who is not told does not go on
    commits, begun, kept, callers_left = 0, 0, 0, 30
    changed = threading.Condition()
    real = store._file._durably

    def slowly(act: Callable[[sqlite3.Connection], None]) -> None:
        """Be as slow as a disk that gives all who were served the time to come again."""
        nonlocal commits, kept
        commits += 1
        with changed:
            assert changed.wait_for(lambda: begun - kept == callers_left, 20)
        found = 0

        def act_and_count(connection: sqlite3.Connection) -> None:
            nonlocal found
            act(connection)
            (found,) = connection.execute("SELECT count(*) FROM outbox_mail").fetchone()

        real(act_and_count)
        kept = found

    def put_five() -> None:
        nonlocal begun, callers_left
        for _ in range(5):
            with changed:
                begun += 1
                changed.notify_all()
            store.put([new_mail()])
        with changed:
            callers_left -= 1
            changed.notify_all()

    store._file._durably = slowly  # type: ignore[method-assign]
    callers = [threading.Thread(target=put_five) for _ in range(30)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join(30)

    assert len(list(store.read(Query()))) == 150
    assert commits < 50


def test_a_caller_that_was_called_and_has_gone_keeps_nobody_waiting(
    store: SqliteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Interrupted while it waited: its wish is first in the queue, and nobody stands behind it."""
    monkeypatch.setattr(group_commit, "_LOOK", 0.05)
    gone: group_commit.Write[object] = group_commit.Write(lambda connection: None)

    def leave_a_wish() -> None:
        store._file._group._waiting.appendleft(gone)

    results = together(store, lambda: store.put([new_mail()]), leave_a_wish)

    assert results[0]
    store.put([new_mail()])
    assert gone.done
    assert len(list(store.read(Query()))) == 2


# A disk that fails.


class Failing:
    """A connection whose commit fails; `kept` says whether it was written all the same."""

    def __init__(self, real: sqlite3.Connection, *, kept: bool) -> None:
        self.real, self.kept = real, kept

    def execute(self, said: str, *parameters: object) -> sqlite3.Cursor:
        if said == "COMMIT":
            if self.kept:
                self.real.execute("COMMIT")
            raise sqlite3.OperationalError("disk I/O error")
        return self.real.execute(said, *parameters)  # type: ignore[arg-type]

    def __getattr__(self, name: str) -> object:
        return getattr(self.real, name)


@pytest.mark.parametrize("kept", [True, False])
def test_a_commit_that_fails_is_unknown_and_the_same_key_settles_it(store: SqliteStore, kept: bool) -> None:
    store._file._durable = Failing(store._file._durable, kept=kept)  # type: ignore[assignment, arg-type]

    with pytest.raises(errors.OutboxUncertain, match="same key") as failed:
        store.put([new_mail(key="once")])
    with pytest.raises(errors.OutboxError, match="reopen"):
        store.put([new_mail(key="once")])
    with pytest.raises(errors.OutboxError, match="reopen"):
        claim(store)
    store.reopen()
    store.put([new_mail(key="once")])

    assert failed.value.retryable
    assert [info.key for info in store.read(Query())] == ["once"]


def test_who_reopens_what_is_well_disturbs_nobody(store: SqliteStore) -> None:
    before = store._file._durable

    store.reopen()

    assert store._file._durable is before
    store.put([new_mail()])


@pytest.mark.slow
def test_a_worker_of_a_disk_that_failed_opens_it_again(
    path: Path, sandbox: Sandbox, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    caplog.set_level(logging.CRITICAL)
    with Outbox(path) as outbox:
        ticket = outbox.put(message(1), via=sandbox.url)
        file = outbox._store._file  # type: ignore[attr-defined]
        file._light = Failing(file._light, kept=False)

        reopened = each_time(monkeypatch, outbox._store, "reopen")

        with outbox.worker():
            assert reopened.acquire(timeout=20)
            assert ticket.wait(20).state is State.SENT


# Tables of other versions.


LATER = "ALTER TABLE outbox_mail ADD COLUMN colour TEXT NOT NULL DEFAULT 'red';\n"


def test_an_old_worker_goes_on_while_the_tables_are_brought_up_to_date(
    path: Path, store: SqliteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.put([new_mail(key="before")])
    jobs = claim(store)
    monkeypatch.setattr(tables, "UPGRADES", (*tables.UPGRADES, "later"))
    monkeypatch.setattr(tables, "script", lambda name: LATER if name == "later" else script(name))

    newer = SqliteStore(path)
    again = SqliteStore(path)

    monkeypatch.undo()
    assert store.mark(jobs, lease=60) == [True]
    assert store.settle([settled(job) for job in jobs]) == [True]
    store.put([new_mail(key="after")])
    rows = newer._file.read(lambda reading: reading.execute("SELECT key, colour FROM outbox_mail").fetchall())
    assert sorted(rows) == [("after", "red"), ("before", "red")]
    assert newer._file.read(lambda reading: reading.execute("SELECT version FROM outbox_version").fetchall()) == [
        (102,)
    ]
    newer.close()
    again.close()


def test_an_upgrade_that_fails_changes_nothing(path: Path, store: SqliteStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tables, "UPGRADES", (*tables.UPGRADES, "later"))
    monkeypatch.setattr(tables, "script", lambda name: LATER + "NONSENSE;\n")

    with pytest.raises(errors.OutboxError):
        SqliteStore(path)

    monkeypatch.undo()
    store.put([new_mail()])
    assert [info.state for info in store.read(Query())] == [State.READY]


@pytest.mark.parametrize(("version", "advice"), [(200, "update it"), (1, "of an earlier courriel")])
def test_tables_of_another_age_are_not_touched(path: Path, store: SqliteStore, version: int, advice: str) -> None:
    store.put([new_mail()])
    store._file.write(lambda connection: connection.execute("UPDATE outbox_version SET version = ?", (version,)))

    with pytest.raises(errors.OutboxError, match=f"version {version}, .*{advice}"):
        SqliteStore(path)
    with pytest.raises(errors.OutboxError, match=f"version {version}, .*{advice}"):
        claim(store)  # a program that runs already stops as well


def test_the_first_tables_of_all_are_told_from_a_broken_file(tmp_path: Path) -> None:
    first = sqlite3.connect(tmp_path / "outbox.db")
    with first:
        first.execute("CREATE TABLE outbox_version (version INTEGER NOT NULL)")
        first.execute("INSERT INTO outbox_version VALUES (1)")
    first.close()

    with pytest.raises(errors.OutboxError, match="of an earlier courriel"):
        SqliteStore(tmp_path / "outbox.db")


# What a claim costs.


@pytest.mark.parametrize(
    "name",
    [
        "claim",
        "first_suspect",
        "claim_suspect",
        "recover",
        "is_anything_due",
        "is_anything_late",
        "count_busy",
        "read_news",
        "old",
    ],
)
def test_what_a_worker_asks_all_day_is_a_range_of_an_index(store: SqliteStore, name: str) -> None:
    values = dict.fromkeys(
        [
            "lane",
            "now",
            "prio",
            "most",
            "token",
            "lease",
            "holder",
            "poison",
            "lost",
            "until",
            "created",
            "id",
            "age",
            "state",
        ],
        1,
    )  # the plan does not depend on them
    plan = store._file.read(
        lambda reading: reading.execute(f"EXPLAIN QUERY PLAN {statements()[name]}", values).fetchall()
    )

    steps = [row[3] for row in plan if "outbox_mail" in row[3]]
    assert steps
    assert all("SEARCH" in step and "INDEX" in step for step in steps)
    assert not any("TEMP B-TREE" in row[3] for row in plan)


@pytest.mark.slow
def test_thousands_that_wait_cost_a_claim_nothing(store: SqliteStore) -> None:
    """Steps of SQLite's machine, and not seconds, so that a busy machine fails nobody."""
    store.put([new_mail(priority=2) for _ in range(60)])
    few = steps_of_claim(store)
    waiting = [new_mail(priority=0, delay=3600) for _ in range(1000)]
    asleep = [new_mail(priority=0, lane="asleep") for _ in range(1000)]
    for _ in range(10):
        store.put([fresh(mail) for mail in waiting])
        store.put([fresh(mail) for mail in asleep])

    many = steps_of_claim(store)

    assert many < few * 1.5 + 100


def steps_of_claim(store: SqliteStore) -> int:
    steps = [0]

    def count() -> int:
        steps[0] += 1
        return 0

    store._file._light.set_progress_handler(count, 1)  # type: ignore[union-attr]
    assert len(claim(store, most=20)) == 20
    store._file._light.set_progress_handler(None, 0)  # type: ignore[union-attr]
    return steps[0]


def fresh(mail: NewMail) -> NewMail:
    return new_mail(priority=mail.priority, delay=mail.delay, lane=mail.lane)


# Clocks that jump.


@pytest.mark.parametrize("jump", [-3600.0, 3600.0])
def test_a_clock_that_jumps_loses_nothing_and_forgives_nobody(path: Path, jump: float) -> None:
    now = [1_000_000.0]
    store = SqliteStore(path, clock=lambda: now[0])
    store.put([new_mail(lifetime=86_400) for _ in range(3)])
    leased = claim(store, most=2)
    store.mark(leased[:1], lease=600)

    now[0] += jump
    store.claim("billing", 0, lease=60, holder="x")
    if jump > 0:
        # Too early for everybody: who has them in hand is refused, and the one whose dot may have left is flagged.
        assert store.mark(leased, lease=600) == [False, False]
        unsure = [info.id for info in store.read(Query(unsure=True))]
        assert unsure == [leased[0].id]
    else:
        assert store.mark(leased, lease=600) == [True, True]
        store.settle([settled(job) for job in leased])
    now[0] += 2 * 3600  # somebody sets it right, and time goes on

    for _ in range(5):
        store.settle([settled(job) for job in claim(store)])
    assert {info.state for info in store.read(Query())} == {State.SENT}
    store.close()


def test_what_nobody_closes_is_closed_in_the_end(path: Path, recwarn: pytest.WarningsRecorder) -> None:
    store = SqliteStore(path)
    store.put([new_mail()])
    del store

    assert not path.with_name("outbox.db-wal").exists()
    assert not recwarn.list


def test_the_two_connections_differ_in_what_a_power_cut_may_undo(store: SqliteStore) -> None:
    file = store._file
    levels = [
        connection.execute("PRAGMA synchronous").fetchone()[0]  # type: ignore[union-attr]
        for connection in (file._durable, file._light)
    ]

    assert levels == [2, 1]  # FULL, NORMAL
    assert sqlite._CARRIED < 256 * 1024


# Who may write to it.

posix = pytest.mark.skipif(os.name == "nt", reason="modes and links are POSIX's")


def modes(path: Path) -> dict[str, int]:
    return {file.name.removeprefix(path.name): file.stat().st_mode & 0o777 for file in path.parent.iterdir()}


@posix
@pytest.mark.parametrize("umask", [0, 0o022, 0o077])
def test_a_new_outbox_is_its_owners_alone(path: Path, umask: int) -> None:
    before = os.umask(umask)
    try:
        store = SqliteStore(path)
        store.put([new_mail()])
    finally:
        os.umask(before)
    found = modes(path)
    store.close()

    assert found == dict.fromkeys(("", "-wal", "-shm", ".lock"), 0o600)


@posix
@pytest.mark.parametrize(
    ("mode", "narrow"), [(0o666, 0o600), (0o646, 0o600), (0o777, 0o600), (0o644, 0o640), (0o660, 0o660), (0o600, 0o600)]
)
@pytest.mark.parametrize("suffix", ["", "-wal", "-shm", ".lock"])
def test_an_outbox_that_everybody_may_write_to_is_narrowed(
    path: Path, suffix: str, mode: int, narrow: int, caplog: pytest.LogCaptureFixture
) -> None:
    opened = SqliteStore(path)
    opened.put([new_mail()])
    file = path.with_name(path.name + suffix)
    file.chmod(mode)

    again = SqliteStore(path)

    assert file.stat().st_mode & 0o777 == narrow
    assert len(again.counts()) == 1
    assert [getattr(record, "action", "") for record in caplog.records] == ["outbox_narrowed"] * (mode != narrow)
    opened.close()
    again.close()


@posix
def test_an_outbox_that_everybody_may_write_to_and_is_not_ours_is_refused(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    SqliteStore(path).close()
    path.chmod(0o666)

    def refuse(*_: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "chmod", refuse)

    with pytest.raises(
        errors.OutboxError, match=r"may be written by everybody \(mode 0666\), and belongs to another user"
    ):
        SqliteStore(path)


@posix
def test_a_link_that_leads_nowhere_makes_no_outbox(path: Path, tmp_path: Path) -> None:
    path.symlink_to(tmp_path / "elsewhere.db")

    with pytest.raises(errors.UsageError, match="is a link that leads nowhere"):
        SqliteStore(path)
    assert [file.name for file in tmp_path.iterdir()] == [path.name]


@posix
@pytest.mark.parametrize("suffix", ["-wal", "-shm", ".lock"])
@pytest.mark.parametrize("dangling", [False, True])
def test_a_link_in_the_place_of_a_file_of_ours_is_refused(
    path: Path, tmp_path: Path, suffix: str, dangling: bool
) -> None:
    target = tmp_path / "target"
    if not dangling:
        target.write_bytes(b"precious")
    path.with_name(path.name + suffix).symlink_to(target)

    with pytest.raises(errors.OutboxError, match="is a link: somebody may have put it there"):
        SqliteStore(path)

    assert not path.exists()
    assert target.exists() is not dangling
    assert dangling or target.read_bytes() == b"precious"


@posix
def test_an_outbox_by_a_link_to_it_is_opened(path: Path, tmp_path: Path) -> None:
    SqliteStore(tmp_path / "real.db").close()
    path.symlink_to(tmp_path / "real.db")

    store = SqliteStore(path)

    assert store.put([new_mail()])
    store.close()
