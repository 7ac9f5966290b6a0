"""The real servers, for the tests that talk to them."""

from __future__ import annotations

from servers.fixtures import authority, cyrus, dovecot, postfix, postfix_server

__all__ = ["authority", "cyrus", "dovecot", "postfix", "postfix_server"]
