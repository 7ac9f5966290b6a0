"""The file of the embedded store: moved, deleted, replaced, linked, on a full disk; kept, moved, copied."""

from __future__ import annotations

import errno
import gc
import os
import shutil
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from courriel import Outbox, errors
from courriel.outbox.store.facts import Query
from courriel.outbox.store.jobs import LeaseTerms
from courriel.outbox.store.sql.store import SqlStore
from courriel.outbox.store.sqlite import file as sqlite_file
from courriel.outbox.store.sqlite.lockfile import LockFile
from courriel.outbox.store.sqlite.store import SqliteStore
from courriel.outbox.store.states import OnUnsure, State
from outbox.conftest import claim, new_mail, settled

posix = pytest.mark.skipif(os.name == "nt", reason="an open file can be moved on POSIX only")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "outbox.db"


@pytest.fixture
def store(path: Path) -> Iterator[SqliteStore]:
    store = SqliteStore(path)
    yield store
    store.close()


def keys_in(path: Path) -> set[str]:
    with sqlite3.connect(path) as plain:
        assert plain.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        found = {row[0] for row in plain.execute("SELECT key FROM outbox_mail")}
    plain.close()
    return found


# Moved, deleted, replaced under a program that has it open.


def moved(path: Path) -> None:
    path.rename(path.with_name("elsewhere.db"))


def replaced(path: Path) -> None:
    shutil.copy(path, path.with_name("other.db"))
    path.with_name("other.db").replace(path)


ACTS: dict[str, Callable[[SqliteStore], object]] = {
    "put": lambda store: store.put([new_mail()]),
    "claim": claim,
    "find": lambda store: store.find(key="first"),
    "settle": lambda store: store.settle([]),
}


@posix
@pytest.mark.parametrize("act", ACTS)
@pytest.mark.parametrize("happens", [moved, Path.unlink, replaced])
def test_a_file_that_is_not_in_its_place_any_more_takes_nothing(
    path: Path, store: SqliteStore, happens: Callable[[Path], None], act: str
) -> None:
    store.put([new_mail(key="first")])
    happens(path)

    with pytest.raises(errors.OutboxError, match="moved, deleted or replaced while it was open"):
        ACTS[act](store)


@posix
def test_a_file_that_is_put_back_goes_on(path: Path, store: SqliteStore) -> None:
    store.put([new_mail(key="first")])
    moved(path)
    with pytest.raises(errors.OutboxError):
        store.put([new_mail(key="lost")])
    path.with_name("elsewhere.db").rename(path)

    store.put([new_mail(key="second")])

    assert {info.key for info in store.read(Query())} == {"first", "second"}


@posix
def test_a_file_that_was_moved_has_everything_once_it_is_closed(path: Path, store: SqliteStore) -> None:
    store.put([new_mail(key=f"mail {number}") for number in range(20)])
    moved(path)

    store.close()

    assert len(keys_in(path.with_name("elsewhere.db"))) == 20


@posix
@pytest.mark.parametrize("happens", [moved, Path.unlink])
def test_no_new_file_is_made_beside_the_log_of_the_old_one(
    path: Path, store: SqliteStore, happens: Callable[[Path], None]
) -> None:
    store.put([new_mail()])
    happens(path)

    with pytest.raises(
        errors.OutboxError, match=r"is gone, and its log is still there \(outbox\.db-wal, outbox\.db-shm\)"
    ):
        SqliteStore(path)

    assert not path.exists()


@posix
def test_a_file_in_the_place_of_another_is_not_opened_beside_its_log(path: Path, store: SqliteStore) -> None:
    store.put([new_mail()])
    replaced(path)

    with pytest.raises(errors.OutboxError, match="was put in the place of another file"):
        SqliteStore(path)


@posix
def test_a_folder_that_is_copied_as_a_whole_is_opened(path: Path, store: SqliteStore, tmp_path: Path) -> None:
    """With its log and its lock file, as after a crash: the note in the lock file is that of the original."""
    store.put([new_mail(key="first")])
    copy = tmp_path / "copy"
    copy.mkdir()
    for file in tmp_path.glob("outbox.db*"):
        shutil.copy(file, copy)

    again = SqliteStore(copy / path.name)

    assert again.find(key="first")
    again.close()


@posix
def test_a_file_that_is_gone_is_not_made_anew_by_who_had_it(path: Path, store: SqliteStore) -> None:
    """A fork closes the file, and the next use opens it again."""
    store.put([new_mail()])
    store._file.before_fork()
    store._file.after_fork()
    path.unlink()

    with pytest.raises(errors.OutboxError, match="moved, deleted or replaced"):
        store.put([new_mail()])
    assert not path.exists()


@posix
def test_a_lock_file_that_is_deleted_is_replaced_by_the_one_that_others_find(tmp_path: Path) -> None:
    name = str(tmp_path / "lock")
    old = LockFile(name)
    Path(name).unlink()
    new = LockFile(name)

    with old:
        assert not new.take_at_once()

    old.close()
    new.close()


def folder_away(path: Path) -> Callable[[], object]:
    away = path.parent.with_name("away")
    path.parent.rename(away)
    return lambda: away.rename(path.parent)


def lock_replaced(path: Path) -> Callable[[], object]:
    lock = Path(f"{path}.lock")
    lock.unlink()
    lock.mkdir()
    return lock.rmdir


@posix
@pytest.mark.parametrize("harm", [folder_away, lock_replaced])
def test_a_lock_that_was_away_for_a_moment_is_taken_again(
    tmp_path: Path, harm: Callable[[Path], Callable[[], object]]
) -> None:
    """Its descriptor is closed by then, and the number may be that of a file of the program's own."""
    (tmp_path / "here").mkdir()
    path = tmp_path / "here" / "outbox.db"
    store = SqliteStore(path)
    store.put([new_mail(key="before")])
    put_back = harm(path)
    with pytest.raises(errors.OutboxError):
        store.set_lane("billing", {"stopped": True})
    own = [(tmp_path / str(number)).open("w") for number in range(5)]
    with pytest.raises(errors.OutboxError):
        store.put([new_mail()])

    put_back()

    for key in ("after", "later"):
        store.put([new_mail(key=key)])
    assert {info.key for info in store.read(Query())} == {"before", "after", "later"}
    for file in own:
        file.write("x")
        file.close()
    with LockFile(f"{path}.lock"):
        pass
    store.close()


@posix
def test_a_lock_that_cannot_be_looked_at_is_given_back(
    path: Path, store: SqliteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    others = LockFile(f"{path}.lock")

    def refuse(name: str) -> None:
        raise PermissionError(errno.EACCES, "not allowed")

    with monkeypatch.context() as patched:
        patched.setattr("courriel.outbox.store.sqlite.lockfile.identity", refuse)
        with pytest.raises(errors.OutboxError, match="not allowed"):
            store.put([new_mail()])

    assert others.take_at_once()
    others.close()
    store.put([new_mail()])


@pytest.mark.slow
@posix
def test_who_finds_no_descriptor_to_wait_with_says_so_and_waits_the_next_time(
    path: Path, store: SqliteStore, monkeypatch: pytest.MonkeyPatch, recwarn: pytest.WarningsRecorder
) -> None:
    def refuse(file: int) -> int:
        raise OSError(errno.EMFILE, "too many open files")

    with LockFile(f"{path}.lock"):
        with monkeypatch.context() as patched:
            patched.setattr(os, "dup", refuse)
            with pytest.raises(errors.OutboxError, match="too many open files"):
                store.put([new_mail()])
        gc.collect()  # what could not be made complains of nothing

    store.put([new_mail()])
    assert not recwarn.list


@posix
def test_a_lock_that_was_closed_is_opened_by_nobody_again(tmp_path: Path) -> None:
    lock = LockFile(str(tmp_path / "lock"))
    lock.close()
    (tmp_path / "lock").unlink()

    with pytest.raises(OSError, match="Bad file descriptor"), lock:
        pass
    assert not (tmp_path / "lock").exists()


# Overwritten in place: device and inode stay the same.


def emptied(path: Path, backup: Path) -> None:
    os.truncate(path, 0)


def copied_over(path: Path, backup: Path) -> None:
    shutil.copyfile(backup, path)


@pytest.fixture
def backup(path: Path, store: SqliteStore) -> Path:
    """A backup with one mail, of a store that has another one since."""
    store.put([new_mail(key="before")])
    store.backup(path.with_name("backup.db"))
    store.put([new_mail(key="since")])
    return path.with_name("backup.db")


@pytest.mark.slow
@posix
@pytest.mark.parametrize("act", ["put", "claim", "checkpoint", "compact", "backup"])
@pytest.mark.parametrize("harm", [emptied, copied_over])
def test_nothing_is_written_to_a_file_that_was_overwritten(
    path: Path, store: SqliteStore, backup: Path, harm: Callable[[Path, Path], None], act: str
) -> None:
    acts: dict[str, Callable[[], object]] = {
        "put": lambda: store.put([new_mail()]),
        "claim": lambda: store.go_on((), "billing", 1, LeaseTerms(60, "here:1")),
        "checkpoint": store._file.checkpoint,
        "compact": store.compact,
        "backup": lambda: store.backup(path.with_name("another.db")),
    }
    harm(path, backup)
    there = path.read_bytes()

    for _ in range(2):
        with pytest.raises(errors.OutboxError, match="overwritten while it was open"):
            acts[act]()

    store.close()
    assert path.read_bytes() == there
    assert not path.with_name("another.db").exists()


OVERWRITTEN = """
import os, shutil, sys
from courriel import Message, Outbox, errors
def put(key):
    outbox.put(Message(sender="ada@example.org", to="bob@example.org", text=key), via="smtp://127.0.0.1:9", key=key)
outbox = Outbox(sys.argv[1])
put("before")
outbox.backup(sys.argv[1] + ".copy")
put("since")
shutil.copyfile(sys.argv[1] + ".copy", sys.argv[1])
"""
ENDS = {
    "it ends": "",
    "it is killed": "os._exit(0)",
    "it closes": "outbox.close()",
    "it puts": """
try:
    put("late")
except errors.OutboxError:
    outbox.close()
else:
    sys.exit("it was acknowledged")
""",
}


@pytest.mark.slow
@posix
@pytest.mark.parametrize("end", ENDS)
def test_a_backup_that_was_copied_over_an_open_file_is_left_as_it_is(path: Path, end: str) -> None:
    """The log of the first file is beside it then, and is for nobody who opens it."""
    subprocess.run([sys.executable, "-c", OVERWRITTEN + ENDS[end], str(path)], check=True, timeout=60)

    for _ in range(2):
        with pytest.raises(errors.OutboxError, match="was overwritten"):
            SqliteStore(path)

    for suffix in ("-wal", "-shm"):
        Path(f"{path}{suffix}").unlink()
    SqliteStore(path).close()
    assert keys_in(path) == {"before"}


@posix
def test_others_who_have_it_open_refuse_as_well(path: Path, store: SqliteStore, backup: Path) -> None:
    other = SqliteStore(path)
    other.put([new_mail(key="theirs")])
    copied_over(path, backup)

    for each in (store, other):
        with pytest.raises(errors.OutboxError, match="overwritten"):
            each.put([new_mail()])
        each.close()


def die_within_a_checkpoint(path: Path) -> None:
    """Leave the file as a process does that is killed when its checkpoint has written the first page, and no other."""
    elsewhere = path.with_name("whole.db")
    for suffix in ("", "-wal"):
        shutil.copyfile(f"{path}{suffix}", f"{elsewhere}{suffix}")
    with closing(sqlite3.connect(elsewhere)) as whole:
        whole.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    # By another process: a descriptor of ours would release the locks of SQLite when it is closed.
    subprocess.run(
        ["dd", f"if={elsewhere}", f"of={path}", "bs=4096", "count=1", "conv=notrunc", "status=none"], check=True
    )


@posix
def test_a_death_in_the_middle_of_a_checkpoint_is_no_overwriting(path: Path, store: SqliteStore) -> None:
    store.put([new_mail(key="first")])
    store._file.checkpoint()
    store.put([new_mail(key="second")])  # the mark is found in the file
    store.put([new_mail(chunks=(b"x" * 100_000,), size=100_000)])  # pages that are in the log only
    die_within_a_checkpoint(path)
    with (
        pytest.raises(sqlite3.DatabaseError),
        closing(sqlite3.connect(f"{path.as_uri()}?immutable=1", uri=True)) as alone,
    ):
        alone.execute("SELECT opened FROM outbox_version")

    store.put([new_mail(key="third")])
    other = SqliteStore(path)
    other.put([new_mail(key="theirs")])
    store._file.checkpoint()
    other.close()
    store.close()

    assert {"first", "second", "third", "theirs"} <= keys_in(path)


@pytest.mark.slow
@posix
def test_after_a_crash_in_the_middle_of_a_checkpoint_the_file_opens_with_its_log(path: Path) -> None:
    program = """
import os, sys
sys.path[:0] = sys.argv[2:]
from pathlib import Path
from outbox.conftest import new_mail
from outbox.test_outbox_file import SqliteStore, die_within_a_checkpoint
path = Path(sys.argv[1])
store = SqliteStore(path)
store.put([new_mail(key="first")])
store._file.checkpoint()
store.put([new_mail(key="second")])
store.put([new_mail(chunks=(b"x" * 100_000,), size=100_000)])
die_within_a_checkpoint(path)
os._exit(0)
"""
    subprocess.run([sys.executable, "-c", program, str(path), *sys.path], check=True, timeout=60)

    SqliteStore(path).close()

    assert {"first", "second"} <= keys_in(path)


@posix
def test_what_sqlite_writes_into_the_file_is_no_overwriting(path: Path, store: SqliteStore) -> None:
    """Ours, or an application that has us in its own file, and does not take our lock."""
    plain = sqlite3.connect(path)
    counted: list[int] = []
    for number in range(20):
        store.put([new_mail(key=str(number))])
        if number % 2:
            plain.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        else:
            store._file.checkpoint()
        counted.append(len(list(Path("/proc/self/fd").iterdir())))
    store.compact()
    store.put([new_mail(key="last")])

    assert len(list(store.read(Query()))) == 21
    assert counted[-1] <= counted[5], "a look at the file leaves no descriptor open"
    plain.close()


# By which name.


@posix
def test_a_link_and_what_it_leads_to_share_lock_and_log(path: Path, store: SqliteStore, tmp_path: Path) -> None:
    folder = tmp_path / "links"
    folder.mkdir()
    link = folder / "link.db"
    link.symlink_to(path)

    by_link = SqliteStore(link)
    by_link.put([new_mail(key="by link")])

    assert store.find(key="by link")
    assert [file.name for file in folder.iterdir()] == ["link.db"]
    assert by_link.place == str(path)
    by_link.close()


@posix
def test_a_file_with_two_names_is_refused(path: Path) -> None:
    SqliteStore(path).close()
    os.link(path, path.with_name("second.db"))

    with pytest.raises(errors.OutboxError, match=r"has 2 names \(hard links\)"):
        SqliteStore(path)


@posix
def test_what_is_no_file_is_refused_and_nothing_is_left_beside_it(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)

    with pytest.raises(errors.UsageError, match="a device, a pipe or a socket"):
        Outbox(pipe)
    with pytest.raises(errors.UsageError, match="a device, a pipe or a socket"):
        Outbox("/dev/null")

    assert [file.name for file in tmp_path.iterdir()] == ["pipe"]
    assert not Path("/dev/null.lock").exists()


@pytest.mark.parametrize(
    "place",
    [b"outbox.db", 7, 0, True, "", ":memory:", "file:outbox.db", "mysql://x/y", "a\0b", "\ud800.db", ["x"], object()],
)
def test_what_is_no_place_is_said_so(place: object, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)

    with pytest.raises(errors.UsageError):
        Outbox(place)  # type: ignore[arg-type]

    assert list(tmp_path.iterdir()) == []


def test_a_name_that_the_system_does_not_take_is_an_error_of_ours(tmp_path: Path) -> None:
    with pytest.raises(errors.OutboxError):
        Outbox(tmp_path / ("x" * 300))


# What it says of itself.


@pytest.mark.parametrize(
    "makes_it",
    [
        "UPDATE outbox_version SET version = 0",
        "UPDATE outbox_version SET version = -5",
        "UPDATE outbox_version SET version = 'two'",
        "UPDATE outbox_version SET version = 1.5",
        "UPDATE outbox_version SET version = x'00ff'",
        "DELETE FROM outbox_version",
        "INSERT INTO outbox_version SELECT * FROM outbox_version",
    ],
)
def test_a_version_that_is_none_is_an_error_of_ours(path: Path, store: SqliteStore, makes_it: str) -> None:
    with sqlite3.connect(path) as plain:
        plain.execute(makes_it)
    plain.close()

    with pytest.raises(errors.OutboxError, match="outbox_version holds no version"):
        SqliteStore(path)
    if "INSERT" not in makes_it:
        with pytest.raises(errors.OutboxError):
            store.put([new_mail()])


# No room.


@pytest.mark.parametrize(
    "error",
    [OSError(errno.ENOSPC, "No space left on device"), OSError(errno.EDQUOT, "Disk quota exceeded")],
)
def test_a_disk_that_is_full_when_it_is_opened_is_said_to_be(
    path: Path, monkeypatch: pytest.MonkeyPatch, error: OSError
) -> None:
    def refuse(name: str, mode: int) -> LockFile:
        raise error

    monkeypatch.setattr(sqlite_file, "LockFile", refuse)

    with pytest.raises(errors.OutboxFull, match="the disk is full"):
        SqliteStore(path)


@pytest.mark.parametrize("code", [sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR_SHMSIZE])
def test_whatever_has_no_room_is_a_full_disk(path: Path, code: int) -> None:
    failed = sqlite3.OperationalError("disk I/O error")
    failed.sqlite_errorcode = code

    with pytest.raises(errors.OutboxFull), sqlite_file.in_our_words(path):
        raise failed


# A copy without its log.


def copied(path: Path, name: str = "copy.db") -> Path:
    return Path(shutil.copy(path, path.with_name(name)))


def warned(caplog: pytest.LogCaptureFixture) -> int:
    return sum(getattr(record, "action", "") == "outbox_without_log" for record in caplog.records)


def test_a_copy_of_the_file_alone_while_it_is_open_is_warned_of(
    path: Path, store: SqliteStore, caplog: pytest.LogCaptureFixture
) -> None:
    store.put([new_mail()])
    copy = SqliteStore(copied(path))

    assert warned(caplog) == 1
    assert [found.kind for found in copy.check()] == ["log"]
    copy.put([new_mail()])
    copy.close()
    assert warned(caplog) == 1


def test_a_copy_without_its_log_is_found_by_every_check_until_it_is_restored(
    path: Path, store: SqliteStore, caplog: pytest.LogCaptureFixture
) -> None:
    store.put([new_mail()])
    copy = copied(path)
    with Outbox(copy, create=False) as looking:  # as `stats` does
        looking.stats()

    for _ in range(2):
        with Outbox(copy) as opened:
            assert [found.kind for found in opened.check()] == ["log"]
            with Outbox(copy) as beside:
                assert [found.kind for found in beside.check()] == ["log"]
    with Outbox(copy) as opened:
        opened.backup(path.with_name("backup.db"))
    Outbox.restore(path.with_name("backup.db"), path.with_name("again.db"))

    with Outbox(path.with_name("again.db")) as restored:
        assert restored.check() == []
    assert warned(caplog) == 1


def test_a_copy_of_a_file_that_nobody_has_open_is_whole(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    store = SqliteStore(path)
    store.put([new_mail(key="k")])
    beside = SqliteStore(path)
    beside.put([new_mail()])
    beside.close()
    store.put([new_mail()])
    store.close()

    copy = SqliteStore(copied(path))

    assert warned(caplog) == 0
    assert sum(each.mails for each in copy.counts()) == 3
    copy.close()


def test_a_crash_is_no_copy(path: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """The log of a program that was killed lies where it was."""
    store = SqliteStore(path)
    store.put([new_mail(key="k")])
    found = tmp_path / "found"
    found.mkdir()
    for file in tmp_path.glob("outbox.db*"):
        shutil.copy(file, found)
    store.close()

    again = SqliteStore(found / path.name)

    assert again.find(key="k")
    assert warned(caplog) == 0
    again.close()


def test_who_only_looks_writes_nothing_into_the_file(path: Path) -> None:
    SqliteStore(path).close()
    before = path.read_bytes()

    store = SqliteStore(path)
    assert store.counts() == []
    store.close()

    assert path.read_bytes() == before


def test_one_that_is_left_open_by_others_is_marked_again(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """The last of us closes, and who opens it next writes."""
    for _ in range(2):
        store = SqliteStore(path)
        store.put([new_mail()])
        copied(path, "while-open.db")
        store.close()
        SqliteStore(path.with_name("while-open.db")).close()

    assert warned(caplog) == 2


# Backup and restore.


def test_a_backup_has_all_that_was_put_before_it_while_others_go_on(path: Path, store: SqliteStore) -> None:
    stop, many, put, failed = threading.Event(), threading.Event(), [], []

    def keep_putting() -> None:
        other = SqliteStore(path)
        try:
            while not stop.is_set():
                put.append(other.put([new_mail(key=f"key {len(put)}")])[0])
                if len(put) == 20:
                    many.set()
        except errors.CourrielError as error:
            failed.append(error)
        finally:
            other.close()

    thread = threading.Thread(target=keep_putting)
    thread.start()
    assert many.wait(20)
    before = len(put)
    store.backup(path.with_name("backup.db"))
    stop.set()
    thread.join(30)

    assert failed == []
    assert {f"key {number}" for number in range(before)} <= keys_in(path.with_name("backup.db"))
    assert not list(path.parent.glob("backup.db?*"))
    if os.name != "nt":
        assert path.with_name("backup.db").stat().st_mode & 0o777 == 0o600


def test_a_backup_is_opened_without_a_warning_and_has_everything(
    path: Path, store: SqliteStore, caplog: pytest.LogCaptureFixture
) -> None:
    store.put([new_mail(b"Subject: x\r\n\r\nhello\r\n", key="k", id="a")])
    store.put([new_mail(b"y" * 1_500_000, id="b")])
    store._staging.stage(new_mail(b"half", id="c"))
    store.backup(path.with_name("backup.db"))

    copy = SqliteStore(path.with_name("backup.db"))

    assert warned(caplog) == 0
    assert copy.check() == []
    assert b"".join(copy.body("a")).endswith(b"hello\r\n")
    assert b"".join(copy.body("b")) == b"y" * 1_500_000
    assert list(copy.body("c")) == [], "it is no mail yet"
    copy.close()


def test_nothing_is_written_over_a_file(path: Path, store: SqliteStore) -> None:
    store.put([new_mail()])
    target = path.with_name("backup.db")
    target.write_text("precious")

    for act in (store.backup, lambda target: Outbox.restore(path, target)):
        with pytest.raises(errors.UsageError, match="is there"):
            act(target)
        with pytest.raises(errors.UsageError, match="no folder"):
            act(path.parent / "nowhere" / "backup.db")
    with pytest.raises(errors.UsageError, match="is there"):
        store.backup(path)

    assert target.read_text() == "precious"
    assert store.put([new_mail()])


def test_a_backup_that_fails_leaves_nothing(path: Path, store: SqliteStore, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(target: Path) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(store._file, "copy_into", fail)

    with pytest.raises(errors.OutboxFull):
        store.backup(path.with_name("backup.db"))

    assert not list(path.parent.glob("backup.db*"))


def restored(path: Path, store: SqliteStore, **how: bool) -> tuple[int, SqliteStore]:
    store.backup(path.with_name("backup.db"))
    flagged = Outbox.restore(path.with_name("backup.db"), path.with_name("again.db"), **how)
    return flagged, SqliteStore(path.with_name("again.db"))


def test_what_waits_in_a_backup_may_have_left_since(path: Path, store: SqliteStore) -> None:
    store.put([new_mail(id="sent"), new_mail(id="dot"), new_mail(id="leased")])
    jobs = {job.id: job for job in claim(store, lease=3600)}
    store.settle([settled(jobs["sent"])])
    store.mark([jobs["dot"]], lease=3600)
    store.put([new_mail(id="ready"), new_mail(id="once", on_unsure=OnUnsure.HOLD), new_mail(id="held")])
    store.edit("held", "hold")

    flagged, again = restored(path, store)

    assert flagged == 5
    assert {info.id: (info.state, info.unsure, info.why) for info in again.read(Query())} == {
        "sent": (State.SENT, 0, ""),
        "dot": (State.READY, 1, "unsure"),
        "leased": (State.READY, 1, "unsure"),
        "ready": (State.READY, 1, "unsure"),
        "once": (State.HELD, 1, "unsure"),
        "held": (State.HELD, 1, "operator"),
    }
    assert again.check() == []
    assert {job.id for job in claim(again)} == {"dot", "leased", "ready"}
    again.close()


def test_one_that_is_moved_is_as_it_was(path: Path, store: SqliteStore) -> None:
    store.put([new_mail(id="ready"), new_mail(id="once", on_unsure=OnUnsure.HOLD)])

    flagged, again = restored(path, store, nothing_sent_since=True)

    assert flagged == 0
    assert {(info.state, info.unsure) for info in again.read(Query())} == {(State.READY, 0)}
    again.close()


def test_what_is_no_whole_outbox_is_not_restored(path: Path, store: SqliteStore) -> None:
    store.put([new_mail(b"z" * 100_000)])
    store.backup(path.with_name("backup.db"))
    bad, other, target = (path.with_name(name) for name in ("bad.db", "other.db", "again.db"))
    data = bytearray(path.with_name("backup.db").read_bytes())
    data[5 * 4096 : 9 * 4096] = os.urandom(4 * 4096)
    bad.write_bytes(data)
    with sqlite3.connect(other) as plain:
        plain.execute("CREATE TABLE invoice (number)")
    plain.close()

    for backup, sentence in (
        (bad, "damaged|malformed"),
        (other, "is no outbox"),
        (path.with_name("x"), "no such file"),
    ):
        with pytest.raises(errors.CourrielError, match=sentence):
            Outbox.restore(backup, target)
        assert not list(path.parent.glob("again.db*"))


# Check.

WRONG = {
    "incomplete": "DELETE FROM outbox_body WHERE mail = 'a'",
    "orphan": "DELETE FROM outbox_mail WHERE id = 'a'",
    "lane": "DELETE FROM outbox_lane",
    "value": "UPDATE outbox_mail SET prio = 7",
    "counters": "UPDATE outbox_count SET mails = mails + 1",
}


@pytest.mark.parametrize("engine", ["sqlite", pytest.param("postgres", marks=pytest.mark.acceptance)])
@pytest.mark.parametrize("kind", WRONG)
def test_what_is_wrong_is_found(outbox: Outbox, kind: str) -> None:
    store = outbox._store
    assert isinstance(store, SqlStore)
    store.put([new_mail(id="a"), new_mail(id="b")])
    store._staging.stage(new_mail(id="on its way"))
    assert outbox.check() == []

    store._write(lambda line: line.execute(WRONG[kind]))

    (found,) = outbox.check()
    assert found.kind == kind
    assert found.number >= 1


def test_a_damaged_file_is_found(path: Path, store: SqliteStore) -> None:
    store.put([new_mail(b"z" * 100_000)])
    store.close()
    data = bytearray(path.read_bytes())
    data[-3 * 4096 : -2 * 4096] = bytes(4096)
    path.write_bytes(data)

    broken = SqliteStore(path)

    assert "damaged" in [found.kind for found in broken.check()]
    broken.close()


@pytest.mark.parametrize("page", range(2, 24, 2))
def test_a_check_of_a_damaged_file_returns_findings(path: Path, store: SqliteStore, page: int) -> None:
    """Whichever page it is: SQLite refuses to check the file at all where it is that of its tables."""
    store.put([new_mail(b"z" * 100_000) for _ in range(3)])
    store.close()
    data = bytearray(path.read_bytes())
    data[page * 4096 : (page + 1) * 4096] = b"\xff" * 4096
    path.write_bytes(data)

    with Outbox(path) as broken:
        found = broken.check()

    assert [each.kind for each in found].count("damaged") == 1


def test_a_damaged_file_is_said_so_by_those_who_only_look(path: Path, store: SqliteStore) -> None:
    store.put([new_mail()])
    store.close()
    data = path.read_bytes()
    path.write_bytes(data[:4096] + b"\xff" * (len(data) - 4096))

    with pytest.raises(errors.OutboxError) as refused, Outbox(path) as outbox:
        outbox.stats()

    assert (refused.value.sysexit, refused.value.hint_id) == (65, "OUTBOX-DAMAGED")


# Compact.


@pytest.mark.slow
def test_the_room_of_what_was_forgotten_is_given_back_beside_others(path: Path, store: SqliteStore) -> None:
    other = SqliteStore(path)
    store.put([new_mail(b"x" * 200_000) for _ in range(50)] + [new_mail(b"stays", lane="other", id="stays")])
    other.settle([settled(job) for job in claim(other)])
    while other.prune(sent=-1, failed=-1, most=500).more:
        pass

    before, after = store.compact()

    assert before > 10 * after
    assert path.stat().st_size == after
    assert b"".join(other.body("stays")) == b"stays"
    assert other.put([new_mail()])
    assert store.check() == []
    other.close()


def test_much_is_not_written_anew_while_others_would_wait(
    path: Path, store: SqliteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite_file, "_AT_ONCE", 10_000)
    other = SqliteStore(path)
    store.put([new_mail(b"x" * 100_000)])

    with pytest.raises(errors.OutboxError, match="stop the workers"):
        store.compact()
    store.put([new_mail()])
    other.put([new_mail()])
    other.close()

    assert store.compact()[1] > 100_000
    store.put([new_mail()])
    assert SqliteStore(path).put([new_mail()]), "others may open it afterwards"


@pytest.mark.acceptance
def test_postgresql_is_kept_by_its_own_means(request: pytest.FixtureRequest, tmp_path: Path) -> None:
    postgres = request.getfixturevalue("postgres")
    with Outbox(postgres.url(postgres.new_database())) as outbox:
        with pytest.raises(errors.UsageError, match="pg_dump"):
            outbox.backup(tmp_path / "backup.db")
        with pytest.raises(errors.UsageError, match="autovacuum"):
            outbox.compact()
