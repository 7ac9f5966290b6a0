"""A server that takes everything and writes down each line, so that a test can count what really left."""

from __future__ import annotations

import re
import socket
import threading
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Self

CAPABILITIES = ("PIPELINING", "SIZE 50000000", "8BITMIME", "SMTPUTF8", "DSN", "ENHANCEDSTATUSCODES")
PATIENCE = 20.0


@dataclass
class Heard:
    """What came on one connection: the command lines, and each message as it came, dots stuffed."""

    commands: list[str] = field(default_factory=list)
    messages: list[bytes] = field(default_factory=list)

    @property
    def transaction(self) -> list[str]:
        """Everything but the words that every session says."""
        return [line for line in self.commands if line.split(" ")[0] not in {"EHLO", "QUIT", "RSET"}]


class Recorder:
    """Listens on loopback for as long as `with` lasts; one connection after the other."""

    def __init__(self, *capabilities: str) -> None:
        self._capabilities = capabilities or CAPABILITIES
        self._heard: list[Heard] = []
        self._done = threading.Condition()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._thread = threading.Thread(target=self._serve, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(PATIENCE)

    def forget(self) -> None:
        """Begin anew."""
        with self._done:
            self._heard.clear()

    def heard(self, connections: int = 1) -> list[Heard]:
        """What came on so many connections, once they are over."""
        with self._done:
            assert self._done.wait_for(lambda: len(self._heard) >= connections, PATIENCE), "nobody came, or nobody left"
            return list(self._heard)

    def _serve(self) -> None:
        while True:
            try:
                line, _ = self._listener.accept()
            except OSError:
                return
            heard = Heard()
            with line, suppress(OSError):
                line.settimeout(PATIENCE)
                line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                self._converse(line, heard)
            with self._done:
                self._heard.append(heard)
                self._done.notify_all()

    def _converse(self, line: socket.socket, heard: Heard) -> None:
        # Bytes are split at CRLF and nowhere else; what a careless server would take for a line end stays in its line.
        buffer = b""

        def take(end: bytes) -> bytes | None:
            nonlocal buffer
            while end not in buffer:
                chunk = line.recv(65536)
                if not chunk:
                    return None
                buffer += chunk
            taken, _, buffer = buffer.partition(end)
            return taken

        line.sendall(b"220 recorder\r\n")
        while (command := take(b"\r\n")) is not None:
            heard.commands.append(command.decode("utf-8", "backslashreplace"))
            verb = command[:4].upper()
            if verb == b"EHLO":
                *before, last = ("recorder", *self._capabilities)
                line.sendall("".join([*(f"250-{each}\r\n" for each in before), f"250 {last}\r\n"]).encode())
            elif verb == b"DATA":
                line.sendall(b"354 go\r\n")
                buffer = b"\r\n" + buffer  # a message may be nothing but its dot
                message = take(b"\r\n.\r\n")
                if message is None:
                    return
                heard.messages.append(message[2:] + b"\r\n" if message else b"")
                line.sendall(b"250 2.0.0 taken\r\n")
            elif verb == b"QUIT":
                line.sendall(b"221 bye\r\n")
                return
            else:
                line.sendall(b"250 ok\r\n")


def addresses(commands: list[str], verb: str) -> list[str]:
    """The addresses of these commands, as they stand between the brackets."""
    found = [re.fullmatch(rf"{verb}:<(.*)>((?: [A-Z0-9]+(?:=[!-~]+)?)*)", command) for command in commands]
    return [match[1] for match in found if match]


def unstuffed(message: bytes) -> bytes:
    """The message as it was before the dots were doubled."""
    return re.sub(rb"(?m)^\.", b"", message)
