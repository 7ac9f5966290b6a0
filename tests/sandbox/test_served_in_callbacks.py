"""Served sessions that go on in the callback of their connection: limits, wakes and odd moments of their clients."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Literal

import pytest

from courriel import Sandbox
from courriel.dialogue.server.handler import Delivery, ServerConfig, ServerLimits, ServerSession
from courriel.model.address import Address
from courriel.model.servers.server import Dialect
from courriel.network.serving.listening import ListenAddress, Listener, ServedSession
from courriel.sandbox.captured import CapturedMail
from courriel.sandbox.faults import Faults
from courriel.sandbox.handler import SandboxHandler
from courriel.sandbox.mailboxes import Mailboxes
from courriel.wire.smtp.parameters import MailFrom, RcptTo


class Mails:
    """What a practice server is made of, with its parts at hand."""

    def __init__(self, dialect: Dialect = Dialect.SMTP, limits: ServerLimits | None = None) -> None:
        self.captured = CapturedMail()
        self.mailboxes = Mailboxes(self.captured)
        self.captured.on_arrival.append(self.mailboxes.arrived)
        self.captured.on_removal.append(self.mailboxes.forget)
        self.served: list[ServedSession] = []
        handler = SandboxHandler(self.captured, self.mailboxes, Faults(), None, lambda letter: "")
        config = ServerConfig(dialect=dialect, mechanisms=("PLAIN",), limits=limits or ServerLimits())
        self._listener = Listener(handler, config, ListenAddress(), on_session=self.served.append)

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[int]:
        """Serve in this event loop; gives the port."""
        await self._listener.open()
        try:
            yield self._listener.ports[0]
        finally:
            await self._listener.close()

    def put(self) -> None:
        """Deliver a letter to bob."""
        recipients = (RcptTo(Address.parse("bob@example.org")),)
        self.captured.put(Delivery(MailFrom(None), recipients, b"Subject: x\r\n\r\nx\r\n"), ServerSession())


async def heard(reader: asyncio.StreamReader, beginning: bytes) -> bytes:
    """Everything up to the line that begins so."""
    lines = b""
    while True:
        line = await asyncio.wait_for(reader.readline(), 20)
        lines += line
        if not line or line.startswith(beginning):
            return lines


@pytest.mark.parametrize("at_once", [True, False])
def test_silence_within_a_message_has_its_own_shorter_limit(at_once: bool) -> None:
    said = [b"HELO x.org\r\n", b"MAIL FROM:<>\r\n", b"RCPT TO:<a@b.c>\r\n", b"DATA\r\n"]
    with (
        Sandbox(limits=ServerLimits(patience=60, content_patience=0.05)) as sandbox,
        socket.create_connection((sandbox.host, sandbox.port), timeout=20) as line,
        line.makefile("rb") as answers,
    ):
        answers.readline()
        for words in [b"".join(said)] if at_once else said:
            line.sendall(words)
            for _ in range(words.count(b"\n")):
                answers.readline()
        rest = answers.read()

    assert rest == b"421 4.4.2 You were silent for too long\r\n"


def test_what_happens_before_the_wait_of_idle_ends_it() -> None:
    """The second letter comes in the callback itself, when the first has been told and nobody waits yet."""

    async def meet() -> bytes:
        place = Mails(Dialect.IMAP)
        async with place.listening() as port:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(b"a LOGIN bob@example.org x\r\nb SELECT INBOX\r\n")
            await heard(reader, b"b OK")
            session = place.served[-1].session
            note = session.note

            def note_and_deliver(who: Literal["C", "S", "*"], text: str) -> None:
                note(who, text)
                if text in ("+ Waiting", "* 1 EXISTS"):
                    place.put()

            session.note = note_and_deliver
            writer.write(b"c IDLE\r\n")
            told = await heard(reader, b"* 2 EXISTS")
            writer.write(b"DONE\r\nd LOGOUT\r\n")
            await heard(reader, b"d OK")
            writer.close()
            return told

    assert b"* 2 EXISTS" in asyncio.run(meet())


def test_a_letter_that_comes_while_all_are_removed_stays_in_its_mailbox() -> None:
    place = Mails()
    inbox = place.mailboxes.account("bob@example.org").inbox
    place.put()
    place.captured.clear()
    place.put()

    place.mailboxes.clear()

    assert [letter.number for letter in place.captured.letters] == [2]
    assert [letter.uid for letter in inbox.letters()] == [2]
    place.captured.clear()
    assert inbox.letters() == []
