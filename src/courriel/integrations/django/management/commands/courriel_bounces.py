"""`manage.py courriel_bounces`: takes the reports about the mails of the project's outbox from a mailbox."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

import courriel
from courriel import errors
from courriel.integrations.django.words import pair
from courriel.integrations.django.worker import opened_outbox, the_outbox
from courriel.outbox.work.stop_signals import stopped_by_signals


class Command(BaseCommand):
    """Takes bounces and complaints from a mailbox."""

    help = str(
        pair(
            "Takes the reports about mails of the outbox from a mailbox: bounces, complaints. Letters stay where they"
            " are.",
            "Prend dans une boîte les rapports sur les courriels envoyés : retours, plaintes. Les lettres restent où"
            " elles sont.",
        )
    )
    requires_migrations_checks = False

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Add the options."""
        parser.add_argument(
            "mailbox", help=str(pair("imaps:// or pops:// URL, or a profile", "URL imaps:// ou pops://, ou un profil"))
        )
        parser.add_argument(
            "--database",
            help=str(pair("alias of the database, where several have one", "alias de la base, s'il y en a plusieurs")),
        )
        parser.add_argument("--folder", default="INBOX", help=str(pair("IMAP folder (INBOX)", "dossier IMAP (INBOX)")))
        parser.add_argument(
            "--once",
            action="store_true",
            help=str(pair("take what is there, and end: for cron", "prendre ce qui est là, puis finir : pour cron")),
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Watch until a signal, or take what is there."""
        try:
            using, mailers = the_outbox(options["database"])
            with (
                opened_outbox(using, mailers) as outbox,
                courriel.mailbox(options["mailbox"]) as box,
                outbox.watch_bounces(box, options["folder"], once=options["once"]) as watch,
                stopped_by_signals(watch.stop),
            ):
                for taken in watch:
                    for entry in taken.entries:
                        self.stdout.write(f"{entry.event} {entry.recipient} {entry.text}")
        except errors.CourrielError as failed:
            raise CommandError("\n".join([str(failed), *getattr(failed, "__notes__", ())])) from failed
