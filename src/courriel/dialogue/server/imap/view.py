"""
View of a folder: the sequence numbers of one session, and what it was told.

Sequence numbers change only when this session is told of it, so the letters of a view stay until their EXPUNGE was
sent, although the folder has them no more (RFC 9051 7.5.1, RFC 2180).
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence

from courriel.dialogue.server.mail_store import MailFolder, StoredLetter
from courriel.wire.imap_server.number_sets import SAVED, NumberSet
from courriel.wire.imap_server.writing import flag_list, number_set
from courriel.wire.smtp.server_syntax import Objection


class FolderView:
    """Letters of a selected folder by their sequence numbers."""

    def __init__(self, folder: MailFolder, *, read_only: bool) -> None:
        self.folder = folder
        self.read_only = read_only
        self.letters: list[StoredLetter] = []
        self.saved: list[int] = []
        """UIDs of the search whose result was saved (SEARCHRES)."""
        self.counts_changes = False
        """Whether MODSEQ is told with flags (CONDSTORE)."""
        self.vanishes = False
        """Whether VANISHED is said in place of EXPUNGE (QRESYNC)."""
        self.tells_recent = True
        """Whether the number of recent letters is told, which IMAP4rev2 does not know."""
        self.modseq = folder.modseq
        self._uids: list[int] = []
        self._gone: set[int] = set()  # UIDs that the folder has no more, not told yet
        self._told: dict[int, int] = {}  # modseq of the flags that the client knows by its own command, by UID
        self._recent: set[int] = set()
        self._keywords: frozenset[str] = frozenset(folder.keywords)
        self._take(folder.letters())

    # Numbers.

    @property
    def uids(self) -> Sequence[int]:
        """UIDs by sequence number less one."""
        return self._uids

    @property
    def recent(self) -> int:
        """Number of letters that are recent in this session."""
        return len(self._recent)

    @property
    def behind(self) -> bool:
        """Whether something has happened that this session was not told of."""
        return bool(self._gone) or self.folder.modseq != self.modseq

    def number_of(self, uid: int) -> int:
        """Sequence number of a letter of this view."""
        return bisect_left(self._uids, uid) + 1

    def is_gone(self, uid: int) -> bool:
        """Whether a letter was removed from the folder, as far as this view knows."""
        return uid in self._gone

    def chosen(self, words: str, *, by_uid: bool) -> list[tuple[int, StoredLetter]]:
        """Letters of a set, with their sequence numbers. Raises Objection for a sequence number that does not exist."""
        if words == SAVED:
            places = self._places(self.saved)
        elif by_uid:
            places = self._places(NumberSet(words).among(self._uids))
        else:
            numbers = NumberSet(words)
            if numbers.beyond(len(self.letters)):
                raise Objection(500, f"There are {len(self.letters)} letters")
            places = [number - 1 for number in numbers.among(range(1, len(self.letters) + 1))]
        return [(place + 1, self.letters[place]) for place in places]

    # Flags.

    def flags_of(self, letter: StoredLetter) -> frozenset[str]:
        """Flags of a letter for this session: the folder's, and \\Recent."""
        return letter.flags | {"\\Recent"} if self.tells_recent and letter.uid in self._recent else letter.flags

    def is_recent(self, letter: StoredLetter) -> bool:
        """Whether this is the first session that is told of the letter."""
        return letter.uid in self._recent

    def knows(self, letter: StoredLetter) -> None:
        """Note that the client knows the flags of a letter as they are now."""
        self._told[letter.uid] = letter.modseq

    def fetch_flags(self, letter: StoredLetter, *, uid: bool = False) -> bytes:
        """FETCH response with the flags of a letter, and with its UID and modseq where these are told."""
        words = [b"UID %d" % letter.uid] if uid or self.counts_changes else []
        words.append(b"FLAGS " + flag_list(self.flags_of(letter)))
        if self.counts_changes:
            words.append(b"MODSEQ (%d)" % letter.modseq)
        return b"%d FETCH (%b)" % (self.number_of(letter.uid), b" ".join(words))

    # Changes.

    def news(self, *, expunge: bool, uid: bool = False) -> Iterator[bytes]:
        """Untagged responses that bring the client up to date; without `expunge` no sequence number changes."""
        if self.folder.modseq != self.modseq:
            arrived, changed = self._follow()
        else:
            arrived, changed = False, []
        if expunge and self._gone:
            yield from self._removals()
        if arrived:
            yield b"%d EXISTS" % len(self.letters)
            if self.tells_recent:
                yield b"%d RECENT" % len(self._recent)
        yield from self.keyword_news()
        for letter in changed:
            if self._told.get(letter.uid) != letter.modseq and letter.uid not in self._gone:
                yield self.fetch_flags(letter, uid=uid)
        self._told.clear()

    def keyword_news(self) -> Iterator[bytes]:
        """FLAGS response when there are keywords that the client does not know yet."""
        keywords = frozenset(self.folder.keywords)
        if keywords != self._keywords:
            self._keywords = keywords
            yield b"FLAGS " + self.known_flags()

    def known_flags(self) -> bytes:
        """The flags that letters of this folder can have."""
        return flag_list({"\\Answered", "\\Flagged", "\\Deleted", "\\Seen", "\\Draft", *self._keywords})

    # The steps.

    def _places(self, uids: Iterable[int]) -> list[int]:
        found: list[int] = []
        for uid in uids:
            place = bisect_left(self._uids, uid)
            if place < len(self._uids) and self._uids[place] == uid:
                found.append(place)
        return found

    def _take(self, letters: Sequence[StoredLetter]) -> None:
        """Add letters at the end."""
        self.letters.extend(letters)
        self._uids.extend(letter.uid for letter in letters)
        if not self.read_only:
            first = self.folder.claim_recent()
            self._recent.update(letter.uid for letter in letters if letter.uid >= first)

    def _follow(self) -> tuple[bool, list[StoredLetter]]:
        """Take over what has happened in the folder: whether letters arrived, and those whose flags changed."""
        changes = self.folder.changes(self.modseq)
        self.modseq = changes.modseq
        if changes.gone is None:
            here = {letter.uid for letter in self.folder.letters()}
            self._gone.update(uid for uid in self._uids if uid not in here)
        else:
            self._gone.update(uid for uid in changes.gone if self._places((uid,)))
        last = self._uids[-1] if self._uids else self._last
        arrived = [letter for letter in changes.touched if letter.uid > last]
        self._take(arrived)
        return bool(arrived), [letter for letter in changes.touched if letter.uid <= last]

    _last = 0  # UID of the last letter of this view, when there is none any more

    def _removals(self) -> Iterator[bytes]:
        gone = sorted(self._gone, reverse=True)
        self._gone.clear()
        if self.vanishes:
            yield b"VANISHED " + number_set(gone)
        self._last = self._uids[-1]
        numbers = [self.number_of(uid) for uid in gone]
        for number, uid in zip(numbers, gone, strict=True):
            self._recent.discard(uid)
            if not self.vanishes:
                yield b"%d EXPUNGE" % number
        removed = set(gone)
        self.letters = [letter for letter in self.letters if letter.uid not in removed]
        self._uids = [letter.uid for letter in self.letters]
