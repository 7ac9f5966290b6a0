"""Errors of the outbox: it could not store a mail, or act on it."""

from __future__ import annotations

from courriel.errors.base import CourrielError

TYPE_CHECKING = False

if TYPE_CHECKING:
    from courriel.failures import Facts


class OutboxError(CourrielError):
    """Failure of the outbox to store a mail or to act on it; sessions are not affected."""

    session_usable = True
    _status = 74

    @property
    def sysexit(self) -> int:
        """74 for a disk error, 73 for no room, 66 for a mail or an outbox that is not there, 65 for damage."""
        return self.failure.sysexit if self.failure else self._status

    def _facts(self) -> Facts:
        """Facts for the look-up: an outbox names its record itself, because the others tell of servers and mails."""
        from courriel.failures import Facts  # noqa: PLC0415

        return Facts(hint_id=self.hint_id)


class OutboxFull(OutboxError):
    """No room for this mail in the outbox; nothing of it was written, and it can be put again once there is room."""

    _status = 73

    @property
    def retryable(self) -> bool:
        """True: the mail can be put once there is room."""
        return True


class OutboxUncertain(OutboxError):
    """Disk error during the write, which leaves unknown whether the mail was stored.

    Reopen the outbox and put the mail again with the same key: then it is stored once, in either case.
    """

    @property
    def retryable(self) -> bool:
        """True, with the same key."""
        return True


class OutboxUnreachable(OutboxError):
    """The database server of an outbox cannot be reached, or is not ready yet; nothing was written."""

    _status = 75

    @property
    def retryable(self) -> bool:
        """True: the database server may be back later."""
        return True


class TicketNotFound(OutboxError, LookupError):
    """Ticket id without a mail in this outbox; it may have been pruned."""

    _status = 66


class LeaseLost(OutboxError):
    """Lease of a mail that has passed to another worker or was taken back: the former holder must stop."""


class NotYet(OutboxError, TimeoutError):
    """A mail without a final state at the end of the wait; its delivery goes on all the same."""
