"""Services as processes of their own: uvicorn, and workers of task queues, in a folder of the test."""

from __future__ import annotations

import contextlib
import json
import sys
import urllib.request
from collections.abc import Callable, Generator, Mapping
from pathlib import Path
from typing import Any

from servers.daemon import Daemon, private_folder, wait_until
from servers.ports import free_ports

LONG = 60.0  # seconds that nothing here takes
ROOT = Path(__file__).parents[2]


def with_environment(settings: Mapping[str, str], *command: str) -> list[str]:
    """A command with these variables of the environment."""
    return ["/usr/bin/env", *(f"{name}={value}" for name, value in settings.items()), *command]


def python(settings: Mapping[str, str], *arguments: str) -> list[str]:
    """A command: this Python with these variables of the environment."""
    return with_environment(settings, sys.executable, *arguments)


@contextlib.contextmanager
def running(command: list[str], ports: list[int] | None = None) -> Generator[Daemon]:
    """A process with everything that it starts, until the block ends."""
    folder = private_folder("service")
    with Daemon(command, folder=folder, log=folder / "log", ports=ports or [], gentleness=20.0) as daemon:
        yield daemon


@contextlib.contextmanager
def uvicorn(app: str, folder: Path, settings: Mapping[str, str], *options: str) -> Generator[tuple[Daemon, int]]:
    """A service by uvicorn, and its port."""
    (port,) = free_ports(1)
    command = python(settings, "-m", "uvicorn", f"--app-dir={folder}", f"--port={port}", *options, app)
    with running(command, [port]) as daemon:
        yield daemon, port


def ask(port: int, path: str, method: str = "GET") -> Any:
    """The answer of a service on this port, read from JSON."""
    request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", method=method)
    with urllib.request.urlopen(request, timeout=LONG) as answer:
        return json.load(answer)


def until(holds: Callable[[], object]) -> None:
    """Wait until it holds; an OSError (a service that is not there) does not."""

    def look() -> bool:
        try:
            return bool(holds())
        except OSError:
            return False

    assert wait_until(look, LONG)
