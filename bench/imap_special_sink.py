"""The bench's IMAP servers of special mailboxes.

    python -m bench.imap_special_sink part      one letter of 20 MB with a first attachment of 100 kB
    python -m bench.imap_special_sink huge      a letter of 100 kB and one of 200 MB
    python -m bench.imap_special_sink idle      nothing new, for whoever waits by IDLE
    python -m bench.imap_special_sink sync      100,000 letters, ten of them changed whatever the mark is (QRESYNC)

As `imap_sink`, they make nothing while the clock runs.
"""

from __future__ import annotations

import asyncio
import base64
import sys
from collections.abc import Callable
from random import Random

from .imap_sink import Line, Mailbox
from .material import HUGE_LETTER, LARGE_LETTER, MANY, SMALL_FILE

HEAD = b"From: bench@example.org\r\nTo: someone@example.org\r\nSubject: Files\r\nMIME-Version: 1.0\r\n"
PLAIN = b"From: bench@example.org\r\nSubject: One of many\r\n\r\n"
TYPE = b"Content-Type: application/octet-stream\r\nContent-Transfer-Encoding: base64\r\n"
GONE, CHANGED, NEW = (5, 6, 7), (10, 20, 30, 40), (MANY + 1, MANY + 2, MANY + 3)


def file_part(name: bytes, size: int) -> tuple[bytes, bytes]:
    """MIME fields and base64 lines of a file of so many octets."""
    mime = TYPE + b"Content-Disposition: attachment; filename=%b\r\n\r\n" % name
    return mime, base64.encodebytes(Random(size).randbytes(size)).replace(b"\n", b"\r\n")


class LargeLetter(Line):
    """A mailbox of one large letter, whose parts can be fetched alone."""

    def __init__(self) -> None:
        super().__init__(Mailbox(PLAIN, 1))
        parts = [(b"Content-Type: text/plain\r\n\r\n", b"Two files.\r\n")]
        parts += [file_part(b"small.bin", SMALL_FILE), file_part(b"large.bin", LARGE_LETTER * 3 // 4)]
        top = HEAD + b"Content-Type: multipart/mixed; boundary=b\r\n\r\n"
        whole = top + b"".join(b"--b\r\n" + mime + body + b"\r\n" for mime, body in parts) + b"--b--\r\n"
        described = b"".join(
            b'("APPLICATION" "OCTET-STREAM" NIL NIL NIL "BASE64" %d)' % len(body) for _, body in parts[1:]
        )
        self._texts = {b"": whole, b"HEADER": top}
        for number, (mime, body) in enumerate(parts, 1):
            self._texts |= {b"%d" % number: body, b"%d.MIME" % number: mime}
        text = b'("TEXT" "PLAIN" NIL NIL NIL "7BIT" 12 1)'
        self._structure = b'BODYSTRUCTURE (%b%b "MIXED")' % (text, described)
        self._about = b'UID 1 FLAGS () RFC822.SIZE %d INTERNALDATE "25-Nov-2026 10:00:00 +0000"' % len(whole)

    def answer(self, line: bytes) -> bytes:
        """As the other servers of the bench, but for FETCH."""
        if b" UID FETCH " not in line:
            return super().answer(line)
        data = [self._about]
        if b"BODYSTRUCTURE" in line:
            data.append(self._structure)
        for asked in line.split(b"BODY.PEEK[")[1:]:
            name = asked.partition(b"]")[0]
            data.append(b"BODY[%b] {%d}\r\n%b" % (name, len(self._texts[name]), self._texts[name]))
        return b"* 1 FETCH (%b)\r\n%b OK done\r\n" % (b" ".join(data), line.partition(b" ")[0])


class ChangedFolder(Line):
    """A mailbox of many letters that tells what has changed."""

    def __init__(self) -> None:
        super().__init__(Mailbox(PLAIN, 1))
        self._selected = b"* %d EXISTS\r\n* OK [UIDVALIDITY 7] x\r\n* OK [UIDNEXT %d] x\r\n" % (MANY, MANY + 4)
        self._selected += b"* OK [HIGHESTMODSEQ 200] x\r\n"
        seen = [b"* %d FETCH (UID %d FLAGS (\\Seen) MODSEQ (150))\r\n" % (uid, uid) for uid in CHANGED]
        added = [b"* %d FETCH (UID %d FLAGS () MODSEQ (160))\r\n" % (uid - 3, uid) for uid in NEW]
        self._changes = b"* VANISHED (EARLIER) 5:7\r\n" + b"".join(seen + added)
        self._new = b"".join(
            b"* %d FETCH (UID %d FLAGS () RFC822.SIZE %d BODY[HEADER] {%d}\r\n%b)\r\n"
            % (uid - 3, uid, len(PLAIN), len(PLAIN), PLAIN)
            for uid in NEW
        )
        self._flags = b"".join(
            b"* %d FETCH (UID %d FLAGS (\\Seen))\r\n" % (uid, uid) for uid in range(1, MANY + 4) if uid not in GONE
        )

    def answer(self, line: bytes) -> bytes:
        """As the other servers of the bench, but for what changes are told by."""
        tag, _, command = line.partition(b" ")
        verb = command.partition(b" ")[0]
        if verb == b"CAPABILITY":
            said = b"* CAPABILITY IMAP4rev1 ENABLE CONDSTORE QRESYNC LITERAL+ SASL-IR AUTH=PLAIN\r\n"
        elif verb == b"ENABLE":
            said = b"* ENABLED QRESYNC\r\n"
        elif verb in (b"EXAMINE", b"SELECT"):
            said = self._selected + (self._changes if b"QRESYNC" in command else b"")
        elif command.startswith(b"UID FETCH"):
            said = self._flags if command.endswith(b"(FLAGS)") else self._new
        else:
            return super().answer(line)
        return said + tag + b" OK done\r\n"


class TwoSizes(Line):
    """A mailbox of a letter of 100 kB, and of one that nobody wants in memory."""

    def __init__(self) -> None:
        super().__init__(Mailbox(PLAIN, 2))
        self._letters = [PLAIN + (b"x" * 78 + b"\r\n") * (size // 80) for size in (SMALL_FILE, HUGE_LETTER)]

    def answer(self, line: bytes) -> bytes:
        """As the other servers of the bench, but for FETCH."""
        if b" UID FETCH " not in line:
            return super().answer(line)
        tag, number = line.partition(b" ")[0], int(line.split()[3])
        letter = self._letters[number - 1]
        body = b" BODY[] {%d}\r\n%b" % (len(letter), letter) if b"BODY.PEEK[]" in line else b""
        return b"* %d FETCH (UID %d RFC822.SIZE %d%b)\r\n%b OK done\r\n" % (number, number, len(letter), body, tag)


class NothingNew(Line):
    """A mailbox that is watched by IDLE, in vain."""

    idling = b""

    def answer(self, line: bytes) -> bytes:
        """As the other servers of the bench, but for IDLE."""
        tag, _, command = line.partition(b" ")
        if command == b"CAPABILITY":
            return b"* CAPABILITY IMAP4rev1 IDLE ESEARCH LITERAL+ SASL-IR AUTH=PLAIN\r\n" + tag + b" OK done\r\n"
        if command == b"IDLE":
            self.idling = tag
            return b"+ idling\r\n"
        if line == b"DONE":
            return self.idling + b" OK done\r\n"
        return super().answer(line)


def makes(kind: str) -> Callable[[], Line]:
    """What makes the server of one client."""
    if kind == "idle":
        empty = Mailbox(PLAIN, 1)
        return lambda: NothingNew(empty)
    # Made once, for one client at a time: it gets a copy of what is written here, and no time is taken for it.
    made = {"part": LargeLetter, "huge": TwoSizes, "sync": ChangedFolder}[kind]()
    return lambda: made


async def serve(kind: str) -> None:
    """Serve until the standard input ends."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(makes(kind), "127.0.0.1", 0, backlog=1024)
    print(server.sockets[0].getsockname()[1], flush=True)
    await loop.run_in_executor(None, sys.stdin.read)
    server.close()


if __name__ == "__main__":
    asyncio.run(serve(sys.argv[1]))
