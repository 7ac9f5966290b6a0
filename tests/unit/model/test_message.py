"""Messages are complete, or refused with the field at fault."""

from __future__ import annotations

import pickle
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from courriel.errors import InvalidAddress, InvalidMessage
from courriel.model.address import Address
from courriel.model.envelope import Notify
from courriel.model.messages.message import Message, Priority

FIELDS: dict[str, Any] = {"sender": "Ada <ada@example.org>", "to": "bob@example.org"}


def test_addresses_are_taken_as_people_give_them() -> None:
    message = Message(
        sender=Address("ada", "example.org"),
        to=["bob@x.org", "Eve <eve@x.org>"],
        cc=["c@x.org"],
        bcc=Address("d", "x.org"),
    )

    assert [each.spec for each in message.recipients] == ["bob@x.org", "eve@x.org", "c@x.org", "d@x.org"]


def test_a_recipient_named_twice_stands_once_in_the_envelope() -> None:
    envelope = Message(sender="ada@x.org", to="bob@x.org", cc="Bob <bob@X.org>", bcc="bob@x.org").envelope()

    assert [each.spec for each in envelope.recipients] == ["bob@x.org"]


def test_an_envelope_can_differ_from_the_fields() -> None:
    envelope = Message(**FIELDS).envelope(sender="bounces@example.org", to=["x@y.org", "z@y.org"])

    assert envelope.sender == Address("bounces", "example.org")
    assert [each.spec for each in envelope.recipients] == ["x@y.org", "z@y.org"]


def test_the_empty_sender_is_the_null_sender() -> None:
    assert Message(**FIELDS).envelope(sender="").sender is None
    assert Message.parse(b"To: a@b.org\r\n\r\n").envelope(sender="").sender is None


def test_a_delivery_receipt_is_asked_of_the_servers() -> None:
    assert Message(**FIELDS, delivery_receipt=True).envelope().notify == {Notify.SUCCESS, Notify.FAILURE}
    assert not Message(**FIELDS).envelope().notify


def test_a_read_receipt_goes_to_the_sender_or_to_whom_it_says() -> None:
    assert Message(**FIELDS, read_receipt=True).read_receipt == Address.parse(FIELDS["sender"])
    assert Message(**FIELDS, read_receipt="x@y.org").read_receipt == Address("x", "y.org")
    assert Message(**FIELDS).read_receipt is None


def test_message_id_and_date_are_made_once() -> None:
    message = Message(**FIELDS)
    attached = message.with_data(b"x", "x.bin")

    assert (attached.message_id, attached.date) == (message.message_id, message.date)
    assert message.message_id.endswith("@example.org>")
    assert message.date.utcoffset() is not None
    assert len({Message(**FIELDS).message_id for _ in range(100)}) == 100


def test_a_message_survives_pickling() -> None:
    message = Message(**FIELDS, subject="été", headers={"X-A": "b"}).with_data("x", "x.txt")

    assert pickle.loads(pickle.dumps(message)) == message


def test_smtputf8_is_needed_for_who_is_shown_not_for_bcc() -> None:
    assert Message(**{**FIELDS, "to": "用户@x.org"}).needs_smtputf8
    assert not Message(**FIELDS, bcc="用户@x.org").needs_smtputf8
    assert Message(**FIELDS, bcc="用户@x.org").envelope().needs_smtputf8


@pytest.mark.parametrize(
    ("fields", "field", "hint"),
    [
        ({"sender": ""}, "sender", ""),
        ({"to": ()}, "to", "NO-RECIPIENT"),
        ({"to": ""}, "to", "NO-RECIPIENT"),
        ({"subject": "a\r\nBcc: x@y"}, "subject", "HEADER-LINE-BREAK"),
        ({"subject": "a\u2028b"}, "subject", "HEADER-LINE-BREAK"),
        ({"subject": "a\x00b"}, "subject", ""),
        ({"subject": "\ud800"}, "subject", "NON-ASCII-TEXT"),
        ({"subject": "x" * 20_000}, "subject", ""),
        ({"text": "a\x00b"}, "text", ""),
        ({"text": "é\udcff"}, "text", "NON-ASCII-TEXT"),
        ({"html": "a\x00b"}, "html", ""),
        ({"html": "\ud800"}, "html", "NON-ASCII-TEXT"),
        ({"headers": {"X-A": "b\nc"}}, "X-A", "HEADER-LINE-BREAK"),
        ({"headers": {"X A": "b"}}, "headers", ""),
        ({"headers": {"Subject": "b"}}, "subject=", ""),
        ({"headers": {"bcc": "b@c"}}, "bcc=", ""),
        ({"headers": {"Content-Type": "text/html"}}, "html=", ""),
        ({"headers": [("Resent-To", "a@b")]}, "resent", ""),
        ({"message_id": "x@y"}, "message_id", ""),
        ({"message_id": "<x@y>\r\nBcc: z"}, "message_id", ""),
        ({"in_reply_to": "<x y"}, "in_reply_to", ""),
        ({"references": ["<x>", "y z"]}, "references", ""),
        ({"list_unsubscribe": "javascript:x"}, "list_unsubscribe", ""),
        ({"list_unsubscribe": "https://x/>\r\nX: y"}, "list_unsubscribe", ""),
        ({"list_unsubscribe": "mailto:a@b.c", "one_click": True}, "one_click", ""),
        ({"priority": "urgent"}, "priority", ""),
        ({"date": datetime(2026, 1, 1)}, "date", ""),
        ({"date": datetime(1600, 1, 1, tzinfo=UTC)}, "date", ""),
    ],
)
def test_a_field_at_fault_is_named(fields: dict[str, Any], field: str, hint: str) -> None:
    with pytest.raises(InvalidMessage) as refused:
        Message(**{**FIELDS, **fields})

    assert field in str(refused.value)
    assert refused.value.hint_id == hint
    assert refused.value.stage == "compose"


@pytest.mark.parametrize("field", ["sender", "to", "cc", "bcc", "reply_to", "read_receipt"])
def test_what_is_no_address_is_refused_in_every_field(field: str) -> None:
    with pytest.raises(InvalidAddress):
        Message(**{**FIELDS, field: "a@b.org\r\nBcc: c@d.org"})


def test_plain_words_do_for_priority_ids_and_links() -> None:
    message = Message(
        **FIELDS,
        priority="high",
        references="<a@b> <c@d>",
        in_reply_to="<a@b>",
        list_unsubscribe=["https://x.org/u", "mailto:u@x.org"],
        one_click=True,
        message_id="<m@x.org>",
        date=datetime(2026, 1, 1, tzinfo=timezone(timedelta(hours=2))),
    )

    assert message.priority is Priority.HIGH
    assert message.references == ("<a@b>", "<c@d>")
    assert message.message_id == "<m@x.org>"


@pytest.mark.parametrize("value", [" " * 3000, "a" + " " * 3000 + "b", "x" * 1200, "a " + "x" * 998])
def test_a_header_that_cannot_be_folded_is_refused(value: str) -> None:
    for fields in ({"subject": value}, {"headers": {"X-Note": value}}):
        with pytest.raises(InvalidMessage, match="cannot be folded") as refused:
            Message(sender="a@b.org", to="c@d.org", **fields)
        assert refused.value.hint_id == "HEADER-LINE-TOO-LONG"


def test_a_header_that_fills_whole_lines_is_taken() -> None:
    Message(sender="a@b.org", to="c@d.org", subject="x" * 989 + " " + "y" * 997, headers={"X-Note": "é" * 3000})


@pytest.mark.parametrize("value", ["Liste d'été <l.b.org>", "=?utf-8?q?x?= <l.b.org>"])
def test_an_identifier_among_the_headers_is_ascii(value: str) -> None:
    with pytest.raises(InvalidMessage, match=r"^List-Id: programs read it"):
        Message(sender="a@b.org", to="c@d.org", headers={"List-Id": value})
