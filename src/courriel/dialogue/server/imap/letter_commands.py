"""Commands that change letters: STORE, COPY, MOVE, EXPUNGE (RFC 9051 6.4)."""

from __future__ import annotations

from collections.abc import Sequence

from courriel.dialogue.flow import Flow
from courriel.dialogue.server.imap.connection import ImapCommand
from courriel.dialogue.server.imap.state import Commands, ImapState
from courriel.dialogue.server.mail_store import FlagChange, MailFolder, StoredLetter
from courriel.wire.imap_server import writing
from courriel.wire.imap_server.arguments import Arguments
from courriel.wire.smtp.server_syntax import Objection

_CHANGES: dict[str, FlagChange] = {"FLAGS": "set", "+FLAGS": "add", "-FLAGS": "remove"}
_TURN = 1000  # letters, behind which the other sessions have their turn


class LetterCommands:
    """STORE, COPY, MOVE, EXPUNGE and their UID forms, of one session."""

    def __init__(self, state: ImapState) -> None:
        self._state = state
        self._connection = state.connection
        self.commands: Commands = {
            "STORE": self._store, "UID STORE": self._store, "COPY": self._copy, "UID COPY": self._copy,
            "MOVE": self._move, "UID MOVE": self._move, "EXPUNGE": self._expunge, "UID EXPUNGE": self._expunge,
        }  # fmt: skip

    def _store(self, command: ImapCommand) -> Flow[None]:
        by_uid = command.verb.startswith("UID ")
        view = self._state.expect_writable()
        arguments = self._arguments(command)
        chosen = view.chosen(arguments.atom("A set of numbers"), by_uid=by_uid)
        unchanged_since = -1
        if isinstance(arguments.look(), list):
            modifiers = Arguments(arguments.group("Modifiers"))
            if modifiers.word("A modifier") != "UNCHANGEDSINCE":
                raise Objection(500, "There is no such modifier")
            unchanged_since = modifiers.number("UNCHANGEDSINCE")
            self._state.enable("CONDSTORE")
        word, silent, _ = arguments.word("FLAGS").partition(".SILENT")
        if word not in _CHANGES:
            raise Objection(500, "FLAGS, +FLAGS or -FLAGS should stand here")
        flags = arguments.flags()
        changeable = [each for each in chosen if unchanged_since < 0 or each[1].modseq <= unchanged_since]
        # What others have changed is told first, so that none of it is taken for the client's own change.
        self._state.tell_news(expunge=False, uid=by_uid)
        view.folder.mark([letter for _, letter in changeable], _CHANGES[word], flags)
        for response in view.keyword_news():
            self._connection.untagged(response)
        for count, (_, letter) in enumerate(changeable, 1):
            view.knows(letter)
            if not silent or (self._state.view is not None and view.counts_changes):
                self._connection.untagged(
                    view.fetch_flags(letter, uid=by_uid)
                    if not silent
                    else b"%d FETCH (UID %d MODSEQ (%d))" % (view.number_of(letter.uid), letter.uid, letter.modseq)
                )
            if not count % _TURN:
                yield from self._connection.give_way("mailbox")
        kept = [each for each in chosen if unchanged_since >= 0 and each not in changeable]
        if kept:
            numbers = [letter.uid if by_uid else number for number, letter in kept]
            words = f"[MODIFIED {writing.number_set(numbers).decode('ascii')}] Somebody has changed these"
            self._state.finish(words, expunge=by_uid, uid=by_uid)
        else:
            self._state.finish("Stored", expunge=by_uid, uid=by_uid)

    def _copy(self, command: ImapCommand) -> Flow[None]:
        chosen, target = self._chosen_for(command)
        copied = copy_letters(chosen, target)
        self._state.finish(f"{_copyuid(chosen, target, copied)}Copied".lstrip())
        yield from ()

    def _move(self, command: ImapCommand) -> Flow[None]:
        view = self._state.expect_writable()
        chosen, target = self._chosen_for(command)
        copied = copy_letters(chosen, target)
        if chosen:
            code = _copyuid(chosen, target, copied)
            self._connection.untagged(f"OK {code}Moved".encode("ascii"))
            _ = view.folder.remove([letter.uid for letter in chosen])
        self._state.finish("Done")
        yield from ()

    def _expunge(self, command: ImapCommand) -> Flow[None]:
        view = self._state.expect_writable()
        arguments = self._arguments(command)
        if command.verb == "UID EXPUNGE":
            letters = [letter for _, letter in view.chosen(arguments.atom("A set of numbers"), by_uid=True)]
        else:
            letters = view.letters
        arguments.end()
        _ = view.folder.remove([letter.uid for letter in letters if "\\Deleted" in letter.flags])
        code = f"[HIGHESTMODSEQ {view.folder.modseq}] " if view.vanishes else ""
        self._state.finish(f"{code}Expunged")
        yield from ()

    # The steps.

    def _arguments(self, command: ImapCommand) -> Arguments:
        return command.arguments(utf8=self._state.utf8)

    def _chosen_for(self, command: ImapCommand) -> tuple[list[StoredLetter], MailFolder]:
        """Letters and folder of COPY and MOVE. Raises Objection (NO [TRYCREATE])."""
        view = self._state.expect_view()
        arguments = self._arguments(command)
        chosen = view.chosen(arguments.atom("A set of numbers"), by_uid=command.verb.startswith("UID "))
        name = arguments.folder()
        arguments.end()
        return [letter for _, letter in chosen if not view.is_gone(letter.uid)], target_folder(self._state, name)


def target_folder(state: ImapState, name: str) -> MailFolder:
    """Folder that letters are to be put into. Raises Objection (NO [TRYCREATE])."""
    try:
        return state.expect_account().folder(name)
    except Objection as missing:
        if missing.reply.code != 550:
            raise
        raise Objection(550, "[TRYCREATE] There is no such folder") from None


def copy_letters(letters: Sequence[StoredLetter], target: MailFolder) -> list[int]:
    """Put letters into a folder, all or none; return their UIDs there. Raises Objection."""
    uids: list[int] = []
    try:
        for letter in letters:
            added = target.add(letter.content, letter.flags, letter.received)
            uids.append(added.uid)
    except Objection:
        _ = target.remove(uids)
        raise
    return uids


def _copyuid(letters: Sequence[StoredLetter], target: MailFolder, copied: Sequence[int]) -> str:
    if not letters:
        return ""
    source = writing.number_set(letter.uid for letter in letters).decode("ascii")
    return f"[COPYUID {target.uid_validity} {source} {writing.number_set(copied).decode('ascii')}] "
