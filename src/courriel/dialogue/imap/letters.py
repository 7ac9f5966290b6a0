"""Letters of the selected folder: search, flags, copies, new letters (RFC 9051 6.4)."""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress

from courriel import errors
from courriel.dialogue.flow import Flow
from courriel.dialogue.imap.folders import ImapFolders
from courriel.dialogue.imap.replies import Answer, judge
from courriel.model.received.folder import Filed, Selection
from courriel.model.received.search import Search
from courriel.wire.imap import dates, search_arguments, syntax
from courriel.wire.imap.fetched import Fetched, flags_in
from courriel.wire.imap.search_results import found_in

_AT_A_TIME = 200  # UIDs in one command: some servers refuse longer lines
_LISTED = 8  # octets at least, that a letter takes in a list of large folders
_NEIGHBOURS = 2000  # the same for mostly consecutive UIDs, which are written as ranges


class ImapLetters(ImapFolders):
    """IMAP client that finds and changes letters; see ImapDialogue. INBOX is selected where no folder is."""

    # Finding.

    def search(self, wanted: Search) -> Flow[tuple[int, ...]]:
        """UIDs of the letters that match, lowest first (RFC 9051 6.4.4; as ranges with ESEARCH).

        Raises CommandRefused, and NotSupported when the server cannot search for other characters than ASCII.
        """
        answer = yield from self.search_for(wanted, b"(ALL)" if "ESEARCH" in self.capabilities else b"")
        uids: set[int] = set()
        for response in answer.named("SEARCH", "ESEARCH"):
            # No more than could be listed one by one: `1:4294967295` is short.
            uids.update(_read(response.name, response.pieces, self.exchange.limits.line // _LISTED))
        # `n:*` includes the last letter even when its UID is lower.
        return tuple(sorted(uid for uid in uids if wanted.above is None or uid > wanted.above))

    def search_for(self, wanted: Search, result: bytes) -> Flow[Answer]:
        """Search, and ask for this `result` (RFC 4731), such as (ALL); b"" for the usual list.

        Raises CommandRefused, NotSupported.
        """
        words = search_arguments.arguments(wanted)
        self.check_search(words)
        _ = yield from self.select_something()
        yield from self.settle()
        self.exchange.news = False
        shape = (b"RETURN", result) if result else ()
        # Where UTF-8 is switched on it is not named, and CHARSET is an error (RFC 6855 3).
        utf8 = search_arguments.needs_charset(words) and not self.in_utf8
        language = (b"CHARSET", b"UTF-8") if utf8 else ()
        answer = yield from self.exchange.command("mailbox", b"UID", b"SEARCH", *shape, *language, *words)
        if utf8 and _knows_no_charset(answer):
            raise errors.NotSupported(
                f"the server cannot search for texts in UTF-8, only in ASCII: {answer.status.shown}",
                capability="CHARSET",
                stage="mailbox",
            )
        return judge(answer, "mailbox")

    def flags_of_all(self, uids: bytes, modifier: bytes) -> Flow[dict[int, frozenset[str]]]:
        """Flags of these letters in our spelling, as far as the modifier, such as (CHANGEDSINCE 7), selects them."""
        words = (b"UID", b"FETCH", uids, b"(FLAGS)", *([modifier] if modifier else []))
        yield from self.settle()
        stirred = self.exchange.stirred
        answer = yield from self.ask("mailbox", *words)
        # Flags that were asked for are no change; one that is announced among them is in the result.
        self.exchange.stirred = stirred or any(answer.named("EXISTS", "EXPUNGE", "VANISHED"))
        return flags_in(each for each in answer.untagged if isinstance(each, Fetched))

    # Changing.

    def store(self, uids: Sequence[int], flags: Sequence[str], *, add: bool) -> Flow[None]:
        """Set or remove flags, without their answers. Raises UsageError for a folder that is open for reading only."""
        _ = yield from self.writable()
        if add:
            self._check_kept(flags)
        verb = b"+FLAGS.SILENT" if add else b"-FLAGS.SILENT"
        for batch in batches(uids):
            _ = yield from self.ask("mailbox", b"UID", b"STORE", _set(batch), verb, _flags(flags))

    def copy(self, uids: Sequence[int], folder: str) -> Flow[dict[int, int]]:
        """Copy letters into a folder; old UIDs mapped to new ones, as far as the server tells (COPYUID, RFC 4315)."""
        return (yield from self._carry(b"COPY", uids, folder))

    def move(self, uids: Sequence[int], folder: str) -> Flow[dict[int, int]]:
        """Move letters into a folder; where the server lacks MOVE (RFC 6851), copy, flag as deleted, expunge."""
        _ = yield from self.writable()
        if "MOVE" in self.capabilities:
            return (yield from self._carry(b"MOVE", uids, folder))
        self._check_kept(("\\Deleted",))
        carried = yield from self.copy(uids, folder)
        yield from self.store(uids, ("\\Deleted",), add=True)
        with suppress(errors.NotSupported):
            yield from self.expunge(uids)
        return carried

    def expunge(self, uids: Sequence[int] | None = None) -> Flow[None]:
        """Remove for good those of these letters that are flagged as deleted; all that are, without `uids`.

        Raises NotSupported when other letters would be removed too.
        """
        _ = yield from self.writable()
        if uids is None:
            _ = yield from self.ask("mailbox", b"EXPUNGE")
            return
        if "UIDPLUS" in self.capabilities:
            for batch in batches(uids):
                _ = yield from self.ask("mailbox", b"UID", b"EXPUNGE", _set(batch))
            return
        flagged = set((yield from self.search(Search(deleted=True))))
        if flagged - set(uids):
            raise errors.NotSupported(
                "the server can only remove all letters that are flagged as deleted, and others are flagged too",
                capability="UIDPLUS",
                stage="mailbox",
            )
        if flagged:
            _ = yield from self.ask("mailbox", b"EXPUNGE")

    def append(
        self, octets: bytes, folder: str, flags: Sequence[str], received: datetime.datetime | None
    ) -> Flow[Filed]:
        """Store a letter in a folder, and return its position, as far as the server tells (APPENDUID, RFC 4315).

        Raises LetterTooLarge above the limit that the server names, before anything is sent of it.
        """
        limit = yield from self.append_limit(folder)
        if limit is not None and len(octets) > limit:
            raise errors.LetterTooLarge(
                f"the letter has {len(octets):,} octets, and the server takes {limit:,} (APPENDLIMIT)", stage="letter"
            )
        moment = (dates.written(received),) if received is not None else ()
        content: tuple[bytes, ...] = (syntax.Counted(octets),)
        if self.in_utf8 and not octets.partition(b"\r\n\r\n")[0].isascii():
            content = (b"UTF8", b"(", syntax.CountedUtf8(octets), b")")
        answer = yield from self.ask("letter", b"APPEND", self.written(folder), _flags(flags), *moment, *content)
        match [int(word) for word in answer.code("APPENDUID").split() if word.isdigit() and len(word) <= 20]:
            case [validity, uid] if 0 < uid < 2**32:
                return Filed(folder, validity, uid)
            case _:
                return Filed(folder)

    # The steps.

    def check_search(self, words: Sequence[bytes]) -> None:
        """Refuse a search in the words of Gmail at another server. Raises NotSupported."""
        if b"X-GM-RAW" in words and "X-GM-EXT-1" not in self.capabilities:
            raise errors.NotSupported(
                "search: gmail is in the words of Gmail, and the server is another one",
                capability="X-GM-EXT-1",
                stage="mailbox",
            )

    def writable(self) -> Flow[Selection]:
        selection = yield from self.select_something()
        if selection.read_only:
            # Some servers answer OK to a change, and make none.
            raise errors.UsageError(f"{selection.name!r} is selected for reading only")
        return selection

    def _check_kept(self, flags: Iterable[str]) -> None:
        """Refuse a flag that the server would forget at the end of the session (PERMANENTFLAGS)."""
        kept = self.kept_flags
        if kept is None:
            return
        for flag in flags:
            if flag.lower() not in kept and ("\\*" not in kept or flag.startswith("\\")):
                raise errors.NotSupported(
                    f"the server keeps no flag {flag!r} in this folder (PERMANENTFLAGS: {' '.join(sorted(kept))})",
                    capability="PERMANENTFLAGS",
                    stage="mailbox",
                )

    def _carry(self, verb: bytes, uids: Sequence[int], folder: str) -> Flow[dict[int, int]]:
        _ = yield from self.select_something()
        carried: dict[int, int] = {}
        for batch in batches(uids):
            answer = yield from self.ask("mailbox", b"UID", verb, _set(batch), self.written(folder))
            carried.update(_pairs(answer, set(batch)))
        return carried


def batches(uids: Sequence[int]) -> Iterator[Sequence[int]]:
    """Split UIDs so that a command line stays at some hundred characters: thousands where they are consecutive."""
    most = _NEIGHBOURS if len(uids) < 2 or abs(uids[-1] - uids[0]) < 2 * len(uids) else _AT_A_TIME
    for start in range(0, len(uids), most):
        yield uids[start : start + most]


# The steps.


def _set(uids: Sequence[int]) -> bytes:
    return syntax.uid_set(uids).encode("ascii")


def _flags(flags: Sequence[str]) -> bytes:
    return f"({' '.join(flags)})".encode("ascii")


def _read(name: str, pieces: Sequence[bytes], most: int) -> list[int]:
    try:
        return found_in(name, pieces, most)
    except errors.RemoteProtocolError as wrong:
        wrong.stage = "mailbox"
        raise


def _knows_no_charset(answer: Answer) -> bool:
    """Refusal of a search for its CHARSET, and for no other reason; Exchange says BAD to the word itself."""
    return answer.status.word == "BAD" or (
        answer.status.word == "NO" and answer.status.code.upper().startswith("BADCHARSET")
    )


def _pairs(answer: Answer, uids: set[int]) -> dict[int, int]:
    """Old and new UIDs of COPYUID; {} for nonsense: the letters were carried all the same."""
    match answer.code("COPYUID").encode("utf-8", "replace").split():
        case [_, old, new]:
            pass
        case _:
            return {}
    try:
        before, after = (syntax.read_uid_set(words, _NEIGHBOURS) for words in (old, new))
    except errors.RemoteProtocolError:
        return {}
    if len(before) != len(after) or not uids.issuperset(before):
        return {}
    return dict(zip(before, after, strict=True))
