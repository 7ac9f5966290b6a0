"""
Asynchronous mode: mail is put into the outbox, on disk when the call returns; a worker of this process sends it on the
open session, or any other worker that knows the session's name.

The password is not stored: mail still waiting when the program ends is sent when a session of that name is opened
again, or by a worker with a profile of that name (`courriel worker`).
"""

from __future__ import annotations

import atexit
import re
import time
from _thread import allocate_lock
from secrets import randbits
from typing import TYPE_CHECKING

from courriel.failures import Text
from courriel.wlangage.problem import Problem
from courriel.wlangage.program_state import OpenSession, here, program_state

if TYPE_CHECKING:
    from courriel import Outbox, SmtpSession
    from courriel.types import Connected, Sendable, Worker

_PATIENCE = 30.0  # seconds that closing waits for mails due; the rest stays on disk
_AT_EXIT = 5.0  # seconds to wait for replies at program exit
_LOOK = 0.05
_MANY = 200  # mails examined to find one that is due
_AS_IT_IS = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}")
_LIKE_A_CODE = re.compile(r"-[0-9a-f]{2}")


class Spool:
    """The outbox of this program, and the workers that send on its open sessions."""

    def __init__(self) -> None:
        self._outbox: Outbox | None = None
        self._workers: dict[str, Worker] = {}
        self._lock = allocate_lock()

    @property
    def outbox(self) -> Outbox:
        """The configured outbox (COURRIEL_OUTBOX), opened on first use. Raises OutboxError, UsageError."""
        from courriel import Outbox

        with self._lock:
            if self._outbox is None:
                self._outbox = Outbox(elsewhere=True)
                atexit.register(self.close)
            return self._outbox

    def begin(self, lane: str, way: Connected) -> None:
        """Send the mails of this lane by this way from now on, including those of earlier programs."""
        self.end(lane, _AT_EXIT)
        self.outbox.use(lane, way)
        self._workers[lane] = self.outbox.worker(lanes=[lane]).start()

    def end(self, lane: str, grace: float) -> None:
        """Stop the worker of this lane, waiting up to `grace` seconds for replies."""
        worker = self._workers.pop(lane, None)
        if worker is not None:
            worker.stop(grace)

    def is_busy(self, lane: str) -> bool:
        """Whether a mail of this lane is being sent, or due."""
        from courriel import State

        lanes = {each.name: each for each in self.outbox.lanes()}
        if lane in lanes and (lanes[lane].stopped or lanes[lane].paused > 0):
            return False
        now = time.time()
        if any(each.due <= now for each in self.outbox.list(State.READY, lane=lane, most=_MANY)):
            return True
        # In the order of a mail's states, so that none is missed between two queries.
        return any(
            True for state in (State.LEASED, State.IN_FLIGHT) for _ in self.outbox.list(state, lane=lane, most=1)
        )

    def close(self) -> None:
        """Stop the workers, and close the outbox; the remaining mails stay on disk."""
        for lane in list(self._workers):
            self.end(lane, _AT_EXIT)
        with self._lock:
            outbox, self._outbox = self._outbox, None
        if outbox is not None:
            outbox.close()
            atexit.unregister(self.close)


spool = Spool()


class SpooledSession(OpenSession):
    """A session whose mail is sent through the outbox."""

    def __init__(self, smtp: SmtpSession | None, way: Connected, lane: str) -> None:
        super().__init__(smtp, way)
        self.lane = lane
        spool.begin(self.lane, way)

    def put(self, message: Sendable, **envelope: object) -> int:
        """Put one mail into the outbox, on disk on return, and return its number. Raises OutboxError, UsageError.

        The number fits an integer of eight octets with a sign, as programs declare it; it is the mail's key.
        """
        number = randbits(62) + 1
        _ = spool.outbox.put(message, via=self.lane, on_refused="abandon", key=key_of(number), **envelope)  # type: ignore[arg-type]
        return number

    def close(self) -> None:
        """Wait for mails due, up to the time-out; the rest stays on disk, with a notice in ErreurInfo."""
        ends = time.monotonic() + min(_PATIENCE, program_state.seconds)
        while spool.is_busy(self.lane) and time.monotonic() < ends:
            time.sleep(_LOOK)
        spool.end(self.lane, max(1.0, ends - time.monotonic()))
        super().close()
        self._warn_of_unsent()

    def _warn_of_unsent(self) -> None:
        waiting = sum(
            count.mails for count in spool.outbox.stats() if count.lane == self.lane and not count.state.final
        )
        if waiting:
            here().problem = Problem.notice(
                Text(
                    f"{waiting} messages attendent dans la boîte d'envoi ; ils partiront quand une session de ce nom "
                    f"sera ouverte, ou par courriel worker avec un profil nommé {self.lane}.",
                    f"{waiting} messages wait in the outbox; they will leave when a session of that name is opened, or "
                    f"by courriel worker with a profile named {self.lane}.",
                )
            )


def key_of(number: int) -> str:
    """The key in the outbox of the mail of a number."""
    return f"wlangage:{number}"


def lane_of(name: str) -> str:
    """Lane name for a session name: unchanged if valid as a profile name, else with hex codes (`-40`).

    Different sessions never share a lane.
    """
    if _AS_IT_IS.fullmatch(name) and not _LIKE_A_CODE.search(name):
        return name
    written = "".join(
        each if each.isascii() and (each.isalnum() or each in "_.") else "".join(f"-{o:02x}" for o in each.encode())
        for each in name
    )
    if len(written) <= 64 and not written.startswith(("-", ".")):
        return written
    from hashlib import sha256

    return f"session_{sha256(name.encode('utf-8', 'surrogatepass')).hexdigest()[:48]}"
