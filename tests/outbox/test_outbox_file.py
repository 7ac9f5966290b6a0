"""The file of the embedded store: moved, deleted, replaced, linked, on a full disk; kept, moved, copied."""

from __future__ import annotations

import errno
import os
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from courriel import Outbox, errors
from courriel.outbox import sqlite_file
from courriel.outbox.lockfile import LockFile
from courriel.outbox.sqlite import SqliteStore
from courriel.outbox.store import Query
from outbox.conftest import claim, new_mail

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

    with pytest.raises(errors.OutboxError, match=r"is gone, and outbox\.db-wal and outbox\.db-shm are still there"):
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
    def refuse(name: str) -> LockFile:
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
