"""Run of a tutorial: its files are written, its commands run in order, and their output is held against the page."""

from __future__ import annotations

import os
import re
import shlex
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

_BLOCK = re.compile(r"^```(?P<kind>\w+)(?: (?P<word>\S+))?\n(?P<body>.*?)^```$", re.MULTILINE | re.DOTALL)
PORTS = ("1025", "8025")
"""Ports that a tutorial names; it is run with others, which are free."""
SECONDS = 120
"""Longest wait for one command."""


@dataclass(frozen=True, slots=True)
class Difference:
    """A command whose output or status is not what the page shows."""

    command: str
    shown: str
    printed: str


def run_tutorial(page: Path, folder: Path, language: str) -> list[Difference]:
    """Follow the page in the empty folder, and return where it is not true."""
    ports = _free_ports(len(PORTS))
    different: list[Difference] = []
    with ExitStack() as running:
        for kind, word, body in _blocks(page.read_text("utf-8"), ports):
            if kind == "console" and word == "background":
                command, _, shown = body.removeprefix("$ ").partition("\n")
                process = running.enter_context(_started(command, folder, language))
                different += _compared(command, shown, _printed_until(process, shown.rstrip().splitlines()[-1]), ports)
            elif kind == "console":
                for command, shown in _commands(body):
                    different += _run(command, shown, int(word or 0), folder, language, ports)
            elif word and word != "background":
                (folder / word).write_text(body, "utf-8")
    return different


# The steps.


def _blocks(text: str, ports: list[str]) -> Iterator[tuple[str, str, str]]:
    for match in _BLOCK.finditer(text):
        body = match["body"]
        for named, free in zip(PORTS, ports, strict=True):
            body = body.replace(named, free)
        yield match["kind"], match["word"] or "", body


def _commands(body: str) -> Iterator[tuple[str, str]]:
    for piece in re.split(r"^\$ ", body, flags=re.MULTILINE)[1:]:
        command, _, shown = piece.partition("\n")
        yield command, shown


def _run(command: str, shown: str, status: int, folder: Path, language: str, ports: list[str]) -> list[Difference]:
    done = subprocess.run(
        _words(command),
        cwd=folder,
        env=_environment(language),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=SECONDS,
        check=False,
        text=True,
    )
    if done.returncode != status:
        return [Difference(command, f"status {status}", f"status {done.returncode}\n{done.stdout}")]
    return _compared(command, shown, done.stdout, ports)


def _compared(command: str, shown: str, printed: str, ports: list[str]) -> list[Difference]:
    if _pattern(shown).fullmatch(printed.rstrip("\n")):
        return []
    for named, free in zip(PORTS, ports, strict=True):
        printed = printed.replace(free, named)
    return [Difference(command, shown, printed)]


def _pattern(shown: str) -> re.Pattern[str]:
    """What is shown, where `…` stands for anything on its line, and a line of it alone for any lines."""
    lines = [
        r"(?:.*\n)*?.*" if line == "…" else ".*".join(map(re.escape, line.split("…")))
        for line in shown.rstrip("\n").split("\n")
    ]
    return re.compile("\n".join(lines))


def _words(command: str) -> list[str]:
    words = shlex.split(command)
    known = {"python": [sys.executable], "courriel": [sys.executable, "-m", "courriel"]}
    return known.get(words[0], [words[0]]) + words[1:]


def _environment(language: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("COURRIEL_", "LC_", "LANG"))}
    spoken = {"en": "en_US.UTF-8", "fr": "fr_FR.UTF-8"}[language]
    return kept | {"LANG": spoken, "PYTHONUTF8": "1", "PYTHONUNBUFFERED": "1", "NO_COLOR": "1"}


@contextmanager
def _started(command: str, folder: Path, language: str) -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen(
        _words(command), cwd=folder, env=_environment(language), stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            yield process
        finally:
            process.send_signal(signal.SIGINT)


def _printed_until(process: subprocess.Popen[str], last: str) -> str:
    if process.stdout is None:
        raise ValueError("the output of the process is not read")
    lines = []
    for line in process.stdout:
        lines.append(line)
        if line.rstrip("\n") == last:
            break
    return "".join(lines)


def _free_ports(count: int) -> list[str]:
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(count)]
        return [str(each.getsockname()[1]) for each in sockets]
