"""The folders of an IMAP mailbox: list, select, create, rename, remove."""

from __future__ import annotations

from collections.abc import Sequence

from courriel import errors
from courriel.model.received.folder import Folder, FolderStatus, Selection
from courriel.session.imap.base import SelectedMailbox
from courriel.wire.imap import syntax as wire

INBOX = "INBOX"
_SPECIAL = {
    b"\\sent": "sent", b"\\drafts": "drafts", b"\\trash": "trash", b"\\junk": "junk", b"\\archive": "archive",
    b"\\all": "all", b"\\flagged": "flagged",
}  # fmt: skip
# Usual names of those folders, for servers without SPECIAL-USE; the first that exists is taken.
_USUAL = {
    "sent": ("Sent", "Sent Items", "Sent Messages", "INBOX.Sent", "Envoyés", "Éléments envoyés", "INBOX.Envoyes"),
    "drafts": ("Drafts", "INBOX.Drafts", "Brouillons", "INBOX.Brouillons"),
    "trash": ("Trash", "Deleted Items", "Deleted Messages", "INBOX.Trash", "Corbeille", "Éléments supprimés"),
    "junk": ("Junk", "Spam", "Junk E-mail", "INBOX.Junk", "INBOX.Spam", "Indésirables", "Courrier indésirable"),
    "archive": ("Archive", "Archives", "INBOX.Archive"),
}


class WithFolders(SelectedMailbox):
    """An IMAP session with its folders, one of which is selected; see ImapSession."""

    def folders(self, pattern: str = "*") -> list[Folder]:
        """Folders whose names match `pattern`: `*` matches anything, `%` anything within one level."""
        name = folder_name(pattern)
        with self._call(lambda: None):
            return [_folder(*each) for each in self._open_client.folders(name)]

    def special(self, use: str) -> str:
        """Name of the folder for "sent", "drafts", "trash", "junk" or "archive".

        It is the one that the server marks so (RFC 6154), else the first with a usual name, in English or in French.
        Raises NotSupported when there is none.
        """
        if use not in _SPECIAL.values():
            raise errors.UsageError(f"{use!r} is none of {', '.join(_SPECIAL.values())}")
        known = self.folders()
        for folder in known:
            if folder.special == use:
                return folder.name
        names = {folder.name for folder in known if folder.selectable}
        for name in _USUAL.get(use, ()):
            if name in names:
                return name
        raise errors.NotSupported(
            f"no folder of this mailbox is kept for {use!r}; name one", capability="SPECIAL-USE", stage="mailbox",
            server=str(self.server),
        )  # fmt: skip

    def select(self, folder: str = INBOX, *, read_only: bool = False) -> Selection:
        """Select this folder; with `read_only`, or where the server refuses changes, for reading only.

        Raises CommandRefused when the folder does not exist; none is selected then.
        """
        name = folder_name(folder)
        self.selected = None
        try:
            with self._using_client("mailbox") as client:
                response = client.select_folder(name, readonly=read_only)
        except errors.CommandRefused as refused:
            if not isinstance(refused.__cause__, _read_only_error()):
                raise
            return self.select(folder, read_only=True)
        selection = Selection(
            name,
            count=response.get(b"EXISTS", 0),
            uid_validity=response.get(b"UIDVALIDITY", 0),
            uid_next=response.get(b"UIDNEXT"),
            read_only=read_only,
        )
        self.selected = selection
        # The counts in the answer to SELECT are no change.
        self._dialogue.exchange.news = False
        return selection

    def status(self, folder: str = INBOX) -> FolderStatus:
        """Number of letters and of unread ones in a folder, without selecting it."""
        name = folder_name(folder)
        with self._using_client("mailbox") as client:
            response = client.folder_status(name, ("MESSAGES", "UNSEEN", "UIDVALIDITY", "UIDNEXT"))
        numbers = [response.get(key, 0) for key in (b"MESSAGES", b"UNSEEN", b"UIDVALIDITY", b"UIDNEXT")]
        return FolderStatus(name, *numbers)

    def create(self, folder: str) -> None:
        """Create a folder, and subscribe to it, so that mail programs show it. Raises CommandRefused when it exists."""
        name = folder_name(folder)
        with self._using_client("mailbox") as client:
            client.create_folder(name)
            client.subscribe_folder(name)

    def rename(self, folder: str, new_name: str) -> None:
        """Rename a folder; its letters and subfolders move with it."""
        with self._using_client("mailbox") as client:
            client.rename_folder(folder_name(folder), folder_name(new_name))

    def remove(self, folder: str) -> None:
        """Remove a folder with all the letters in it, for good."""
        name = folder_name(folder)
        with self._using_client("mailbox") as client:
            client.delete_folder(name)

    # The steps.

    def _require_selection(self) -> Selection:
        if self.selected is None:
            raise errors.UsageError("no folder is selected: select one")
        return self.selected

    def _ensure_selected(self) -> Selection:
        return self.selected or self.select()

    def _require_folder(self, folder_id: tuple[str, int]) -> None:
        selection = self.selected
        if selection is None or selection.name != folder_id[0]:
            now = f"{selection.name!r} is" if selection else "no folder is"
            raise errors.UsageError(f"these letters are in {folder_id[0]!r}, and {now} selected: select it again")
        if selection.uid_validity != folder_id[1]:
            raise errors.UsageError(f"the server has renumbered the letters in {folder_id[0]!r}: search for them again")


def _folder(flags: Sequence[bytes], separator: bytes | None, name: str) -> Folder:
    lowered = {flag.lower() for flag in flags if isinstance(flag, bytes)}
    special = next((word for flag, word in _SPECIAL.items() if flag in lowered), "")
    selectable = not lowered & {b"\\noselect", b"\\nonexistent"}
    return Folder(name, (separator or b"").decode("ascii", "replace"), special, selectable)


def folder_name(name: object) -> str:
    """Check the name of a folder. Raises UsageError, for control characters too (hazard H42)."""
    if not isinstance(name, str) or not name:
        raise errors.UsageError(f"{name!r} is not the name of a folder")
    wire.text("the name of a folder", name)
    return name


def _read_only_error() -> type[BaseException]:
    from imaplib import IMAP4  # noqa: PLC0415 - with the extra

    return IMAP4.readonly
