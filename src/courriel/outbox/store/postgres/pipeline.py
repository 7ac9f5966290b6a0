"""
A whole transaction in one round trip: all statements and the sync are sent together, and the results come together.

This is libpq's pipeline mode without psycopg's cursors, which cost more than the server does. There is one sync, so the
statements are one implicit transaction: all of them, or none. What the server refuses is undone. A failure before
everything was sent is certainly not committed; after that the result is unknown, unless the server itself says that it
ended the session before the commit.

A wait polls the socket first and takes the result when it is there: libpq's get_result holds Python's global
interpreter lock while it waits, and no other thread would run.
"""

from __future__ import annotations

import select
from collections.abc import Callable, Iterator, Mapping, Sequence
from hashlib import blake2b
from time import monotonic
from typing import TYPE_CHECKING, Any, TypeAlias

from courriel._lazy_re import expression
from courriel.outbox.store.postgres import connection as postgres_line
from courriel.outbox.store.postgres.connection import Connection, Transformer, Unanswered, psycopg

if TYPE_CHECKING:
    from psycopg.pq.abc import PGconn, PGresult

_PARAMETER = expression(r"%\((\w+)\)s")
_TEXT, _OCTETS = 0, 1
_Parameter: TypeAlias = "tuple[bytes | None, int]"
_Written: TypeAlias = "tuple[Statement, list[bytes | None], list[int]]"

_pq = psycopg.pq
_DONE = (_pq.ExecStatus.COMMAND_OK, _pq.ExecStatus.TUPLES_OK)
_ENDED_BY_ADMINISTRATOR = (b"57P01", b"57P02", b"57P03")
"""SQLSTATE of admin shutdown, crash shutdown, cannot connect now: the server's last message in a session."""

NOT_PREPARED = (b"26000", b"42P05")
"""SQLSTATE of a prepared statement that is missing, or exists already: another server session answers than before."""


class Statement:
    """A statement of the outbox with numbered parameters, and its name as a prepared statement."""

    __slots__ = ("_names", "name", "text")

    def __init__(self, named: str) -> None:
        order: dict[str, int] = {}

        def number(found: Any) -> str:
            return f"${order.setdefault(found[1], len(order) + 1)}"

        self.text = _PARAMETER.sub(number, named).encode()
        self._names = tuple(order)
        # A digest of the text: the same name never means another statement.
        self.name = b"courriel_" + blake2b(self.text, digest_size=10).hexdigest().encode()

    def parameters(self, values: Mapping[str, object]) -> tuple[list[bytes | None], list[int]]:
        """Values in the order of the numbers, and the format of each. Raises RefusedError for a text with a NUL."""
        each = [_parameter(values[name]) for name in self._names]
        return [value for value, _ in each], [form for _, form in each]


BoundStatement: TypeAlias = "tuple[Statement, Mapping[str, object]]"


class RefusedError(Exception):
    """The server refused a statement, or would, and undid all of them. `code` is its SQLSTATE."""

    def __init__(self, code: bytes) -> None:
        super().__init__(code.decode("ascii", "replace"))
        self.code = code


class UnfinishedError(Exception):
    """The connection broke after everything was sent: it is unknown whether it was committed."""

    @property
    def hangs(self) -> bool:
        """Whether the server is reachable, but does not answer."""
        return isinstance(self.__cause__, Unanswered)


class PipelineSession:
    """Transactions in one round trip on one connection, which is outside of any transaction before and afterwards."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._wait = _waiter(connection.pgconn.socket)
        self._prepared: set[bytes] = set()

    def is_stale(self) -> bool:
        """Whether unexpected data has arrived: nearly always the server's closing message."""
        return bool(self._wait(0.0, False))

    def run(self, said: Sequence[BoundStatement], *, prepare: bool) -> list[PGresult]:
        """Run statements as one transaction, and return a result for each.

        Raises RefusedError; UnfinishedError; OperationalError when certainly nothing was committed. The connection is
        closed unless it may be used again.
        """
        written = [(statement, *statement.parameters(values)) for statement, values in said]
        pgconn = self._connection.pgconn
        ends = monotonic() + postgres_line.LONGEST_SILENCE
        results: list[PGresult] = []
        told: list[bytes] = []
        left = over = False
        try:
            pgconn.enter_pipeline_mode()
            told = self._send(pgconn, written) if prepare else _send_unprepared(pgconn, written)
            pgconn.pipeline_sync()
            self._flush(pgconn, ends)
            left = True
            for result in self._results(pgconn, ends):
                results.append(result)  # noqa: PERF402 - results before a failure count
            pgconn.exit_pipeline_mode()
            over = True
        except psycopg.OperationalError as broken:
            # Only the server itself knows: a pooler's closing message is about its own affairs.
            if not left or (prepare and _was_undone(results[: len(told)])):
                raise
            raise UnfinishedError from broken
        finally:
            if not over:
                self._connection.close()
        # Prepared statements stay, whether or not the transaction was committed.
        answered = list(zip(told, results, strict=False))
        self._prepared.update(name for name, result in answered if name and result.status in _DONE)
        self._check(results)
        return [result for name, result in answered if not name]

    def rows(self, result: PGresult) -> list[tuple[Any, ...]]:
        """Rows of a result, as a cursor returns them."""
        if not result.ntuples:
            return []
        transformer = Transformer(self._connection)
        transformer.set_pgresult(result)
        return transformer.load_rows(0, result.ntuples, tuple)

    # The steps.

    def _send(self, pgconn: PGconn, written: Sequence[_Written]) -> list[bytes]:
        """Send the statements; for each expected result, the name of the statement it prepares, or empty."""
        told: list[bytes] = []
        new: set[bytes] = set()
        for statement, values, forms in written:
            name = statement.name
            if name not in self._prepared and name not in new:
                pgconn.send_prepare(name, statement.text)
                new.add(name)
                told.append(name)
            pgconn.send_query_prepared(name, values, param_formats=forms, result_format=_OCTETS)
            told.append(b"")
        return told

    def _check(self, results: Sequence[PGresult]) -> None:
        refused = next((result for result in results if result.status not in _DONE), None)
        if refused is not None:
            code = refused.error_field(_pq.DiagnosticField.SQLSTATE) or b""
            if code in NOT_PREPARED:
                self._connection.close()  # its prepared statements are not known any more
            raise RefusedError(code)

    def _flush(self, pgconn: PGconn, ends: float) -> None:
        """Wait until everything is sent, and read what arrives meanwhile: a server whose send buffer is full stops
        reading.
        """
        while pgconn.flush():
            self._wait_until(ends, True)
            pgconn.consume_input()

    def _results(self, pgconn: PGconn, ends: float) -> Iterator[PGresult]:
        while True:
            while pgconn.is_busy():
                self._wait_until(ends, False)
                pgconn.consume_input()
            result = pgconn.get_result()
            if result is None:
                if pgconn.status == _pq.ConnStatus.BAD:
                    raise psycopg.OperationalError(pgconn.get_error_message())
                continue  # the separator between two statements
            if result.status == _pq.ExecStatus.PIPELINE_SYNC:
                return
            yield result

    def _wait_until(self, ends: float, writing: bool) -> None:
        if not self._wait(max(0.0, ends - monotonic()), writing):
            limit = postgres_line.LONGEST_SILENCE
            raise Unanswered(f"the server has not answered for {limit:g} s")


# The steps.


def _parameter(value: object) -> _Parameter:
    match value:
        case None:
            return None, _TEXT
        case str():
            # As octets: a text would end at a NUL, and the rest would be lost silently.
            try:
                return value.encode(), _OCTETS
            except UnicodeEncodeError:
                raise RefusedError(b"22021") from None
        case bytes() | bytearray() | memoryview():
            return bytes(value), _OCTETS
        case int():
            return b"%d" % value, _TEXT
        case float():
            return float.__repr__(value).encode(), _TEXT
        case _:
            raise RefusedError(b"42804")  # psycopg may know more types of values


def _was_undone(results: Sequence[PGresult]) -> bool:
    """Whether the server reported, instead of a result, that it ended the session.

    The same message after all results may come after the commit.
    """
    for result in results:
        if result.status not in _DONE:
            return result.error_field(_pq.DiagnosticField.SQLSTATE) in _ENDED_BY_ADMINISTRATOR
    return False


def _send_unprepared(pgconn: PGconn, written: Sequence[_Written]) -> list[bytes]:
    for statement, values, forms in written:
        pgconn.send_query_params(statement.text, values, param_formats=forms, result_format=_OCTETS)
    return [b""] * len(written)


def _waiter(socket: int) -> Callable[[float, bool], bool]:
    """A function that waits for the socket up to so many seconds, to read or also to write; it returns whether it is
    ready.
    """
    if hasattr(select, "poll"):
        reading, writing = select.poll(), select.poll()
        reading.register(socket, select.POLLIN)
        writing.register(socket, select.POLLIN | select.POLLOUT)
        return lambda seconds, both: bool((writing if both else reading).poll(seconds * 1000))

    def wait(seconds: float, both: bool) -> bool:
        found = select.select([socket], [socket] if both else [], [], seconds)
        return bool(found[0] or found[1])

    return wait
