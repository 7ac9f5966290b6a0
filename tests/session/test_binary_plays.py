"""BINARYMIME in plays: BDAT and BODY=BINARYMIME on request and where offered, base64 otherwise."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from email import message_from_bytes, policy
from pathlib import Path

import pytest

from courriel import AsyncSmtpPool, Envelope, Message, Outbox, Receipt, Sandbox, Server, SmtpPool, errors
from courriel.delivery.urls.route import Route
from courriel.dialogue.smtp.batch_sender import BatchSender
from courriel.dialogue.smtp.send_queue import QueuedMessage
from courriel.model.content import Content
from courriel.model.servers.server import Dialect
from courriel.model.submission import Submission
from courriel.session.encoding import submission_of
from courriel.wire.mime.build import build
from courriel.wire.smtp.extensions import Extensions
from pairs.runner import KeepingHandler
from pairs.test_client_and_server import SERVER, Session
from session.conftest import Play
from session.play import Blocking, escaped
from session.play import Session as Played

ODD = b"\r\n.\r\n\r\r\n\n..\0\xff--\n--=_\r\n.\r\nQUIT\r\n\r"
LARGE = ODD * 3_000
MESSAGE = Message(sender="ada@example.org", to="bob@example.org", text="Voilà.").with_data(ODD, "odd.bin")
ANOTHER = replace(MESSAGE, message_id="<another@example.org>")
BIG = Message(sender="ada@example.org", to="bob@example.org", text="Seven bits, but for the file.").with_data(
    LARGE, "odd.bin"
)
PLAIN = Message(sender="ada@example.org", to="bob@example.org", text="Nothing attached.")
BOB = Envelope.of("ada@example.org", "bob@example.org")

OFFERS = ("PIPELINING", "CHUNKING", "BINARYMIME", "8BITMIME")
GO_ON = "S: 250 ok\n"
BINARY = "C: MAIL FROM:<ada@example.org> BODY=BINARYMIME\nC: RCPT TO:<bob@example.org>\n"
RESET = "C: RSET\n"
DATA = "C: MAIL FROM:<ada@example.org>\nC: RCPT TO:<bob@example.org>\nC: DATA\n"
AND_ON = "C: NOOP\n" + GO_ON


def greeted(*offers: str, hello: str = "EHLO") -> str:
    said = "".join(f"S: 250-{offer}\n" for offer in offers)
    return f"S: 220 hi\nC: {hello} client.example.org\nS: 250-hi\n{said}S: 250 HELP\n"


def as_it_is(message: Message) -> Content:
    return build(message, eight_bit=True, binary=True)


def chunk(message: Message) -> str:
    content = as_it_is(message)
    return f"C: BDAT {content.size} LAST\nC! {escaped(bytes(content))}\n"


def by_data(message: Message, *, eight_bit: bool = False) -> str:
    lines = bytes(build(message, eight_bit=eight_bit)).decode().split("\r\n")[:-1]
    return "".join(f"C: {line}\n" for line in lines) + "C: .\n"


def in_base64(message: Message) -> str:
    content = build(message, eight_bit=True)
    assert not content.binary
    return f"C: BDAT {content.size} LAST\nC! {escaped(bytes(content))}\n"


# One message.


def test_a_small_one_is_one_round_trip_and_its_file_as_it_is(play: Play) -> None:
    session = play(greeted(*OFFERS) + BINARY + chunk(MESSAGE) + GO_ON * 3 + AND_ON, binary=True)

    assert session.send(MESSAGE).complete
    session.noop()


def test_a_large_one_waits_until_somebody_wants_it(play: Play) -> None:
    refused = "S: 250 ok\nS: 550 who?\n" + RESET + GO_ON
    session = play(greeted(*OFFERS) + BINARY + refused + BINARY + GO_ON * 2 + chunk(BIG) + GO_ON, binary=True)

    with pytest.raises(errors.RecipientsRefused):
        session.send(BIG)

    assert session.send(BIG).complete


def test_a_file_of_the_disk_leaves_block_by_block(play: Play, tmp_path: Path) -> None:
    file = tmp_path / "odd.bin"
    file.write_bytes(LARGE)
    message = Message(sender="ada@example.org", to="bob@example.org", text="Voilà.").with_attachment(file)
    session = play(greeted(*OFFERS) + BINARY + GO_ON * 2 + chunk(message) + GO_ON, binary=True)

    assert session.send(message).complete


def test_its_size_is_said_where_the_server_wants_to_know(play: Play) -> None:
    mail = BINARY.replace(" BODY", f" SIZE={as_it_is(MESSAGE).size} BODY")
    session = play(greeted(*OFFERS, "SIZE 100000") + mail + chunk(MESSAGE) + GO_ON * 3, binary=True)

    assert session.send(MESSAGE).complete


def test_a_message_without_a_file_is_none_of_that(play: Play) -> None:
    mail = BINARY.replace(" BODY=BINARYMIME", "")
    session = play(greeted(*OFFERS) + mail + in_base64(PLAIN) + GO_ON * 3, binary=True)

    assert session.send(PLAIN).complete


def test_nothing_of_it_happens_unasked(play: Play) -> None:
    mail = BINARY.replace("BINARYMIME", "8BITMIME")
    session = play(greeted(*OFFERS) + mail + in_base64(MESSAGE) + GO_ON * 3)

    assert session.send(MESSAGE).complete


@pytest.mark.parametrize("missing", ["BINARYMIME", "CHUNKING"])
def test_a_server_that_offers_half_of_it_gets_base64(play: Play, missing: str) -> None:
    offers = [offer for offer in OFFERS[:3] if offer != missing]
    chunking = DATA.replace("C: DATA\n", "") + in_seven_bits(MESSAGE) + GO_ON * 3
    data = DATA + GO_ON * 2 + "S: 354 go\n" + by_data(MESSAGE) + GO_ON
    session = play(greeted(*offers) + (chunking if missing == "BINARYMIME" else data), binary=True)

    assert session.send(MESSAGE).complete


def in_seven_bits(message: Message) -> str:
    content = build(message)
    return f"C: BDAT {content.size} LAST\nC! {escaped(bytes(content))}\n"


def test_without_reading_ahead_it_is_base64_by_data(play: Play) -> None:
    commands = DATA.splitlines(keepends=True)
    envelope = "".join(command + GO_ON for command in commands[:2]) + commands[2] + "S: 354 go\n"
    session = play(greeted("CHUNKING", "BINARYMIME") + envelope + by_data(MESSAGE) + GO_ON, binary=True)

    assert session.send(MESSAGE).complete


def test_lmtp_keeps_to_base64_by_data(play: Play) -> None:
    offers = OFFERS[:3]
    session = play(
        greeted(*offers, hello="LHLO") + DATA + GO_ON * 2 + "S: 354 go\n" + by_data(MESSAGE) + GO_ON,
        binary=True,
        dialect=Dialect.LMTP,
    )

    assert session.send(MESSAGE).complete


@pytest.mark.parametrize("offers", [(), ("PIPELINING",), ("PIPELINING", "CHUNKING"), ("CHUNKING", "BINARYMIME")])
def test_what_is_binary_never_goes_where_it_cannot(play: Play, offers: tuple[str, ...]) -> None:
    """Nothing is sent, and the session stays open."""
    session = play(greeted(*offers, "8BITMIME") + AND_ON, binary=True)

    with pytest.raises(errors.NotSupported) as impossible:
        session.deliver(BOB, as_it_is(MESSAGE))

    assert impossible.value.capability == "BINARYMIME"
    assert not impossible.value.in_doubt
    session.noop()


def test_a_session_that_is_opened_anew_and_can_do_less_does_not_get_it(play: Play) -> None:
    session = play(
        greeted(*OFFERS) + BINARY + chunk(MESSAGE) + "S: 421 closing\n---",
        greeted("PIPELINING", "8BITMIME") + AND_ON,
        binary=True,
    )

    with pytest.raises(errors.NotSupported) as impossible:
        session.send(MESSAGE)

    assert impossible.value.capability == "BINARYMIME"
    session.noop()


# Many messages.


def many(session: Played, *messages: Message, window: int = 10) -> list[object]:
    if isinstance(session, Blocking):
        return list(session.session.send_many(messages, window=window))
    running = session

    async def gathered() -> list[object]:
        return [result async for result in running.session.send_many(messages, window=window)]

    return list(running.runner.run(gathered()))


def test_many_leave_whole_one_behind_the_other(play: Play) -> None:
    session = play(
        greeted(*OFFERS) + RESET + BINARY + chunk(MESSAGE) + RESET + BINARY + chunk(ANOTHER) + GO_ON * 8, binary=True
    )

    first, second = many(session, MESSAGE, ANOTHER)

    assert isinstance(first, Receipt)
    assert isinstance(second, Receipt)


def test_a_large_one_among_many_goes_alone(play: Play) -> None:
    small = RESET + BINARY + chunk(MESSAGE) + GO_ON * 4
    session = play(greeted(*OFFERS) + BINARY + GO_ON * 2 + chunk(BIG) + GO_ON + small, binary=True)

    assert all(isinstance(result, Receipt) for result in many(session, BIG, MESSAGE))


@pytest.mark.parametrize("offers", [("8BITMIME",), ("PIPELINING", "8BITMIME"), ("PIPELINING", "CHUNKING", "8BITMIME")])
def test_those_that_a_new_session_cannot_carry_are_told_so(play: Play, offers: tuple[str, ...]) -> None:
    session = play(
        greeted(*OFFERS) + RESET + BINARY + chunk(MESSAGE) + RESET + BINARY + chunk(ANOTHER) + "S: 421 closing\n---",
        greeted(*offers) + AND_ON,
        binary=True,
    )

    results = many(session, *(Submission(BOB, as_it_is(each)) for each in (MESSAGE, ANOTHER)))

    assert [type(result) for result in results] == [errors.NotSupported] * 2
    session.noop()


def test_a_binary_content_from_elsewhere_does_not_slip_into_pipelining() -> None:
    """A window of one is pipelined by DATA."""
    handler = KeepingHandler()
    session = Session("whole", handler, server=replace(SERVER, binary=True))
    session.open()
    stream = BatchSender(session.client, window=1)
    queued = QueuedMessage(BOB, as_it_is(MESSAGE), "<x@y>")
    stream.put(queued)

    session.pair.run(stream.finish())

    assert [type(result) for result in stream.results()] == [errors.NotSupported]
    assert not handler.deliveries


# End to end.


def files_in(raw: bytes) -> list[bytes]:
    parsed = message_from_bytes(raw, policy=policy.default)
    return [part.get_payload(decode=True) for part in parsed.iter_attachments()]  # type: ignore[misc]


@pytest.mark.parametrize("size", [1, 5_000])
def test_the_practice_server_reads_back_what_was_sent_to_the_octet(size: int, tmp_path: Path) -> None:
    file = tmp_path / "odd.bin"
    file.write_bytes(ODD * size)
    message = MESSAGE.with_attachment(file)
    with Sandbox() as sandbox:
        with SmtpPool(replace(as_server(sandbox), binary=True)) as pool:
            assert pool.send(message).complete
        letter = sandbox.wait_for(to="bob@example.org")

    assert b"Content-Transfer-Encoding: binary" in letter.content
    assert files_in(letter.content) == [ODD, ODD * size]
    assert letter.findings == ()


def test_a_pool_of_those_who_await_sends_them_so_too() -> None:
    async def send(server: Server) -> Receipt:
        async with AsyncSmtpPool(server) as pool:
            return await pool.send(MESSAGE)

    with Sandbox() as sandbox:
        assert asyncio.run(send(replace(as_server(sandbox), binary=True))).complete
        letter = sandbox.wait_for(to="bob@example.org")

    assert files_in(letter.content) == [ODD]
    assert b"Content-Transfer-Encoding: binary" in letter.content


def as_server(sandbox: Sandbox) -> Server:
    server = Route.parse(sandbox.url).server
    assert server is not None
    return server


def test_what_is_binary_stays_so_in_the_outbox(tmp_path: Path) -> None:
    """The outbox encodes its own messages in seven bits; a ready binary message must not be sent by DATA either."""
    written = submission_of(MESSAGE, Extensions(dict.fromkeys(OFFERS, ""), binary=True))
    with Sandbox() as sandbox, Outbox(tmp_path / "outbox.db") as outbox:
        outbox.put(MESSAGE, via=f"{sandbox.url}&binary=1")
        outbox.put(written, via=f"{sandbox.url}&binary=1")
        outbox.put(written, via=sandbox.url)
        outbox.run_once()
        letters = sandbox.letters

    assert sorted(b"Content-Transfer-Encoding: binary" in letter.content for letter in letters) == [False, True]
    assert [files_in(letter.content) for letter in letters] == [[ODD], [ODD]]
    assert all(letter.findings == () for letter in letters)
