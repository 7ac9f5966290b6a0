"""HeldSlots: slots of a lane's rate that a worker holds while it sends the mails claimed under them."""

from __future__ import annotations

from time import monotonic

from courriel import errors
from courriel.network.careful_log import CarefulLogger
from courriel.outbox.store.base import Store
from courriel.outbox.store.jobs import ClaimedSlots

logger = CarefulLogger("courriel.outbox")


class HeldSlots:
    """Slots of one batch; without slots (a lane without a rate) every mail may begin. `began` is a time before the
    claim.
    """

    def __init__(self, store: Store, slots: ClaimedSlots | None, began: float) -> None:
        self._store, self._slots, self._began = store, slots, began
        self._answered = began

    def may_begin(self) -> bool:
        """Whether one more mail may begin now; expired slots are renewed, unless others have taken them."""
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
        """Record the answer to a mail."""
        if self._slots is not None:
            self._answered = monotonic()

    def leave(self, used: int, *, in_hand: bool) -> None:
        """Give the slots back after `used` mails; one still `in_hand` may have reached the server until now."""
        if self._slots is None:
            return
        ago = 0.0 if in_hand else monotonic() - self._answered
        try:
            self._store.leave_slots(self._slots, used=min(used, self._slots.mails), ago=ago)
        except errors.OutboxError as failed:
            # They count until they expire: longer than necessary, and never shorter.
            logger.warning("The slots of a rate stay taken: %s", failed, extra={"action": "slots_failed"})
