"""Contents of a letter for people: text, HTML and attachments, however its parts are nested."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator
from functools import partial

from courriel._lazy_re import expression
from courriel.model.received.attachment import ReceivedAttachment, numbered, safe_name
from courriel.wire.parse.charsets.decoding import ReportDefect, decoded
from courriel.wire.parse.charsets.names import codec_of
from courriel.wire.parse.enriched import from_enriched
from courriel.wire.parse.parts import Leaf
from courriel.wire.parse.transfer import unpacked_blocks, unpacked_slice

# Rank of text types: of an alternative, the plainest type is its text.
_TEXTS = {"text/plain": 0, "text/markdown": 1, "text/enriched": 2, "text/richtext": 3}
_ENDINGS = {
    "text/plain": ".txt", "text/html": ".html", "text/calendar": ".ics", "text/csv": ".csv", "text/vcard": ".vcf",
    "application/pdf": ".pdf", "application/zip": ".zip", "application/json": ".json", "application/xml": ".xml",
    "application/pgp-signature": ".asc", "application/pkcs7-signature": ".p7s", "image/jpeg": ".jpg",
    "image/png": ".png", "image/gif": ".gif", "image/webp": ".webp", "image/svg+xml": ".svg", "audio/mpeg": ".mp3",
    "message/rfc822": ".eml", "message/global": ".eml", "message/delivery-status": ".txt",
}  # fmt: skip
_META = expression(rb"<meta[^<>]{0,200}?charset\s{0,5}=\s{0,5}[\"']?\s{0,5}([\w.:+-]{1,40})", re.IGNORECASE)
_XML = expression(rb"\s{0,100}<\?xml[^<>]{0,100}encoding\s{0,5}=\s{0,5}[\"']([\w.:+-]{1,40})", re.IGNORECASE)
_MARKS = ((b"\xef\xbb\xbf", "utf-8"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"))

_SPLIT = 65_536  # characters of a text that is split into its lines


def text_in(data: bytes, leaves: Iterable[Leaf], report_defect: ReportDefect) -> str:
    """Plain text of all text parts in order; lines end in LF."""
    texts = [leaf for leaf in leaves if _is_text(leaf) and not _is_html(leaf)]
    if len(texts) < 2:
        return _joined(data, texts, report_defect)
    plainest: dict[int, int] = {}
    for leaf in texts:
        rank = _TEXTS[leaf.label.content_type]
        plainest[leaf.alternative] = min(rank, plainest.get(leaf.alternative, rank))
    chosen = (
        leaf for leaf in texts if not leaf.alternative or _TEXTS[leaf.label.content_type] == plainest[leaf.alternative]
    )
    return _joined(data, chosen, report_defect)


def html_in(data: bytes, leaves: Iterable[Leaf], report_defect: ReportDefect) -> str:
    """HTML of all HTML parts in order."""
    return _joined(data, (leaf for leaf in leaves if _is_text(leaf) and _is_html(leaf)), report_defect)


def attachments_in(data: bytes, leaves: Iterable[Leaf], report_defect: ReportDefect) -> tuple[ReceivedAttachment, ...]:
    """All other parts as attachments, inline images and attached mails included; no two have the same name."""
    attached = [leaf for leaf in leaves if not _is_text(leaf)]
    if not attached:
        return ()
    taken = _Names()
    return tuple(_received_attachment(data, leaf, taken, rank, report_defect) for rank, leaf in enumerate(attached, 1))


def attachments_apart(
    leaves: Iterable[Leaf], fetch: Callable[[int], bytes], report_defect: ReportDefect
) -> tuple[ReceivedAttachment, ...]:
    """Attachments of a letter that is not here: `fetch` returns the content of a leaf by its place, decoded."""
    taken = _Names()
    attached = [(place, leaf) for place, leaf in enumerate(leaves) if not _is_text(leaf)]
    return tuple(
        _described_attachment(leaf, taken, rank, report_defect, partial(fetch, place))
        for rank, (place, leaf) in enumerate(attached, 1)
    )


# The steps.


def _is_text(leaf: Leaf) -> bool:
    """Whether a part belongs to the text; a text with a name, or one that the HTML refers to, is an attachment."""
    label = leaf.label
    if label.attached or not (label.content_type in _TEXTS or _is_html(leaf)):
        return False
    if leaf.within == "multipart/related" and leaf.order and label.content_id:
        return False
    return not (label.name and leaf.within)


def _is_html(leaf: Leaf) -> bool:
    return leaf.label.content_type == "text/html"


def _joined(data: bytes, leaves: Iterable[Leaf], report_defect: ReportDefect) -> str:
    found: list[str] = []
    for leaf in leaves:
        octets = unpacked_slice(data, leaf.start, leaf.end, leaf.label.encoding, report_defect)
        text = decoded(octets, _charset_of(leaf, octets), report_defect)
        if "\r" in text:
            text = _with_lf(text)
        if leaf.label.content_type in ("text/enriched", "text/richtext"):
            text = from_enriched(text, rich=leaf.label.content_type == "text/richtext")
        if found and not found[-1].endswith("\n"):
            found.append("\n")
        found.append(text)
    return "".join(found)


def _with_lf(text: str) -> str:
    """Text whose lines end by LF, whatever ended them."""
    # The same as by `replace` in two thirds of the time; a list of the lines of a large text would take memory.
    less = "\n".join(text.split("\r\n")) if len(text) <= _SPLIT else text.replace("\r\n", "\n")
    return less.replace("\r", "\n")


def _charset_of(leaf: Leaf, octets: bytes) -> str:
    """Charset of the Content-Type field; without one, of a byte order mark or of the HTML itself."""
    charset = leaf.label.charset
    if codec_of(charset) != "":
        return charset
    for mark, meant in _MARKS:
        if octets.startswith(mark):
            return meant
    if _is_html(leaf) and (declared := _META.search(octets, 0, 4096) or _XML.match(octets)):
        meant = declared[1].decode("ascii", "replace")
        # The declaration was readable as ASCII, so the charset is neither UTF-16 nor UTF-32.
        return "utf-8" if (codec_of(meant) or "").startswith(("utf_16", "utf_32")) else meant
    return charset


def _received_attachment(
    data: bytes, leaf: Leaf, taken: _Names, rank: int, report_defect: ReportDefect
) -> ReceivedAttachment:
    # The part is decoded when its content is read: until then the attachments of a letter cost nothing.
    where = (data, leaf.start, leaf.end, leaf.label.encoding, report_defect)
    return _described_attachment(
        leaf, taken, rank, report_defect, partial(unpacked_slice, *where), partial(unpacked_blocks, *where)
    )


def _described_attachment(
    leaf: Leaf,
    taken: _Names,
    rank: int,
    report_defect: ReportDefect,
    load: Callable[[], bytes],
    blocks: Callable[[], Iterator[bytes]] | None = None,
) -> ReceivedAttachment:
    label = leaf.label
    fallback = f"attachment-{rank}{_ENDINGS.get(label.content_type, '.bin')}"
    name = taken.free(safe_name(label.name, fallback))
    if label.name and name != label.name:
        report_defect(f"an attachment's name was not safe, or not its own; it is called {name!r}")
    inline = not label.attached and bool(label.content_id)
    return ReceivedAttachment(name, label.content_type, load, blocks=blocks, content_id=label.content_id, inline=inline)


class _Names:
    """Unique file names; names that a file system may take for equal (case, accents) count as equal."""

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}

    def free(self, name: str) -> str:
        """Return the name, or the name with the first free number."""
        key = _alike(name)
        free = name
        number = self._numbers.get(key, 0) + 1
        while number > 1 and _alike(free := numbered(name, number)) in self._numbers:
            number += 1
        self._numbers[key] = number
        self._numbers.setdefault(_alike(free), 1)
        return free


def _alike(name: str) -> str:
    return unicodedata.normalize("NFC", name).casefold()
