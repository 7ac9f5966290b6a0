"""Judged by the standard email package: it reads back the values that the message was made from."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from email import policy
from email.header import decode_header, make_header
from email.message import EmailMessage
from email.parser import BytesParser
from email.utils import unquote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from courriel.model.address import Address
from courriel.model.content import Content
from courriel.model.messages.attachment import Attachment
from courriel.model.messages.message import Message, Priority
from courriel.wire.html.to_text import text_of
from courriel.wire.mime.build import assembled, build, header_fields, nested
from courriel.wire.mime.headers import mailbox
from courriel.wire.mime.parts import first_boundary, text_and_html, text_part
from fast_part import examples

_CONTROLS = "".join(map(chr, [*range(32), *range(127, 160), 0x2028, 0x2029]))
_VISIBLE = st.characters(exclude_categories=("Cs",), exclude_characters=_CONTROLS)

FOLDABLE = st.deferred(lambda: LINES.filter(lambda line: len(line) <= 400))
"""What fits into a header line, however it is folded."""
SUBJECTS = st.deferred(lambda: LINES.filter(lambda line: not line.isascii() or len(line) <= 980))
"""What a subject may be: ASCII that no line can hold is refused when the message is made."""
LINES = st.one_of(
    st.text(_VISIBLE, max_size=60),
    st.text('abc ,;:"\\()<>@=?_é', max_size=120),
    st.text("aé€𝄞 ", min_size=60, max_size=400),
    st.sampled_from(["", " ", "=?utf-8?B?DQpCY2M6IGV2aWxAeC5jb20=?=", "x" * 500, "a" * 1200, " a", "a ", "a  b " * 60]),
)
BODIES = st.one_of(
    st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\0"), max_size=200),
    st.text("a.\r\n =\té-F", max_size=200),
    st.lists(st.sampled_from([".", "..", "", "From x", "a" * 997, "é" * 600, "x" * 2000, "--=_", " ", "t\t"])).map(
        "\n".join
    ),
)
ADDRESSES = st.builds(
    Address,
    st.sampled_from(["ada", "a.b+c", "x y", "a@b", 'q"q', "l" * 60]),
    st.sampled_from(["example.org", "société.fr", "[127.0.0.1]", "d" * 60 + ".example.org"]),
    LINES.map(lambda line: line[:300]),
)
FILE_NAMES = st.one_of(
    st.text(_VISIBLE, min_size=1, max_size=60),
    st.sampled_from(["été.pdf", "收款明细9月.xlsx", 'a.exe"; x=".txt', "x" * 251 + ".pdf", "é" * 127, "a b;c.txt"]),
).filter(lambda name: _is_file_name(name))  # noqa: PLW0108  it is defined below
ATTACHMENTS = st.builds(
    lambda name, data, inline: Attachment.data(data, name, inline=inline, content_type="application/x-thing"),
    FILE_NAMES,
    st.binary(max_size=300) | st.integers(0, 40_000).map(bytes),
    st.booleans(),
)
MESSAGES = st.fixed_dictionaries(
    {"sender": ADDRESSES, "to": st.lists(ADDRESSES, min_size=1, max_size=6), "subject": SUBJECTS, "text": BODIES},
    optional={
        "cc": st.lists(ADDRESSES, max_size=3),
        "bcc": st.lists(ADDRESSES, max_size=2),
        "reply_to": ADDRESSES,
        "html": BODIES,
        "attachments": st.lists(ATTACHMENTS, max_size=3),
        "priority": st.sampled_from(Priority),
        "headers": st.fixed_dictionaries({"X-Note": FOLDABLE, "X-" + "L" * 70: FOLDABLE}),
        "references": st.lists(st.integers(1, 999).map(lambda number: f"<{number}@example.org>"), max_size=5),
        "date": st.datetimes(min_value=datetime(1900, 1, 2), max_value=datetime(9998, 1, 1)).map(
            lambda moment: moment.replace(microsecond=0, tzinfo=timezone(timedelta(minutes=-210)))
        ),
    },
)


@pytest.mark.slow
@settings(
    max_examples=examples(300), deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)
@given(MESSAGES, st.booleans(), st.booleans())
def test_what_was_said_is_what_is_read_back(said: dict[str, object], eight_bit: bool, utf8: bool) -> None:
    message = Message(**said)  # type: ignore[arg-type]

    content = build(message, eight_bit=eight_bit, utf8=utf8)

    raw = _well_formed(content, eight_bit)
    assert bytes(build(message, eight_bit=eight_bit, utf8=utf8)) == raw
    _read_back(raw, message)


@pytest.mark.slow
@settings(deadline=None)
@given(BODIES, st.booleans())
def test_a_text_alone_is_written_as_the_part_that_it_would_be(text: str, eight_bit: bool) -> None:
    message = Message(sender="ada@example.org", to="bob@example.org", subject="été", text=text)

    assert build(message, eight_bit=eight_bit) == assembled(
        header_fields(message, utf8=False), text_part("plain", text, eight_bit), utf8=False
    )


@pytest.mark.slow
@settings(deadline=None)
@given(BODIES, BODIES, st.booleans())
def test_text_and_html_are_written_as_the_parts_that_they_would_be(text: str, html: str, eight_bit: bool) -> None:
    parts = [text_part("plain", text, eight_bit), text_part("html", html, eight_bit)]

    assert text_and_html(text, html, eight_bit, "<1@example.org>") == nested(parts, [], "<1@example.org>")


def test_a_boundary_that_stands_in_the_text_is_not_put_around_it() -> None:
    boundary = first_boundary("<1@example.org>").decode()
    said = {"sender": "ada@example.org", "to": "bob@example.org", "html": "x", "message_id": "<1@example.org>"}

    raw = bytes(build(Message(**said, text=f"--{boundary}")))  # type: ignore[arg-type]

    assert text_and_html(f"--{boundary}", "x", eight_bit=False, message_id="<1@example.org>") is None
    assert f'boundary="{boundary[:-1]}2"'.encode() in raw
    assert len(list(BytesParser(policy=policy.default).parsebytes(raw).walk())) == 3


@settings(max_examples=examples(100), deadline=None)
@given(BODIES, st.sampled_from(["用户", "élodie.é", "ж" * 32]), st.booleans())
def test_a_header_in_raw_utf8_is_read_back_too(text: str, local: str, eight_bit: bool) -> None:
    message = Message(sender=Address(local, "例え.jp", "Ünï"), to="bob@example.org", subject="été", text=text)

    content = build(message, eight_bit=eight_bit, utf8=True)

    assert content.utf8
    raw = bytes(content)
    # Names and subjects stay encoded: only the local part needed UTF-8.
    assert "Ünï".encode() not in raw.partition(b"\r\n\r\n")[0]
    assert f"<{local}@例え.jp>".encode() in raw
    read = BytesParser(policy=policy.default).parsebytes(raw)
    assert read["Subject"] == "été"


@settings(max_examples=examples(200), deadline=None)
@given(ADDRESSES)
def test_a_name_is_read_back_by_the_old_decoder_too(address: Address) -> None:
    written = mailbox(address).replace("\r\n ", " ")

    name = written.removesuffix(f"<{address.wire()}>").removesuffix(" ") if address.name else ""
    if "=?" in name:
        assert str(make_header(decode_header(name))) == address.name
    elif name.startswith('"'):
        assert unquote(name) == address.name
    else:
        assert name == address.name


def _is_file_name(name: str) -> bool:
    try:
        return bool(Attachment.data(b"", name, content_type="a/b"))
    except ValueError:
        return False


def _well_formed(content: Content, eight_bit: bool) -> bytes:
    """Check the rules for every message, on its octets."""
    raw = bytes(content)
    assert len(raw) == content.size
    assert bytes(content) == raw
    assert raw.endswith(b"\r\n")
    assert raw.count(b"\r") == raw.count(b"\n") == raw.count(b"\r\n")
    assert max(map(len, raw.split(b"\r\n"))) <= 998
    assert b"\0" not in raw
    assert content.eight_bit == (not raw.isascii())
    assert eight_bit or raw.isascii()
    assert not content.utf8
    if content.dotless:
        assert b"\n." not in raw
    head = raw.partition(b"\r\n\r\n")[0]
    assert not any(line.strip() == b"" for line in head.split(b"\r\n"))
    return raw


def _read_back(raw: bytes, message: Message) -> None:
    read = BytesParser(_class=EmailMessage, policy=policy.default).parsebytes(raw)
    for part in read.walk():
        assert not part.defects
        assert not any(getattr(value, "defects", ()) for value in part.values())
    assert _addresses(read, "From") == _said((message.sender,))
    assert _addresses(read, "To") == _said(message.to)
    assert _addresses(read, "Cc") == _said(message.cc)
    assert _addresses(read, "Reply-To") == _said(message.reply_to)
    assert "Bcc" not in read
    assert str(read["Subject"] or "") == message.subject
    assert read["Message-ID"] == message.message_id
    assert read["Date"].datetime == message.date.replace(microsecond=0)
    assert (read["References"] or "").split() == list(message.references)
    for name, value in message.headers:
        # The fold behind a very long name counts as a space for this reader, though it is white space of the syntax.
        assert str(read[name]) in ((value, f" {value}") if len(name) > 50 else (value,))
    text, html = read.get_body(("plain",)), read.get_body(("html",))
    if message.text or not (message.html or message.attachments):
        assert text is not None
        assert _lines(text) == _normal(message.text)
    if message.html:
        assert html is not None
        assert _lines(html) == _normal(message.html)
        if not message.text and text_of(message.html):
            assert text is not None
            assert _lines(text) == _normal(text_of(message.html))
    files = [part for part in read.walk() if part.get_content_type() == "application/x-thing"]
    assert sorted((part.get_filename(), part.get_payload(decode=True)) for part in files) == sorted(
        (each.name, each.source) for each in message.attachments
    )


def _addresses(read: EmailMessage, field: str) -> list[tuple[str, str]]:
    # This parser puts a space between two encoded words of a display name, against RFC 2047 6.2, and drops white space
    # that was encoded; so white space is left to the old decoder, which has a test of its own.
    addresses = read[field].addresses if field in read else ()
    return [("".join(each.display_name.split()), each.addr_spec) for each in addresses]


def _said(addresses: tuple[Address, ...]) -> list[tuple[str, str]]:
    return [("".join(each.name.split()), each.wire()) for each in addresses]


def _lines(part: EmailMessage) -> str:
    return _normal(part.get_payload(decode=True).decode())


def _normal(text: str) -> str:
    """Text with equal line ends, without the last one, which a mail always has."""
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    return text.removesuffix("\n")
