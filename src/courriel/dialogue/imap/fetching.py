"""
Fetching of many letters: several commands ahead, in memory that does not grow with their number (RFC 9051 5.5).

Whole letters are asked for by their sizes, a megabyte at a time, so that one that is too large is never sent; headers
by their number. Letters are handed on as they come, in the order in which they were asked for.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from enum import Enum
from typing import TYPE_CHECKING

from courriel import errors
from courriel.dialogue.flow import Flow
from courriel.dialogue.imap.exchange import goes_on_asking
from courriel.dialogue.imap.replies import answers_nothing, reply_of
from courriel.wire.imap import syntax
from courriel.wire.imap.fetched import Fetched
from courriel.wire.imap.parser import Continuation, Tagged

if TYPE_CHECKING:
    from courriel.dialogue.imap.folders import ImapFolders

ABOUT = b"FLAGS RFC822.SIZE INTERNALDATE"
HEAD = b"(%b BODY.PEEK[HEADER])" % ABOUT
WHOLE = b"(%b BODY.PEEK[])" % ABOUT
LISTING_FIELDS = (
    "DATE", "FROM", "SENDER", "REPLY-TO", "TO", "CC", "BCC", "SUBJECT", "MESSAGE-ID", "IN-REPLY-TO", "REFERENCES",
)  # fmt: skip
"""Header fields that a list of letters is made of: those that Letter has properties for."""
LISTING = b"(%b BODY.PEEK[HEADER.FIELDS (%b)])" % (ABOUT, " ".join(LISTING_FIELDS).encode("ascii"))
_SIZES = b"(RFC822.SIZE)"

_AHEAD = 4  # commands sent before their answers are read; with fewer a distant server waits for us
_OCTETS = 1024 * 1024  # of whole letters in one command, unless a single one is larger
_FIRST_HEADS, _HEADS = 50, 500  # headers in one command; somebody may only want to see the first ones
_MOST_SIZES = 1000  # UIDs whose sizes one command asks for


class Extent(Enum):
    """How much of each letter is fetched with its flags and size."""

    LISTING = "the header fields of a list"
    HEADER = "the whole header"
    WHOLE = "everything"


class LetterStream:
    """Letters on their way; run `advance`, take the `results`, until `done`. Before any other command it is settled."""

    def __init__(
        self, dialogue: ImapFolders, place: tuple[str, int], uids: Sequence[int], what: bytes, *, whole: bool
    ) -> None:
        self._dialogue = dialogue
        self._exchange = dialogue.exchange
        self.place = place
        self._connection_id = dialogue.connection_id
        self._what, self._whole = what, whole
        self._waiting = deque(uids)
        self._sized: deque[tuple[int, int]] = deque()  # UIDs and sizes of whole letters that are asked for next
        self._asked: deque[_Batch] = deque()
        self._octets = 0  # of the whole letters that were asked for
        self._heads = _FIRST_HEADS
        self._results: list[Fetched] = []
        self._refusal: errors.CommandRefused | None = None
        self._dropped = False  # nobody waits for the results any more

    @property
    def done(self) -> bool:
        """End of the stream: all letters were returned, and no refusal is left to be raised."""
        return not (self._waiting or self._sized or self._asked or self._results or self._refusal)

    @property
    def outstanding(self) -> bool:
        """Commands in flight: the answers of at least one are on their way."""
        return bool(self._asked)

    def results(self) -> list[Fetched]:
        """Letters that are here; each is returned once."""
        found, self._results = self._results, []
        return found

    def drop(self) -> None:
        """Forget what was not sent, and what is still on its way: nobody will take it."""
        self._dropped = True
        self._waiting.clear()
        self._sized.clear()
        self._results.clear()

    def advance(self) -> Flow[None]:
        """Send commands as far as the window allows, and read at least one letter.

        Raises CommandRefused, at the end, for letters that the server did not give; UsageError when another folder is
        selected meanwhile.
        """
        self._dialogue.expect_at(self.place)
        if self._connection_id != self._dialogue.connection_id:
            raise errors.UsageError("the session was opened anew meanwhile: search for these letters again")
        yield from self._dialogue.settle(self)
        if self._refusal is None:
            yield from self.ask()
        if self._asked:
            yield from self._receive()
        elif self._refusal is not None and not self._results:
            refusal, self._refusal = self._refusal, None
            raise refusal

    def read_all(self) -> Flow[None]:
        """Read all answers that are on their way."""
        while self._asked:
            yield from self._receive()

    # The steps.

    def ask(self) -> Flow[None]:
        """Send the commands that the window allows, in one piece."""
        lines: list[bytes] = []
        new: list[_Batch] = []
        for batch, line in self._next_batches():
            new.append(batch)
            lines.append(line)
        if not new:
            return
        first = not self._asked
        self._asked.extend(new)
        data = b"".join(lines)
        yield from self._exchange.write("letter", data) if first else self._exchange.write_more("letter", data)

    def _next_batches(self) -> Iterator[tuple[_Batch, bytes]]:
        free = _AHEAD - len(self._asked)
        while free > 0:
            if self._whole and self._waiting and len(self._sized) < _MOST_SIZES // 4 and not self._sizes_are_coming:
                batch = self._new_batch(self._take_waiting(_MOST_SIZES), sizes=True)
                yield batch, self._line(batch, _SIZES)
            elif self._sized and (not self._octets or self._octets < _AHEAD * _OCTETS):
                yield self._next_whole_ones()
            elif not self._whole and self._waiting:
                batch = self._new_batch(self._take_waiting(self._heads))
                self._heads = _HEADS
                yield batch, self._line(batch, self._what)
            else:
                return
            free -= 1

    @property
    def _sizes_are_coming(self) -> bool:
        return any(batch.sizes is not None for batch in self._asked)

    def _next_whole_ones(self) -> tuple[_Batch, bytes]:
        """Letters of a megabyte in all; of a letter above the limit only the header."""
        largest = self._exchange.limits.letter
        uids: list[int] = []
        octets = 0
        while self._sized:
            uid, size = self._sized[0]
            if uids and (octets + size > _OCTETS or size > largest or len(uids) == _HEADS):
                break
            _ = self._sized.popleft()
            uids.append(uid)
            if size > largest:
                batch = self._new_batch(uids)
                return batch, self._line(batch, HEAD)
            octets += size
        batch = self._new_batch(uids, octets=octets)
        self._octets += octets
        return batch, self._line(batch, self._what)

    def _take_waiting(self, most: int) -> list[int]:
        return [self._waiting.popleft() for _ in range(min(most, len(self._waiting)))]

    def _new_batch(self, uids: list[int], *, octets: int = 0, sizes: bool = False) -> _Batch:
        return _Batch(self._exchange.new_tag(), uids, octets, {} if sizes else None)

    def _line(self, batch: _Batch, what: bytes) -> bytes:
        return b"%b UID FETCH %b %b\r\n" % (batch.tag, syntax.uid_set(batch.uids).encode("ascii"), what)

    def _receive(self) -> Flow[None]:
        """Read until a letter is here, or an answer is complete."""
        exchange = self._exchange
        before = len(self._results)
        while True:
            sizes = self._asked[0].sizes
            begun = False
            if sizes is None:
                found: list[Fetched] = []
                begun = exchange.letters_here(found, "letter")
                self._take(found)
            else:
                known = self._asked[0].known
                sizes.update({uid: size for uid, size in exchange.sizes_here("letter") if uid in known})
            event = None if begun else exchange.event_here("letter")
            if isinstance(event, Fetched):
                self._assign(event)
            elif isinstance(event, Tagged):
                self._complete(event)
                if self._results or not self._asked:
                    return
            elif isinstance(event, Continuation):
                raise goes_on_asking(event.text, "letter")
            elif event is None:
                if len(self._results) > before:
                    return
                yield from exchange.receive_more("letter")

    def _take(self, found: list[Fetched]) -> None:
        """Letters in the usual form: as a rule they come in the order in which they were asked for."""
        if not found:
            return
        batch = self._asked[0]
        uids = [each.uid for each in found]
        end = batch.next + len(uids)
        if uids == batch.uids[batch.next : end] and batch.sizes is None and not batch.early:
            batch.got.update(zip(uids, found, strict=True))
            batch.next = end
            self._results += found
        else:
            for each in found:
                self._assign(each)
        if self._dropped:
            self._results.clear()

    def _assign(self, each: Fetched) -> None:
        """A letter in another form, in another order, or nobody's."""
        if not each.uid:
            if each.has_letter_data:
                # Places change while letters are expunged: it would be another letter's.
                raise errors.RemoteProtocolError("the server sent a letter without its UID", stage="letter")
            return
        for batch in self._asked:
            if each.uid in batch.known:
                batch.take(each)
                self._results.extend(batch.ready())
                return

    def _complete(self, answer: Tagged) -> None:
        batch = next((batch for batch in self._asked if batch.tag == answer.tag), None)
        if batch is None:
            raise answers_nothing(answer.tag + b" " + answer.status.shown.encode(), "letter")
        self._asked.remove(batch)
        self._octets -= batch.octets
        if batch.sizes is not None:
            sizes = batch.sizes
            self._sized.extend([(uid, sizes[uid]) for uid in batch.uids if uid in sizes])
            missing = [uid for uid in batch.uids if uid not in sizes]
        else:
            missing = [] if answer.status.word == "OK" else batch.missing
            self._results.extend(batch.ready(all_of_them=True))
        if self._dropped:
            self._results.clear()
            self._sized.clear()
        elif answer.status.word != "OK" and missing and self._refusal is None:
            self._refusal = errors.CommandRefused(
                reply_of(answer.status), stage="letter", about=f"the server did not give {_shown(missing)}"
            )
            self._waiting.clear()
            self._sized.clear()


class _Batch:
    """Letters of one command."""

    __slots__ = ("__dict__", "early", "got", "next", "octets", "sizes", "tag", "uids")

    def __init__(self, tag: bytes, uids: list[int], octets: int, sizes: dict[int, int] | None) -> None:
        self.tag, self.uids, self.octets = tag, uids, octets
        self.sizes = sizes  # where these alone were asked for
        self.next = 0  # place of the first letter that was not handed on
        self.got: dict[int, Fetched] = {}  # handed on already
        self.early: dict[int, Fetched] = {}  # incomplete, or before their turn

    @property
    def known(self) -> frozenset[int]:
        """UIDs that were asked for."""
        known: frozenset[int] | None = self.__dict__.get("known_uids")
        if known is None:
            known = self.__dict__["known_uids"] = frozenset(self.uids)
        return known

    @property
    def missing(self) -> list[int]:
        """UIDs of letters that have not come, or without their text."""
        return [uid for uid in self.uids[self.next :] if uid not in self.early or not self.early[uid].sections]

    def take(self, each: Fetched) -> None:
        """Take data of a letter, which may be a part only."""
        if self.sizes is not None:
            # One that exists and has no size is fetched all the same.
            self.sizes[each.uid] = each.size or self.sizes.get(each.uid, 0)
        elif each.uid in self.got:
            self.got[each.uid].add(each)
        elif each.uid in self.early:
            self.early[each.uid].add(each)
        else:
            self.early[each.uid] = each

    def ready(self, *, all_of_them: bool = False) -> Iterator[Fetched]:
        """Letters whose turn it is, as far as they are complete; at the end the others too."""
        while self.next < len(self.uids):
            uid = self.uids[self.next]
            each = self.early.get(uid)
            if not all_of_them and (each is None or not each.sections):
                return
            self.next += 1
            if each is not None:
                del self.early[uid]
                self.got[uid] = each
                yield each


def _shown(uids: Sequence[int]) -> str:
    words = syntax.uid_set(uids)
    shortened = words if len(words) <= 200 else f"{words[:200].rpartition(',')[0]},…"
    return f"letter {words}" if len(uids) == 1 else f"letters {shortened}"
