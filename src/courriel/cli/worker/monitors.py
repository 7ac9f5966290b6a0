"""Monitors of a worker that runs as a service (systemd, a container, a monitoring system), and their notifications."""

from __future__ import annotations

from contextlib import suppress
from threading import Event, Thread
from time import monotonic
from typing import TYPE_CHECKING

from courriel import errors
from courriel.cli.i18n import say
from courriel.cli.worker.systemd import Systemd
from courriel.failures import spoken

if TYPE_CHECKING:
    from types import TracebackType
    from typing import Self

    from courriel import Outbox
    from courriel.cli.worker.health import HealthPort, Sign
    from courriel.types import Health, Worker

_EVERY = 1.0  # seconds between two checks of the worker
_STATUS_EVERY = 5.0  # seconds between two updates of `systemctl status`


class Monitors:
    """Notifications to systemd and the `--health` sign, used by `with`. `health` is a port or a file; "" for none.

    A separate thread gives the signs of life, from the progress of the worker's threads, because the progress line on
    the terminal may block on the outbox.
    """

    def __init__(self, health: str = "") -> None:
        self._systemd = Systemd()
        self._worker: Worker | None = None
        self._state, self._reason, self._sentence = "starting", "", ""
        self._told = self._fed = float("-inf")
        self._ended = Event()
        self._sign: Sign | None = None
        if health:
            from courriel.cli.worker.health import sign_at

            self._sign = sign_at(health, self._ready, self._live)
            self._measure_nothing()
        self._thread = Thread(target=self._run, name="courriel signs of life", daemon=True)
        if self._sign is not None or self._systemd.there:
            self._thread.start()

    @property
    def place(self) -> str:
        """URL or path of the health sign, for messages; "" without one."""
        return "" if self._sign is None else self._sign.place

    def waiting(self, reason: str, seconds: float) -> None:
        """Report that the outbox cannot be reached, and is tried again within so many seconds."""
        self._state, self._reason = "waiting", reason
        self._systemd.waiting(say(f"attend la boîte d'envoi : {reason}", f"waiting for the outbox: {reason}"), seconds)

    def measure(self, outbox: Outbox) -> None:
        """Serve the metrics of this outbox at `/metrics`, where the extra for Prometheus is installed."""
        port = self._port()
        if port is not None:
            with suppress(errors.MissingExtra):
                from courriel.integrations.prometheus import page

                port.page = page(outbox)

    def at_work(self, worker: Worker, sentence: str) -> None:
        """Report that the worker sends."""
        self._worker, self._reason, self._sentence = worker, "", sentence
        self._systemd.ready(sentence)
        self._state = "working"

    def progress(self, sentence: str) -> None:
        """Report the progress of the worker."""
        self._sentence = sentence

    def stopping(self, sentence: str, seconds: float) -> None:
        """Report that the worker stops; the last answers may take so many seconds."""
        self._state, self._sentence = "stopping", sentence
        self._systemd.stopping(sentence, seconds)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        if self._thread.is_alive():
            self._thread.join(_EVERY)
        if self._sign is not None:
            self._sign.close()

    # The steps.

    def _port(self) -> HealthPort | None:
        """The endpoint, if there is one; a file has no room for figures."""
        from courriel.cli.worker.health import HealthPort

        return self._sign if isinstance(self._sign, HealthPort) else None

    def _measure_nothing(self) -> None:
        """Tell that the outbox is not open yet, or that the extra is missing."""
        port = self._port()
        if port is None:
            return
        try:
            from courriel.integrations.prometheus import page_without_outbox
        except errors.MissingExtra as missing:
            port.no_page = missing.detail
        else:
            port.page = page_without_outbox

    def _run(self) -> None:
        while not self._ended.is_set():
            self._look()
            self._ended.wait(min(_EVERY, self._systemd.watchdog or _EVERY))

    def _look(self) -> None:
        """Send the watchdog notification and update the health sign, when due."""
        health = self._health()
        if self._sign is not None:
            self._sign.show()
        fed, now = self._systemd.watchdog, monotonic()
        if fed is not None and now - self._fed >= fed - min(_EVERY, fed) / 2 and (health is None or health.alive):
            self._fed = now
            self._systemd.alive()
        if self._systemd.there and self._state == "working" and now - self._told >= _STATUS_EVERY:
            self._told = now
            self._systemd.status(self._sentence if health is None or health.healthy else spoken(health.reason))

    def _ready(self) -> tuple[int, dict[str, object]]:
        health = self._health()
        ready = health is not None and health.healthy
        return (200 if ready else 503), {"healthy": ready, **self._told_of(health)}

    def _live(self) -> tuple[int, dict[str, object]]:
        health = self._health()
        alive = health is None or health.alive
        return (200 if alive else 503), {"alive": alive, **self._told_of(health)}

    def _health(self) -> Health | None:
        """Health of the worker; None before it starts and after it ends."""
        return None if self._worker is None or self._state == "stopping" else self._worker.health()

    def _told_of(self, health: Health | None) -> dict[str, object]:
        if health is None:
            return {"state": self._state, "silent": 0.0, "reason": self._reason}
        return {"state": health.state, "silent": round(health.silent, 1), "reason": health.reason}
