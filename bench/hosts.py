"""
Several hosts on one machine: each has a network, processes, a name, shared memory and clocks of its own.

They reach each other by a bridge, as by a switch. Linux only, and for root: `ip netns`, `unshare`.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from types import TracebackType
from typing import Self

from .processes import ROOT

NETWORK = "10.213.77"
"""The first three numbers of everybody's address; the database's is 1."""

_WITHIN = 'hostname "$0"; mount -t tmpfs tmpfs /dev/shm; exec "$@"'


class Hosts:
    """So many hosts; use them by `with`."""

    def __init__(self, number: int) -> None:
        self._name = f"cr{os.getpid() % 100_000}"
        self._number = number
        self._ending = contextlib.ExitStack()

    @staticmethod
    def missing() -> str:
        """What they need and is not here; empty when all is well."""
        if sys.platform != "linux" or os.geteuid() != 0:
            return "hosts are made by root, on Linux"
        return " ".join(name for name in ("ip", "unshare") if shutil.which(name) is None)

    @property
    def database(self) -> str:
        """The address at which all reach this machine."""
        return f"{NETWORK}.1"

    def __enter__(self) -> Self:
        with contextlib.ExitStack() as unless_made:
            unless_made.callback(self._ending.close)
            self._make(self._name, ["link", "add", self._name, "type", "bridge"], ["link", "del", self._name])
            _ip("addr", "add", f"{self.database}/24", "dev", self._name)
            _ip("link", "set", self._name, "up")
            for number in range(self._number):
                self._make_host(number)
            unless_made.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ending.close()

    def start(self, number: int, command: Sequence[str], *, uptime: int = 0) -> subprocess.Popen[str]:
        """Start a program on one of them, whose clock since its start is `uptime` seconds ahead of this machine's."""
        namespaces = ["--pid", "--fork", "--kill-child", "--mount-proc", "--mount", "--uts"]
        clocks = ["--time", "--monotonic", str(uptime), "--boottime", str(uptime)]
        within = ["sh", "-c", _WITHIN, f"host{number}", *command]
        return subprocess.Popen(
            ["ip", "netns", "exec", self._host(number), "unshare", *namespaces, *clocks, *within],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
        )

    # The steps.

    def _host(self, number: int) -> str:
        return f"{self._name}-{number}"

    def _make_host(self, number: int) -> None:
        host, outside = self._host(number), f"{self._name}v{number}"
        self._make(host, ["netns", "add", host], ["netns", "del", host])
        _ip("link", "add", outside, "type", "veth", "peer", "name", "eth0", "netns", host)
        _ip("link", "set", outside, "master", self._name, "up")
        for command in (["addr", "add", f"{NETWORK}.{number + 2}/24", "dev", "eth0"], ["link", "set", "eth0", "up"]):
            _ip("-n", host, *command)
        _ip("-n", host, "link", "set", "lo", "up")

    def _make(self, _: str, make: Sequence[str], unmake: Sequence[str]) -> None:
        _ip(*make)
        self._ending.callback(subprocess.run, ["ip", *unmake], check=False)


def _ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True)
