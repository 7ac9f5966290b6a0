"""Putting mails into the outbox with Django's own connection: in the caller's transaction, and rolled back with it."""

from __future__ import annotations

from typing import Any

from django.db import connections

from courriel import State, Ticket, errors
from courriel.integrations.django.queueing.databases import alias_of, outbox_on
from courriel.integrations.django.sending.messages import Outgoing
from courriel.integrations.django.sending.options import MailerOptions


class QueuedMail:
    """A mail that was put into the outbox: `message.courriel` with `outbox`.

    `id` is that of its ticket, `using` the alias of the database, `mailer` that of the mailer; `existed` says that the
    key was known, and no second mail was put. `status` is "pending" until the transaction in which it was put is
    committed, "void" when that was rolled back, to a savepoint or as a whole, and then the name of its State in small
    letters.
    """

    def __init__(self, ticket: Ticket, mailer: str, using: str) -> None:
        self.id = ticket.id
        self.existed = ticket.existed
        self.mailer = mailer
        self.using = using
        connection = connections[using]
        self._connection = connection
        self._transaction = connection.atomic_blocks[0] if connection.in_atomic_block else None
        self._manual = connection.get_autocommit() is False and not connection.in_atomic_block

    @property
    def ticket(self) -> Ticket:
        """Its ticket on Django's connection of this thread. Raises TicketNotFound for one that is void."""
        return outbox_on(self.using).get(self.id)

    @property
    def status(self) -> str:
        """Where it is: "pending", "void", or the name of a State: "ready", "sent", "failed" …"""
        if connections[self.using].needs_rollback:
            return "pending"  # nothing can be asked before the rollback that is certain by now
        try:
            state = self.ticket.status
        except errors.TicketNotFound:
            own = self._connection is connections[self.using]
            return "void" if own or not self._is_open() else "pending"
        if state is State.READY and self._is_open() and not self.existed:
            return "pending"
        return state.name.lower()

    def __repr__(self) -> str:
        return f"<QueuedMail {self.id} of {self.mailer!r} in {self.using!r}>"

    # The steps.

    def _is_open(self) -> bool:
        """Whether the transaction in which it was put is not over; a block entered again counts as the same one."""
        if self._manual:
            return not self._connection.get_autocommit()
        blocks = self._connection.atomic_blocks
        return self._transaction is not None and bool(blocks) and blocks[0] is self._transaction


def put(out: Outgoing, mailer: str, options: MailerOptions, **wanted: Any) -> QueuedMail:
    """Put one mail for a mailer, by its alias. Raises UsageError, KeyReused, OutboxError."""
    using = alias_of(options)
    ticket = outbox_on(using).put(
        out.content, via=mailer, key=out.key, sender=out.sender, to=list(out.recipients), **wanted
    )
    return QueuedMail(ticket, mailer, using)
