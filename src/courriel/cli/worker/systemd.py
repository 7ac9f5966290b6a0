"""Notifications of a worker to systemd (sd_notify(3)): readiness, status, and the watchdog's signs of life."""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping
from contextlib import suppress

_PATIENCE = 1.0  # seconds: systemd reads at once, or is itself in trouble


class Systemd:
    """The socket that systemd has named for its service; nothing is said where there is none.

    `watchdog` is the seconds between two signs of life: half of what systemd waits for; None when it waits for none.
    """

    def __init__(self, environment: Mapping[str, str] = os.environ) -> None:
        self._address = _address(environment.get("NOTIFY_SOCKET", ""))
        self._said = ""
        self.watchdog = _watchdog(environment) if self._address else None

    @property
    def there(self) -> bool:
        """Whether anybody listens."""
        return bool(self._address)

    def ready(self, status: str) -> None:
        """The worker is at work."""
        self._said = status
        self._tell("READY=1", _status(status))

    def status(self, sentence: str) -> None:
        """What `systemctl status` shows; the same sentence is not said twice."""
        if sentence != self._said:
            self._said = sentence
            self._tell(_status(sentence))

    def waiting(self, sentence: str, seconds: float) -> None:
        """Not ready yet, and nothing is wrong with us: systemd is to wait for so many seconds more."""
        self._said = sentence
        self._tell(_status(sentence), f"EXTEND_TIMEOUT_USEC={int(seconds * 1_000_000)}")

    def alive(self) -> None:
        """A sign of life for the watchdog."""
        self._tell("WATCHDOG=1")

    def stopping(self, sentence: str, seconds: float) -> None:
        """No more is begun; it may take so many seconds until the last answers are there."""
        self._said = sentence
        self._tell("STOPPING=1", _status(sentence), f"EXTEND_TIMEOUT_USEC={int(seconds * 1_000_000)}")

    # The steps.

    def _tell(self, *lines: str) -> None:
        if not self._address:
            return
        # Whatever is wrong with the socket, mail is sent all the same.
        with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as line:
            line.settimeout(_PATIENCE)
            line.sendto("\n".join(lines).encode(), self._address)


def _address(name: str) -> str:
    """A path, or with an @ an address of Linux that is in no folder; whatever else there may be is not for us."""
    if not hasattr(socket, "AF_UNIX") or name[:1] not in {"/", "@"} or len(name) < 2:
        return ""
    return "\0" + name[1:] if name.startswith("@") else name


def _watchdog(environment: Mapping[str, str]) -> float | None:
    """Half of the time, as sd_watchdog_enabled(3) has it; None when it is another process's, or is no time."""
    process = environment.get("WATCHDOG_PID", "")
    if process and process != str(os.getpid()):
        return None
    microseconds = environment.get("WATCHDOG_USEC", "")
    if not (microseconds.isascii() and microseconds.isdecimal()) or len(microseconds) > 18:
        return None
    return int(microseconds) / 2_000_000 or None


def _status(sentence: str) -> str:
    """One line: a second one would be another message to systemd."""
    return "STATUS=" + " ".join(sentence.split())
