"""Served sessions that go on in the callback of their connection: limits, wakes and odd moments of their clients."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, suppress
from typing import Literal

import pytest

from courriel import Sandbox
from courriel.dialogue.server.handler import Delivery, ServerConfig, ServerLimits, ServerSession
from courriel.model.address import Address
from courriel.model.servers.server import Dialect
from courriel.network.serving.listening import ListenAddress, Listener, ServedSession
from courriel.sandbox.captured import CapturedMail
from courriel.sandbox.faults import Faults
from courriel.sandbox.folders import SharedFolder
from courriel.sandbox.handler import SandboxHandler
from courriel.sandbox.mailboxes import Mailboxes
from courriel.wire.smtp.parameters import MailFrom, RcptTo

LETTER = (
    b"HELO x.org\r\nMAIL FROM:<a@b.c>\r\nRCPT TO:<bob@example.org>\r\nDATA\r\nSubject: s\r\n\r\nhello\r\n.\r\nQUIT\r\n"
)


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

    def log_in(self) -> SharedFolder:
        """INBOX of bob, made at the first login."""
        return self.mailboxes.account("bob@example.org").inbox

    def put(self, content: bytes = b"Subject: x\r\n\r\nx\r\n") -> None:
        """Deliver a letter to bob."""
        recipients = (RcptTo(Address.parse("bob@example.org")),)
        self.captured.put(Delivery(MailFrom(None), recipients, content), ServerSession())


def void(result: object) -> None:
    """Nothing, of whatever there is."""


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
    inbox = place.log_in()
    place.put()
    place.captured.clear()
    place.put()

    place.mailboxes.clear()

    assert [letter.number for letter in place.captured.letters] == [2]
    assert [letter.uid for letter in inbox.letters()] == [2]
    place.captured.clear()
    assert inbox.letters() == []


def test_a_login_in_the_moment_of_a_delivery_finds_the_letter_once() -> None:
    place = Mails()
    place.captured.on_arrival.insert(0, lambda letter: void(place.log_in()))

    place.put()
    place.put()

    assert [letter.uid for letter in place.log_in().letters()] == [1, 2]


def test_a_letter_that_is_removed_before_its_delivery_is_in_no_mailbox() -> None:
    place = Mails()
    place.log_in()
    place.captured.on_arrival.insert(0, lambda letter: void(place.captured.remove([letter.number])))

    place.put()

    assert place.log_in().letters() == []


@pytest.mark.slow
@pytest.mark.parametrize("tls", [False, True])
def test_a_client_that_sends_octet_by_octet_is_answered(tls: bool) -> None:
    """Over TLS each octet is a record of its own."""
    with Sandbox() as sandbox, socket.create_connection((sandbox.host, sandbox.port), timeout=20) as raw:
        line = raw
        if tls:
            with raw.makefile("rb") as answers:
                answers.readline()
                raw.sendall(b"STARTTLS\r\n")
                assert answers.readline().startswith(b"220")
            line = ssl.create_default_context(cafile=str(sandbox.ca)).wrap_socket(raw, server_hostname="localhost")
        with line:
            line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            for octet in LETTER:
                line.sendall(bytes([octet]))
            heard = b"".join(iter(lambda: line.recv(1000), b""))

    assert [answer[:3] for answer in heard.splitlines()[not tls :]] == [
        b"250", b"250", b"250", b"354", b"250", b"221",
    ]  # fmt: skip
    assert [letter.content for letter in sandbox.letters] == [b"Subject: s\r\n\r\nhello\r\n"]


@pytest.mark.slow
def test_a_client_that_has_said_everything_and_listens_hears_it_all() -> None:
    """Its stream has ended long before there is room for our answers."""
    with Sandbox() as sandbox, socket.create_connection((sandbox.host, sandbox.port), timeout=20) as line:
        line.sendall(b"HELP\r\n" * 30_000 + LETTER.removesuffix(b"QUIT\r\n"))
        line.shutdown(socket.SHUT_WR)
        heard = b"".join(iter(lambda: line.recv(100_000), b""))

    assert heard.count(b"\r\n214 ") == 30_000
    assert heard.splitlines()[-1].startswith(b"250 2.0.0 Message taken")


@pytest.mark.slow
def test_answers_are_not_collected_for_a_client_that_has_said_everything_and_reads_nothing() -> None:
    async def meet() -> str:
        place = Mails(Dialect.POP3, ServerLimits(patience=0.2))
        place.put(b"x\r\n" * 300_000)
        async with place.listening() as port:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(b"USER bob\r\nPASS x\r\n")
            await heard(reader, b"+OK Logged in")
            ended = asyncio.get_running_loop().create_future()
            note = place.served[-1].session.note

            def note_end(who: Literal["C", "S", "*"], text: str) -> None:
                note(who, text)
                if who == "*" and not ended.done():
                    ended.set_result(text)

            place.served[-1].session.note = note_end
            writer.write(b"RETR 1\r\n" * 60)
            writer.write_eof()
            try:
                return await asyncio.wait_for(ended, 20)
            finally:
                writer.close()

    assert asyncio.run(meet()) == "the client was silent for too long"


@pytest.mark.slow
def test_a_client_that_reads_nothing_is_let_go_and_harms_nobody() -> None:
    def flood() -> None:
        with socket.create_connection((sandbox.host, sandbox.port), timeout=20) as deaf, suppress(ConnectionError):
            while True:
                deaf.sendall(b"HELP\r\n" * 1000)

    with Sandbox(limits=ServerLimits(patience=0.2)) as sandbox, ThreadPoolExecutor() as threads:
        flooding = threads.submit(flood)
        while not flooding.done():
            with socket.create_connection((sandbox.host, sandbox.port), timeout=20) as line:
                line.sendall(LETTER)
                heard = b"".join(iter(lambda: line.recv(1000), b""))
            assert heard.endswith(b"221 2.0.0 Goodbye\r\n")
        flooding.result()

    assert sandbox.letters


@pytest.mark.slow
def test_it_closes_in_the_middle_of_what_a_crowd_says() -> None:
    """After `close` no task is left, whatever was being answered."""

    async def speak(port: int) -> None:
        with suppress(OSError):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            try:
                while not reader.at_eof():
                    writer.write(LETTER.removesuffix(b"QUIT\r\n") * 20)
                    await reader.read(1000)
            finally:
                writer.close()

    async def meet() -> set[asyncio.Task[object]]:
        place = Mails()
        async with place.listening() as port:
            crowd = [asyncio.create_task(speak(port)) for _ in range(50)]
            await place.captured.awaited(None, None, 20)
        await asyncio.wait_for(asyncio.gather(*crowd), 20)
        return asyncio.all_tasks() - {asyncio.current_task()}

    assert asyncio.run(meet()) == set()
