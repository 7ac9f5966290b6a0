"""SEARCH and SORT, with ESEARCH, SEARCHRES and MODSEQ (RFC 9051 6.4.4, RFC 4731, RFC 5182, RFC 5256, RFC 7162)."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

from courriel._dataclass import dataclass
from courriel.dialogue.flow import Flow
from courriel.dialogue.server.imap.connection import ImapCommand
from courriel.dialogue.server.imap.searching import SearchedLetter, SearchProgram, uses_modseq
from courriel.dialogue.server.imap.sorting import in_order, read_order
from courriel.dialogue.server.imap.state import Commands, ImapState
from courriel.dialogue.server.imap.view import FolderView
from courriel.wire.imap_server import writing
from courriel.wire.imap_server.search_keys import SearchKey, read_charset, read_program
from courriel.wire.smtp.server_syntax import Objection

_RETURNS = ("MIN", "MAX", "ALL", "COUNT", "SAVE")
_TURN = 500  # letters
_OCTETS = 256 * 1024  # of letters, behind which the other sessions have their turn


@dataclass(frozen=True, slots=True)
class SearchRequest:
    """Arguments of a search; `returned` is None for the old answer, `order` empty for SEARCH."""

    returned: frozenset[str] | None
    order: list[tuple[str, bool]]
    key: SearchKey
    by_uid: bool


class SearchCommands:
    """SEARCH, SORT and their UID forms, of one session."""

    def __init__(self, state: ImapState) -> None:
        self._state = state
        self._connection = state.connection
        self.commands: Commands = {
            "SEARCH": self._search, "UID SEARCH": self._search, "SORT": self._search, "UID SORT": self._search,
        }  # fmt: skip

    def _search(self, command: ImapCommand) -> Flow[None]:
        view = self._state.expect_view()
        request = self._read(command)
        if uses_modseq(request.key):
            self._state.enable("CONDSTORE")
        found = yield from self._found(view, request.key)
        if request.order:
            found = in_order(found, request.order)
        self._answer(view, command, request, found)
        self._state.finish("Searched", expunge=request.by_uid, uid=request.by_uid)

    # The steps.

    def _read(self, command: ImapCommand) -> SearchRequest:
        arguments = command.arguments(utf8=self._state.utf8)
        returned: frozenset[str] | None = frozenset(("ALL",)) if self._state.rev2 else None
        look = arguments.look()
        if isinstance(look, str) and look.upper() == "RETURN":
            _ = arguments.value("RETURN")
            words = arguments.group("What is to be returned")
            returned = frozenset(each.upper() if isinstance(each, str) else "" for each in words) or frozenset(("ALL",))
            if not returned <= set(_RETURNS):
                raise Objection(500, "There is no such thing to return")
        order, charset = [], "utf-8"
        if command.verb.endswith("SORT"):
            order = read_order(arguments)
            charset = read_charset(arguments)
        else:
            look = arguments.look()
            if isinstance(look, str) and look.upper() == "CHARSET":
                _ = arguments.value("CHARSET")
                charset = read_charset(arguments)
        return SearchRequest(returned, order, read_program(arguments, charset), command.verb.startswith("UID "))

    def _found(self, view: FolderView, key: SearchKey) -> Flow[list[SearchedLetter]]:
        program = SearchProgram(key, view, dt.datetime.now(dt.UTC))
        found: list[SearchedLetter] = []
        octets = 0
        for number, letter in enumerate(list(view.letters), 1):
            searched = SearchedLetter(number, letter)
            if program.fits(searched):
                found.append(SearchedLetter(number, letter))
            octets += letter.content.size
            if octets > _OCTETS or not number % _TURN:
                octets = 0
                yield from self._connection.give_way("mailbox")
        return found

    def _answer(
        self, view: FolderView, command: ImapCommand, request: SearchRequest, found: Sequence[SearchedLetter]
    ) -> None:
        numbers = [one.letter.uid if request.by_uid else one.number for one in found]
        modseq = max((one.letter.modseq for one in found), default=0) if uses_modseq(request.key) else 0
        if request.returned is None:
            word = b"SORT" if request.order else b"SEARCH"
            more = b" (MODSEQ %d)" % modseq if modseq else b""
            self._connection.untagged(b"".join((word, *(b" %d" % number for number in numbers), more)))
            return
        if "SAVE" in request.returned:
            view.saved = _saved(request.returned, sorted(one.letter.uid for one in found))
            if request.returned == {"SAVE"}:
                return
        words = [b'ESEARCH (TAG "%b")' % command.tag.encode("ascii")]
        words += [b"UID"] if request.by_uid else []
        if numbers:
            words += [b"MIN %d" % min(numbers)] if "MIN" in request.returned else []
            words += [b"MAX %d" % max(numbers)] if "MAX" in request.returned else []
            if "ALL" in request.returned:
                in_order_of = ",".join(map(str, numbers)).encode("ascii")
                words.append(b"ALL " + (in_order_of if request.order else writing.number_set(numbers)))
            words += [b"MODSEQ %d" % modseq] if modseq else []
        words += [b"COUNT %d" % len(numbers)] if "COUNT" in request.returned else []
        self._connection.untagged(b" ".join(words))


def _saved(returned: frozenset[str], uids: list[int]) -> list[int]:
    """UIDs that `$` stands for: MIN and MAX alone where only these are returned (RFC 5182 2.4)."""
    if not uids or returned & {"ALL", "COUNT"} or not returned & {"MIN", "MAX"}:
        return uids
    ends = ([uids[0]] if "MIN" in returned else []) + ([uids[-1]] if "MAX" in returned else [])
    return sorted(set(ends))
