"""Sending of what is in the outboxes of the project: by the worker of `manage.py courriel_worker`, or once."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Any

from django.db import close_old_connections, connections
from django.dispatch import Signal

from courriel import Outbox, Ticket, errors
from courriel.integrations.django import signals
from courriel.integrations.django.backend import EmailBackend
from courriel.integrations.django.queueing.databases import add_remedy, alias_of, place_of
from courriel.integrations.django.sending.configured import mailers_with
from courriel.integrations.django.sending.options import MailerOptions


def queueing_mailers() -> dict[str, dict[str, MailerOptions]]:
    """The mailers that have an outbox, by the alias of its database and their own. Raises InvalidMailer."""
    found: dict[str, dict[str, MailerOptions]] = {}
    for mailer, options in mailers_with(EmailBackend).items():
        if options.outbox:
            found.setdefault(alias_of(options), {})[mailer] = options
    return found


@contextmanager
def opened_outbox(using: str, mailers: dict[str, MailerOptions]) -> Generator[Outbox]:
    """The outbox in a database, by connections of its own, with the ways of these mailers and the signals.

    Raises UsageError, OutboxError.
    """
    ways = {alias: options.route for alias, options in mailers.items() if options.route is not None}
    try:
        opened = Outbox(place_of(using), ways=ways, create=False, shared=True)
    except errors.OutboxError as failed:
        add_remedy(failed, using)
        raise
    with opened as outbox:
        outbox.on("sent", _teller(signals.sent))
        outbox.on("failed", _teller(signals.refused))
        outbox.on("unsure", _teller(signals.unsure))
        outbox.on("returned", _teller(signals.returned))
        outbox.on("complained", _teller(signals.complained))
        outbox.on("reported", _teller(signals.reported))
        yield outbox


def send_queued(using: str | None = None, *, for_seconds: float | None = None) -> int:
    """Send what is due in the outbox of this database, and return how many mails were tried: for cron and tests.

    `using` may be left out where only one database has an outbox. Mails that are not committed yet are not seen. Raises
    UsageError, OutboxError.
    """
    name, mailers = the_outbox(using)
    if connections[name].in_atomic_block:
        raise errors.UsageError(
            "send_queued() within atomic(): what this transaction puts is not seen before its commit, and it locks a"
            " SQLite file; in a TestCase look at courriel.integrations.django.testing.queued()"
        )
    with opened_outbox(name, mailers) as outbox:
        return outbox.run_once(lanes=list(mailers), for_seconds=for_seconds)


def the_outbox(using: str | None) -> tuple[str, dict[str, MailerOptions]]:
    """The alias of a database, and its mailers. Raises UsageError where there is none, or several and none is named."""
    found = queueing_mailers()
    if using is not None:
        if using not in found:
            raise errors.UsageError(f"no mailer has its outbox in the database {using!r} (OPTIONS: outbox)")
        return using, found[using]
    if len(found) != 1:
        what = f"several databases have one: {', '.join(found)}; name it" if found else "no mailer has an outbox"
        raise errors.UsageError(f"{what} (OPTIONS: outbox)")
    return next(iter(found.items()))


# The steps.


def _teller(signal: Signal) -> Callable[[Ticket], None]:
    def tell(ticket: Ticket) -> None:
        close_old_connections()  # a receiver may use the database, in a thread that no request cleans up after
        try:
            info: Any = ticket.info
            signals.tell(signal, EmailBackend, mailer=info.lane, ticket=ticket, result=info)
        finally:
            close_old_connections()

    return tell
