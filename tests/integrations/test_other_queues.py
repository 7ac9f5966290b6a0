"""RQ, Dramatiq and Procrastinate with their real workers: retries by the error, and a worker killed in the middle."""

from __future__ import annotations

import os
import signal

import pytest
from redis import Redis
from rq import Queue, Retry

from courriel import Outbox, Receipt, Sandbox, State, errors
from integrations.queue_workers import BIN, MESSAGE, Loading
from integrations.services import running, until, with_environment
from servers.fixtures import postgres, postgres_server  # noqa: F401 - fixtures
from servers.postgres import Postgres

pytestmark = pytest.mark.acceptance


def mails_begun(sandbox: Sandbox) -> int:
    return sum(str(session.transcript).count("MAIL FROM") for session in sandbox.sessions)


# RQ.


@pytest.fixture
def rq_worker(broker: str, settings: dict[str, str]) -> list[str]:
    return with_environment(settings, str(BIN / "rq"), "worker", "--url", broker, "--with-scheduler", "mails")


def test_rq_carries_values_errors_and_retries(
    broker: str, settings: dict[str, str], rq_worker: list[str], sandbox: Sandbox, load: Loading
) -> None:
    module = load("rq_tasks")
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
    load: Loading,
) -> None:  # fmt: skip
    module = load("rq_tasks")
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
    broker: str, settings: dict[str, str], sandbox: Sandbox, load: Loading
) -> None:
    settings["REDIS_URL"] = broker
    module = load("dramatiq_app")
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
    broker: str, settings: dict[str, str], outbox: Outbox, sandbox: Sandbox, load: Loading
) -> None:
    settings["REDIS_URL"] = broker
    module = load("dramatiq_app")
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


def test_dramatiq_ends_the_message_of_a_ticket_that_is_gone(
    broker: str, settings: dict[str, str], outbox: Outbox, load: Loading
) -> None:
    settings["REDIS_URL"] = broker
    module = load("dramatiq_app")

    with running(dramatiq_worker(settings)):
        module.deliver_mail.send("0" * 32)
        until(lambda: Redis.from_url(broker).hlen("dramatiq:default.XQ.msgs") == 1)


# Procrastinate.


@pytest.fixture
def database(postgres: Postgres) -> str:  # noqa: F811 - the fixture
    return postgres.url(postgres.new_database())


def procrastinate_worker(settings: dict[str, str]) -> list[str]:
    return with_environment(settings, str(BIN / "procrastinate"), "--app=procrastinate_app.app", "worker",
                            "--concurrency=1")  # fmt: skip


def test_procrastinate_tries_again_when_the_error_says_so(
    database: str, settings: dict[str, str], sandbox: Sandbox, load: Loading
) -> None:
    settings |= {"DATABASE_URL": database, "HASTE": "0"}
    module = load("procrastinate_app")
    sandbox.answer("message", "451 4.3.0 later", times=2)

    with module.app.open():
        module.app.schema_manager.apply_schema()
        with running(procrastinate_worker(settings)):
            module.send.defer(number=1)
            sandbox.wait_for(subject="Invoice 1", timeout=60)

    assert mails_begun(sandbox) == 3


def test_a_killed_worker_of_procrastinate_sends_its_mail_once(
    database: str, settings: dict[str, str], outbox: Outbox, sandbox: Sandbox, load: Loading
) -> None:
    settings |= {"DATABASE_URL": database}
    module = load("procrastinate_app")
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
