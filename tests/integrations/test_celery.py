"""Celery with a real Redis: tickets delivered, errors that travel, a worker killed in the middle of a mail."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from types import ModuleType

import pytest

from courriel import Outbox, Receipt, Sandbox, State, errors
from integrations.queue_workers import MESSAGE, Loading
from integrations.services import LONG, python, running, until
from servers.daemon import Daemon

pytestmark = pytest.mark.acceptance


@pytest.fixture
def settings(settings: dict[str, str], broker: str) -> dict[str, str]:
    return settings | {"REDIS_URL": broker, "C_FORCE_ROOT": "1"}


@pytest.fixture
def shop(load: Loading) -> ModuleType:
    return load("celery_app")


def worker(settings: dict[str, str], *options: str) -> list[str]:
    return python(settings, "-m", "celery", "--app=celery_app", "worker", "--concurrency=1", "--loglevel=WARNING",
                  "--without-gossip", "--without-mingle", *options)  # fmt: skip


def children(daemon: Daemon) -> list[int]:
    """The processes that carry out tasks: those below the one that was started."""
    parent = daemon.process.pid
    text = Path(f"/proc/{parent}/task/{parent}/children").read_text()
    return [int(word) for word in text.split()]


def test_a_ticket_is_delivered(shop: ModuleType, settings: dict[str, str], outbox: Outbox, sandbox: Sandbox) -> None:
    ticket = outbox.put(MESSAGE, via=sandbox.url, key="x")

    with running(worker(settings)):
        assert shop.deliver.delay(ticket.id).get(timeout=LONG) == "sent"

    assert [letter.subject for letter in sandbox.letters] == ["x"]


def test_values_and_errors_travel_by_pickle(shop: ModuleType, settings: dict[str, str], sandbox: Sandbox) -> None:
    with running(worker(settings)):
        receipt = shop.send.delay(MESSAGE).get(timeout=LONG)
        sandbox.refuse("bob@example.org")
        with pytest.raises(errors.RecipientsRefused) as caught:
            shop.send.delay(MESSAGE).get(timeout=LONG)

    assert isinstance(receipt, Receipt)
    assert receipt.message_id == MESSAGE.message_id
    assert caught.value.refused["bob@example.org"].code == 550
    assert not caught.value.retryable


def test_errors_are_still_themselves_in_json(shop: ModuleType, settings: dict[str, str], sandbox: Sandbox) -> None:
    sandbox.answer("recipient", "451 4.7.1 come back later")
    shop.app.conf.result_serializer = "json"

    with running(worker({**settings, "RESULTS": "json"})), pytest.raises(errors.RecipientsRefused) as caught:
        shop.invoice.delay(42).get(timeout=LONG)

    assert caught.value.retryable
    assert caught.value.reply.code == 451


def test_a_task_is_tried_again_when_the_error_says_so(
    shop: ModuleType, settings: dict[str, str], sandbox: Sandbox
) -> None:
    sandbox.answer("message", "451 4.3.0 later", times=2)

    with running(worker(settings)):
        shop.send.delay(MESSAGE).get(timeout=LONG)

    assert sum(str(session.transcript).count("MAIL FROM") for session in sandbox.sessions) == 3
    assert len(sandbox.letters) == 1


def test_a_worker_killed_in_the_middle_sends_its_mail_once(
    shop: ModuleType, settings: dict[str, str], outbox: Outbox, sandbox: Sandbox
) -> None:
    sandbox.answer("message", "silence", times=1)
    ticket = outbox.put(MESSAGE, via=sandbox.url, key="x", on_unsure="resend")

    with running(worker(settings)) as daemon:
        result = shop.deliver.delay(ticket.id)
        until(lambda: ticket.status is State.IN_FLIGHT)
        (child,) = children(daemon)
        os.kill(child, signal.SIGKILL)
        until(lambda: ticket.info.unsure or ticket.status is State.SENT)
        assert result.get(timeout=LONG) == "sent"

    assert [letter.subject for letter in sandbox.letters] == ["x"]
    assert ticket.info.unsure == 1


def test_a_mail_whose_task_was_lost_is_sent_by_the_beat(
    settings: dict[str, str], outbox: Outbox, sandbox: Sandbox
) -> None:
    outbox.put(MESSAGE, via=sandbox.url, key="x")
    schedule = str(Path(settings["COURRIEL_OUTBOX"]).with_name("schedule"))

    with running(worker({**settings, "EVERY": "1"}, "--beat", f"--schedule={schedule}")):
        sandbox.wait_for(subject="x", timeout=LONG)
