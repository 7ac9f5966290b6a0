"""Every hostile argument at every door that takes one: refused before a byte of the mail leaves, or sent as meant.

The server behind it counts: never a second recipient, never a command of a stranger's (hazards H41, H43 to H58).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import courriel
from courriel import Address, AsyncSmtpSession, Attachment, Envelope, Message, Security, Server, SmtpSession, errors
from courriel.wire.mime.build import content_of
from hostile.lists import hostile, shown
from hostile.recorder import Heard, Recorder, addresses, unstuffed
from hostile.test_addresses import DECIDED
from session.play import Awaiting, Blocking, Session

SENDER, RECIPIENT = "ada@example.org", "bob@example.org"
SIMPLE = Message(sender=SENDER, to=RECIPIENT, subject="Hello", text="Hello.")

Sent = Callable[[Callable[[], Message], dict[str, object]], object]


@pytest.fixture(scope="module")
def server() -> Iterator[Recorder]:
    with Recorder() as recorder:
        yield recorder


def by_session(server: Recorder, message: Callable[[], Message], wishes: dict[str, object]) -> None:
    with SmtpSession(Server("127.0.0.1", server.port, Security.NONE, ehlo_name="client.example.org")) as session:
        session.send(message(), **wishes)  # type: ignore[arg-type]


def by_async_session(server: Recorder, message: Callable[[], Message], wishes: dict[str, object]) -> None:
    async def send() -> None:
        way = Server("127.0.0.1", server.port, Security.NONE, ehlo_name="client.example.org")
        async with AsyncSmtpSession(way) as session:
            await session.send(message(), **wishes)  # type: ignore[arg-type]

    asyncio.run(send())


def by_send(server: Recorder, message: Callable[[], Message], wishes: dict[str, object]) -> None:
    courriel.send(message(), via=f"smtp://127.0.0.1:{server.port}?tls=none", **wishes)  # type: ignore[arg-type]


def by_asend(server: Recorder, message: Callable[[], Message], wishes: dict[str, object]) -> None:
    async def send() -> None:
        await courriel.asend(message(), via=f"smtp://127.0.0.1:{server.port}?tls=none", **wishes)  # type: ignore[arg-type]

    asyncio.run(send())


# The fast part takes one of each colour and one of each door.
WAYS = [
    by_session,
    pytest.param(by_async_session, marks=pytest.mark.slow),
    pytest.param(by_send, marks=pytest.mark.slow),
    by_asend,
]
Way = Callable[[Recorder, Callable[[], Message], dict[str, object]], None]


def attempt(
    server: Recorder, way: Way, message: Callable[[], Message] = lambda: SIMPLE, **wishes: object
) -> tuple[errors.CourrielError | None, Heard]:
    """Try to send, and say what was raised and what the server heard (nothing, when nobody called it)."""
    server.forget()
    try:
        way(server, message, wishes)
    except errors.CourrielError as refused:
        # A session that was open by then has said goodbye; a message that could not be made called nobody.
        opened = way in (by_session, by_async_session) or server_was_called(server, way, refused)
        return refused, server.heard()[0] if opened else Heard()
    return None, server.heard()[0]


def server_was_called(server: Recorder, way: Way, refused: errors.CourrielError) -> bool:
    trace = refused.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_name in {"_send", "_asend"}:
            return True
        trace = trace.tb_next
    return False


def check_only(heard: Heard, *, sender: str, recipients: list[str]) -> None:
    """Exactly one mail, from this sender to these recipients, and not one command more."""
    mail, *rcpts, data = heard.transaction
    assert addresses([mail], "MAIL FROM") == [sender]
    assert addresses(rcpts, "RCPT TO") == recipients
    assert len(rcpts) == len(recipients)
    assert data == "DATA"
    assert len(heard.messages) == 1
    assert heard.commands[0].startswith("EHLO ")
    assert heard.commands.count("RSET") == 0


# Addresses.

AS_RECIPIENT: dict[str, Callable[[str], dict[str, object]]] = {
    "send(to=)": lambda text: {"to": text},
    "send(to=[])": lambda text: {"to": [text]},
}
IN_MESSAGE: dict[str, Callable[[str], Message]] = {
    "to": lambda text: Message(sender=SENDER, to=text, text="x"),
    "to, in a list": lambda text: Message(sender=SENDER, to=[text], text="x"),
    "cc": lambda text: Message(sender=SENDER, cc=[text], text="x"),
    "bcc": lambda text: Message(sender=SENDER, bcc=[text], text="x"),
}


@pytest.mark.slow
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("text", DECIDED, ids=shown)
def test_a_hostile_recipient_gets_the_mail_alone_or_nobody_does(server: Recorder, way: Way, text: str) -> None:
    expected = [DECIDED[text][0]] if DECIDED[text][0] else None
    trials: list[tuple[Callable[[], Message], dict[str, object]]] = [
        *((lambda make=make: make(text), {}) for make in IN_MESSAGE.values()),  # type: ignore[misc]
        *((lambda: SIMPLE, wish(text)) for wish in AS_RECIPIENT.values()),
    ]
    for message, wishes in trials:
        refused, heard = attempt(server, way, message, **wishes)

        if expected is None:
            assert isinstance(refused, errors.UsageError)
            assert str(refused).isprintable()
            assert heard.transaction == []
        else:
            assert refused is None
            check_only(heard, sender=SENDER, recipients=expected)


@pytest.mark.slow
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("text", DECIDED, ids=shown)
def test_a_hostile_sender_sends_as_itself_or_not_at_all(server: Recorder, way: Way, text: str) -> None:
    expected = DECIDED[text][0]
    trials: list[tuple[Callable[[], Message], dict[str, object]]] = [
        (lambda: Message(sender=text, to=RECIPIENT, text="x"), {}),
        (lambda: SIMPLE, {"sender": text}),
    ]
    for message, wishes in trials:
        refused, heard = attempt(server, way, message, **wishes)

        if text == "" and wishes:
            # Nothing at all is the null sender, whom nobody can answer (RFC 5321 4.5.5).
            check_only(heard, sender="", recipients=[RECIPIENT])
        elif expected:
            assert refused is None
            check_only(heard, sender=expected, recipients=[RECIPIENT])
        else:
            assert isinstance(refused, errors.UsageError)
            assert heard.transaction == []


@pytest.mark.parametrize("text", DECIDED, ids=shown)
def test_an_envelope_takes_what_an_address_takes(text: str) -> None:
    expected = DECIDED[text][0]
    if expected:
        assert Envelope.of(SENDER, text).recipients[0].wire(utf8=True) == expected
        return
    with pytest.raises(errors.InvalidAddress):
        Envelope.of(SENDER, text)
    with pytest.raises(errors.InvalidAddress):
        Envelope.of(SENDER, [text])
    if text:
        with pytest.raises(errors.InvalidAddress):
            Envelope.of(text, RECIPIENT)


@pytest.mark.parametrize("way", [by_session, by_async_session])
@pytest.mark.parametrize("text", [text for text in DECIDED if len(text) < 1000], ids=shown)
def test_a_hostile_header_of_a_message_that_is_ready_adds_no_recipient(server: Recorder, way: Way, text: str) -> None:
    """Its To is read by the same strict grammar; a line break in it makes another header, one like any other."""
    try:
        raw = f"From: {SENDER}\r\nTo: {text}\r\nSubject: x\r\n\r\nHello.\r\n".encode()
        wanted = Message.parse(raw).recipients
    except errors.UsageError:
        wanted = ()

    refused, heard = attempt(server, way, lambda: Message.parse(raw))  # type: ignore[arg-type, return-value]

    if refused is not None:
        assert isinstance(refused, errors.UsageError)
        assert heard.transaction == []
        return
    check_only(heard, sender=SENDER, recipients=[address.wire(utf8=True) for address in wanted])
    assert "evil@x.com" not in [address.spec for address in wanted]


# What is not an address.


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("text", [*hostile("header_values"), *hostile("header_names")], ids=shown)
def test_a_hostile_header_adds_no_line_and_no_recipient(server: Recorder, way: Way, text: str) -> None:
    fields = {"sender": SENDER, "to": RECIPIENT, "text": "x"}
    for make in (
        lambda: Message(**fields, subject=text),  # type: ignore[arg-type]
        lambda: Message(**fields, headers={"X-Note": text}),  # type: ignore[arg-type]
        lambda: Message(**fields, headers={text: "x"}),  # type: ignore[arg-type]
        lambda: Message(**fields, message_id=text),  # type: ignore[arg-type]
    ):
        refused, heard = attempt(server, way, make)

        if refused is not None:
            assert isinstance(refused, errors.UsageError)
            assert heard.transaction == []
            continue
        check_only(heard, sender=SENDER, recipients=[RECIPIENT])
        head = heard.messages[0].partition(b"\r\n\r\n")[0].lower()
        assert b"\r\nbcc:" not in head
        assert b"\nlist-unsubscribe:" not in head
        assert head.count(b"\r\nto:") == 1


@pytest.mark.slow
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", [*hostile("filenames"), *hostile("mime_param_names")], ids=shown)
def test_a_hostile_name_of_a_file_stays_a_name(server: Recorder, way: Way, name: str, tmp_path: Path) -> None:
    file = tmp_path / "harmless.txt"
    file.write_text("x")
    for make in (
        lambda: SIMPLE.with_data(b"x", name),
        lambda: SIMPLE.with_attachment(file, name=name),
        lambda: SIMPLE.with_attachment(file, content_type=f"text/plain; {name}=x"),
        lambda: SIMPLE.with_attachment(file, inline=True, content_id=name),
        lambda: Message(sender=SENDER, to=RECIPIENT, attachments=[Attachment(name, b"x", 1)]),
    ):
        refused, heard = attempt(server, way, make)

        if refused is not None:
            assert isinstance(refused, errors.UsageError)
            assert heard.transaction == []
            continue
        check_only(heard, sender=SENDER, recipients=[RECIPIENT])
        lines = heard.messages[0].lower().split(b"\r\n")
        assert not any(line.startswith((b"x-inj", b"content-type: text/html")) for line in lines)


@pytest.mark.slow
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("body", hostile("bodies"), ids=shown)
def test_a_hostile_body_is_one_message(server: Recorder, way: Way, body: str) -> None:
    raw = b"From: ada@example.org\r\nTo: bob@example.org\r\n\r\n" + body.encode()
    for make in (
        lambda: Message(sender=SENDER, to=RECIPIENT, text=body),
        lambda: Message(sender=SENDER, to=RECIPIENT, html=body),
        lambda: SIMPLE.with_data(body, "a.txt", content_type="text/plain"),
        lambda: Message.parse(raw),
        lambda: Message.parse(raw, normalise=True),
    ):
        refused, heard = attempt(server, way, make)  # type: ignore[arg-type]

        if refused is not None:
            assert isinstance(refused, errors.UsageError)
            assert heard.transaction == []
            assert "\0" in body or "\r" in body or len(body) > 998
            continue
        check_only(heard, sender=SENDER, recipients=[RECIPIENT])
        (message,) = heard.messages
        assert message.count(b"\r") == message.count(b"\n") == message.count(b"\r\n")
        assert b"\r\n.\r\n" not in message
        assert max(map(len, unstuffed(message).split(b"\r\n"))) <= 998


LAWFUL_NAMES = ["localhost", "15b0717dc4c2", "[127.0.0.1]"]


@pytest.mark.parametrize("kind", [SmtpSession, AsyncSmtpSession])
@pytest.mark.parametrize("name", [name for name in hostile("ehlo_names") if name], ids=shown)
def test_a_hostile_name_is_introduced_as_it_stands_or_not_at_all(
    server: Recorder, kind: type[SmtpSession | AsyncSmtpSession], name: str
) -> None:
    if name not in LAWFUL_NAMES:
        with pytest.raises(errors.InvalidServer):
            Server("127.0.0.1", server.port, Security.NONE, ehlo_name=name)
        return
    server.forget()
    way = Server("127.0.0.1", server.port, Security.NONE, ehlo_name=name)

    if kind is SmtpSession:
        SmtpSession(way).open().close()
    else:

        async def open_and_close() -> None:
            await (await AsyncSmtpSession(way).open()).close()

        asyncio.run(open_and_close())

    assert server.heard()[0].commands == [f"EHLO {name}", "QUIT"]


def test_no_name_at_all_is_a_name_of_ours(server: Recorder) -> None:
    """Hazard H33: a full name, or the address of the line."""
    server.forget()

    SmtpSession(Server("127.0.0.1", server.port, Security.NONE)).open().close()

    name = server.heard()[0].commands[0].removeprefix("EHLO ")
    assert name == "[127.0.0.1]" or "." in name


OPTIONS = [*hostile("esmtp_options"), "a b", "é", "", "x" * 101, "a\0b", "a\x7fb", "\ud800", "a+3Db"]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("text", OPTIONS, ids=shown)
def test_a_hostile_option_is_a_value_and_never_a_parameter(server: Recorder, way: Way, text: str) -> None:
    """Hazard H43."""
    refused, heard = attempt(server, way, envid=text)

    if refused is not None:
        assert isinstance(refused, errors.UsageError)
        assert heard.transaction == []
        return
    check_only(heard, sender=SENDER, recipients=[RECIPIENT])
    parameters = heard.transaction[0].partition("> ")[2].split(" ")
    assert [word.partition("=")[0] for word in parameters if word] == ["SIZE", *(["ENVID"] if text else [])]
    assert text == "" or "=" not in parameters[1].partition("=")[2]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    "wish", [{"notify": ["SUCCESS"]}, {"notify": "SUCCESS\r\nRCPT TO:<x@y.z>"}, {"ret": "FULL ORCPT=x"}]
)
def test_an_option_that_is_not_of_its_type_is_refused(server: Recorder, way: Way, wish: dict[str, object]) -> None:
    refused, heard = attempt(server, way, **wish)

    assert isinstance(refused, errors.UsageError)
    assert heard.transaction == []


@pytest.mark.parametrize("colour", [Blocking, Awaiting])
@pytest.mark.parametrize("part", ["sender", "recipient", "envid"])
def test_a_value_that_was_forged_is_stopped_at_the_last_door(
    server: Recorder, colour: type[Session], part: str
) -> None:
    """Hazard H41: the one function that writes commands refuses every control character, however it came."""
    # Made, not read: what is read is remembered, and would stay forged.
    ada, bob, cleo = (Address(name, "example.org") for name in ("ada", "bob", "cleo"))
    forged = Envelope(ada, (bob, cleo), envid="x")
    address = forged.sender if part == "sender" else forged.recipients[1]
    evil = "a@b.com>\r\nRCPT TO:<evil@x.com"
    object.__setattr__(*((forged, "envid", "x\r\nRSET") if part == "envid" else (address, "narrow", evil)))
    server.forget()
    session = colour(Server("127.0.0.1", server.port, Security.NONE, ehlo_name="client.example.org"))
    session.open()

    try:
        session.deliver(forged, content_of(SIMPLE, eight_bit=True, utf8=True))
        refused = None
    except errors.CourrielError as error:
        refused = error
    session.close()
    session.leave()

    heard = server.heard()[0]
    if part == "envid":
        # It is written as xtext, in which a line break is six harmless characters.
        assert refused is None
        assert "ENVID=x+0D+0ARSET" in heard.transaction[0]
        return
    assert isinstance(refused, errors.LocalProtocolError)
    assert heard.transaction == []
