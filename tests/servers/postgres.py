"""A private PostgreSQL, which writes to the disk as a real one does and can be killed, and PgBouncer before it."""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import signal
import subprocess
from collections.abc import Callable, Generator
from itertools import count
from pathlib import Path

import psycopg

from courriel.outbox.store.postgres.store import PostgresStore

from .daemon import CannotStart, Daemon, private_folder, start_somewhere, wait_until
from .packages import PGBOUNCER, POSTGRES, need
from .ports import LOOPBACK, free_ports
from .spare_databases import empty, forget_mails, tables_of

OWNER = "postgres"
"""Who the servers run as when we are root: they refuse to."""

ROLE = "mailer"
"""Whom the outbox logs in as: no superuser, and owner of nothing but its databases."""

CONFIGURATION = """
listen_addresses = '{loopback}'
port = {port}
unix_socket_directories = ''
fsync = on
full_page_writes = on
max_connections = 200
shared_buffers = 32MB
logging_collector = off
log_min_messages = warning
"""

POOLING = """
[databases]
* = host={loopback} port={server_port} user={role}

[pgbouncer]
listen_addr = {loopback}
listen_port = {port}
unix_socket_dir =
auth_type = any
pool_mode = transaction
default_pool_size = 3
max_client_conn = 100
server_login_retry = 0.1
logfile = {folder}/log
"""


class Postgres:
    """One cluster; its address stays the same however often it is killed and started again.

    What a test has asked for is its own until `take_back`, and then emptied for the next one that asks.
    """

    def __init__(self, folder: Path) -> None:
        self.host = LOOPBACK
        (self.port,) = free_ports(1)
        self.data = folder / "data"
        self._numbers = count(1)
        self._tables = ""
        self._lent: dict[str, list[str]] = {}
        self._spare: list[str] = []
        self._spare_outboxes: list[str] = []
        if os.geteuid() == 0:
            shutil.chown(folder, OWNER, OWNER)
        # What initdb writes is not what we test: only from then on does everything have to reach the disk.
        made = [str(POSTGRES.parent / "initdb"), "--no-sync", "--auth=trust", "--encoding=UTF8", "--locale=C.UTF-8"]
        subprocess.run(
            [*_as_owner(), *made, f"--username={OWNER}", f"--pgdata={self.data}"],
            check=True,
            cwd=folder,
            stdout=subprocess.DEVNULL,
            timeout=60,
        )
        with (self.data / "postgresql.conf").open("a") as settings:
            settings.write(CONFIGURATION.format(loopback=LOOPBACK, port=self.port))
        self.daemon = self._started()
        self._say("postgres", f"CREATE ROLE {ROLE} LOGIN")

    def url(self, database: str, *, user: str = ROLE) -> str:
        """Where a database is, as an outbox is told it."""
        return f"postgresql://{user}@{self.host}:{self.port}/{database}"

    def new_database(self) -> str:
        """The name of an empty database of the role."""
        name = ""
        while self._spare and not name:
            spare = self._spare.pop()
            if self._is_ready(spare, lambda line: empty(line, ROLE)):
                name = spare
        if not name:
            name = f"outbox_{next(self._numbers)}"
            self.make_again(name)
        self._lent[name] = self._spare
        return name

    def new_outbox(self) -> str:
        """The name of a database of the role with an outbox that has no mails, and never had any as far as one sees."""
        if self._spare_outboxes:
            name = self._spare_outboxes.pop()
            if self._is_ready(name, lambda line: forget_mails(line, self._tables)):
                self._lent[name] = self._spare_outboxes
                return name
            self._spare.append(name)
        name = self.new_database()
        PostgresStore(self.url(name)).close()
        with self._owners_line(name) as line:
            self._tables = tables_of(line)
        self._lent[name] = self._spare_outboxes
        return name

    def take_back(self) -> None:
        """Have everything that was asked for until now emptied when it is needed again: its tests have ended."""
        for name, spare in self._lent.items():
            spare.append(name)
        self._lent.clear()

    def keep(self, name: str) -> None:
        """Never give this database to another test."""
        self._lent.pop(name, None)

    def drop(self, name: str) -> None:
        """Drop a database under its clients."""
        self._say("postgres", f"DROP DATABASE {name} WITH (FORCE)")

    def make_again(self, name: str) -> None:
        """Make a database of this name, empty, for the role."""
        # A copy by WAL and not by files: no checkpoint of everything that other tests have written.
        self._say("postgres", f"CREATE DATABASE {name} OWNER {ROLE} STRATEGY wal_log")

    def kill(self) -> None:
        """End all of it at once, in whatever it is doing: SIGKILL."""
        for pid in self.daemon.members():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.daemon.end()

    @contextlib.contextmanager
    def hanging(self) -> Generator[None]:
        """It is there, and does nothing: SIGSTOP; then it goes on."""
        stopped = self.everybody()
        for pid in stopped:
            with contextlib.suppress(ProcessLookupError):  # one that cleans up may have ended meanwhile
                os.kill(pid, signal.SIGSTOP)
        try:
            yield
        finally:
            for pid in stopped:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGCONT)

    def start(self) -> None:
        """Start it again, on what is on the disk."""
        self.daemon = self._started()

    def end(self) -> None:
        """End it in peace."""
        self.daemon.end()

    def serves(self) -> bool:
        """Whether it answers a question."""
        try:
            self._say("postgres", "SELECT 1")
        except psycopg.OperationalError:
            return False
        return True

    # The steps.

    def everybody(self) -> list[int]:
        """The server's processes: those that serve clients each have a session of their own."""
        found = self.daemon.members()
        for pid in found:
            with contextlib.suppress(OSError):
                children = map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text("ascii").split())
                found += [child for child in children if child not in found]
        return found

    def _started(self) -> Daemon:
        folder = private_folder("postgres-run")
        command = [*_as_owner(), str(POSTGRES), "-D", str(self.data)]
        daemon = Daemon(command, folder=folder, log=folder / "log", ports=[self.port])
        # It listens a moment before it serves; after a crash it reads its log first.
        if not wait_until(self.serves, 30):
            daemon.end()
            raise CannotStart(f"PostgreSQL does not serve:\n{daemon.words()}")
        return daemon

    def _is_ready(self, name: str, emptied: Callable[[psycopg.Connection], bool]) -> bool:
        try:
            with self._owners_line(name) as line:
                return emptied(line)
        except psycopg.Error:  # it was dropped, or lost some of its tables
            return False

    def _say(self, database: str, statement: str) -> None:
        with self._owners_line(database) as line:
            line.execute(statement.encode())

    def _owners_line(self, database: str) -> psycopg.Connection:
        return psycopg.connect(self.url(database, user=OWNER), autocommit=True, connect_timeout=10)


class PgBouncer:
    """In transaction mode: no two transactions of a connection need be the same session of the server."""

    def __init__(self, server: Postgres) -> None:
        self._server = server
        self.host = LOOPBACK
        (self.port,) = free_ports(1)
        self.daemon = self._started()

    def url(self, database: str) -> str:
        """Where a database is, through it; its connections outlast a test, and so the database is kept."""
        self._server.keep(database)
        return f"postgresql://{ROLE}@{self.host}:{self.port}/{database}"

    def kill_and_start(self) -> None:
        """End it at once, in whatever it is doing, and start it again at the same address."""
        for pid in self.daemon.members():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.daemon.end()
        self.daemon = self._started()

    def end(self) -> None:
        """End it in peace."""
        self.daemon.end()

    # The steps.

    def _started(self) -> Daemon:
        folder = private_folder("pgbouncer")
        settings = folder / "pgbouncer.ini"
        settings.write_text(
            POOLING.format(loopback=LOOPBACK, port=self.port, server_port=self._server.port, role=ROLE, folder=folder)
        )
        if os.geteuid() == 0:
            shutil.chown(folder, OWNER, OWNER)
        command = [*_as_owner(), PGBOUNCER, str(settings)]
        return Daemon(command, folder=folder, log=folder / "log", ports=[self.port])


@contextlib.contextmanager
def postgres() -> Generator[Postgres]:
    """A running PostgreSQL. It is skipped, with the package's name, where it is not installed."""
    need(str(POSTGRES))
    with _folder("postgres") as folder:
        running = start_somewhere(lambda: Postgres(folder))
        try:
            yield running
        finally:
            running.end()


@contextlib.contextmanager
def pgbouncer(server: Postgres) -> Generator[PgBouncer]:
    """A running PgBouncer before this server."""
    need(PGBOUNCER)
    running = start_somewhere(lambda: PgBouncer(server))
    try:
        yield running
    finally:
        running.end()


@contextlib.contextmanager
def _folder(name: str) -> Generator[Path]:
    folder = private_folder(name)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _as_owner() -> list[str]:
    if os.geteuid() != 0:
        return []
    pwd.getpwnam(OWNER)  # it comes with the package
    return ["/usr/bin/setpriv", f"--reuid={OWNER}", f"--regid={OWNER}", "--clear-groups"]
