"""Ready messages: octets made elsewhere are validated and sent unchanged (hazard H34)."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from courriel.errors import InvalidAddress, InvalidMessage
from courriel.model.messages.message import Message
from courriel.model.messages.ready_message import MOST_FIELDS

RAW = (
    b"From: Ada <ada@example.org>\r\nTo: bob@example.org,\r\n eve@example.org\r\nSubject: x\r\n"
    b"Message-ID: <1@example.org>\r\nDate: Mon, 23 Nov 2026 08:00:00 +0000\r\n\r\nHello\r\n.\r\n"
)

FIELDS = st.tuples(
    st.sampled_from(["X-Note", "BCC", "Bcc", "Received", "x"]),
    st.sampled_from(["", " ", "\t "]),
    st.lists(st.sampled_from(["a", "é", ":", " ", "\t", "\r\n ", "\r\n\t", "b: c"]), max_size=6).map("".join),
)


def test_a_complete_message_is_not_touched() -> None:
    ready = Message.parse(RAW)

    assert bytes(ready.content) == RAW
    assert ready.content.size == len(RAW)
    assert ready.message_id == "<1@example.org>"
    assert not ready.content.dotless
    assert [each.spec for each in ready.envelope().recipients] == ["bob@example.org", "eve@example.org"]


@given(st.lists(FIELDS, max_size=8), st.text("ab.é\n").map(lambda text: text.encode().replace(b"\n", b"\r\n")))
def test_whatever_stands_in_a_header_is_read_and_left_as_it_is(fields: list[tuple[str, str, str]], body: bytes) -> None:
    head = "".join(f"{name}{space}:{value}\r\n" for name, space, value in fields).encode()
    raw = head + RAW.partition(b"\r\n\r\n")[0] + b"\r\n\r\n" + body + b"\r\n"

    ready = Message.parse(raw)

    known = [(name.lower(), value.replace("\r\n", "").strip(" \t")) for name, _, value in fields]
    assert list(ready.fields[: len(fields)]) == known
    assert [name for name, _ in ready.fields[len(fields) :]] == ["from", "to", "subject", "message-id", "date"]
    hidden = [f"{name}{space}:{value}\r\n" for name, space, value in fields if name.lower() == "bcc"]
    shown = head.decode()
    for field in hidden:
        shown = shown.replace(field, "", 1)
    assert bytes(ready.content) == shown.encode() + raw[len(head) :]
    assert ready.content.utf8 == (not shown.isascii())
    assert ready.content.eight_bit == (not body.isascii())


@given(st.lists(st.sampled_from([b"a", b".", b"\r", b"\n", b"\r\n"])).map(b"".join), st.booleans())
def test_line_ends_of_any_kind_leave_as_one_kind_or_are_refused(body: bytes, normalise: bool) -> None:
    head = RAW.partition(b"\r\n\r\n")[0] + b"\r\n\r\nx"
    lines = re.split(rb"\r\n|\r|\n", body)
    if not normalise and re.search(rb"\r(?!\n)", body):
        with pytest.raises(InvalidMessage, match="a carriage return stands alone"):
            Message.parse(head + body)
        return

    raw = bytes(Message.parse(head + body, normalise=normalise).content)

    whole = head + b"\r\n".join(lines)
    assert raw == (whole if whole.endswith(b"\r\n") else whole + b"\r\n")


def test_a_header_has_some_thousand_fields_at_most() -> None:
    assert len(Message.parse(b"X: y\r\n" * (MOST_FIELDS - 5) + RAW).fields) == MOST_FIELDS
    for many in (b"X: y\r\n" * MOST_FIELDS, b"X: y\r\n" * (MOST_FIELDS + 1) + b"none\r\n"):
        with pytest.raises(InvalidMessage, match=f"more than {MOST_FIELDS} header fields"):
            Message.parse(many + RAW)


@pytest.mark.parametrize("missing", [b"Message-ID: <1@example.org>\r\n", b"Date: Mon, 23 Nov 2026 08:00:00 +0000\r\n"])
def test_what_is_there_is_not_added(missing: bytes) -> None:
    raw = bytes(Message.parse(RAW.replace(missing, b"")).content)

    assert raw.count(b"Message-ID:") == raw.count(b"Date:") == 1


def test_bcc_leaves_the_header_and_is_counted_in_the_envelope() -> None:
    raw = b"Bcc: x@y.org,\r\n z@y.org\r\n" + RAW.replace(b"Subject: x\r\n", b"BCC : w@y.org\r\nSubject: x\r\n")

    ready = Message.parse(raw)

    assert bytes(ready.content) == RAW
    assert [each.local for each in ready.envelope().recipients] == ["bob", "eve", "x", "z", "w"]


def test_a_resent_message_goes_where_the_resent_fields_say() -> None:
    raw = b"Resent-From: carl@example.org\r\nResent-To: d@y.org\r\nResent-Bcc: e@y.org\r\n" + RAW

    ready = Message.parse(raw)

    assert b"Resent-Bcc" not in bytes(ready.content)
    assert b"Resent-To" in bytes(ready.content)
    envelope = ready.envelope()
    assert envelope.sender is not None
    assert envelope.sender.local == "carl"
    assert [each.local for each in envelope.recipients] == ["d", "e"]


def test_a_message_resent_twice_wants_to_be_told_where_to_go() -> None:
    ready = Message.parse(b"Resent-To: a@b.org\r\n" * 2 + RAW)

    with pytest.raises(InvalidMessage, match="more than once"):
        ready.envelope()
    assert ready.envelope("x@y.org", "z@y.org").sender is not None


def test_the_sender_field_comes_before_from() -> None:
    ready = Message.parse(b"Sender: secretary@example.org\r\n" + RAW)

    assert str(ready.envelope().sender) == "secretary@example.org"


def test_a_group_and_a_hidden_list_are_understood() -> None:
    ready = Message.parse(b"From: a@b.org\r\nTo: undisclosed-recipients:;\r\nCc: Us: c@d.org, e@f.org;\r\n\r\nx")

    assert [each.spec for each in ready.recipients] == ["c@d.org", "e@f.org"]


def test_nobody_to_send_to_is_said_when_the_envelope_is_made() -> None:
    ready = Message.parse(b"From: a@b.org\r\n\r\nx")

    with pytest.raises(InvalidMessage) as refused:
        ready.envelope()
    assert refused.value.hint_id == "NO-RECIPIENT"
    with pytest.raises(InvalidMessage, match="no sender"):
        Message.parse(b"To: a@b.org\r\n\r\nx").envelope()


def test_an_address_with_a_comment_is_not_guessed_at() -> None:
    ready = Message.parse(b"From: a@b.org (Ada)\r\nTo: user@good.com(x)evil.com\r\n\r\nx")

    with pytest.raises(InvalidAddress):
        ready.envelope()
    assert ready.envelope("a@b.org", "c@d.org").recipients[0].local == "c"


def test_what_is_missing_is_added_once() -> None:
    ready = Message.parse(b"From: a@b.org\nTo: c@d.org\n\nHello")

    raw = bytes(ready.content)
    assert raw.count(b"Message-ID: ") == 1
    assert f"Message-ID: {ready.message_id}\r\n".encode() in raw
    assert b"\r\nDate: " in raw
    assert raw.endswith(b"\r\n\r\nHello\r\n")
    assert ready.message_id.endswith("@b.org>")


def test_a_message_without_a_body_or_a_readable_sender_is_completed_too() -> None:
    ready = Message.parse(b"From: a b c\r\n")

    assert ready.message_id.endswith("@courriel.invalid>")
    assert bytes(ready.content).endswith(b"\r\n\r\n")


def test_line_feeds_alone_become_line_ends() -> None:
    ready = Message.parse(RAW.replace(b"\r\n", b"\n").replace(b"Hello\n", b"Hello\r\n"))

    assert bytes(ready.content) == RAW


def test_a_carriage_return_alone_is_refused_or_normalised_by_name() -> None:
    raw = RAW.replace(b"Hello", b"Hel\rlo")

    with pytest.raises(InvalidMessage) as refused:
        Message.parse(raw)
    assert refused.value.hint_id == "BARE-LINE-FEED"
    assert b"Hel\r\nlo\r\n" in bytes(Message.parse(raw, normalise=True).content)


@pytest.mark.parametrize(
    ("raw", "reason", "hint"),
    [
        (RAW + b"x" * 999, "998 octets", "LINE-TOO-LONG"),
        (RAW.replace(b"Subject: x", b"Subject: " + b"x" * 1000), "998 octets", "HEADER-LINE-TOO-LONG"),
        (RAW + b"\0", "NUL", ""),
        (b"", "no header", ""),
        (b"\r\nx", "no header", ""),
        (b"From ada Mon Nov 23\r\n" + RAW, "no header field", ""),
        (b"hello\r\n", "no header field", ""),
        (b" folded\r\n" + RAW, "no header field", ""),
        (RAW.replace(b"Subject: x", b"Subject: \xe9"), "UTF-8", "NON-ASCII-TEXT"),
        (b"X: y\r\n" * 2_100 + RAW, "header fields", ""),
        (b"X: y\r\n" * 200_000 + RAW, "longer than", ""),
    ],
)
def test_what_cannot_leave_is_refused(raw: bytes, reason: str, hint: str) -> None:
    with pytest.raises(InvalidMessage, match=reason) as refused:
        Message.parse(raw)

    assert refused.value.hint_id == hint


def test_a_line_of_998_octets_passes() -> None:
    raw = RAW + b"x" * 998 + b"\r\n"

    assert bytes(Message.parse(raw).content) == raw


def test_eight_bits_and_raw_utf8_are_told_apart() -> None:
    body = Message.parse(RAW + "été".encode())
    header = Message.parse(RAW.replace(b"Ada", "Élodie".encode()))

    assert (body.content.eight_bit, body.content.utf8, body.needs_smtputf8) == (True, False, False)
    assert (header.content.eight_bit, header.content.utf8, header.needs_smtputf8) == (False, True, True)
    assert header.sender is not None
    assert header.sender.name == "Élodie"


def test_a_header_line_that_is_too_long_is_refused_by_its_name() -> None:
    with pytest.raises(InvalidMessage, match=r"^X-Token: its line is longer") as refused:
        Message.parse(RAW.replace(b"Subject:", b"X-Token: " + b"x" * 1000 + b"\r\nSubject:"))

    assert refused.value.hint_id == "HEADER-LINE-TOO-LONG"


def test_recipients_folded_by_a_tab_are_read_as_those_folded_by_a_blank() -> None:
    raw = b"From: ada@example.org\r\nTo: bob@example.org,\r\n\tcarl@example.org\r\nSubject: a\tb\r\n\tc\r\n\r\nx\r\n"
    ready = Message.parse(raw)

    assert [each.spec for each in ready.envelope().recipients] == ["bob@example.org", "carl@example.org"]
    assert dict(ready.fields)["subject"] == "a\tb\tc"
    assert raw.partition(b"\r\n\r\n")[0] in bytes(ready.content)
