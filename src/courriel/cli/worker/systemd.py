"""Notifications of a worker to systemd (sd_notify(3)): readiness, status, and the watchdog's signs of life."""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping
from contextlib import suppress

_PATIENCE = 1.0  # seconds: systemd reads at once, or is itself in trouble


class Systemd:
    """Notification socket of a systemd service; without one, no notification is sent.

    `watchdog` is the seconds between two signs of life: half of systemd's timeout; None when it has none.
    """

    def __init__(self, environment: Mapping[str, str] = os.environ) -> None:
        self._address = _address(environment.get("NOTIFY_SOCKET", ""))
        self._said = ""
        self.watchdog = _watchdog(environment) if self._address else None

    @property
    def there(self) -> bool:
        """Whether systemd has named a socket."""
        return bool(self._address)

    def ready(self, status: str) -> None:
        """Notify that the worker is ready."""
        self._said = status
        self._tell("READY=1", _status(status))

    def status(self, sentence: str) -> None:
        """Set the text of `systemctl status`; an unchanged text is not sent again."""
        if sentence != self._said:
            self._said = sentence
            self._tell(_status(sentence))

    def waiting(self, sentence: str, seconds: float) -> None:
        """Notify that the worker is not ready yet, without an error: systemd is to wait for so many seconds more."""
        self._said = sentence
        self._tell(_status(sentence), f"EXTEND_TIMEOUT_USEC={int(seconds * 1_000_000)}")

    def alive(self) -> None:
        """Notify the watchdog that the worker is alive."""
        self._tell("WATCHDOG=1")

    def stopping(self, sentence: str, seconds: float) -> None:
        """Notify that the worker stops; the last answers may take so many seconds."""
        self._said = sentence
        self._tell("STOPPING=1", _status(sentence), f"EXTEND_TIMEOUT_USEC={int(seconds * 1_000_000)}")

    # The steps.

    def _tell(self, *lines: str) -> None:
        if not self._address:
            return
        # Mail is sent also without notifications.
        with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as line:
            line.settimeout(_PATIENCE)
            line.sendto("\n".join(lines).encode(), self._address)


def _address(name: str) -> str:
    """Socket address: a path, or with an @ a Linux abstract socket; empty for anything else."""
    if not hasattr(socket, "AF_UNIX") or name[:1] not in {"/", "@"} or len(name) < 2:
        return ""
    return "\0" + name[1:] if name.startswith("@") else name


def _watchdog(environment: Mapping[str, str]) -> float | None:
    """Half of the watchdog timeout, see sd_watchdog_enabled(3); None when it is for another process, or invalid."""
    process = environment.get("WATCHDOG_PID", "")
    if process and process != str(os.getpid()):
        return None
    microseconds = environment.get("WATCHDOG_USEC", "")
    if not (microseconds.isascii() and microseconds.isdecimal()) or len(microseconds) > 18:
        return None
    return int(microseconds) / 2_000_000 or None


def _status(sentence: str) -> str:
    """The text in one line, because a second line would be another notification."""
    return "STATUS=" + " ".join(sentence.split())
