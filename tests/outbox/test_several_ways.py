"""Several ways in an outbox that is awaited, and settings that change between a put and its sending."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from courriel import AsyncFailover, AsyncOutbox, Failover, Message, Outbox, Sandbox, State, errors
from inside import forget_shared_groups
from session.stranger import Phone, stranger

pytestmark = pytest.mark.slow
NOBODY = "smtp://127.0.0.1:1?tls=none"


def mail(number: int = 1) -> Message:
    return Message(sender="ada@example.org", to="bob@example.org", subject=f"Paid {number}", text="Hello.")


def hangs_after_the_dot(phone: Phone) -> None:
    phone.ask("220 ready")
    phone.ask("250 first")
    phone.ask("250 sender ok")
    phone.ask("250 recipient ok")
    phone.say("354 go on")
    phone.receive_content()
    phone.close()


def greets_421(phone: Phone) -> None:
    phone.say("421 4.3.2 too busy")


@pytest.fixture(autouse=True)
def no_group_of_before() -> Iterator[None]:
    yield
    forget_shared_groups()


@pytest.fixture
def other() -> Iterator[Sandbox]:
    with Sandbox() as running:
        yield running


@pytest.fixture
def profile(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[[str], None]:
    """Writes the profile "billing" into the user's settings."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.chdir(tmp_path)
    file = tmp_path / "config" / "courriel" / "courriel.toml"
    file.parent.mkdir(parents=True)

    def write(url: str, name: str = "billing") -> None:
        file.write_text(f'[profiles.{name}]\nurl = "{url}"\n')

    return write


# Awaited.


@pytest.mark.parametrize("as_object", [False, True])
def test_an_awaited_outbox_sends_by_the_way_that_works(tmp_path: Path, other: Sandbox, as_object: bool) -> None:
    async def act(way: str | Failover) -> list[State]:
        async with AsyncOutbox(tmp_path / "outbox.db", ways={"billing": way}) as outbox:
            tickets = await asyncio.gather(*(outbox.put(mail(n), via="billing") for n in range(20)))
            await outbox.run_once()
            return [await ticket.status() for ticket in tickets]

    with Failover(NOBODY, other.url) as group:
        states = asyncio.run(act(group if as_object else f"failover({NOBODY} {other.url})"))

    assert set(states) == {State.SENT}
    assert len({letter.content for letter in other.letters}) == len(other.letters) == 20


def test_in_an_awaited_outbox_one_in_doubt_by_the_first_way_never_leaves_by_the_second(
    tmp_path: Path, other: Sandbox
) -> None:
    async def act(group: str) -> tuple[State, int]:
        async with AsyncOutbox(tmp_path / "outbox.db", ways={"billing": group}) as outbox:
            doubtful = await outbox.put(mail(1), via="billing")
            await outbox.run_once()
            certain = await outbox.put(mail(2), via="billing")
            for _ in range(3):
                await outbox.resume("billing")
                await doubtful.retry_now()
                await outbox.run_once()
            assert await certain.status() is State.SENT
            info = await doubtful.info()
            return info.state, info.unsure

    with stranger(hangs_after_the_dot, greets_421) as first:
        state, unsure = asyncio.run(
            act(f"failover(smtp://127.0.0.1:{first.port}?timeout=5&chunking=0 {other.url})?retry=0.001")
        )

    assert (state, unsure) == (State.READY, 1)
    assert [letter.subject for letter in other.letters] == ["Paid 2"]


def test_an_awaited_transport_is_no_way_of_an_outbox(tmp_path: Path, other: Sandbox) -> None:
    async def act() -> None:
        async with AsyncOutbox(tmp_path / "outbox.db", ways={"billing": AsyncFailover(other.url)}):  # type: ignore[dict-item]
            pass

    with pytest.raises(errors.UsageError, match="Async"):
        asyncio.run(act())


# Settings that change.


def doubtful_by(first: str, tmp_path: Path, profile: Callable[[str], None], group: str) -> str:
    """A mail in doubt by the first way of a group; returns the id of its ticket."""
    profile(group.format(first))
    with Outbox(tmp_path / "outbox.db") as outbox:
        ticket = outbox.put(mail(), via="billing")
        outbox.run_once()
        assert (ticket.status, ticket.info.unsure) == (State.READY, 1)
    forget_shared_groups()  # the server of the test ends
    return ticket.id


@pytest.mark.parametrize(
    ("after", "state"),
    [
        ("failover({other} {first})", State.READY),
        ("failover({other} null: {first})", State.READY),
        ("failover({other})", State.HELD),
        ("failover({other} null:)", State.HELD),
        ("roundrobin({other} {other})", State.HELD),
        ("failover(failover({first} null:) {other})", State.HELD),
    ],
)
def test_one_in_doubt_stays_with_its_way_however_the_settings_change(
    tmp_path: Path, other: Sandbox, profile: Callable[[str], None], after: str, state: State
) -> None:
    with stranger(hangs_after_the_dot, greets_421) as server:
        first = f"smtp://127.0.0.1:{server.port}?timeout=5&chunking=0"
        ident = doubtful_by(first, tmp_path, profile, f"failover({{}} {other.url})?retry=0.001")
    profile(after.format(first=first, other=other.url))
    with Outbox(tmp_path / "outbox.db") as outbox:
        ticket = outbox.get(ident)
        for _ in range(3):
            outbox.resume("billing")
            ticket.retry_now()
            outbox.run_once()

        assert ticket.status is state
        assert other.letters == []
        if state is State.HELD:
            assert ticket.release()
            outbox.resume("billing")
            outbox.run_once()
            assert ticket.status is State.SENT


def test_one_that_is_not_in_doubt_leaves_by_what_the_settings_say_then(
    tmp_path: Path, other: Sandbox, profile: Callable[[str], None]
) -> None:
    profile(f"failover({NOBODY})?retry=0.001")
    with Outbox(tmp_path / "outbox.db") as outbox:
        ticket = outbox.put(mail(), via="billing")
        outbox.run_once()
    profile(other.url)
    with Outbox(tmp_path / "outbox.db") as outbox:
        outbox.resume("billing")
        outbox.get(ticket.id).retry_now()
        outbox.run_once()

        assert outbox.get(ticket.id).status is State.SENT


@pytest.mark.parametrize("after", ["{other}", "null:"])
def test_one_in_doubt_by_one_of_several_is_held_where_the_setting_is_one_other_way(
    tmp_path: Path, other: Sandbox, profile: Callable[[str], None], after: str
) -> None:
    with stranger(hangs_after_the_dot, greets_421) as server:
        first = f"smtp://127.0.0.1:{server.port}?timeout=5&chunking=0"
        ident = doubtful_by(first, tmp_path, profile, f"failover({{}} {other.url})?retry=0.001")
    profile(after.format(other=other.url))
    with Outbox(tmp_path / "outbox.db") as outbox:
        ticket = outbox.get(ident)
        outbox.resume("billing")
        ticket.retry_now()
        outbox.run_once()

        assert other.letters == []
        assert ticket.status is State.HELD
