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
from pathlib import Path

from courriel import errors
from courriel.outbox.sqlite import SqliteStore
from courriel.outbox.sqlite_file import SqliteFile
from courriel.outbox.store import Job
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
        opened = SqliteFile._opened
        SqliteFile._opened = lambda file, _wanted: opened(file, "NORMAL")  # type: ignore[method-assign]
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
        store.settle([settled(job) for job in jobs])
        for job in jobs:
            promised("settle", key_of(job))
        left -= len(jobs)
    for thread in threads:
        thread.join()
    store.close()


def key_of(job: Job) -> str:
    """Its key, from its Message-ID."""
    return job.message_id.strip("<>").partition("@")[0]


def fail(kind: str, number: str, folder: str) -> None:
    """The disk fails at putting, marking, settling, and works again; prints what was raised and what is there."""
    store = SqliteStore(Path(folder, "outbox.db"))
    store.put([new_mail(key="before")])
    (job,) = claim(store, 1)
    said = {}
    acts = {
        "put": lambda: store.put([new_mail(content_of("late"), key="late")]),
        "mark": lambda: store.mark([job], lease=60),
        "settle": lambda: store.settle([settled(job)]),
    }
    for name, act in acts.items():
        ctypes.CDLL(None).fail_next(ctypes.c_char(kind.encode()), int(number), 1_000_000)
        try:
            act()
        except errors.OutboxError as error:
            said[name] = [type(error).__name__, error.retryable, str(error)]
        ctypes.CDLL(None).fail_next(ctypes.c_char(kind.encode()), 0, 0)
        store.reopen()
        act()
    info = {name: store.find(key=name) for name in ("before", "late")}
    states = {name: each.state.name for name, each in info.items() if each is not None}
    print(json.dumps({"raised": said, "states": states}))
    store.close()


if __name__ == "__main__":
    {"work": work, "fail": fail}[sys.argv[1]](*sys.argv[2:])
