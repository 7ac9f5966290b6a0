"""IMAP sessions: an open mailbox, its folders and the letters in them."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any, TypeAlias

from courriel import errors
from courriel.model.folder import Filed, Mark
from courriel.model.search import Search, checked_uids
from courriel.network.stepping import Bell
from courriel.session import imap_letters as some_letters
from courriel.session.imap_folders import INBOX, WithFolders, folder_name
from courriel.session.imap_letters import Letters, MailboxLetter, Placed
from courriel.session.imap_putting import Putable, octets_of
from courriel.wire import imap as wire
from courriel.wire import imap_search

if TYPE_CHECKING:
    from courriel.session.imap_watch import Watch

Which: TypeAlias = "Placed | int | Iterable[Placed | int]"
"""Letters, by themselves or by their numbers (UIDs) in the folder that is selected."""

_AT_A_TIME = 200  # letters named in one command: a longer list is more than some servers read
_NEIGHBOURS = 2000  # the same, where most of them stand in a row


class ImapSession(WithFolders):
    """An open mailbox: use it with `with`, or `open()` and `close()` it.

    `server` is a Server, or a host name (then TLS on port 993). `limits` are what the server may have us keep in
    memory. A `transcript` is told all that is said, secrets left out and letters by their size. INBOX is worked in
    until another folder is selected. Nothing marks a letter as seen but `flag`. One session holds one conversation at a
    time; a second caller meanwhile is refused (UsageError). After an error whose `session_usable` is False the session
    is closed; `open()` opens it anew. Needs `pip install "courriel[imap]"`.
    """

    # Finding and reading.

    def search(self, what: Search | None = None, /, *, whole: bool = False, **wanted: Any) -> Letters:
        """The letters for which all of this holds, for example `search(unseen=True, since=date(2026, 11, 1))`.

        The words are those of Search; a Search may be given instead. With `whole` letters are fetched with their
        content, some megabytes at a time, which is far quicker for who wants it all. Raises UsageError for a value that
        cannot be meant, before anything is said.
        """
        return self._letters(self._find(_search_of(what, wanted)), whole=whole)

    def find(self, *, message_id: str, folder: str | None = None) -> tuple[int, ...]:
        """The numbers of the letters with exactly this Message-ID; `folder` is selected for reading when it is given.

        It is how one makes sure that a copy of what was sent is there.
        """
        asked = Search(message_id=message_id)
        if folder is not None:
            self.select(folder, read_only=True)
        found = self._letters(self._find(asked))
        # Servers look for a part of the field, and "1@example.org" is a part of "<11@example.org>".
        wanted = message_id.strip().strip("<>")
        return tuple(letter.uid for letter in found if letter.message_id.strip("<>") == wanted)

    def fetch(self, which: Which, *, whole: bool = False) -> Letters:
        """These letters of the selected folder, as `search` gives them."""
        uids = self._numbers(which)
        return self._letters(uids, whole=whole)

    def content_of(self, letter: MailboxLetter) -> bytes:
        """The whole letter to the octet; it is not marked as seen.

        Raises UsageError when it is gone, LetterTooLarge (nothing is asked then).
        """
        if letter.size > self._dialogue.exchange.limits.letter:
            raise errors.LetterTooLarge(
                f"letter {letter.uid} has {letter.size:,} octets, more than the session takes (limits)", stage="letter"
            )
        told = self.tell(letter.place, (letter.uid,), ("BODY.PEEK[]",))
        if letter.uid not in told:
            raise errors.UsageError(f"letter {letter.uid} is no longer in {letter.folder!r}")
        return some_letters.octets_of(told[letter.uid], b"BODY[]")

    # Changing.

    def flag(self, which: Which, *flags: str) -> None:
        """Set flags: "seen", "answered", "flagged", "draft", "deleted", or keywords of one's own."""
        self._store(which, flags, "add_flags")

    def unflag(self, which: Which, *flags: str) -> None:
        """Take flags away."""
        self._store(which, flags, "remove_flags")

    def copy(self, which: Which, folder: str) -> dict[int, int]:
        """Copy letters into a folder; their new numbers by their old ones, as far as the server tells (UIDPLUS)."""
        return self._carry(which, folder, lambda client, uids, name: client.copy(uids, name))

    def move(self, which: Which, folder: str) -> dict[int, int]:
        """Move letters into a folder; their new numbers by their old ones, as far as the server tells (UIDPLUS).

        A server without MOVE (RFC 6851) is asked to copy them, then to delete those that were copied. Where it can only
        expunge everything at once, and others are flagged as deleted, the originals stay, flagged as deleted.
        """
        self._must_be_writable()
        if "MOVE" in self._dialogue.capabilities:
            return self._carry(which, folder, lambda client, uids, name: client.move(uids, name))
        uids = self._numbers(which)
        moved = self.copy(uids, folder)
        self.delete(uids)
        with suppress(errors.NotSupported):
            self.expunge(uids)
        return moved

    def delete(self, which: Which) -> None:
        """Flag letters as deleted; they are gone when they are expunged."""
        self.flag(which, "deleted")

    def expunge(self, which: Which | None = None) -> None:
        """Remove for good these letters, as far as they are flagged as deleted; without any, all that are.

        Raises NotSupported when the server can only remove all (it lacks UIDPLUS), and others are flagged too.
        """
        self._must_be_writable()
        if which is None:
            with self._talk("mailbox") as client:
                client.expunge()
            return
        uids = self._numbers(which)
        if "UIDPLUS" in self._dialogue.capabilities:
            for batch in _batches(uids):
                with self._talk("mailbox") as client:
                    client.uid_expunge(wire.uid_set(batch))
            return
        flagged = set(self._find(Search(deleted=True)))
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
        """Put a message into a folder, and say where it is; the copy of what was sent goes to `special("sent")`.

        `flags` are those of `flag`; a copy of one's own mail has been seen. `received` is the moment that the folder
        shows, by default this one. Raises CommandRefused when there is no such folder or no room, InvalidMessage.
        """
        name, octets = folder_name(folder), octets_of(message)
        words = [wire.flag(flag) for flag in flags]
        if received is not None and received.tzinfo is None:
            raise errors.UsageError("received: a moment with its time zone, or the server would take it for its own")
        with self._talk("letter") as client:
            client.append(name, octets, words, received)
            told = self._theirs.code("APPENDUID")
        numbers = [int(word) for word in told.split() if word.isdigit() and len(word) < 11]
        return Filed(name, *numbers) if len(numbers) == 2 else Filed(name)

    # Watching.

    def watch(
        self,
        folder: str = INBOX,
        *,
        after: Mark | None = None,
        renew: float = 540,
        poll: float = 60,
        patience: float = 3600,
        start_again: bool = False,
    ) -> Watch:
        """New letters as they come: an iterator that waits for them, and loses none when the line is cut.

        It begins after `after`, by default with what comes from now on. IDLE is renewed every `renew` seconds (nine
        minutes: routers forget a quiet line after ten; 29 minutes at most, RFC 2177); a server without it is asked
        every `poll` seconds. A lost session is opened anew, with longer and longer pauses, until that has failed for
        `patience` seconds. When the server has renumbered the folder FolderRenumbered is raised; with `start_again`
        all its letters are given, since none can be told from a new one. See Watch.
        """
        from courriel.session.imap_watch import Watch  # noqa: PLC0415 - for those who watch

        return Watch(
            self, folder_name(folder), after, renew=renew, poll=poll, patience=patience, start_again=start_again
        )

    def wait_for_news(self, seconds: float, bell: Bell | None = None) -> bool:
        """Have the server tell what happens in the selected folder, for so long at most; whether something did.

        A `bell` that rings in another thread ends it early. Raises NotSupported where the server knows no IDLE.
        """
        if "IDLE" not in self._dialogue.capabilities:
            raise errors.NotSupported("the server knows no IDLE", capability="IDLE", stage="mailbox")
        total = self.server.timeouts.total
        with self._call(self._must_be_selected):
            self._line.bell = bell
            try:
                # What ends IDLE has to find some of the call's time left.
                return self._line.step(self._dialogue.idle(min(seconds, total / 2) if total else seconds))
            finally:
                self._line.bell = None

    # The steps.

    def _must_be_writable(self) -> None:
        selection = self._select_something()
        if selection.read_only:
            # Some servers say OK to a change, and make none.
            raise errors.UsageError(f"{selection.name!r} is selected for reading only")

    def _letters(self, uids: Sequence[int], *, whole: bool = False) -> Letters:
        selection = self._select_something()
        return Letters(self, (selection.name, selection.uid_validity), uids, whole=whole)

    def _find(self, search: Search) -> list[int]:
        words = imap_search.arguments(search)
        self._select_something()
        with self._call(self._must_be_selected):
            found = self._line.step(self._dialogue.search(words, "UTF-8" if imap_search.needs_charset(words) else ""))
        # `n:*` holds the last letter even when its number is lower.
        return [uid for uid in found if search.above is None or uid > search.above]

    def fetch_in_lots(
        self, place: tuple[str, int], uids: Sequence[int], *, whole: bool
    ) -> Iterator[tuple[Sequence[int], dict[int, some_letters.Told]]]:
        """What the server tells of these letters, so many at a time; whole ones by their size."""
        if not whole:
            for lot in some_letters.batched(uids):
                yield lot, self.tell(place, lot, some_letters.HEAD)
            return
        for some in _batches(uids):
            told = self.tell(place, some, ("RFC822.SIZE",))
            sizes = {uid: some_letters.size_of(each) for uid, each in told.items()}
            for lot in some_letters.batched_by_size(some, sizes):
                # One that is too large for memory comes with its headers; touching the rest says so.
                small = max(sizes[uid] for uid in lot) <= self._dialogue.exchange.limits.letter
                yield lot, self.tell(place, lot, some_letters.WHOLE if small else some_letters.HEAD)

    def tell(self, place: tuple[str, int], uids: Sequence[int], what: Sequence[str]) -> dict[int, some_letters.Told]:
        """What the server tells of these letters, by number; those that are gone are left out."""
        with self._call(lambda: self._must_be_at(place)):
            return self._theirs.fetch(uids, what)

    def _numbers(self, which: Which) -> tuple[int, ...]:
        """The numbers of letters, which are looked for in the folder that is selected."""
        self._select_something()
        if isinstance(which, Letters):
            self._must_be_at(which.place)
            return which.uids
        if isinstance(which, Placed | int):
            return self._numbers([which])
        if isinstance(which, str | bytes) or not isinstance(which, Iterable):
            raise errors.UsageError(f"{which!r} is neither a letter nor a number of one")
        listed = tuple(which)
        for each in listed:
            if isinstance(each, Placed):
                self._must_be_at(each.place)
        return checked_uids(each.uid if isinstance(each, Placed) else each for each in listed)

    def _store(self, which: Which, flags: Sequence[str], how: str) -> None:
        words = [wire.flag(flag) for flag in flags]
        if not words:
            raise errors.UsageError("name a flag, as in flag(letter, 'seen')")
        self._must_be_writable()
        for batch in _batches(self._numbers(which)):
            with self._talk("mailbox") as client:
                getattr(client, how)(wire.uid_set(batch), words, silent=True)

    def _carry(self, which: Which, folder: str, act: Callable[[Any, str, str], object]) -> dict[int, int]:
        name = folder_name(folder)
        carried: dict[int, int] = {}
        for batch in _batches(self._numbers(which)):
            with self._talk("mailbox") as client:
                act(client, wire.uid_set(batch), name)
                told = self._theirs.code("COPYUID").split()
            if len(told) == 3:
                old, new = (wire.read_uid_set(words, _NEIGHBOURS) for words in told[1:])
                carried.update(zip(old, new, strict=False))
        return carried


def _search_of(what: Search | None, wanted: dict[str, Any]) -> Search:
    if what is not None:
        if wanted or not isinstance(what, Search):
            raise errors.UsageError("search: a Search, or words such as unseen=True")
        return what
    try:
        return Search(**wanted)
    except TypeError as unknown:
        raise errors.UsageError(f"search: {unknown}") from None


def _batches(uids: Sequence[int]) -> Iterator[Sequence[int]]:
    """As many at a time as are told in a line of some hundred characters: thousands where they are neighbours."""
    most = _NEIGHBOURS if len(uids) < 2 or abs(uids[-1] - uids[0]) < 2 * len(uids) else _AT_A_TIME
    for start in range(0, len(uids), most):
        yield uids[start : start + most]
