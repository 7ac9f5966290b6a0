"""Death is proved, or it is not death: a lock that the system frees, and what leaves a doubt."""

from __future__ import annotations

import logging
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from queue import SimpleQueue

import pytest

from courriel import Outbox, Sandbox, errors
from courriel._dataclass import replace
from courriel.outbox.store.base import Store
from courriel.outbox.store.facts import Query, WorkerInfo
from courriel.outbox.store.sqlite.store import SqliteStore
from courriel.outbox.store.states import OnUnsure, State
from courriel.outbox.work import lease_keeper, liveness
from courriel.outbox.work.liveness import BESIDE, Life, Presence, WorkerLock, life_of, lock_path, this_process
from courriel.outbox.work.takeover import REST
from inside import keeper_of
from outbox.conftest import message, new_mail
from servers.daemon import wait_until

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="there the lease decides")

# Claims whatever there is, marks the first, says so, and hangs until it is killed.
HANGS = """
import os, sys
from courriel import Outbox
outbox = Outbox(sys.argv[1], elsewhere=True)
holder = outbox._presence.enter()
jobs = outbox._store.claim(outbox.lanes()[0].name, 10, lease=3600, holder=holder).jobs
outbox._store.mark(jobs[:1], lease=3600)
child = os.fork() if "fork" in sys.argv else 1
if not child:
    outbox._store.reopen()
if child:
    print("ready", flush=True)
sys.stdin.read()
"""


@contextmanager
def hanging(place: str, *words: str, before: tuple[str, ...] = ()) -> Generator[subprocess.Popen[str]]:
    """A worker in a process of its own, that has claimed what there is."""
    worker = subprocess.Popen(
        [*before, sys.executable, "-c", HANGS, place, *words],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert worker.stdout is not None
        assert worker.stdout.readline() == "ready\n"
        yield worker
    finally:
        worker.kill()
        worker.communicate()


@pytest.fixture
def lane(sandbox: Sandbox) -> str:
    return sandbox.url


def put(outbox: Outbox, lane: str, count: int = 3, **wanted: object) -> list[str]:
    return [ticket.id for ticket in outbox.put_many([message(n) for n in range(count)], via=lane, **wanted)]  # type: ignore[arg-type]


def states(outbox: Outbox) -> list[State]:
    return [info.state for info in outbox.list()]


def lock_of(worker: WorkerInfo, outbox: Outbox) -> Path:
    return Path(lock_path(worker.folder, worker.id, outbox._store.beside) or "/nowhere")


def kill(worker: subprocess.Popen[str]) -> None:
    worker.kill()
    worker.wait()


# Taking over.


@pytest.mark.slow
def test_what_a_killed_worker_held_is_sent_by_the_next_at_once(outbox: Outbox, place: str, lane: str) -> None:
    put(outbox, lane)
    with hanging(place) as worker:
        assert outbox.run_once() == 0, "it is alive"
        assert {each.life for each in outbox.in_hand()} == {Life.ALIVE}
        kill(worker)
        assert {each.life for each in outbox.in_hand()} == {Life.GONE}

        tried = outbox.run_once()

    assert tried == 3
    assert states(outbox) == [State.SENT] * 3
    assert sorted(info.unsure for info in outbox.list()) == [0, 0, 1]
    assert not outbox.in_hand()


@pytest.mark.slow
def test_a_worker_that_runs_looks_every_second(outbox: Outbox, place: str, lane: str) -> None:
    ids = put(outbox, lane)
    with hanging(place) as dead, outbox.worker():
        kill(dead)
        for ident in ids:
            outbox.get(ident).wait(30)

    assert lease_keeper._TICK <= 1.0
    assert states(outbox) == [State.SENT] * 3


@pytest.mark.slow
def test_nothing_is_left_of_a_worker_that_has_ended(place: str, engine: str, lane: str, tmp_path: Path) -> None:
    with Outbox(place) as outbox:
        put(outbox, lane)
        outbox.run_once()
        outbox.run_once()
        assert len(outbox._store.workers()) == 1, "one for a process, whatever runs in it"
    with Outbox(place) as outbox:
        assert outbox._store.workers() == []
        with hanging(place) as worker:
            kill(worker)
        (gone,) = outbox._store.workers()
        assert lock_of(gone, outbox).exists()
        outbox.run_once()
        (left,) = outbox._store.workers()
        assert left.id != gone.id
        assert not lock_of(gone, outbox).exists()
    if engine == "sqlite":
        assert not list(tmp_path.glob("*worker-*"))


@pytest.mark.slow
def test_a_child_does_not_keep_its_parent_alive(outbox: Outbox, place: str, lane: str) -> None:
    put(outbox, lane)
    with hanging(place, "fork") as parent:
        os.kill(parent.pid, signal.SIGKILL)
        parent.wait()

        # The child lets go of the lock as the first thing it does; it may not have begun yet.
        assert wait_until(lambda: {each.life for each in outbox.in_hand()} == {Life.GONE}, 20)


def test_a_worker_of_ours_whose_thread_may_still_be_sending_is_not_gone(store: Store) -> None:
    presence = Presence(store)
    presence.enter()
    presence.leave(clean=False)

    presence.end()

    assert [life_of(worker, store.beside) for worker in store.workers()] == [Life.ALIVE]


def test_an_outbox_that_fails_when_a_worker_begins_does_not_keep_it_from_beginning(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(worker: object) -> None:
        raise errors.OutboxUncertain("disk I/O error")

    presence = Presence(store)
    with monkeypatch.context() as failing:
        failing.setattr(store, "enlist", fail)
        presence.enter()
    assert store.workers() == []

    presence.enlist()

    assert [life_of(worker, store.beside) for worker in store.workers()] == [Life.ALIVE]


def test_a_worker_that_runs_while_the_outbox_is_closed_is_not_gone(store: Store) -> None:
    presence = Presence(store)
    presence.enter()
    presence.enter()
    presence.leave(clean=True)

    presence.end()
    assert [life_of(worker, store.beside) for worker in store.workers()] == [Life.ALIVE]

    presence.leave(clean=True)
    presence.end()
    assert store.workers() == []


def test_unsure_mails_rest_before_somebody_is_asked(tmp_path: Path) -> None:
    now = [1000.0]
    store = SqliteStore(tmp_path / "outbox.db", clock=lambda: now[0])
    resend, hold = store.put([new_mail(), new_mail(on_unsure=OnUnsure.HOLD)])
    jobs = store.claim("billing", 10, lease=600, holder="dead").jobs
    store.mark(jobs, lease=600)

    assert {found.id: found.state for found in store.take_over("dead", wait=REST)} == {
        resend: State.READY,
        hold: State.HELD,
    }

    now[0] += REST - 1
    assert store.claim("billing", 10, lease=60, holder="x").jobs == ()
    now[0] += 1
    assert [job.id for job in store.claim("billing", 10, lease=60, holder="x").jobs] == [resend]
    store.close()


def test_nobody_is_asked_about_a_held_mail_before(outbox: Outbox, lane: str) -> None:
    (ident,) = put(outbox, lane, 1, on_unsure="hold")
    store = outbox._store
    store.mark(store.claim(outbox.lanes()[0].name, 1, lease=600, holder="dead").jobs, lease=600)
    store.take_over("dead", wait=REST)
    asked: SimpleQueue[str] = SimpleQueue()
    watch = keeper_of(outbox, lambda message_id, lane: asked.put(message_id) or True)  # type: ignore[func-returns-value]

    watch._ask_about_held()
    assert watch.questions.asked == 0

    watch._ask_about(next(iter(outbox.list(State.HELD))))
    assert asked.get(timeout=20) == outbox.get(ident).info.message_id


# Doubts.


@pytest.fixture
def worker(tmp_path: Path) -> Iterator[tuple[WorkerInfo, WorkerLock, str]]:
    beside = str(tmp_path / "outbox.db")
    Path(beside).touch(0o640)
    lock = WorkerLock.make(beside, "host:1/abc")
    assert lock is not None
    yield WorkerInfo("host:1/abc", BESIDE, lock.inode, this_process()), lock, beside
    lock.close()


def test_the_lock_tells_the_living_from_the_dead(worker: tuple[WorkerInfo, WorkerLock, str]) -> None:
    info, lock, beside = worker

    assert life_of(info, beside) is Life.ALIVE
    lock.close()
    assert life_of(info, beside) is Life.GONE
    assert Path(lock.path).stat().st_mode & 0o777 == 0o640
    liveness.forget(info, beside)
    assert life_of(info, beside) is Life.UNSEEN


def test_two_who_look_at_the_same_time_see_the_same(worker: tuple[WorkerInfo, WorkerLock, str]) -> None:
    info, lock, beside = worker
    lock.close()
    file = os.open(lock.path, os.O_RDONLY)
    liveness._lock(file, shared=True)

    assert life_of(info, beside) is Life.GONE
    os.close(file)


@pytest.mark.parametrize("doubt", ["missing", "empty", "another id", "a copy", "a link", "a pipe", "not to be opened"])
def test_a_doubt_is_not_death(
    worker: tuple[WorkerInfo, WorkerLock, str], doubt: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    info, lock, beside = worker
    lock.close()
    path = Path(lock.path)
    assert life_of(info, beside) is Life.GONE

    if doubt == "empty":
        path.write_text("")
    elif doubt == "another id":
        path.write_text("host:1/abd")
    elif doubt == "not to be opened":
        monkeypatch.setattr(liveness.os, "open", _refuse)
    else:
        kept = path.rename(path.with_name("kept"))
        if doubt == "a copy":
            shutil.copy(kept, path)
        elif doubt == "a link":
            path.symlink_to(kept)
        elif doubt == "a pipe":
            os.mkfifo(path)

    assert life_of(info, beside) is Life.UNSEEN


def _nowhere(path: str) -> bool:
    return False


def _refuse(*arguments: object) -> int:
    raise PermissionError(13, "no")


def test_a_row_leads_to_no_other_file(tmp_path: Path) -> None:
    assert lock_path("/etc", "host:1/../../passwd", None) == "/etc/worker-passwd"
    assert lock_path("/etc", "host:1/", None) is None
    assert lock_path("", "host:1/abc", None) is None
    assert lock_path(BESIDE, "host:1/abc", None) is None
    assert life_of(WorkerInfo("host:1/abc", str(tmp_path), 1, ""), None) is Life.UNSEEN, "a folder that is not ours"


def test_where_no_lock_is_shared_the_process_is_looked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    here = this_process()
    assert here.endswith(f" {os.getpid()}")
    boot, namespace, first, _ = here.split()
    gone = WorkerInfo("host:1/abc", "", 0, f"{boot} {namespace} {first} {ended.pid}")

    assert life_of(gone, None) is Life.GONE
    assert life_of(replace(gone, process=here), None) is Life.UNSEEN, "there, but perhaps another one by now"
    for other in (f"x {namespace} {first}", f"{boot} 1 {first}", f"{boot} {namespace} 1"):
        assert life_of(replace(gone, process=f"{other} {ended.pid}"), None) is Life.UNSEEN
    for process in ("", f"{boot} {namespace} {first} -1", f"{boot} {namespace} {first} 0"):
        assert life_of(replace(gone, process=process), None) is Life.UNSEEN
    monkeypatch.setattr(liveness.os, "kill", _refuse)
    assert life_of(gone, None) is Life.ALIVE, "EPERM: it is another user's"


def test_a_folder_that_others_may_write_to_is_no_place_for_locks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(liveness.os.path, "isdir", _nowhere)
    monkeypatch.setattr(liveness.tempfile, "gettempdir", lambda: str(tmp_path))
    folder = tmp_path / f"courriel-{os.getuid()}"

    assert liveness.host_folder() == ""
    assert liveness.host_folder(make=True) == str(folder)
    assert folder.stat().st_mode & 0o777 == 0o700
    folder.chmod(0o777)
    assert liveness.host_folder() == ""
    folder.rmdir()
    folder.symlink_to(tmp_path)
    assert liveness.host_folder(make=True) == ""


# Containers.


def _may_unshare() -> bool:
    try:
        return not subprocess.run([*CONTAINER, "true"], capture_output=True, check=False, timeout=20).returncode
    except OSError:
        return False


CONTAINER = ("unshare", "--pid", "--mount", "--uts", "--fork", "--kill-child", "--mount-proc")


@pytest.mark.slow
@pytest.mark.skipif(not _may_unshare(), reason="no namespaces here")
def test_two_containers_on_one_volume(tmp_path: Path, lane: str) -> None:
    """Both have the same host name and boot id, and each calls its process 1: only the lock tells them apart."""
    place = str(tmp_path / "outbox.db")
    with Outbox(place) as outbox:
        put(outbox, lane)
        with hanging(place, before=CONTAINER) as worker:
            look = "import sys; from courriel import Outbox; o = Outbox(sys.argv[1]); print(o.run_once())"
            inside = [*CONTAINER, sys.executable, "-c", look, place]

            assert subprocess.run(inside, capture_output=True, text=True, check=True).stdout == "0\n"
            kill(worker)
            assert subprocess.run(inside, capture_output=True, text=True, check=True).stdout == "3\n"

        assert states(outbox) == [State.SENT] * 3


@pytest.mark.slow
@pytest.mark.skipif(not _may_unshare(), reason="no namespaces here")
def test_a_container_whose_lock_is_not_seen_keeps_its_mails(tmp_path: Path, lane: str) -> None:
    """Its process 1 is not ours, which is alive; and one of ours that has ended says nothing of it."""
    place = str(tmp_path / "outbox.db")
    with Outbox(place) as outbox:
        put(outbox, lane)
        with hanging(place, before=CONTAINER):
            for lock in tmp_path.glob("*worker-*"):
                lock.unlink()

            assert outbox.run_once() == 0
            assert {each.life for each in outbox.in_hand()} == {Life.UNSEEN}
        assert outbox.run_once() == 0, "any doubt: the lease decides"


def test_who_is_forgotten_has_nothing_in_hand(store: Store, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
    store.put([new_mail()])
    for ident in ("idle", "busy"):
        store.enlist(WorkerInfo(ident, "", 0, ""))
        store.enlist(WorkerInfo(ident, "", 0, ""))
    store.claim("billing", 1, lease=60, holder="busy")

    assert store.resign("idle")
    assert not store.resign("busy")
    assert [worker.id for worker in store.workers()] == ["busy"]
    assert [(each.holder, each.mails) for each in store.taken()] == [("busy", 1)]
    assert len(list(store.read(Query()))) == 1


def test_a_worker_that_is_stopped_twice_leaves_once(outbox: Outbox) -> None:
    first, second = outbox.worker().start(), outbox.worker().start()
    first.stop()
    first.stop()

    outbox._presence.end()

    assert [life_of(worker, outbox._store.beside) for worker in outbox._store.workers()] == [Life.ALIVE]
    second.stop()
