"""BODY and BODYSTRUCTURE of a letter (RFC 9051 7.5.2)."""

from __future__ import annotations

from courriel.wire.imap_server.envelope import envelope
from courriel.wire.imap_server.letter_tree import LetterContent, TreePart
from courriel.wire.imap_server.writing import nil_or_string, string

_USUAL_ENCODING = b"7BIT"


def structure(letter: LetterContent, *, extended: bool) -> bytes:
    """Structure of a letter; `extended`: with the extension data of BODYSTRUCTURE."""
    return _of(letter.raw, letter.tree, extended=extended)


# The steps.


def _of(data: bytes, part: TreePart, *, extended: bool) -> bytes:
    if part.parts:
        return _multipart(data, part, extended=extended)
    fields = part.fields
    kind, _, subtype = fields.content_type.partition("/")
    if kind == "multipart":
        kind, subtype = "text", "plain"  # a multipart without parts is a text
    words = [
        string(kind.encode()),
        string(subtype.encode()),
        _parameters(fields.parameters, usual=kind == "text" and subtype == "plain"),
        nil_or_string(fields.content_id or None),
        nil_or_string(fields.description or None),
        string(fields.encoding.upper() or _USUAL_ENCODING),
        b"%d" % (part.end - part.body),
    ]
    if part.message is not None:
        words += [envelope(part.message.header), _of(data, part.message, extended=extended)]
    if part.message is not None or kind == "text":
        words.append(b"%d" % _lines(data, part))
    if extended:
        words += [nil_or_string(fields.md5 or None), *_extension(part)]
    return b"(%b)" % b" ".join(words)


def _multipart(data: bytes, part: TreePart, *, extended: bool) -> bytes:
    inner = b"".join(_of(data, each, extended=extended) for each in part.parts)
    words = [inner, string(part.fields.content_type.partition("/")[2].encode())]
    if extended:
        words += [_parameters(part.fields.parameters), *_extension(part)]
    return b"(%b)" % b" ".join(words)


def _extension(part: TreePart) -> list[bytes]:
    fields = part.fields
    disposition = b"NIL"
    if fields.disposition:
        disposition = b"(%b %b)" % (string(fields.disposition), _parameters(fields.disposition_parameters))
    languages = b"(%b)" % b" ".join(map(string, fields.languages)) if fields.languages else b"NIL"
    return [disposition, languages, nil_or_string(fields.location or None)]


def _parameters(parameters: tuple[tuple[bytes, bytes], ...], *, usual: bool = False) -> bytes:
    if not parameters:
        # RFC 2045 5.2: a text without a charset is in US-ASCII, and clients expect to read so.
        return b'("charset" "us-ascii")' if usual else b"NIL"
    return b"(%b)" % b" ".join(string(each) for pair in parameters for each in pair)


def _lines(data: bytes, part: TreePart) -> int:
    lines = data.count(b"\n", part.body, part.end)
    return lines + (part.end > part.body and data[part.end - 1 : part.end] != b"\n")
