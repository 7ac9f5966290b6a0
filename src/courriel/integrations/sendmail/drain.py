"""
The service of a drop folder: takes each mail out, records whose it is, and puts it into the outbox.

Whatever lies there was put by somebody who may wish us ill. A file is opened without following a link and without
waiting (a FIFO), and only a regular file with one name is read. It is put into the outbox before it is removed, under a
key made of the file itself: a service that is killed in between neither loses it nor sends it twice.
"""

from __future__ import annotations

import logging
import os
import socket
import stat
import time
from collections.abc import Callable
from contextlib import suppress
from email.utils import formatdate
from hashlib import sha256
from pathlib import Path
from threading import Event, Thread
from typing import TYPE_CHECKING

from courriel import ReadyMessage, errors
from courriel.integrations.sendmail.drop import LONGEST_ENVELOPE, DroppedEnvelope
from courriel.integrations.sendmail.quota import QUOTA, HourlyQuota
from courriel.integrations.sendmail.send_terms import send_terms
from courriel.integrations.sendmail.text import LONGEST_HEADER, MOST_OCTETS

if TYPE_CHECKING:
    from courriel import Outbox

_DAY = 86_400.0
_LOOK = 1.0  # seconds between two looks into the folder
_LARGEST = MOST_OCTETS + LONGEST_HEADER + LONGEST_ENVELOPE
_logger = logging.getLogger("courriel.drop")


class DropService:
    """Takes mails out of a drop folder into an outbox. `sender` is used where the caller named none.

    `quota` is the number of mails of one user in an hour. Use it by `with`: a thread looks each second. Raises
    UsageError when the folder is not one that only its owner can empty.
    """

    def __init__(self, folder: str | os.PathLike[str], outbox: Outbox, *, sender: str = "", quota: int = QUOTA) -> None:
        self._folder, self._outbox, self._sender = Path(folder), outbox, sender
        self._refused_once: set[str] = set()
        self._failed = ""
        self._end = Event()
        self._thread = Thread(target=self._run, name="courriel-drop", daemon=True)
        check_folder(self._folder)
        self._quota = HourlyQuota(quota, self._folder.with_name(f"{self._folder.name}-quota"))

    def run_once(self) -> int:
        """Take what is there now; the number of mails that went into the outbox.

        A mail that cannot be put stays where it is, and those behind it are taken. Raises OSError, OutboxError at once,
        and other errors of such mails (UsageError: settings that are wrong) at the end.
        """
        folder = os.open(self._folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
        taken, failed = 0, None
        try:
            for name in sorted(os.listdir(folder)):  # noqa: PTH208 - by descriptor
                if self._end.is_set():
                    break
                try:
                    taken += self._take(folder, name)
                except (OSError, errors.OutboxError):
                    raise
                except Exception as error:  # noqa: BLE001 - one mail must not stop those of everybody else
                    failed = failed or error
        finally:
            os.close(folder)
        if failed is not None:
            raise failed
        return taken

    def __enter__(self) -> DropService:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end.set()
        self._thread.join()
        self._quota.close()

    # The steps.

    def _run(self) -> None:
        while not self._end.is_set():
            try:
                self.run_once()
            except Exception as failed:  # noqa: BLE001 - the outer edge of a thread
                # The mails stay where they are; the next look may find disk, outbox or settings well again.
                self._tell(f"{failed}")
            else:
                self._failed = ""
            self._end.wait(_LOOK)

    def _tell(self, failure: str) -> None:
        """Tell the log why the folder could not be emptied: once, and not each second."""
        if failure != self._failed:
            self._failed = failure
            _logger.warning("The drop folder could not be emptied: %s", failure, extra={"action": "drop_failed"})

    def _take(self, folder: int, name: str) -> bool:
        """Take one entry of the folder; whether it went into the outbox."""
        if name.startswith("."):
            self._remove_abandoned(folder, name)
            return False
        try:
            descriptor = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=folder)
        except FileNotFoundError:
            return False
        except OSError as refused:
            return self._refuse(folder, name, refused.strerror or "it cannot be opened")
        try:
            status = os.fstat(descriptor)
            objection = _objection(status)
            if objection:
                return self._refuse(folder, name, objection)
            if not self._quota.allows(status.st_uid):
                return False
            with os.fdopen(descriptor, "rb", closefd=False) as file:
                content = file.read(_LARGEST)
        finally:
            os.close(descriptor)
        try:
            ticket = self._put(content, status, name)
        except (errors.InvalidMessage, errors.InvalidAddress) as wrong:
            self._quota.count(status.st_uid)
            return self._refuse(folder, name, str(wrong), status.st_uid)
        self._quota.count(status.st_uid)
        with suppress(FileNotFoundError):  # another service of this folder; its key was the same
            os.unlink(name, dir_fd=folder)
        _logger.info(
            "Mail taken from the drop folder", extra={"action": "dropped", "uid": status.st_uid, "ticket": ticket}
        )
        return True

    def _put(self, content: bytes, status: os.stat_result, name: str) -> str:
        first, _, rest = content.partition(b"\n")
        envelope = DroppedEnvelope.parse(first)
        same = sha256(
            f"{status.st_uid} {status.st_ino} {status.st_mtime_ns} {name}".encode("utf-8", "backslashreplace")
        )
        sender = envelope.sender if envelope.chosen or not self._sender else self._sender
        ticket = self._outbox.put(
            ReadyMessage.parse(_received(status.st_uid) + rest, normalise=True),
            key=f"drop-{same.hexdigest()[:40]}",
            if_known="keep",
            **send_terms(sender, envelope.to, envelope.notify, envelope.ret, envelope.envid),
        )
        return ticket.id

    def _refuse(self, folder: int, name: str, reason: str, user: int | None = None) -> bool:
        """Clear what is no mail away: a file is kept beside the folder, anything else is removed."""
        try:
            status = os.stat(name, dir_fd=folder, follow_symlinks=False)
            user = status.st_uid if user is None else user
            if stat.S_ISDIR(status.st_mode):
                os.rmdir(name, dir_fd=folder)
            elif stat.S_ISREG(status.st_mode) and status.st_nlink == 1:
                refused = self._folder.with_name(f"{self._folder.name}-refused")
                refused.mkdir(mode=0o700, exist_ok=True)
                os.rename(
                    name, refused / sha256(name.encode("utf-8", "surrogateescape")).hexdigest()[:32], src_dir_fd=folder
                )
            else:
                os.unlink(name, dir_fd=folder)  # the name alone, whatever it leads to
        except FileNotFoundError:
            return False
        except OSError as failed:
            reason = f"{reason}; it cannot be removed ({failed.strerror})"
            if name in self._refused_once:
                return False
            self._refused_once.add(name)
        _logger.warning(
            "Something in the drop folder is no mail: %s", reason, extra={"action": "drop_refused", "uid": user}
        )
        return False

    def _remove_abandoned(self, folder: int, name: str) -> None:
        """Remove a file that nobody finished within a day."""
        try:
            status = os.stat(name, dir_fd=folder, follow_symlinks=False)
            if not stat.S_ISDIR(status.st_mode) and time.time() - status.st_mtime > _DAY:
                os.unlink(name, dir_fd=folder)
        except OSError:
            return  # its owner was quicker


def check_folder(folder: Path) -> None:
    """Raise UsageError unless the folder is ours, and others can put files there and take none out."""
    try:
        status = folder.lstat()
    except OSError as missing:
        raise errors.UsageError(f"{folder}: {missing.strerror}") from missing
    if not stat.S_ISDIR(status.st_mode):
        raise errors.UsageError(f"{folder}: a drop folder is a folder, and not a link to one")
    if status.st_uid != os.geteuid():
        raise errors.UsageError(f"{folder}: a drop folder belongs to the user that runs its service")
    if status.st_mode & 0o022 and not status.st_mode & stat.S_ISVTX:
        raise errors.UsageError(f"{folder}: anybody could remove another's mail; chmod 3733 {folder}")


# The steps.


def _objection(status: os.stat_result) -> str:
    """Why this is not the file of a mail; "" when it may be."""
    if not stat.S_ISREG(status.st_mode):
        return "it is no regular file"
    if status.st_nlink != 1:
        return "it has more than one name"
    return "it is too large" if status.st_size > _LARGEST else ""


def _received(user: int, clock: Callable[[], float] = time.time) -> bytes:
    """A Received field that says whose file it was, as mail servers write it (RFC 5321 4.4)."""
    return (
        f"Received: by {socket.gethostname()} (courriel, from userid {user});\n {formatdate(clock(), True)}\n".encode()
    )
