"""Programs that the bench starts: pinned, asked by a line, answering by a line, and gone when the bench is.

Each ends when its standard input does, so that not even SIGKILL leaves one behind.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import sys
import sysconfig
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

ROOT = Path(__file__).parent.parent
PEERS = ROOT / "bench" / ".peers"
SMTP_SINK = "/usr/sbin/smtp-sink"
SMTP_SOURCE = "/usr/sbin/smtp-source"
# Its input is our pipe: read ends when we do.
UNTIL_INPUT_ENDS = '"$@" & read -r _; kill $!; wait $!'


class Broken(RuntimeError):
    """A program of the bench ended, or said what nobody understands."""


def pin_to(core: int | None) -> Callable[[], None] | None:
    """What a child does before it begins: stay on one core; None where the system cannot."""
    if core is None or not hasattr(os, "sched_setaffinity"):
        return None
    return lambda: os.sched_setaffinity(0, {core})


def last_core() -> int | None:
    """The core that everything measured shares: the last one we may use, the first being the busiest as a rule."""
    return max(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else None


class Program:
    """One child process that is spoken to line by line."""

    def __init__(self, command: Sequence[str], core: int | None) -> None:
        self.command = list(command)
        self.process = subprocess.Popen(
            self.command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            cwd=ROOT,
            env={**os.environ, "PYTHONUNBUFFERED": "1"},
            preexec_fn=pin_to(core),
        )

    def ask(self, line: str) -> str:
        """Say a line, hear a line."""
        assert self.process.stdin is not None
        try:
            self.process.stdin.write(f"{line}\n")
            self.process.stdin.flush()
        except BrokenPipeError as ended:
            raise Broken(f"{self.command[0]} ended with {self.process.wait()}") from ended
        return self.hear()

    def hear(self) -> str:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            raise Broken(f"{' '.join(self.command)} ended with {self.process.wait()}")
        return line.strip()

    def core_seconds(self) -> float:
        """What this program and its children have used of the core, to the nanosecond; 0 where nobody says."""
        return sum(_core_seconds(pid) for pid in (self.process.pid, *_children(self.process.pid)))

    def end(self) -> None:
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe is not None:
                pipe.close()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.end()


class Listener(Program):
    """A program that says at first on which port it listens."""

    def __init__(self, command: Sequence[str], core: int | None) -> None:
        super().__init__(command, core)
        self.port = int(self.hear())

    def received(self) -> tuple[int, int, str]:
        """Mails, octets and hash since the last time, as the bench's own sink counts them."""
        with socket.create_connection(("127.0.0.1", self.port)) as line, line.makefile("rwb") as words:
            words.readline()
            words.write(b"XCOUNT\r\nXZERO\r\n")
            words.flush()
            mails, octets, hashes = words.readline().decode().split()[1:]
            words.readline()
        return int(mails), int(octets), hashes


class Delayed:
    """A program at the end of a long road. There waiting is what counts, and the core does not tell of it when the
    neighbours use it meanwhile: only the clock does.
    """

    def __init__(self, port: int) -> None:
        self.port = port

    def core_seconds(self) -> float:
        return 0.0


class SmtpSink(Program):
    """Postfix's `smtp-sink`: PIPELINING, and tuned by nobody for us."""

    def __init__(self, core: int | None, *options: str) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port: int = free.getsockname()[1]
        user = ["-u", "nobody"] if os.geteuid() == 0 else []
        address = f"127.0.0.1:{self.port}"
        sink = [SMTP_SINK, *user, "-m", "1100", *options, address, "1024"]
        super().__init__(["/bin/sh", "-c", UNTIL_INPUT_ENDS, "smtp-sink", *sink], core)
        await_port(self.port)


def own_sink(core: int | None, *options: str) -> Listener:
    """The bench's own sink: in C where there is a compiler, else in Python."""
    return Listener([*sink_command(), *options], core)


def pop_sink(core: int | None, letter: Path, count: int) -> Listener:
    """A mailbox of that many letters; in C only."""
    built = built_by_cc("pop_sink.c")
    if built is None:
        raise Broken("there is no C compiler for pop_sink.c")
    return Listener([str(built), str(letter), str(count)], core)


def imap_sink(core: int | None, letter: Path, count: int) -> Listener:
    """The same mailbox, by IMAP."""
    return Listener([sys.executable, "-m", "bench.imap_sink", str(letter), str(count)], core)


def imap_special_sink(core: int | None, kind: str) -> Listener:
    """A mailbox of one large letter ("part"), or a folder with ten changes ("sync")."""
    return Listener([sys.executable, "-m", "bench.imap_special_sink", kind], core)


def keeping_sink(folder: Path, *options: str) -> Listener:
    return Listener([sys.executable, "-m", "bench.slow_sink", "-f", str(folder), *options], None)


def delay_line(port: int, seconds: float, megabits: float = 0) -> Listener:
    """Not pinned beside the client: it is part of the road, which is as wide as one likes with 0 Mbit/s."""
    return Listener([sys.executable, "-m", "bench.delay_line", str(port), str(seconds), str(megabits)], None)


def sink_command() -> list[str]:
    built = built_by_cc("sink.c", "-DWITH_TLS", "-lssl", "-lcrypto")
    return [str(built)] if built else [sys.executable, "-m", "bench.slow_sink"]


def built_by_cc(source: str, *flags: str) -> Path | None:
    """The program made of a C source of ours, built when it is older than that; None without a compiler."""
    path = ROOT / "bench" / source
    program = PEERS / f"{path.stem}-{sysconfig.get_platform()}"
    if program.exists() and program.stat().st_mtime > path.stat().st_mtime:
        return program
    compiler = shutil.which("cc")
    if compiler is None:
        return None
    PEERS.mkdir(exist_ok=True)
    # Made beside and moved there, so that two at once do not run half a program.
    fresh = program.with_suffix(f".{os.getpid()}")
    made = subprocess.run(
        [compiler, "-O2", "-o", str(fresh), str(path), *flags], capture_output=True, text=True, check=False, timeout=120
    )
    if made.returncode != 0:
        return None
    fresh.replace(program)
    return program


def _core_seconds(pid: int) -> float:
    used = 0
    for task in Path(f"/proc/{pid}/task").glob("*/schedstat"):
        with contextlib.suppress(OSError):
            used += int(task.read_text("ascii").split()[0])
    return used / 1e9


def _children(pid: int) -> list[int]:
    try:
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text("ascii").split()]
    except OSError:
        return []


def await_port(port: int, patience: float = 10.0) -> None:
    deadline = time.monotonic() + patience
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            if time.monotonic() > deadline:
                raise Broken(f"nobody listens on port {port}") from None
            time.sleep(0.01)
        else:
            return
