"""Objects that the workers of one outbox share."""

from __future__ import annotations

from collections.abc import Callable

from courriel._dataclass import dataclass
from courriel.outbox.lanes import Lanes
from courriel.outbox.listeners import Listeners
from courriel.outbox.store.base import Store
from courriel.outbox.ticket import Ticket
from courriel.outbox.wakeup import Wakeup
from courriel.outbox.work.liveness import Presence


@dataclass(frozen=True, slots=True)
class Tools:
    """Objects shared by the workers of one outbox."""

    store: Store
    ways: Lanes
    listeners: Listeners
    bell: Wakeup
    ticket: Callable[[str], Ticket]
    presence: Presence
