"""An HTTP provider as one of several ways out: by every door, and what its refusals mean for the other ways."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

import courriel
import courriel.wlangage as wl
from courriel import Failover, Outbox, Sandbox, State, errors
from courriel.session.encoding import IN_SEVEN_BITS, submission_of
from http_providers.conftest import PROVIDERS, mail
from inside import forget_shared_groups
from servers.http_providers import Answer, Exchange, HttpProviderServer

Url = Callable[..., str]
pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True)
def no_group_of_before() -> Iterator[None]:
    yield
    forget_shared_groups()


@pytest.fixture
def other() -> Iterator[Sandbox]:
    with Sandbox() as running:
        yield running


def by_send(group: str, _place: Path) -> None:
    courriel.send(mail(), via=group)


def by_asend(group: str, _place: Path) -> None:
    asyncio.run(courriel.asend(mail(), via=group))


def by_connect(group: str, _place: Path) -> None:
    with courriel.connect(group) as way:
        way.send(mail())


def by_aconnect(group: str, _place: Path) -> None:
    async def sending() -> None:
        async with await courriel.aconnect(group) as way:
            await way.send(mail())

    asyncio.run(sending())


def by_outbox(group: str, place: Path) -> None:
    with Outbox(place / "outbox.db", ways={"billing": group}) as outbox:
        ticket = outbox.put(mail(), via="billing")
        outbox.run_once()
        assert ticket.status is State.SENT, ticket.info


DOORS = [by_send, by_asend, by_connect, by_aconnect, by_outbox]


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_provider_is_one_of_several_ways(
    server: HttpProviderServer,
    other: Sandbox,
    url: Url,
    tmp_path: Path,
    provider: str,
    door: Callable[[str, Path], None],
) -> None:
    door(f"failover({url(provider)} {other.url})", tmp_path)

    assert (len(server.taken), len(other.letters)) == (1, 0)


@pytest.mark.parametrize("door", DOORS)
def test_when_the_provider_is_gone_the_other_takes_it(
    other: Sandbox, tmp_path: Path, door: Callable[[str, Path], None]
) -> None:
    door(f"failover(brevo://localhost:1?password=env:BREVO_SECRET {other.url})", tmp_path)

    assert len(other.letters) == 1


ACCOUNT = [
    Answer.json(401, {"message": "Key not found", "code": "unauthorized"}),
    Answer.json(402, {"code": "not_enough_credits", "message": "Not enough credit"}),
    Answer.json(429, {"code": "too_many_requests", "message": "slow down"}, Retry_After="3600"),
    Answer.json(503, {"message": "maintenance"}, Retry_After="60"),
]


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("answer", ACCOUNT, ids=lambda answer: str(answer.status))
def test_a_provider_that_refuses_the_account_or_has_no_time_has_decided_nothing(
    server: HttpProviderServer,
    other: Sandbox,
    url: Url,
    tmp_path: Path,
    answer: Answer,
    door: Callable[[str, Path], None],
) -> None:
    server.story = [answer]

    door(f"failover({url('brevo')} {other.url})", tmp_path)

    assert (len(server.taken), len(other.letters)) == (0, 1)


@pytest.mark.parametrize("kind", ["failover", "roundrobin"])
def test_a_provider_that_throttles_in_the_middle_loses_and_doubles_none(
    server: HttpProviderServer, other: Sandbox, url: Url, tmp_path: Path, kind: str
) -> None:
    def usual(exchange: Exchange) -> Answer:
        return exchange.usual()

    server.story = [usual, usual, Answer.json(429, {}, Retry_After="3600"), Answer.json(429, {})]
    with Outbox(tmp_path / "outbox.db", ways={"billing": f"{kind}({url('mailjet')} {other.url})"}) as outbox:
        tickets = outbox.put_many([mail(subject=f"Mail {n}") for n in range(20)], via="billing")
        outbox.run_once()
        states = {ticket.status for ticket in tickets}

    assert states == {State.SENT}
    subjects = [taken.mail["Subject"] for taken in server.taken] + [letter.subject for letter in other.letters]
    assert sorted(subjects) == sorted(f"Mail {n}" for n in range(20))
    assert len(server.taken) == 2


DECIDED = [
    Answer.json(400, {"code": "invalid_parameter", "message": "email is not valid in to"}),
    Answer.json(400, {"code": "duplicate_parameter", "message": "idempotencyKey is used already"}),
    Answer.json(500, {"message": "oops"}),
    Answer(201, b"<html>", {"Content-Type": "text/html"}),
    Answer(302, b"", {"Location": "https://elsewhere.example/"}),
]


@pytest.mark.parametrize("guarded", [False, True])
@pytest.mark.parametrize("answer", DECIDED, ids=lambda answer: str(answer.status))
def test_a_refusal_of_the_mail_and_one_in_doubt_stay_with_the_provider(
    server: HttpProviderServer, other: Sandbox, url: Url, answer: Answer, guarded: bool
) -> None:
    server.story = [answer]

    with Failover(url("brevo"), other.url) as way, pytest.raises(errors.CourrielError):
        way.submit(replace(submission_of(mail(), IN_SEVEN_BITS, None), before_end=(lambda: True) if guarded else None))

    assert other.letters == []
    assert way.resting == (() if answer.status == 400 and b"invalid" in answer.content else (server.place,))


def test_a_wlangage_program_sends_by_the_profile_of_a_provider(
    server: HttpProviderServer, url: Url, tmp_path: Path
) -> None:
    place = tmp_path / "config" / "courriel" / "courriel.toml"
    place.parent.mkdir(parents=True)
    place.write_text(f'[profiles.billing]\nurl = "{url("mailjet")}"\n')
    wl.EmailRAZ()
    wl.Email.Expéditeur, wl.Email.Destinataire = "ada@contoso.example", ["bob@example.org", "carl@example.org"]
    wl.Email.Sujet, wl.Email.Message = "Été", "Bonjour"

    assert wl.EmailOuvreSessionSMTP("ada", "profil:billing"), wl.ErreurInfo()
    assert wl.EmailEnvoieMessage("ada"), wl.ErreurInfo()
    wl.EmailFermeSession("ada")

    assert [taken.recipients for taken in server.taken] == [["bob@example.org", "carl@example.org"]]
