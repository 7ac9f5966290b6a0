"""SMTP servers side by side: one client, which is none's, sends the same mails to each, pipelined where it is offered.

What is counted is the time that the server's process used of its core: the client's part is the same for all.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Sequence

from .player import Job, Work
from .processes import Listener


def works(command: Callable[[], Sequence[str]]) -> dict[str, Work]:
    """The work of a server that this command starts; it says its port, and ends when its input does."""

    def serve_smtp(job: Job) -> dict[str, float]:
        """One mail after the other in one session, of 4 kB, or with a body of so many `octets`."""
        padding = b"%s\r\n" % (b"=" * 76) * (int(job.options.get("octets", "0")) // 78)
        with Listener(command(), None) as server, Client(server.port) as client:
            letters = (job.material.letter(number) + padding for number in range(1, job.count + 1))
            used, begun = server.core_seconds(), time.perf_counter()
            for letter in letters:
                client.send(letter)
            seconds = time.perf_counter() - begun
            return {"seconds": seconds, "core": server.core_seconds() - used, "sent": job.count}

    return {"serve-smtp": serve_smtp}


class Client:
    """A client that sends mails in one session. Raises ValueError for a reply that is not the expected one."""

    def __init__(self, port: int) -> None:
        self._line = socket.create_connection(("127.0.0.1", port))
        self._line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._heard = self._line.makefile("rb")
        self._reply(b"220")
        self._line.sendall(b"EHLO bench.example.org\r\n")
        self._pipelining = b"PIPELINING" in self._reply(b"250")

    def send(self, letter: bytes, recipient: bytes = b"bob@example.org") -> None:
        """Send one mail, which has no line that begins with a dot."""
        words = (b"MAIL FROM:<ada@example.org>\r\n", b"RCPT TO:<%s>\r\n" % recipient, b"DATA\r\n")
        codes = (b"250", b"250", b"354")
        if self._pipelining:
            self._line.sendall(b"".join(words))
            for code in codes:
                self._reply(code)
        else:
            for word, code in zip(words, codes, strict=True):
                self._line.sendall(word)
                self._reply(code)
        self._line.sendall(letter + (b".\r\n" if letter.endswith(b"\r\n") else b"\r\n.\r\n"))
        self._reply(b"250")

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: object) -> None:
        self._heard.close()
        self._line.close()

    # The steps.

    def _reply(self, code: bytes) -> bytes:
        whole = b""
        while True:
            line = self._heard.readline()
            whole += line
            if not line.startswith(code):
                raise ValueError(f"the server said {line[:80]!r}")
            if line[3:4] != b"-":
                return whole
