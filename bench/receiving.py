"""SMTP servers side by side: one client, which is none's, sends the same mails to each, as each server lets it.

Commands are pipelined where that is offered, and with the option `chunks` a whole mail is one piece where CHUNKING is.

What is counted is the time that the server's process used of its core: the client's part is the same for all.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack

from .player import Job, Work
from .processes import Listener

_WARM_UP = 1000  # mails


def works(command: Callable[[], Sequence[str]]) -> dict[str, Work]:
    """The work of a server that this command starts; it says its port, and ends when its input does."""

    def serve_smtp(job: Job) -> dict[str, float]:
        """One mail after the other, of 4 kB, or with a body of so many `octets`, in one of `sessions` at a time.

        A thousand mails go before: a server that keeps that many needs new memory for them, and for later ones none.
        """
        padding = b"%s\r\n" % (b"=" * 76) * (int(job.options.get("octets", "0")) // 78)
        sessions = int(job.options.get("sessions", "1"))
        with Listener(command(), None) as server, ExitStack() as open_ones:
            chunks = job.options.get("chunks") == "yes"
            clients = [open_ones.enter_context(Client(server.port, chunks=chunks)) for _ in range(sessions)]
            letters = [job.material.letter(number) + padding for number in range(1, job.count + 1)]
            for at in range(0, min(job.count, _WARM_UP), sessions):
                send_together(clients, letters[at : at + sessions])
            used, begun = server.core_seconds(), time.perf_counter()
            for at in range(0, job.count, sessions):
                send_together(clients, letters[at : at + sessions])
            seconds = time.perf_counter() - begun
            return {"seconds": seconds, "core": server.core_seconds() - used, "sent": job.count}

    return {"serve-smtp": serve_smtp}


def send_together(clients: Sequence[Client], letters: Sequence[bytes]) -> None:
    """Send a mail in each session at the same time, step by step; there may be fewer mails than sessions."""
    under_way = [client.steps(letter) for client, letter in zip(clients, letters, strict=False)]
    while under_way:
        under_way = [each for each in under_way if next(each, None) is not None]


class Client:
    """A client that sends mails in one session. Raises ValueError for a reply that is not the expected one."""

    def __init__(self, port: int, *, chunks: bool = False) -> None:
        self._line = socket.create_connection(("127.0.0.1", port))
        self._line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._heard = self._line.makefile("rb")
        self._reply(b"220")
        self._line.sendall(b"EHLO bench.example.org\r\n")
        offered = self._reply(b"250")
        self._pipelining = b"PIPELINING" in offered
        self._chunks = chunks and self._pipelining and b"CHUNKING" in offered

    def send(self, letter: bytes, recipient: bytes = b"bob@example.org") -> None:
        """Send one mail, which has no line that begins with a dot."""
        for _ in self.steps(letter, recipient):
            pass

    def steps(self, letter: bytes, recipient: bytes = b"bob@example.org") -> Iterator[bool]:
        """Send one mail; between what is sent and its replies other sessions have their turn."""
        words = (b"MAIL FROM:<ada@example.org>\r\n", b"RCPT TO:<%s>\r\n" % recipient)
        if self._chunks:
            yield self._say(b"".join((*words, b"BDAT %d LAST\r\n" % len(letter), letter)))
            for _ in range(3):
                self._reply(b"250")
            return
        words = (*words, b"DATA\r\n")
        codes = (b"250", b"250", b"354")
        if self._pipelining:
            yield self._say(b"".join(words))
            for code in codes:
                self._reply(code)
        else:
            for word, code in zip(words, codes, strict=True):
                yield self._say(word)
                self._reply(code)
        yield self._say(letter + (b".\r\n" if letter.endswith(b"\r\n") else b"\r\n.\r\n"))
        self._reply(b"250")

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: object) -> None:
        self._heard.close()
        self._line.close()

    # The steps.

    def _say(self, octets: bytes) -> bool:
        self._line.sendall(octets)
        return True

    def _reply(self, code: bytes) -> bytes:
        whole = b""
        while True:
            line = self._heard.readline()
            whole += line
            if not line.startswith(code):
                raise ValueError(f"the server said {line[:80]!r}")
            if line[3:4] != b"-":
                return whole
