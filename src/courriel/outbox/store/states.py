"""States, actions and reasons of a mail in the outbox, as they are stored."""

from __future__ import annotations

from enum import IntEnum
from typing import Literal, TypeAlias


class State(IntEnum):
    """State of a mail, as the number that is stored."""

    READY = 0  # waits for a worker, or for its due time
    LEASED = 1  # held by a worker; its end has not left
    IN_FLIGHT = 2  # its end may have left, and no answer is stored
    HELD = 3  # waits for a person
    SENT = 4  # every recipient was accepted
    FAILED = 5  # at least one recipient was refused for good, or it expired
    CANCELED = 6  # taken back before its end left

    @property
    def final(self) -> bool:
        """Whether the state is an end: SENT, FAILED or CANCELED."""
        return self > State.HELD


class OnUnsure(IntEnum):
    """Policy for a mail that may have been delivered without a stored result."""

    RESEND = 0  # a recipient may get it twice, and none goes without
    HOLD = 1  # no recipient gets it twice; a person decides


Action: TypeAlias = Literal["cancel", "hold", "release", "retry_now", "retry_failed", "found", "not_found"]
"""Action of a person on a mail; "found" and "not_found" answer whether a held mail was delivered."""

UNSURE, POISON, LOST, EXPIRED, FOUND = "unsure", "poison", "lost", "expired", "found"
"""Values of `why` with a meaning for programs; any other text is for people."""

SUPPRESSED = "suppressed: "
"""Prefix of the result of a recipient that was left out because it is on the suppression list."""

MISSING, DAMAGED, FORBIDDEN, FULL = "OUTBOX-MISSING", "OUTBOX-DAMAGED", "OUTBOX-FORBIDDEN", "OUTBOX-FULL"
"""Records of the failure table for an outbox: none there, damaged, and not to be used by this user."""

UNREADABLE = "this row cannot be read: "
"""Prefix of `why` for a mail that is held because its row was changed by hand; the unreadable columns follow."""

POISON_AFTER = 5  # consecutive expired leases after which a mail is held as the one that kills its workers

LeaseId: TypeAlias = tuple[str, str]
"""One lease of one mail: the id of the mail, and the token of the claim. A later claim of the mail is another lease."""

Answer: TypeAlias = tuple[int, str, str, float]
"""Last reply for one recipient as it is stored: code (0: a result of our own), enhanced code, text, and time."""
