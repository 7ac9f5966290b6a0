"""A server as a process group of its own, with its folder, ended with everything it started whatever becomes of us."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Self, TypeVar

from .ports import listening

PAUSE = 0.01
"""Seconds between two looks at something that cannot be waited for."""

WATCHDOG = 'read -r _; kill -s TERM -- "-$1"; sleep 1; kill -s KILL -- "-$1"; rm -rf -- "$2"'
"""Its standard input is a pipe that we hold open and never write to: it ends when we do, even by SIGKILL."""


Started = TypeVar("Started")


class CannotStart(RuntimeError):
    """The server ended before it listened, or did not listen in time; the text holds what it logged."""


class Daemon:
    """One server process with its children.

    `command` must stay in the foreground. `ports` are those it has to listen on before it counts as started. `folder`
    is removed at the end, and `log` (in it) is quoted when the start fails. It has `patience` seconds to start, and
    `gentleness` seconds to end by itself before it is killed.
    """

    def __init__(
        self,
        command: list[str],
        *,
        folder: Path,
        log: Path,
        ports: list[int],
        patience: float = 20.0,
        gentleness: float = 5.0,
    ) -> None:
        self._folder = folder
        self._log = log
        self._gentleness = gentleness
        self._ending = contextlib.ExitStack()
        self._ending.callback(shutil.rmtree, folder, ignore_errors=True)
        with contextlib.ExitStack() as unless_started:
            unless_started.callback(self.end)
            output = self._ending.enter_context((folder / "output").open("wb"))
            self.process = subprocess.Popen(
                command,
                cwd=folder,
                env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8"},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
            self._ending.callback(self._end_group)
            self._watch()
            wait_until(lambda: self.process.poll() is not None or listening(ports), patience)
            if self.process.poll() is not None or not listening(ports):
                raise CannotStart(f"{command[0]} does not listen on {ports}:\n{self.words()}")
            unless_started.pop_all()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.end()

    def end(self) -> None:
        """End the server and everything it started, and remove its folder; doing so twice is allowed."""
        self._ending.close()

    def members(self) -> list[int]:
        """The process ids of the server and of everything it started, those that have ended left out."""
        return sorted(_session(self.process.pid))

    def words(self) -> str:
        """What the server said: the last lines of its log, and of its standard output."""
        said = [path.read_text("utf-8", "replace") for path in (self._log, self._folder / "output") if path.exists()]
        return "\n".join("\n".join(text.splitlines()[-40:]) for text in said)

    # The steps.

    def _watch(self) -> None:
        """Let somebody else end the group should we die without the time to do it."""
        watchdog = subprocess.Popen(
            ["/bin/sh", "-c", WATCHDOG, "watchdog", str(self.process.pid), str(self._folder)],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        # First dismissed, then the group ended: it must never aim at a number that the kernel has given to another.
        self._ending.callback(_dismiss, watchdog)

    def _end_group(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            # The whole group: Dovecot would give its people a second to finish what they are doing.
            os.killpg(self.process.pid, signal.SIGTERM)
        if not wait_until(self._gone, self._gentleness):
            for pid in self.members():
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            wait_until(self._gone, 5)

    def _gone(self) -> bool:
        # What it left behind is still in its session.
        return self.process.poll() is not None and not self.members()


def start_somewhere(start: Callable[[], Started]) -> Started:
    """Call `start`, and call it again (it will ask for other ports) when somebody was faster at one of its ports."""
    for _ in range(4):
        try:
            return start()
        except CannotStart as failure:
            if "in use" not in str(failure):
                raise
    return start()


def private_folder(name: str) -> Path:
    """A new folder that workers under any user may enter, with a path short enough for the sockets inside it.

    A socket's path may hold 107 bytes, and the folders of pytest are closed to other users: hence below /tmp.
    """
    folder = Path(tempfile.mkdtemp(prefix=f"courriel-{name}-", dir="/tmp"))
    folder.chmod(0o755)
    return folder


def write_settled(path: Path, text: str) -> None:
    """Write a file that looks a minute old: Postfix reads a new one again and again, for two seconds, until it is.

    (It makes sure so that nobody is still writing; nobody is.)
    """
    path.write_text(text, "utf-8")
    minute_ago = time.time() - 60
    os.utime(path, (minute_ago, minute_ago))


def wait_until(true: Callable[[], bool], patience: float) -> bool:
    """Look again and again, for at most `patience` seconds, until it is true; return what it was at last."""
    deadline = time.monotonic() + patience
    while not true():
        if time.monotonic() > deadline:
            return False
        time.sleep(PAUSE)
    return True


def _session(leader: int) -> Iterator[int]:
    """The processes of one session (see setsid(2)), zombies left out."""
    for entry in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            # The name in brackets may hold anything, brackets too: what counts begins after the last one.
            state, _parent, _group, session = entry.read_text("ascii", "replace").rpartition(")")[2].split()[:4]
            if int(session) == leader and state != "Z":
                yield int(entry.parent.name)


def _dismiss(watchdog: subprocess.Popen[bytes]) -> None:
    watchdog.kill()
    watchdog.wait()
    if watchdog.stdin is not None:
        watchdog.stdin.close()
