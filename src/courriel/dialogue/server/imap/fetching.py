"""FETCH: data of letters, as many as the client asks for, sent as they are made (RFC 9051 6.4.5)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from courriel.dialogue.flow import Flow
from courriel.dialogue.server.handler import DuringData
from courriel.dialogue.server.imap.connection import ImapCommand
from courriel.dialogue.server.imap.folder_commands import vanished_since
from courriel.dialogue.server.imap.state import Commands, ImapState
from courriel.dialogue.server.imap.view import FolderView
from courriel.dialogue.server.mail_store import StoredLetter
from courriel.wire.imap.dates import written as date_of
from courriel.wire.imap_server import writing
from courriel.wire.imap_server.arguments import Arguments
from courriel.wire.imap_server.envelope import envelope
from courriel.wire.imap_server.fetch_items import FetchItem, needs_uid, read_items
from courriel.wire.imap_server.number_sets import NumberSet
from courriel.wire.imap_server.sections import decoded, octets_of
from courriel.wire.imap_server.structure import structure
from courriel.wire.smtp.server_syntax import Objection

_TURN = 50  # letters, behind which the other sessions have their turn


class FetchCommands:
    """FETCH and UID FETCH, of one session."""

    def __init__(self, state: ImapState) -> None:
        self._state = state
        self._connection = state.connection
        self.commands: Commands = {"FETCH": self._fetch, "UID FETCH": self._fetch}

    def _fetch(self, command: ImapCommand) -> Flow[None]:
        by_uid = command.verb.startswith("UID ")
        view = self._state.expect_view()
        arguments = command.arguments(utf8=self._state.utf8)
        words, items = arguments.atom("A set of numbers"), read_items(arguments.value("FETCH what?"))
        since, vanished = _modifiers(Arguments(arguments.group("Modifiers"))) if arguments.left else (-1, False)
        arguments.end()
        if since >= 0 or any(item.name == "MODSEQ" for item in items):
            self._state.enable("CONDSTORE")
        if since >= 0:
            items += [FetchItem("MODSEQ")] if all(item.name != "MODSEQ" for item in items) else []
        chosen = view.chosen(words, by_uid=by_uid)
        if vanished:
            if not (by_uid and view.vanishes):
                raise Objection(500, "VANISHED is for UID FETCH, where QRESYNC is on")
            gone = vanished_since(view.folder, since, NumberSet(words))
            if gone:
                self._connection.untagged(b"VANISHED (EARLIER) " + writing.number_set(gone))
        if by_uid:
            items = needs_uid(items)
        refused = yield from self._send_letters(view, chosen, items, since)
        if refused is not None:
            self._state.tell_news(expunge=False)
            raise refused
        self._state.finish("Fetched", expunge=by_uid, uid=by_uid)

    # The steps.

    def _send_letters(
        self, view: FolderView, chosen: Sequence[tuple[int, StoredLetter]], items: list[FetchItem], since: int
    ) -> Flow[Objection | None]:
        """Send the data of each letter; return the objection about some of them, which comes behind the others."""
        marks = not view.read_only and any(item.marks for item in items)
        texts = any(item.section is not None for item in items)
        hard = any(_needs_parsing(item) for item in items)
        refused: Objection | None = None
        for count, (number, letter) in enumerate(chosen, 1):
            if letter.modseq <= since:
                continue
            if texts and not (yield from self._permits(view, number, letter, items)):
                continue
            told = items
            if marks and "\\Seen" not in letter.flags:
                view.folder.mark([letter], "add", ["\\Seen"])
                told = items if any(item.name == "FLAGS" for item in items) else [*items, FetchItem("FLAGS")]
                view.knows(letter)
            try:
                pieces = list(_response(view, number, letter, told))
            except Objection as objection:
                refused = objection
                continue
            yield from self._connection.letter(pieces, "letter")
            if hard or not count % _TURN:
                yield from self._connection.give_way("letter")
        return refused

    def _permits(self, view: FolderView, number: int, letter: StoredLetter, items: list[FetchItem]) -> Flow[bool]:
        """Ask the handler about one letter: a scripted fault may answer the command, or break off in the middle."""
        answer = self._connection.decide(lambda: self._state.handler.letter(self._state.session, letter.key))
        if answer is None:
            return True
        if isinstance(answer, DuringData):
            whole = b"".join(_response(view, number, letter, items))
            yield from self._connection.hand_over(whole[: len(whole) // 2], "letter")
            yield from self._connection.flush("letter")
            _ = yield from self._connection.answer(answer.then, "letter", None)
            raise (yield from self._connection.leave("letter"))
        if (yield from self._connection.answer(answer, "letter", None)):
            return True
        raise Answered


class Answered(Exception):
    """Signal: a scripted fault has answered the command."""


def _needs_parsing(item: FetchItem) -> bool:
    """Whether a letter has to be parsed for this datum."""
    if item.section is None:
        return item.name in ("ENVELOPE", "BODY", "BODYSTRUCTURE")
    return bool(item.section.path) or item.name.startswith("BINARY")


def _modifiers(arguments: Arguments) -> tuple[int, bool]:
    """Modifiers of FETCH: CHANGEDSINCE, -1 without it, and VANISHED. Raises Objection."""
    since, vanished = -1, False
    while arguments.left:
        word = arguments.word("A modifier")
        if word == "CHANGEDSINCE":
            since = arguments.number("CHANGEDSINCE")
        elif word == "VANISHED":
            vanished = True
        else:
            raise Objection(500, "There is no such modifier")
    if vanished and since < 0:
        raise Objection(500, "VANISHED stands beside CHANGEDSINCE")
    return since, vanished


def _response(view: FolderView, number: int, letter: StoredLetter, items: list[FetchItem]) -> Iterator[bytes]:
    """Pieces of a FETCH response; every other one is octets of the letter. Raises Objection."""
    text = bytearray(b"* %d FETCH (" % number)
    for place, item in enumerate(items):
        if place:
            text += b" "
        if item.section is None:
            text += _datum(view, letter, item.name)
            continue
        name, octets = _named_octets(letter, item)
        text += name
        if octets is None:
            text += b" NIL"
        elif item.name == "BINARY.SIZE":
            text += b" %d" % len(octets)
        else:
            mark = b"~" if item.name == "BINARY" and b"\0" in octets else b""
            text += b" %b{%d}\r\n" % (mark, len(octets))
            yield bytes(text)
            yield octets
            text.clear()
    yield bytes(text) + b")\r\n"


def _datum(view: FolderView, letter: StoredLetter, name: str) -> bytes:
    match name:
        case "UID":
            return b"UID %d" % letter.uid
        case "FLAGS":
            return b"FLAGS " + writing.flag_list(view.flags_of(letter))
        case "INTERNALDATE":
            return b"INTERNALDATE " + date_of(letter.received)
        case "RFC822.SIZE":
            return b"RFC822.SIZE %d" % letter.content.size
        case "MODSEQ":
            return b"MODSEQ (%d)" % letter.modseq
        case "ENVELOPE":
            return b"ENVELOPE " + envelope(letter.content.tree.header)
        case _:
            return name.encode("ascii") + b" " + structure(letter.content, extended=name == "BODYSTRUCTURE")


def _named_octets(letter: StoredLetter, item: FetchItem) -> tuple[bytes, bytes | None]:
    """Name of a text in the response, and its octets; None for a part that the letter does not have."""
    assert item.section is not None
    if item.name.startswith("BINARY"):
        octets = decoded(letter.content, item.section.path)
    else:
        octets = octets_of(letter.content, item.section)
    if item.begin is not None and octets is not None:
        octets = octets[item.begin : item.begin + item.most]
    if item.name.startswith("RFC822"):
        return item.name.encode("ascii"), octets
    begin = "" if item.begin is None else f"<{item.begin}>"
    return f"{item.name}[{item.section.shown}]{begin}".encode("utf-8", "replace"), octets
