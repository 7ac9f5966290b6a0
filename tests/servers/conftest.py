"""The servers, for the tests of the servers."""

from __future__ import annotations

from servers.fixtures import authority, dovecot, postfix, postfix_server

__all__ = ["authority", "dovecot", "postfix", "postfix_server"]
