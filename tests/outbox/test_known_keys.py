"""A key that is known: the same mail once more is the same ticket, another mail is refused with what differs."""

from __future__ import annotations

import asyncio
import pickle
import sqlite3
from collections.abc import Callable
from email.message import EmailMessage
from email.utils import make_msgid
from pathlib import Path

import pytest

from courriel import AsyncOutbox, Message, Outbox, errors
from courriel.model.envelope import Return
from courriel.model.messages.attachment import Attachment
from courriel.model.messages.ready_message import ReadyMessage

URL = "smtp://127.0.0.1:2525"
PICTURE = Attachment.data(b"\x89PNG", "a.png", inline=True)
FIELDS: dict[str, object] = {
    "sender": "ada@example.org", "to": "Bob <bob@example.org>", "subject": "Facture 42, été", "text": "Bonjour\n" * 3,
    "html": "<p>é <img src=cid:a.png>", "attachments": (PICTURE, Attachment.data(b"%PDF", "f.pdf")),
    "headers": {"X-Order": "42"}, "list_unsubscribe": "https://example.org/u",
}  # fmt: skip


def library_message(text: str = "Bonjour, été\n") -> EmailMessage:
    """A mail as programs make it: with an id, boundaries and an image of its own each time."""
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = "ada@example.org", "bob@example.org", "Facture"
    message["Message-ID"] = make_msgid()
    message.set_content(text)
    image = make_msgid()
    message.add_alternative(f'<p>{text}<img src="cid:{image[1:-1]}">', subtype="html")
    message.get_payload()[1].add_related(b"\x89PNG", "image", "png", cid=image)
    message.add_attachment(b"%PDF", maintype="application", subtype="pdf", filename="f.pdf")
    return message


@pytest.mark.slow
@pytest.mark.parametrize(
    "make",
    [
        lambda: Message(**FIELDS),
        library_message,
        lambda: ReadyMessage.parse(b"From: a@b.org\nTo: c@d.org\nSubject: x\n\nhello\n"),
    ],
)
def test_the_same_words_under_the_same_key_are_the_same_mail(outbox: Outbox, make: Callable[[], Message]) -> None:
    first = outbox.put(make(), via=URL, key="k")
    again = outbox.put(make(), via=URL, key="k")
    many = outbox.put_many([make(), make()], via=URL, keys=["k", "other"])

    assert not first.existed
    assert again.existed
    assert again == first == many[0]
    assert [ticket.existed for ticket in many] == [True, False]


CHANGES = [
    ({"to": "eve@example.org"}, ("recipients", "To")),
    ({"bcc": "eve@example.org"}, ("recipients",)),
    ({"sender": "eve@example.org"}, ("sender", "From")),
    ({"subject": "Facture 43, été"}, ("Subject",)),
    ({"text": "Au revoir"}, ("text",)),
    ({"html": "<p>ê <img src=cid:a.png>"}, ("html",)),
    ({"attachments": (PICTURE,)}, ("attachments",)),
    ({"attachments": (PICTURE, Attachment.data(b"%PDG", "f.pdf"))}, ("attachments",)),
    ({"attachments": (PICTURE, Attachment.data(b"%PDF", "g.pdf"))}, ("attachments",)),
    ({"attachments": (PICTURE, Attachment.data(b"%PDF", "f.pdf", inline=True))}, ("attachments",)),
    ({"headers": {"X-Order": "43"}}, ("X-Order",)),
    ({"headers": {}}, ("X-Order",)),
    ({"reply_to": "eve@example.org"}, ("Reply-To",)),
]


@pytest.mark.parametrize(("change", "differs"), CHANGES)
def test_another_mail_under_a_known_key_is_refused(
    outbox: Outbox, change: dict[str, object], differs: tuple[str, ...]
) -> None:
    ticket = outbox.put(Message(**FIELDS), via=URL, key="k")

    with pytest.raises(errors.KeyReused) as reused:
        outbox.put(Message(**FIELDS | change), via=URL, key="k")

    error = reused.value
    assert (error.key, error.ticket, error.differs) == ("k", ticket.id, differs)
    assert all(name in str(error) for name in ("'k'", *differs))
    assert error.failure is not None
    assert error.failure.id == "KEY-REUSED"
    assert pickle.loads(pickle.dumps(error)).differs == differs
    assert sum(count.mails for count in outbox.stats()) == 1


def test_other_wishes_for_the_envelope_are_another_mail(outbox: Outbox) -> None:
    outbox.put(Message(**FIELDS), via=URL, key="k")

    with pytest.raises(errors.KeyReused, match="what differs: recipients, ret, envid"):
        outbox.put(Message(**FIELDS), via=URL, key="k", to="eve@example.org", ret=Return.FULL, envid="1")


def test_when_and_how_urgently_it_is_sent_is_not_what_it_says(outbox: Outbox) -> None:
    ticket = outbox.put(Message(**FIELDS), via=URL, key="k", priority="high", not_before=60)

    assert outbox.put(Message(**FIELDS), via="smtp://127.0.0.1:2526", key="k", expires=600) == ticket


def test_the_first_one_may_be_kept(outbox: Outbox) -> None:
    ticket = outbox.put(Message(**FIELDS), via=URL, key="k")

    other = outbox.put(Message(**FIELDS | {"text": "other"}), via=URL, key="k", if_known="keep")
    (many,) = outbox.put_many([Message(**FIELDS | {"text": "other"})], via=URL, keys=["k"], if_known="keep")

    assert other == ticket == many
    assert other.existed
    assert many.existed
    with pytest.raises(errors.UsageError, match="if_known"):
        outbox.put(Message(**FIELDS), via=URL, key="k", if_known="replace")


def test_two_mails_under_one_key_in_one_call_are_refused(outbox: Outbox) -> None:
    with pytest.raises(errors.KeyReused, match="text"):
        outbox.put_many([Message(**FIELDS), Message(**FIELDS | {"text": "other"})], via=URL, keys=["k", "k"])


def test_who_got_it_already_is_compared_too(outbox: Outbox) -> None:
    """A recipient who was answered is none of those still to be tried any more."""
    everybody = Message(**FIELDS | {"to": ["bob@example.org", "eve@example.org"]})
    outbox.put(everybody, via="null:", key="k")
    outbox.run_once()

    assert outbox.put(everybody, via="null:", key="k").existed
    with pytest.raises(errors.KeyReused, match="recipients"):
        outbox.put(Message(**FIELDS | {"to": ["bob@example.org"]}), via="null:", key="k")


@pytest.mark.slow
def test_a_large_mail_is_compared_to_its_end(outbox: Outbox) -> None:
    def message(last: bytes) -> Message:
        return Message(**FIELDS | {"attachments": (Attachment.data(b"x" * 900_000 + last, "f.bin"),)})

    outbox.put(message(b"1"), via=URL, key="k")

    assert outbox.put(message(b"1"), via=URL, key="k").existed
    with pytest.raises(errors.KeyReused, match="attachments"):
        outbox.put(message(b"2"), via=URL, key="k")


def test_those_who_await_hear_the_same(place: str) -> None:
    async def put_twice() -> None:
        async with AsyncOutbox(place) as outbox:
            first = await outbox.put(Message(**FIELDS), via=URL, key="k")
            again = await outbox.put(Message(**FIELDS), via=URL, key="k")
            assert (first.existed, again.existed) == (False, True)
            other = Message(**FIELDS | {"subject": "other"})
            with pytest.raises(errors.KeyReused, match="Subject"):
                await outbox.put(other, via=URL, key="k")
            with pytest.raises(errors.KeyReused, match="Subject"):
                await outbox.put_many([other], via=URL, keys=["k"])
            assert (await outbox.put(other, via=URL, key="k", if_known="keep")) == first

    asyncio.run(put_twice())


def test_a_mail_of_the_same_transaction_is_compared(tmp_path: Path) -> None:
    """What the caller has not committed yet is seen by his own connection alone."""
    with Outbox(tmp_path / "o.db") as outbox, sqlite3.connect(tmp_path / "o.db") as shop:
        outbox.put(Message(**FIELDS), via=URL, key="k", conn=shop)

        assert outbox.put(Message(**FIELDS), via=URL, key="k", conn=shop).existed
        with pytest.raises(errors.KeyReused, match="text"):
            outbox.put(Message(**FIELDS | {"text": "other"}), via=URL, key="k", conn=shop)
    shop.close()
