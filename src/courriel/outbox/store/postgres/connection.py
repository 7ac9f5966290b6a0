"""Connections to PostgreSQL, and the shared statements translated into its dialect."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import contextmanager, nullcontext
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

from courriel import errors
from courriel._lazy_re import expression
from courriel.errors import OutboxError, OutboxFull, OutboxUnreachable
from courriel.model.checks.shown import is_like_url
from courriel.outbox.store.sql.statements import statements, statements_in
from courriel.outbox.store.states import DAMAGED, FULL, MISSING

try:
    import psycopg as psycopg  # noqa: PLC0414 - the other modules import it from here
    from psycopg.adapt import Transformer as Transformer  # noqa: PLC0414 - the same
    from psycopg.conninfo import conninfo_to_dict, make_conninfo
    from psycopg.rows import TupleRow, tuple_row
    from psycopg.types.string import TextLoader
except ImportError as missing:
    raise errors.MissingExtra(
        'an outbox in PostgreSQL needs psycopg: pip install "courriel[postgres]"', hint_id="EXTRA-MISSING"
    ) from missing

if TYPE_CHECKING:
    from psycopg.abc import PQGen

    from courriel.outbox.store.postgres.pipeline import PipelineSession

T = TypeVar("T")
Connection: TypeAlias = "psycopg.Connection[Any]"

LONGEST_SILENCE = 120.0
"""Seconds to wait for the result of one statement: a slow disk may need many, and a lock is waited for 30."""

NOW = "extract(epoch FROM statement_timestamp())::float8"
"""Expression for the server's clock. It is stable within a statement, unlike clock_timestamp(), with which no index
could be used."""

_COMMENT = expression(r"--[^\n]*")
_OURS = expression(r"/\*pg (.*?)\*/")
_CHOSEN = expression(r"IN \((SELECT[^()]*SKIP LOCKED\s*)\)")
_PORTS = expression(r"[0-9]{0,5}(?:,[0-9]{0,5})*")
_PARAMETER = expression(r":(\w+)")

_WORDS = {
    "application_name": "courriel",
    "client_encoding": "utf8",
    "connect_timeout": "10",
    # A server that disappears without closing is noticed within a minute, during any wait.
    "keepalives_idle": "20",
    "keepalives_interval": "10",
    "keepalives_count": "3",
    "tcp_user_timeout": "50000",
}
"""Connection parameters where the URL does not set them."""


def translated(statement: str, *, locking: bool = True) -> str:
    """Translate a shared statement into PostgreSQL's dialect; with `locking=False`, without row locks."""
    text = _OURS.sub(r"\1" if locking else "", _COMMENT.sub("", statement))
    # As an array the mails are selected once; a join could select again for each row, and lease more than asked for.
    text = _CHOSEN.sub(r"= ANY (ARRAY(\1))", text)
    return _PARAMETER.sub(r"%(\1)s", text.replace(":now", NOW).replace("::", "\0")).replace("\0", "::")


def all_translated() -> dict[str, str]:
    """Every statement by name, shared and PostgreSQL's own."""
    all_of_them = statements() | statements_in("postgres_statements")
    said = {name: translated(text) for name, text in all_of_them.items()}
    said["lane_as_it_is"] = translated(all_of_them["lane"], locking=False)
    # The row may be there already: then it stays as it is.
    said["put_mail_again"] = said["put_mail"].replace("ON CONFLICT (key) WHERE key IS NOT NULL DO", "ON CONFLICT DO")
    return said


class PostgresConnection:
    """Executes statements on a connection, which may be a caller's with its own settings."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection

    def execute(self, statement: str, values: Any = None, /) -> psycopg.Cursor[TupleRow]:
        """Execute a statement, not prepared by name: behind PgBouncer the next one may be in another session."""
        cursor = psycopg.Cursor(self.connection, row_factory=tuple_row)  # a caller's may make cursors of another kind
        cursor.adapters.register_loader("json", TextLoader)
        return cursor.execute(statement.encode(), values, prepare=False)

    def execute_each(self, said: Sequence[tuple[str, Any]]) -> list[int]:
        """Execute many statements in one round trip; return the number of rows that each changed."""
        with self.connection.pipeline() if len(said) > 1 else nullcontext():
            cursors = [self.execute(statement, values) for statement, values in said]
        return [cursor.rowcount for cursor in cursors]

    def last(self, script: str) -> TupleRow:
        """Execute several statements without parameters; return the row of the last one."""
        cursor = self.execute(script)
        while cursor.nextset():
            pass
        row = cursor.fetchone()
        if row is None:
            raise psycopg.DataError("outbox_version holds no version; another program has changed it")
        return row


def conninfo(url: str) -> tuple[str, str]:
    """Connection string for libpq, and the URL without secrets for messages. Raises InvalidUrl."""
    try:
        told = conninfo_to_dict(url)
    except psycopg.Error:
        # The text of this error may hold the password, and so would the cause.
        raise errors.InvalidUrl("the outbox's PostgreSQL URL cannot be read: postgresql://user@host/database") from None
    if not _PORTS.fullmatch(str(told.get("port") or "")) or is_like_url(str(told.get("dbname") or "")):
        # A password with a / or an @ that is not encoded is cut there, and a piece of it would be shown as what it is
        # not.
        raise errors.InvalidUrl(
            "the outbox's PostgreSQL URL has a port or a database that is none; what is # / ? @ : or % in a password is"
            " written %23 %2F %3F %40 %3A %25"
        )
    user = f"{told['user']}@" if told.get("user") else ""
    port = f":{told['port']}" if told.get("port") else ""
    place = f"postgresql://{user}{told.get('host') or ''}{port}/{told.get('dbname') or ''}"
    return make_conninfo("", **(_WORDS | told)), place


class Unanswered(psycopg.OperationalError):
    """Timeout of a server that accepts data but does not answer: it hangs, or was stopped. A new connection would wait
    as long.
    """


class InterruptibleConnection(psycopg.Connection[TupleRow]):
    """A connection with a time limit for each result; after it the connection is closed, since the result may still
    come.

    TCP cannot tell a hanging server from a busy one: its operating system acknowledges what we send.
    """

    pipelines: PipelineSession | None = None
    """Pipeline session for whole transactions in one round trip; see `courriel.outbox.store.postgres.pipeline`."""

    def wait(self, gen: PQGen[T], interval: float = 0.1, timeout: float | None = None) -> T:
        """See psycopg.Connection.wait. Raises Unanswered."""
        limit = LONGEST_SILENCE if timeout is None else timeout
        try:
            return super().wait(gen, interval, limit)
        except psycopg.errors._WaitTimeout as late:  # noqa: SLF001 - it has no public name
            self.close()
            raise Unanswered(f"the server has not answered for {limit:g} s") from late


def connected(told: str) -> Connection:
    """Open a connection on which each statement is a transaction of its own, until BEGIN."""
    connection = InterruptibleConnection.connect(told, autocommit=True, prepare_threshold=None)
    connection.adapters.register_loader("json", TextLoader)  # JSON is decoded in rows.py, for every engine
    return connection


_AWAY = ("08", "57P", "53300")
_FOR_GOOD = expression(
    r"(?i)authentification|authentication failed|does not exist|n'existe pas|pg_hba\.conf|no such (?:database|user)"
    r"|certificate|password|mot de passe|not permitted to log in|n'est pas autorisé|SSL was required"
    r"|does not support SSL|permission denied|droit refusé"
)


def is_away(failed: psycopg.Error, said: str) -> bool:
    """Whether the server cannot be reached now, or is not ready, so that a retry may help.

    libpq gives no code for errors before a connection stands, and servers report them in their own language. So the few
    refusals that a retry does not mend are recognised by their texts, and every other error may pass.
    """
    if not isinstance(failed, psycopg.OperationalError):
        return False
    if failed.sqlstate is not None:
        return failed.sqlstate.startswith(_AWAY)
    return not _FOR_GOOD.search(said)


_NO_DATABASE = expression(
    r"(?i)database .*(?:does not exist|n'existe pas)|base de données .*n'existe pas|no such database"
)


def _hint(failed: psycopg.Error, said: str) -> str:
    """Record of the failure table for a PostgreSQL error; "" when there is none."""
    if failed.sqlstate in ("XX001", "XX002"):  # data_corrupted, index_corrupted
        return DAMAGED
    if is_away(failed, said) or not isinstance(failed, psycopg.OperationalError):
        return ""
    if failed.sqlstate is not None and not failed.sqlstate.startswith(("28", "3D")):
        return ""
    return "OUTBOX-NO-DATABASE" if _NO_DATABASE.search(said) else "OUTBOX-LOGIN"


@contextmanager
def in_our_words(place: str) -> Generator[None]:
    """Translate errors of PostgreSQL into OutboxError; their details are left out, because they quote mails."""
    try:
        yield
    except psycopg.errors.DiskFull as full:
        raise OutboxFull(f"{place}: the server's disk is full; nothing was written", hint_id=FULL) from full
    except psycopg.errors.UndefinedTable as gone:
        raise OutboxError(f"{place}: there is no outbox there any more", hint_id=MISSING) from gone
    except psycopg.Error as failed:
        said = failed.diag.message_primary or str(failed).strip().partition("\n")[0] or type(failed).__name__
        kind = OutboxUnreachable if is_away(failed, said) else OutboxError
        raise kind(f"{place}: {said}", hint_id=_hint(failed, said)) from failed
