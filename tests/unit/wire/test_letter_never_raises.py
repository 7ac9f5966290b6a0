"""Letters and builders raise only errors of the package, whatever the text is: also for very long numbers."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from courriel import Letter, Message, errors
from courriel.wire.html.to_text import text_of
from courriel.wire.html.tokens import unescape
from courriel.wire.mime.build import content_of
from fast_part import examples
from unit.wire.test_letter_broken import read_all

WILD = st.text(st.characters() | st.sampled_from('&#;x<>"=?@(),: \r\n\t\0{}'), max_size=60)
PIECES = st.sampled_from((
    "&#" + "1" * 4_400, "&#x" + "f" * 4_400, "&#0" * 3, "&#x110000;", "&#xd800;", "=?utf-8?q?", "?=",
    "=?utf-7?b?+2AA?=",
    "<a href='", "<table>", "multipart/mixed; boundary=b", "\r\n--b\r\n", "charset=", "utf-16", "hz",
    "unicode_escape", "idna",
    "; name*0*=", "%ff", "base64", "9" * 5_000, "+9999", "25 Nov 99999999999 10:00", "begin 644 x\r\n", "\ud800",
    "end\r\n",
    "Content-Type: ", "Content-Transfer-Encoding: ", "Date: ", "From: ", "Subject: ", "\r\n", "\r\n\r\n", "text/html",
    "x-uuencode",
    "quoted-printable", "text/enriched", "\x1b$B", "<META charset=",
))  # fmt: skip
TEXTS = st.lists(WILD | PIECES, max_size=12).map("".join)
NUMBERS = (
    "&#" + "1" * 5_000,
    "&#x" + "a" * 5_000 + ";",
    '<a href="&#' + "1" * 5_000 + '">',
    "<img alt='&#" + "1" * 5_000,
)


@pytest.mark.slow
@settings(max_examples=examples(300))
@given(TEXTS)
def test_a_letter_never_raises(text: str) -> None:
    read_all(text.encode("utf-8", "surrogatepass"))


@settings(max_examples=examples(100))
@given(
    st.lists(st.binary(max_size=30) | PIECES.map(lambda text: text.encode("utf-8", "replace")), max_size=10).map(
        b"".join
    )
)
def test_octets_never_make_a_letter_raise(raw: bytes) -> None:
    letter = read_all(raw)

    for file in letter.attachments:
        with file.open() as opened:
            assert opened.read() == file.content
        assert file.size == len(file.content)


@pytest.mark.slow
@given(TEXTS, TEXTS)
def test_a_builder_raises_errors_of_ours_alone(text: str, html: str) -> None:
    with suppress(errors.CourrielError):
        message = Message(sender="a@example.org", to=["b@example.org"], subject=text[:50], text=text[:9], html=html)
        _ = content_of(message)


@pytest.mark.parametrize("html", NUMBERS)
def test_a_number_without_end_is_one_character_that_nobody_knows(html: str) -> None:
    letter = Letter.parse(b"Content-Type: text/html\r\n\r\n" + html.encode())

    assert letter.defects == ()
    assert "\ufffd" in letter.text or "'" in html or '"' in html
    assert len(text_of(html)) < 20
    assert Message(sender="a@example.org", to=["b@example.org"], html=html).html == html


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("&#0000000065;&#x00000000041", "AA"),
        ("&#99999999;", "\ufffd"),
        ("&#x12345678z", "\ufffdz"),
        ("&#00000000000x", "\ufffdx"),
        ("&#65;&eacute;&bogus;&#;", "Aé&bogus;&#;"),
    ],
)
def test_character_references_in_every_state(written: str, read: str) -> None:
    assert unescape(written) == read
