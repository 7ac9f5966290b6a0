"""APPEND: letters from the client into a folder, all of one command or none (RFC 9051 6.3.12, RFC 3502)."""

from __future__ import annotations

import datetime as dt

from courriel.dialogue.flow import Flow
from courriel.dialogue.server.imap.connection import ImapCommand
from courriel.dialogue.server.imap.letter_commands import target_folder
from courriel.dialogue.server.imap.state import Commands, ImapState
from courriel.wire.imap.dates import read_date
from courriel.wire.imap_server import writing
from courriel.wire.imap_server.arguments import Arguments
from courriel.wire.imap_server.letter_tree import LetterContent
from courriel.wire.smtp.server_syntax import Objection

_LONGEST_DATE = 40  # octets


class AppendCommand:
    """APPEND, of one session."""

    def __init__(self, state: ImapState) -> None:
        self._state = state
        self.commands: Commands = {"APPEND": self._append}

    def _append(self, command: ImapCommand) -> Flow[None]:
        arguments = command.arguments(utf8=self._state.utf8)
        folder = target_folder(self._state, arguments.folder())
        letters: list[tuple[list[str], dt.datetime, bytes]] = []
        while arguments.left or not letters:
            letters.append(self._letter(arguments))
        uids: list[int] = []
        try:
            for flags, received, octets in letters:
                added = folder.add(LetterContent(octets), flags, received)
                uids.append(added.uid)
        except Objection:
            _ = folder.remove(uids)
            raise
        self._state.finish(f"[APPENDUID {folder.uid_validity} {writing.number_set(uids).decode('ascii')}] Here it is")
        yield from ()

    # The steps.

    def _letter(self, arguments: Arguments) -> tuple[list[str], dt.datetime, bytes]:
        flags = arguments.flags() if isinstance(arguments.look(), list) else []
        received = dt.datetime.now(dt.UTC).replace(microsecond=0)
        octets = self._octets(arguments)
        if arguments.left and len(octets) <= _LONGEST_DATE and not isinstance(arguments.look(), list):
            moment = read_date(octets)
            if moment is None:
                raise Objection(500, 'A date of arrival is written "29-Nov-2026 10:00:00 +0000"')
            received, octets = moment, self._octets(arguments)
        return flags, received, octets

    @staticmethod
    def _octets(arguments: Arguments) -> bytes:
        look = arguments.look()
        if isinstance(look, str) and look.upper() == "UTF8":
            # RFC 6855 4: a letter with UTF-8 in its header.
            _ = arguments.value("UTF8")
            inner = Arguments(arguments.group("A letter"))
            octets = inner.value("A letter")
            inner.end()
        else:
            octets = arguments.value("A letter")
        if not isinstance(octets, bytes):
            raise Objection(500, "A letter stands as a literal behind APPEND")
        if not octets:
            raise Objection(550, "[CANNOT] A letter without an octet is none")
        return octets
