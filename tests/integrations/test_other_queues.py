"""RQ, Dramatiq and Procrastinate with their real workers: retries by the error, and a worker killed in the middle."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

import pytest
from redis import Redis
from rq import Queue, Retry

from courriel import Message, Outbox, Receipt, Sandbox, State, errors
from integrations.services import running, until, with_environment
from servers.fixtures import postgres  # noqa: F401 - a fixture
from servers.postgres import Postgres
from servers.redis import redis

pytestmark = pytest.mark.acceptance

HERE = Path(__file__).parent / "queues"
BIN = Path(sys.executable).parent
MESSAGE = Message(sender="ada@example.org", to="bob@example.org", subject="x", text="x")


@pytest.fixture(scope="module")
def broker() -> Iterator[str]:
    with redis() as url:
        yield url


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox() as running:
        yield running


@pytest.fixture
def settings(sandbox: Sandbox, tmp_path: Path) -> dict[str, str]:
    return {"COURRIEL_URL": sandbox.url, "COURRIEL_OUTBOX": str(tmp_path / "outbox.db"), "PYTHONPATH": str(HERE)}


@pytest.fixture
def outbox(settings: dict[str, str]) -> Iterator[Outbox]:
    with Outbox(settings["COURRIEL_OUTBOX"]) as opened:
        yield opened


def loaded(name: str, settings: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """A module of tasks, as the program that puts them imports it."""
    for variable, value in settings.items():
        monkeypatch.setenv(variable, value)
    spec = spec_from_file_location(name, HERE / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    monkeypatch.setitem(sys.modules, name, module)
    spec.loader.exec_module(module)
    return module


def mails_begun(sandbox: Sandbox) -> int:
    return sum(str(session.transcript).count("MAIL FROM") for session in sandbox.sessions)


# RQ.


@pytest.fixture
def rq_worker(broker: str, settings: dict[str, str]) -> list[str]:
    return with_environment(settings, str(BIN / "rq"), "worker", "--url", broker, "--with-scheduler", "mails")


def test_rq_carries_values_errors_and_retries(
    broker: str, settings: dict[str, str], rq_worker: list[str], sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = loaded("rq_tasks", settings, monkeypatch)
    queue = Queue("mails", connection=Redis.from_url(broker))
    sandbox.answer("message", "451 4.3.0 later", times=1)

    with running(rq_worker):
        job = queue.enqueue(module.send, MESSAGE, retry=Retry(max=2))
        until(lambda: job.get_status(refresh=True) == "finished")
        receipt = job.return_value()
        sandbox.refuse("bob@example.org")
        failed = queue.enqueue(module.send, MESSAGE)
        until(lambda: failed.get_status(refresh=True) == "failed")

    assert isinstance(receipt, Receipt)
    assert len(sandbox.letters) == 1
    result = failed.latest_result()
    assert result is not None
    assert errors.RecipientsRefused.__name__ in str(result.exc_string)


def test_a_killed_worker_of_rq_sends_its_mail_once(
    broker: str, settings: dict[str, str], rq_worker: list[str], outbox: Outbox, sandbox: Sandbox,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    module = loaded("rq_tasks", settings, monkeypatch)
    queue = Queue("mails", connection=Redis.from_url(broker))
    sandbox.answer("message", "silence", times=1)
    ticket = outbox.put(MESSAGE, via=sandbox.url)

    with running(rq_worker) as daemon:
        job = queue.enqueue(module.deliver_mail, ticket.id, retry=Retry(max=2))
        until(lambda: ticket.status is State.IN_FLIGHT)
        holder = int(ticket.info.holder.rpartition(":")[2].partition("/")[0])
        assert holder in daemon.members()
        os.kill(holder, signal.SIGKILL)
        until(lambda: job.get_status(refresh=True) == "finished")

    assert job.return_value() == "sent"
    assert len(sandbox.letters) == 1
    assert ticket.info.unsure == 1


# Dramatiq.


def dramatiq_worker(settings: dict[str, str]) -> list[str]:
    return with_environment(settings, str(BIN / "dramatiq"), "dramatiq_app", "--processes=1", "--threads=1")


def test_dramatiq_tries_again_when_the_error_says_so(
    broker: str, settings: dict[str, str], sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings["REDIS_URL"] = broker
    module = loaded("dramatiq_app", settings, monkeypatch)
    sandbox.answer("message", "451 4.3.0 later", times=2)

    with running(dramatiq_worker(settings)):
        module.send.send(1)
        sandbox.wait_for(subject="Invoice 1", timeout=60)
        sandbox.answer("message", "550 5.7.1 no", times=1)
        module.send.send(2)
        # Dramatiq's place for messages that are not tried again.
        until(lambda: Redis.from_url(broker).hlen("dramatiq:default.XQ.msgs") == 1)

    assert mails_begun(sandbox) == 4
    assert [letter.subject for letter in sandbox.letters] == ["Invoice 1"]


def test_a_killed_worker_of_dramatiq_sends_its_mail_once(
    broker: str, settings: dict[str, str], outbox: Outbox, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings["REDIS_URL"] = broker
    module = loaded("dramatiq_app", settings, monkeypatch)
    sandbox.answer("message", "silence", times=1)
    ticket = outbox.put(MESSAGE, via=sandbox.url)

    with running(dramatiq_worker(settings)) as daemon:
        module.deliver_mail.send(ticket.id)
        until(lambda: ticket.status is State.IN_FLIGHT)
        os.killpg(daemon.process.pid, signal.SIGKILL)
    with running(dramatiq_worker(settings)):
        module.send_due.send()
        sandbox.wait_for(subject="x", timeout=60)
        until(lambda: ticket.status is State.SENT)

    assert len(sandbox.letters) == 1
    assert ticket.info.unsure == 1


# Procrastinate.


@pytest.fixture
def database(postgres: Postgres) -> str:  # noqa: F811 - the fixture
    return postgres.url(postgres.new_database())


def procrastinate_worker(settings: dict[str, str]) -> list[str]:
    return with_environment(settings, str(BIN / "procrastinate"), "--app=procrastinate_app.app", "worker",
                            "--concurrency=1")  # fmt: skip


def test_procrastinate_tries_again_when_the_error_says_so(
    database: str, settings: dict[str, str], sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings |= {"DATABASE_URL": database, "HASTE": "0"}
    module = loaded("procrastinate_app", settings, monkeypatch)
    sandbox.answer("message", "451 4.3.0 later", times=2)

    with module.app.open():
        module.app.schema_manager.apply_schema()
        with running(procrastinate_worker(settings)):
            module.send.defer(number=1)
            sandbox.wait_for(subject="Invoice 1", timeout=60)

    assert mails_begun(sandbox) == 3


def test_a_killed_worker_of_procrastinate_sends_its_mail_once(
    database: str, settings: dict[str, str], outbox: Outbox, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings |= {"DATABASE_URL": database}
    module = loaded("procrastinate_app", settings, monkeypatch)
    sandbox.answer("message", "silence", times=1)
    ticket = outbox.put(MESSAGE, via=sandbox.url)

    with module.app.open():
        module.app.schema_manager.apply_schema()
        with running(procrastinate_worker(settings)) as daemon:
            module.deliver_mail.defer(ticket=ticket.id)
            until(lambda: ticket.status is State.IN_FLIGHT)
            os.killpg(daemon.process.pid, signal.SIGKILL)
        with running(procrastinate_worker(settings)):
            module.send_due.defer()
            sandbox.wait_for(subject="x", timeout=60)
            until(lambda: ticket.status is State.SENT)

    assert len(sandbox.letters) == 1
    assert ticket.info.unsure == 1
