"""Servers that announce CHUNKING and refuse BDAT: no byte of a mail is read as a command, and DATA is used."""

from __future__ import annotations

import asyncio

import pytest

from courriel import (
    AsyncSmtpPool,
    AsyncSmtpSession,
    Envelope,
    Message,
    Outbox,
    Receipt,
    Security,
    Server,
    SmtpPool,
    SmtpSession,
    Timeouts,
    errors,
)
from courriel import send as send_one
from courriel.model.content import Content
from courriel.model.submission import Submission
from courriel.session import server_memory
from session.conftest import Play
from session.stranger import Phone, greeted, stranger
from session.test_send_many import in_both_colours

RAW = b"Subject: hello\r\n\r\nRSET\r\nMAIL FROM:<evil@x.org>\r\n"
CONTENT = Content((RAW,), len(RAW))
LARGE = Content((RAW, *(b"y" * 998 + b"\r\n",) * 100), len(RAW) + 100_000)
BOB = Envelope.of("a@x.org", "b@x.org")
BOTH = Envelope.of("a@x.org", ["b@x.org", "c@x.org"])

GREETED = "S: 220 hi\nC: EHLO client.example.org\nS: 250-hi\nS: 250-PIPELINING\nS: 250 CHUNKING\n"
FROM = "C: MAIL FROM:<a@x.org>\nC: RCPT TO:<b@x.org>\n"
FIRST = "C: BDAT 3\nC! Sub\n"
OK = "S: 250 ok\n"
REST = f"C: BDAT {len(RAW) - 3} LAST\nC: ject: hello\nC: \nC: RSET\nC: MAIL FROM:<evil@x.org>\n"
WHOLE = f"C: BDAT {len(RAW)} LAST\nC: Subject: hello\nC: \nC: RSET\nC: MAIL FROM:<evil@x.org>\n"
LINES = "C: Subject: hello\nC: \nC: RSET\nC: MAIL FROM:<evil@x.org>\nC: .\n"
BY_DATA = FROM + "C: DATA\n" + OK * 2 + "S: 354 go\n" + LINES + OK
AND_ON = "C: NOOP\nS: 250 ok\n"
SAID_TO_BDAT = ["500 what?", "502 5.5.1 BDAT not implemented", "503 bad sequence", "504 no"]


def test_the_first_chunk_is_short_and_the_rest_follows_when_it_was_taken(play: Play) -> None:
    session = play(
        GREETED + FROM + FIRST + OK * 3 + REST + OK + FROM + WHOLE + OK * 3 + AND_ON,
        bdat_taken=None,
    )

    assert session.deliver(BOB, CONTENT).complete
    assert session.deliver(BOB, CONTENT).complete
    session.noop()


@pytest.mark.parametrize("said", SAID_TO_BDAT)
def test_where_it_is_refused_nothing_more_is_said_on_that_line_and_the_message_goes_by_data(
    play: Play, said: str
) -> None:
    session = play(GREETED + FROM + FIRST + OK * 2 + f"S: {said}\n...", GREETED + BY_DATA + AND_ON, bdat_taken=None)

    assert session.deliver(BOB, CONTENT).complete
    session.noop()


def test_the_next_session_with_that_server_does_not_try_it(play: Play) -> None:
    play(GREETED + FROM + FIRST + OK * 2 + "S: 502 no\n...", GREETED + BY_DATA, bdat_taken=None).deliver(BOB, CONTENT)

    session = play(GREETED + BY_DATA + AND_ON, bdat_taken=False)

    assert session.deliver(BOB, CONTENT).complete
    session.noop()


def test_a_large_message_is_not_uploaded_to_a_server_that_does_not_know_it(play: Play) -> None:
    upload = "C: Subject: hello\nC: \nC: RSET\nC: MAIL FROM:<evil@x.org>\n" + f"C: {'y' * 998}\n" * 100 + "C: .\n"
    session = play(
        GREETED + FROM + FIRST + OK * 2 + "S: 502 no\n...",
        GREETED + FROM + "C: DATA\n" + OK * 2 + "S: 354 go\n" + upload + OK + AND_ON,
        bdat_taken=None,
    )

    assert session.deliver(BOB, LARGE).complete
    session.noop()


def test_a_large_message_follows_its_first_chunk(play: Play) -> None:
    upload = f"C: BDAT {LARGE.size - 3} LAST\nC: ject: hello\nC: \nC: RSET\nC: MAIL FROM:<evil@x.org>\n"
    session = play(GREETED + FROM + FIRST + OK * 3 + upload + f"C: {'y' * 998}\n" * 100 + OK + AND_ON, bdat_taken=None)

    assert session.deliver(BOB, LARGE).complete
    session.noop()


@pytest.mark.parametrize("hangs_up", ["---"])
def test_after_a_server_closes_on_bdat_a_new_connection_uses_data(play: Play, hangs_up: str) -> None:
    session = play(GREETED + FROM + FIRST + OK * 2 + hangs_up, GREETED + BY_DATA + AND_ON, bdat_taken=None)

    assert session.deliver(BOB, CONTENT).complete
    session.noop()


@pytest.mark.slow
def test_after_a_time_out_of_bdat_the_next_message_uses_data(play: Play) -> None:
    """Some servers wait for the end of a line."""
    session = play(
        GREETED + FROM + FIRST + OK * 2 + "...",
        GREETED + BY_DATA + AND_ON,
        bdat_taken=None,
        timeouts=Timeouts(data=0.2),
    )

    with pytest.raises(errors.TimedOut) as silent:
        session.deliver(BOB, CONTENT)
    session.open()

    assert not silent.value.in_doubt
    assert silent.value.retryable
    assert session.deliver(BOB, CONTENT).complete
    session.noop()


@pytest.mark.parametrize(
    ("said", "kind"),
    [
        (("550 no", "503 what?", "503 what?"), errors.SenderRefused),
        (("250 ok", "550 who?", "503 nobody"), errors.RecipientsRefused),
        (("250 ok", "250 ok", "552 too large"), errors.MessageRefused),
        (("250 ok", "250 ok", "452 full"), errors.MessageRefused),
    ],
)
def test_a_refusal_of_something_else_is_one_and_says_nothing_of_bdat(
    play: Play, said: tuple[str, ...], kind: type[errors.Refused]
) -> None:
    answers = "".join(f"S: {reply}\n" for reply in said)
    session = play(
        GREETED + FROM + FIRST + answers + "C: RSET\nS: 250 ok\n" + FROM + FIRST + OK * 3 + REST + OK + AND_ON,
        bdat_taken=None,
    )

    with pytest.raises(kind) as refused:
        session.deliver(BOB, CONTENT)

    assert refused.value.session_usable
    assert session.deliver(BOB, CONTENT).complete
    session.noop()


def test_octets_that_were_not_read_make_an_unknown_command_of_rset_which_is_said_again(play: Play) -> None:
    session = play(
        GREETED + FROM + FIRST + "S: 250 ok\nS: 550 who?\nS: 503 what?\nC: RSET\nS: 500 SubRSET?\n"
        + "C: RSET\nS: 250 ok\n" + BY_DATA + AND_ON,
        bdat_taken=None,
    )  # fmt: skip

    with pytest.raises(errors.RecipientsRefused) as refused:
        session.deliver(BOB, CONTENT)

    assert refused.value.session_usable
    assert session.deliver(BOB, CONTENT).complete
    session.noop()


def test_all_or_nothing_hears_of_each_before_a_first_chunk(play: Play) -> None:
    both = FROM + "C: RCPT TO:<c@x.org>\n"
    session = play(
        GREETED
        + both
        + OK * 2
        + "S: 550 who?\n"
        + "C: RSET\nS: 250 ok\n"
        + both
        + OK * 3
        + FIRST
        + OK
        + REST
        + OK
        + AND_ON,
        bdat_taken=None,
    )

    with pytest.raises(errors.RecipientsRefused):
        session.deliver(BOTH, CONTENT, on_refused="abandon")

    assert session.deliver(BOTH, CONTENT, on_refused="abandon").complete
    session.noop()


@pytest.mark.parametrize(
    ("octets", "first", "rest"),
    [
        (b"", "", ""),
        (b"\r\n", "", "\\r\\n"),
        (b"a\r\nQUIT\r\n", "a", "\\r\\nQUIT\\r\\n"),
        (b"QUIT\r\n", "QUI", "T\\r\\n"),
    ],
)
def test_whatever_a_message_begins_with_its_first_chunk_is_no_command(
    play: Play, octets: bytes, first: str, rest: str
) -> None:
    session = play(
        GREETED + FROM + f"C: BDAT {len(first)}\n" + (f"C! {first}\n" if first else "") + OK * 3
        + f"C: BDAT {len(octets) - len(first)} LAST\n" + (f"C! {rest}\n" if rest else "") + OK + AND_ON,
        bdat_taken=None,
    )  # fmt: skip

    assert session.deliver(BOB, Content((octets,), len(octets))).complete
    session.noop()


def test_a_window_begins_with_one_first_chunk(play: Play) -> None:
    again = "C: RSET\n" + FROM + WHOLE
    session = play(GREETED + FROM + FIRST + OK * 3 + REST + OK + again * 2 + OK * 8 + AND_ON, bdat_taken=None)

    results = session.send_many([Submission(BOB, CONTENT)] * 3)

    assert [type(result) for result in results] == [Receipt] * 3
    session.noop()


def test_a_window_goes_on_by_data(play: Play) -> None:
    session = play(
        GREETED + FROM + FIRST + OK * 2 + "S: 502 no\n...",
        GREETED + FROM + "C: DATA\n" + OK * 2 + "S: 354 go\n"
        + (LINES + FROM + "C: DATA\n" + OK * 3 + "S: 354 go\n") * 2 + LINES + OK + AND_ON,
        bdat_taken=None,
    )  # fmt: skip

    results = session.send_many([Submission(BOB, CONTENT)] * 3)

    assert [type(result) for result in results] == [Receipt] * 3
    session.noop()


def test_a_server_that_knew_it_and_does_not_any_more_gets_that_one_by_data_and_the_others_are_in_doubt(
    play: Play,
) -> None:
    """Replies behind the refusal may be replies to lines of the message."""
    again = "C: RSET\n" + FROM + WHOLE
    session = play(
        GREETED + again * 3 + OK * 4 + OK * 3 + "S: 502 what is BDAT?\n" + "S: 500 Subject?\n" + OK * 5 + "...",
        GREETED + BY_DATA + AND_ON,
    )

    results = session.send_many([Submission(BOB, CONTENT)] * 3)

    assert [type(result) for result in results] == [Receipt, Receipt, errors.ConnectionFailed]
    assert results[2].in_doubt  # type: ignore[union-attr]
    session.noop()


def test_one_message_to_a_server_that_knew_it_and_does_not_any_more_goes_by_data(play: Play) -> None:
    session = play(GREETED + FROM + WHOLE + OK * 2 + "S: 502 what is BDAT?\n...", GREETED + BY_DATA + AND_ON)

    assert session.deliver(BOB, CONTENT).complete
    session.noop()


def test_without_chunking_nothing_is_tried(play: Play) -> None:
    session = play(GREETED + BY_DATA + AND_ON, bdat_taken=None, chunking=False)

    assert session.deliver(BOB, CONTENT).complete
    session.noop()


# End to end.


def does_not_know_bdat(phone: Phone) -> None:
    """A server that reads every line as a command, and messages by DATA only."""
    greeted(phone, "PIPELINING", "8BITMIME", "CHUNKING", "BINARYMIME")
    while command := phone.receive():
        match command.partition(b" ")[0].upper():
            case b"DATA":
                phone.say("354 go")
                phone.receive_content()
                phone.say("250 queued")
            case b"MAIL" | b"RCPT" | b"RSET":
                phone.say("250 ok")
            case b"QUIT":
                phone.say("221 bye")
                return
            case _:
                phone.say("502 5.5.1 not implemented")


SMUGGLED = "Hello\nRSET\nMAIL FROM:<evil@x.org>\nRCPT TO:<victim@x.org>\nDATA\nSubject: smuggled\n\nbody\n.\n"


def mail(number: int) -> Message:
    return Message(sender="a@x.org", to="b@x.org", subject=f"n {number}", text=SMUGGLED)


def by_session(server: Server) -> list[object]:
    with SmtpSession(server) as session:
        return [session.send(mail(1)), session.send(mail(2)), *session.send_many(map(mail, range(3)))]


def by_async_session(server: Server) -> list[object]:
    async def story() -> list[object]:
        async with AsyncSmtpSession(server) as session:
            one = await session.send(mail(1))
            return [one, *[result async for result in session.send_many(map(mail, range(3)))]]

    return asyncio.run(story())


def by_pool(server: Server) -> list[object]:
    with SmtpPool(server, size=1) as pool:
        return [pool.send(mail(number)) for number in range(3)]


def by_crowd(server: Server) -> list[object]:
    async def story() -> list[object]:
        async with AsyncSmtpPool(server, size=1) as pool:
            return list(await asyncio.gather(*(pool.send(mail(number)) for number in range(5))))

    return asyncio.run(story())


def by_one_call(server: Server) -> list[object]:
    return [send_one(mail(1), via=server), send_one(mail(2), via=server)]


@pytest.mark.parametrize("way", [by_session, by_async_session, by_pool, by_crowd, by_one_call])
def test_every_way_to_send_arrives_and_no_line_of_a_mail_is_a_command(way: object) -> None:
    with stranger(does_not_know_bdat) as server:
        results = way(Server("127.0.0.1", server.port, Security.NONE))  # type: ignore[operator]

        heard = b"".join(line for phone in server.phones for line in phone.heard)
        assert {type(result) for result in results} == {Receipt}
        assert b"victim" not in heard
        assert heard.count(b"BDAT") == 1


def test_every_mail_of_an_outbox_arrives(tmp_path: object) -> None:
    with stranger(does_not_know_bdat) as server, Outbox(f"{tmp_path}/outbox.db") as outbox:
        outbox.put_many([mail(number) for number in range(6)], via=f"smtp://127.0.0.1:{server.port}?tls=none")
        outbox.run_once()

        assert [(count.state.name, count.mails) for count in outbox.stats()] == [("SENT", 6)]
        assert not any(b"victim" in line for phone in server.phones for line in phone.heard)


@in_both_colours
def test_binary_files_fall_back_to_base64(send: object) -> None:
    binary = [mail(number).with_data(b"\0\r\n\xff" * 100, "odd.bin") for number in range(3)]
    with stranger(does_not_know_bdat) as server:
        results = send(Server("127.0.0.1", server.port, Security.NONE, binary=True), binary)  # type: ignore[operator]

        assert [type(result) for result in results] == [Receipt] * 3


@pytest.mark.parametrize("colour", [SmtpSession, AsyncSmtpSession])
def test_one_message_with_binary_files_falls_back_to_base64(colour: type) -> None:
    binary = mail(1).with_data(b"\0\r\n\xff" * 100, "odd.bin")

    async def awaited(server: Server) -> Receipt:
        async with AsyncSmtpSession(server) as session:
            return await session.send(binary)

    with stranger(does_not_know_bdat) as there:
        server = Server("127.0.0.1", there.port, Security.NONE, binary=True)
        if colour is AsyncSmtpSession:
            receipt = asyncio.run(awaited(server))
        else:
            with SmtpSession(server) as session:
                receipt = session.send(binary)

        assert receipt.complete
        assert server_memory.of(server).bdat_taken is False


def test_a_ready_binary_message_raises_with_the_reason(play: Play) -> None:
    content = Content((RAW,), len(RAW), binary=True)
    binary = FROM.replace("<a@x.org>", "<a@x.org> BODY=BINARYMIME")
    greeted = GREETED.replace("PIPELINING", "PIPELINING\nS: 250-BINARYMIME")
    session = play(greeted + binary + FIRST + OK * 2 + "S: 502 no\n...", bdat_taken=None, binary=True)

    with pytest.raises(errors.MessageRefused) as refused:
        session.deliver(BOB, content)

    assert refused.value.failure is not None
    assert refused.value.failure.id == "BDAT-REFUSED"
    assert not refused.value.in_doubt
