"""Services under a real uvicorn: killed in the middle of a mail, reloaded, ended."""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from courriel import Outbox, Sandbox, State
from integrations.services import LONG, ROOT, ask, until, uvicorn

pytestmark = pytest.mark.acceptance

EXAMPLE = ROOT / "examples" / "fastapi-service" / "service.py"
LOSSY = """
import os
from fastapi import BackgroundTasks, FastAPI
import courriel
from courriel import Message

app = FastAPI()

async def send(to):
    message = Message(sender="a@example.org", to=to, subject="task", text="x")
    await courriel.asend(message, via=os.environ["COURRIEL_URL"])

@app.post("/tasks")
async def task(to: str, tasks: BackgroundTasks):
    tasks.add_task(send, to)
    return "taken"
"""


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox() as running:
        yield running


def asked_for_sender(sandbox: Sandbox) -> bool:
    """Whether a client waits for its answer to MAIL."""
    return any("MAIL FROM" in str(session.transcript) for session in sandbox.sessions)


def test_a_killed_service_loses_its_background_tasks_and_not_its_outbox(sandbox: Sandbox, tmp_path: Path) -> None:
    (tmp_path / "lossy.py").write_text(LOSSY)
    shutil.copy(EXAMPLE, tmp_path / "service.py")
    settings = {"COURRIEL_URL": sandbox.url, "COURRIEL_OUTBOX": str(tmp_path / "orders.db")}
    sandbox.answer("sender", "silence")
    with uvicorn("lossy:app", tmp_path, settings) as (lossy, lossy_port):
        assert ask(lossy_port, "/tasks?to=bob@example.org", "POST") == "taken"
        until(lambda: asked_for_sender(sandbox))
        before = len(sandbox.sessions)
        with uvicorn("service:app", tmp_path, settings) as (service, port):
            assert ask(port, "/orders?number=7&to=bob@example.org", "POST")["ticket"]
            until(lambda: len(sandbox.sessions) > before)
            os.killpg(service.process.pid, signal.SIGKILL)
        os.killpg(lossy.process.pid, signal.SIGKILL)
    sandbox.clear()

    with uvicorn("lossy:app", tmp_path, settings), uvicorn("service:app", tmp_path, settings) as (_, port):
        sandbox.wait_for(subject="Order 7", timeout=LONG)
        until(lambda: ask(port, "/orders/7")["state"] == "SENT")

    assert [letter.subject for letter in sandbox.letters] == ["Order 7"]


def test_a_reload_in_the_middle_of_a_mail_sends_it_once(sandbox: Sandbox, tmp_path: Path) -> None:
    code = tmp_path / "code"
    code.mkdir()
    shutil.copy(EXAMPLE, code / "service.py")
    settings = {"COURRIEL_URL": sandbox.url, "COURRIEL_OUTBOX": str(tmp_path / "orders.db")}
    sandbox.answer("sender", "silence", times=1)

    with uvicorn("service:app", code, settings, "--reload", f"--reload-dir={code}") as (_, port):
        until(lambda: ask(port, "/orders?number=7&to=bob@example.org", "POST"))
        first = ask(port, "/orders/7")["process"]
        until(lambda: asked_for_sender(sandbox))
        (code / "service.py").write_text(EXAMPLE.read_text() + "\n# another version\n")
        until(lambda: ask(port, "/orders/7")["process"] != first)
        sandbox.wait_for(subject="Order 7", timeout=LONG)
        until(lambda: ask(port, "/orders/7")["state"] == "SENT")

    assert len(sandbox.letters) == 1
    with Outbox(tmp_path / "orders.db", elsewhere=True) as outbox:
        info = outbox.get(key="order-7").info
    assert (info.state, info.unsure) == (State.SENT, 0)


def test_a_service_that_ends_says_goodbye_to_the_server(sandbox: Sandbox, tmp_path: Path) -> None:
    settings = {"COURRIEL_URL": sandbox.url, "COURRIEL_OUTBOX": str(tmp_path / "orders.db")}

    with uvicorn("service:app", EXAMPLE.parent, settings) as (service, port):
        ask(port, "/invitations?to=bob@example.org", "POST")
        service.process.terminate()
        assert service.process.wait(LONG) in {0, -signal.SIGTERM}

    assert "QUIT" in str(sandbox.sessions[0].transcript)


def test_a_service_that_ends_gives_back_what_has_not_left(sandbox: Sandbox, tmp_path: Path) -> None:
    settings = {"COURRIEL_URL": sandbox.url, "COURRIEL_OUTBOX": str(tmp_path / "orders.db")}
    sandbox.answer("sender", "silence")

    with uvicorn("service:app", EXAMPLE.parent, settings) as (service, port):
        ask(port, "/orders?number=7&to=bob@example.org", "POST")
        until(lambda: asked_for_sender(sandbox))
        service.process.terminate()
        assert service.process.wait(LONG) in {0, -signal.SIGTERM}

    with Outbox(tmp_path / "orders.db", elsewhere=True) as outbox:
        assert outbox.get(key="order-7").status is State.READY
