"""`manage.py courriel_worker`: sends what the project puts into its outbox, until it is told to stop."""

from __future__ import annotations

from argparse import ArgumentParser
from collections.abc import Callable
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from courriel import Ticket, errors
from courriel.integrations.django.words import pair
from courriel.integrations.django.worker import opened_outbox, the_outbox


class Command(BaseCommand):
    """Sends the mails of the outbox."""

    help = str(
        pair(
            "Sends the mails of the outbox until it is stopped (SIGTERM, Ctrl-C); any number may run.",
            "Envoie les courriels de la boîte d'envoi jusqu'à l'arrêt (SIGTERM, Ctrl-C) ; plusieurs peuvent tourner.",
        )
    )
    requires_migrations_checks = False

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Add the options."""
        parser.add_argument(
            "--database",
            help=str(pair("alias of the database, where several have one", "alias de la base, s'il y en a plusieurs")),
        )
        parser.add_argument(
            "--workers", type=int, default=1, help=str(pair("threads that send", "fils qui envoient")), metavar="N"
        )
        parser.add_argument(
            "--once",
            action="store_true",
            help=str(pair("send what is due, and end: for cron", "envoyer ce qui est dû, puis finir : pour cron")),
        )
        parser.add_argument(
            "--for",
            dest="for_seconds",
            type=float,
            metavar="SECONDS",
            help=str(pair("with --once: begin nothing after so long", "avec --once : ne rien commencer ensuite")),
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Work until a signal, or once."""
        try:
            using, mailers = the_outbox(options["database"])
            with opened_outbox(using, mailers) as outbox:
                names = ", ".join(mailers)
                outbox.on("failed", self._teller(pair("Not sent", "Non envoyé")))
                outbox.on("unsure", self._teller(pair("In doubt", "Dans le doute")))
                if options["once"]:
                    tried = outbox.run_once(lanes=list(mailers), for_seconds=options["for_seconds"])
                    self.stdout.write(str(pair("mails tried: {}", "courriels essayés : {}")).format(tried))
                    return
                begun = pair("Sending for {} from {}; Ctrl-C stops.", "Envoi pour {} depuis {} ; Ctrl-C arrête.")
                self.stdout.write(str(begun).format(names, outbox.place))
                self.stdout.flush()
                unsure = outbox.work(workers=options["workers"], lanes=list(mailers))
        except (errors.UsageError, errors.OutboxError) as failed:
            raise CommandError("\n".join([str(failed), *getattr(failed, "__notes__", ())])) from failed
        ended = pair("Stopped; {} mails are in doubt.", "Arrêté ; {} courriels sont incertains.")
        self.stdout.write(str(ended).format(unsure))

    # The steps.

    def _teller(self, what: object) -> Callable[[Ticket], None]:
        """A listener that prints a mail which may not have arrived as an error: its recipients, the servers' words."""

        def tell(ticket: Ticket) -> None:
            info = ticket.info
            refused = [f"{name}: {reply}" for name, reply in info.refused.items()]
            said = refused or [", ".join(info.recipients), *filter(None, [info.why])]
            self.stderr.write("; ".join([f"{what} ({info.id})", *said]))

        return tell
