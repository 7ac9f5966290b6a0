"""
A transport of one's own (that of docs/transports.md) goes through `send`, `asend`, the outbox and the command line.

Whatever stands around the one that sends, the mark before the end of a mail is made: a worker that is killed leaves the
mail in doubt, and its policy decides.
"""

from __future__ import annotations

import asyncio
import logging
import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import AsyncIterable, AsyncIterator, Callable, Iterable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

import courriel
from courriel import (
    AsyncTransport,
    Message,
    Outbox,
    Receipt,
    Reply,
    Sandbox,
    SmtpPool,
    State,
    Submission,
    Transport,
    errors,
)  # fmt: skip
from courriel.cli.main import main
from courriel.delivery import provided
from courriel.delivery.transport import one_after_the_other
from courriel.types import Result
from session.crowd import Crowd

PAGE = Path(__file__).parents[2] / "docs" / "transports.md"
NAMES: dict[str, Any] = {}
for sample in re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL):
    if "class Logged" in sample:
        exec(compile(sample, str(PAGE), "exec"), NAMES)
LoggedTransport: Callable[[Transport], Transport] = NAMES["LoggedTransport"]
LoggedPool: Callable[[Transport], Transport] = NAMES["LoggedPool"]


def mail(number: int = 1) -> Message:
    return Message(sender="ada@example.org", to="bob@example.org", subject=f"mail {number}", text="Hello.")


class AsyncLogged:
    """The same for asyncio."""

    def __init__(self, inner: AsyncTransport) -> None:
        self.inner = inner
        self.name, self.answer_limit, self.parallel = f"logged {inner.name}", inner.answer_limit, inner.parallel

    async def submit(self, submission: Submission) -> Receipt:
        logging.getLogger("shop.mail").info("%s leaves by %s", submission.message_id, self.name)
        return await self.inner.submit(submission)

    def submit_many(
        self, submissions: Iterable[Submission] | AsyncIterable[Submission], *, window: int | Callable[[], int] = 100
    ) -> AsyncIterator[Result]:
        return self.inner.submit_many(submissions, window=window)

    async def close(self) -> None:
        await self.inner.close()


class Last:
    """The innermost transport of a test: asks the guard, then does with the mail what it is told."""

    name, answer_limit, parallel = "last:", 60.0, 2

    def __init__(self, act: Callable[[Submission], Receipt]) -> None:
        self.act = act

    def submit(self, submission: Submission) -> Receipt:
        assert submission.before_end is not None
        if not submission.before_end():
            raise errors.NotPermitted("held back", stage="message")
        return self.act(submission)

    def submit_many(
        self, submissions: Iterable[Submission], *, window: int | Callable[[], int] = 100
    ) -> Iterator[Result]:
        return one_after_the_other(self.submit, submissions)

    def hang_up(self) -> None: ...
    def close(self) -> None: ...


@pytest.fixture(autouse=True)
def settings_of_nobody(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    for name in list(os.environ):
        if name.startswith("COURRIEL_") or name in ("EMAIL_URL", "SMTP_URL"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(provided, "shared", provided.SharedTransports())
    yield
    provided.shared.close()


@pytest.fixture
def crowd() -> Iterator[Crowd]:
    crowd = Crowd()
    yield crowd
    crowd.close()


@pytest.fixture
def place(tmp_path: Path) -> Path:
    return tmp_path / "outbox.db"


def url(crowd: Crowd, options: str = "") -> str:
    return f"smtp://127.0.0.1:{crowd.port}?tls=none&{options}".rstrip("&")


def logged(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage().partition(" leaves by ")[2] for record in caplog.records if record.name == "shop.mail"]


# Sending.


def test_send_takes_it(crowd: Crowd, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", "shop.mail")
    with courriel.connect(url(crowd)) as session:
        receipt = courriel.send(mail(), via=LoggedTransport(session), on_refused="abandon")

    assert receipt.complete
    assert logged(caplog) == [f"logged 127.0.0.1:{crowd.port}"]


def test_asend_takes_one_that_is_awaited(crowd: Crowd, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", "shop.mail")

    async def story() -> Receipt:
        async with await courriel.aconnect(url(crowd)) as session:
            return await courriel.asend(mail(), via=AsyncLogged(session))

    assert asyncio.run(story()).complete
    assert logged(caplog) == [f"logged 127.0.0.1:{crowd.port}"]


def test_a_session_inside_is_opened_and_opened_again_when_it_was_lost(crowd: Crowd) -> None:
    session = courriel.connect(url(crowd))
    transport = LoggedTransport(session)

    courriel.send(mail(1), via=transport)
    session.hang_up()
    courriel.send(mail(3), via=transport)
    transport.close()

    assert dict(crowd.mails) == {"mail 1": 1, "mail 3": 1}
    with pytest.raises(errors.ConnectionFailed, match="not open"):
        courriel.send(mail(4), via=transport)


# The outbox.


@pytest.mark.parametrize("options", ["", "pool=2"])
def test_the_outbox_sends_by_it(crowd: Crowd, place: Path, caplog: pytest.LogCaptureFixture, options: str) -> None:
    caplog.set_level("INFO", "shop.mail")
    inner = courriel.connect(url(crowd, options))
    way = LoggedPool(inner) if isinstance(inner, SmtpPool) else LoggedTransport(inner)
    with Outbox(place, ways={"billing": way}) as outbox:
        tickets = [outbox.put(mail(n), via="billing") for n in range(5)]
        assert outbox.run_once() == 5

        assert {outbox.get(ticket.id).status for ticket in tickets} == {State.SENT}
    way.close()
    assert dict(crowd.mails) == {f"mail {n}": 1 for n in range(5)}
    assert logged(caplog) == [f"logged 127.0.0.1:{crowd.port}"] * 5


def test_a_mail_is_marked_before_its_end_leaves(place: Path) -> None:
    seen: list[State] = []

    def look(submission: Submission) -> Receipt:
        with Outbox(place) as other:
            seen.extend(found.state for found in other.list() if found.message_id == submission.message_id)
        raise errors.ConnectionFailed("no answer came", stage="message", in_doubt=True)

    with Outbox(place, ways={"billing": LoggedTransport(Last(look))}) as outbox:
        held = outbox.put(mail(1), via="billing", on_unsure="hold")
        outbox.run_once()

        assert seen == [State.IN_FLIGHT]
        assert outbox.get(held.id).status is State.HELD


DYING = """
import os, signal, sys
from shop_mail import LoggedTransport
from outbox.test_wrapped_transports import Last
from courriel import Outbox

def die(submission):
    os.kill(os.getpid(), signal.SIGKILL)

with Outbox(sys.argv[1], ways={"billing": LoggedTransport(Last(die))}) as outbox, outbox.worker(ahead=1):
    signal.pause()
"""


@pytest.mark.slow
@pytest.mark.parametrize("policy", ["hold", "resend"])
def test_a_killed_worker_leaves_a_mail_that_its_policy_judges(
    place: Path, tmp_path: Path, policy: str, crowd: Crowd
) -> None:
    (tmp_path / "shop_mail.py").write_text(module())
    with Outbox(place, elsewhere=True) as outbox:
        tickets = [outbox.put(mail(n), via="billing", on_unsure=policy) for n in range(2)]
    tests = Path(__file__).parents[1]
    killed = subprocess.run(
        [sys.executable, "-c", DYING, place], check=False,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(map(str, (tmp_path, tests)))},
    )  # fmt: skip
    assert killed.returncode == -signal.SIGKILL

    way = LoggedTransport(courriel.connect(url(crowd)))
    with closing(way), Outbox(place, ways={"billing": way}) as outbox:
        outbox.run_once()
        states = [outbox.get(ticket.id).status for ticket in tickets]

    assert states == ([State.HELD, State.SENT] if policy == "hold" else [State.SENT, State.SENT])
    assert crowd.total == (1 if policy == "hold" else 2)


def test_two_threads_at_most_use_one_that_says_two(place: Path) -> None:
    inside, most = 0, 0
    together = threading.Barrier(2)
    lock = threading.Lock()

    def send(submission: Submission) -> Receipt:
        nonlocal inside, most
        with lock:
            inside += 1
            most = max(most, inside)
        together.wait(20)
        with lock:
            inside -= 1
        raise errors.MessageRefused(Reply(550, ("no",)), stage="message")

    with Outbox(place, ways={"billing": LoggedTransport(Last(send))}) as outbox:
        tickets = [outbox.put(mail(n), via="billing") for n in range(4)]
        with outbox.worker(workers=4, batch=1):
            for ticket in tickets:
                ticket.wait(timeout=20)

    assert most == 2


# The command line.


def module() -> str:
    (sample,) = (each for each in re.findall(r"```python\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)
                 if "class LoggedTransport:" in each)  # fmt: skip
    return f"{sample}\n\n{MAKER}"


MAKER = """
import os, courriel

def transport():
    return LoggedTransport(courriel.connect(os.environ["INNER"]))
"""


def test_the_command_line_sends_by_it(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level("INFO", "shop_by_name")
    (tmp_path / "shop_by_name.py").write_text(module().replace('"shop.mail"', "__name__"))
    monkeypatch.syspath_prepend(tmp_path)
    with Sandbox() as sandbox:
        monkeypatch.setenv("INNER", sandbox.url)
        status = main(["send", "--via", "python:shop_by_name:transport", "--from", "ada@example.org",
                       "--to", "bob@example.org", "--subject", "x", "--text", "Hello."])  # fmt: skip
        (letter,) = sandbox.letters

    assert status == 0
    assert f"bob@example.org: accepted by 127.0.0.1:{sandbox.port}" in capsys.readouterr().out
    assert letter.recipients == ("bob@example.org",)
    assert [record.name for record in caplog.records if "leaves by" in record.getMessage()] == ["shop_by_name"]


def test_a_worker_finds_it_by_its_settings_and_no_row_names_it(
    tmp_path: Path, place: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "shop_by_profile.py").write_text(module())
    monkeypatch.syspath_prepend(tmp_path)
    own = tmp_path / "config" / "courriel" / "courriel.toml"
    own.parent.mkdir(parents=True)
    own.write_text('[profiles.billing]\nurl = "python:shop_by_profile:transport"\n')
    queue = ["send", "--queue", "--outbox", str(place), "--from", "ada@example.org", "--to", "bob@example.org",
             "--subject", "x", "--text", "Hello.", "--via"]  # fmt: skip
    with Sandbox() as sandbox:
        monkeypatch.setenv("INNER", sandbox.url)
        assert main([*queue, "billing"]) == 0
        assert main([*queue, "python:shop_by_profile:transport"]) == 64
        with Outbox(place) as outbox:
            assert outbox.run_once() == 1
        assert len(sandbox.letters) == 1

    assert "no transport of a program is written into an outbox" in capsys.readouterr().err
