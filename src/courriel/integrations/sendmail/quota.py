"""
Quota of a drop folder: how many mails of each user were taken within the last hour.

Each mail is a line of a journal beside the folder (time in seconds since 1970, number of the user), so that a service
that is started again goes on counting. It is appended and not forced to the disk: what a power cut takes is an hour's
count. A clock that is set back counts a mail as new; one that is set forward forgives.
"""

from __future__ import annotations

import logging
import os
import stat
import time
from collections import defaultdict, deque
from collections.abc import Iterator
from pathlib import Path

QUOTA = 1000
"""Mails of one user in an hour; further ones wait in the folder."""
_HOUR = 3600.0
_LARGEST = 32 * 1024 * 1024  # octets of a journal that are read: a million mails
_ROUND = 100_000  # lines after which a journal is written anew, without those that are old
_logger = logging.getLogger("courriel.drop")


class HourlyQuota:
    """Count of mails for each user by the hour; `most` is the number that each may have taken.

    A journal that cannot be written is told in the log once, and the count is then kept in memory.
    """

    def __init__(self, most: int, journal: Path) -> None:
        self._most, self._journal = most, journal
        self._taken: defaultdict[int, deque[float]] = defaultdict(deque)  # by the monotonic clock
        self._told: set[int] = set()
        self._file: int | None = None
        self._lines = 0
        self._begin()

    def allows(self, user: int) -> bool:
        """Whether another mail of this user may be taken now; the first time it may not is told in the log."""
        taken, now = self._taken[user], time.monotonic()
        while taken and taken[0] <= now - _HOUR:
            taken.popleft()
            self._told.discard(user)
        if len(taken) < self._most:
            return True
        if user not in self._told:
            self._told.add(user)
            _logger.warning(
                "A user has left more than %d mails in an hour; the others wait", self._most,
                extra={"action": "drop_quota", "uid": user},
            )  # fmt: skip
        return False

    def count(self, user: int) -> None:
        """Count a mail of this user."""
        self._taken[user].append(time.monotonic())
        if self._file is None:
            return
        try:
            os.write(self._file, f"{time.time():.3f} {user}\n".encode())
        except OSError:
            return  # a full disk: this mail counts in memory
        self._lines += 1
        if self._lines >= _ROUND:
            self.close()
            self._begin()

    def close(self) -> None:
        """Close the file of the journal."""
        if self._file is not None:
            os.close(self._file)
            self._file = None

    # The steps.

    def _begin(self) -> None:
        """Read the mails of the last hour from the journal, and write a new file with them."""
        try:
            kept = list(self._read())
            part = self._journal.with_name(f"{self._journal.name}.new")
            part.unlink(missing_ok=True)
            self._file = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC, 0o600)
            os.write(self._file, "".join(f"{moment:.3f} {user}\n" for moment, user in kept).encode())
            part.rename(self._journal)
        except OSError as failed:
            _logger.warning(
                "The quota of the drop folder is forgotten when its service ends: %s", failed,
                extra={"action": "drop_quota_unwritten"},
            )  # fmt: skip
            return
        now, clock = time.monotonic(), time.time()
        self._taken.clear()
        for moment, user in sorted(kept):
            self._taken[user].append(now - max(0.0, clock - moment))
        self._lines = 0

    def _read(self) -> Iterator[tuple[float, int]]:
        """Mails of the last hour in the journal. A file that is not ours, or not whole, is none."""
        try:
            descriptor = os.open(self._journal, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        except FileNotFoundError:
            return
        with os.fdopen(descriptor, "rb") as file:
            status = os.fstat(descriptor)
            if not stat.S_ISREG(status.st_mode) or status.st_uid != os.geteuid():
                return
            lines = file.read(_LARGEST).splitlines()
        clock = time.time()
        for line in lines:
            moment, _, user = line.partition(b" ")
            try:
                read = float(moment), int(user)
            except ValueError:
                continue  # a line that a full disk has cut off
            if clock - read[0] < _HOUR:
                yield min(read[0], clock), read[1]
