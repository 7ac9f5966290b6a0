"""The mail that a report is about, as far as it was returned: whole, its header alone, or nothing."""

from __future__ import annotations

from collections.abc import Sequence

from courriel._dataclass import dataclass
from courriel._lazy_re import expression
from courriel.wire.parse.charsets.decoding import ignore_defect
from courriel.wire.parse.header import Header, read_header
from courriel.wire.parse.parts import Leaf
from courriel.wire.parse.transfer import unpacked_slice
from courriel.wire.parse.words import readable, value_of

_RETURNED = frozenset({
    "message/rfc822", "message/global", "text/rfc822-headers", "text/rfc822-header", "message/rfc822-headers",
    "message/global-headers", "text/rfc822",
})  # fmt: skip
_LONGEST = 1_048_576  # octets of it that are read: its header
_ID = expression(r"<[^<>\s]{1,900}>")


@dataclass(frozen=True, slots=True)
class Original:
    """Header of the mail that came back, with fields decoded; empty when nothing of it came."""

    headers: tuple[tuple[str, str], ...] = ()

    def first(self, name: str) -> str:
        """First field of that name, which is given in lower case; "" without one."""
        return next((value for known, value in self.headers if known.lower() == name), "")

    @property
    def message_id(self) -> str:
        """Its Message-ID, "" when it is not known."""
        return first_id(self.first("message-id"))


def returned_mail(data: bytes, leaves: Sequence[Leaf]) -> Original:
    """Header of the mail that stands in a report as a part."""
    for leaf in leaves:
        if leaf.label.content_type in _RETURNED:
            end = min(leaf.end, leaf.start + _LONGEST)
            return original_in(unpacked_slice(data, leaf.start, end, leaf.label.encoding, ignore_defect))
    return Original()


def original_in(octets: bytes) -> Original:
    """Header of the mail at the beginning of these octets."""
    header, _ = read_header(octets.lstrip(b"\r\n \t"), 0, lambda line: False, ignore_defect)
    return Original(
        tuple((name, readable(value_of(value, ignore_defect), ignore_defect)) for name, value in header.fields)
    )


def first_id(value: str) -> str:
    """First message id in the value of a field, "" without one."""
    found = _ID.search(value)
    return found[0] if found else ""


def answered_id(header: Header) -> str:
    """Message id of the mail that a report answers: by its In-Reply-To, else the last of its References."""
    answered = first_id(value_of(header.first("in-reply-to"), ignore_defect))
    if answered:
        return answered
    return next(iter(_ID.findall(value_of(header.first("references"), ignore_defect))[::-1]), "")
