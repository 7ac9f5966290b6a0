"""The servers, for the tests of the servers."""

from __future__ import annotations

from servers.fixtures import authority, dovecot, pgbouncer, postfix, postfix_server, postgres, postgres_server

__all__ = ["authority", "dovecot", "pgbouncer", "postfix", "postfix_server", "postgres", "postgres_server"]
