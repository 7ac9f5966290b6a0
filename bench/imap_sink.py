"""The bench's own IMAP server: so many letters, alike but for their number, for whoever logs in.

    python -m bench.imap_sink LETTER COUNT

LETTER is a file whose first "000000" is the number of each letter. It listens on a free port of 127.0.0.1 and prints
the number; it ends when its standard input does. It knows what the contestants say and no more, and makes no letter
while the clock runs: all answers of FETCH are made before.
"""

from __future__ import annotations

import asyncio
import re
import sys
from pathlib import Path

CAPABILITIES = "IMAP4rev1 ESEARCH LITERAL+ SASL-IR AUTH=PLAIN"
NUMBERS = re.compile(rb"(\d+)(?::(\d+|\*))?")
FIELDS = re.compile(rb"BODY\.PEEK\[HEADER\.FIELDS \(([^)]*)\)\]")


class Mailbox:
    """The letters, as FETCH gives them."""

    def __init__(self, letter: bytes, count: int) -> None:
        self.count = count
        self.size = len(letter)
        self._letters = [letter.replace(b"000000", b"%06d" % number, 1) for number in range(1, count + 1)]
        self._about = b'FLAGS () RFC822.SIZE %d INTERNALDATE "25-Nov-2026 10:00:00 +0000"' % self.size
        self._whole = [self._fetched(number, b"") for number in range(1, count + 1)]
        self._by_fields: dict[bytes, list[bytes]] = {}
        self._heads = [self._fetched(number, b"HEADER") for number in range(1, count + 1)]

    def fetch(self, command: bytes) -> bytes:
        """What is answered to `FETCH 1:50,60 (…)`."""
        which, _, what = command.partition(b" ")
        numbers = [number for found in NUMBERS.finditer(which) for number in self._range(found)]
        if b"BODY.PEEK[]" in what:
            return b"".join([self._whole[number - 1] for number in numbers])
        if (fields := FIELDS.search(what)) is not None:
            listed = self._listings(fields[1])
            return b"".join([listed[number - 1] for number in numbers])
        if b"BODY.PEEK[HEADER]" in what:
            return b"".join([self._heads[number - 1] for number in numbers])
        return b"".join([b"* %d FETCH (UID %d RFC822.SIZE %d)\r\n" % (number, number, self.size) for number in numbers])

    # The steps.

    def _listings(self, names: bytes) -> list[bytes]:
        """The answers for these header fields; made at the first request, of which no time is taken."""
        if names not in self._by_fields:
            wanted = tuple(name.lower() + b":" for name in names.split())
            part = b"HEADER.FIELDS (%b)" % names
            self._by_fields[names] = [self._fetched(number, part, wanted) for number in range(1, self.count + 1)]
        return self._by_fields[names]

    def _range(self, found: re.Match[bytes]) -> range:
        last = self.count if found[2] == b"*" else int(found[2] or found[1])
        return range(int(found[1]), last + 1)

    def _fetched(self, number: int, part: bytes, fields: tuple[bytes, ...] = ()) -> bytes:
        letter = self._letters[number - 1]
        octets = letter[: letter.index(b"\r\n\r\n") + 4] if part else letter
        if fields:
            lines = [line for line in octets.splitlines(keepends=True) if line.lower().startswith(fields)]
            octets = b"".join(lines) + b"\r\n"
        return b"* %d FETCH (UID %d %b BODY[%b] {%d}\r\n%b)\r\n" % (
            number, number, self._about, part, len(octets), octets,
        )  # fmt: skip


class Line(asyncio.Protocol):
    """One client."""

    def __init__(self, mailbox: Mailbox) -> None:
        self._mailbox = mailbox
        self._heard = b""
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        transport.write(f"* OK [CAPABILITY {CAPABILITIES}] ready\r\n".encode())

    def data_received(self, data: bytes) -> None:
        assert self._transport is not None
        *lines, self._heard = (self._heard + data).split(b"\r\n")
        self._transport.write(b"".join([self.answer(line) for line in lines]))

    def answer(self, line: bytes) -> bytes:
        """Everything that is said to one command."""
        tag, _, command = line.partition(b" ")
        verb, _, rest = command.partition(b" ")
        if verb == b"UID":
            verb, _, rest = rest.partition(b" ")
        count = self._mailbox.count
        said = {
            b"CAPABILITY": f"* CAPABILITY {CAPABILITIES}\r\n".encode(),
            b"SELECT": b"* %d EXISTS\r\n* OK [UIDVALIDITY 7] ok\r\n* OK [UIDNEXT %d] ok\r\n" % (count, count + 1),
            b"EXAMINE": b"* %d EXISTS\r\n* OK [UIDVALIDITY 7] ok\r\n" % count,
            b"LOGOUT": b"* BYE bye\r\n",
        }.get(verb, b"")
        if verb == b"SEARCH":
            if rest.startswith(b"RETURN"):
                said = b'* ESEARCH (TAG "%b") UID ALL 1:%d\r\n' % (tag, count)
            else:
                said = b"* SEARCH %b\r\n" % b" ".join(b"%d" % number for number in range(1, count + 1))
        if verb == b"FETCH":
            said = self._mailbox.fetch(rest)
        return said + tag + b" OK done\r\n"


async def serve(letter: bytes, count: int) -> None:
    loop = asyncio.get_running_loop()
    mailbox = Mailbox(letter, count)
    server = await loop.create_server(lambda: Line(mailbox), "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await loop.run_in_executor(None, sys.stdin.read)
    server.close()


if __name__ == "__main__":
    asyncio.run(serve(Path(sys.argv[1]).read_bytes(), int(sys.argv[2])))
