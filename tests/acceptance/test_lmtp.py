"""Dovecot's LMTP: each recipient is answered apart, after the message."""

from __future__ import annotations

import pytest

from courriel import Dialect, Message, Security, Server
from servers.dovecot import Dovecot
from session.play import Awaiting, Blocking, Session

pytestmark = pytest.mark.acceptance


@pytest.mark.parametrize("colour", [Blocking, Awaiting])
def test_each_recipient_is_answered_apart(dovecot: Dovecot, colour: type[Session]) -> None:
    dovecot.mailboxes.empty()
    server = Server("127.0.0.1", dovecot.lmtp_port, Security.NONE, dialect=Dialect.LMTP)
    session = colour(server)
    session.open()
    message = Message(
        sender="cleo@example.org",
        to=["ada@example.org", "bob@example.org", "nobody@example.org"],
        subject="By LMTP",
        text=".a line that begins with a dot",
    )

    receipt = session.send(message)
    session.close()
    session.leave()

    assert receipt.accepted == ("ada@example.org", "bob@example.org")
    assert list(receipt.refused) == ["nobody@example.org"]
    for address in receipt.accepted:
        (letter,) = dovecot.mailboxes.letters(address)
        assert b"\r\n.a line that begins with a dot\r\n" in letter.content
