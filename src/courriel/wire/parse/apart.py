"""Parts of a letter that is not here: their MIME fields are, and their content is fetched when it is read."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from courriel.model.received.attachment import ReceivedAttachment
from courriel.model.received.part import LetterPart
from courriel.wire.imap.body_structure import PartSection
from courriel.wire.parse.charsets.decoding import ReportDefect, ignore_defect
from courriel.wire.parse.contents import attachments_apart
from courriel.wire.parse.header import read_header
from courriel.wire.parse.part_info import PartInfo, part_info_of
from courriel.wire.parse.parts import Leaf
from courriel.wire.parse.transfer import unpacked


def letter_part(section: PartSection, mime: bytes) -> LetterPart:
    """Part with its MIME fields, read as those of a letter that is here."""
    header, _ = read_header(mime, 0, lambda line: False, ignore_defect)
    info = part_info_of(header, "text/plain", ignore_defect)
    return LetterPart(
        section.number, info.content_type, info.name, section.size, info.encoding, info.charset,
        attached=info.attached, content_id=info.content_id, within=section.within, order=section.order,
        alternative=section.alternative,
    )  # fmt: skip


def content_of(part: LetterPart, octets: bytes) -> bytes:
    """Decoded content of a part."""
    return unpacked(octets, part.encoding, ignore_defect)


def attachments_of(
    parts: Sequence[LetterPart], fetch: Callable[[LetterPart], bytes], report_defect: ReportDefect
) -> tuple[ReceivedAttachment, ...]:
    """Attachments among these parts; `fetch` returns the decoded content of one."""
    leaves = [
        Leaf(
            PartInfo(part.content_type, part.charset, b"", part.encoding, part.attached, part.name, part.content_id),
            0, 0, part.within, part.order, part.alternative,
        )
        for part in parts
    ]  # fmt: skip
    return attachments_apart(leaves, lambda place: fetch(parts[place]), report_defect)
