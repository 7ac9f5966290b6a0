"""What tasks of any queue use: whether to try again, when, and a mail of an outbox delivered by its ticket."""

from __future__ import annotations

import pickle
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import ClassVar

import pytest

from courriel import Address, Attachment, Message, Outbox, ReadyMessage, Receipt, Reply, Sandbox, State, errors
from courriel.integrations import celery
from courriel.integrations.tasks import (
    TRIES,
    SendAgain,
    deliver,
    send_again_if_retryable,
    send_due,
    should_retry,
    wait_before,
)
from integrations.services import until

MESSAGE = Message(sender="ada@example.org", to="bob@example.org", subject="x", text="x")
REFUSED, LATER = Reply(550, ("5.7.1 no",)), Reply(451, ("4.3.0 later",))


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox() as running:
        yield running


@pytest.fixture
def place(tmp_path: Path) -> Path:
    return tmp_path / "outbox.db"


@pytest.fixture
def ticket(sandbox: Sandbox, place: Path) -> str:
    with Outbox(place) as outbox:
        return outbox.put(MESSAGE, via=sandbox.url).id


@pytest.mark.parametrize(
    ("error", "again"),
    [
        (errors.MessageRefused(LATER), True),
        (errors.MessageRefused(REFUSED), False),
        (errors.ConnectionFailed("x", in_doubt=True), False),
        (errors.InvalidAddress("x"), False),
        (SendAgain("x"), True),
        (ValueError("x"), False),
        (ConnectionError("of another library"), False),
    ],
)
def test_what_is_tried_again_is_what_the_error_allows(error: Exception, again: bool) -> None:
    assert should_retry(0, error) is again
    assert should_retry(TRIES - 2, error) is again
    assert should_retry(TRIES - 1, error) is False


def test_waiting_doubles_and_has_an_end() -> None:
    assert [wait_before(retries) for retries in (0, 1, 2)] == [60, 120, 240]
    assert wait_before(10**6) == 4 * 3600


def test_queues_that_know_classes_are_told_by_one() -> None:
    def fails(error: Exception) -> None:
        raise error

    task = send_again_if_retryable(fails)

    assert task.__name__ == "fails"
    with pytest.raises(SendAgain, match="later"):
        task(errors.MessageRefused(LATER))
    with pytest.raises(errors.MessageRefused):
        task(errors.MessageRefused(REFUSED))


def test_a_ticket_is_delivered_once_however_often_its_task_runs(ticket: str, place: Path, sandbox: Sandbox) -> None:
    assert deliver(ticket, place) == "sent"
    assert deliver(ticket, place) == "sent"

    assert len(sandbox.letters) == 1


def test_a_mail_that_is_put_off_says_when_it_is_due(ticket: str, place: Path, sandbox: Sandbox) -> None:
    sandbox.answer("message", "451 4.3.0 later", times=1)

    with pytest.raises(SendAgain, match="later") as caught:
        deliver(ticket, place)

    assert 200 < caught.value.seconds < 400
    again = pickle.loads(pickle.dumps(caught.value))
    assert (str(again), again.seconds) == (str(caught.value), caught.value.seconds)


def test_a_mail_that_failed_ends_its_task(ticket: str, place: Path, sandbox: Sandbox) -> None:
    sandbox.refuse("bob@example.org")

    assert deliver(ticket, place) == "failed"
    assert deliver(ticket, place) == "failed"


def test_a_mail_that_waits_for_a_person_ends_its_task(ticket: str, place: Path, sandbox: Sandbox) -> None:
    with Outbox(place, elsewhere=True) as outbox:
        outbox.get(ticket).hold()

    assert deliver(ticket, place) == "held"
    assert sandbox.letters == []


def test_a_task_a_minute_sends_what_lost_its_own(ticket: str, place: Path, sandbox: Sandbox) -> None:
    assert ticket
    assert send_due(place) == 1
    assert len(sandbox.letters) == 1


def test_an_unknown_ticket_and_a_missing_outbox_are_errors(ticket: str, place: Path, tmp_path: Path) -> None:
    with pytest.raises(errors.TicketNotFound):
        deliver("0" * 32, place)
    with pytest.raises(errors.CourrielError):
        deliver(ticket, tmp_path / "nothing.db")
    assert not (tmp_path / "nothing.db").exists()


@pytest.mark.slow
def test_a_task_that_is_handed_out_again_while_its_mail_is_being_sent_sends_nothing(
    ticket: str, place: Path, sandbox: Sandbox
) -> None:
    sandbox.answer("message", "silence", times=1)
    program = f"from courriel.integrations.tasks import deliver; deliver({ticket!r}, {str(place)!r})"
    with Outbox(place, elsewhere=True) as outbox, subprocess.Popen([sys.executable, "-c", program]) as first:
        until(lambda: outbox.get(ticket).status is State.IN_FLIGHT)

        with pytest.raises(SendAgain, match="IN_FLIGHT"):
            deliver(ticket, place)

        first.kill()
    assert len(sandbox.sessions) == 1


def test_celery_asks_again_before_redis_would_hand_a_task_out_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    class App:
        tasks: ClassVar[dict[str, Callable[..., object]]] = {}

        def task(self, name: str, **_: object) -> Callable[[Callable[..., object]], object]:
            return lambda function: self.tasks.setdefault(name, function)

    class Retried(Exception):
        pass

    class Task:
        waited: ClassVar[list[float]] = []

        def retry(self, exc: Exception, countdown: float) -> Exception:
            self.waited.append(countdown)
            return Retried()

    monkeypatch.setattr(celery, "deliver", lambda ticket, *_, **__: throw(SendAgain("x", float(ticket))))
    celery.deliver_task(App())

    for seconds in ("7", "14400"):
        with pytest.raises(Retried):
            App.tasks["courriel.deliver"](Task(), seconds)

    assert Task.waited == [7, 1800]


def throw(error: Exception) -> None:
    raise error


@pytest.mark.parametrize(
    "value",
    [
        MESSAGE.with_data(b"x", "x.bin"),
        ReadyMessage.parse(MESSAGE.as_bytes()),
        Address.parse("Ada <ada@example.org>"),
        Attachment.data(b"x", "x.bin"),
        Reply(550, ("5.1.1 no",)),
        Receipt("h:25", "<1@h>", Reply(250, ("ok",)), ()),
    ],
    ids=lambda value: type(value).__name__,
)
def test_values_survive_pickling(value: object) -> None:
    assert pickle.loads(pickle.dumps(value)) == value


@pytest.mark.slow
def test_no_task_queue_is_imported_for_it() -> None:
    program = """
import sys
import courriel.integrations.tasks, courriel.integrations.celery
assert not {"celery", "kombu", "rq", "redis", "dramatiq", "procrastinate"} & set(sys.modules)
"""
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)
