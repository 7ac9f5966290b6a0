"""IMAP servers side by side: one client, which is none's, says the same commands to each and looks at the answers.

What is counted is the time that the server's process used of its core: the client's part is the same for all.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Sequence

from .player import Job, Work
from .processes import Listener

_AT_ONCE = 200
"""Letters of one FETCH."""


def works(command: Callable[[], Sequence[str]]) -> dict[str, Work]:
    """The works of a server that this command starts; it says its port, and ends when its input does."""

    def serve_append(job: Job) -> dict[str, float]:
        """One APPEND after the other, each with its letter at once (LITERAL+), 4 kB."""
        with Listener(command(), None) as server, Client(server.port) as client:
            letters = [job.material.letter(number) for number in range(1, job.count + 1)]
            used, begun = server.core_seconds(), time.perf_counter()
            for letter in letters:
                client.append(letter)
            return _timed(server, used, begun, job.count)

    def serve_fetch(job: Job) -> dict[str, float]:
        """The same letters, whole, two hundred in each FETCH; compared once the clock has stopped."""
        with Listener(command(), None) as server, Client(server.port) as client:
            letters = [job.material.letter(number) for number in range(1, job.count + 1)]
            for letter in letters:
                client.append(letter)
            client.ask(b"SELECT INBOX")
            used, begun = server.core_seconds(), time.perf_counter()
            told = [
                client.ask(b"UID FETCH %d:%d (UID FLAGS BODY.PEEK[])" % (first, first + _AT_ONCE - 1))
                for first in range(1, job.count + 1, _AT_ONCE)
            ]
            done = _timed(server, used, begun, job.count)
        heard = b"".join(told)
        if not all(letter in heard for letter in letters):
            raise ValueError("a letter that was appended is not among those fetched")
        return done

    return {"serve-append": serve_append, "serve-fetch": serve_fetch}


class Client:
    """A client that says one command after the other."""

    def __init__(self, port: int) -> None:
        self._line = socket.create_connection(("127.0.0.1", port))
        self._line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._line.recv(65536)
        self.ask(b"LOGIN ada secret")

    def append(self, letter: bytes) -> None:
        """File a letter in INBOX. Raises ValueError."""
        self.ask(b"APPEND INBOX {%d+}\r\n%b" % (len(letter), letter))

    def ask(self, command: bytes) -> bytes:
        """Say a command, hear its answer. Raises ValueError for anything but OK."""
        self._line.sendall(b"x " + command + b"\r\n")
        heard, last = bytearray(), b""
        while not (last.startswith(b"x ") and last.endswith(b"\r\n")):
            octets = self._line.recv(1 << 20)
            if not octets:
                raise ValueError("the server hung up")
            heard += octets
            last = bytes(heard[heard.rfind(b"\n", 0, len(heard) - 1) + 1 :])
        if not last.startswith(b"x OK"):
            raise ValueError(f"the server said {last[:80]!r}")
        return bytes(heard)

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: object) -> None:
        self._line.close()


# The steps.


def _timed(server: Listener, used: float, begun: float, count: int) -> dict[str, float]:
    seconds = time.perf_counter() - begun
    return {"seconds": seconds, "core": server.core_seconds() - used, "sent": count}
