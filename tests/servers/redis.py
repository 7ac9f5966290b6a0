"""A private Redis, whose data is gone when it ends."""

from __future__ import annotations

import contextlib
from collections.abc import Generator

from .daemon import Daemon, private_folder, start_somewhere
from .packages import need
from .ports import LOOPBACK, free_ports

REDIS = "/usr/bin/redis-server"


@contextlib.contextmanager
def redis() -> Generator[str]:
    """A running Redis; its URL."""
    need(REDIS)
    started, port = start_somewhere(_start)
    with started:
        yield f"redis://{LOOPBACK}:{port}/0"


def _start() -> tuple[Daemon, int]:
    (port,) = free_ports(1)
    folder = private_folder("redis")
    return Daemon([REDIS, "--port", str(port), "--bind", LOOPBACK, "--save", "", "--dir", str(folder)],
                  folder=folder, log=folder / "log", ports=[port]), port  # fmt: skip
