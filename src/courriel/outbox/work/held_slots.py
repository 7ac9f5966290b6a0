"""The slots of a lane's rate that a worker holds while it sends what it has claimed under them."""

from __future__ import annotations

import logging
from time import monotonic

from courriel import errors
from courriel.outbox.store.base import Slots, Store

logger = logging.getLogger("courriel.outbox")


class HeldSlots:
    """Without slots, on a lane without a rate, everything may begin. `began`: a moment before they were taken."""

    def __init__(self, store: Store, slots: Slots | None, began: float) -> None:
        self._store, self._slots, self._began = store, slots, began
        self._answered = began

    def may_begin(self) -> bool:
        """Whether one more mail may begin now; slots that are over are renewed, when nobody else has them by now."""
        if self._slots is None or monotonic() < self._began + self._slots.good_for:
            return True
        began = monotonic()
        try:
            renewed = self._store.renew_slots(self._slots)
        except errors.OutboxError as failed:
            logger.warning("The slots of a rate cannot be renewed: %s", failed, extra={"action": "slots_failed"})
            return False
        if renewed is None:
            return False
        self._slots, self._began = renewed, began
        return True

    def answered(self) -> None:
        """A mail has its answer."""
        self._answered = monotonic()

    def leave(self, used: int, *, in_hand: bool) -> None:
        """So many mails were begun. When the answer to one is still `in_hand`, it may reach the server until now."""
        if self._slots is None:
            return
        ago = 0.0 if in_hand else monotonic() - self._answered
        try:
            self._store.leave_slots(self._slots, used=min(used, self._slots.mails), ago=ago)
        except errors.OutboxError as failed:
            # They count for as long as they are good: longer than they must, and never shorter.
            logger.warning("The slots of a rate stay taken: %s", failed, extra={"action": "slots_failed"})
