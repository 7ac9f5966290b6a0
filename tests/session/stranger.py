"""Test server written as a function, for behaviour that transcripts cannot describe: conditions, floods, slow data."""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from session.play import PATIENCE, Cut, pieces


class Phone:
    """One connection in the hands of the server function; `heard` are the client's lines so far."""

    def __init__(self, line: socket.socket, cut: Cut = "whole") -> None:
        self.line = line
        self.heard: list[bytes] = []
        self._cut = cut
        self.file = line.makefile("rb")

    def say(self, text: str | bytes) -> None:
        """Send lines; CRLF is added where missing. The client may be gone."""
        data = text.encode() if isinstance(text, str) else text
        data = data if data.endswith(b"\n") else data.replace(b"\n", b"\r\n") + b"\r\n"
        with suppress(OSError):
            for piece in pieces(data.splitlines(keepends=True), self._cut):
                self.line.sendall(piece)

    def receive(self) -> bytes:
        """One line of the client without its end; b"" when it closed."""
        return self._hear_line().rstrip(b"\r\n")

    def _hear_line(self) -> bytes:
        try:
            line = self.file.readline()
        except TimeoutError:
            # No test may wait for this: it would pass, and nobody would see why it is slow.
            raise AssertionError(f"the client neither said anything nor closed for {PATIENCE:g} s") from None
        except OSError:
            return b""
        if line:
            self.heard.append(line)
        return line

    def ask(self, text: str) -> bytes:
        """Send a line, and return the client's next line."""
        self.say(text)
        return self.receive()

    def receive_content(self) -> bytes:
        """A complete message up to the final dot, still dot-stuffed."""
        lines: list[bytes] = []
        while (line := self.file.readline()) not in (b".\r\n", b""):
            lines.append(line)
        return b"".join(lines)

    def expect_nothing_more(self) -> None:
        """Record everything the client sends until it closes."""
        while self._hear_line():
            pass

    def reset(self) -> None:
        """Close with a TCP reset."""
        self.line.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.file.close()
        self.line.close()

    def secure(self, context: object) -> None:
        """Server side of a TLS handshake."""
        self.file.close()
        self.line = context.wrap_socket(self.line, server_side=True)  # type: ignore[attr-defined]
        self.file = self.line.makefile("rb")

    def close(self) -> None:
        """Close normally."""
        self.file.close()
        with suppress(OSError):
            self.line.shutdown(socket.SHUT_WR)
        self.line.close()


Act = Callable[[Phone], None]


class Stranger:
    """Runs the functions, one for each connection, in order; the last one again for further connections."""

    def __init__(self, *acts: Act, cut: Cut = "whole", receive_buffer: int = 0) -> None:
        self.phones: list[Phone] = []
        self._acts = acts
        self._cut = cut
        self._listener = socket.create_server(("127.0.0.1", 0))
        if receive_buffer:
            self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.port: int = self._listener.getsockname()[1]
        self._problems: list[BaseException] = []
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop serving; raises exceptions of the functions."""
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(PATIENCE)
        assert not self._thread.is_alive(), "the stranger did not come to an end"
        if self._problems:
            raise self._problems[0]

    def _serve(self) -> None:
        while True:
            try:
                line, _ = self._listener.accept()
            except OSError:
                return
            line.settimeout(PATIENCE)
            line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            phone = Phone(line, self._cut)
            act = self._acts[min(len(self.phones), len(self._acts) - 1)]
            self.phones.append(phone)
            try:
                act(phone)
            except BaseException as problem:  # noqa: BLE001 - told to the test by `close`
                self._problems.append(problem)
            finally:
                phone.close()


@contextmanager
def stranger(*acts: Act, cut: Cut = "whole", receive_buffer: int = 0) -> Iterator[Stranger]:
    """Context manager: a running server."""
    running = Stranger(*acts, cut=cut, receive_buffer=receive_buffer)
    try:
        yield running
    finally:
        running.close()


def greeted(phone: Phone, *capabilities: str) -> None:
    """Send the greeting, and answer EHLO with these capabilities."""
    phone.ask("220 mx.example.org ready")
    *before, last = ("mx.example.org", *capabilities)
    phone.say("\n".join([*(f"250-{line}" for line in before), f"250 {last}"]))
