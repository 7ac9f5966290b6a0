"""The engines of a chaos run, each with what can be killed of it."""

from __future__ import annotations

from servers.fixtures import postgres, postgres_server

__all__ = ["postgres", "postgres_server"]
