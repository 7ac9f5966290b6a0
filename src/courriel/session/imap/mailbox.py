"""Base of both IMAP sessions: everything that does not wait."""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

from courriel import errors
from courriel.dialogue.flow import Flow
from courriel.dialogue.imap import account, sorting
from courriel.dialogue.imap.client import ImapDialogue
from courriel.dialogue.imap.fetching import Extent
from courriel.dialogue.imap.folders import INBOX
from courriel.model.received.account import LetterIds, Namespaces, Quota
from courriel.model.received.folder import Filed, Folder, FolderStatus, Selection
from courriel.model.received.limits import ReadLimits
from courriel.model.received.part import LetterPart
from courriel.model.received.search import Search, checked_uids
from courriel.model.received.sorting import LetterOrder, LetterThread
from courriel.model.servers.credentials import Credentials, check_credentials
from courriel.model.servers.server import Dialect, Server
from courriel.network.transcripts.imap import ImapTranscript
from courriel.network.transcripts.transcript import Transcript, log_if_wanted
from courriel.session import server_memory
from courriel.session.base import BaseSession
from courriel.session.imap.append import Putable, octets_of
from courriel.session.imap.letters import FolderLetter, FoundLetters, LetterSequence
from courriel.wire.imap import syntax
from courriel.wire.parse.apart import content_of
from courriel.wire.parse.letter import Letter

if TYPE_CHECKING:
    from courriel.network import awaiting, blocking
    from courriel.session.imap.awaited_letters import AsyncMailboxLetter
    from courriel.session.imap.letters import MailboxLetter

__all__ = ["INBOX", "ImapLetterRefs", "ImapMailboxState"]

ImapLetterRefs: TypeAlias = "FolderLetter | int | Iterable[FolderLetter | int]"
"""One letter or several: letter objects, or their numbers (UIDs) in the selected folder."""
_Refs: TypeAlias = "ImapLetterRefs | LetterSequence"

# Usual names of folders for a purpose, for servers without SPECIAL-USE; the first that exists is taken.
_USUAL = {
    "sent": ("Sent", "Sent Items", "Sent Messages", "INBOX.Sent", "Envoyés", "Éléments envoyés", "INBOX.Envoyes"),
    "drafts": ("Drafts", "INBOX.Drafts", "Brouillons", "INBOX.Brouillons"),
    "trash": ("Trash", "Deleted Items", "Deleted Messages", "INBOX.Trash", "Corbeille", "Éléments supprimés"),
    "junk": ("Junk", "Spam", "Junk E-mail", "INBOX.Junk", "INBOX.Spam", "Indésirables", "Courrier indésirable"),
    "archive": ("Archive", "Archives", "INBOX.Archive"),
    "all": (),
    "flagged": (),
}


class ImapMailboxState(BaseSession):
    """An open IMAP mailbox: its connection, its folder, and calls as flows, checked before an octet is sent."""

    def __init__(
        self,
        server: Server,
        credentials: Credentials | None,
        line: blocking.Line | awaiting.AsyncLine,
        limits: ReadLimits,
    ) -> None:
        check_credentials(credentials)
        self.server = server
        self.user: str = "" if credentials is None else credentials.user
        """Name that logs in; "" without a login."""
        self._known = line
        self._dialogue = ImapDialogue(server, credentials, limits)
        self._dialogue.logins = server_memory.of(server)

    @property
    def selected(self) -> Selection | None:
        """The selected folder."""
        return self._dialogue.selected if self.usable else None

    @property
    def compressed(self) -> bool:
        """Whether the open session is compressed (`Server(compress=True)`, where the server offers it)."""
        return self._dialogue.compressed if self.usable else False

    def hang_up(self) -> None:
        """Close the connection without LOGOUT, from any thread: a waiting call raises ConnectionFailed."""
        self._known.hang_up()

    def _dialogue_of(self) -> ImapDialogue:
        return self._dialogue

    # Folders.

    def _list_folders(self, pattern: str) -> Flow[list[Folder]]:
        return self._dialogue.folders(folder_name(pattern))

    def _find_special(self, use: str) -> Flow[str]:
        if use not in _USUAL:
            raise errors.UsageError(f"{use!r} is none of {', '.join(_USUAL)}")
        known = yield from self._dialogue.folders("*")
        for folder in known:
            if folder.special == use:
                return folder.name
        names = {folder.name for folder in known if folder.selectable}
        for name in _USUAL[use]:
            if name in names:
                return name
        raise errors.NotSupported(
            f"no folder of this mailbox is kept for {use!r}; name one", capability="SPECIAL-USE", stage="mailbox"
        )

    def _select(self, folder: str, *, read_only: bool) -> Flow[Selection]:
        return self._dialogue.select(folder_name(folder), read_only=read_only)

    def _count(self, folder: str) -> Flow[FolderStatus]:
        return self._dialogue.status(folder_name(folder))

    def _count_all(self, pattern: str) -> Flow[list[FolderStatus]]:
        return self._dialogue.statuses(folder_name(pattern))

    def _quota(self, folder: str) -> Flow[tuple[Quota, ...]]:
        return account.quota(self._dialogue, folder_name(folder))

    def _namespaces(self) -> Flow[Namespaces]:
        return account.namespaces(self._dialogue)

    def _create(self, folder: str) -> Flow[None]:
        return self._dialogue.create(folder_name(folder))

    def _rename(self, folder: str, new_name: str) -> Flow[None]:
        return self._dialogue.rename(folder_name(folder), folder_name(new_name))

    def _remove(self, folder: str) -> Flow[None]:
        return self._dialogue.remove(folder_name(folder))

    # Finding and reading.

    def _search(self, search: Search, order: LetterOrder) -> Flow[FoundLetters]:
        """Folder and UIDs of the letters that match, and who sorted them."""
        if order.keys:
            uids, sorted_by = yield from sorting.sort(self._dialogue, search, order.keys)
            return self._dialogue.place, order.part_of(uids), sorted_by
        if order.last is not None:
            uids = yield from sorting.last(self._dialogue, search, order.last, order.skip)
        else:
            uids = yield from self._dialogue.search(search)
        return self._dialogue.place, uids, ""

    def _threads(self, search: Search, by: str) -> Flow[tuple[list[LetterThread], str]]:
        return sorting.threads(self._dialogue, search, by)

    def _find_message(self, message_id: str, folder: str | None) -> Flow[tuple[int, ...]]:
        """UIDs of the letters with exactly this Message-ID."""
        search = Search(message_id=message_id)
        if folder is not None:
            _ = yield from self._select(folder, read_only=True)
        uids = yield from self._dialogue.search(search)
        found = yield from self._dialogue.fetch_all(uids)
        # Servers match a part of the header, and "1@example.org" is a part of "<11@example.org>".
        exact = message_id.strip().strip("<>")
        return tuple(each.uid for each in found if _message_id(each.header or b"").strip("<>") == exact)

    def _identify(self, letters: _Refs) -> Flow[tuple[tuple[str, int], tuple[int, ...]]]:
        """Folder and UIDs of these letters. Raises UsageError for letters of another folder."""
        places, uids = _referenced(letters)
        _ = yield from self._dialogue.select_something()
        for place in places:
            self._dialogue.expect_at(place)
        return self._dialogue.place, uids

    def _content(self, letter: MailboxLetter | AsyncMailboxLetter) -> Flow[bytes]:
        size, limit = letter.size, self._dialogue.exchange.limits.letter
        if size > limit:
            raise errors.LetterTooLarge(
                f"letter {letter.uid} has {size:,} octets, more than the session takes (limits): save() writes it to "
                "a file",
                stage="letter",
            )
        return self._dialogue.content(letter.folder_id, letter.uid, size)

    def _part(self, letter: FolderLetter, part: LetterPart) -> Flow[bytes]:
        """Decoded content of a part."""
        limit = self._dialogue.exchange.limits.letter
        if part.size > limit:
            raise errors.LetterTooLarge(
                f"part {part.section} of letter {letter.uid} has {part.size:,} octets, more than the session takes "
                "(limits)",
                stage="letter",
            )
        octets, decoded = yield from self._dialogue.part(letter.folder_id, letter.uid, part)
        return octets if decoded else content_of(part, octets)

    def _ids(self, letters: _Refs) -> Flow[dict[int, LetterIds]]:
        _, uids = yield from self._identify(letters)
        return (yield from account.ids_of(self._dialogue, uids))

    def _labels(self, letters: _Refs) -> Flow[dict[int, frozenset[str]]]:
        _, uids = yield from self._identify(letters)
        return (yield from account.labels_of(self._dialogue, uids))

    # Changing.

    def _store_labels(self, letters: _Refs, labels: Sequence[str], *, add: bool) -> Flow[None]:
        if not labels:
            raise errors.UsageError("name a label, as in add_labels(letter, 'invoices')")
        _, uids = yield from self._identify(letters)
        yield from account.store_labels(self._dialogue, uids, labels, add=add)

    def _store(self, letters: _Refs, flags: Sequence[str], *, add: bool) -> Flow[None]:
        words = [syntax.flag(flag) for flag in flags]
        if not words:
            raise errors.UsageError("name a flag, as in flag(letter, 'seen')")
        _, uids = yield from self._identify(letters)
        yield from self._dialogue.store(uids, words, add=add)

    def _copy(self, letters: _Refs, folder: str) -> Flow[dict[int, int]]:
        name = folder_name(folder)
        _, uids = yield from self._identify(letters)
        return (yield from self._dialogue.copy(uids, name))

    def _move(self, letters: _Refs, folder: str) -> Flow[dict[int, int]]:
        name = folder_name(folder)
        _, uids = yield from self._identify(letters)
        return (yield from self._dialogue.move(uids, name))

    def _expunge(self, letters: _Refs | None) -> Flow[None]:
        if letters is None:
            yield from self._dialogue.expunge()
            return
        _, uids = yield from self._identify(letters)
        yield from self._dialogue.expunge(uids)

    def _append(
        self, message: Putable, folder: str, flags: Sequence[str], received: datetime.datetime | None
    ) -> Flow[Filed]:
        name, octets = folder_name(folder), octets_of(message)
        words = [syntax.flag(flag) for flag in flags]
        if received is not None and received.tzinfo is None:
            raise errors.UsageError("received: a moment with its time zone, or the server would take it for its own")
        return self._dialogue.append(octets, name, words, received)

    # Waiting.

    def _idle(self, seconds: float) -> Flow[bool]:
        total = self.server.timeouts.total
        # DONE and its reply need some of the call's time too.
        return self._dialogue.idle(min(seconds, total / 2) if total else seconds)


def as_imap_server(server: Server | str) -> Server:
    """A server that speaks IMAP: from a host name (never a URL), or a Server of whatever protocol."""
    known = server if isinstance(server, Server) else Server(server, dialect=Dialect.IMAP)
    return known.with_dialect(Dialect.IMAP)


def recorder_of(transcript: Transcript | None) -> Transcript | None:
    """The transcript of a session, letters by their size; the log of its own where there is none."""
    recorder = transcript if transcript is not None else log_if_wanted("courriel.imap")
    return ImapTranscript(recorder) if recorder is not None else None


def as_search(search: Search | None, wanted: dict[str, Any]) -> Search:
    """A Search, given as such or by its words. Raises UsageError."""
    if search is not None:
        if wanted or not isinstance(search, Search):
            raise errors.UsageError("search: a Search, or words such as unseen=True")
        return search
    unknown = sorted(wanted.keys() - Search.__dataclass_fields__.keys())
    if unknown:
        words = ", ".join(Search.__dataclass_fields__)
        raise errors.UsageError(f"search: there is no {', '.join(unknown)}; there are {words}")
    return Search(**wanted)


def folder_name(name: object) -> str:
    """Check the name of a folder. Raises UsageError, for control characters too (hazard H42)."""
    if not isinstance(name, str) or not name:
        raise errors.UsageError(f"{name!r} is not the name of a folder")
    _ = syntax.text("the name of a folder", name)
    return name


def extent_of(*, whole: bool, listing: bool) -> Extent:
    """How much of each letter is fetched. Raises UsageError for a contradiction."""
    if whole and listing:
        raise errors.UsageError("whole=True and listing=True: of each letter everything, or the fields of a list")
    return Extent.WHOLE if whole else Extent.LISTING if listing else Extent.HEADER


# The steps.


def _referenced(letters: _Refs) -> tuple[set[tuple[str, int]], tuple[int, ...]]:
    """Folders and UIDs of letters; of numbers alone no folder. Raises UsageError for anything else."""
    if isinstance(letters, LetterSequence):
        return {letters.folder_id}, letters.uids
    if isinstance(letters, FolderLetter | int):
        letters = [letters]
    if isinstance(letters, str | bytes) or not isinstance(letters, Iterable):
        raise errors.UsageError(f"{letters!r} is neither a letter nor a number of one")
    listed = tuple(letters)
    places = {each.folder_id for each in listed if isinstance(each, FolderLetter)}
    return places, checked_uids(each.uid if isinstance(each, FolderLetter) else each for each in listed)


def _message_id(header: bytes) -> str:
    return Letter.parse(header).message_id
