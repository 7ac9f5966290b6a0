"""HTTP providers behind an outbox: throttling, doubt, and workers that die once the request has left."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from courriel import Outbox, State, Ticket
from http_providers import dying
from http_providers.conftest import PROVIDERS, mail
from inside import bell_of, forget_shared_groups
from outbox.conftest import engine, outbox, place
from servers.fixtures import postgres, postgres_server
from servers.http_providers import Answer, Exchange, HttpProviderServer
from session.stranger import Phone, stranger

__all__ = ["engine", "outbox", "place", "postgres", "postgres_server"]

Url = Callable[..., str]


@pytest.fixture
def profile(url: Url, tmp_path: Path) -> Callable[[str], str]:
    """A profile of the user's own settings, for every process of this user."""

    def make(provider: str, more: str = "") -> str:
        folder = tmp_path / "config" / "courriel"
        folder.mkdir(parents=True)
        (folder / "courriel.toml").write_text(f'[profiles.{provider}]\nurl = "{url(provider, more)}"\n')
        return provider

    return make


@pytest.mark.slow
@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_lane_leads_to_a_provider(
    server: HttpProviderServer, outbox: Outbox, profile: Callable[..., str], provider: str
) -> None:
    lane = profile(provider)
    tickets = outbox.put_many([mail(to=f"n{n}@example.org") for n in range(5)], via=lane)
    refused = outbox.put(mail(sender="mallory@elsewhere.example"), via=lane)
    impossible = outbox.put(mail(html="", list_unsubscribe="mailto:u@x.example", headers={"X-Mailer": "m"}), via=lane)

    outbox.run_once()

    assert [ticket.status for ticket in tickets] == [State.SENT] * 5
    assert refused.status is State.FAILED
    assert "HTTP 40" in str(refused.info.results)
    assert impossible.status is (State.SENT if provider == "graph" else State.FAILED)
    assert len(server.taken) == (6 if provider == "graph" else 5)


def test_a_throttled_lane_rests_for_as_long_as_the_provider_says(
    server: HttpProviderServer, outbox: Outbox, profile: Callable[..., str]
) -> None:
    lane = profile("graph")
    ticket = outbox.put(mail(), via=lane)
    server.story = [Answer(429, b"{}", {"Retry-After": "1800"})]

    outbox.run_once()

    (info,) = [each for each in outbox.lanes() if each.name == lane]
    assert 1750 < info.paused < 1800 * 1.16
    assert ticket.status is State.READY
    outbox.resume(lane)
    outbox.run_once()
    assert ticket.status is State.SENT


@pytest.mark.slow
def test_a_refused_login_keeps_the_mails(
    server: HttpProviderServer, outbox: Outbox, profile: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BREVO_SECRET", "of yesterday")
    lane = profile("brevo")
    tickets = outbox.put_many([mail(to=f"n{n}@example.org") for n in range(3)], via=lane)

    outbox.run_once()
    states = [ticket.status for ticket in tickets]
    monkeypatch.setenv("BREVO_SECRET", "key-secret-1")
    outbox.resume(lane)
    outbox.run_once()

    assert states == [State.READY] * 3
    assert [ticket.status for ticket in tickets] == [State.SENT] * 3, "the key is read again"


@pytest.mark.slow
def test_a_worker_that_goes_on_reads_a_refused_key_again(
    server: HttpProviderServer, outbox: Outbox, profile: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MAILJET_SECRET", "of yesterday")
    lane = profile("mailjet")
    ticket = outbox.put(mail(), via=lane)

    with outbox.worker():
        ends = time.monotonic() + 20
        while not any(each.paused for each in outbox.lanes()):
            assert time.monotonic() < ends
            bell_of(outbox).wait(bell_of(outbox).rung, 0.05)
        monkeypatch.setenv("MAILJET_SECRET", "key-secret-1")
        outbox.resume(lane)
        info = ticket.wait(20)

    assert info.state is State.SENT


def take_and_reset(exchange: Exchange) -> None:
    exchange.usual()
    exchange.reset()


@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_mail_in_doubt_is_held_and_not_sent_twice(
    server: HttpProviderServer, outbox: Outbox, profile: Callable[..., str], provider: str
) -> None:
    ticket = outbox.put(mail(), via=profile(provider), on_unsure="hold")
    server.story = [take_and_reset]

    outbox.run_once()
    outbox.run_once()

    assert (ticket.status, ticket.info.unsure) == (State.HELD, True)
    assert len(server.taken) == 1


def finish(outbox: Outbox, ticket: Ticket) -> None:
    """Another worker goes on, which finds out that the first one is dead."""
    ends = time.monotonic() + 60
    while ticket.status in (State.READY, State.LEASED, State.IN_FLIGHT):
        assert time.monotonic() < ends, ticket.info
        ticket.retry_now()
        outbox.run_once()


@pytest.mark.slow
@pytest.mark.parametrize("moment", ["before the whole request", "taken", "answered"])
@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_worker_is_killed_by_the_moment_of_its_request(
    server: HttpProviderServer, outbox: Outbox, place: str, profile: Callable[..., str], provider: str, moment: str
) -> None:
    ticket = outbox.put(mail(), via=profile(provider), on_unsure="hold")
    folder = str(Path(dying.__file__).parent.parent)
    worker: list[subprocess.Popen[bytes]] = []

    def kill(exchange: Exchange) -> None:
        if moment != "before the whole request":
            exchange.usual()
        if moment == "answered":
            exchange.line.sendall(b"HTTP/1.1 2")
        worker[0].send_signal(signal.SIGKILL)
        worker[0].wait(20)

    if moment == "before the whole request":
        server.early = [kill]
    else:
        server.story = [kill]
    worker.append(subprocess.Popen([sys.executable, dying.__file__, place], env=os.environ | {"PYTHONPATH": folder}))
    died = worker[0].wait(30)
    finish(outbox, ticket)

    assert died == -signal.SIGKILL
    assert len(server.taken) <= 1
    if moment == "before the whole request":
        # The end may have left already, in the same moment: then a person decides.
        assert ticket.status is State.SENT or (ticket.info.unsure and not server.taken)
    else:
        assert (ticket.status, ticket.info.unsure, len(server.taken)) == (State.HELD, True, 1)


@pytest.mark.slow
@pytest.mark.parametrize("moment", ["refused by the first", "taken by the second"])
def test_a_worker_is_killed_between_a_provider_and_a_server(
    server: HttpProviderServer, outbox: Outbox, place: str, tmp_path: Path, url: Url, moment: str
) -> None:
    """The first way gets its key with the mail, which is marked when it refuses: then the second one is stored."""
    worker: list[subprocess.Popen[bytes]] = []

    def kill() -> None:
        worker[0].send_signal(signal.SIGKILL)
        worker[0].wait(20)

    def refuse(_exchange: Exchange) -> Answer:
        if moment == "refused by the first":
            kill()
        return Answer(401, b"{}")

    def take(phone: Phone) -> None:
        for line in ("220 ready", "250 first", "250 ok", "250 ok"):
            phone.ask(line)
        phone.say("354 go on")
        phone.receive_content()
        kill()

    def busy(phone: Phone) -> None:
        phone.say("421 too busy")

    folder = tmp_path / "config" / "courriel"
    folder.mkdir(parents=True)
    with stranger(*([take] if moment == "taken by the second" else []), busy) as second:
        ways = f"{url('mailjet')} smtp://127.0.0.1:{second.port}?tls=none&timeout=5&chunking=0"
        (folder / "courriel.toml").write_text(f'[profiles.billing]\nurl = "failover({ways})?retry=0.001"\n')
        ticket = outbox.put(mail(), via="billing")
        server.story = [refuse]
        tests = str(Path(dying.__file__).parent.parent)
        worker.append(subprocess.Popen([sys.executable, dying.__file__, place], env=os.environ | {"PYTHONPATH": tests}))
        died = worker[0].wait(30)
        if moment == "refused by the first":
            finish(outbox, ticket)
        else:
            ends = time.monotonic() + 20
            while not ticket.info.why.startswith("this mail may have left by 127.0.0.1"):
                assert time.monotonic() < ends, ticket.info
                outbox.resume("billing")
                ticket.retry_now()
                outbox.run_once()
        forget_shared_groups()

    assert died == -signal.SIGKILL
    if moment == "refused by the first":
        assert (ticket.status, len(server.taken), len(second.phones)) == (State.SENT, 1, 0)
    else:
        assert (ticket.status, ticket.info.unsure, server.taken) == (State.READY, 1, [])
