"""Server data of an account and its letters, where offered: quotas, namespaces, lasting ids, labels of Gmail."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from courriel import errors
from courriel.dialogue.flow import Flow
from courriel.dialogue.imap.letters import batches
from courriel.dialogue.imap.replies import values_of
from courriel.model.received.account import LetterIds, Namespaces, Quota
from courriel.wire.imap import folder_names, syntax
from courriel.wire.imap.account import read_ids, read_labels, read_namespaces, read_quotas
from courriel.wire.imap.fetched import Fetched
from courriel.wire.imap.values import Value

if TYPE_CHECKING:
    from courriel.dialogue.imap.letters import ImapLetters

_SYSTEM_LABEL = re.compile(r"\\[A-Za-z]{1,40}")


def quota(dialogue: ImapLetters, folder: str) -> Flow[tuple[Quota, ...]]:
    """Quotas that hold for a folder; () where none does. Raises NotSupported, CommandRefused."""
    _expect(dialogue, "QUOTA", "the server knows no quotas")
    answer = yield from dialogue.ask("mailbox", b"GETQUOTAROOT", dialogue.written(folder))
    return tuple(
        each for response in answer.named("QUOTA") for each in read_quotas(values_of(response), utf8=dialogue.in_utf8)
    )


def namespaces(dialogue: ImapLetters) -> Flow[Namespaces]:
    """Namespaces of the mailbox. Raises NotSupported."""
    _expect(dialogue, "NAMESPACE", "the server knows no namespaces")
    answer = yield from dialogue.ask("mailbox", b"NAMESPACE")
    for response in answer.named("NAMESPACE"):
        return read_namespaces(values_of(response), utf8=dialogue.in_utf8)
    return Namespaces()


def ids_of(dialogue: ImapLetters, uids: Sequence[int]) -> Flow[dict[int, LetterIds]]:
    """Lasting ids of these letters of the selected folder, by UID. Raises NotSupported where the server has none."""
    if "OBJECTID" in dialogue.capabilities:
        words = b"(EMAILID THREADID)"
    else:
        _expect(dialogue, "X-GM-EXT-1", "the server has no lasting ids of letters", "OBJECTID")
        words = b"(X-GM-MSGID X-GM-THRID)"
    found = yield from _fetched(dialogue, uids, words)
    return {uid: read_ids(told) for uid, told in found.items()}


def labels_of(dialogue: ImapLetters, uids: Sequence[int]) -> Flow[dict[int, frozenset[str]]]:
    """Labels of these letters of the selected folder, by UID. Raises NotSupported."""
    _expect_labels(dialogue)
    found = yield from _fetched(dialogue, uids, b"(X-GM-LABELS)")
    return {
        uid: read_labels(told["X-GM-LABELS"], utf8=dialogue.in_utf8)
        for uid, told in found.items()
        if "X-GM-LABELS" in told
    }


def store_labels(dialogue: ImapLetters, uids: Sequence[int], labels: Sequence[str], *, add: bool) -> Flow[None]:
    """Set or remove labels of letters. Raises NotSupported; UsageError for an invalid label, before a byte is sent."""
    words = [_label(label, utf8=dialogue.in_utf8) for label in labels]
    _expect_labels(dialogue)
    _ = yield from dialogue.writable()
    verb = b"+X-GM-LABELS.SILENT" if add else b"-X-GM-LABELS.SILENT"
    for batch in batches(uids):
        numbers = syntax.uid_set(batch).encode("ascii")
        _ = yield from dialogue.ask("mailbox", b"UID", b"STORE", numbers, verb, b"(", *words, b")")


# The steps.


def _expect(dialogue: ImapLetters, capability: str, otherwise: str, named: str = "") -> None:
    if capability not in dialogue.capabilities:
        raise errors.NotSupported(otherwise, capability=named or capability, stage="mailbox")


def _expect_labels(dialogue: ImapLetters) -> None:
    _expect(dialogue, "X-GM-EXT-1", "the server has no labels: they are Gmail's")


def _fetched(dialogue: ImapLetters, uids: Sequence[int], what: bytes) -> Flow[dict[int, dict[str, Value]]]:
    """Data of letters other than texts, by UID; of those that no longer exist none."""
    found: dict[int, dict[str, Value]] = {}
    for batch in batches(uids):
        numbers = syntax.uid_set(batch).encode("ascii")
        answer = yield from dialogue.ask("mailbox", b"UID", b"FETCH", numbers, what)
        for uid, told in _told(answer.untagged, set(batch)):
            found.setdefault(uid, {}).update(told)
    return found


def _told(untagged: Sequence[object], wanted: set[int]) -> Iterator[tuple[int, dict[str, Value]]]:
    """Data of the letters that were asked for. Raises RemoteProtocolError for data without a UID."""
    for each in untagged:
        if not isinstance(each, Fetched) or not each.others or set(each.others) == {"MODSEQ"}:
            continue
        if not each.uid:
            raise errors.RemoteProtocolError("the server sent a letter without its UID", stage="mailbox")
        if each.uid in wanted:
            yield each.uid, each.others


def _label(label: object, *, utf8: bool) -> bytes:
    """A label as an argument: one of Gmail's own as an atom, another one like the name of a folder."""
    if not isinstance(label, str) or not label:
        raise errors.UsageError(f"{label!r} is not a label")
    if _SYSTEM_LABEL.fullmatch(label):
        return label.encode("ascii")
    _ = syntax.text("a label", label)  # checked, and written like the name of a folder
    return syntax.octets(folder_names.encoded(label, utf8=utf8))
