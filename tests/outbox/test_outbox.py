"""The outbox as programs meet it: put, looked up, taken back, sent."""

from __future__ import annotations

import asyncio
import inspect
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from courriel import (
    AsyncOutbox,
    AsyncSmtpSession,
    Message,
    Outbox,
    ReadyMessage,
    Return,
    Route,
    Sandbox,
    Server,
    SmtpPool,
    SmtpSession,
    Ticket,
    errors,
)
from courriel.outbox.aio import AsyncTicket, AsyncWorker
from courriel.outbox.store.states import State
from courriel.outbox.work.worker import Worker
from hostile.lists import hostile, shown
from outbox.conftest import each_time, everything_stored, message
from session.crowd import Crowd

SECRET = "sesame-ouvre-toi"


@pytest.fixture(autouse=True)
def nobody_s_settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("COURRIEL_URL", "COURRIEL_CAPTURE", "EMAIL_URL", "SMTP_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))


@pytest.mark.slow
def test_a_mail_is_put_sent_and_looked_up(outbox: Outbox, sandbox: Sandbox) -> None:
    ticket = outbox.put(message(1), via=sandbox.url, key="invoice-1")
    assert ticket.status is State.READY

    tried = outbox.run_once()

    assert tried == 1
    info = ticket.wait(1)
    assert info.state is State.SENT
    assert info.accepted == ("bob@example.org",)
    assert info.waiting == ()
    assert sandbox.letters[0].subject == "Number 1"
    assert outbox.get(key="invoice-1") == outbox.get(ticket.id) == ticket


def test_those_who_await_say_the_same_words(place: str, sandbox: Sandbox) -> None:
    told: list[str] = []

    async def heard(ticket: object) -> None:
        await asyncio.sleep(0)
        told.append(ticket.id)  # type: ignore[attr-defined]

    async def use() -> tuple[State, list[State], bytes]:
        async with AsyncOutbox(place) as outbox:
            outbox.on("sent", heard)
            ticket = await outbox.put(message(1), via=sandbox.url, key="k")
            assert await outbox.put(message(2), via=sandbox.url, key="k", if_known="keep") == ticket
            held, canceled = await outbox.put_many([message(3), message(4)], via=sandbox.url)
            assert await held.hold()
            assert await canceled.cancel()
            async with outbox.worker():
                info = await ticket.wait(10)
            assert (await outbox.get(key="k")) == ticket
            assert told == [ticket.id]
            return info.state, [one.state async for one in outbox.list()], await ticket.content()

    state, states, content = asyncio.run(use())

    assert state is State.SENT
    assert states == [State.SENT, State.HELD, State.CANCELED]
    assert content == sandbox.letters[0].content
    assert len(sandbox.letters) == 1


@pytest.mark.slow
def test_every_copy_is_the_same_to_the_octet(outbox: Outbox, sandbox: Sandbox) -> None:
    """Hazard H04: every attempt of one mail carries the same Message-ID."""
    sandbox.answer("message", "451 4.3.0 once more", nth=1, times=1)
    written = Message(sender="ada@example.org", to="bob@example.org", subject="Été", text=".\n..\nà bientôt")
    ticket = outbox.put(written, via=sandbox.url)
    outbox.run_once()
    assert ticket.info.state is State.READY
    ticket.retry_now()

    outbox.run_once()

    assert sandbox.letters[0].content == ticket.content()
    assert ticket.info.message_id == written.message_id
    assert ticket.content().isascii()
    assert ticket.info.tries == 2


@pytest.mark.slow
def test_only_those_who_are_left_are_tried_again(outbox: Outbox, sandbox: Sandbox) -> None:
    sandbox.answer("recipient", "450 4.2.1 busy", when="bob@*", times=1)
    sandbox.answer("recipient", "550 5.1.1 nobody", when="cleo@*")
    ticket = outbox.put(message(1, ["ada@example.org", "bob@example.org", "cleo@example.org"]), via=sandbox.url)

    outbox.run_once()
    first = ticket.info
    ticket.retry_now()
    outbox.run_once()

    assert (first.state, first.waiting) == (State.READY, ("bob@example.org",))
    assert [letter.recipients for letter in sandbox.letters] == [("ada@example.org",), ("bob@example.org",)]
    assert ticket.status is State.FAILED
    assert set(ticket.info.accepted) == {"ada@example.org", "bob@example.org"}
    assert set(ticket.info.refused) == {"cleo@example.org"}


def test_the_wishes_of_the_envelope_are_kept(outbox: Outbox, sandbox: Sandbox) -> None:
    outbox.put(
        message(1), via=sandbox.url, sender="bounces@example.org", to=["x@example.org", "y@example.org"], envid="a=1",
        ret=Return.HEADERS,
    )  # fmt: skip

    outbox.run_once()

    (letter,) = sandbox.letters
    assert (letter.sender, letter.recipients) == ("bounces@example.org", ("x@example.org", "y@example.org"))
    assert letter.delivery is not None
    assert (letter.delivery.origin.envid, letter.delivery.origin.ret) == ("a=1", Return.HEADERS)


def test_all_or_nothing_is_kept_too(outbox: Outbox, sandbox: Sandbox) -> None:
    sandbox.refuse("bob@example.org")
    ticket = outbox.put(message(1, ["ada@example.org", "bob@example.org"]), via=sandbox.url, on_refused="abandon")

    outbox.run_once()

    assert ticket.status is State.FAILED
    assert sandbox.letters == []


def test_eight_bits_of_others_are_kept_as_they_are(outbox: Outbox, sandbox: Sandbox) -> None:
    raw = "From: a@example.org\r\nTo: b@example.org\r\nSubject: x\r\n\r\nété\r\n".encode()
    outbox.put(ReadyMessage.parse(raw), via=sandbox.url)

    outbox.run_once()

    assert sandbox.letters[0].content.endswith("\r\n\r\nété\r\n".encode())


@pytest.mark.slow
def test_a_large_one_is_sent_whole(outbox: Outbox, sandbox: Sandbox) -> None:
    text = ".line\n" * 200_000
    ticket = outbox.put(message(1, text=text), via=sandbox.url)

    outbox.run_once()

    assert sandbox.letters[0].content == ticket.content()
    assert sandbox.letters[0].text == text


@pytest.mark.parametrize("live", ["session", "pool"])
def test_a_live_session_is_a_lane_of_its_own(outbox: Outbox, sandbox: Sandbox, live: str) -> None:
    way = SmtpSession(sandbox.server()) if live == "session" else SmtpPool(sandbox.server())
    with way:
        ticket = outbox.put(message(1), via=way)
        outbox.put(message(2), via=way)
        outbox.run_once()

    assert ticket.info.lane == f"session:{sandbox.server()}"
    assert ticket.status is State.SENT
    assert len(sandbox.sessions) == 1


def test_a_session_of_another_process_is_left_to_it(place: str, outbox: Outbox, sandbox: Sandbox) -> None:
    with SmtpSession(sandbox.server()) as session:
        ticket = outbox.put(message(1), via=session)

    with Outbox(place) as other:
        other.run_once()

    assert ticket.status is State.READY


@pytest.mark.slow
def test_a_name_is_a_profile_or_a_way_that_the_program_gives(
    place: str, outbox: Outbox, sandbox: Sandbox, tmp_path: Path
) -> None:
    (tmp_path / "courriel.toml").write_text(f'url = "{sandbox.url}"\n[profiles.billing]\nurl = "{sandbox.url}"\n')
    outbox.use("news", sandbox.url)

    tickets = [outbox.put(message(n), via=via) for n, via in enumerate((None, "billing", "news"))]
    outbox.run_once()

    assert [ticket.info.lane for ticket in tickets] == ["default", "billing", "news"]
    assert [ticket.status for ticket in tickets] == [State.SENT] * 3
    with pytest.raises(errors.UsageError, match="biling"):
        outbox.put(message(4), via="biling")
    with Outbox(place, elsewhere=True) as remote:
        assert remote.put(message(5), via="biling").info.lane == "biling"


def test_while_developing_nothing_leaves(outbox: Outbox, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = Path.cwd() / "kept"
    monkeypatch.setenv("COURRIEL_CAPTURE", str(folder))
    with SmtpSession(sandbox.server()) as session:
        tickets = [outbox.put(message(n), via=via) for n, via in enumerate((sandbox.url, session))]

        outbox.run_once()

    assert [ticket.status for ticket in tickets] == [State.SENT] * 2
    assert sandbox.letters == []
    assert len(list(folder.glob("*.eml"))) == 2


def test_a_folder_is_a_way_out_as_any(outbox: Outbox, tmp_path: Path) -> None:
    ticket = outbox.put(message(1), via=f"file://{tmp_path}/mails")

    outbox.run_once()

    (kept,) = (tmp_path / "mails").iterdir()
    assert kept.read_bytes() == ticket.content()
    assert ticket.status is State.SENT


@pytest.mark.parametrize(
    "via",
    [f"smtps://ada:{SECRET}@smtp.example.org", f"smtps://ada@smtp.example.org?password=cmd:echo%20{SECRET}"],
)
@pytest.mark.parametrize("made", [str, Route.parse])
def test_no_password_reaches_the_disk(outbox: Outbox, place: str, via: str, made: type) -> None:
    with pytest.raises(errors.InvalidUrl) as refused:
        outbox.put(message(1), via=made(via))

    outbox.close()
    stored = everything_stored(place)
    assert b"version" in stored
    assert SECRET.encode() not in stored
    assert SECRET not in str(refused.value)
    assert "env:" in str(refused.value)


BAD: list[tuple[dict[str, object], str]] = [
    ({"via": 7}, "via"),
    ({"via": "smtp//x"}, "URL"),
    ({"key": ""}, "key"),
    ({"key": "a\nb"}, "key"),
    ({"key": "x" * 201}, "key"),
    ({"key": 7}, "key"),
    ({"on_unsure": "perhaps"}, "on_unsure"),
    ({"on_refused": "perhaps"}, "on_refused"),
    ({"priority": "urgent"}, "priority"),
    ({"not_before": datetime(2030, 1, 1)}, "time zone"),
    ({"not_before": "tomorrow"}, "not_before"),
    ({"not_before": True}, "not_before"),
    ({"not_before": timedelta(days=4000)}, "year"),
    ({"expires": -1}, "expires"),
    ({"expires": float("nan")}, "expires"),
    ({"not_before": 3600, "expires": 60}, "expires"),
    ({"to": "nobody"}, "address"),
    ({"colour": "red"}, "colour"),
]


@pytest.mark.parametrize(("wanted", "named"), BAD)
def test_a_bad_wish_is_refused_before_anything_is_written(
    outbox: Outbox, sandbox: Sandbox, wanted: dict[str, object], named: str
) -> None:
    with pytest.raises(errors.UsageError, match=named):
        outbox.put(message(1), **{"via": sandbox.url, **wanted})  # type: ignore[arg-type]

    assert list(outbox.list()) == []


HOSTILE = [text for kind in ("addresses", "header_values", "ehlo_names", "proxy_targets") for text in hostile(kind)]
hostile_texts = pytest.mark.parametrize("text", HOSTILE, ids=shown)


@hostile_texts
def test_a_hostile_key_is_refused_or_is_a_key_as_any(outbox: Outbox, sandbox: Sandbox, text: str) -> None:
    try:
        ticket = outbox.put(message(1), via=sandbox.url, key=text)
    except errors.UsageError:
        assert list(outbox.list()) == []
    else:
        assert outbox.put(message(1), via=sandbox.url, key=text) == outbox.get(key=text) == ticket
        assert [info.key for info in outbox.list()] == [text]


@hostile_texts
def test_a_hostile_way_is_refused_before_anything_is_written(outbox: Outbox, text: str) -> None:
    try:
        outbox.put(message(1), via=text)
    except errors.UsageError:
        assert list(outbox.list()) == []
    else:
        assert [info.lane for info in outbox.list()] == [Route.parse(text).reveal_url()]


def test_a_session_that_awaits_is_refused_with_a_reason(outbox: Outbox) -> None:
    with pytest.raises(errors.UsageError, match="SmtpSession"):
        outbox.put(message(1), via=AsyncSmtpSession(Server("127.0.0.1", 25)))  # type: ignore[arg-type]


def test_nothing_set_is_said_when_it_is_put(outbox: Outbox) -> None:
    with pytest.raises(errors.UsageError, match="COURRIEL_URL"):
        outbox.put(message(1))


def test_a_mail_that_is_too_large_is_refused(place: str, sandbox: Sandbox) -> None:
    with Outbox(place, max_size=1000) as outbox, pytest.raises(errors.InvalidMessage, match="max_size"):
        outbox.put(message(1, text="x\n" * 1000), via=sandbox.url)


def test_a_mail_waits_for_its_moment_and_not_beyond_its_end(outbox: Outbox, sandbox: Sandbox) -> None:
    later = outbox.put(message(1), via=sandbox.url, not_before=timedelta(hours=1))
    at = outbox.put(message(2), via=sandbox.url, not_before=datetime.now(UTC) - timedelta(hours=1))
    code = outbox.put(message(3), via=sandbox.url, not_before=0.001, expires=0.002)
    while code.status is State.READY:  # its moment comes, and goes
        outbox.run_once()

    assert [ticket.status for ticket in (later, at, code)] == [State.READY, State.SENT, State.FAILED]
    assert code.info.why == "expired"
    assert code.info.tries == 0
    assert len(sandbox.letters) == 1


@pytest.mark.slow
def test_many_are_put_at_once_each_with_its_key(outbox: Outbox, sandbox: Sandbox) -> None:
    keys = [f"k{number}" for number in range(450)]

    tickets = outbox.put_many((message(n) for n in range(450)), keys=keys, via=sandbox.url)
    again = outbox.put_many((message(n) for n in range(450)), keys=keys, via=sandbox.url)

    assert tickets == again
    assert len({ticket.id for ticket in tickets}) == 450
    assert outbox.get(key="k77") == tickets[77]
    with pytest.raises(errors.UsageError, match="one key for each"):
        outbox.put_many([message(1), message(2)], keys=["a"], via=sandbox.url)


def test_what_the_messages_raise_is_raised(outbox: Outbox, sandbox: Sandbox) -> None:
    def messages() -> Iterator[Message]:
        yield message(1)
        raise ValueError("no more")

    with pytest.raises(ValueError, match="no more"):
        outbox.put_many(messages(), via=sandbox.url)


def test_who_waits_is_told_within_its_time(outbox: Outbox, sandbox: Sandbox) -> None:
    ticket = outbox.put(message(1), via=sandbox.url)

    with pytest.raises(errors.NotYet, match="READY"):
        ticket.wait(0.05)
    with outbox.worker():
        assert ticket.wait(10).state is State.SENT


def test_what_is_not_there_is_said_to_be_so(outbox: Outbox) -> None:
    with pytest.raises(errors.TicketNotFound):
        outbox.get("nothing")
    with pytest.raises(errors.TicketNotFound):
        outbox.get(key="nothing")
    with pytest.raises(errors.UsageError):
        outbox.get()
    with pytest.raises(LookupError):
        Ticket("nothing", outbox._store, outbox._bell).cancel()


def test_a_mail_is_exported_as_it_is_sent(outbox: Outbox, sandbox: Sandbox, tmp_path: Path) -> None:
    ticket = outbox.put(message(1), via=sandbox.url)

    outbox.export(ticket.id, tmp_path / "one.eml")

    assert (tmp_path / "one.eml").read_bytes() == ticket.content()


def test_statistics_say_what_is_where(outbox: Outbox, sandbox: Sandbox) -> None:
    outbox.put_many([message(n) for n in range(3)], via=sandbox.url)
    outbox.pause(f"smtp://127.0.0.1:{sandbox.port}")
    assert outbox.run_once() == 0

    (count,) = outbox.stats()
    (lane,) = outbox.lanes()

    assert (count.state, count.mails, count.unsure) == (State.READY, 3, 0)
    assert lane.stopped
    outbox.resume(lane.name)
    assert outbox.run_once() == 3


@pytest.mark.slow
def test_what_is_due_is_sent_at_its_rate_until_it_is_sent(outbox: Outbox, sandbox: Sandbox) -> None:
    outbox.put_many([message(n) for n in range(4)], via=sandbox.url)
    outbox.put(message(7), via=sandbox.url, not_before=3600)
    outbox.limit(f"smtp://127.0.0.1:{sandbox.port}", rate="3/s")

    assert outbox.run_once() == 4

    # The fourth is claimed when the answer to the first is a second old: later by that much on any machine.
    first, *_, last = [letter.received for letter in sandbox.letters]
    assert (last - first).total_seconds() > 1


def test_a_rate_in_the_url_is_the_rate_of_the_lane(outbox: Outbox, sandbox: Sandbox) -> None:
    outbox.put_many([message(n) for n in range(3)], via=f"{sandbox.url}&rate=1/h")

    assert outbox.run_once(for_seconds=60) == 1

    (lane,) = outbox.lanes()
    assert lane.gap == 3600


def test_a_stopped_lane_with_a_rate_is_not_waited_for(outbox: Outbox, sandbox: Sandbox) -> None:
    outbox.put_many([message(n) for n in range(3)], via=f"{sandbox.url}&rate=1/h")
    assert outbox.run_once(for_seconds=60) == 1
    (lane,) = outbox.lanes()
    outbox.pause(lane.name)

    assert outbox.run_once() == 0


@pytest.mark.slow
def test_a_pool_in_the_url_is_as_many_connections_as_it_says(outbox: Outbox) -> None:
    crowd = Crowd()
    url = f"smtp://127.0.0.1:{crowd.port}?tls=none&pool=2"
    tickets = outbox.put_many([message(n) for n in range(40)], via=url)

    with outbox.worker(workers=4, batch=4):
        for ticket in tickets:
            ticket.wait(20)

    assert crowd.total == 40
    assert crowd.peak <= 2
    assert crowd.came <= 2
    crowd.wait("connections", 0)
    crowd.close()


@pytest.mark.parametrize("wrong", [0, -1, True, "10", float("nan")])
def test_a_time_to_go_on_for_that_cannot_be_meant_is_refused(outbox: Outbox, wrong: float) -> None:
    with pytest.raises(errors.UsageError):
        outbox.run_once(for_seconds=wrong)


@pytest.mark.parametrize("wrong", [{"cap": 0}, {"cap": True}, {"rate": "fast"}])
def test_a_limit_that_cannot_be_meant_is_refused(outbox: Outbox, wrong: dict[str, object]) -> None:
    with pytest.raises(errors.UsageError):
        outbox.limit("billing", **wrong)  # type: ignore[arg-type]


def test_a_rate_holds(outbox: Outbox, sandbox: Sandbox) -> None:
    outbox.put_many([message(n) for n in range(3)], via=sandbox.url)
    lane = outbox.limit(f"smtp://127.0.0.1:{sandbox.port}", rate="1/h")

    assert lane.gap == 3600
    assert outbox.run_once(for_seconds=60) == 1
    assert outbox.prune(sent=-1.0) == 1


@pytest.mark.parametrize("place", [":memory:", "", "http://x", "mysql://x"])
def test_a_place_that_keeps_nothing_is_refused(place: str) -> None:
    with pytest.raises(errors.UsageError):
        Outbox(place)


def test_nothing_of_a_mail_is_in_a_log(outbox: Outbox, sandbox: Sandbox, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", "courriel")
    sandbox.answer("recipient", "450 4.2.1 not now", times=1)
    ticket = outbox.put(message(1, text="private"), via=sandbox.url)

    outbox.run_once()
    ticket.retry_now()
    outbox.run_once()

    assert [record.action for record in caplog.records if hasattr(record, "action")] == ["ticket_ready", "ticket_sent"]
    assert not re.search("example.org|private|Number", caplog.text)


def test_a_task_that_is_cancelled_does_not_interrupt_a_mail(
    place: str, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    sandbox.answer("message", "silence", times=1)

    async def use() -> tuple[State, int]:
        async with AsyncOutbox(place) as outbox:
            ticket = await outbox.put(message(1), via=sandbox.url)
            marked = each_time(monkeypatch, outbox._outbox._store, "mark")
            worker = outbox.worker().start()
            waiting = asyncio.create_task(ticket.wait(60))
            assert await asyncio.to_thread(marked.acquire, timeout=20)
            waiting.cancel()
            with pytest.raises(asyncio.CancelledError):
                await waiting
            return await ticket.status(), await worker.stop(0.1)

    assert asyncio.run(use()) == (State.IN_FLIGHT, 1)


def test_both_colours_have_the_same_words_with_the_same_parameters() -> None:
    for ours, theirs in ((Outbox, AsyncOutbox), (Ticket, AsyncTicket), (Worker, AsyncWorker)):
        for name, method in inspect.getmembers(ours, inspect.isfunction):
            if not name.startswith("_") and name not in ("work", "ask_to_stop", "run_once", "wait"):
                assert list(inspect.signature(getattr(theirs, name)).parameters) == list(
                    inspect.signature(method).parameters
                ), name


@pytest.mark.slow
def test_every_word_is_awaited(place: str, sandbox: Sandbox, tmp_path: Path) -> None:
    lane = f"smtp://127.0.0.1:{sandbox.port}"

    async def use() -> list[object]:
        async with AsyncOutbox(place) as outbox:
            outbox.use("news", sandbox.url)
            ticket = await outbox.put(message(1), via=sandbox.url)
            done: list[object] = [await outbox.pause(lane), await ticket.hold(), await ticket.release()]
            done += [await ticket.retry_now(), await outbox.resume(lane), await outbox.limit(lane, cap=1)]
            await outbox.export(ticket.id, tmp_path / "one.eml")
            done += [await outbox.run_once(), (await outbox.get(ticket.id)) == ticket, len(await outbox.stats())]
            done += [[each.name for each in await outbox.lanes()], await ticket.cancel(), await ticket.status()]
            await outbox.reopen()
            with pytest.raises(errors.NotYet):
                await (await outbox.put(message(2), via="news", not_before=60)).wait(0.05)
            done.append(await outbox.prune(sent=-1.0))
            done.append(len({ticket, await outbox.get(key=None, id=(await outbox.put(message(3), via="news")).id)}))
        with pytest.raises(errors.UsageError, match="not open"):
            await outbox.stats()
        return done[1:]

    held, released, retried, resumed, limited, *rest = asyncio.run(use())

    assert (held, released, retried) == (True, True, True)
    assert (resumed.stopped, limited.cap) == (False, 1)  # type: ignore[attr-defined]
    assert rest == [1, True, 1, [lane], False, State.SENT, 1, 2]
    assert (tmp_path / "one.eml").read_bytes() == sandbox.letters[0].content
