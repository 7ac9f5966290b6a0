"""
An SMTP server that lies in six ways, and keeps the truth: what arrived whole, and what it said of it.

    python lying_server.py FOLDER SEED LANES

It prints its ports, one for each lane. Lines on its standard input say which lies it tells, "lie KIND,KIND" (none: the
truth), what one mail takes, "pace SECONDS", and which lane takes one recipient of each mail from then on,
"narrow LANE".
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import re
import sys
from pathlib import Path
from random import Random

from chaos.ledger import Ledger

LIES = (
    "hang up",  # takes a mail, and hangs up before the answer
    "answer late",  # takes a mail, and answers 250 when nobody listens any more
    "busy",  # 421 in place of the answer: not taken
    "hang",  # says nothing, and does not even greet
    "deny",  # takes a mail, and answers 451
    "break off",  # at any octet of the conversation, answers included
)
CHANCE = 0.05
"""That a mail is lied about, for each kind that is told."""
CONNECTIONS = 0.15
"""That a connection is one that hangs, or breaks off at some octet."""
DEFER = 0.03
"""That one recipient of several is asked to come again: no lie, and told while there are lies."""
LATE = 3.0
"""Seconds: longer than the silence that the workers of a run allow (`rig.SILENCE`)."""

_KEY = re.compile(rb"^subject: *([^\r\n]*)", re.IGNORECASE | re.MULTILINE)
_MESSAGE_ID = re.compile(rb"^message-id:\s*(<[^>]*>)", re.IGNORECASE | re.MULTILINE)
_CAPABILITIES = ("PIPELINING", "8BITMIME", "SIZE 100000000", "ENHANCEDSTATUSCODES", "CHUNKING")


class Server:
    """What every connection shares."""

    def __init__(self, folder: Path, seed: int) -> None:
        self.ledger = Ledger(folder / "arrivals.ledger")
        self.chance = Random(seed)
        self.lies: tuple[str, ...] = ()
        self.throttle = 0.0
        self.narrow: set[int] = set()

    def lies_by(self, kind: str, chance: float = CHANCE) -> bool:
        """Whether to tell this lie now."""
        return kind in self.lies and self.chance.random() < chance

    def told(self, line: str) -> None:
        """What to do from now on."""
        word, _, rest = line.strip().partition(" ")
        if word == "lie":
            self.lies = tuple(kind for kind in rest.split(",") if kind)
        elif word == "pace":
            self.throttle = float(rest)
        elif word == "narrow":
            self.narrow.add(int(rest))


class BreakOff(Exception):
    """This is the octet after which nothing more is said or heard."""


class Connection:
    """One conversation."""

    def __init__(self, server: Server, lane: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._server, self._lane, self._reader, self._writer = server, lane, reader, writer
        self._left = server.chance.randrange(20_000) if server.lies_by("break off", CONNECTIONS) else None
        self._recipients: list[str] = []
        self._content = b""

    async def serve(self) -> None:
        """From the greeting to the end, which may come at any octet."""
        with contextlib.suppress(BreakOff, ConnectionError, asyncio.IncompleteReadError):
            if self._server.lies_by("hang", CONNECTIONS):
                await asyncio.sleep(LATE)
                return
            await self._say(b"220 liar ready")
            while line := await self._line():
                if not await self._obey(line.strip()):
                    break
        self._writer.transport.abort()

    # The steps.

    async def _obey(self, line: bytes) -> bool:
        verb = line[:4].upper()
        if verb == b"EHLO":
            # By DATA a mail that may not leave costs no more than its turn; by BDAT it ends the session.
            names = [name for name in _CAPABILITIES if name != "CHUNKING" or self._lane not in self._server.narrow]
            await self._say(*(b"250-" + name.encode() for name in names), b"250 HELP")
        elif verb == b"RCPT":
            await self._recipient(line)
        elif verb == b"DATA":
            if not self._recipients:
                await self._say(b"554 5.5.1 nobody to take it for")
                return True
            await self._say(b"354 go on")
            self._content = await self._until_the_dot()
            return await self._take()
        elif verb == b"BDAT":
            _, size, *last = line.split()
            self._content += await self._exactly(int(size))
            if last:
                return await self._take()
            await self._say(b"250 2.0.0 more")
        elif verb == b"QUIT":
            await self._say(b"221 2.0.0 goodbye")
            return False
        else:
            if verb in (b"MAIL", b"RSET"):
                self._forget()
            await self._say(b"250 2.0.0 ok")
        return True

    async def _recipient(self, line: bytes) -> None:
        if self._recipients and self._lane in self._server.narrow:
            await self._say(b"452 4.5.3 one recipient at a time")
            return
        if self._recipients and self._server.lies and self._server.chance.random() < DEFER:
            await self._say(b"450 4.2.1 this one later")
            return
        self._recipients.append(line.partition(b"<")[2].partition(b">")[0].decode())
        await self._say(b"250 2.1.5 ok")

    async def _take(self) -> bool:
        """A mail is here, to its last octet; what is said of it is another matter."""
        server = self._server
        if self._server.throttle:
            await asyncio.sleep(server.throttle)
        if not self._recipients:
            await self._say(b"554 5.5.1 nobody to take it for")
        elif server.lies_by("busy"):
            await self._say(b"421 4.3.2 busy")
            return False
        elif server.lies_by("deny"):
            self._arrived("denied")
            await self._say(b"451 4.3.0 not taken, or so I say")
        else:
            self._arrived("taken")
            if server.lies_by("hang up"):
                return False
            if server.lies_by("answer late"):
                await asyncio.sleep(LATE)
            await self._say(b"250 2.0.0 taken")
        self._forget()
        return True

    def _arrived(self, answer: str) -> None:
        key, ident = _KEY.search(self._content), _MESSAGE_ID.search(self._content)
        self._server.ledger.write(
            "arrived",
            key=key[1].decode() if key else "",
            message_id=ident[1].decode() if ident else "",
            digest=hashlib.sha256(self._content).hexdigest(),
            recipients=self._recipients,
            answer=answer,
            lane=self._lane,
        )

    def _forget(self) -> None:
        self._recipients, self._content = [], b""

    async def _until_the_dot(self) -> bytes:
        lines = []
        while (line := await self._line()) != b".\r\n":
            if not line:
                raise BreakOff
            lines.append(line[1:] if line.startswith(b".") else line)
        return b"".join(lines)

    async def _line(self) -> bytes:
        line = await self._reader.readline()
        self._count(len(line))
        return line if line.endswith(b"\n") else b""

    async def _exactly(self, size: int) -> bytes:
        if self._left is not None and size > self._left:
            await self._reader.readexactly(self._left)
            raise BreakOff
        self._count(size)
        return await self._reader.readexactly(size)

    async def _say(self, *lines: bytes) -> None:
        said = b"".join(line + b"\r\n" for line in lines)
        left, self._left = self._left, self._left - len(said) if self._left is not None else None
        if left is not None and len(said) > left:
            self._writer.write(said[:left])
            await self._writer.drain()
            raise BreakOff
        self._writer.write(said)
        await self._writer.drain()

    def _count(self, octets: int) -> None:
        if self._left is not None:
            self._left -= octets
            if self._left < 0:
                raise BreakOff


async def main(folder: str, seed: str, lanes: str) -> None:
    server = Server(Path(folder), int(seed))
    ports = []
    for number in range(int(lanes)):

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, lane: int = number) -> None:
            await Connection(server, lane, reader, writer).serve()

        listening = await asyncio.start_server(serve, "127.0.0.1", 0, limit=2**20)
        ports.append(listening.sockets[0].getsockname()[1])
    print(*ports, flush=True)
    orders = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(orders), sys.stdin)
    while line := await orders.readline():
        server.told(line.decode())
        print("heard", flush=True)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
