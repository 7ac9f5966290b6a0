"""A process that has no file descriptor left when it is to send: mails wait, and the error is one of ours."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from courriel import Outbox, Sandbox
from outbox.conftest import message

pytest.importorskip("resource")

BEGIN = """
import json, os, resource, sys
from courriel import Outbox, errors

resource.setrlimit(resource.RLIMIT_NOFILE, (200, 200))
outbox = Outbox(sys.argv[1])
outbox.stats()
taken = []

def take_all(but):
    try:
        while True:
            taken.append(os.open(os.devnull, os.O_RDONLY))
    except OSError:
        for _ in range(but):
            os.close(taken.pop())

def give_back():
    while taken:
        os.close(taken.pop())

def states():
    return [[info.state.name, info.tries, info.why] for info in outbox.list()]
"""
AT_ONCE = """
worker, raised = outbox.worker(), ""
take_all(but=int(sys.argv[2]))
try:
    worker.run_once()
except errors.OutboxError as failed:
    raised = str(failed)
give_back()
before = states()
print(json.dumps({"raised": raised, "before": before, "sent": outbox.run_once(), "after": states()}))
"""
IMPORTED = """
outbox.on("sent", lambda ticket: ticket.info.standings)
outbox.on_attempt(lambda attempt: None)
worker = outbox.worker(confirm=lambda message_id, lane: None)
from courriel.outbox.work.lease_keeper import LeaseKeeper
known, start = set(), LeaseKeeper.start

def noted(keeper):
    known or known.update(sys.modules)  # of the first run
    start(keeper)

LeaseKeeper.start = noted
worker.run_once()
for info in outbox.list(unsure=True):
    outbox.get(info.id).retry_now()
outbox.resume(outbox.lanes()[0].name)
worker.run_once()
print(json.dumps({"imported": sorted(set(sys.modules) - known), "after": states()}))
"""


def _ran(program: str, *arguments: str) -> Any:
    done = subprocess.run(
        [sys.executable, "-c", BEGIN + program, *arguments], capture_output=True, text=True, timeout=100, check=True
    )
    return json.loads(done.stdout)


@pytest.mark.slow
@pytest.mark.parametrize("left", [0, 1, 2])
def test_who_can_open_nothing_sends_nothing_and_spoils_no_mail(tmp_path: Path, sandbox: Sandbox, left: int) -> None:
    with Outbox(tmp_path / "outbox.db") as outbox:
        outbox.put_many([message(n) for n in range(5)], via=sandbox.url)

    found = _ran(AT_ONCE, str(tmp_path / "outbox.db"), str(left))

    assert found["raised"].lower().count("too many open files") == 1
    assert found["before"] == [["READY", 0, ""]] * 5
    assert (found["sent"], len(sandbox.letters)) == (5, 5)
    assert [state for state, *_ in found["after"]] == ["SENT"] * 5


@pytest.mark.slow
def test_nothing_is_imported_while_mails_are_sent(tmp_path: Path, sandbox: Sandbox) -> None:
    """Neither for refusals, nor for mails that are unsure, nor for listeners."""
    with Outbox(tmp_path / "outbox.db") as outbox:
        outbox.put_many([message(n, to=["a@example.org", "b@example.org"]) for n in range(9)], via=sandbox.url)
    sandbox.answer("message", "550 5.7.1 no", nth=1, times=1)
    sandbox.answer("recipient", "450 4.2.0 later", nth=4, times=1)
    sandbox.answer("message", "hang up", nth=3, times=1)

    found = _ran(IMPORTED, str(tmp_path / "outbox.db"))

    assert found["imported"] == []
    assert {state for state, *_ in found["after"]} == {"SENT", "FAILED", "READY"}
