"""The bench's own sink once more, in Python, for machines without a C compiler: same options, same answers.

It is slower than `sink.c`, so that every ratio shrinks; the results say which of the two was used. `-f FOLDER` keeps
each mail in a file, for those who want to read what arrived.
"""

from __future__ import annotations

import argparse
import asyncio
import ssl
import sys
from pathlib import Path

MASK = (1 << 64) - 1
MORE = "334 VXNlcm5hbWU6"
PASSWORD = "334 UGFzc3dvcmQ6"
WELCOME = "235 2.7.0 welcome"


class Totals:
    """What all lines together have received."""

    def __init__(self) -> None:
        self.zero()

    def zero(self) -> None:
        self.mails = self.octets = self.hashes = 0

    def add(self, mail: bytes, options: argparse.Namespace) -> None:
        self.mails += 1
        self.octets += len(mail)
        if options.check:
            self.hashes = (self.hashes + fnv(mail)) & MASK
        if options.folder is not None:
            (options.folder / f"{self.mails:06d}.eml").write_bytes(mail)

    def __str__(self) -> str:
        return f"{self.mails} {self.octets} {self.hashes:016x}"


def fnv(data: bytes) -> int:
    """FNV-1a, 64 bits: what `sink.c` says of a mail."""
    value = 14695981039346656037
    for octet in data:
        value = ((value ^ octet) * 1099511628211) & MASK
    return value


class Line(asyncio.Protocol):
    """One client."""

    def __init__(self, options: argparse.Namespace, totals: Totals, tls: ssl.SSLContext | None) -> None:
        self.options = options
        self.totals = totals
        self.tls = tls
        self.secured = options.tls_at_once
        self.transport: asyncio.Transport | None = None
        self.buffer = bytearray()
        self.mail = bytearray()
        self.state = "command"
        self.left = 0
        self.last = False
        self.secrets = 0
        self.upgrading: asyncio.Task[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        again = self.transport is not None
        self.transport = transport
        if not again:
            self.say("220 sink ESMTP")

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        said: list[str] = []
        while self.buffer and self.state != "closed" and self.step(said):
            pass
        if said:
            self.say(*said)
        if self.state == "closed" and self.transport is not None:
            self.transport.close()

    def say(self, *lines: str) -> None:
        assert self.transport is not None
        self.transport.write("".join(f"{line}\r\n" for line in lines).encode())

    def step(self, said: list[str]) -> bool:
        """Use up one command, or what is there of one mail; False when more has to arrive first."""
        if self.state == "data":
            return self.take_data(said)
        if self.state == "chunk":
            return self.take_chunk(said)
        end = self.buffer.find(b"\n")
        if end < 0:
            return False
        text = bytes(self.buffer[:end]).rstrip(b"\r").decode("latin-1")
        del self.buffer[: end + 1]
        if self.state == "secret":
            self.secrets -= 1
            said.append(PASSWORD if self.secrets else WELCOME)
            self.state = "secret" if self.secrets else "command"
            return True
        self.obey(text, said)
        return True

    def take_data(self, said: list[str]) -> bool:
        if self.buffer.startswith(b".\r\n") and not self.mail:
            end, length = 0, 3
        else:
            end, length = self.buffer.find(b"\r\n.\r\n"), 5
        if end < 0:
            # Kept whole until its end is here: what arrives has been cut anywhere.
            return False
        mail = bytes(self.buffer[: end + length - 3])
        del self.buffer[: end + length]
        mail = (b"\r\n" + mail).replace(b"\r\n.", b"\r\n")[2:]
        self.state = "command"
        self.totals.add(mail, self.options)
        said.append("250 2.0.0 ok")
        return True

    def take_chunk(self, said: list[str]) -> bool:
        part = self.buffer[: self.left]
        del self.buffer[: self.left]
        self.left -= len(part)
        self.mail += part
        self.end_chunk(said)
        return True

    def end_chunk(self, said: list[str]) -> None:
        if self.left:
            return
        self.state = "command"
        if self.last:
            self.totals.add(bytes(self.mail), self.options)
            self.mail.clear()
        said.append("250 2.0.0 ok")

    def obey(self, text: str, said: list[str]) -> None:
        verb, _, argument = text.partition(" ")
        match verb.upper():
            case "EHLO":
                said += self.introduction()
            case "HELO" | "MAIL" | "RCPT" | "RSET" | "NOOP":
                said.append("250 2.0.0 ok")
            case "DATA":
                self.state = "data"
                said.append("354 go on")
            case "BDAT" if not self.options.no_chunking:
                size, _, last = argument.partition(" ")
                self.left, self.last, self.state = int(size), last.upper() == "LAST", "chunk"
                self.end_chunk(said)
            case "QUIT":
                said.append("221 2.0.0 bye")
                self.state = "closed"
            case "XCOUNT":
                said.append(f"250 {self.totals}")
            case "XZERO":
                self.totals.zero()
                said.append("250 ok")
            case "AUTH" if self.tls is not None:
                self.log_in(argument, said)
            case "STARTTLS" if self.tls is not None and not self.secured:
                said.append("220 2.0.0 go ahead")
                self.buffer.clear()
                self.upgrading = asyncio.get_running_loop().create_task(self.secure(self.tls))
            case _:
                said.append("500 5.5.1 what?")

    def log_in(self, argument: str, said: list[str]) -> None:
        mechanism, _, initial = argument.partition(" ")
        if initial and mechanism.upper() == "PLAIN":
            said.append(WELCOME)
            return
        self.secrets = 2 if mechanism.upper() == "LOGIN" and not initial else 1
        self.state = "secret"
        said.append(MORE)

    def introduction(self) -> list[str]:
        keywords = ["sink"]
        if not self.options.no_pipelining:
            keywords.append("PIPELINING")
        if not self.options.no_chunking:
            keywords += ["CHUNKING", "BINARYMIME"]
        if self.tls is not None and not self.secured:
            keywords.append("STARTTLS")
        if self.tls is not None:
            keywords.append("AUTH PLAIN LOGIN")
        keywords.append("ENHANCEDSTATUSCODES")
        return [*(f"250-{keyword}" for keyword in keywords), "250 8BITMIME"]

    async def secure(self, tls: ssl.SSLContext) -> None:
        assert self.transport is not None
        self.secured = True
        secured = await asyncio.get_running_loop().start_tls(self.transport, self, tls, server_side=True)
        assert isinstance(secured, asyncio.Transport)
        self.transport = secured


async def serve(options: argparse.Namespace) -> None:
    loop = asyncio.get_running_loop()
    totals = Totals()
    tls = None
    if options.secure:
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(*options.secure)
    server = await loop.create_server(
        lambda: Line(options, totals, tls), "127.0.0.1", 0, backlog=4096, ssl=tls if options.tls_at_once else None
    )
    print(server.sockets[0].getsockname()[1], flush=True)
    over = asyncio.Event()
    loop.add_reader(sys.stdin.fileno(), over.set)
    await over.wait()
    server.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("-c", dest="no_chunking", action="store_true")
    parser.add_argument("-p", dest="no_pipelining", action="store_true")
    parser.add_argument("-k", dest="check", action="store_true")
    parser.add_argument("-f", dest="folder", type=Path)
    parser.add_argument("-s", dest="secure", nargs=2)
    parser.add_argument("-t", dest="tls_at_once", action="store_true")
    asyncio.run(serve(parser.parse_args()))


if __name__ == "__main__":
    main()
