"""Folders of the practice server: letters with UIDs and flags, and a journal of what has happened to them."""

from __future__ import annotations

from bisect import bisect_left
from collections import deque
from collections.abc import Callable, Collection, Iterable
from datetime import datetime
from itertools import count
from threading import RLock
from time import time

from courriel.dialogue.server.mail_store import Changes, FlagChange, StoredLetter
from courriel.wire.imap.syntax import SYSTEM_FLAGS
from courriel.wire.imap_server.letter_tree import LetterContent
from courriel.wire.smtp.server_syntax import Objection

_JOURNAL = 10_000  # changes of one folder that are remembered; a session that is further behind compares
_KEYWORDS = 300  # different ones in one folder
_LETTERS = 100_000  # put into folders by IMAP, of all users
_OCTETS = 256 * 1024 * 1024  # the same, in octets; a letter in two folders counts twice

_validities = count(int(time()))


class Space:
    """Room for the letters that readers put into folders (APPEND, COPY); those that were sent do not count."""

    def __init__(self, letters: int = _LETTERS, octets: int = _OCTETS) -> None:
        self.letters = letters
        self.octets = octets

    def take(self, size: int) -> None:
        """Take room for a letter. Raises Objection."""
        if self.letters < 1 or self.octets < size:
            raise Objection(552, "[OVERQUOTA] There is no room for more letters")
        self.letters -= 1
        self.octets -= size

    def give_back(self, size: int) -> None:
        """Give back what a letter took."""
        self.letters += 1
        self.octets += size


class SharedFolder:
    """Letters of one folder, and who watches it. Any thread may call; all folders share one lock."""

    def __init__(self, name: str, lock: RLock, space: Space, special: str = "") -> None:
        self.name = name
        self.special = special
        self.uid_validity = next(_validities)
        self.uid_next = 1
        self.modseq = 1
        self._lock = lock
        self._space = space
        self._letters: list[StoredLetter] = []
        self._uids: list[int] = []
        self._charged: set[int] = set()  # UIDs of the letters that took room
        self._journal: deque[tuple[int, StoredLetter, bool]] = deque()  # modseq, letter, whether it was removed
        self._forgotten = 1  # modseq up to which changes are not in the journal
        self._unclaimed = 1  # first UID of the letters that are recent
        self._keywords: dict[str, str] = {}
        self._watchers: set[Callable[[], None]] = set()

    @property
    def keywords(self) -> Collection[str]:
        """Keywords in use, each in the spelling in which it came first."""
        with self._lock:
            return list(self._keywords.values())

    def letters(self) -> list[StoredLetter]:
        """All letters, in the order of their UIDs."""
        with self._lock:
            return list(self._letters)

    def changes(self, since: int) -> Changes:
        """Arrivals, removals and new flags since that `modseq`."""
        with self._lock:
            if since < self._forgotten:
                return Changes(self.modseq, [letter for letter in self._letters if letter.modseq > since], None)
            touched: dict[int, StoredLetter] = {}
            gone: set[int] = set()
            for modseq, letter, removed in reversed(self._journal):
                if modseq <= since:
                    break
                if removed:
                    gone.add(letter.uid)
                elif letter.uid not in gone:
                    touched[letter.uid] = letter
            return Changes(self.modseq, [touched[uid] for uid in sorted(touched)], frozenset(gone))

    def add(
        self,
        content: LetterContent,
        flags: Iterable[str],
        received: datetime,
        key: str = "",
        *,
        charged: bool = True,
    ) -> StoredLetter:
        """Put a letter into the folder. Raises Objection when it is to be charged and there is no room."""
        with self._lock:
            known = self._known(flags)
            if charged:
                self._space.take(content.size)
                self._charged.add(self.uid_next)
            self.modseq += 1
            uid = self.uid_next
            letter = StoredLetter(uid, content, received, known, self.modseq, key or f"{self.uid_validity}.{uid}")
            self.uid_next += 1
            self._letters.append(letter)
            self._uids.append(uid)
            self._write(letter, removed=False)
        self._tell()
        return letter

    def mark(self, letters: Iterable[StoredLetter], change: FlagChange, flags: Iterable[str]) -> None:
        """Change flags, all in one step; what does not change has no new modseq."""
        with self._lock:
            known = self._known(flags)
            step = self.modseq + 1
            for letter in letters:
                if change == "set":
                    after = known
                else:
                    after = letter.flags | known if change == "add" else letter.flags - known
                if after != letter.flags and self._has(letter.uid):
                    letter.flags, letter.modseq, self.modseq = after, step, step
                    self._write(letter, removed=False)
        self._tell()

    def remove(self, uids: Collection[int]) -> list[int]:
        """Remove letters; return the UIDs of those that were there."""
        with self._lock:
            wanted = set(uids)
            removed = [letter for letter in self._letters if letter.uid in wanted] if wanted else []
            if not removed:
                return []
            self.modseq += 1
            gone = {letter.uid for letter in removed}
            self._letters = [letter for letter in self._letters if letter.uid not in gone]
            self._uids = [letter.uid for letter in self._letters]
            for letter in removed:
                self._write(letter, removed=True)
                if letter.uid in self._charged:
                    self._charged.discard(letter.uid)
                    self._space.give_back(letter.content.size)
        self._tell()
        return [letter.uid for letter in removed]

    def claim_recent(self) -> int:
        """First UID that no session was told of; the next caller gets later ones (RFC 3501 2.3.2)."""
        with self._lock:
            first, self._unclaimed = self._unclaimed, self.uid_next
            return first

    def watch(self, wake: Callable[[], None]) -> None:
        """Call `wake` after each change."""
        with self._lock:
            self._watchers.add(wake)

    def unwatch(self, wake: Callable[[], None]) -> None:
        """Forget the watcher `wake`."""
        with self._lock:
            self._watchers.discard(wake)

    # The steps.

    def _known(self, flags: Iterable[str]) -> frozenset[str]:
        """Flags in their spelling. Raises Objection for too many keywords."""
        found: set[str] = set()
        for flag in flags:
            if flag in SYSTEM_FLAGS:
                found.add(flag)
                continue
            if flag.lower() not in self._keywords and len(self._keywords) >= _KEYWORDS:
                raise Objection(552, "[LIMIT] There are too many keywords")
            found.add(self._keywords.setdefault(flag.lower(), flag))
        return frozenset(found)

    def _has(self, uid: int) -> bool:
        place = bisect_left(self._uids, uid)
        return place < len(self._uids) and self._uids[place] == uid

    def _write(self, letter: StoredLetter, *, removed: bool) -> None:
        self._journal.append((self.modseq, letter, removed))
        if len(self._journal) > _JOURNAL:
            self._forgotten = self._journal.popleft()[0]

    def _tell(self) -> None:
        with self._lock:
            watchers = tuple(self._watchers)
        for wake in watchers:
            wake()
