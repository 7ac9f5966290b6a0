"""`manage.py demonstrate`: an order, one that fails, and the worker once."""

from __future__ import annotations

from typing import Any

from django.core.management import call_command
from django.core.management.base import BaseCommand
from django.test import Client


class Command(BaseCommand):
    """Places two orders by the form, and sends what was put."""

    help = "Place two orders, and send what was put into the outbox."

    def handle(self, *args: Any, **options: Any) -> None:
        """Place them."""
        client = Client()
        for what in ("teapot", "unicorn"):
            page = client.post("/", {"what": what, "email": "ada@example.org"}).content.decode()
            self.stdout.write(page.partition("<p>")[2].partition("</p>")[0])
        call_command("courriel_worker", "--once", stdout=self.stdout)
