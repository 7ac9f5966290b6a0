"""Server side of a connection that is compressed, for servers that are functions."""

from __future__ import annotations

import socket
import zlib
from collections.abc import Callable
from contextlib import suppress

from session.stranger import Phone

FLUSHED = zlib.Z_SYNC_FLUSH


class CompressedLine:
    """A socket whose data are compressed; with `octet_by_octet` they leave as slowly as they can be cut."""

    def __init__(self, line: socket.socket, *, octet_by_octet: bool = False) -> None:
        self.line, self._octet_by_octet = line, octet_by_octet
        self._deflate = zlib.compressobj(wbits=-15)
        self._inflate = zlib.decompressobj(wbits=-15)
        self._heard = b""
        self.compressed = 0  # octets received
        self.shutdown = line.shutdown

    def close(self) -> None:
        with suppress(OSError):  # it is closed already
            self.line.shutdown(socket.SHUT_RDWR)  # other files of the socket may be open
        self.line.close()

    def deflated(self, data: bytes, how: int = FLUSHED) -> bytes:
        return self._deflate.compress(data) + self._deflate.flush(how)

    def sendall(self, data: bytes) -> None:
        self.send_as_it_is(self.deflated(data))

    def send_as_it_is(self, octets: bytes) -> None:
        for at in range(len(octets)) if self._octet_by_octet else ():
            self.line.sendall(octets[at : at + 1])
        if not self._octet_by_octet:
            self.line.sendall(octets)

    def readline(self) -> bytes:
        while b"\n" not in self._heard:
            received = self.line.recv(65536)
            if not received:
                return b""
            self.compressed += len(received)
            self._heard += self._inflate.decompress(received)
        line, end, self._heard = self._heard.partition(b"\n")
        return line + end


def compress(behind: bytes = b"", *, octet_by_octet: bool = False) -> Callable[[Phone, str, str], None]:
    """Answer to COMPRESS; `behind` leaves in the same packet as its OK, compressed."""

    def answer(phone: Phone, tag: str, command: str) -> None:
        assert command.strip() == "COMPRESS DEFLATE"
        line = CompressedLine(phone.line, octet_by_octet=octet_by_octet)
        phone.line.sendall(f"{tag} OK compressing\r\n".encode() + (line.deflated(behind) if behind else b""))
        phone.line = phone.file = line  # type: ignore[assignment]

    return answer
