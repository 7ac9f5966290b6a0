"""Blocking IMAP session: an open mailbox, its folders and the letters in them."""

from __future__ import annotations

import datetime
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from types import TracebackType
from typing import TYPE_CHECKING, Any

from courriel import errors
from courriel.dialogue.imap.syncing import FolderChanges, changes_since
from courriel.model.received.account import LetterIds, Namespaces, Quota
from courriel.model.received.folder import Filed, Folder, FolderPosition, FolderStatus, Selection
from courriel.model.received.limits import ReadLimits
from courriel.model.received.part import LetterPart
from courriel.model.received.search import Search
from courriel.model.received.sorting import LetterThread, algorithm, letter_order
from courriel.model.received.sync import SyncMark
from courriel.model.servers.credentials import Credentials
from courriel.model.servers.server import Server
from courriel.network.transcripts.transcript import Transcript
from courriel.network.waking.blocking import ThreadWakeup, WakeableLine
from courriel.session.imap.append import Putable
from courriel.session.imap.letters import Letters, MailboxLetter
from courriel.session.imap.mailbox import (
    INBOX,
    ImapLetterRefs,
    ImapMailboxState,
    as_imap_server,
    as_search,
    extent_of,
    folder_name,
    recorder_of,
)
from courriel.session.saving import SaveTarget, saving

if TYPE_CHECKING:
    from typing import Self

    from courriel.session.imap.change_watch import ChangeWatch
    from courriel.session.imap.sync import Sync
    from courriel.session.imap.watch import Watch


class ImapSession(ImapMailboxState):
    """IMAP session: an open mailbox. Use it with `with`, or call `open()` and `close()`.

        with ImapSession(Server("imap.example.org"), Password("orders@example.org", secret)) as box:
            for letter in box.search(unseen=True):
                print(letter.subject)  # Order 7
                box.flag(letter, "seen")

    `server` is a Server, or a host name (then TLS on port 993). `limits` bound what the server may make us keep in
    memory. A `transcript` records the conversation without secrets, letters by their size. INBOX is selected until
    another folder is. Only `flag` marks a letter as seen. A session serves one call at a time; a concurrent call raises
    UsageError. After an error whose `session_usable` is False the session is closed; `open()` reconnects.
    """

    def __init__(
        self,
        server: Server | str,
        credentials: Credentials | None = None,
        *,
        limits: ReadLimits = ReadLimits(),  # noqa: B008 - a value: it never changes
        transcript: Transcript | None = None,
    ) -> None:
        server = as_imap_server(server)
        self._line = WakeableLine(server, recorder_of(transcript))
        super().__init__(server, credentials, self._line, limits)

    def open(self) -> Self:
        """Connect, start TLS, log in; an older connection is closed first.

        Raises ConnectionFailed (NameNotFound, TimedOut, TlsFailed), AuthenticationRefused, CommandRefused,
        NotSupported, RemoteProtocolError; InvalidServer when credentials would be sent without TLS.
        """
        self._line.run(self._dialogue.open(), opening=True)
        return self

    def noop(self) -> None:
        """Send NOOP: checks the connection, and resets the server's idle timer."""
        self._line.run(self._dialogue.noop())

    def close(self) -> None:
        """Log out and close the connection; letters flagged as deleted stay. Never raises for the server's answer."""
        if self.usable and not self.busy:
            with suppress(errors.CourrielError):
                self._line.run(self._dialogue.close())
        self.hang_up()

    # Folders.

    def folders(self, pattern: str = "*") -> list[Folder]:
        """Folders whose names match `pattern`: `*` matches anything, `%` anything within one level."""
        return self._line.run(self._list_folders(pattern))

    def special(self, use: str) -> str:
        """Name of the folder for "sent", "drafts", "trash", "junk" or "archive".

        It is the one that the server marks so (RFC 6154), else the first with a usual name, in English or in French.
        Raises NotSupported when there is none.
        """
        return self._line.run(self._find_special(use))

    def select(self, folder: str = INBOX, *, read_only: bool = False) -> Selection:
        """Select this folder; with `read_only`, or where the server refuses changes, for reading only.

        Raises CommandRefused when the folder does not exist; none is selected then.
        """
        return self._line.run(self._select(folder, read_only=read_only))

    def status(self, folder: str = INBOX) -> FolderStatus:
        """Number of letters and of unread ones in a folder, without selecting it."""
        return self._line.run(self._count(folder))

    def statuses(self, pattern: str = "*") -> list[FolderStatus]:
        """Number of letters and of unread ones in all folders whose names match, without selecting them.

        One command does it where the server has LIST-STATUS. A folder whose status the server refuses is left out.
        """
        return self._line.run(self._count_all(pattern))

    def quota(self, folder: str = INBOX) -> tuple[Quota, ...]:
        """Quotas that hold for a folder, () where none does. Raises NotSupported where the server lacks QUOTA."""
        return self._line.run(self._quota(folder))

    def namespaces(self) -> Namespaces:
        """Beginnings of the names of folders: own, others', shared. Raises NotSupported where there is no NAMESPACE."""
        return self._line.run(self._namespaces())

    def create(self, folder: str) -> None:
        """Create a folder, and subscribe to it, so that mail programs show it. Raises CommandRefused when it exists."""
        self._line.run(self._create(folder))

    def rename(self, folder: str, new_name: str) -> None:
        """Rename a folder; its letters and subfolders move with it."""
        self._line.run(self._rename(folder, new_name))

    def remove(self, folder: str) -> None:
        """Remove a folder with all the letters in it, for good."""
        self._line.run(self._remove(folder))

    # Finding and reading.

    def search(
        self,
        search: Search | None = None,
        /,
        *,
        whole: bool = False,
        listing: bool = False,
        sort: str | Sequence[str] = (),
        last: int | None = None,
        skip: int = 0,
        **wanted: Any,
    ) -> Letters:
        """Letters that match all criteria, for example `search(unseen=True, since=date(2026, 11, 1))`.

            for letter in box.search(subject="order", since=date(2026, 11, 1), sort="-date", last=50):
                print(letter.subject)  # Order 7

        The criteria are those of Search; a Search may be given instead. With `whole` letters are fetched with their
        content, some megabytes ahead, which is much faster for reading all of it; with `listing` only with the header
        fields that a list needs (sender, recipients, subject, date, ids), which is faster for thousands of them: the
        others are fetched on first access. `sort` is "date", "-date" for the latest first, or several of
        "received", "date", "sender", "to", "cc", "subject", "size"; a server without SORT has the fields of all letters
        fetched and sorted here (`sorted_by`). `last` is the most letters, the last ones of the order without the very
        last `skip`: for pages of a large folder. Raises UsageError for an invalid value, before a byte is sent.
        """
        _ = extent_of(whole=whole, listing=listing)
        order = letter_order(sort, last, skip)
        found = self._line.run(self._search(as_search(search, wanted), order))
        return Letters(self, *found, whole=whole, listing=listing)

    def threads(self, search: Search | None = None, /, *, by: str = "references", **wanted: Any) -> list[LetterThread]:
        """Conversations of the letters that match all criteria, which are those of `search`; see LetterThread.

        `by` is "references" (the ids that answers refer to) or "orderedsubject" (subjects alone). A server without
        THREAD has the fields of all letters fetched, and they are put together here by the same rules (RFC 5256).
        """
        return self._line.run(self._threads(as_search(search, wanted), algorithm(by)))[0]

    def __iter__(self) -> Iterator[MailboxLetter]:
        """Iterate over the letters of the selected folder, by default INBOX, headers fetched many at a time."""
        return iter(self.search())

    def find(self, *, message_id: str, folder: str | None = None) -> tuple[int, ...]:
        """UIDs of the letters with exactly this Message-ID; `folder`, if given, is selected read-only.

        Use it to verify that the copy of a sent message exists.
        """
        return self._line.run(self._find_message(message_id, folder))

    def fetch(self, letters: ImapLetterRefs, *, whole: bool = False, listing: bool = False) -> Letters:
        """Letters of the selected folder by UID, as `search` returns them."""
        _ = extent_of(whole=whole, listing=listing)
        return Letters(self, *self._line.run(self._identify(letters)), whole=whole, listing=listing)

    def read(
        self, folder_id: tuple[str, int], uids: Sequence[int], *, whole: bool = False, listing: bool = False
    ) -> Iterator[MailboxLetter]:
        """Iterate over letters of one folder, several commands ahead; one that no longer exists is left out.

        Raises UsageError when another folder is selected meanwhile; CommandRefused, at the end, for letters that the
        server did not give.
        """
        stream = self._dialogue.stream(folder_id, uids, extent_of(whole=whole, listing=listing))
        try:
            while not stream.done:
                self._line.run(stream.advance())
                for data in stream.results():
                    yield MailboxLetter(self, folder_id, data)
        finally:
            stream.drop()

    def content_of(self, letter: MailboxLetter) -> bytes:
        """The complete letter as bytes; it is not marked as seen.

        Raises LetterGone when it no longer exists, LetterTooLarge when it exceeds the limits (nothing is fetched then),
        LetterRefused when the server gives nothing although the letter has a size.
        """
        return self._line.run(self._content(letter))

    def header_of(self, letter: MailboxLetter) -> bytes:
        """The header of a letter as bytes. Raises UsageError when it no longer exists, LetterRefused."""
        return self._line.run(self._dialogue.header(letter.folder_id, letter.uid))

    def parts_of(self, letter: MailboxLetter) -> list[LetterPart]:
        """Parts of a letter, as far as the server knows them: `part_of` fetches one without the rest.

        Raises UsageError when it no longer exists.
        """
        return self._line.run(self._dialogue.parts(letter.folder_id, letter.uid))

    def part_of(self, letter: MailboxLetter, part: LetterPart) -> bytes:
        """Decoded content of one part of a letter. Raises what `content_of` raises."""
        return self._line.run(self._part(letter, part))

    def save(self, letter: MailboxLetter | int, place: SaveTarget, *, limit: int = 2**40) -> None:
        """Write one letter of any size into a new file, in portions; an existing file is never overwritten.

        `place` is a path, or a binary file opened for writing. More than `limit` bytes end the session. A file that
        could not be written completely is removed. Raises what `content_of` raises, and OSError.
        """
        folder_id, uids = self._line.run(self._identify(letter))
        with saving(place) as write:
            self._line.run(self._dialogue.save(folder_id, uids[0], write, limit))

    def ids_of(self, letters: ImapLetterRefs) -> dict[int, LetterIds]:
        """Ids of letters that last when they are moved, by UID (OBJECTID, or those of Gmail).

        A letter that no longer exists is left out. Raises NotSupported where the server has none.
        """
        return self._line.run(self._ids(letters))

    def labels_of(self, letters: ImapLetterRefs) -> dict[int, frozenset[str]]:
        """Labels of letters by UID, at Gmail; its own ones begin with a backslash. Raises NotSupported elsewhere."""
        return self._line.run(self._labels(letters))

    # Changing.

    def add_labels(self, letters: ImapLetterRefs, *labels: str) -> None:
        """Set labels of letters, at Gmail. Raises NotSupported elsewhere."""
        self._line.run(self._store_labels(letters, labels, add=True))

    def remove_labels(self, letters: ImapLetterRefs, *labels: str) -> None:
        """Remove labels of letters, at Gmail. Raises NotSupported elsewhere."""
        self._line.run(self._store_labels(letters, labels, add=False))

    def flag(self, letters: ImapLetterRefs, *flags: str) -> None:
        """Set flags: "seen", "answered", "flagged", "draft", "deleted", or keywords of your own.

        Raises NotSupported for a flag that the server would not keep.
        """
        self._line.run(self._store(letters, flags, add=True))

    def unflag(self, letters: ImapLetterRefs, *flags: str) -> None:
        """Remove flags."""
        self._line.run(self._store(letters, flags, add=False))

    def copy(self, letters: ImapLetterRefs, folder: str) -> dict[int, int]:
        """Copy letters into a folder; returns old UIDs mapped to new ones where the server has UIDPLUS, else {}."""
        return self._line.run(self._copy(letters, folder))

    def move(self, letters: ImapLetterRefs, folder: str) -> dict[int, int]:
        """Move letters into a folder; returns old UIDs mapped to new ones where the server has UIDPLUS, else {}.

        On a server without MOVE (RFC 6851) they are copied, then the originals are deleted. Where the server can only
        expunge all deleted letters at once, and others are flagged as deleted, the originals stay, flagged as deleted.
        """
        return self._line.run(self._move(letters, folder))

    def delete(self, letters: ImapLetterRefs) -> None:
        """Flag letters as deleted; `expunge` removes them."""
        self.flag(letters, "deleted")

    def expunge(self, letters: ImapLetterRefs | None = None) -> None:
        """Remove for good those of these letters that are flagged as deleted; without an argument, all that are.

        Raises NotSupported when the server can only remove all of them (it lacks UIDPLUS) and other letters are flagged
        too.
        """
        self._line.run(self._expunge(letters))

    def append(
        self,
        message: Putable,
        folder: str,
        *,
        flags: Sequence[str] = ("seen",),
        received: datetime.datetime | None = None,
    ) -> Filed:
        """Store a message in a folder, and return its position; a copy of sent mail goes to `special("sent")`.

        `flags` are those of `flag`; "seen" by default, since a copy of your own mail has been seen. `received` is the
        date that the folder shows, by default now. Raises CommandRefused when the folder does not exist or is full,
        InvalidMessage.
        """
        return self._line.run(self._append(message, folder, flags, received))

    # Watching.

    def sync(self, folder: str = INBOX, *, since: SyncMark | None = None) -> Sync:
        """Changes of a folder since a mark: what is gone, flags that have changed, new letters with their headers.

        Without a mark all letters are new. Store `sync.mark` when all changes were taken, and pass it next time: where
        the server counts changes (CONDSTORE, QRESYNC) this takes few round trips, however large the folder is;
        elsewhere all flags are compared. The folder is selected for reading only. Iterating raises FolderRenumbered
        when the UIDs of the mark are no longer valid.
        """
        from courriel.session.imap.sync import Sync  # noqa: PLC0415 - only for it

        name = folder_name(folder)

        def find() -> tuple[FolderChanges, Letters]:
            changes = self._line.run(changes_since(self._dialogue, name, since))
            return changes, Letters(self, self._dialogue.place, changes.new)

        return Sync(find, since)

    def watch(
        self,
        folder: str = INBOX,
        *,
        after: FolderPosition | None = None,
        renew: float = 540,
        poll: float = 60,
        patience: float = 3600,
        start_again: bool = False,
    ) -> Watch:
        """Iterator that waits for new letters, and misses none when the connection is lost.

        It starts after the position `after`, by default with letters that arrive from now on. IDLE is renewed every
        `renew` seconds (nine minutes: routers drop an idle connection after ten; 29 minutes at most, RFC 2177); a
        server without IDLE is polled every `poll` seconds. A lost session is reopened, with growing pauses, until that
        has failed for `patience` seconds. When the server has renumbered the folder FolderRenumbered is raised; with
        `start_again` all its letters are returned, since new ones cannot be told from old ones. See Watch.
        """
        from courriel.session.imap.watch import Watch  # noqa: PLC0415 - only for watching
        from courriel.session.imap.watch_state import WatchState  # noqa: PLC0415

        state = WatchState(
            self._dialogue, folder_name(folder), after, renew=renew, poll=poll, patience=patience,
            start_again=start_again,
        )  # fmt: skip
        return Watch(self, self._line, state)

    def watch_changes(
        self,
        *folders: str,
        since: SyncMark | Mapping[str, SyncMark] | None = None,
        renew: float = 540,
        poll: float = 60,
        turn: float = 60,
        patience: float = 3600,
        start_again: bool = False,
    ) -> ChangeWatch:
        """Iterator that waits for changes of folders, by default of INBOX: new letters, new flags, letters gone.

        It is `sync` again and again: after the marks `since`, or from now on. It waits by IDLE in the first folder; the
        others are synchronised every `turn` seconds, by the same session: several sessions may share many folders. The
        first one is synchronised when a change is announced, every `renew` seconds anyway, and on a new connection.
        The other arguments are those of `watch`. The folders are selected for reading only.
        """
        from courriel.session.imap.change_state import ChangeState  # noqa: PLC0415 - only for watching
        from courriel.session.imap.change_watch import ChangeWatch, marks_of, watched  # noqa: PLC0415

        names = watched(folders)
        state = ChangeState(
            self._dialogue, names, marks_of(since, names), renew=renew, poll=poll, turn=turn, patience=patience,
            start_again=start_again,
        )  # fmt: skip
        return ChangeWatch(self, self._line, state)

    def wait_for_news(self, seconds: float, bell: ThreadWakeup | None = None) -> bool:
        """Wait for changes in the selected folder, for at most `seconds`; return whether there was one.

        A `bell` rung by another thread ends the wait early. Raises NotSupported where the server lacks IDLE.
        """
        self._line.bell = bell
        try:
            return self._line.run(self._idle(seconds))
        finally:
            self._line.bell = None

    def __enter__(self) -> Self:
        return self if self.usable else self.open()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
