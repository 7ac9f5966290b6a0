"""Folders of an IMAP mailbox: list, select, create, rename, remove (RFC 9051 6.3)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress

from courriel import errors
from courriel.dialogue.flow import Flow
from courriel.dialogue.imap.connection import ImapConnection
from courriel.dialogue.imap.replies import Answer, reply_of, values_of
from courriel.model.received.folder import Folder, FolderStatus, Selection
from courriel.wire.imap import folder_names, syntax
from courriel.wire.imap.listing import Listed, read_listed, read_status_data
from courriel.wire.imap.parser import Untagged
from courriel.wire.imap.values import octets_of

INBOX = "INBOX"
_SPECIAL = {
    "\\sent": "sent", "\\drafts": "drafts", "\\trash": "trash", "\\junk": "junk", "\\archive": "archive",
    "\\all": "all", "\\flagged": "flagged",
}  # fmt: skip
_COUNTED = ("MESSAGES", "UNSEEN", "UIDVALIDITY", "UIDNEXT")
_IDENTITY = b'("name" "courriel")'


class ImapFolders(ImapConnection):
    """IMAP client with folders, one of which may be selected; see ImapDialogue.

    A folder is written as it was listed: a server may list names that it would encode otherwise, or not at all.
    """

    selected: Selection | None = None
    kept_flags: frozenset[str] | None = None
    """Flags that the selected folder keeps, in lower case; `\\*` stands for any keyword. None: it does not say."""
    enabled: set[str]
    """Extensions that were switched on (ENABLE)."""
    _identified = False
    _in_utf8 = False  # encoding of the names that were listed
    _append_limits: dict[str, int | None]  # of folders, on this connection
    _listed: dict[str, bytes]  # octets of the folders, by the names that are shown

    def open(self) -> Flow[None]:
        """Connect and log in; switch UTF-8 on where the server has it, for names and headers (RFC 6855)."""
        before = self._in_utf8
        yield from super().open()
        if "UTF8" in self.capabilities:
            yield from self.enable("UTF8=ACCEPT")
        self._in_utf8 = "UTF8=ACCEPT" in self.enabled
        if self._in_utf8 is not before:
            self._listed.clear()  # the same octets name other folders now

    @property
    def in_utf8(self) -> bool:
        """UTF-8 mode of this connection (UTF8=ACCEPT, RFC 6855): folder names, searches and headers are UTF-8."""
        return "UTF8=ACCEPT" in self.enabled

    def folders(self, pattern: str) -> Flow[list[Folder]]:
        """Folders whose names match `pattern`: `*` matches anything, `%` anything within one level."""
        answer = yield from self.ask("mailbox", b"LIST", b'""', self.written(pattern))
        return [self._folder(listed) for listed in _listed(answer)]

    def select(self, name: str, *, read_only: bool = False) -> Flow[Selection]:
        """Select this folder; for reading only, if that is asked, or if the server says so. Raises CommandRefused.

        None is selected after a refusal.
        """
        words = b"EXAMINE" if read_only else b"SELECT", self.written(name)
        answer = yield from self._open_folder(*words)
        self.selected = _selection(name, answer, read_only=read_only)
        self.kept_flags = _kept_flags(answer)
        return self.selected

    def select_for_changes(self, name: str, parameter: bytes) -> Flow[Answer]:
        """Select this folder for reading only, with a parameter such as (CONDSTORE) (RFC 7162); return the answer."""
        answer = yield from self._open_folder(b"EXAMINE", self.written(name), *([parameter] if parameter else []))
        self.selected = _selection(name, answer, read_only=True)
        self.kept_flags = _kept_flags(answer)
        return answer

    def enable(self, extension: str) -> Flow[None]:
        """Switch an extension on, once for each connection (RFC 5161); a refusal changes nothing."""
        if extension in self.enabled or "ENABLE" not in self.capabilities:
            return
        yield from self.settle()
        answer = yield from self.exchange.command("mailbox", b"ENABLE", extension.encode("ascii"))
        for response in answer.named("ENABLED"):
            self.enabled |= set(b"".join(response.pieces).decode("latin-1").upper().split())

    def select_something(self) -> Flow[Selection]:
        """The selected folder; INBOX, selected now, when there is none."""
        return self.selected or (yield from self.select(INBOX))

    def status(self, name: str) -> Flow[FolderStatus]:
        """Number of letters and of unread ones in a folder, without selecting it."""
        answer = yield from self.ask("mailbox", b"STATUS", self.written(name), f"({' '.join(_COUNTED)})".encode())
        data: dict[str, int] = {}
        for response in answer.named("STATUS"):
            data.update(read_status_data(values_of(response)))
        return FolderStatus(name, *(data.get(key, 0) for key in _COUNTED))

    def statuses(self, pattern: str) -> Flow[list[FolderStatus]]:
        """Status of all folders whose names match; in one command where the server can (LIST-STATUS, RFC 5819).

        A folder whose status the server refuses is left out.
        """
        counted = f"({' '.join(_COUNTED)})".encode()
        wanted = [b"RETURN", b"(STATUS %b)" % counted] if "LIST-STATUS" in self.capabilities else []
        answer = yield from self.ask("mailbox", b"LIST", b'""', self.written(pattern), *wanted)
        told = {name: data for response in answer.named("STATUS") for name, data in _status_of(response)}
        found: list[FolderStatus] = []
        for listed in _listed(answer):
            folder = self._folder(listed)
            data = told.get(_comparable(listed.name))
            if data is not None:
                found.append(FolderStatus(folder.name, *(data.get(key, 0) for key in _COUNTED)))
            elif folder.selectable:
                with suppress(errors.CommandRefused):
                    found.append((yield from self.status(folder.name)))
        return found

    def append_limit(self, name: str) -> Flow[int | None]:
        """Octets of the largest letter that can be stored in a folder (RFC 7889); None where the server tells none."""
        told = self.capabilities.get("APPENDLIMIT")
        if told is None:
            return None
        if told:
            return _number(told)
        if name not in self._append_limits:
            yield from self.settle()
            answer = yield from self.exchange.command("mailbox", b"STATUS", self.written(name), b"(APPENDLIMIT)")
            data = (data for response in answer.named("STATUS") for _, data in _status_of(response))
            self._append_limits[name] = next((each["APPENDLIMIT"] for each in data if "APPENDLIMIT" in each), None)
        return self._append_limits[name]

    def create(self, name: str) -> Flow[None]:
        """Create a folder, and subscribe to it, so that mail programs show it. Raises CommandRefused when it exists."""
        _ = yield from self.ask("mailbox", b"CREATE", self.written(name))
        _ = yield from self.ask("mailbox", b"SUBSCRIBE", self.written(name))

    def rename(self, name: str, new_name: str) -> Flow[None]:
        """Rename a folder; its letters and subfolders move with it."""
        _ = yield from self.ask("mailbox", b"RENAME", self.written(name), self.written(new_name))
        _ = self._listed.pop(name, None)

    def remove(self, name: str) -> Flow[None]:
        """Remove a folder with all the letters in it, for good."""
        _ = yield from self.ask("mailbox", b"DELETE", self.written(name))
        _ = self._listed.pop(name, None)

    # Where letters are.

    @property
    def place(self) -> tuple[str, int]:
        """Name and UIDVALIDITY of the selected folder. Raises UsageError when there is none."""
        if self.selected is None:
            raise errors.UsageError("no folder is selected: select one")
        return self.selected.name, self.selected.uid_validity

    def expect_at(self, place: tuple[str, int]) -> None:
        """Raise UsageError unless this folder is selected, with the same UIDVALIDITY."""
        selection = self.selected
        if selection is None or selection.name != place[0]:
            now = f"{selection.name!r} is" if selection else "no folder is"
            raise errors.UsageError(f"these letters are in {place[0]!r}, and {now} selected: select it again")
        if selection.uid_validity != place[1]:
            raise errors.UsageError(f"the server has renumbered the letters in {place[0]!r}: search for them again")

    # The steps.

    def _open_folder(self, *words: bytes) -> Flow[Answer]:
        """Send SELECT or EXAMINE; none is selected after a refusal. Raises CommandRefused."""
        yield from self.settle()
        self.selected = self.kept_flags = None
        answer = yield from self.exchange.command("mailbox", *words)
        if self._asks_for_identity(answer):
            # Servers of NetEase (163.com, 126.com) open no folder to a program that has not said its name.
            _ = yield from self.exchange.command("mailbox", b"ID", _IDENTITY)
            self._identified = True
            answer = yield from self.exchange.command("mailbox", *words)
        if answer.status.word != "OK":
            raise errors.CommandRefused(reply_of(answer.status), stage="mailbox")
        # The counts in the answer to SELECT are no change.
        self.exchange.news = self.exchange.stirred = False
        return answer

    def _reset(self) -> None:
        super()._reset()
        self.selected = self.kept_flags = None
        self._identified = False
        self.enabled = set()
        self._append_limits = {}
        # Names that were listed stay known: the folders are the same on the next connection.
        self._listed = getattr(self, "_listed", {})

    def _folder(self, listed: Listed) -> Folder:
        flags = {flag.lower() for flag in listed.flags}
        special = next((word for flag, word in _SPECIAL.items() if flag in flags), "")
        selectable = not flags & {"\\noselect", "\\nonexistent"}
        return Folder(self._shown(listed.name), listed.separator, special, selectable)

    def _shown(self, octets: bytes) -> str:
        """Name of a listed folder; one that would look like another one is shown as it was listed."""
        name = folder_names.shown(octets, utf8=self.in_utf8)
        if self._octets_of(name) != octets:
            if self._listed.get(name, octets) != octets:
                name = octets.decode("ascii", "backslashreplace")
            self._listed[name] = octets
        else:
            _ = self._listed.setdefault(name, octets)
        return name

    def _octets_of(self, name: str) -> bytes:
        try:
            return self._listed.get(name) or folder_names.encoded(name, utf8=self.in_utf8)
        except UnicodeEncodeError:
            raise errors.UsageError("the name of a folder holds half a character (a lone surrogate)") from None

    def written(self, name: str) -> bytes:
        return syntax.octets(self._octets_of(name))

    def _asks_for_identity(self, answer: Answer) -> bool:
        refused = answer.status.word == "NO" and "unsafe login" in answer.status.text.lower()
        return refused and "ID" in self.capabilities and not self._identified


def _listed(answer: Answer) -> Iterator[Listed]:
    for response in answer.named("LIST"):
        listed = read_listed(values_of(response), response.pieces)
        if listed is not None:
            yield listed


def _status_of(response: Untagged) -> Iterator[tuple[bytes, dict[str, int]]]:
    """Name and numbers of a STATUS response."""
    values = values_of(response)
    name = octets_of(values[0]) if values else None
    if name is not None:
        yield _comparable(name), read_status_data(values)


def _comparable(name: bytes) -> bytes:
    """The name itself; INBOX in capitals, which is the same in any case (RFC 9051 5.1)."""
    return name.upper() if name.upper() == INBOX.encode() else name


def _selection(name: str, answer: Answer, *, read_only: bool) -> Selection:
    counts = [response.number for response in answer.named("EXISTS") if response.number is not None]
    uid_next = _number(answer.code("UIDNEXT"))
    return Selection(
        name,
        count=counts[-1] if counts else 0,
        uid_validity=_number(answer.code("UIDVALIDITY")) or 0,
        uid_next=uid_next or None,
        read_only=read_only or answer.status.code.upper().startswith("READ-ONLY"),
    )


def _kept_flags(answer: Answer) -> frozenset[str] | None:
    codes = [code for code in answer.codes() if code.upper().startswith("PERMANENTFLAGS ")]
    if not codes:
        return None
    return frozenset(codes[-1].partition(" ")[2].strip().removeprefix("(").removesuffix(")").lower().split())


def _number(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 20 else None
