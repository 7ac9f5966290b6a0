"""Raw UTF-8 in the header of a ready message for a server without SMTPUTF8: an ASCII form, or an error."""

from __future__ import annotations

from email import message_from_bytes, policy

import pytest
from hypothesis import given
from hypothesis import strategies as st

from courriel.errors import NotSupported
from courriel.model.messages.message import Message
from courriel.session.encoding import IN_SEVEN_BITS, submission_of
from courriel.wire.mime.ascii_header import in_ascii
from courriel.wire.mime.build import content_of

REST = "From: a@b.org\r\nTo: c@d.org\r\nDate: Mon, 1 Jan 2024 00:00:00 +0000\r\nMessage-ID: <1@b.org>\r\n"
BODY = "\r\n.été\r\n"


def ready(fields: str, body: str = BODY) -> bytes:
    return (REST + fields + body).encode()


def line(raw: bytes, name: str) -> str:
    head = raw.partition(b"\r\n\r\n")[0].decode().replace("\r\n ", " ").split("\r\n")
    return next(each for each in head if each.startswith(f"{name}:"))


@pytest.mark.parametrize(
    ("field", "written"),
    [
        ("Subject: l'été", "Subject: =?utf-8?b?bCfDqXTDqQ==?="),
        ("Subject: é =?utf-8?q?=C3=A8?= à", "Subject: =?utf-8?b?w6kgw6ggw6A=?="),
        ("Subject:\r\n été", "Subject: =?utf-8?b?w6l0w6k=?="),
        ("X-Note: é", "X-Note: =?utf-8?b?w6k=?="),
        ("Cc: É <e@b.org>, \"à, b\" <f@été.fr>",
         "Cc: =?utf-8?b?w4k=?= <e@b.org>, =?utf-8?b?w6AsIGI=?= <f@xn--t-9fab.fr>"),
        ("Cc: Équipe: e@b.org, f@b.org;", "Cc: =?utf-8?q?=C3=89quipe?=: e@b.org, f@b.org;"),
        ("Reply-To: =?utf-8?q?=C3=A8?= é <e@b.org>", "Reply-To: =?utf-8?b?w6ggw6k=?= <e@b.org>"),
        ('Content-Type: text/plain; charset=utf-8; name="é.txt"',
         "Content-Type: text/plain; charset=utf-8; name*=utf-8''%C3%A9.txt"),
        ("Content-Disposition: attachment; filename=é.txt",
         "Content-Disposition: attachment; filename*=utf-8''%C3%A9.txt"),
    ],
)  # fmt: skip
def test_other_words_stand_for_raw_utf8(field: str, written: str) -> None:
    message = Message.parse(ready(field + "\r\n"))

    narrow = content_of(message, eight_bit=True)

    raw = bytes(narrow)
    assert raw == REST.encode() + raw[len(REST) :]
    assert line(raw, field.partition(":")[0]) == written
    assert raw.endswith(BODY.encode())
    assert (narrow.size, narrow.utf8, narrow.eight_bit, narrow.dotless) == (len(raw), False, True, False)
    assert bytes(content_of(message, eight_bit=True, utf8=True)) == ready(field + "\r\n")


@pytest.mark.parametrize(
    "field",
    [
        "List-Id: é <l.b.org>",
        "References: <é@b.org>",
        "Received: from é by b.org",
        "DKIM-Signature: v=1; d=été.fr",
        "Reply-To: é@b.org",
        "Cc: (é) e@b.org",
        "Content-Type: text/é",
    ],
)
def test_what_has_no_other_words_is_refused_by_the_header_s_name(field: str) -> None:
    message = Message.parse(ready(field + "\r\n"))

    with pytest.raises(NotSupported) as refused:
        content_of(message, eight_bit=True)

    assert str(refused.value).startswith(field.partition(":")[0] + ": it holds raw UTF-8")
    assert refused.value.capability == "SMTPUTF8"
    assert refused.value.failure is not None
    assert refused.value.failure.id == "HEADER-NEEDS-SMTPUTF8"


def test_for_a_server_nobody_knows_yet_other_words_stand_where_they_can() -> None:
    words = submission_of(Message.parse(ready("Subject: é\r\n")), IN_SEVEN_BITS).content
    raw = submission_of(Message.parse(ready("List-Id: é <l.b.org>\r\n")), IN_SEVEN_BITS).content

    assert not words.utf8
    assert raw.utf8


def test_a_message_in_ascii_is_not_touched() -> None:
    message = Message.parse(ready("Subject: =?utf-8?q?=C3=A9?=\r\n", "\r\nx\r\n"))

    assert content_of(message) is message.content


@given(st.text(st.characters(exclude_categories=("Cs", "Cc", "Zl", "Zp")), min_size=1, max_size=300))
def test_a_subject_reads_the_same_afterwards(text: str) -> None:
    message = Message.parse(ready(f"Subject: {text}\r\n", "\r\nx\r\n"))

    raw = bytes(in_ascii(message.content))

    assert raw.isascii()
    assert all(len(each) <= 998 for each in raw.split(b"\r\n"))
    if "=?" not in text:
        assert str(message_from_bytes(raw, policy=policy.default)["Subject"]).split() == text.split()
