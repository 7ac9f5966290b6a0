"""IMAP sessions: an open mailbox, its folders and the letters in them."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any, TypeAlias

from courriel import errors
from courriel.model.received.folder import Filed, FolderPosition
from courriel.model.received.search import Search, checked_uids
from courriel.network.stepping import ThreadWakeup
from courriel.session.imap import letters as some_letters
from courriel.session.imap.append import Putable, octets_of
from courriel.session.imap.folders import INBOX, WithFolders, folder_name
from courriel.session.imap.letters import FetchData, FolderLetter, Letters, MailboxLetter
from courriel.wire.imap import search_arguments
from courriel.wire.imap import syntax as wire

if TYPE_CHECKING:
    from courriel.session.imap.watch import Watch

ImapLetterRefs: TypeAlias = "FolderLetter | int | Iterable[FolderLetter | int]"
"""One letter or several: letter objects, or their numbers (UIDs) in the selected folder."""

_AT_A_TIME = 200  # UIDs in one command: some servers refuse longer lines
_NEIGHBOURS = 2000  # the same for mostly consecutive UIDs, which are written as ranges


class ImapSession(WithFolders):
    """IMAP session: an open mailbox. Use it with `with`, or call `open()` and `close()`.

    `server` is a Server, or a host name (then TLS on port 993). `limits` bound what the server may make us keep in
    memory. A `transcript` records the conversation without secrets, letters by their size. INBOX is selected until
    another folder is. Only `flag` marks a letter as seen. A session serves one call at a time; a concurrent call raises
    UsageError. After an error whose `session_usable` is False the session is closed; `open()` reconnects. Needs `pip
    install "courriel[imap]"`.
    """

    # Finding and reading.

    def search(self, search: Search | None = None, /, *, whole: bool = False, **wanted: Any) -> Letters:
        """Letters that match all criteria, for example `search(unseen=True, since=date(2026, 11, 1))`.

        The criteria are those of Search; a Search may be given instead. With `whole` letters are fetched with their
        content, some megabytes at a time, which is much faster for reading all of it. Raises UsageError for an invalid
        value, before a byte is sent.
        """
        return self._letters(self._search_uids(_as_search(search, wanted)), whole=whole)

    def __iter__(self) -> Iterator[MailboxLetter]:
        """Iterate over the letters of the selected folder, by default INBOX, headers fetched in batches."""
        return iter(self.search())

    def find(self, *, message_id: str, folder: str | None = None) -> tuple[int, ...]:
        """UIDs of the letters with exactly this Message-ID; `folder`, if given, is selected read-only.

        Use it to verify that the copy of a sent message exists.
        """
        asked = Search(message_id=message_id)
        if folder is not None:
            self.select(folder, read_only=True)
        found = self._letters(self._search_uids(asked))
        # Servers match a part of the header, and "1@example.org" is a part of "<11@example.org>".
        wanted = message_id.strip().strip("<>")
        return tuple(letter.uid for letter in found if letter.message_id.strip("<>") == wanted)

    def fetch(self, letters: ImapLetterRefs, *, whole: bool = False) -> Letters:
        """Letters of the selected folder by UID, as `search` returns them."""
        uids = self._numbers(letters)
        return self._letters(uids, whole=whole)

    def content_of(self, letter: MailboxLetter) -> bytes:
        """The complete letter as bytes; it is not marked as seen.

        Raises UsageError when it no longer exists, LetterTooLarge when it exceeds the limits (nothing is fetched then).
        """
        if letter.size > self._dialogue.exchange.limits.letter:
            raise errors.LetterTooLarge(
                f"letter {letter.uid} has {letter.size:,} octets, more than the session takes (limits)", stage="letter"
            )
        data = self.fetch_data(letter.folder_id, (letter.uid,), ("BODY.PEEK[]",))
        if letter.uid not in data:
            raise errors.UsageError(f"letter {letter.uid} is no longer in {letter.folder!r}")
        return some_letters.octets_of(data[letter.uid], b"BODY[]")

    # Changing.

    def flag(self, letters: ImapLetterRefs, *flags: str) -> None:
        """Set flags: "seen", "answered", "flagged", "draft", "deleted", or keywords of your own."""
        self._store(letters, flags, "add_flags")

    def unflag(self, letters: ImapLetterRefs, *flags: str) -> None:
        """Remove flags."""
        self._store(letters, flags, "remove_flags")

    def copy(self, letters: ImapLetterRefs, folder: str) -> dict[int, int]:
        """Copy letters into a folder; returns old UIDs mapped to new ones where the server has UIDPLUS, else {}."""
        return self._copy_or_move(letters, folder, lambda client, uids, name: client.copy(uids, name))

    def move(self, letters: ImapLetterRefs, folder: str) -> dict[int, int]:
        """Move letters into a folder; returns old UIDs mapped to new ones where the server has UIDPLUS, else {}.

        On a server without MOVE (RFC 6851) they are copied, then the originals are deleted. Where the server can only
        expunge all deleted letters at once, and others are flagged as deleted, the originals stay, flagged as deleted.
        """
        self._require_writable()
        if "MOVE" in self._dialogue.capabilities:
            return self._copy_or_move(letters, folder, lambda client, uids, name: client.move(uids, name))
        uids = self._numbers(letters)
        moved = self.copy(uids, folder)
        self.delete(uids)
        with suppress(errors.NotSupported):
            self.expunge(uids)
        return moved

    def delete(self, letters: ImapLetterRefs) -> None:
        """Flag letters as deleted; `expunge` removes them."""
        self.flag(letters, "deleted")

    def expunge(self, letters: ImapLetterRefs | None = None) -> None:
        """Remove for good those of these letters that are flagged as deleted; without an argument, all that are.

        Raises NotSupported when the server can only remove all of them (it lacks UIDPLUS) and other letters are flagged
        too.
        """
        self._require_writable()
        if letters is None:
            with self._using_client("mailbox") as client:
                client.expunge()
            return
        uids = self._numbers(letters)
        if "UIDPLUS" in self._dialogue.capabilities:
            for batch in _batches(uids):
                with self._using_client("mailbox") as client:
                    client.uid_expunge(wire.uid_set(batch))
            return
        flagged = set(self._search_uids(Search(deleted=True)))
        if flagged - set(uids):
            raise errors.NotSupported(
                "the server can only remove all letters that are flagged as deleted, and others are flagged too",
                capability="UIDPLUS",
                stage="mailbox",
                server=str(self.server),
            )
        if flagged:
            self.expunge()

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
        name, octets = folder_name(folder), octets_of(message)
        words = [wire.flag(flag) for flag in flags]
        if received is not None and received.tzinfo is None:
            raise errors.UsageError("received: a moment with its time zone, or the server would take it for its own")
        with self._using_client("letter") as client:
            client.append(name, octets, words, received)
            code = self._open_client.code("APPENDUID")
        numbers = [int(word) for word in code.split() if word.isdigit() and len(word) < 11]
        return Filed(name, *numbers) if len(numbers) == 2 else Filed(name)

    # Watching.

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

        return Watch(
            self, folder_name(folder), after, renew=renew, poll=poll, patience=patience, start_again=start_again
        )

    def wait_for_news(self, seconds: float, bell: ThreadWakeup | None = None) -> bool:
        """Wait for changes in the selected folder, for at most `seconds`; return whether there was one.

        A `bell` rung by another thread ends the wait early. Raises NotSupported where the server lacks IDLE.
        """
        if "IDLE" not in self._dialogue.capabilities:
            raise errors.NotSupported("the server knows no IDLE", capability="IDLE", stage="mailbox")
        total = self.server.timeouts.total
        with self._call(self._require_selection):
            self._line.bell = bell
            try:
                # DONE and its reply need some of the call's time too.
                return self._line.step(self._dialogue.idle(min(seconds, total / 2) if total else seconds))
            finally:
                self._line.bell = None

    # The steps.

    def _require_writable(self) -> None:
        selection = self._ensure_selected()
        if selection.read_only:
            # Some servers answer OK to a change, and make none.
            raise errors.UsageError(f"{selection.name!r} is selected for reading only")

    def _letters(self, uids: Sequence[int], *, whole: bool = False) -> Letters:
        selection = self._ensure_selected()
        return Letters(self, (selection.name, selection.uid_validity), uids, whole=whole)

    def _search_uids(self, search: Search) -> list[int]:
        words = search_arguments.arguments(search)
        self._ensure_selected()
        with self._call(self._require_selection):
            found = self._line.step(
                self._dialogue.search(words, "UTF-8" if search_arguments.needs_charset(words) else "")
            )
        # `n:*` includes the last letter even when its UID is lower.
        return [uid for uid in found if search.above is None or uid > search.above]

    def fetch_in_batches(
        self, folder_id: tuple[str, int], uids: Sequence[int], *, whole: bool
    ) -> Iterator[tuple[Sequence[int], dict[int, FetchData]]]:
        """Fetch data of these letters in batches; complete letters in batches of limited size."""
        if not whole:
            for batch in some_letters.batched(uids):
                yield batch, self.fetch_data(folder_id, batch, some_letters.HEAD)
            return
        for uid_batch in _batches(uids):
            data = self.fetch_data(folder_id, uid_batch, ("RFC822.SIZE",))
            sizes = {uid: some_letters.size_of(each) for uid, each in data.items()}
            for batch in some_letters.batched_by_size(uid_batch, sizes):
                # Of a letter above the limit only the header is fetched; reading its body raises LetterTooLarge.
                small = max(sizes[uid] for uid in batch) <= self._dialogue.exchange.limits.letter
                yield batch, self.fetch_data(folder_id, batch, some_letters.WHOLE if small else some_letters.HEAD)

    def fetch_data(self, folder_id: tuple[str, int], uids: Sequence[int], items: Sequence[str]) -> dict[int, FetchData]:
        """FETCH data of these letters by UID; letters that no longer exist are left out."""
        with self._call(lambda: self._require_folder(folder_id)):
            return self._open_client.fetch(uids, items)

    def _numbers(self, letters: ImapLetterRefs) -> tuple[int, ...]:
        """UIDs of these letters. Raises UsageError for letters of another folder."""
        self._ensure_selected()
        if isinstance(letters, Letters):
            self._require_folder(letters.folder_id)
            return letters.uids
        if isinstance(letters, FolderLetter | int):
            return self._numbers([letters])
        if isinstance(letters, str | bytes) or not isinstance(letters, Iterable):
            raise errors.UsageError(f"{letters!r} is neither a letter nor a number of one")
        listed = tuple(letters)
        for each in listed:
            if isinstance(each, FolderLetter):
                self._require_folder(each.folder_id)
        return checked_uids(each.uid if isinstance(each, FolderLetter) else each for each in listed)

    def _store(self, letters: ImapLetterRefs, flags: Sequence[str], method: str) -> None:
        words = [wire.flag(flag) for flag in flags]
        if not words:
            raise errors.UsageError("name a flag, as in flag(letter, 'seen')")
        self._require_writable()
        for batch in _batches(self._numbers(letters)):
            with self._using_client("mailbox") as client:
                getattr(client, method)(wire.uid_set(batch), words, silent=True)

    def _copy_or_move(
        self, letters: ImapLetterRefs, folder: str, command: Callable[[Any, str, str], object]
    ) -> dict[int, int]:
        name = folder_name(folder)
        new_uids: dict[int, int] = {}
        for batch in _batches(self._numbers(letters)):
            with self._using_client("mailbox") as client:
                command(client, wire.uid_set(batch), name)
                code = self._open_client.code("COPYUID").split()
            if len(code) == 3:
                old, new = (wire.read_uid_set(words, _NEIGHBOURS) for words in code[1:])
                new_uids.update(zip(old, new, strict=False))
        return new_uids


def _as_search(search: Search | None, wanted: dict[str, Any]) -> Search:
    if search is not None:
        if wanted or not isinstance(search, Search):
            raise errors.UsageError("search: a Search, or words such as unseen=True")
        return search
    try:
        return Search(**wanted)
    except TypeError as unknown:
        raise errors.UsageError(f"search: {unknown}") from None


def _batches(uids: Sequence[int]) -> Iterator[Sequence[int]]:
    """Split UIDs so that a command line stays at some hundred characters: thousands where they are consecutive."""
    batch_size = _NEIGHBOURS if len(uids) < 2 or abs(uids[-1] - uids[0]) < 2 * len(uids) else _AT_A_TIME
    for start in range(0, len(uids), batch_size):
        yield uids[start : start + batch_size]
