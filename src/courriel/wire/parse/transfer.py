"""Content-Transfer-Encodings of received mail: base64, quoted-printable, uuencode (RFC 2045 6).

Everything is decoded in blocks, so that an attachment can be read or saved without being in memory as a whole.
"""

from __future__ import annotations

from binascii import a2b_base64, a2b_qp
from collections.abc import Iterable, Iterator
from io import BytesIO

from courriel._lazy_re import expression
from courriel.wire.parse.charsets.decoding import ReportDefect
from courriel.wire.parse.uuencode import UuDecoder

BLOCK = 65_536  # octets decoded at a time

_LONGEST_LINE = 1_000
_SHORTEST_LINE = 16  # characters of a line of base64; a shorter one may be a word of a text

_ALPHABET = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
_WHITE = b" \t\r\n"
_FOREIGN = bytes(octet for octet in range(256) if octet not in _ALPHABET and octet != 0x3D)
_SOUND = _ALPHABET + b"=" + _WHITE
_STRANGE = expression(rb"[^A-Za-z0-9+/= \t\r\n]")
_AS_IT_IS = ("", "7bit", "8bit", "binary")
_NO_LETTER = expression(r"[^a-z0-9]+")


def unpacked(octets: bytes, encoding: str, report_defect: ReportDefect) -> bytes:
    """Decode a Content-Transfer-Encoding; octets that are not in that encoding are left as they are."""
    return unpacked_slice(octets, 0, len(octets), encoding, report_defect)


def unpacked_slice(data: bytes, start: int, end: int, encoding: str, report_defect: ReportDefect) -> bytes:
    """Decode a part of `data`. Besides the result, nothing of its size is held in memory."""
    if encoding in _AS_IT_IS:
        return data[start:end]
    if encoding == "quoted-printable" and end - start <= BLOCK:
        return a2b_qp(data[start:end])
    content = BytesIO()
    for block in unpacked_blocks(data, start, end, encoding, report_defect):
        _ = content.write(block)
    return content.getvalue()


def unpacked_blocks(data: bytes, start: int, end: int, encoding: str, report_defect: ReportDefect) -> Iterator[bytes]:
    """Decode a part of `data`, block by block."""
    match _NO_LETTER.sub("", encoding.removeprefix("x-")):
        case "base64" | "b64" | "b":
            return _from_base64(data, start, end, report_defect)
        case "quotedprintable" | "qp" | "q":
            return _from_quoted_printable(data, start, end)
        case "uuencode" | "uue" | "uu" | "uuencoded":
            return _from_uuencode(data, start, end, report_defect)
        case "" | "7bit" | "8bit" | "binary" | "7bits" | "8bits" | "none":
            return _blocks(data, start, end)
        case _:
            report_defect(f"the transfer encoding {encoding[:60]!r} is not known; the content is left as it came")
            return _blocks(data, start, end)


def from_base64(octets: bytes, report_defect: ReportDefect) -> bytes:
    """Decode base64, in one piece or in several that are padded each. A few invalid characters are skipped; with many,
    the octets are returned unchanged."""
    return b"".join(_from_base64(octets, 0, len(octets), report_defect))


# The steps.


def _blocks(data: bytes, start: int, end: int) -> Iterator[bytes]:
    return (data[at : min(at + BLOCK, end)] for at in range(start, end, BLOCK))


def _from_base64(data: bytes, start: int, end: int, report_defect: ReportDefect) -> Iterator[bytes]:
    strange = sum(len(block.translate(None, _SOUND)) for block in _blocks(data, start, end))
    if strange:
        if (footer := _footer(data, start, end)) < end:
            report_defect("what follows the base64 is none (a list's footer, perhaps), and was left out")
            return _from_base64(data, start, footer, report_defect)
        blanks, lines = (sum(block.count(each) for block in _blocks(data, start, end)) for each in (b" ", b"\n"))
        # One invalid character in ten, or words: it is text and not base64.
        if strange * 10 > end - start - blanks - 2 * lines or blanks > lines + 1:
            report_defect("what is said to be base64 is none, and is left as it came")
            return _blocks(data, start, end)
        report_defect(f"{strange} characters that base64 does not have were passed over")
    return _pieces_of_base64(_blocks(data, start, end), report_defect)


def _pieces_of_base64(blocks: Iterable[bytes], report_defect: ReportDefect) -> Iterator[bytes]:
    rest = b""
    for block in blocks:
        *ended, rest = (rest + block.translate(None, _FOREIGN)).split(b"=")
        for piece in ended:
            if piece:
                yield _last_of_base64(piece, report_defect)
        if whole := len(rest) // 4 * 4:
            yield a2b_base64(rest[:whole])
            rest = rest[whole:]
    if rest:
        yield _last_of_base64(rest, report_defect)


def _last_of_base64(piece: bytes, report_defect: ReportDefect) -> bytes:
    """Decode base64 up to its padding, which may be missing."""
    if len(piece) % 4 == 1:
        report_defect("the base64 breaks off within an octet")
        piece = piece[:-1]
    return a2b_base64(piece + b"=" * (-len(piece) % 4))


def _footer(data: bytes, start: int, end: int) -> int:
    """Offset of the text that a mailing list or a virus scanner added below the base64; `end` when there is none.

    Damaged base64 is told apart by the whole lines of base64 that follow the damage.
    """
    strange = _STRANGE.search(data, start, end)
    begin = max(start, data.rfind(b"\n", start, strange.start()) + 1) if strange else end
    first = start
    while data[first : first + 1] in (b"\r", b"\n") and first < begin:
        first += 1
    line_end = data.find(b"\n", first, begin)
    if line_end < 0:
        return end  # the very first line is no base64
    length = len(data[first:line_end].strip(_WHITE))
    last = data[max(first, begin - _LONGEST_LINE) : begin].strip(_WHITE).rpartition(b"\n")[2]
    padded = last.endswith(b"=")
    # Single words on lines of their own look like base64, too.
    if length > _LONGEST_LINE or b" " in data[first:line_end].strip() or b" " in last:
        return end
    if (length % 4 or length < _SHORTEST_LINE) and not padded:
        return end
    position = begin
    while position < end:
        line_end = data.find(b"\n", position, end) + 1 or end
        line = data[position:line_end].strip(_WHITE)
        if len(line) == length and not line.translate(None, _ALPHABET):
            return end
        position = line_end
    return begin


def _from_quoted_printable(data: bytes, start: int, end: int) -> Iterator[bytes]:
    position = start
    while position < end:
        stop = min(position + BLOCK, end)
        if stop < end:
            line_end = data.rfind(b"\n", position, stop) + 1
            # Cut at a line end, or else before an escape in the last octets, so that no escape is split.
            stop = line_end or max(data.rfind(b"=", stop - 2, stop), 0) or stop
        yield a2b_qp(data[position:stop])
        position = stop


def _from_uuencode(data: bytes, start: int, end: int, report_defect: ReportDefect) -> Iterator[bytes]:
    decoder = UuDecoder(report_defect)
    found: list[bytes] = []
    gathered = 0
    for line in _lines(data, start, end):
        piece = decoder.take(line)
        if decoder.ended:
            break
        if piece:
            found.append(piece)
            gathered += len(piece)
        if gathered >= BLOCK:
            yield b"".join(found)
            found, gathered = [], 0
    yield b"".join(found)
    if not decoder.begun:
        report_defect("what is said to be uuencoded is not, and is left as it came")
        yield from _blocks(data, start, end)


def _lines(data: bytes, start: int, end: int) -> Iterator[bytes]:
    while start < end:
        line_end = data.find(b"\n", start, end) + 1 or end
        yield data[start:line_end].rstrip(b"\r\n")
        start = line_end
