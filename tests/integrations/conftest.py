"""The real servers that the tests of integrations use."""

from servers.fixtures import postgres

__all__ = ["postgres"]
