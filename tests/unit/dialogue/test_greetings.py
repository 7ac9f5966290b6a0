"""A greeting in two portions, in every protocol: the first may arrive during the wait, the rest has its time limit."""

from __future__ import annotations

from typing import Any

import pytest

from courriel.dialogue.flow import Connect, Receive, ReceivePending, Send
from courriel.dialogue.imap.client import ImapDialogue
from courriel.dialogue.pop3.client import PopDialogue
from courriel.dialogue.smtp.client import SmtpDialogue
from courriel.model.received.limits import ReadLimits
from courriel.model.servers.credentials import Password
from courriel.model.servers.server import Dialect, Security, Server
from courriel.network.line import Deadlines

SERVER = Server("127.0.0.1", 2525, security=Security.NONE)
GREETINGS = [
    (SmtpDialogue(SERVER, None), b"220-mx.example.org\r\n220 ready\r\n"),
    (PopDialogue(SERVER.with_dialect(Dialect.POP3), None, 1000), b"+OK ready <1.2@example.org>\r\n"),
    (
        ImapDialogue(SERVER.with_dialect(Dialect.IMAP), Password("ada", "x"), ReadLimits()),
        b"* OK [CAPABILITY IMAP4rev1] ready\r\n",
    ),
]


@pytest.mark.parametrize(
    ("dialogue", "greeting", "cut"),
    [(dialogue, greeting, cut) for dialogue, greeting in GREETINGS for cut in range(1, len(greeting))],
)
def test_the_rest_of_a_greeting_has_a_limit_of_its_own(dialogue: Any, greeting: bytes, cut: int) -> None:
    flow = dialogue.open()
    wants = [next(flow)]
    wants.append(flow.send(b"localhost"))
    wants.append(flow.send(greeting[:cut]))

    following = flow.send(greeting[cut:])

    assert isinstance(wants[0], Connect)
    assert isinstance(wants[1], ReceivePending)
    assert isinstance(wants[2], Receive)
    assert not wants[2].more
    assert isinstance(following, (Send, ReceivePending)) or hasattr(following, "data")
    flow.close()


def test_a_reply_that_has_begun_unheard_has_a_limit_all_the_same() -> None:
    clock = Deadlines(SERVER)
    clock.start_call()

    assert 0 < clock.for_reply("greeting", more=True) <= SERVER.timeouts.greeting
    assert clock.for_reply("greeting", more=True) <= SERVER.timeouts.greeting
