"""Putting mails into the outbox with Django's own connection: in the caller's transaction, and rolled back with it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.db import connections

from courriel import State, Ticket, errors
from courriel.integrations.django.queueing.databases import alias_of, outbox_on, seen_by_django
from courriel.integrations.django.sending.messages import Outgoing
from courriel.integrations.django.sending.options import MailerOptions


class QueuedMail:
    """A mail that was put into the outbox: `message.courriel` with `outbox`.

    `id` is that of its ticket, `using` the alias of the database, `mailer` that of the mailer; `existed` says that the
    key was known, and no second mail was put. `status` is "pending" until the transaction in which it was put is
    committed, "void" when that was rolled back, to a savepoint or as a whole, and then the name of its State in small
    letters. A copy of a message has the same QueuedMail; one that is pickled within the transaction and read elsewhere
    cannot see a rollback, and stays "pending".
    """

    def __init__(self, ticket: Ticket, mailer: str, using: str) -> None:
        self.id = ticket.id
        self.existed = ticket.existed
        self.mailer = mailer
        self.using = using
        connection = connections[using]
        self._connection: Any = connection
        self._transaction = connection.atomic_blocks[0] if connection.in_atomic_block else None
        self._manual = connection.get_autocommit() is False and not connection.in_atomic_block
        self._pickled_open = False

    @property
    def ticket(self) -> Ticket:
        """Its ticket on Django's connection of this thread. Raises TicketNotFound for one that is void."""
        return outbox_on(self.using).get(self.id)

    @property
    def suppressed(self) -> dict[str, str]:
        """Recipients that get no mail because they are on the suppression list, each with the reason.

        Raises TicketNotFound for a mail that is void.
        """
        return self.ticket.info.suppressed

    @property
    def status(self) -> str:
        """Where it is: "pending", "void", or the name of a State: "ready", "sent", "failed" …"""
        if connections[self.using].needs_rollback:
            return "pending"  # nothing can be asked before the rollback that is certain by now
        try:
            with seen_by_django(self.using):
                state = self.ticket.status
        except errors.TicketNotFound:
            if self._pickled_open:
                return "pending"
            own = self._connection is connections[self.using]
            return "void" if own or not self._is_open() else "pending"
        if state is State.READY and self._is_open() and not self.existed:
            return "pending"
        return state.name.lower()

    def __repr__(self) -> str:
        return f"<QueuedMail {self.id} of {self.mailer!r} in {self.using!r}>"

    def __deepcopy__(self, memo: object) -> QueuedMail:
        """The same one: a test's `mail.outbox` keeps copies of messages."""
        return self

    def __getstate__(self) -> dict[str, Any]:
        """All but the connection and the transaction, which stay in their thread."""
        return {
            **vars(self),
            "_connection": None,
            "_transaction": None,
            "_manual": False,
            "_pickled_open": self._is_open(),
        }

    # The steps.

    def _is_open(self) -> bool:
        """Whether the transaction in which it was put is not over; a block entered again counts as the same one."""
        if self._connection is None:
            return False
        if self._manual:
            return not self._connection.get_autocommit()
        blocks = self._connection.atomic_blocks
        return self._transaction is not None and bool(blocks) and blocks[0] is self._transaction


_DECIDED_BY = {
    "key": "message.courriel_key",
    "to": "to, cc and bcc",
    "sender": "from_email",
    "via": "the mailer",
    "conn": "the mailer",
}


def put(out: Outgoing, mailer: str, options: MailerOptions, wanted: Any = None) -> QueuedMail:
    """Put one mail for a mailer, by its alias, with `courriel_options`. Raises UsageError, KeyReused, OutboxError.

    One of which every recipient is on the suppression list is put as failed, and does not raise: a view that writes to
    somebody must not fail because that person wants no mail.
    """
    wanted = _checked(wanted)
    using = alias_of(options)
    keys = None if out.key is None else [out.key]
    with seen_by_django(using):
        (ticket,) = outbox_on(using).put_many(
            [out.content], via=mailer, keys=keys, sender=out.sender, to=list(out.recipients), **wanted
        )
    return QueuedMail(ticket, mailer, using)


# The steps.


def _checked(wanted: Any) -> dict[str, Any]:
    """The options of a message. Raises UsageError for those that the message itself decides."""
    if wanted is None:
        return {}
    if not isinstance(wanted, Mapping):
        raise errors.UsageError(f"courriel_options: a dict of options, not {type(wanted).__name__}")
    for name, instead in _DECIDED_BY.items():
        if name in wanted:
            raise errors.UsageError(f"courriel_options: {name!r} is decided by {instead}")
    return dict(wanted)
