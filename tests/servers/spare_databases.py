"""Emptying the database of a test for another one: a new one is eleven megabytes of log, and more work than most tests.

A database is either to be empty, or to hold the tables of an outbox and no mail. The second is what most tests ask for;
that the tables are made as they should be is tried by those that ask for the first.
"""

from __future__ import annotations

import psycopg

ALONE = """
SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid()
"""

# Numbers below 16384 are the server's own.
LEFT = """
SELECT count(*) FROM (
    SELECT oid FROM pg_namespace WHERE oid >= 16384
    UNION ALL SELECT oid FROM pg_class WHERE oid >= 16384
    UNION ALL SELECT oid FROM pg_proc WHERE oid >= 16384
) AS left_there
"""

SETTINGS = """
SELECT count(*) FROM pg_db_role_setting
WHERE setdatabase = (SELECT oid FROM pg_database WHERE datname = current_database())
"""

TABLES = """
SELECT md5(string_agg(one, ' ' ORDER BY one COLLATE "C")) FROM (
    SELECT concat_ws(',', relname, relkind, relpersistence, relowner, reloptions) FROM pg_class
    WHERE oid >= 16384 AND relnamespace <> 'pg_toast'::regnamespace
    UNION ALL SELECT concat_ws(',', attrelid::regclass, attname, atttypid, attnotnull, attisdropped)
    FROM pg_attribute JOIN pg_class ON pg_class.oid = attrelid WHERE attrelid >= 16384 AND relkind = 'r'
    UNION ALL SELECT concat_ws(',', tgname, tgrelid::regclass, tgenabled) FROM pg_trigger
    UNION ALL SELECT concat_ws(',', proname, prosrc) FROM pg_proc WHERE oid >= 16384
    UNION ALL SELECT concat_ws(',', conname, convalidated) FROM pg_constraint WHERE oid >= 16384
) AS every (one)
"""

FEW = 1 << 19
"""Octets of mails and bodies: where there were more, a search would still go through their pages."""

SIZE = "SELECT pg_total_relation_size('outbox_mail') + pg_total_relation_size('outbox_body')"

FORGET = """
DELETE FROM outbox_mail; DELETE FROM outbox_body; DELETE FROM outbox_staged; DELETE FROM outbox_lane;
DELETE FROM outbox_slot; DELETE FROM outbox_worker; DELETE FROM outbox_suppressed; DELETE FROM outbox_report;
DELETE FROM outbox_count;
DELETE FROM outbox_setting WHERE name <> 'token key';
UPDATE outbox_setting SET value = md5(gen_random_uuid()::text) || md5(gen_random_uuid()::text);
UPDATE outbox_version SET name = gen_random_uuid()::text, suppressing = 0
"""


def empty(line: psycopg.Connection, role: str) -> bool:
    """Whether nothing is left in the database, once this role's things and all other clients are gone."""
    line.execute(ALONE)
    line.execute(f"DROP OWNED BY {role} CASCADE".encode())
    line.execute(f"ALTER ROLE {role} IN DATABASE {line.info.dbname} RESET ALL".encode())
    return _number(line, LEFT) == 0 and _number(line, SETTINGS) == 0


def forget_mails(line: psycopg.Connection, tables: str) -> bool:
    """Whether the database is an outbox with these tables (see `tables_of`), once rows and other clients are gone."""
    line.execute(ALONE)
    if tables_of(line) != tables or _number(line, SETTINGS) or _number(line, SIZE) > FEW:
        return False
    line.execute(FORGET)
    return True


def tables_of(line: psycopg.Connection) -> str:
    """A digest of the tables of a database: their columns, indexes, triggers and functions."""
    found = line.execute(TABLES).fetchone()
    assert found is not None
    return str(found[0])


def _number(line: psycopg.Connection, question: str) -> int:
    found = line.execute(question.encode()).fetchone()
    assert found is not None
    return int(found[0])
