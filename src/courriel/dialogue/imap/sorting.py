"""
Order and conversations of letters (RFC 5256), and a part of what a search finds (PARTIAL, RFC 9394).

The server sorts where it can. Elsewhere, and where it refuses what it offers, the fields of a listing are fetched, and
the same rules are followed here.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

from courriel import errors
from courriel.dialogue.flow import Flow
from courriel.dialogue.imap.fetching import Extent
from courriel.dialogue.imap.replies import Answer, judge, values_of
from courriel.model.received.sorting import LetterOrder, LetterThread
from courriel.wire.imap import search_arguments
from courriel.wire.imap.dates import read_date
from courriel.wire.imap.sort_keys import SORT_KEYS, SortFacts, base_subject, caseless, sorted_uids
from courriel.wire.imap.thread_results import read_partial, read_sorted, read_threads
from courriel.wire.parse.letter import Letter

if TYPE_CHECKING:
    from courriel.dialogue.imap.client import ImapDialogue
    from courriel.model.received.address import ReceivedAddress
    from courriel.model.received.search import Search
    from courriel.model.received.sorting import SortKey
    from courriel.wire.imap.conversations import ThreadFacts
    from courriel.wire.imap.fetched import Fetched
    from courriel.wire.imap.parser import Untagged


_EARLIEST = dt.datetime(1, 1, 2, tzinfo=dt.UTC)


def sort(dialogue: ImapDialogue, wanted: Search, keys: Sequence[SortKey]) -> Flow[tuple[tuple[int, ...], str]]:
    """UIDs of the letters that match, in this order, and who sorted them: "server", or "here"."""
    if "SORT" in dialogue.capabilities:
        words = b" ".join(b"REVERSE " * key.descending + SORT_KEYS[key.name] for key in keys)
        with suppress(errors.CommandRefused):
            answer = yield from _by_server(dialogue, wanted, b"SORT", b"(" + words + b")")
            uids = [uid for response in answer.named("SORT") for uid in _read(response.pieces)]
            return tuple(_possible(dict.fromkeys(uids), wanted)), "server"
    found = yield from dialogue.search(wanted)
    facts: list[SortFacts] = []
    stream = dialogue.stream(dialogue.place, found, Extent.LISTING)
    while not stream.done:
        yield from stream.advance()
        facts.extend(_sort_facts(each, _letter(each)) for each in stream.results())
    return sorted_uids(facts, keys), "here"


def last(dialogue: ImapDialogue, wanted: Search, count: int, skip: int) -> Flow[tuple[int, ...]]:
    """UIDs of the last `count` letters that match, without the very last `skip`, lowest first.

    With PARTIAL the server names no others.
    """
    if "PARTIAL" in dialogue.capabilities:
        part = b"PARTIAL -%d:-%d" % (skip + 1, skip + count)
        with suppress(errors.CommandRefused):
            answer = yield from dialogue.search_for(wanted, b"(" + part + b")")
            for response in answer.named("ESEARCH"):
                uids = _read_part(response, count)
                if uids is not None:
                    return tuple(sorted(_possible(uids, wanted)))
    # Also for an answer without the part: that nothing was found is said there, too.
    found = yield from dialogue.search(wanted)
    return LetterOrder((), count, skip).part_of(found)


def threads(dialogue: ImapDialogue, wanted: Search, algorithm: str) -> Flow[tuple[list[LetterThread], str]]:
    """Conversations of the letters that match, and who put them together: "server", or "here"."""
    if algorithm.upper() in dialogue.capabilities.get("THREAD", "").split():
        with suppress(errors.CommandRefused):
            answer = yield from _by_server(dialogue, wanted, b"THREAD", algorithm.upper().encode("ascii"))
            return [each for response in answer.named("THREAD") for each in _read_threads(response.pieces)], "server"
    from courriel.wire.imap.conversations import by_references, by_subject  # noqa: PLC0415 - few servers need them

    uids = yield from dialogue.search(wanted)
    facts: list[ThreadFacts] = []
    stream = dialogue.stream(dialogue.place, uids, Extent.LISTING)
    while not stream.done:
        yield from stream.advance()
        facts.extend(map(_thread_facts, stream.results()))
    facts.sort(key=lambda each: each.uid)
    return (by_references(facts) if algorithm == "references" else by_subject(facts)), "here"


# The steps.


def _by_server(dialogue: ImapDialogue, wanted: Search, command: bytes, how: bytes) -> Flow[Answer]:
    """Send SORT or THREAD for the letters that match. Raises CommandRefused, NotSupported."""
    words = search_arguments.arguments(wanted)
    dialogue.check_search(words)
    _ = yield from dialogue.select_something()
    yield from dialogue.settle()
    dialogue.exchange.news = False
    return judge((yield from dialogue.exchange.command("mailbox", b"UID", command, how, b"UTF-8", *words)), "mailbox")


def _possible(uids: Iterable[int], wanted: Search) -> Iterator[int]:
    """Letters that may be among those that were searched for: `n:*` includes the last one, whatever its UID."""
    known = None if wanted.uids is None else frozenset(wanted.uids)
    return (uid for uid in uids if (wanted.above is None or uid > wanted.above) and (known is None or uid in known))


def _read_part(response: Untagged, most: int) -> list[int] | None:
    try:
        return read_partial(values_of(response), most)
    except errors.RemoteProtocolError as wrong:
        wrong.stage = "mailbox"
        raise


def _read(pieces: Sequence[bytes]) -> Iterator[int]:
    try:
        yield from read_sorted(pieces)
    except errors.RemoteProtocolError as wrong:
        wrong.stage = "mailbox"
        raise


def _read_threads(pieces: Sequence[bytes]) -> list[LetterThread]:
    try:
        return read_threads(pieces)
    except errors.RemoteProtocolError as wrong:
        wrong.stage = "mailbox"
        raise


def _letter(fetched: Fetched) -> Letter:
    return Letter.parse(fetched.some_fields or fetched.header or b"")


def _thread_facts(fetched: Fetched) -> ThreadFacts:
    from courriel.wire.imap.conversations import ThreadFacts  # noqa: PLC0415

    letter = _letter(fetched)
    facts = _sort_facts(fetched, letter)
    return ThreadFacts(
        fetched.uid,
        facts.date,
        facts.subject,
        base_subject(letter.subject)[1],
        letter.message_id,
        letter.references or letter.in_reply_to[:1],
    )


def _sort_facts(fetched: Fetched, letter: Letter) -> SortFacts:
    """Properties of one letter; where the sent date cannot be read, that of arrival counts (RFC 5256 2.2)."""
    arrived = _comparable(read_date(fetched.date)) or _EARLIEST
    sender = letter.sender if letter.header("From") else None
    return SortFacts(
        fetched.uid,
        arrived,
        _comparable(letter.date) or arrived,
        _mailbox((sender,) if sender else ()),
        _mailbox(letter.to),
        _mailbox(letter.cc),
        caseless(base_subject(letter.subject)[0]),
        fetched.size or 0,
    )


def _comparable(moment: dt.datetime | None) -> dt.datetime | None:
    """A moment in UTC; one without a zone is taken for that."""
    if moment is None:
        return None
    try:
        return moment.replace(tzinfo=dt.UTC) if moment.tzinfo is None else moment.astimezone(dt.UTC)
    except OverflowError:
        return None


def _mailbox(addresses: Sequence[ReceivedAddress]) -> str:
    """Local part of the first address, "" where there is none (RFC 5256 3, FROM)."""
    return caseless(addresses[0].spec.rpartition("@")[0] or addresses[0].spec) if addresses else ""
