"""Commands about folders: SELECT, CREATE, LIST, STATUS and their like (RFC 9051 6.3)."""

from __future__ import annotations

from courriel.dialogue.flow import Flow
from courriel.dialogue.server.imap.connection import ImapCommand
from courriel.dialogue.server.imap.listing import listing
from courriel.dialogue.server.imap.state import Commands, ImapState
from courriel.dialogue.server.imap.view import FolderView
from courriel.dialogue.server.mail_store import MailFolder
from courriel.wire.imap.values import Value
from courriel.wire.imap_server import writing
from courriel.wire.imap_server.arguments import Arguments
from courriel.wire.imap_server.number_sets import NumberSet
from courriel.wire.smtp.server_syntax import Objection

_SPECIAL = {
    f"\\{word}".lower(): f"\\{word}" for word in ("All", "Archive", "Drafts", "Flagged", "Junk", "Sent", "Trash")
}

_TURN = 10  # folders, behind which the other sessions have their turn
_MOST_SUBSCRIBED = 1000  # names, also of folders that are gone


class FolderCommands:
    """Commands about folders, of one session."""

    def __init__(self, state: ImapState) -> None:
        self._state = state
        self._connection = state.connection
        self.commands: Commands = {
            "SELECT": self._select, "EXAMINE": self._select, "CLOSE": self._close, "UNSELECT": self._unselect,
            "CREATE": self._create, "DELETE": self._delete, "RENAME": self._rename, "SUBSCRIBE": self._subscribe,
            "UNSUBSCRIBE": self._subscribe, "LIST": self._list, "LSUB": self._list, "STATUS": self._status,
            "NAMESPACE": self._namespace,
        }  # fmt: skip

    # Selecting.

    def _select(self, command: ImapCommand) -> Flow[None]:
        arguments = self._arguments(command)
        name = arguments.folder()
        parameters = Arguments(arguments.group("Parameters")) if arguments.left else None
        arguments.end()
        known: list[Value] = []
        while parameters is not None and parameters.left:
            word = parameters.word("A parameter")
            if word == "QRESYNC" and "QRESYNC" in self._state.enabled:
                known = parameters.group("What is known")
            elif word != "CONDSTORE":
                raise Objection(500, "There is no such parameter, or it was not switched on (ENABLE)")
            self._state.enable("CONDSTORE")
        if self._state.view is not None:
            self._state.select(None)
            self._connection.untagged(b"OK [CLOSED] The folder before is closed")
        folder = self._state.expect_account().folder(name)
        view = FolderView(folder, read_only=command.verb == "EXAMINE")
        self._state.select(view)
        self._describe(view)
        if known:
            self._resynchronise(view, Arguments(known))
        word = "READ-ONLY" if view.read_only else "READ-WRITE"
        self._connection.ok(f"[{word}] Selected")
        yield from ()

    def _describe(self, view: FolderView) -> None:
        """The untagged responses to SELECT (RFC 9051 6.3.2)."""
        folder, say = view.folder, self._connection.untagged
        say(b"FLAGS " + view.known_flags())
        kept = b"()" if view.read_only else view.known_flags()[:-1] + b" \\*)"
        say(b"OK [PERMANENTFLAGS %b] These are kept" % kept)
        say(b"%d EXISTS" % len(view.letters))
        if not self._state.rev2:
            say(b"%d RECENT" % view.recent)
            unseen = next((place for place, each in enumerate(view.letters, 1) if "\\Seen" not in each.flags), 0)
            if unseen:
                say(b"OK [UNSEEN %d] The first that was not seen" % unseen)
        say(b"OK [UIDVALIDITY %d] UIDs are valid" % folder.uid_validity)
        say(b"OK [UIDNEXT %d] The next UID" % folder.uid_next)
        say(b"OK [HIGHESTMODSEQ %d] The last change" % folder.modseq)
        if self._state.rev2:
            name = writing.folder_name(folder.name, utf8=True)
            say(b'LIST (%b) "/" %b' % (folder.special.encode("ascii"), name))

    def _resynchronise(self, view: FolderView, known: Arguments) -> None:
        """Tell what has changed since the client's state (QRESYNC, RFC 7162 3.2.5)."""
        validity, modseq = known.number("UIDVALIDITY"), known.number("MODSEQ")
        of_interest = NumberSet(known.atom("UIDs")) if known.left and isinstance(known.look(), str) else None
        if validity != view.folder.uid_validity:
            return
        gone = vanished_since(view.folder, modseq, of_interest)
        if gone:
            self._connection.untagged(b"VANISHED (EARLIER) " + writing.number_set(gone))
        wanted = None if of_interest is None else set(of_interest.among(view.uids))
        for letter in view.letters:
            if letter.modseq > modseq and (wanted is None or letter.uid in wanted):
                self._connection.untagged(view.fetch_flags(letter, uid=True))

    def _close(self, command: ImapCommand) -> Flow[None]:
        self._arguments(command).end()
        view = self._state.expect_view()
        if not view.read_only:
            _ = view.folder.remove([letter.uid for letter in view.letters if "\\Deleted" in letter.flags])
        self._state.select(None)
        self._connection.ok("Closed")
        yield from ()

    def _unselect(self, command: ImapCommand) -> Flow[None]:
        self._arguments(command).end()
        _ = self._state.expect_view()
        self._state.select(None)
        self._connection.ok("Nothing is selected")
        yield from ()

    # Making and removing.

    def _create(self, command: ImapCommand) -> Flow[None]:
        arguments = self._arguments(command)
        name, special = arguments.folder(), ""
        if arguments.left:
            parameters = Arguments(arguments.group("Parameters"))
            if parameters.word("USE") != "USE":
                raise Objection(500, "There is no such parameter")
            uses = [each.lower() if isinstance(each, str) else "" for each in parameters.group("Special uses")]
            if len(uses) > 1 or not set(uses) <= set(_SPECIAL):
                raise Objection(550, "[USEATTR] A folder has one special use, of RFC 6154")
            special = _SPECIAL[uses[0]] if uses else ""
        arguments.end()
        self._state.expect_account().create(name, special)
        self._state.finish("Created")
        yield from ()

    def _delete(self, command: ImapCommand) -> Flow[None]:
        arguments = self._arguments(command)
        name = arguments.folder()
        arguments.end()
        self._state.expect_account().delete(name)
        self._state.finish("Deleted")
        yield from ()

    def _rename(self, command: ImapCommand) -> Flow[None]:
        arguments = self._arguments(command)
        name, to = arguments.folder(), arguments.folder()
        arguments.end()
        self._state.expect_account().rename(name, to)
        self._state.finish("Renamed")
        yield from ()

    def _subscribe(self, command: ImapCommand) -> Flow[None]:
        arguments = self._arguments(command)
        name = arguments.folder()
        arguments.end()
        account = self._state.expect_account()
        if command.verb == "SUBSCRIBE":
            if len(account.subscribed) >= _MOST_SUBSCRIBED:
                raise Objection(552, "[LIMIT] There are too many subscriptions")
            account.subscribed.add(account.folder(name).name)
        else:
            account.subscribed.discard(name)
        self._state.finish("Noted")
        yield from ()

    # Listing.

    def _list(self, command: ImapCommand) -> Flow[None]:
        account = self._state.expect_account()
        arguments = self._arguments(command)
        asked, found = listing(account, arguments, utf8=self._state.utf8, old=command.verb == "LSUB")
        for count, (folder, response) in enumerate(found, 1):
            if not count % _TURN:
                yield from self._connection.give_way("mailbox")
            if not response:
                continue
            self._connection.untagged(response)
            if asked and folder is not None:
                self._connection.untagged(self._counted(folder, asked))
        self._state.finish("Listed")

    def _status(self, command: ImapCommand) -> Flow[None]:
        arguments = self._arguments(command)
        name, items = arguments.folder(), arguments.group("What of it")
        arguments.end()
        words = [each.upper() if isinstance(each, str) else "" for each in items]
        folder = self._state.expect_account().folder(name)
        self._connection.untagged(self._counted(folder, words))
        self._state.finish("That is all")
        yield from ()

    def _counted(self, folder: MailFolder, words: list[str]) -> bytes:
        """STATUS response. Raises Objection for a word that is none."""
        letters = folder.letters()
        seen = sum("\\Seen" in letter.flags for letter in letters)
        deleted = sum("\\Deleted" in letter.flags for letter in letters)
        recent = self._state.view.recent if self._state.view and self._state.view.folder is folder else 0
        numbers = {
            "MESSAGES": len(letters), "RECENT": recent, "UIDNEXT": folder.uid_next,
            "UIDVALIDITY": folder.uid_validity, "UNSEEN": len(letters) - seen, "DELETED": deleted,
            "SIZE": sum(letter.content.size for letter in letters), "HIGHESTMODSEQ": folder.modseq,
            "APPENDLIMIT": self._state.config.limits.message,
        }  # fmt: skip
        if not words or not set(words) <= set(numbers):
            raise Objection(500, "There is no such number of a folder")
        if "HIGHESTMODSEQ" in words:
            self._state.enable("CONDSTORE")
        told = " ".join(f"{word} {numbers[word]}" for word in dict.fromkeys(words))
        return b"STATUS %b (%b)" % (writing.folder_name(folder.name, utf8=self._state.utf8), told.encode("ascii"))

    def _namespace(self, command: ImapCommand) -> Flow[None]:
        self._arguments(command).end()
        self._connection.untagged(b'NAMESPACE (("" "/")) NIL NIL')
        self._state.finish("That is all")
        yield from ()

    # The steps.

    def _arguments(self, command: ImapCommand) -> Arguments:
        return command.arguments(utf8=self._state.utf8)


def vanished_since(folder: MailFolder, modseq: int, among: NumberSet | None) -> list[int]:
    """UIDs removed since that change; more, all that do not exist, where the folder does not remember so much."""
    gone = folder.changes(modseq).gone
    if gone is None:
        here = {letter.uid for letter in folder.letters()}
        everything = range(1, folder.uid_next)
        return [uid for uid in (everything if among is None else among.among(everything)) if uid not in here]
    found = sorted(gone)
    return found if among is None else among.among(found)
