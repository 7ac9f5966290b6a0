"""MIME parts of a captured mail: what each says of itself, and its content decoded."""

from __future__ import annotations

from dataclasses import dataclass, field

from courriel.wire.parse.header import read_header
from courriel.wire.parse.parts import leaves
from courriel.wire.parse.transfer import unpacked_slice


@dataclass(frozen=True, slots=True)
class MailPart:
    """One part that holds no others; `number` counts from 1, and what the part says of itself need not be true."""

    number: int
    content_type: str
    charset: str
    encoding: str
    name: str
    content_id: str
    attached: bool
    within: str
    """Type of the multipart around it."""
    size: int
    """Octets as they came, before decoding."""
    start: int = field(repr=False)
    end: int = field(repr=False)

    @property
    def is_text(self) -> bool:
        """Whether it is plain text to be read, and not a file."""
        return self.content_type == "text/plain" and not self.attached and not self.name

    def decoded(self, content: bytes) -> bytes:
        """Octets of the part, out of those of the whole mail."""
        return unpacked_slice(content, self.start, self.end, self.encoding, _no_note)


def parts_of(content: bytes) -> list[MailPart]:
    """Parts of a mail in order; linear, and at most 2,000."""
    header, start = read_header(content, 0, _no_boundary, _no_note)
    return [
        MailPart(
            number,
            leaf.label.content_type,
            leaf.label.charset,
            leaf.label.encoding,
            leaf.label.name,
            leaf.label.content_id,
            leaf.label.attached,
            leaf.within,
            leaf.end - leaf.start,
            leaf.start,
            leaf.end,
        )
        for number, leaf in enumerate(leaves(content, header, start, _no_note), 1)
    ]


# The steps.


def _no_note(defect: str) -> None:
    """Leave defects to `Letter.defects`."""


def _no_boundary(line: bytes) -> bool:
    """End of a header by a boundary: none is known before the first part."""
    return False
