"""
A play: one server that says what a transcript says, and checks what it hears.

    S: said by the server, as a line            C: expected from the client, to the letter
    S! the same, with \\r \\n \\x00 escapes        C~ expected to begin so
       and no line end of its own               C! to the octet, escapes as in S!
    ...  silence until the client gives up      ---  the server hangs up
    >>>  the handshake of TLS

Consecutive lines of the server leave as one ("whole"), one by one ("line"), or octet by octet ("byte").
"""

from __future__ import annotations

import asyncio
import select
import socket
import ssl
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Literal, TypeVar

import inside
from courriel import AsyncSmtpSession, Envelope, Receipt, Server, SmtpSession, Transcript
from courriel.model.content import Content
from courriel.model.envelope import OnRefused
from courriel.model.receipt import Result
from courriel.model.servers.credentials import Credentials
from courriel.model.submission import Submission
from courriel.session.encoding import Sendable

Cut = Literal["whole", "line", "byte"]
How = Literal["line", "begins", "octets"]
T = TypeVar("T")

TRANSCRIPTS = Path(__file__).parent.parent / "transcripts"
PATIENCE = 20.0  # seconds to wait for the client before the test fails


class Theatre:
    """Plays transcripts, one for each connection, in order; `check` raises its errors."""

    def __init__(self, cut: Cut, context: ssl.SSLContext | None = None) -> None:
        self._cut = cut
        self._context = context
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._problems: list[BaseException] = []
        self._threads: list[threading.Thread] = []

    def stage(self, *scripts: str) -> None:
        """Queue these plays for the next connections."""
        thread = threading.Thread(target=self._give, args=(scripts,), daemon=True)
        self._threads.append(thread)
        thread.start()

    def check(self) -> None:
        """Check that every play was played to its end."""
        for thread in self._threads:
            thread.join(PATIENCE)
        self._listener.close()
        if self._problems:
            raise self._problems[0]

    def _give(self, scripts: tuple[str, ...]) -> None:
        plays: list[threading.Thread] = []
        for script in scripts:
            try:
                self._listener.settimeout(PATIENCE)
                connection, _ = self._listener.accept()
            except OSError as problem:
                self._problems.append(problem)
                break
            plays.append(threading.Thread(target=self._receive, args=(script, connection), daemon=True))
            plays[-1].start()
        for play in plays:
            play.join(PATIENCE)

    def _receive(self, script: str, connection: socket.socket) -> None:
        try:
            connection.settimeout(PATIENCE)
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._perform(script, connection)
        except BaseException as problem:  # noqa: BLE001 - told to the test by `check`
            self._problems.append(problem)
        finally:
            connection.close()

    def _perform(self, script: str, line: socket.socket) -> None:
        with ExitStack() as closing:
            self._play(script, line, closing)

    def _play(self, script: str, line: socket.socket, closing: ExitStack) -> None:
        heard = closing.enter_context(line.makefile("rb"))
        for said, expected, event in scenes(script):
            if said:
                with suppress(BrokenPipeError, ConnectionResetError):  # the client may be gone, and may be right
                    for piece in pieces(said, self._cut):
                        line.sendall(piece)
            elif event == ">>>":
                assert self._context is not None, "a play with TLS needs a certificate"
                try:
                    line = closing.enter_context(self._context.wrap_socket(line, server_side=True))
                except OSError:
                    return  # the client would not; its test says why
                heard = closing.enter_context(line.makefile("rb"))
            elif event == "...":
                try:
                    while heard.read(4096):
                        pass
                except TimeoutError:
                    raise AssertionError(f"the client did not give up within {PATIENCE:g} s") from None
                except OSError:
                    pass  # it reset the connection
                return
            elif event == "---":
                break
            else:
                how, wanted = expected
                words = heard.read(len(wanted)) if how == "octets" else heard.readline()
                fits = words.startswith(wanted) if how == "begins" else words == wanted
                assert fits, f"the client said {words!r} where the play has {wanted!r}"
        with suppress(OSError):
            line.shutdown(socket.SHUT_WR)


def scenes(script: str) -> Iterator[tuple[list[bytes], tuple[How, bytes], str]]:
    """The steps of a play in order: lines of the server (grouped), a line (or bytes) of the client, or an event."""
    said: list[bytes] = []
    for row in script.strip("\n").splitlines():
        mark, words = row[:2], row[3:]
        if mark == "S:":
            said.append(words.encode() + b"\r\n")
            continue
        if mark == "S!":
            said.append(unescaped(words))
            continue
        if said:
            yield said, ("line", b""), ""
            said = []
        if mark == "C:":
            yield [], ("line", words.encode() + b"\r\n"), ""
        elif mark == "C~":
            yield [], ("begins", words.encode()), ""
        elif mark == "C!":
            yield [], ("octets", unescaped(words)), ""
        elif row in ("...", "---", ">>>"):
            yield [], ("line", b""), row
        else:
            raise ValueError(f"not a line of a play: {row!r}")
    if said:
        yield said, ("line", b""), ""


def unescaped(words: str) -> bytes:
    """The bytes of a text with escapes."""
    return words.encode("latin-1").decode("unicode_escape").encode("latin-1")


def escaped(octets: bytes) -> str:
    """Bytes as one line of a play."""
    return octets.decode("latin-1").encode("unicode_escape").decode()


def pieces(said: list[bytes], cut: Cut) -> Iterator[bytes]:
    """The server's lines, in the pieces to send."""
    match cut:
        case "whole":
            yield b"".join(said)
        case "line":
            yield from said
        case "byte":
            for line in said:
                for place in range(len(line)):
                    yield line[place : place + 1]


class Blocking:
    """A blocking session, for tests of both kinds."""

    def __init__(
        self, server: Server, credentials: Credentials | None = None, transcript: Transcript | None = None
    ) -> None:
        self.session = SmtpSession(server, credentials, transcript=transcript)

    def open(self) -> None:
        self.session.open()

    def send(self, message: Sendable, **wishes: object) -> Receipt:
        return self.session.send(message, **wishes)  # type: ignore[arg-type]

    def deliver(self, envelope: Envelope, content: Content, **wishes: OnRefused) -> Receipt:
        return self.session.submit(Submission(envelope, content, **wishes))

    def send_many(self, messages: Iterable[Sendable], **wishes: object) -> list[Result]:
        return list(self.session.send_many(messages, **wishes))  # type: ignore[arg-type]

    def noop(self) -> None:
        self.session.noop()

    def close(self) -> None:
        self.session.close()

    def wait_for_words(self) -> None:
        """Wait until unread data has arrived, or the server has closed."""
        line = inside.socket_of(self.session)
        if not has_unread(self.session):
            assert select.select([line], [], [], PATIENCE)[0], "nothing came"

    def leave(self) -> None:
        """Close the connection at the end of the test."""
        self.session.hang_up()


class Awaiting:
    """An asyncio session with the same interface, for tests of both kinds."""

    def __init__(
        self, server: Server, credentials: Credentials | None = None, transcript: Transcript | None = None
    ) -> None:
        self.runner = asyncio.Runner()
        self.session = AsyncSmtpSession(server, credentials, transcript=transcript)

    def open(self) -> None:
        self.runner.run(self.session.open())

    def send(self, message: Sendable, **wishes: object) -> Receipt:
        return self.runner.run(self.session.send(message, **wishes))  # type: ignore[arg-type]

    def deliver(self, envelope: Envelope, content: Content, **wishes: OnRefused) -> Receipt:
        return self.runner.run(self.session.submit(Submission(envelope, content, **wishes)))

    def send_many(self, messages: Iterable[Sendable], **wishes: object) -> list[Result]:
        async def sent() -> list[Result]:
            return [result async for result in self.session.send_many(messages, **wishes)]  # type: ignore[arg-type]

        return self.runner.run(sent())

    def noop(self) -> None:
        self.runner.run(self.session.noop())

    def close(self) -> None:
        self.runner.run(self.session.close())

    def wait_for_words(self) -> None:
        arrivals = inside.arrivals_of(self.session)
        if not has_unread(self.session):
            self.runner.run(arrivals.arrival(PATIENCE))

    def leave(self) -> None:
        self.session.hang_up()
        self.runner.run(asyncio.sleep(0))
        self.runner.close()


def has_unread(session: SmtpSession | AsyncSmtpSession) -> bool:
    """Whether the dialogue has buffered unsolicited data."""
    return bool(inside.buffered(session))


Session = Blocking | Awaiting
Opener = Callable[..., Session]
