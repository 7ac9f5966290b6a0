"""Binary attachments: unchanged to the octet for other readers, whatever they hold."""

from __future__ import annotations

import os
import subprocess
import sys
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from courriel.compose.template import Template
from courriel.model.content import Content
from courriel.model.messages.attachment import Attachment
from courriel.model.messages.message import Message
from courriel.session.encoding import IN_EIGHT_BITS, IN_SEVEN_BITS, submission_of
from courriel.wire.mime import parts
from courriel.wire.mime.build import build
from courriel.wire.parse.letter import Letter

FIELDS = {"sender": "ada@example.org", "to": "bob@example.org"}
MAIL = b"Subject: within\r\n\r\nhello\r\n"

_ODD = [b"\r\n.\r\n", b"\r", b"\n", b"\0", b"--", b"--=_", b"\r\n--", b"\n--=_0.0001--\r\n", b".", b"\xff", b"=", b" "]
_OCTETS = some.one_of(some.binary(max_size=200), some.lists(some.sampled_from(_ODD), max_size=20).map(b"".join))


def read(content: Content) -> EmailMessage:
    return message_from_bytes(bytes(content), policy=policy.default)  # type: ignore[return-value]


def encodings(mail: EmailMessage) -> list[tuple[str, str]]:
    return [(part.get_content_type(), part.get("Content-Transfer-Encoding", "")) for part in mail.walk()]


@pytest.mark.slow
@given(some.lists(_OCTETS, min_size=1, max_size=3), some.text(some.characters(codec="utf-8"), max_size=20))
@settings(deadline=None)
def test_any_octets_arrive_to_the_octet(octets: list[bytes], text: str) -> None:
    files = [Attachment.data(each, f"{number}.bin") for number, each in enumerate(octets)]
    content = build(Message(**FIELDS, text=text.replace("\0", ""), attachments=files), eight_bit=True, binary=True)

    assert [part.get_payload(decode=True) for part in read(content).iter_attachments()] == octets
    assert [file.content for file in Letter.parse(bytes(content)).attachments] == octets
    assert len(bytes(content)) == content.size
    assert content.binary


@given(_OCTETS)
@settings(deadline=None)
def test_a_file_of_the_disk_arrives_like_octets_in_hand(
    tmp_path_factory: pytest.TempPathFactory, octets: bytes
) -> None:
    file = tmp_path_factory.mktemp("files") / "a.bin"
    file.write_bytes(octets)
    in_hand = Message(**FIELDS, text="x").with_data(octets, "a.bin")

    from_disk = build(
        Message(**FIELDS, text="x", message_id=in_hand.message_id, date=in_hand.date).with_attachment(file), binary=True
    )

    assert bytes(from_disk) == bytes(build(in_hand, binary=True))
    assert len(bytes(from_disk)) == from_disk.size


def test_what_holds_a_binary_part_says_so_itself_and_texts_stay_what_they_are() -> None:
    message = Message(**FIELDS, text="été", html="<p>été <img src='cid:a.png'>")
    message = message.with_data(b"\0", "a.png", inline=True).with_data(b"\r", "b.bin")
    message = message.with_data(b"Subject: x\r\n\r\n", "c.eml")

    assert encodings(read(build(message, eight_bit=True, binary=True))) == [
        ("multipart/mixed", "binary"),
        ("multipart/related", "binary"),
        ("multipart/alternative", "8bit"),
        ("text/plain", "8bit"),
        ("text/html", "8bit"),
        ("image/png", "binary"),
        ("application/octet-stream", "binary"),
        ("message/rfc822", "7bit"),
        ("text/plain", ""),
    ]
    assert encodings(read(build(message, binary=True)))[3:5] == [
        ("text/plain", "base64"), ("text/html", "quoted-printable"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("mail", "expected"),
    [
        (MAIL, ("message/rfc822", "7bit")),
        (MAIL + b"\r", ("application/octet-stream", "binary")),
        (MAIL + b"x" * 999, ("application/octet-stream", "binary")),
    ],
)
def test_a_mail_within_stays_one_unless_it_can_only_pass_as_octets(mail: bytes, expected: tuple[str, str]) -> None:
    content = build(Message(**FIELDS, text="x").with_data(mail, "a.eml", content_type="message/rfc822"), binary=True)

    assert encodings(read(content))[2] == expected
    assert content.binary == (expected[1] == "binary")
    assert mail in bytes(content)


def test_a_message_without_files_is_the_same_to_the_octet() -> None:
    message = Message(**FIELDS, text="été", html="<p>été")

    assert bytes(build(message, eight_bit=True, binary=True)) == bytes(build(message, eight_bit=True))
    assert not build(message, binary=True).binary


def test_a_stored_message_is_never_binary() -> None:
    message = Message(**FIELDS, text="x").with_data(b"\0", "a.bin")

    for extensions in (IN_EIGHT_BITS, IN_SEVEN_BITS):
        content = submission_of(message, extensions).content

        assert not content.binary
        assert bytes(content) == bytes(build(message))


def test_a_template_writes_its_files_in_both_ways() -> None:
    template = Template(sender="ada@example.org", to="{email}", text="Hello {email}").with_data(b"\0\r", "a.bin")
    message = template.fill(email="bob@example.org")

    assert bytes(message.content()) == bytes(build(message.message()))
    assert bytes(message.content(binary=True)) == bytes(build(message.message(), binary=True))
    assert message.content(binary=True).binary
    assert not message.content().binary


# Boundaries.


def test_a_predictable_message_id_gives_no_predictable_boundary(tmp_path: Path) -> None:
    """Neither by the checksum of other mails nor by a boundary of another process."""
    known = "<order-42@shop.example>"
    foreseen = b"".join(
        b"\r\n--" + each + b"--\r\n" for each in (parts.first_boundary(known), boundary_elsewhere(known))
    )
    file = tmp_path / "a.bin"
    file.write_bytes(foreseen)

    content = build(Message(**FIELDS, text="x", message_id=known).with_attachment(file), binary=True)

    assert [part.get_payload(decode=True) for part in read(content).iter_attachments()] == [foreseen]


def boundary_elsewhere(message_id: str) -> bytes:
    """First boundary that another process would use."""
    program = (
        "import sys\n"
        "from courriel.wire.mime.parts import boundaries_of\n"
        "print(next(boundaries_of(sys.argv[1], unseen=True)).decode())\n"
    )
    said = subprocess.run([sys.executable, "-c", program, message_id], capture_output=True, check=True)
    return said.stdout.strip()


def test_a_boundary_depends_on_the_whole_message_id_and_is_the_same_every_time() -> None:
    first, again, other = (next(parts.boundaries_of(name, unseen=True)) for name in ("<a@b>", "<a@b>", "<c@b>"))

    assert first == again != other
    assert len(first) == len("=_.0001") + 32


def test_octets_in_hand_are_searched_all_the_same() -> None:
    message = Message(**FIELDS, text="x")
    boundary = next(parts.boundaries_of(message.message_id, unseen=True))
    octets = os.urandom(10) + b"\r\n--" + boundary + b"--\r\n"

    content = build(message.with_data(octets, "a.bin"), binary=True)

    assert [part.get_payload(decode=True) for part in read(content).iter_attachments()] == [octets]
