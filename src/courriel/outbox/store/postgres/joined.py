"""A caller's own connection, by which a mail is put in the caller's transaction."""

from __future__ import annotations

from courriel import errors
from courriel.outbox.store.postgres.connection import Connection, PostgresConnection, in_our_words, psycopg
from courriel.outbox.store.postgres.server import PostgresServer

_NO_TRANSACTION = psycopg.pq.TransactionStatus.IDLE
_FAILED_TRANSACTION = psycopg.pq.TransactionStatus.INERROR


def checked_connection(conn: object, server: PostgresServer) -> Connection:
    """The caller's connection, within a transaction of the caller. Raises UsageError for another database or
    schema.
    """
    if not isinstance(conn, psycopg.Connection):
        raise errors.UsageError(
            f"conn: a psycopg.Connection to {server.place}, not {type(conn).__module__}.{type(conn).__name__}"
        )
    if conn.closed or conn.info.transaction_status == _FAILED_TRANSACTION:
        raise errors.UsageError("conn: its transaction has failed, or it is closed; nothing can be put there")
    if conn.autocommit and conn.info.transaction_status == _NO_TRANSACTION:
        raise errors.UsageError("conn: begin a transaction first; this connection commits each statement alone")
    with in_our_words(server.place):
        db = PostgresConnection(conn)
        there = db.last("SELECT to_regclass('outbox_version') IS NOT NULL")[0]
        name = db.last("SELECT name FROM outbox_version")[0] if there else None
        # The tables may have been made anew since.
        if name is None or name not in (server.name, server.name_now()):
            raise errors.UsageError(f"conn: another database, or schema, than that of the outbox, {server.place}")
    return conn
