"""
A program that puts, marks and settles mail, and says each time what it was promised: the subject of test_power_loss.

    python busy.py work FULL|NORMAL FOLDER MAILS
    python busy.py fail w|s ERRNO FOLDER
"""

from __future__ import annotations

import ctypes
import json
import os
import sys
import threading
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from shutil import copyfile
from tempfile import TemporaryDirectory

from courriel import errors
from courriel.outbox.store.facts import Query
from courriel.outbox.store.jobs import Job, LeaseTerms
from courriel.outbox.store.sqlite import connecting
from courriel.outbox.store.sqlite.store import SqliteStore
from outbox.conftest import claim, new_mail, settled

ENQUEUERS = 3


def content_of(key: str) -> bytes:
    """The content that a key stands for, of a length of its own."""
    return f"Subject: {key}\r\n\r\n".encode() + f"{key}.\r\n".encode() * (1 + hash_of(key) % 3000)


def hash_of(key: str) -> int:
    """The same in every process."""
    return sum(key.encode()) * 7919


def work(synchronous: str, folder: str, mails: str) -> None:
    """Threads put while one works; what was promised goes to the file `promises`, after the promise."""
    if synchronous == "NORMAL":
        connected = connecting.connected
        connecting.connected = lambda path, _wanted, **named: connected(path, "NORMAL", **named)
    store = SqliteStore(Path(folder, "outbox.db"))
    promises = os.open(Path(folder, "promises"), os.O_WRONLY | os.O_CREAT | os.O_APPEND)

    def promised(what: str, key: str | None) -> None:
        os.write(promises, f"{what} {key}\n".encode())

    def put(who: int) -> None:
        for number in range(int(mails)):
            key = f"{who}-{number}"
            store.put([new_mail(content_of(key), key=key, message_id=f"<{key}@example.org>")])
            promised("put", key)

    threads = [threading.Thread(target=put, args=(who,)) for who in range(ENQUEUERS)]
    for thread in threads:
        thread.start()
    left = int(mails) * ENQUEUERS
    while left:
        jobs = claim(store, 10)
        store.mark(jobs, lease=60)
        for job in jobs:
            promised("mark", key_of(job))
        # Who goes on has the next ones marked with what became of these.
        following = store.go_on(
            [settled(job) for job in jobs], "billing", 10, LeaseTerms(60.0, "here:1", 60.0, 10)
        ).jobs
        for what, those in (("settle", jobs), ("mark", following)):
            for job in those:
                promised(what, key_of(job))
        store.settle([settled(job) for job in following])
        for job in following:
            promised("settle", key_of(job))
        left -= len(jobs) + len(following)
    for thread in threads:
        thread.join()
    store.close()


def key_of(job: Job) -> str:
    """Its key, from its Message-ID."""
    return job.message_id.strip("<>").partition("@")[0]


def fail(kind: str, number: str, folder: str) -> None:
    """The disk fails at each of the writes of putting, marking, settling, and then works; prints what was said."""
    disk, said = ctypes.CDLL(None), []
    for act in ("put", "mark", "settle"):
        failed, passed = 1, 0
        while failed:
            store = SqliteStore(Path(folder, f"{act}-{passed}.db"))
            act_now = prepared(store, act)
            disk.fail_after(ctypes.c_char(kind.encode()), int(number), passed)
            raised = raised_by(act_now)
            failed = disk.fail_never()
            if failed:
                found = found_by_the_next(store)
                refused = raised_by(act_now)
                if refused:
                    store.reopen()
                    act_now()
                (info,) = store.read(Query())
                whole = b"".join(store.body(info.id)) == content_of("one")
                said.append([act, raised, found, refused, info.state.name, whole, store.place])
            store.close()
            passed += 1
    print(json.dumps(said))


def prepared(store: SqliteStore, act: str) -> Callable[[], object]:
    """A store in which this is the next to do."""
    mail = new_mail(content_of("one"), key="one")
    if act == "put":
        return lambda: store.put([mail])
    store.put([mail])
    (job,) = claim(store, 1)
    if act == "mark":
        return lambda: store.mark([job], lease=60)
    store.mark([job], lease=60)
    return lambda: store.settle([settled(job)])


def found_by_the_next(store: SqliteStore) -> str | None:
    """Where the mail would stand if this process died now."""
    place = Path(store.place)
    with TemporaryDirectory() as other:
        for name in (place.name, f"{place.name}-wal"):
            if place.with_name(name).exists():  # a log of which everything is in the file may be gone
                copyfile(place.with_name(name), Path(other, name))
        with closing(SqliteStore(Path(other, place.name))) as reopened:
            return next((info.state.name for info in reopened.read(Query())), None)


def raised_by(act: Callable[[], object]) -> list[object] | None:
    """What comes of an act: nothing, or the kind of the error, whether it may be repeated, and its words."""
    try:
        act()
    except errors.OutboxError as error:
        return [type(error).__name__, error.retryable, str(error)]
    return None


if __name__ == "__main__":
    {"work": work, "fail": fail}[sys.argv[1]](*sys.argv[2:])
