"""Ctrl-C and SIGTERM, at any moment: no traceback, nothing kept that has not left, and the true number."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

import inside
from courriel import Message, Outbox, State

pytestmark = pytest.mark.acceptance

MAILS = 20

INTERRUPTED_AT_AN_IMPORT = """
import os, signal, sys
class Interrupting:
    def find_spec(self, name, path=None, target=None):
        if name == sys.argv[1]:
            sys.argv[1] = ""
            print("interrupted", flush=True)
            os.kill(os.getpid(), signal.SIGINT)
sys.meta_path.insert(0, Interrupting())
from courriel.cli.main import main
sys.exit(main(sys.argv[2:]))
"""

SEND = ["send", "--via", "smtp://127.0.0.1:1", "--from", "ada@example.org", "--to", "bob@example.org", "--text", "x"]


HANDLED = ("courriel.outbox.outbox", "courriel.outbox.work.worker")
"""Modules of the worker that are loaded when its signal handlers stand: being asked to end is no error then."""


@pytest.mark.parametrize(
    ("module", "command"),
    [
        (module, command)
        for command, modules in (
            (
                ("worker", "--outbox", "o.db"),
                ("courriel.cli.worker.command", "courriel.outbox.outbox", "courriel.outbox.work.worker"),
            ),
            (SEND, ("courriel.cli.send.command", "courriel.network.blocking")),
        )
        for module in ("courriel.cli.i18n", "click", "courriel.cli.program", *modules)
    ],
)
def test_ctrl_c_while_the_command_is_being_loaded_ends_it_without_a_traceback(
    tmp_path: Path, module: str, command: list[str]
) -> None:
    asked = [sys.executable, "-c", INTERRUPTED_AT_AN_IMPORT, module, *command]

    done = subprocess.run(asked, capture_output=True, text=True, check=False, cwd=tmp_path, timeout=30)

    assert done.stdout.startswith("interrupted"), "the module is not imported any more"
    assert "Traceback" not in done.stderr
    assert done.returncode == (0 if module in HANDLED else 130)


@pytest.fixture
def silent_after() -> Iterator[Callable[[str], str]]:
    """A server that says nothing any more at this moment: its URL."""
    lines: list[socket.socket] = []
    servers: list[socket.socket] = []

    def serve(server: socket.socket, moment: str) -> None:
        with suppress(OSError):
            while True:
                line, _ = server.accept()
                lines.append(line)
                if moment == "dot":
                    converse(line)

    def begin(moment: str) -> str:
        servers.append(socket.create_server(("127.0.0.1", 0)))
        threading.Thread(target=serve, args=(servers[-1], moment), daemon=True).start()
        return f"smtp://127.0.0.1:{servers[-1].getsockname()[1]}?tls=none"

    yield begin
    for each in (*servers, *lines):
        each.close()


def converse(line: socket.socket) -> None:
    """Take one mail, and never say whether it is taken over."""
    line.sendall(b"220 x\r\n")
    with line.makefile("rb") as said:
        for command in said:
            if command.startswith(b"DATA"):
                line.sendall(b"354 go\r\n")
                while said.readline() not in (b".\r\n", b""):
                    pass
                return
            line.sendall(b"250 x\r\n")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize(("moment", "unsure"), [("greeting", 0), ("dot", 1)])
@pytest.mark.parametrize("how", ["after grace", "told twice", "once, told twice", "once, after grace"])
def test_a_worker_beside_a_server_that_hangs_gives_back_what_has_not_left_and_says_so(
    tmp_path: Path, silent_after: Callable[[str], str], moment: str, unsure: int, number: int, how: str
) -> None:
    place = str(tmp_path / "outbox.db")
    with Outbox(place) as outbox:
        mails = [
            Message(sender="ada@example.org", to="bob@example.org", subject=str(number), text="x")
            for number in range(MAILS)
        ]
        tickets = outbox.put_many(mails, via=silent_after(moment), on_unsure="hold")
        grace = "3600" if "twice" in how else "0.1"
        command = [sys.executable, "-m", "courriel", "worker", "--outbox", place, "--grace", grace, "--json"]
        command += ["--once"] if "once" in how else []
        with subprocess.Popen(command, stdout=subprocess.PIPE, env=os.environ | {"PYTHONWARNINGS": "error"}) as worker:
            wanted = State.IN_FLIGHT if unsure else State.LEASED
            while not any(info.state is wanted for info in outbox.list()):
                assert worker.poll() is None
                inside.bell_of(outbox).wait(inside.bell_of(outbox).rung, 0.01)
            worker.send_signal(number)
            if "twice" in how:
                while worker.poll() is None:  # a signal that comes while the first is being handled may be one with it
                    worker.send_signal(number)
                    with suppress(subprocess.TimeoutExpired):
                        worker.wait(0.002)
            out, _ = worker.communicate(timeout=30)

        stopped = json.loads(out.splitlines()[-1])
        states = [ticket.status for ticket in tickets]
        assert (stopped["event"], stopped["unanswered"], stopped["waiting"]) == ("stopped", unsure, MAILS - unsure)
        assert (states.count(State.HELD), states.count(State.READY)) == (unsure, MAILS - unsure)
        assert not any(ticket.info.tries for ticket in tickets if ticket.status is State.READY)
