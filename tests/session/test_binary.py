"""BINARYMIME (RFC 3030 3): only on request and where offered, only by BDAT, and to the byte."""

from __future__ import annotations

import asyncio
import tracemalloc
from email import policy
from email.message import EmailMessage
from email.parser import BytesParser
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as some

import courriel
import inside
from courriel import Letter, Message, Receipt, Sandbox, Security, Server, SmtpSession, Template, errors
from courriel._dataclass import replace
from courriel.dialogue.server.handler import Delivery, ServerConfig
from courriel.dialogue.smtp.batch_sender import BatchSender
from courriel.dialogue.smtp.client import SmtpDialogue
from courriel.model.content import Content
from courriel.model.messages.attachment import Attachment
from courriel.model.servers.server import Dialect
from courriel.model.submission import Submission
from courriel.session.encoding import submission_of
from courriel.session.message_source import queued
from courriel.session.smtp import AsyncSmtpSession
from courriel.wire.mime.build import content_of
from courriel.wire.mime.parts import first_boundary
from courriel.wire.mime.transfer import RawFile
from courriel.wire.smtp.extensions import Extensions
from pairs.runner import KeepingHandler
from pairs.test_client_and_server import Session as Pair

AWKWARD = b"\r\n.\r\n\0 lone \r and \n, --=_ and a long line: " + b"\xff" * 3000
WISHED = Server("127.0.0.1", 25, Security.NONE, ehlo_name="client.example.org", binary=True)
EVERYTHING = {"PIPELINING": "", "CHUNKING": "", "BINARYMIME": "", "8BITMIME": ""}


def message(octets: bytes = AWKWARD) -> Message:
    plain = Message(sender="ada@example.org", to="bob@example.org", subject="Files", text="As they are.\n")
    return plain.with_data(octets, "a.bin")


def handed_over(server: Server, said: Message, config: ServerConfig | None = None) -> Delivery:
    """Send a message through a complete dialogue."""
    handler = KeepingHandler()
    pair = Pair("whole", handler, config, server).open()
    submission = submission_of(said, pair.client.extensions)
    receipt = pair.pair.run(pair.client.deliver(submission))
    assert receipt.complete
    return handler.deliveries[0]


def read(raw: bytes) -> EmailMessage:
    """The mail as the standard library parses it."""
    mail = BytesParser(policy=policy.default).parsebytes(raw)
    assert isinstance(mail, EmailMessage)
    return mail


def raw_part(raw: bytes) -> bytes:
    """The bytes between the header of the attachment and the boundary behind it."""
    mail = read(raw)
    boundary = mail.get_boundary()
    assert boundary is not None
    mark = b"\r\n--" + boundary.encode()
    file = raw.split(mark)[2]
    return file.partition(b"\r\n\r\n")[2]


def test_a_file_leaves_as_it_is_and_says_so() -> None:
    delivery = handed_over(WISHED, message())

    assert delivery.origin.binary
    assert raw_part(delivery.content) == AWKWARD
    mail = read(delivery.content)
    text, file = mail.iter_parts()
    assert mail["content-transfer-encoding"] == file["content-transfer-encoding"] == "binary"
    assert (text.get_content().strip(), file.get_filename()) == ("As they are.", "a.bin")
    assert not delivery.findings


@given(some.binary(max_size=400))
def test_whatever_octets_there_are_arrive_as_they_are(octets: bytes) -> None:
    assert raw_part(handed_over(WISHED, message(octets)).content) == octets


def test_a_file_from_the_disk_is_read_as_it_goes_and_takes_no_memory(tmp_path: Path) -> None:
    file = tmp_path / "a.bin"
    with file.open("wb") as sparse:
        sparse.truncate(10_000_000)
    sent = RawFile(Attachment.file(file))
    tracemalloc.start()

    length = sum(map(len, sent))

    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert length == sent.size == 10_000_000
    assert peak < 300_000


@pytest.mark.parametrize("size", [0, 100_000])
def test_a_file_from_the_disk_arrives(tmp_path: Path, size: int) -> None:
    file = tmp_path / "a.bin"
    file.write_bytes(AWKWARD * (size // len(AWKWARD)))

    plain = Message(sender="ada@example.org", to="bob@example.org", text="As it is.\n").with_attachment(file)

    assert raw_part(handed_over(WISHED, plain).content) == file.read_bytes()


def test_a_file_cannot_end_its_own_part(tmp_path: Path) -> None:
    """The boundary of an ordinary mail can be guessed; that of binary parts uses the whole Message-ID."""
    file = tmp_path / "a.bin"
    file.write_bytes(b"x\r\n--" + first_boundary("<1@example.org>") + b"\r\n\r\nsmuggled")
    plain = Message(sender="ada@example.org", to="bob@example.org", text="Hello", message_id="<1@example.org>")

    delivery = handed_over(WISHED, plain.with_attachment(file))

    assert raw_part(delivery.content) == file.read_bytes()
    assert len(list(read(delivery.content).iter_parts())) == 2


def test_a_template_writes_both_forms() -> None:
    template = Template(sender="ada@example.org", to="{email}", text="Hello\n").with_data(AWKWARD, "a.bin")
    merged = template.fill(email="bob@example.org")

    assert raw_part(bytes(content_of(merged, binary=True))) == AWKWARD
    assert not content_of(merged).binary
    assert bytes(content_of(merged, binary=True)) == bytes(content_of(merged.message(), binary=True))


def test_a_mail_without_files_is_what_it_was() -> None:
    plain = Message(sender="ada@example.org", to="bob@example.org", text="é", html="<p>é</p>")

    assert content_of(plain, eight_bit=True, binary=True) == content_of(plain, eight_bit=True)


# Not requested, or not offered.


@pytest.mark.parametrize("missing", ["PIPELINING", "CHUNKING", "BINARYMIME"])
def test_a_server_has_to_offer_all_of_it(missing: str) -> None:
    assert Extensions(EVERYTHING, binary=True).binary
    assert not Extensions({name: "" for name in EVERYTHING if name != missing}, binary=True).binary
    assert not Extensions(EVERYTHING).binary


@pytest.mark.parametrize(
    "server",
    [
        Server("127.0.0.1", 25, Security.NONE, ehlo_name="client.example.org"),
        Server("127.0.0.1", 24, Security.NONE, ehlo_name="client.example.org", binary=True, dialect=Dialect.LMTP),
    ],
    ids=["not wished", "LMTP"],
)
def test_otherwise_it_is_base64_as_ever(server: Server) -> None:
    delivery = handed_over(server, message(), ServerConfig(dialect=server.dialect))

    assert not delivery.origin.binary
    assert read(delivery.content).get_payload(1)["content-transfer-encoding"] == "base64"  # type: ignore[index]


def test_it_is_never_said_line_by_line() -> None:
    """With a window of one, mails are sent by DATA, and encoded for it."""
    dialogue = SmtpDialogue(WISHED)
    inside.know(dialogue, EVERYTHING)

    one, many = (BatchSender(dialogue, window=window) for window in (1, 100))

    assert (one.extensions.binary, many.extensions.binary) == (False, True)
    ready = queued(message(), many.extensions)
    assert not isinstance(ready, errors.CourrielError)
    with pytest.raises(errors.NotSupported, match="line by line"):
        ready.bursts(dialogue.extensions)


def test_a_server_that_does_not_take_it_is_told_nothing() -> None:
    """A session may be reopened on a server with fewer capabilities than before."""
    handler = KeepingHandler()
    pair = Pair("whole", handler).open()
    content = content_of(message(), binary=True)

    with pytest.raises(errors.NotSupported, match="BINARYMIME"):
        pair.pair.run(pair.client.deliver(Submission(message().envelope(), content, "<x@y>")))

    assert not handler.deliveries
    assert isinstance(pair.send(), Receipt)


def test_the_server_takes_it_by_bdat_alone() -> None:
    from pairs.runner import serve_client

    said = b"EHLO x.org\r\nMAIL FROM:<a@b.c> BODY=BINARYMIME\r\nRCPT TO:<d@e.f>\r\nDATA\r\nBDAT 3 LAST\r\n\0\r\xff"
    handler = KeepingHandler()

    assert serve_client(said, handler=handler).codes == "250 250 250 503 250"
    assert handler.deliveries[0].content == b"\0\r\xff"


# On real connections, blocking and asyncio.


def test_many_at_once_and_large_ones_alone() -> None:
    files = [AWKWARD, AWKWARD * 100, b"", AWKWARD]

    async def awaited(server: Server) -> None:
        async with AsyncSmtpSession(server) as session:
            async for result in session.send_many(map(message, files)):
                assert isinstance(result, Receipt)
            await session.send(message())

    with Sandbox() as sandbox:
        server = replace(sandbox.server(), binary=True)
        with SmtpSession(server) as session:
            assert all(isinstance(result, Receipt) for result in session.send_many(map(message, files)))
            session.send(message())
        asyncio.run(awaited(server))
        arrived = [letter.content for letter in sandbox.letters]

    assert [raw_part(raw) for raw in arrived] == [*files, AWKWARD] * 2


def test_the_way_is_said_in_a_url() -> None:
    with Sandbox() as sandbox:
        courriel.send(message(), via=f"{sandbox.url}&binary=1")
        courriel.send(message(), via=sandbox.url)
        binary, ordinary = sandbox.letters

    assert raw_part(binary.content) == AWKWARD
    assert AWKWARD not in ordinary.content
    for letter in (binary, ordinary):
        assert [file.content for file in Letter.parse(letter.content).attachments] == [AWKWARD]


def test_content_says_what_it_is() -> None:
    assert not Content((b"x",), 1).binary
    assert content_of(message(), binary=True).binary
    assert not content_of(message(), binary=True).dotless
