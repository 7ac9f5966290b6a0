"""Watching folders for every change, on top of synchronising: everything that does not wait."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping
from time import monotonic

from courriel import errors
from courriel._dataclass import dataclass
from courriel.dialogue.flow import Flow
from courriel.dialogue.imap.client import ImapDialogue
from courriel.dialogue.imap.syncing import FolderChanges, changes_since
from courriel.model.received.folder import FolderPosition
from courriel.model.received.sync import SyncMark
from courriel.session.imap.sync import Change, ChangeKind
from courriel.session.imap.watch_state import WatchState
from courriel.wire.imap.fetched import Fetched

_AT_A_TIME = 200  # new letters fetched ahead at most, with their headers


@dataclass(frozen=True, slots=True)
class FoundChange:
    """A change, and the data of a new letter with its folder, from which a session makes the letter."""

    change: Change
    folder_id: tuple[str, int]
    data: Fetched | None = None


class ChangeState(WatchState):
    """Marks of folders, changes that were found, and lost connections of one watch for changes.

    A round synchronises the folders that need it, the first one last, and waits in that: what happens between two
    waits is announced there, or found by the next round. A folder needs it on another connection, when it was announced
    that something changed, and after `renew` seconds; those where nobody waits in each round.
    """

    def __init__(
        self,
        dialogue: ImapDialogue,
        folders: tuple[str, ...],
        since: Mapping[str, SyncMark],
        *,
        renew: float,
        poll: float,
        turn: float,
        patience: float,
        start_again: bool,
    ) -> None:
        super().__init__(dialogue, folders[0], None, renew=renew, poll=poll, patience=patience, start_again=start_again)
        if isinstance(turn, bool) or not isinstance(turn, int | float) or turn <= 0:
            raise errors.UsageError(f"watch: turn={turn!r} is not a number of seconds that can be waited")
        self.marks = dict(since)
        first, *others = folders
        self._pause_in_first = min(renew, turn) if others else renew
        self._folders = (*others, first)
        self._waiting: deque[str] = deque(self._folders)  # folders of this round that were not synchronised
        self._changes: deque[FoundChange] = deque()
        self._new: deque[int] = deque()  # UIDs of new letters of which the headers are fetched next
        self._reached: tuple[str, SyncMark] | None = None  # mark of the folder when all of its changes were taken
        self._seen: object = (
            None  # selection of the first folder when it was synchronised; there is one for each SELECT
        )
        self._due = 0.0  # when the first folder is synchronised even if nothing was announced (monotonic)

    def begin(self) -> Flow[None]:
        """Remember the state of the folders of which there is no mark: what happens from now on is a change."""
        for folder in self._folders:
            if folder not in self.marks:
                self.marks[folder] = (yield from changes_since(self._dialogue, folder, None)).mark
                self._note_synchronised()

    def fetch_new(self) -> Flow[bool]:
        """Find the changes of one folder, or fetch more of its letters; return whether there are any to be taken."""
        while not self._changes:
            if self._new:
                yield from self._fetch_letters()
                continue
            self._arrive()
            if self._waiting:
                yield from self._synchronise(self._waiting[0])
                _ = self._waiting.popleft()
            elif self._needs_it():
                self._waiting.append(self.folder)  # something has changed since, or the program has left the folder
            else:
                self._waiting.extend(self._folders)
                return False
        return True

    @property
    def ready(self) -> bool:
        return bool(self._changes)

    def take_change(self) -> FoundChange:
        """The next change; the mark of its folder moves when it was the last one that is known."""
        found = self._changes.popleft()
        if not self._changes and not self._new:
            self._arrive()
        return found

    def idle(self) -> Flow[bool]:
        total = self._dialogue.server.timeouts.total
        seconds = min(self._pause_in_first, total / 2) if total else self._pause_in_first
        return self._dialogue.idle(seconds, any_change=True)

    # The steps.

    def _synchronise(self, folder: str) -> Flow[None]:
        if folder == self.folder and not self._needs_it():
            return
        stirred = self._dialogue.exchange.stirred
        try:
            changes = yield from changes_since(self._dialogue, folder, self.marks[folder])
        except errors.FolderRenumbered:
            if not self._start_again:
                raise
            changes = yield from changes_since(self._dialogue, folder, None)
        if folder == self.folder:
            self._note_synchronised()
            if stirred and not (changes.new or changes.changed or changes.gone):
                # Some servers announce the same thing with each answer.
                self._dialogue.exchange.stirred = False
        self._reached = folder, changes.mark
        self._new.extend(changes.new)
        self._changes.extend(self._known_letters(folder, changes))

    def _needs_it(self) -> bool:
        selected = self._dialogue.selected
        return (
            selected is None
            or selected is not self._seen
            or self._dialogue.exchange.stirred
            or monotonic() >= self._due
        )

    def _note_synchronised(self) -> None:
        self._seen = self._dialogue.selected
        self._due = monotonic() + self.renew

    def _known_letters(self, folder: str, changes: FolderChanges) -> Iterator[FoundChange]:
        place = self._dialogue.place
        for uid in changes.gone:
            yield FoundChange(Change(ChangeKind.GONE, uid, folder=folder), place)
        for uid, flags in changes.changed:
            yield FoundChange(Change(ChangeKind.CHANGED, uid, flags, folder=folder), place)

    def _fetch_letters(self) -> Flow[None]:
        """Fetch the headers of the next new letters; their folder may not be selected any more."""
        assert self._reached is not None
        folder, mark = self._reached
        selected = self._dialogue.selected
        if selected is None or selected.name != folder:
            # On another connection, or the program has selected another folder meanwhile.
            selected = yield from self._dialogue.select(folder, read_only=True)
        if selected.uid_validity != mark.uid_validity:
            self._new.clear()
            self._reached = None
            self._waiting.appendleft(folder)  # that raises, or begins again
            return
        uids = [self._new[place] for place in range(min(_AT_A_TIME, len(self._new)))]
        found = yield from self._dialogue.fetch_all(uids)
        for _ in uids:
            _ = self._new.popleft()
        place = self._dialogue.place
        self._changes.extend(
            FoundChange(Change(ChangeKind.NEW, each.uid, folder=folder), place, each) for each in found
        )

    def _arrive(self) -> None:
        """Move the mark: all changes up to it were taken."""
        if self._reached is not None:
            folder, self.marks[folder] = self._reached
            self._reached = None
            self.mark = FolderPosition(self.marks[folder].uid_validity, max(self.marks[folder].uids, default=0))
