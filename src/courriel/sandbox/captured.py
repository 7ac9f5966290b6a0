"""Storage of the sandbox: letters in memory and in files, and waiting for them."""

from __future__ import annotations

import asyncio
import os
import re
from collections import deque
from datetime import UTC, datetime
from pathlib import Path
from tempfile import mkstemp
from threading import Condition
from time import monotonic

from courriel import errors
from courriel.dialogue.server.handler import Delivery, ServerSession
from courriel.sandbox.letter import CapturedMessage

_FILE = re.compile(r"(\d{6,})-\d{8}T\d{6}Z\.eml")


class CapturedMail:
    """The letters, oldest first; beyond `most` letters or `octets` bytes the oldest are dropped; files stay."""

    def __init__(self, folder: Path | None = None, *, most: int = 1000, octets: int = 256 * 1024 * 1024) -> None:
        self.folder = folder
        self.dropped = 0
        """Number of letters dropped from memory."""
        self._most = most
        self._octets = octets
        self._held = 0
        self._letters: deque[CapturedMessage] = deque()
        self._arrived = Condition()
        self._waiting: list[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = []
        self._number = 0
        if folder is not None:
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            # The folder may hold letters of earlier runs; continue their numbers.
            taken = [int(found[1]) for file in folder.iterdir() if (found := _FILE.fullmatch(file.name))]
            self._number = max(taken, default=0)

    @property
    def letters(self) -> list[CapturedMessage]:
        """The letters in memory."""
        with self._arrived:
            return list(self._letters)

    def put(self, delivery: Delivery, session: ServerSession) -> CapturedMessage:
        """Store a mail. Raises OSError when it cannot be written; then it is not stored at all."""
        received = datetime.now(UTC)
        with self._arrived:
            number = self._number + 1
            path = self._file(number, received, delivery.content) if self.folder is not None else None
            self._number = number
            letter = CapturedMessage.of(number, delivery, session, received, path)
            self._letters.append(letter)
            self._held += len(letter.content)
            while len(self._letters) > self._most or (self._held > self._octets and len(self._letters) > 1):
                self._held -= len(self._letters.popleft().content)
                self.dropped += 1
            self._arrived.notify_all()
            waiting = tuple(self._waiting)
        for loop, event in waiting:
            loop.call_soon_threadsafe(event.set)
        return letter

    def clear(self) -> None:
        """Remove the letters from memory; files stay."""
        with self._arrived:
            self._letters.clear()
            self._held = 0

    def wait_for(self, to: str | None, subject: str | None, seconds: float) -> CapturedMessage:
        """The first letter that matches, present or yet to come. Raises TimedOut."""
        ends = monotonic() + seconds
        with self._arrived:
            while True:
                letter = self._first_match(to, subject)
                if letter is not None:
                    return letter
                left = ends - monotonic()
                if left <= 0:
                    raise self._nothing_arrived(to, subject, seconds)
                self._arrived.wait(left)

    async def awaited(self, to: str | None, subject: str | None, seconds: float) -> CapturedMessage:
        """`wait_for` for asyncio, on any event loop."""
        event = asyncio.Event()
        entry = (asyncio.get_running_loop(), event)
        with self._arrived:
            self._waiting.append(entry)
        try:
            async with asyncio.timeout(seconds):
                while True:
                    event.clear()
                    with self._arrived:
                        letter = self._first_match(to, subject)
                    if letter is not None:
                        return letter
                    await event.wait()
        except TimeoutError:
            raise self._nothing_arrived(to, subject, seconds) from None
        finally:
            with self._arrived:
                self._waiting.remove(entry)

    # The steps.

    def _first_match(self, to: str | None, subject: str | None) -> CapturedMessage | None:
        return next((letter for letter in self._letters if letter.fits(to, subject)), None)

    def _nothing_arrived(self, to: str | None, subject: str | None, seconds: float) -> errors.TimedOut:
        wanted = " and ".join(
            words
            for words in (f"to {to}" if to else "", f"with {subject!r} in its subject" if subject else "")
            if words
        )
        came = "; ".join(map(str, list(self._letters)[-5:])) or "nothing"
        return errors.TimedOut(f"no letter {wanted or 'at all'} came within {seconds:g} s; what came: {came}")

    def _file(self, number: int, received: datetime, content: bytes) -> Path:
        """Write it atomically under a generated name: no part of a mail becomes a path (hazard H80)."""
        assert self.folder is not None
        path = self.folder / f"{number:06d}-{received:%Y%m%dT%H%M%SZ}.eml"
        # mkstemp: an unpredictable name, a new file (no link is followed), readable by us alone.
        descriptor, name = mkstemp(prefix=".", suffix=".part", dir=self.folder)
        part = Path(name)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(content)
            part.replace(path)
        except BaseException:
            part.unlink(missing_ok=True)
            raise
        return path
