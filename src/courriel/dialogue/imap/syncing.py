"""
Changes of a folder since a mark: by QRESYNC or CONDSTORE (RFC 7162), or by comparing all UIDs and flags.

    QRESYNC     one SELECT tells everything: what is gone, what has changed, what is new
    CONDSTORE   changes by their number, what is gone by a search for all letters
    neither     the flags of all letters
"""

from __future__ import annotations

from bisect import bisect_left
from itertools import filterfalse
from typing import TYPE_CHECKING

from courriel import errors
from courriel._dataclass import dataclass
from courriel.dialogue.flow import Flow
from courriel.dialogue.imap.replies import Answer
from courriel.model.received.search import Search
from courriel.model.received.sync import SyncMark
from courriel.wire.imap import syntax
from courriel.wire.imap.fetched import Fetched, flags_in

if TYPE_CHECKING:
    from courriel.dialogue.imap.letters import ImapLetters

_AT_A_TIME = 5000  # UIDs of which one FETCH asks for flags


@dataclass(frozen=True, slots=True)
class FolderChanges:
    """Changes of a folder: UIDs that are new and gone, new flags of others, and the mark that they lead to."""

    new: tuple[int, ...]
    changed: tuple[tuple[int, frozenset[str]], ...]
    gone: tuple[int, ...]
    mark: SyncMark


def changes_since(dialogue: ImapLetters, folder: str, mark: SyncMark | None) -> Flow[FolderChanges]:
    """Select the folder, and compare it with the mark; without one all letters are new.

    Raises FolderRenumbered when the UIDs of the mark are no longer valid.
    """
    if "QRESYNC" in dialogue.capabilities:
        yield from dialogue.enable("QRESYNC")
    quick = mark is not None and mark.modseq > 0 and "QRESYNC" in dialogue.enabled
    counted = "CONDSTORE" in dialogue.capabilities or "QRESYNC" in dialogue.capabilities
    if quick and mark is not None:
        words = b"(QRESYNC (%d %d))" % (mark.uid_validity, mark.modseq)
    else:
        words = b"(CONDSTORE)" if counted else b""
    answer = yield from dialogue.select_for_changes(folder, words)
    validity = dialogue.place[1]
    if mark is not None and validity != mark.uid_validity:
        raise errors.FolderRenumbered(
            f"the server has renumbered {folder!r}: its validity was {mark.uid_validity} and is {validity} now; "
            "what has changed cannot be told any more",
            stage="mailbox",
        )
    modseq = _number(answer.code("HIGHESTMODSEQ"))
    mark = mark or SyncMark(validity)
    if not modseq or (not mark.modseq and mark.uids):
        return (yield from _by_flags(dialogue, mark, modseq))
    if quick:
        return (yield from _by_answer(dialogue, mark, modseq, answer))
    return (yield from _by_numbers(dialogue, mark, modseq))


# The steps.


def _by_answer(dialogue: ImapLetters, mark: SyncMark, modseq: int, answer: Answer) -> Flow[FolderChanges]:
    """QRESYNC: the answer to SELECT has everything but letters that came and were not announced by FETCH."""
    # Sets of all letters are not made here: of a hundred thousand that are known, a few have changed.
    ordered = sorted(mark.uids)
    flags = _flags_of(answer)
    known = {uid for uid in flags if ordered[(place := bisect_left(ordered, uid)) : place + 1] == [uid]}
    gone: set[int] = set()
    for vanished in answer.named("VANISHED"):
        words = b"".join(vanished.pieces[::2]).split()
        if words:
            # Servers may list letters that nobody has known: they are left out before they are counted.
            gone.update(syntax.known_in_set(words[-1], ordered))
    new = {uid for uid in flags if uid not in known}
    last = max(ordered[-1] if ordered else 0, max(new, default=0))
    selection = dialogue.selected
    if selection is None or selection.uid_next is None or selection.uid_next > last + 1:
        # Letters may have come that the answer does not tell of.
        new.update(uid for uid in (yield from dialogue.search(Search(above=last))) if uid > last)
    return _changed(mark, modseq, ordered, known, new, gone, flags)


def _by_numbers(dialogue: ImapLetters, mark: SyncMark, modseq: int) -> Flow[FolderChanges]:
    """CONDSTORE: all UIDs, and the flags that were changed since."""
    uids = yield from dialogue.search(Search())
    flags: dict[int, frozenset[str]] = {}
    if mark.uids and modseq != mark.modseq:
        since = b"(CHANGEDSINCE %d)" % mark.modseq
        flags = yield from dialogue.flags_of_all(b"1:%d" % mark.uids[-1], since)
    return _compared(mark, modseq, set(uids), flags)


def _by_flags(dialogue: ImapLetters, mark: SyncMark, modseq: int) -> Flow[FolderChanges]:
    """Neither: the flags of all letters, compared with those of the mark."""
    uids = yield from dialogue.search(Search())
    flags: dict[int, frozenset[str]] = {}
    for start in range(0, len(uids), _AT_A_TIME):
        some = uids[start : start + _AT_A_TIME]
        flags.update((yield from dialogue.flags_of_all(b"%d:%d" % (some[0], some[-1]), b"")))
    before = dict(mark.flags)
    changed = {uid: words for uid, words in flags.items() if uid not in before or before[uid] != words}
    stored = () if modseq else tuple(sorted((uid, flags.get(uid, frozenset())) for uid in uids))
    return _compared(mark, modseq, set(uids), changed, stored)


def _compared(
    mark: SyncMark,
    modseq: int,
    uids: set[int],
    flags: dict[int, frozenset[str]],
    stored: tuple[tuple[int, frozenset[str]], ...] = (),
) -> FolderChanges:
    known = set(mark.uids)
    return _changed(mark, modseq, sorted(known), known, uids - known, known - uids, flags, stored)


def _changed(
    mark: SyncMark,
    modseq: int,
    ordered: list[int],
    known: set[int],
    new: set[int],
    gone: set[int],
    flags: dict[int, frozenset[str]],
    stored: tuple[tuple[int, frozenset[str]], ...] = (),
) -> FolderChanges:
    """Changes, told by what is new and what is gone; `known` has all UIDs of `ordered` that `flags` has, or more."""
    left = filterfalse(gone.__contains__, ordered) if gone else ordered
    return FolderChanges(
        new=tuple(sorted(new)),
        changed=tuple(sorted((uid, words) for uid, words in flags.items() if uid in known and uid not in gone)),
        gone=tuple(sorted(gone)),
        mark=SyncMark(mark.uid_validity, tuple(sorted([*left, *new])), modseq, stored),
    )


def _flags_of(answer: Answer) -> dict[int, frozenset[str]]:
    return flags_in(each for each in answer.untagged if isinstance(each, Fetched))


def _number(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 20 else 0
