"""Storage of the sandbox: letters in memory and in files, mailboxes of recipients, and waiting for letters."""

from __future__ import annotations

import asyncio
import os
import re
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterable, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from itertools import islice, takewhile
from pathlib import Path
from tempfile import mkstemp
from threading import Condition
from time import monotonic
from typing import TYPE_CHECKING, Protocol, TypeAlias, TypeVar

from courriel import errors
from courriel.dialogue.server.handler import Delivery, ServerSession
from courriel.sandbox.letter import CapturedMessage

if TYPE_CHECKING:
    from collections.abc import Generator

T = TypeVar("T")

_Waiting: TypeAlias = "list[tuple[asyncio.AbstractEventLoop, asyncio.Event]]"
_FILE = re.compile(r"(\d{6,})-\d{8}T\d{6}Z\.eml")


class KeptMail(Protocol):
    """Place that keeps mails over restarts: a `MailFile`."""

    @property
    def last_number(self) -> int:
        """Highest number that a mail ever had there."""
        ...

    def letters(self) -> list[tuple[CapturedMessage, bool]]:
        """All mails, oldest first, each with whether it was seen."""
        ...

    def add(self, letter: CapturedMessage) -> CapturedMessage:
        """Keep a mail; return it as it can be read from there. Raises OSError."""
        ...

    def remove(self, numbers: Iterable[int]) -> None:
        """Remove mails. Raises OSError."""
        ...

    def mark(self, numbers: Iterable[int], *, seen: bool) -> None:
        """Write whether these mails were seen."""
        ...

    def close(self) -> None:
        """Close the place: no mail is kept there any more."""
        ...


class _Change:
    """A change of the captured mails: it holds their lock, and tells everybody who waits when it went well."""

    __slots__ = ("_count", "_lock", "_tell")

    def __init__(
        self, lock: Condition, count: Callable[[], tuple[Sequence[int], _Waiting]], tell: Callable[..., None]
    ) -> None:
        self._lock = lock
        self._count = count
        self._tell = tell

    def __enter__(self) -> None:
        self._lock.acquire()

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        try:
            told = self._count() if kind is None else None
        finally:
            self._lock.release()
        if told is not None:
            self._tell(*told)


class CapturedMail:
    """The letters, oldest first; beyond `most` letters or `octets` bytes the oldest are dropped; `.eml` files stay.

    `keep_in` a file makes them survive the process.
    """

    def __init__(self, folder: Path | None = None, *, most: int = 1000, octets: int = 256 * 1024 * 1024) -> None:
        self.folder = folder
        self.most = most
        self.octets = octets
        self.dropped = 0
        """Number of letters dropped because there were too many."""
        self.revision = 0
        """Number of changes so far: arrivals, removals, marks."""
        self.on_arrival: list[Callable[[CapturedMessage], None]] = []
        """Called with each letter that arrived, in the thread that brought it, when nothing is locked any more."""
        self.on_removal: list[Callable[[Sequence[int]], None]] = []
        """Called likewise with the numbers of letters that are gone: removed, dropped, cleared."""
        self._gone: list[int] = []
        self._kept: KeptMail | None = None
        self._held = 0
        # Ordered: the first of a dict from which the first was taken a thousand times is behind a thousand gaps.
        self._letters: OrderedDict[int, CapturedMessage] = OrderedDict()
        self._boxes: dict[str, dict[int, None]] = {}
        self._seen: set[int] = set()
        self._seen_in: Counter[str] = Counter()  # letters of each mailbox that were seen: a page counts none of them
        self._addresses: list[str] | None = None  # of the mailboxes, sorted; None when there is another one since
        self._changed = Condition()  # its lock is one that a thread may take again: `letters` is read within
        self._change = _Change(self._changed, self._count_change, self._tell)
        self._waiting: _Waiting = []
        self._number = 0
        if folder is not None:
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            # The folder may hold letters of earlier runs; continue their numbers.
            taken = [int(found[1]) for file in folder.iterdir() if (found := _FILE.fullmatch(file.name))]
            self._number = max(taken, default=0)

    def keep_in(self, file: KeptMail) -> None:
        """Keep the letters in a file, whose letters take the place of those that are here; `close` ends it."""
        with self._change:
            self._forget(list(self._letters))
            self._kept = file
            self._number = max(self._number, file.last_number)
            for letter, seen in file.letters():
                self._enter(letter)
                if seen:
                    self._note([letter.number], seen=True)
            self._drop_oldest()

    def close(self) -> None:
        """Close the file, if there is one; its letters can still be read."""
        if self._kept is not None:
            self._kept.close()
            self._kept = None

    # Looking.

    @property
    def letters(self) -> list[CapturedMessage]:
        """The letters, oldest first."""
        with self._changed:
            return list(self._letters.values())

    def __len__(self) -> int:
        return len(self._letters)

    def get(self, number: int) -> CapturedMessage | None:
        """The letter with this number, or None when there is none (any more)."""
        return self._letters.get(number)

    def latest(self, mailbox: str | None = None) -> CapturedMessage | None:
        """The letter that came last, of one mailbox or of all."""
        return next(iter(self.page(mailbox, most=1)), None)

    def after(self, number: int) -> list[CapturedMessage]:
        """Letters that came after the one with this number, oldest first."""
        with self._changed:
            newer = takewhile(lambda each: each > number, reversed(self._letters))
            return [self._letters[each] for each in newer][::-1]

    @property
    def oldest(self) -> int | None:
        """Number of the oldest letter; None when there is none."""
        with self._changed:
            return next(iter(self._letters), None)

    def numbers(self) -> set[int]:
        """Numbers of all letters."""
        with self._changed:
            return set(self._letters)

    def page(self, mailbox: str | None = None, *, start: int = 0, most: int = 50) -> list[CapturedMessage]:
        """Letters with the newest first, from the one at `start` on, at most `most`."""
        with self._changed:
            numbers = self._letters if mailbox is None else self._boxes.get(mailbox.lower(), {})
            return [self._letters[number] for number in islice(reversed(numbers), start, start + most)]

    def mailboxes(self) -> list[tuple[str, int, int]]:
        """Recipients, each with the number of its letters and of those not seen, in order of the alphabet."""
        with self._changed:
            if self._addresses is None:
                self._addresses = sorted(self._boxes)
            boxes, seen = self._boxes, self._seen_in
            return [(each, len(boxes[each]), len(boxes[each]) - seen[each]) for each in self._addresses]

    def count(self, mailbox: str | None = None) -> int:
        """Number of letters, of one mailbox or of all."""
        return len(self._letters if mailbox is None else self._boxes.get(mailbox.lower(), ()))

    def is_seen(self, number: int) -> bool:
        """Whether somebody opened this letter in the page."""
        return number in self._seen

    @property
    def unseen(self) -> int:
        """Number of letters that nobody opened."""
        return len(self._letters) - len(self._seen)

    @property
    def held(self) -> int:
        """Octets of all letters."""
        return self._held

    # Changing.

    def put(self, delivery: Delivery, session: ServerSession) -> CapturedMessage:
        """Store a mail. Raises OSError when it cannot be written; then it is not stored at all."""
        received = datetime.now(UTC)
        with self._change:
            number = self._number + 1
            path = self._file(number, received, delivery.content) if self.folder is not None else None
            letter = CapturedMessage.of(number, delivery, session, received, path)
            if self._kept is not None:
                letter = self._kept.add(letter)
            self._number = number
            self._enter(letter)
            if len(self._letters) > self.most or self._held > self.octets:
                # This one is there, and is not to be sent again because an older one could not be removed.
                with suppress(OSError):
                    self._drop_oldest()
        for told in self.on_arrival:
            told(letter)
        return letter

    def remove(self, numbers: Iterable[int]) -> int:
        """Remove letters for good, `.eml` files apart; returns how many there were."""
        with self._change:
            there = [number for number in set(numbers) if number in self._letters]
            self._forget(there)
        return len(there)

    def mark(self, numbers: Iterable[int], *, seen: bool) -> None:
        """Note whether letters were seen."""
        with self._change:
            there = {number for number in numbers if number in self._letters and (number in self._seen) != seen}
            self._note(there, seen=seen)
            if there and self._kept is not None:
                # Looking at a mail goes on when the disk is full: that it was seen is all that is lost.
                with suppress(OSError):
                    self._kept.mark(there, seen=seen)

    def clear(self) -> None:
        """Remove all letters; `.eml` files stay."""
        with self._change:
            self._forget(list(self._letters))

    # Waiting.

    def wait_for(self, to: str | None, subject: str | None, seconds: float) -> CapturedMessage:
        """The first letter that matches, present or yet to come. Raises TimedOut."""
        ends = monotonic() + seconds
        with self._changed:
            while True:
                letter = self._first_match(to, subject)
                if letter is not None:
                    return letter
                left = ends - monotonic()
                if left <= 0:
                    raise self._nothing_arrived(to, subject, seconds)
                self._changed.wait(left)

    def wait_until(self, found: Callable[[list[CapturedMessage]], T | None], seconds: float) -> T | None:
        """Result of a search in the letters, present or yet to come; None when the time is over."""
        ends = monotonic() + seconds
        while True:
            revision = self.revision
            result = found(self.letters)
            left = ends - monotonic()
            if result is not None or left <= 0:
                return result
            self.wait_for_change(revision, left)

    async def awaited(self, to: str | None, subject: str | None, seconds: float) -> CapturedMessage:
        """`wait_for` for asyncio, on any event loop."""
        try:
            async with asyncio.timeout(seconds):
                with self.changes() as changed:
                    while True:
                        changed.clear()
                        with self._changed:
                            letter = self._first_match(to, subject)
                        if letter is not None:
                            return letter
                        await changed.wait()
        except TimeoutError:
            raise self._nothing_arrived(to, subject, seconds) from None

    @contextmanager
    def changes(self) -> Generator[asyncio.Event, None, None]:
        """An event that is set at each change, for a coroutine on any event loop; who has it clears it."""
        event = asyncio.Event()
        entry = (asyncio.get_running_loop(), event)
        with self._changed:
            self._waiting.append(entry)
        try:
            yield event
        finally:
            with self._changed:
                self._waiting.remove(entry)

    def wake(self) -> None:
        """Tell everybody who waits to look again, although nothing changed, as when a server closes."""
        with self._changed:
            waiting = tuple(self._waiting)
        for loop, event in waiting:
            loop.call_soon_threadsafe(event.set)

    def wait_for_change(self, revision: int, seconds: float) -> int:
        """Block until there is a change after this revision, or the time is over; returns the revision now."""
        with self._changed:
            self._changed.wait_for(lambda: self.revision != revision, seconds)
            return self.revision

    # The steps.

    def _count_change(self) -> tuple[Sequence[int], _Waiting]:
        """Count a change, and wake the threads that wait; returns the numbers that are gone, and who else waits."""
        self.revision += 1
        self._changed.notify_all()
        gone = self._gone
        if gone:
            self._gone = []
        return gone, self._waiting.copy()

    def _tell(self, gone: Sequence[int], waiting: _Waiting) -> None:
        for loop, event in waiting:
            loop.call_soon_threadsafe(event.set)
        if gone:
            for told in self.on_removal:
                told(gone)

    def _enter(self, letter: CapturedMessage) -> None:
        self._letters[letter.number] = letter
        self._held += letter.size
        for recipient in letter.recipients:
            name = recipient.lower()
            if name not in self._boxes:
                self._boxes[name] = {}
                self._addresses = None
            self._boxes[name][letter.number] = None

    def _note(self, numbers: Iterable[int], *, seen: bool) -> None:
        """Note numbers that were not seen as seen, or the other way round. A new set: it is read without the lock."""
        changed = set(numbers)
        self._seen = self._seen | changed if seen else self._seen - changed
        for number in changed:
            for address in set(map(str.lower, self._letters[number].recipients)):
                self._seen_in[address] += 1 if seen else -1

    def _drop_oldest(self) -> None:
        gone: list[int] = []
        count, held = len(self._letters), self._held
        oldest = iter(self._letters.values())
        while count > self.most or (held > self.octets and count > 1):
            letter = next(oldest)
            gone.append(letter.number)
            count -= 1
            held -= letter.size
        if gone:
            self._forget(gone)
            self.dropped += len(gone)

    def _forget(self, numbers: list[int]) -> None:
        if numbers and self._kept is not None:
            self._kept.remove(numbers)  # first: what cannot be removed stays, here as there
        if self._seen:
            self._note(self._seen.intersection(numbers), seen=False)
        for number in numbers:
            letter = self._letters.pop(number)
            self._held -= letter.size
            for recipient in letter.recipients:
                name = recipient.lower()
                box = self._boxes.get(name)
                if box is not None:
                    box.pop(number, None)
                    if not box:
                        del self._boxes[name], self._seen_in[name]
                        self._addresses = None
        self._gone += numbers

    def _first_match(self, to: str | None, subject: str | None) -> CapturedMessage | None:
        return next((letter for letter in self._letters.values() if letter.fits(to, subject)), None)

    def _nothing_arrived(self, to: str | None, subject: str | None, seconds: float) -> errors.TimedOut:
        wanted = " and ".join(
            words
            for words in (f"to {to}" if to else "", f"with {subject!r} in its subject" if subject else "")
            if words
        )
        came = "; ".join(map(str, self.letters[-5:])) or "nothing"
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
