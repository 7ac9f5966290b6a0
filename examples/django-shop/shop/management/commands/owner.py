"""`manage.py owner`: an account for the admin of the example (owner, owner)."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.models import User
from django.core.management.base import BaseCommand


class Command(BaseCommand):
    """Makes the account where it is missing."""

    help = "Make the account `owner` for the admin."

    def handle(self, *args: Any, **options: Any) -> None:
        """Make it."""
        if not User.objects.filter(username="owner").exists():
            User.objects.create_superuser("owner", "owner@example.org", "owner")
