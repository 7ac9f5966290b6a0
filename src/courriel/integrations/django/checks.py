"""System checks of the mailers and of the outbox."""

from __future__ import annotations


def register_all() -> None:
    """Register the checks."""
