"""Receipts: the result of each recipient, and storage as JSON."""

from __future__ import annotations

import json

import pytest

from courriel import Outcome, Receipt, RecipientResult, Reply

RECEIPT = Receipt(
    "mx.example.org:25",
    "<1@example.org>",
    Reply(250, ("2.0.0 queued as 42",)),
    (
        RecipientResult("bob@example.org", Outcome.ACCEPTED, Reply(250, ("2.1.5 ok",))),
        RecipientResult("nobody@example.org", Outcome.REFUSED, Reply(550, ("5.1.1 no such user",))),
        RecipientResult("été@example.org", Outcome.IN_DOUBT),
    ),
    ("a note",),
)


def test_each_recipient_stands_where_its_fate_belongs() -> None:
    assert RECEIPT.accepted == ("bob@example.org",)
    assert RECEIPT.refused == {"nobody@example.org": Reply(550, ("5.1.1 no such user",))}
    assert not RECEIPT.complete


def test_a_receipt_never_says_delivered() -> None:
    assert str(RECEIPT) == "accepted by mx.example.org:25 for 1, 1 refused, 1 in doubt (250 2.0.0 queued as 42)"


def test_a_receipt_survives_json() -> None:
    assert Receipt.from_dict(json.loads(json.dumps(RECEIPT.to_dict()))) == RECEIPT


@pytest.mark.parametrize("name", ["server", "reply", "fates", "notes", "message_id"])
def test_what_is_no_stored_receipt_is_refused(name: str) -> None:
    stored = RECEIPT.to_dict()
    stored[name] = 7

    with pytest.raises(ValueError, match="not a stored"):
        Receipt.from_dict(stored)


@pytest.mark.parametrize(
    "fate",
    [
        {},
        {"recipient": "a@b.c", "outcome": "lost", "reply": None},
        {"recipient": "a@b.c", "outcome": "accepted", "reply": {}},
    ],
)
def test_what_is_no_stored_fate_is_refused(fate: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"not a stored|not a valid"):
        Receipt.from_dict(RECEIPT.to_dict() | {"fates": [fate]})


def test_a_note_is_added_to_those_that_are_there() -> None:
    assert RECEIPT.with_notes("another").notes == ("a note", "another")
    assert RECEIPT.with_notes() == RECEIPT
