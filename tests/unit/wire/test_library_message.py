"""Messages of the standard `email` package: the octets of their own `as_bytes()` are sent."""

from __future__ import annotations

import email
import email.policy
from email import message_from_bytes
from email.message import EmailMessage
from email.message import Message as OldMessage
from email.mime.text import MIMEText
from email.policy import EmailPolicy

import pytest
from hypothesis import given
from hypothesis import strategies as st

from courriel.errors import InvalidMessage, NotSupported
from courriel.wire.mime.build import content_of
from courriel.wire.mime.library_message import ready_of

LONG_ID = "<" + "0123456789abcdef" * 6 + "@eurprd05.prod.example.org>"
LINK = "<https://news.example.org/unsubscribe?" + "u=0123456789abcdef&" * 5 + ">"
IDENTIFIERS = {"Message-ID": LONG_ID, "In-Reply-To": LONG_ID, "References": f"{LONG_ID} {LONG_ID}",
    "List-Unsubscribe": LINK, "List-Id": "<" + "list." * 20 + "example.org>",
    "DKIM-Signature": "v=1; a=rsa-sha256; d=b.org; b=" + "A1b2" * 60}  # fmt: skip
DEFAULT = email.policy.default
POLICIES = [DEFAULT, email.policy.SMTP, DEFAULT.clone(max_line_length=998), DEFAULT.clone(refold_source="all"),
    DEFAULT.clone(refold_source="none"), DEFAULT.clone(cte_type="7bit"), email.policy.compat32]  # fmt: skip
RAW = b"From: a@b.org\nTo: c@d.org\nDate: Mon, 1 Jan 2024 00:00:00 +0000\nMessage-ID: <1@b.org>\n"


def made(policy: object = DEFAULT, **fields: str) -> EmailMessage:
    old = policy is email.policy.compat32
    message = OldMessage() if old else EmailMessage(policy=policy)
    usual = {"From": "a@b.org", "To": "c@d.org", "Date": "Mon, 1 Jan 2024 00:00:00 +0000", "Message-ID": "<1@b.org>"}
    for name, value in (usual | fields).items():
        message[name] = value
    if old:
        message.set_payload("text\n")
    else:
        message.set_content("text\n")
    return message


def crlf(octets: bytes) -> bytes:
    return octets.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")


def field(raw: bytes, name: str) -> str:
    """Value of a field on one line, undecoded."""
    found = raw.replace(b"\r\n ", b" ").replace(b"\r\n\t", b"\t").split(b"\r\n\r\n")[0].split(b"\r\n")
    return next(line.partition(b":")[2].strip().decode() for line in found if line.startswith(name.encode() + b":"))


@pytest.mark.parametrize("policy", POLICIES)
def test_what_as_bytes_writes_is_what_leaves(policy: EmailPolicy) -> None:
    message = made(policy, Subject="words " * 40 + "été", References="<1@b.org> " * 20)

    assert bytes(content_of(message, eight_bit=True, utf8=True)) == crlf(message.as_bytes())


@pytest.mark.slow
@given(
    st.text(st.characters(exclude_categories=("Cs", "Cc", "Zl", "Zp")), max_size=200),
    st.text(st.characters(exclude_categories=("Cs", "Cc", "Zl", "Zp")), max_size=300),
    st.sampled_from(
        [DEFAULT, email.policy.SMTP, DEFAULT.clone(max_line_length=998), DEFAULT.clone(max_line_length=40)]
    ),
)
def test_as_bytes_leaves_for_any_subject_and_text(subject: str, text: str, policy: EmailPolicy) -> None:
    message = made(policy)
    message["Subject"] = subject
    message.set_content(text)

    assert bytes(content_of(message, eight_bit=True, utf8=True)) == crlf(message.as_bytes())


@pytest.mark.slow
@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("eight_bit", [True, False])
@pytest.mark.parametrize("name", IDENTIFIERS)
def test_identifiers_are_never_encoded_words(policy: EmailPolicy, eight_bit: bool, name: str) -> None:
    value = IDENTIFIERS[name]
    message = made(policy, **{name: value})
    if isinstance(message, EmailMessage):
        message.set_content("été\n")

    raw = bytes(content_of(message, eight_bit=eight_bit))

    assert field(raw, name) == value
    assert all(len(line) <= 998 for line in raw.split(b"\r\n"))


def test_a_part_keeps_its_content_id() -> None:
    message = made()
    message.add_alternative("<p>x", subtype="html")
    message.add_attachment(b"x", maintype="image", subtype="png", cid=LONG_ID)

    assert f"Content-ID: {LONG_ID}".encode() in bytes(content_of(message, eight_bit=True))


def test_a_word_that_is_longer_than_a_line_is_refused_and_not_encoded() -> None:
    with pytest.raises(InvalidMessage, match=r"^X-Token: .*998"):
        content_of(made(DEFAULT, **{"X-Token": "x" * 1200}))


def test_a_field_with_a_very_long_word_is_not_encoded() -> None:
    message = made(DEFAULT, **{"X-Token": "x" * 950})

    assert field(bytes(content_of(message)), "X-Token") == "x" * 950


@pytest.mark.parametrize("policy", [DEFAULT.clone(max_line_length=5000), email.policy.compat32])
@pytest.mark.parametrize("value", ["x" * 1200, "a" + " " * 3000 + "b", " " * 3000])
def test_a_field_that_cannot_be_folded_is_refused_by_its_name(policy: EmailPolicy, value: str) -> None:
    with pytest.raises(InvalidMessage, match=r"^X-Token: .*998") as refused:
        content_of(made(policy, **{"X-Token": value}))

    assert refused.value.hint_id == "HEADER-LINE-TOO-LONG"


@pytest.mark.slow
@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("subject", ["été", "é" * 200, "mots " * 30 + "été"])
def test_raw_utf8_that_was_read_leaves_as_it_is_or_as_utf8_words(policy: EmailPolicy, subject: str) -> None:
    message = message_from_bytes(RAW + f"Subject: {subject}\n\ntext\n".encode(), policy=policy)

    raw = bytes(content_of(message, eight_bit=True, utf8=True))
    words = bytes(content_of(message))

    assert field(raw, "Subject").replace(" ", "") == subject.replace(" ", "")
    assert b"unknown-8bit" not in words
    assert words.isascii()
    assert str(message_from_bytes(words, policy=DEFAULT)["Subject"]) == subject


def test_a_raw_header_in_another_code_is_refused_by_its_name() -> None:
    message = message_from_bytes(RAW + b"Subject: \xe9t\xe9\n\ntext\n", policy=DEFAULT)

    with pytest.raises(InvalidMessage, match=r"^Subject: its value is neither ASCII nor UTF-8"):
        content_of(message)


def test_raw_names_of_people_become_words_and_raw_identifiers_are_refused_by_name() -> None:
    people = message_from_bytes(RAW.replace(b"From: ", "From: Élodie <a@b.org>, ".encode()) + b"\ntext\n")
    other = message_from_bytes(RAW + "List-Id: é <l.b.org>\n\ntext\n".encode())

    assert field(bytes(content_of(people)), "From") == "=?utf-8?q?=C3=89lodie?= <a@b.org>, a@b.org"
    with pytest.raises(NotSupported, match=r"^List-Id: it holds raw UTF-8") as refused:
        content_of(other)
    assert refused.value.hint_id == "HEADER-NEEDS-SMTPUTF8"
    assert "at sign" not in refused.value.cause


def test_bodies_are_in_seven_bits_where_the_server_takes_no_more() -> None:
    message = made(DEFAULT, Subject="words " * 30, Bcc="e@f.org")
    message.set_content("Bonjour, l'été\n" * 3)
    message.add_alternative("<p>é" + "x" * 2000, subtype="html")

    wide, narrow = bytes(content_of(message, eight_bit=True)), bytes(content_of(message))

    assert not wide.isascii()
    assert narrow.isascii()
    assert b"Bcc" not in narrow
    assert [each.local for each in ready_of(message).envelope().recipients] == ["c", "e"]
    for raw in (wide, narrow):
        read = message_from_bytes(raw, policy=DEFAULT)
        assert read.get_body(("plain",)).get_content().splitlines() == ["Bonjour, l'été"] * 3
    assert field(narrow, "Subject") == field(wide, "Subject")


@pytest.mark.parametrize("policy", [DEFAULT, email.policy.compat32])
def test_a_raw_file_name_is_encoded_for_a_server_of_seven_bits(policy: EmailPolicy) -> None:
    part = 'Content-Type: text/plain; charset=utf-8\nContent-Disposition: attachment; filename="été.txt"\n\nété\n'
    whole = RAW + b"Content-Type: multipart/mixed; boundary=x\n\n--x\n" + part.encode() + b"--x--\n"
    message = message_from_bytes(whole, policy=policy)

    assert bytes(content_of(message, eight_bit=True)) == crlf(whole)
    narrow = bytes(content_of(message))
    (read,) = message_from_bytes(narrow, policy=DEFAULT).iter_attachments()
    assert narrow.isascii()
    assert read.get_filename() == "été.txt"
    assert read.get_content() == "été"


def test_a_part_in_no_lines_at_all_becomes_base64() -> None:
    octets = bytes(range(256)) + b"\n\n\r\r\n" * 3
    message = made()
    message.add_attachment(octets, maintype="application", subtype="octet-stream", cte="binary", filename="x")

    raw = bytes(content_of(message, eight_bit=True))

    (read,) = message_from_bytes(raw, policy=DEFAULT).iter_attachments()
    assert read.get_content() == octets


def test_a_body_line_that_is_too_long_as_it_is_is_encoded() -> None:
    message = message_from_bytes(
        RAW + b"Content-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: 8bit\n\n" + "é".encode() * 900,
        policy=DEFAULT,
    )

    assert message_from_bytes(bytes(content_of(message, eight_bit=True)), policy=DEFAULT).get_content() == "é" * 900


def test_the_message_itself_is_not_changed() -> None:
    message = made(DEFAULT, **IDENTIFIERS)
    message.set_content("été\n")
    before = message.as_bytes()

    content_of(message)

    assert message.as_bytes() == before


def test_an_old_message_of_the_email_package_is_taken() -> None:
    message = MIMEText("été", "plain", "utf-8")
    message["From"], message["To"] = "a@b.org", "c@d.org"

    assert bytes(ready_of(message, eight_bit=False).content).isascii()


def test_what_the_email_package_cannot_write_is_refused() -> None:
    message = EmailMessage()
    message["From"], message["To"] = "Ada Lovelace, a@b.org", "c@d.org"
    message.set_payload(object())

    with pytest.raises(InvalidMessage, match="cannot write it"):
        ready_of(message)


def test_an_address_that_needs_smtputf8_stays_what_it_is() -> None:
    message = EmailMessage()
    message["From"], message["To"] = "a@b.org", "用户@d.org"
    message.set_content("x")

    ready = ready_of(message)

    assert ready.content.utf8
    assert ready.envelope().recipients[0].local == "用户"
    with pytest.raises(NotSupported, match=r"^To: it holds raw UTF-8"):
        content_of(message, eight_bit=True)
