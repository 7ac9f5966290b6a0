"""Immutable values: methods that return a copy begin with `with_`, and names that suggest a change raise."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from courriel import errors
from courriel.compose.rich import RichTemplate
from courriel.compose.template import Template
from courriel.model.address import Address
from courriel.model.messages.message import Message
from courriel.model.receipt import Receipt
from courriel.model.servers.server import Server
from courriel.model.servers.trust import Trust
from courriel.reply import Reply

MESSAGE = Message(sender="ada@example.org", to="bob@example.org")
TEMPLATE = Template(sender="ada@example.org", to="{email}")
RICH = RichTemplate(sender="ada@example.org", to="{{ email }}")
RECEIPT = Receipt("mx.example.org:25", "<1@example.org>", Reply(250, ("ok",)), ())


@pytest.mark.parametrize(
    ("call", "new"),
    [
        (lambda: MESSAGE.attach("invoice.pdf"), "message = message.with_attachment"),
        (lambda: MESSAGE.attach(path="invoice.pdf", inline=True), 'attachments=["invoice.pdf"]'),
        (lambda: MESSAGE.attach_data(b"x", "x.bin"), "message = message.with_data"),
        (lambda: TEMPLATE.attach("invoice.pdf"), "template = template.with_attachment"),
        (lambda: TEMPLATE.attach_data(b"x", name="x.bin"), "template = template.with_data"),
        (lambda: RICH.attach("invoice.pdf"), "template = template.with_attachment"),
        (lambda: RICH.attach_data(b"x", "x.bin"), "template = template.with_data"),
        (lambda: Address("a", "b.org").named("Ada"), "with_name"),
        (lambda: Server("x.org").speaking("pop3"), "with_dialect"),
        (lambda: RECEIPT.noting("a note"), "with_notes"),
        (lambda: Trust.system().pinned("sha256:00"), "with_pins"),
    ],
)
def test_a_name_that_seems_to_change_a_value_says_which_to_use(call: Callable[[], object], new: str) -> None:
    with pytest.raises(errors.UsageError) as refused:
        call()

    assert new in str(refused.value)


def test_what_begins_with_with_returns_another_value_and_leaves_this_one_as_it_is() -> None:
    address, server, trust = Address("a", "b.org"), Server("x.org"), Trust.system()

    assert address.with_name("Ada").name == "Ada"
    assert MESSAGE.with_data(b"x", "x.bin").attachments
    assert TEMPLATE.with_data(b"x", "x.bin").fill(email="b@x.org").attachments
    assert RICH.with_data(b"x", "x.bin").fill(email="b@x.org").attachments
    assert RECEIPT.with_notes("a note").notes == ("a note",)
    assert (address.name, server.port, MESSAGE.attachments, RECEIPT.notes, trust.pins) == ("", 465, (), (), ())
    assert not TEMPLATE.fill(email="b@x.org").attachments
    assert not RICH.fill(email="b@x.org").attachments
