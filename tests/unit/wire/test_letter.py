"""Received letters: header properties, text, attachments, defects."""

from __future__ import annotations

import pickle
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from courriel import Letter, Message
from courriel.model.address import Address
from courriel.wire.mime.build import content_of

TEXT = st.text(st.characters(exclude_categories=("Cs", "Cc"), exclude_characters="\u2028\u2029"), max_size=60)
NAMES = st.from_regex(r"[a-zé][a-zéø€ ]{0,30}[a-zé]\.[a-z]{3}", fullmatch=True).filter(
    lambda name: name.partition(".")[0].strip() not in {"con", "aux", "nul", "prn"}  # devices on Windows
)

ORDINARY = (
    b"From: =?utf-8?q?Ada_L=C3=A9vy?= <ada@example.org>\r\n"
    b"To: Bob <bob@example.org>,\r\n"
    b' "Cleo, the other" <cleo@example.org>\r\n'
    b"Cc: =?utf-8?b?RMOpZMOp?= <dede@example.org>\r\n"
    b"Reply-To: answers@example.org\r\n"
    b"Subject: =?utf-8?q?Les_chiffres?=\r\n =?utf-8?q?_de_l'=C3=A9t=C3=A9?=\r\n"
    b"Date: Wed, 25 Nov 2026 10:00:00 +0100\r\n"
    b"Message-ID: <1@example.org>\r\n"
    b"In-Reply-To: <0@example.org>\r\n"
    b"References: <a@example.org>\r\n <0@example.org>\r\n"
    b"MIME-Version: 1.0\r\n"
    b"Content-Type: multipart/mixed; boundary=outer\r\n"
    b"\r\n"
    b"This is for old readers.\r\n"
    b"--outer\r\n"
    b'Content-Type: multipart/related; boundary="in ner"\r\n'
    b"\r\n"
    b"--in ner\r\n"
    b"Content-Type: multipart/alternative; boundary=deep\r\n\r\n"
    b"--deep\r\nContent-Type: text/plain; charset=iso-8859-1\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n"
    b"Voil=E0 =\r\nl'=E9t=E9.\r\n"
    b"--deep\r\nContent-Type: text/html; charset=utf-8\r\nContent-Transfer-Encoding: base64\r\n\r\n"
    b"PHA+w6l0w6k8L3A+\r\n"
    b"--deep--\r\n"
    b"--in ner\r\nContent-Type: image/png\r\nContent-ID: <logo@x>\r\nContent-Transfer-Encoding: base64\r\n"
    b"\r\niVBORw==\r\n"
    b"--in ner--\r\n"
    b"--outer\r\n"
    b"Content-Type: text/csv; name=\"x\"\r\nContent-Disposition: attachment; filename*=utf-8''%C3%A9t%C3%A9.csv\r\n\r\n"
    b"a;b\r\n\r\n"
    b"--outer--\r\n"
    b"This is for nobody.\r\n"
)


def test_an_ordinary_letter_is_read_whole() -> None:
    letter = Letter.parse(ORDINARY)

    assert letter.subject == "Les chiffres de l'été"
    assert letter.sender is not None
    assert (letter.sender.name, letter.sender.spec) == ("Ada Lévy", "ada@example.org")
    assert letter.sender.address == Address("ada", "example.org", "Ada Lévy")
    assert [str(each) for each in letter.to] == ["Bob <bob@example.org>", "Cleo, the other <cleo@example.org>"]
    assert [each.name for each in letter.cc] == ["Dédé"]
    assert [each.spec for each in letter.reply_to] == ["answers@example.org"]
    assert letter.bcc == ()
    assert letter.date == datetime(2026, 11, 25, 10, tzinfo=timezone(timedelta(hours=1)))
    assert letter.message_id == "<1@example.org>"
    assert letter.in_reply_to == ("<0@example.org>",)
    assert letter.references == ("<a@example.org>", "<0@example.org>")
    assert letter.text == "Voilà l'été."
    assert letter.html == "<p>été</p>"
    assert [(each.name, each.content, each.inline) for each in letter.attachments] == [
        ("attachment-1.png", b"\x89PNG", True),
        ("été.csv", b"a;b\r\n", False),
    ]
    assert letter.attachments[0].content_id == "logo@x"
    assert letter.raw == ORDINARY
    assert letter.size == len(ORDINARY)
    assert letter.defects == ()


def test_every_field_is_there_in_order_and_decoded() -> None:
    letter = Letter.parse(b"Received: one\r\nX-\xc3\xa9: no\r\nreceived: =?utf-8?q?=C3=A9?=\r\n\r\n")

    assert letter.headers == (("Received", "one"), ("received", "é"))
    assert letter.header("RECEIVED") == "one"
    assert letter.header("X-None") == ""


def test_line_ends_of_any_kind_are_line_ends() -> None:
    expected = (Letter.parse(ORDINARY).text, [each.content_type for each in Letter.parse(ORDINARY).attachments])

    for end in (b"\n", b"\r"):
        letter = Letter.parse(ORDINARY.replace(b"\r\n", end))

        assert (letter.text, [each.content_type for each in letter.attachments]) == expected
        assert letter.raw.count(end) == ORDINARY.count(b"\r\n")


@pytest.mark.slow
@given(
    TEXT, TEXT, TEXT, st.lists(st.tuples(NAMES, st.binary(max_size=200)), max_size=3, unique_by=lambda each: each[0])
)
def test_what_we_write_is_what_we_read(subject: str, name: str, text: str, files: list[tuple[str, bytes]]) -> None:
    message = Message(
        sender=Address("ada", "example.org", " ".join(name.split())), to="bob@example.org", subject=subject, text=text
    )
    for each, content in files:
        message = message.with_data(content, each, content_type="application/x-thing")

    letter = Letter.parse(bytes(content_of(message, eight_bit=True)))

    assert letter.subject == subject.strip(" ")
    assert letter.sender is not None
    assert letter.sender.address == message.sender
    assert letter.text.removesuffix("\n") == text.removesuffix("\n")
    assert [(each.name, each.content) for each in letter.attachments] == files
    assert letter.message_id == message.message_id
    assert letter.date == message.date
    assert letter.defects == ()


def test_text_is_made_of_html_when_there_is_nothing_else() -> None:
    letter = Letter.parse(b"Content-Type: text/html\r\n\r\n<p>Hello <b>there</b></p>")

    assert letter.text == "Hello there\n"
    assert letter.html == "<p>Hello <b>there</b></p>"


def test_html_without_a_charset_may_say_it_itself() -> None:
    letter = Letter.parse(b'Content-Type: text/html\r\n\r\n<meta charset="koi8-r"><p>\xf0\xf2\xe9')

    assert letter.html.endswith("ПРИ")


def test_several_texts_are_read_one_below_the_other() -> None:
    letter = Letter.parse(
        b"Content-Type: multipart/mixed; boundary=b\r\n\r\n"
        b"--b\r\n\r\nThe letter.\r\n--b\r\nContent-Type: text/plain\r\n\r\nThe list's footer.\r\n--b--\r\n"
    )

    assert letter.text == "The letter.\nThe list's footer."
    assert letter.attachments == ()


@pytest.mark.parametrize(
    ("fields", "is_file"),
    [
        (b"Content-Disposition: attachment", True),
        (b"Content-Disposition: inline; filename=notes.txt", True),
        (b"Content-Type: text/plain; name=notes.txt", True),
        (b"Content-Disposition: inline", False),
        (b"Content-Type: text/plain", False),
        (b"Content-Type: text/calendar", True),
    ],
)
def test_a_text_is_a_file_when_its_sender_says_so(fields: bytes, is_file: bool) -> None:
    letter = Letter.parse(
        b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n" + fields + b"\r\n\r\nhello\r\n--b--\r\n"
    )

    assert len(letter.attachments) == is_file
    assert letter.text == ("" if is_file else "hello")


def test_a_page_that_the_html_points_at_is_a_file() -> None:
    page = b"Content-Type: text/html\r\nContent-ID: <page>\r\n\r\n<p>page</p>"
    letter = Letter.parse(
        b"Content-Type: multipart/related; boundary=b\r\n\r\n--b\r\n" + page + b"\r\n--b\r\n" + page + b"\r\n--b--\r\n"
    )

    assert letter.html == "<p>page</p>"
    assert [each.content_type for each in letter.attachments] == ["text/html"]


def test_a_letter_within_a_letter_is_a_file_that_can_be_read_as_one() -> None:
    letter = Letter.parse(
        b"Content-Type: multipart/digest; boundary=b\r\n\r\n--b\r\n\r\nSubject: inner\r\n\r\nhello\r\n--b--\r\n"
    )

    (inner,) = letter.attachments
    assert inner.name == "attachment-1.eml"
    assert Letter.parse(inner.content).subject == "inner"


def test_no_two_files_have_the_same_name() -> None:
    names = ["x.txt", "X.TXT", "x (2).txt", "x.txt", "e\u0301", "\u00e9", "", "y", "y (2)", "y"]
    parts = "".join(f'--b\r\nContent-Type: a/b; name="{name}"\r\n\r\n\r\n' for name in names)

    letter = Letter.parse(f"Content-Type: multipart/mixed; boundary=b\r\n\r\n{parts}--b--".encode())

    assert [each.name for each in letter.attachments] == [
        "x.txt", "X (2).TXT", "x (2) (2).txt", "x (3).txt", "e\u0301", "\u00e9 (2)", "attachment-7.bin",
        "y", "y (2)", "y (3)",
    ]  # fmt: skip


def test_the_sender_is_from_and_sender_when_there_is_no_from() -> None:
    assert Letter.parse(b"Sender: a@b.com\r\nFrom: c@d.com\r\n\r\n").sender == Letter.parse(b"From: c@d.com\n\n").sender
    assert str(Letter.parse(b"Sender: a@b.com\r\n\r\n").sender) == "a@b.com"
    assert Letter.parse(b"\r\n").sender is None


def test_an_answer_goes_to_the_sender_when_nothing_else_is_said() -> None:
    assert [str(each) for each in Letter.parse(b"From: a@b.com\r\n\r\n").reply_to] == ["a@b.com"]
    assert Letter.parse(b"\r\n").reply_to == ()


def test_a_date_without_a_zone_is_utc() -> None:
    assert Letter.parse(b"Date: 25 Nov 2026 10:00\r\n\r\n").date == datetime(2026, 11, 25, 10, tzinfo=UTC)


def test_a_letter_survives_pickling() -> None:
    letter = Letter.partial(b"Subject: hello\r\n\r\n", lambda: ORDINARY)

    copy = pickle.loads(pickle.dumps(letter))

    assert copy.raw == ORDINARY


def test_its_repr_shows_nothing_of_it() -> None:
    assert repr(Letter.parse(b"Subject: secret\r\n\r\nsecret")) == "<Letter: 25 octets>"
    assert repr(Letter.partial(b"Subject: secret\r\n\r\n", bytes, size=7)) == "<Letter: not loaded, 7 octets>"
    assert repr(Letter.partial(None, bytes)) == "<Letter: not loaded>"


@pytest.mark.parametrize("wrong", ["Subject: text", None, 7, ["Subject"]])
def test_what_is_no_octets_is_a_mistake_of_the_program(wrong: object) -> None:
    with pytest.raises(TypeError, match="octets"):
        Letter.parse(wrong)  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", [bytearray, memoryview])
def test_octets_of_every_kind_are_taken(kind: type) -> None:
    assert Letter.parse(kind(b"Subject: hello\r\n\r\n")).subject == "hello"
