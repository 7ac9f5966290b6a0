"""hoodiecrow, an IMAP server of other people for tests of clients: its dialect is one of its own."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Generator
from dataclasses import dataclass

from courriel import Security, Server

from .accounts import ADA
from .daemon import Daemon, private_folder, start_somewhere
from .peers import NODE_MODULES, PROGRAMS, need_node
from .ports import LOOPBACK, free_ports

# CONDSTORE is left out: its HIGHESTMODSEQ does not move with what others do.
PLUGINS = ("ID", "IDLE", "SASL-IR", "AUTH-PLAIN", "NAMESPACE", "ENABLE", "LITERALPLUS", "UNSELECT", "SPECIAL-USE")


@dataclass(frozen=True, slots=True)
class Hoodiecrow:
    """A running server; Ada's INBOX has three letters, each of which answers the one before it."""

    port: int
    daemon: Daemon

    @property
    def server(self) -> Server:
        """What a client needs to reach it."""
        return Server("127.0.0.1", self.port, Security.NONE)


@contextlib.contextmanager
def hoodiecrow(*more: str) -> Generator[Hoodiecrow]:
    """Run a hoodiecrow with these plugins besides the usual ones; nothing is kept of it."""
    node = need_node("hoodiecrow-imap")

    def start() -> Hoodiecrow:
        folder, port = private_folder("hoodiecrow"), free_ports(1)[0]
        settings = {
            "modules": str(NODE_MODULES), "host": LOOPBACK, "port": port, "user": ADA.user, "password": ADA.password,
            "plugins": [*PLUGINS, *more],
        }  # fmt: skip
        command = [node, str(PROGRAMS / "hoodiecrow.cjs"), json.dumps(settings)]
        return Hoodiecrow(port, Daemon(command, folder=folder, log=folder / "output", ports=[port]))

    started = start_somewhere(start)
    with started.daemon:
        yield started
