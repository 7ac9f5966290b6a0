"""Structure of a built message: its parts, their encodings, from memory or from disk."""

from __future__ import annotations

from datetime import UTC, datetime
from email import policy
from email.message import EmailMessage
from email.parser import BytesParser
from pathlib import Path
from typing import Any

import pytest

from courriel.errors import InvalidAddress, InvalidMessage
from courriel.model.messages.message import Message
from courriel.wire.mime.build import build, content_of
from courriel.wire.mime.library_message import ready_of

FIELDS: dict[str, Any] = {
    "sender": "Ada <ada@example.org>",
    "to": "bob@example.org",
    "message_id": "<1@example.org>",
    "date": datetime(2026, 11, 23, 8, 0, 0, tzinfo=UTC),
}


def shape(part: EmailMessage) -> Any:
    """Nesting of a message: types, and for a multipart the shapes within."""
    kind = part.get_content_type()
    return (kind, [shape(each) for each in part.iter_parts()]) if part.is_multipart() else kind  # type: ignore[arg-type]


def read(message: Message, **how: bool) -> EmailMessage:
    return BytesParser(_class=EmailMessage, policy=policy.default).parsebytes(bytes(build(message, **how)))


def test_a_plain_message_is_written_to_the_letter() -> None:
    content = build(Message(**FIELDS, subject="Hello", text="One\n.two\n"))

    assert bytes(content) == (
        b"From: Ada <ada@example.org>\r\n"
        b"To: bob@example.org\r\n"
        b"Subject: Hello\r\n"
        b"Date: Mon, 23 Nov 2026 08:00:00 +0000\r\n"
        b"Message-ID: <1@example.org>\r\n"
        b"MIME-Version: 1.0\r\n"
        b"Content-Type: text/plain; charset=utf-8\r\n"
        b"Content-Transfer-Encoding: 7bit\r\n"
        b"\r\n"
        b"One\r\n.two\r\n"
    )
    assert not content.dotless


def test_every_field_has_its_header() -> None:
    message = Message(
        **FIELDS,
        cc="c@x.org",
        bcc="hidden@x.org",
        reply_to="r@x.org",
        in_reply_to="<0@x.org>",
        references="<a@x.org> <b@x.org>",
        priority="high",
        read_receipt=True,
        list_unsubscribe=["https://x.org/u", "mailto:u@x.org"],
        one_click=True,
        headers={"X-Campaign": "été"},
    )

    parsed = read(message)

    assert parsed["Cc"] == "c@x.org"
    assert parsed["Reply-To"] == "r@x.org"
    assert parsed["In-Reply-To"] == "<0@x.org>"
    assert parsed["References"] == "<a@x.org> <b@x.org>"
    assert (parsed["X-Priority"], parsed["Importance"]) == ("1", "high")
    assert parsed["Disposition-Notification-To"] == "Ada <ada@example.org>"
    assert parsed["List-Unsubscribe"] == "<https://x.org/u>, <mailto:u@x.org>"
    assert parsed["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert parsed["X-Campaign"] == "été"
    assert b"hidden" not in bytes(build(message))


@pytest.mark.parametrize(
    ("fields", "files", "expected"),
    [
        ({}, "", "text/plain"),
        ({"text": "x"}, "", "text/plain"),
        ({"html": "<p>x"}, "", ("multipart/alternative", ["text/plain", "text/html"])),
        ({"text": "x"}, "a", ("multipart/mixed", ["text/plain", "image/png"])),
        ({"text": "x"}, "i", ("multipart/mixed", ["text/plain", "image/png"])),
        ({}, "a", ("multipart/mixed", ["image/png"])),
        (
            {"html": "<p>x"},
            "i",
            ("multipart/related", [("multipart/alternative", ["text/plain", "text/html"]), "image/png"]),
        ),
        (
            {"html": "<p>x"},
            "ai",
            (
                "multipart/mixed",
                [
                    ("multipart/related", [("multipart/alternative", ["text/plain", "text/html"]), "image/png"]),
                    "image/png",
                ],
            ),
        ),
    ],
)
def test_parts_are_nested_as_far_as_they_must(fields: dict[str, str], files: str, expected: Any) -> None:
    message = Message(**FIELDS, **fields)
    for kind in files:
        message = message.with_data(b"x", "x.png", inline=kind == "i")

    assert shape(read(message)) == expected


def test_a_text_is_made_from_html_when_none_is_given() -> None:
    parsed = read(Message(**FIELDS, html='<h1>Été</h1><p>Voir <a href="https://x.org">ici</a>'))

    text = parsed.get_body(("plain",))
    assert text is not None
    assert text.get_content().replace("\r\n", "\n") == "Été\n===\n\nVoir ici (https://x.org)\n"


@pytest.mark.parametrize(
    ("text", "eight_bit", "expected"),
    [
        ("abc", False, "7bit"),
        ("abc", True, "7bit"),
        ("café au lait, s'il vous plaît", True, "8bit"),
        ("café au lait, s'il vous plaît", False, "quoted-printable"),
        ("Съешь ещё этих мягких", False, "base64"),
        ("a" * 998, False, "7bit"),
        ("a" * 999, False, "quoted-printable"),
        ("a" * 999, True, "quoted-printable"),
        ("é" * 499, True, "8bit"),
        ("é" * 500, True, "base64"),
    ],
)
def test_a_text_travels_in_the_cheapest_way_the_server_takes(text: str, eight_bit: bool, expected: str) -> None:
    message = Message(**FIELDS, text=text)

    assert read(message, eight_bit=eight_bit)["Content-Transfer-Encoding"] == expected
    assert build(message, eight_bit=eight_bit).eight_bit == (expected == "8bit")


def test_a_multipart_says_eight_bits_when_a_part_does() -> None:
    content = build(Message(**FIELDS, html="<p>été"), eight_bit=True)

    assert content.eight_bit
    assert bytes(content).count(b"Content-Transfer-Encoding: 8bit") == 3


def test_an_address_that_needs_smtputf8_is_written_raw_or_refused() -> None:
    message = Message(**{**FIELDS, "to": "Été <用户@例え.jp>"}, subject="été")

    assert build(message, utf8=True).utf8
    with pytest.raises(InvalidAddress) as refused:
        build(message)
    assert refused.value.hint_id == "ADDRESS-NEEDS-SMTPUTF8"


def test_utf8_is_not_used_where_it_is_not_needed() -> None:
    message = Message(**{**FIELDS, "to": "Été <a@société.fr>"}, subject="été")

    assert not build(message, utf8=True).utf8
    assert bytes(build(message, utf8=True)) == bytes(build(message))


def test_a_boundary_that_stands_in_the_text_is_not_taken() -> None:
    plain = bytes(build(Message(**FIELDS, text="x", html="<p>y")))
    boundary = plain.partition(b'boundary="')[2].partition(b'"')[0].decode()

    parsed = read(Message(**FIELDS, text=f"--{boundary}\n--{boundary}--\n", html="<p>y"))

    assert shape(parsed) == ("multipart/alternative", ["text/plain", "text/html"])
    assert boundary in parsed.get_body(("plain",)).get_content()  # type: ignore[union-attr]


@pytest.mark.slow
def test_a_file_is_read_each_time_and_never_stands_in_memory(tmp_path: Path) -> None:
    path = tmp_path / "big.bin"
    data = bytes(range(256)) * 4096
    path.write_bytes(data)
    message = Message(**FIELDS, text="x").with_attachment(path)

    content = build(message)

    chunks = list(content)
    assert max(map(len, chunks)) < 40_000
    assert sum(map(len, chunks)) == content.size
    assert list(content) == chunks
    (file,) = read(message).iter_attachments()
    assert file.get_content() == data


@pytest.mark.slow
@pytest.mark.parametrize("size", [0, 1, 56, 57, 58, 57 * 384 - 1, 57 * 384, 57 * 384 + 1, 57 * 384 * 2])
def test_a_file_of_any_length_is_as_long_as_was_said(tmp_path: Path, size: int) -> None:
    path = tmp_path / "a.bin"
    path.write_bytes(b"\xff" * size)
    from_disk = Message(**FIELDS, text="x").with_attachment(path)
    from_memory = Message(**FIELDS, text="x").with_data(b"\xff" * size, "a.bin")

    content = build(from_disk)

    assert bytes(content) == bytes(build(from_memory))
    assert len(bytes(content)) == content.size
    (file,) = read(from_disk).iter_attachments()
    assert file.get_content() == b"\xff" * size


@pytest.mark.parametrize("size", [0, 99, 101, 57 * 384 * 3])
def test_a_file_that_changed_its_length_breaks_off(tmp_path: Path, size: int) -> None:
    path = tmp_path / "a.bin"
    path.write_bytes(b"x" * 100)
    content = build(Message(**FIELDS).with_attachment(path))

    path.write_bytes(b"x" * size)

    with pytest.raises(InvalidMessage, match="100 octets long"):
        bytes(content)


def test_a_file_that_is_gone_says_so(tmp_path: Path) -> None:
    path = tmp_path / "a.bin"
    path.write_bytes(b"x")
    content = build(Message(**FIELDS).with_attachment(path))

    path.unlink()

    with pytest.raises(InvalidMessage) as refused:
        bytes(content)
    assert refused.value.hint_id == "ATTACHMENT-MISSING"


def test_a_mail_within_a_mail_is_not_encoded() -> None:
    inner = b"From: a@b.org\nSubject: inner\n\nHello\n"

    parsed = read(Message(**FIELDS, text="x").with_data(inner, "mail.eml"))

    mail = next(iter(parsed.iter_attachments()))
    assert (mail.get_content_type(), mail["Content-Transfer-Encoding"]) == ("message/rfc822", "7bit")
    assert mail.get_content()["Subject"] == "inner"


@pytest.mark.parametrize("eight_bit", [True, False])
def test_a_mail_in_eight_bits_within_a_mail_passes_whole_or_as_mere_octets(eight_bit: bool) -> None:
    inner = "From: a@b.org\r\n\r\nété\r\n".encode()

    (mail,) = read(Message(**FIELDS).with_data(inner, "mail.eml"), eight_bit=eight_bit).iter_attachments()

    if eight_bit:
        assert mail.get_content_type() == "message/rfc822"
    else:
        assert mail.get_content_type() == "application/octet-stream"
        assert mail.get_content() == inner


def test_a_mail_with_lines_too_long_passes_as_mere_octets() -> None:
    inner = b"From: a@b.org\r\n\r\n" + b"x" * 2000

    (mail,) = read(Message(**FIELDS).with_data(inner, "mail.eml")).iter_attachments()

    assert mail.get_content() == inner


def test_a_name_goes_in_full_and_in_plain() -> None:
    raw = bytes(build(Message(**FIELDS).with_data(b"x", "Été «1».pdf")))

    assert b'\r\n name="Ete _1_.pdf"' in raw
    assert b"filename*=utf-8''%C3%89t%C3%A9%20%C2%AB1%C2%BB.pdf" in raw


def test_an_attachment_of_text_keeps_its_line_ends() -> None:
    (file,) = read(Message(**FIELDS).with_data(b"a\nb\r\nc\r", "a.csv")).iter_attachments()

    assert file.get_payload(decode=True) == b"a\nb\r\nc\r"


def test_a_message_to_hidden_recipients_only_names_nobody() -> None:
    parsed = read(Message(sender="ada@example.org", bcc="bob@example.org"))

    assert "To" not in parsed
    assert "Bcc" not in parsed


@pytest.mark.parametrize("evil", ["x\r\nBcc: evil@example.org", "x\nBcc: y", "x\ry", "x\r\n", "a\r\n b\r\nBcc: y"])
@pytest.mark.parametrize("field", ["subject", "message_id"])
def test_a_line_break_that_was_not_checked_when_made_is_not_sent(field: str, evil: str) -> None:
    message = Message(**FIELDS)
    object.__setattr__(message, field, evil)

    with pytest.raises(InvalidMessage) as refused:
        build(message)
    assert refused.value.hint_id == "HEADER-LINE-BREAK"


def test_lines_that_begin_with_a_dot_are_noticed() -> None:
    assert build(Message(**FIELDS, text="a.b\n")).dotless
    assert not build(Message(**FIELDS, text=".\n")).dotless
    assert not build(Message(**FIELDS, text="a", html="\n.b")).dotless
    assert build(Message(**FIELDS, text="Съешь ещё\n.\n")).dotless


def test_whatever_counts_as_a_message_has_content() -> None:
    library = EmailMessage()
    library["From"], library["To"] = "a@b.org", "c@d.org"
    library.set_content("x")
    ready = ready_of(library)

    assert bytes(content_of(Message(**FIELDS))).startswith(b"From: Ada")
    assert content_of(ready) is ready.content
    assert bytes(content_of(library)).startswith(b"From: a@b.org\r\n")
