"""Verification of the DKIM signatures of a mail in a file, whatever its size; ARC sets are shown, and not judged."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain
from time import time
from typing import BinaryIO

from courriel import errors
from courriel._dataclass import dataclass
from courriel.doctor.domain.name_service import Lookup
from courriel.wire.dkim.fields import LONGEST_HEADER, end_of_header, header_fields
from courriel.wire.dkim.tag_list import BrokenTagList, read_tags
from courriel.wire.dkim.verifying import DkimVerdict, NoAnswer, Verification

_BLOCK = 256 * 1024
_MOST_SETS = 50  # RFC 8617 4.2.1


@dataclass(frozen=True, slots=True)
class ArcSet:
    """One ARC set as its seal says it: its number, the domain that sealed, and `cv=` ("none", "pass", "fail")."""

    number: int
    domain: str
    cv: str


@dataclass(frozen=True, slots=True)
class SignatureReport:
    """The verdict on each DKIM signature, how many more there were than are verified, and the ARC sets."""

    verdicts: tuple[DkimVerdict, ...]
    left_out: int
    arc: tuple[ArcSet, ...]


def check_signatures(mail: BinaryIO, ask: Lookup, seconds: float | None = None) -> SignatureReport:
    """Verify the signatures of a mail that is read once, in blocks; `seconds` is the time now.

    A file whose lines end in LF is read as if they ended in CRLF, as mail programs store them. Raises InvalidMessage
    for a file without the end of a header, MissingExtra.
    """
    blocks = _with_crlf(iter(lambda: mail.read(_BLOCK), b""))
    data = next(blocks, b"")
    while (end := end_of_header(data)) < 0:
        more = next(blocks, None)
        if more is None or len(data) > LONGEST_HEADER:
            break
        data += more
    if end < 0 and len(data) > LONGEST_HEADER:
        raise errors.InvalidMessage("this is no mail: its header never ends", stage="compose")
    end = len(data) if end < 0 else end
    head = data[:end]
    verification = Verification(head)
    verification.feed(data[end + 2 :])
    for block in blocks:
        verification.feed(block)

    def records_at(name: str) -> tuple[str, ...]:
        answer = ask(name, "TXT")
        if not answer.certain:
            raise NoAnswer(answer.why)
        return answer.values

    verdicts = verification.verdicts(records_at, time() if seconds is None else seconds)
    return SignatureReport(tuple(verdicts), verification.left_out, tuple(_arc_sets(head)))


# The steps.


def _with_crlf(blocks: Iterator[bytes]) -> Iterator[bytes]:
    """The blocks of a file; where its first line ends in LF, each LF as CRLF."""
    first = next(blocks, b"")
    end = first.find(b"\n")
    if end < 0 or first[:end].endswith(b"\r"):
        yield first
        yield from blocks
        return
    held = b""
    for block in chain((first,), blocks):
        data = held + block
        held = b"\r" if data.endswith(b"\r") else b""
        data = data[: len(data) - len(held)]
        yield data.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
    yield held


def _arc_sets(head: bytes) -> Iterator[ArcSet]:
    seals = [value for name, value, _ in header_fields(head) if name == b"arc-seal"]
    found = []
    for value in seals[:_MOST_SETS]:
        try:
            tags = read_tags(value.decode("utf-8", "replace"))
        except BrokenTagList:
            continue
        if tags.get("i", "").isdecimal() and len(tags["i"]) <= len(str(_MOST_SETS)):
            found.append(ArcSet(int(tags["i"]), tags.get("d", ""), tags.get("cv", "")))
    return iter(sorted(found, key=lambda each: each.number))
