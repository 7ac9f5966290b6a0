"""
A whole transaction in one round trip: every statement and the end leave together, and the answers come together.

libpq's pipeline without psycopg's cursors, which cost more than the server does. There is one sync, so the statements
are one implicit transaction: all of them, or none. What is refused was undone. What breaks before everything has left
was certainly not done; afterwards nobody knows, unless the server says itself that it was ended before the end.

Whoever waits looks at the socket first and takes the result when it is there: libpq's get_result keeps Python's lock
while it waits, and no other thread would run.
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
"""Admin shutdown, crash shutdown, cannot connect now: the server's own last words on a session."""

NOT_PREPARED = (b"26000", b"42P05")
"""A prepared statement is not there, or is already: another session of the server answers than the one before."""


class Statement:
    """A statement of the outbox with its parameters by number, and the name under which a session keeps it."""

    __slots__ = ("_names", "name", "text")

    def __init__(self, named: str) -> None:
        order: dict[str, int] = {}

        def number(found: Any) -> str:
            return f"${order.setdefault(found[1], len(order) + 1)}"

        self.text = _PARAMETER.sub(number, named).encode()
        self._names = tuple(order)
        # Of what it says: under the same name no session ever finds another statement.
        self.name = b"courriel_" + blake2b(self.text, digest_size=10).hexdigest().encode()

    def parameters(self, values: Mapping[str, object]) -> tuple[list[bytes | None], list[int]]:
        """The values in order, and how each is written. Raises RefusedError for a text that PostgreSQL cannot hold."""
        each = [_parameter(values[name]) for name in self._names]
        return [value for value, _ in each], [form for _, form in each]


Said: TypeAlias = "tuple[Statement, Mapping[str, object]]"


class RefusedError(Exception):
    """The server has refused a statement, or would, and undone all of them. `code` is its SQLSTATE."""

    def __init__(self, code: bytes) -> None:
        super().__init__(code.decode("ascii", "replace"))
        self.code = code


class UnfinishedError(Exception):
    """The connection broke after everything had left: nobody knows whether it was done. Its cause is what broke it."""

    @property
    def hangs(self) -> bool:
        """Whether the server is there, and does not answer."""
        return isinstance(self.__cause__, Unanswered)


class PipelineSession:
    """What is said at once on one connection, which is outside of any transaction before and afterwards."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._wait = _waiter(connection.pgconn.socket)
        self._prepared: set[bytes] = set()

    def is_stale(self) -> bool:
        """Whether something has come while nobody asked: nearly always the server's good-bye."""
        return bool(self._wait(0.0, False))

    def run(self, said: Sequence[Said], *, prepare: bool) -> list[PGresult]:
        """Say all of this as one transaction, and return a result for each.

        Raises RefusedError; UnfinishedError; OperationalError when it was certainly not done. The connection is closed
        unless it may be used again.
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
                results.append(result)  # noqa: PERF402 - what has come before it breaks counts
            pgconn.exit_pipeline_mode()
            over = True
        except psycopg.OperationalError as broken:
            # Only the server itself knows: a pooler's last words are about its own affairs.
            if not left or (prepare and _was_undone(results[: len(told)])):
                raise
            raise UnfinishedError from broken
        finally:
            if not over:
                self._connection.close()
        # What was prepared stays so, whatever became of the transaction.
        answered = list(zip(told, results, strict=False))
        self._prepared.update(name for name, result in answered if name and result.status in _DONE)
        self._check(results)
        return [result for name, result in answered if not name]

    def rows(self, result: PGresult) -> list[tuple[Any, ...]]:
        """The rows of a result, as a cursor gives them."""
        if not result.ntuples:
            return []
        transformer = Transformer(self._connection)
        transformer.set_pgresult(result)
        return transformer.load_rows(0, result.ntuples, tuple)

    # The steps.

    def _send(self, pgconn: PGconn, written: Sequence[_Written]) -> list[bytes]:
        """Of each result that is to come the name of what it prepares, or nothing."""
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
                self._connection.close()  # what it has prepared is not known any more
            raise RefusedError(code)

    def _flush(self, pgconn: PGconn, ends: float) -> None:
        """Wait until everything has left, and take what comes meanwhile: a server that cannot answer stops reading."""
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
                continue  # between two statements
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
            # As octets: as text it would end at a NUL, and the rest would be lost without a word.
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
            raise RefusedError(b"42804")  # psycopg may know more kinds of values


def _was_undone(results: Sequence[PGresult]) -> bool:
    """Whether the server itself has said, instead of an answer to a statement, that it ended the session.

    What it says after all the answers may be said after the commit.
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
    """What waits for the socket so many seconds: to be read, or written as well; whether it may be."""
    if hasattr(select, "poll"):
        reading, writing = select.poll(), select.poll()
        reading.register(socket, select.POLLIN)
        writing.register(socket, select.POLLIN | select.POLLOUT)
        return lambda seconds, both: bool((writing if both else reading).poll(seconds * 1000))

    def wait(seconds: float, both: bool) -> bool:
        found = select.select([socket], [socket] if both else [], [], seconds)
        return bool(found[0] or found[1])

    return wait
