"""Servers that discard commands pipelined behind the end of a message, and answer 503."""

from __future__ import annotations

import asyncio

import pytest

from courriel import AsyncSmtpPool, Envelope, Outbox, Receipt, Security, Server, errors
from courriel.dialogue.smtp.client import SmtpDialogue
from courriel.model.content import Content
from courriel.model.submission import Submission
from courriel.session import server_memory
from session.conftest import Play
from session.stranger import Phone, greeted, stranger
from session.test_batch_sender import Plan, World, send
from session.test_send_many import in_both_colours, message

GREETED = "S: 220 hi\nC: EHLO client.example.org\nS: 250-hi\nS: 250 PIPELINING\n"
TAKEN = "S: 250 ok\nS: 250 ok\nS: 354 go\n"
DROPPED = "S: 250 queued\n" + "S: 503 5.5.1 pipelined after the end of data\n" * 3
RESET = "C: RSET\nS: 250 ok\n"
AND_ON = "C: NOOP\nS: 250 ok\n"


def mail(number: int, *names: str) -> Submission:
    octets = b"Subject: %d\r\n\r\n" % number
    return Submission(
        Envelope.of("a@x.org", [f"{name}@x.org" for name in names or ("b",)]), Content((octets,), len(octets))
    )


def envelope(*names: str) -> str:
    return (
        "C: MAIL FROM:<a@x.org>\n" + "".join(f"C: RCPT TO:<{name}@x.org>\n" for name in names or ("b",)) + "C: DATA\n"
    )


def content(number: int) -> str:
    return f"C: Subject: {number}\nC: \nC: .\n"


def test_a_discarded_message_is_sent_again_on_the_same_session_without_pipelining(
    play: Play,
) -> None:
    session = play(
        GREETED + envelope() + TAKEN + content(1) + envelope() + DROPPED
        + RESET
        + envelope() + TAKEN + content(2) + "S: 250 queued\n"
        + envelope() + TAKEN + content(3) + "S: 250 queued\n" + AND_ON
    )  # fmt: skip

    results = session.send_many([mail(1), mail(2), mail(3)])

    assert [type(result) for result in results] == [Receipt] * 3
    session.noop()


def test_the_next_session_does_not_pipeline_there(play: Play) -> None:
    first = GREETED + envelope() + TAKEN + content(1) + envelope() + DROPPED + RESET + envelope() + TAKEN + content(2)
    play(first + "S: 250 queued\n").send_many([mail(1), mail(2)])
    patient = "".join(envelope() + TAKEN + content(number) + "S: 250 queued\n" for number in (1, 2))

    session = play(GREETED + patient + AND_ON)
    results = session.send_many([mail(1), mail(2)])

    assert [type(result) for result in results] == [Receipt] * 2
    session.noop()


def test_a_second_503_is_a_refusal(play: Play) -> None:
    session = play(
        GREETED + envelope() + TAKEN + content(1) + envelope() + DROPPED
        + RESET
        + envelope() + "S: 503 no\n" * 3
        + RESET
        + envelope() + TAKEN + content(3) + "S: 250 queued\n" + AND_ON
    )  # fmt: skip

    results = session.send_many([mail(1), mail(2), mail(3)])

    assert [type(result) for result in results] == [Receipt, errors.SenderRefused, Receipt]
    session.noop()


def test_where_rset_is_not_answered_250_the_refusal_stands(play: Play) -> None:
    session = play(
        GREETED + envelope() + TAKEN + content(1) + envelope() + DROPPED + "C: RSET\nS: 503 no\n...",
        GREETED + envelope() + TAKEN + content(3) + "S: 250 queued\n" + AND_ON,
    )

    results = session.send_many([mail(1), mail(2), mail(3)])

    assert [type(result) for result in results] == [Receipt, errors.SenderRefused, Receipt]
    assert not results[1].in_doubt  # type: ignore[union-attr]
    session.noop()


@pytest.mark.parametrize(
    "said",
    [
        ("250 ok", "503 what?", "503 what?"),  # it read MAIL
        ("250 ok", "250 ok", "503 what?"),  # and RCPT
        ("500 FROM:<a@x.org> is no command", "503 what?", "503 what?"),  # half of MAIL was thrown away
        ("503 what?", "500 what?", "503 what?"),
    ],
)
def test_whatever_part_of_the_envelope_was_thrown_away(play: Play, said: tuple[str, ...]) -> None:
    answers = "S: 250 queued\n" + "".join(f"S: {reply}\n" for reply in said)
    session = play(
        GREETED + envelope() + TAKEN + content(1) + envelope() + answers
        + RESET + envelope() + TAKEN + content(2) + "S: 250 queued\n" + AND_ON
    )  # fmt: skip

    results = session.send_many([mail(1), mail(2)])

    assert [type(result) for result in results] == [Receipt] * 2
    session.noop()


@pytest.mark.parametrize(
    "said",
    [
        ("550 no", "503 what?", "503 what?"),
        ("501 no such parameter", "503 what?", "503 what?"),
        ("250 ok", "550 who?", "503 nobody"),
        ("250 ok", "250 ok", "554 no"),
    ],
)
def test_a_503_that_follows_from_a_refusal_is_none_by_itself(play: Play, said: tuple[str, ...]) -> None:
    answers = "S: 250 queued\n" + "".join(f"S: {reply}\n" for reply in said)
    session = play(GREETED + envelope() + TAKEN + content(1) + envelope() + answers + RESET + AND_ON)

    results = session.send_many([mail(1), mail(2)])

    assert isinstance(results[1], errors.Refused)
    assert server_memory.of(session.session.server).pipeline_after_end
    session.noop()


@pytest.mark.parametrize("recipients", ["503 what?", "250 ok"])
def test_an_accepted_data_behind_a_503_is_ended_by_closing_and_not_by_an_empty_message(
    play: Play, recipients: str
) -> None:
    session = play(
        GREETED + envelope() + TAKEN + content(1) + envelope()
        + f"S: 250 queued\nS: 503 what?\nS: {recipients}\nS: 354 go\n---",
        GREETED + envelope() + TAKEN + content(2) + "S: 250 queued\n" + AND_ON,
    )  # fmt: skip

    results = session.send_many([mail(1), mail(2)])

    assert [type(result) for result in results] == [Receipt] * 2
    session.noop()


def test_a_recipient_that_was_thrown_away_is_said_again_before_the_others_get_the_message(play: Play) -> None:
    session = play(
        GREETED + envelope() + TAKEN + content(1) + envelope("b", "c")
        + "S: 250 queued\nS: 250 ok\nS: 250 ok\nS: 503 what?\nS: 354 go\n---",
        GREETED + envelope("b", "c") + "S: 250 ok\n" * 3 + "S: 354 go\n" + content(2) + "S: 250 queued\n" + AND_ON,
    )  # fmt: skip

    results = session.send_many([mail(1), mail(2, "b", "c")])

    assert isinstance(results[1], Receipt)
    assert results[1].complete
    session.noop()


def test_a_server_that_closes_behind_the_503_is_reconnected(play: Play) -> None:
    session = play(
        GREETED + envelope() + TAKEN + content(1) + envelope() + "S: 250 queued\nS: 503 what?\nS: 421 bye\n---",
        GREETED + envelope() + TAKEN + content(2) + "S: 250 queued\n" + AND_ON,
    )

    results = session.send_many([mail(1), mail(2)])

    assert [type(result) for result in results] == [Receipt] * 2
    assert not server_memory.of(session.session.server).pipeline_after_end
    session.noop()


def test_a_refused_message_before_it_has_its_own_verdict(play: Play) -> None:
    session = play(
        GREETED + envelope() + TAKEN + content(1) + envelope() + DROPPED.replace("250 queued", "554 spam")
        + RESET + envelope() + TAKEN + content(2) + "S: 250 queued\n" + AND_ON
    )  # fmt: skip

    results = session.send_many([mail(1), mail(2)])

    assert [type(result) for result in results] == [errors.MessageRefused, Receipt]
    session.noop()


def test_an_envelope_that_is_long_is_not_said_behind_an_end(play: Play) -> None:
    """A server that discards it may close after too many bytes, and the message before would be in doubt."""
    names = [f"{'n' * 50}{number}" for number in range(100)]
    session = play(
        GREETED + envelope() + TAKEN + content(1) + "S: 250 queued\n"
        + envelope(*names).removesuffix("C: DATA\n") + "C: DATA\n"
        + "S: 250 ok\n" * 101 + "S: 354 go\n" + content(2) + "S: 250 queued\n" + AND_ON
    )  # fmt: skip

    results = session.send_many([mail(1), mail(2, *names)])

    assert [type(result) for result in results] == [Receipt] * 2
    session.noop()


def haraka(phone: Phone) -> None:
    """Server function: accept one message after the other, and answer 503 to commands pipelined behind an end."""
    greeted(phone, "PIPELINING")
    buffer, content = b"", False
    while b"QUIT" not in phone.heard:
        buffer += phone.line.recv(65536)
        while b"\r\n" in buffer:
            line, _, buffer = buffer.partition(b"\r\n")
            if content and line == b".":
                content = False
                behind = buffer.count(b"\r\n")
                buffer = b""
                phone.say("\n".join(["250 queued", *["503 5.5.1 pipelined after the end of data"] * behind]))
            elif not content:
                phone.heard.append(line)
                content = line == b"DATA"
                phone.say("354 go" if content else "250 ok")


@in_both_colours
def test_every_message_of_a_window_arrives(send: object) -> None:
    with stranger(haraka) as server:
        results = send(Server("127.0.0.1", server.port, Security.NONE), [message(n) for n in range(8)])  # type: ignore[operator]

        assert [type(result) for result in results] == [Receipt] * 8
        assert sum(line == b"RSET" for line in server.phones[0].heard) == 1


def test_every_mail_of_an_outbox_arrives(tmp_path: object) -> None:
    with stranger(haraka) as server, Outbox(f"{tmp_path}/outbox.db") as outbox:
        outbox.put_many([message(n) for n in range(6)], via=f"smtp://127.0.0.1:{server.port}?tls=none")
        outbox.run_once()

        assert [(count.state.name, count.mails) for count in outbox.stats()] == [("SENT", 6)]


def test_every_message_of_a_crowd_in_a_pool_arrives() -> None:
    async def crowd(server: Server) -> list[Receipt]:
        async with AsyncSmtpPool(server, size=1) as pool:
            return await asyncio.gather(*(pool.send(message(n)) for n in range(8)))

    with stranger(haraka) as server:
        results = asyncio.run(crowd(Server("127.0.0.1", server.port, Security.NONE)))

        assert [type(result) for result in results] == [Receipt] * 8


def test_in_a_dialogue_by_itself_the_fact_is_kept_as_well() -> None:
    dialogue = SmtpDialogue(Server("127.0.0.1", 25, Security.NONE, ehlo_name="client.example.org"))

    results, _ = send(World([Plan(), Plan(), Plan()], throws_away=True), dialogue)

    assert [type(result) for result in results] == [Receipt] * 3
    assert not dialogue.facts.pipeline_after_end
