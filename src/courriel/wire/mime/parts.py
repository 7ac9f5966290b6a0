"""MIME parts of a message to send: a text, a file, and several within one (RFC 2045, RFC 2046, RFC 2183)."""

from __future__ import annotations

import os
from binascii import crc32
from collections.abc import Iterator
from functools import lru_cache

from courriel._dataclass import dataclass
from courriel.model.content import has_long_line, is_dotless
from courriel.model.messages.attachment import Attachment
from courriel.wire.mime.headers import is_plain_value, parameter
from courriel.wire.mime.transfer import Base64File, RawFile, encode_base64, encode_text

TYPE_CHECKING = False

if TYPE_CHECKING:
    from courriel.model.typed import Piece


@dataclass(frozen=True, slots=True)
class Part:
    """Body part: its header lines, its body, and the properties of the body."""

    header: bytes
    """Header with the empty line that ends it."""
    body: tuple[bytes | Piece, ...]
    size: int
    ends_its_line: bool
    """Whether the body ends in a CRLF that does not belong to its content, so that a boundary may follow at once."""
    eight_bit: bool
    dotless: bool
    binary: bool = False


def text_part(kind: str, text: str, eight_bit: bool) -> Part:
    """Text part, `plain` or `html`, in the shortest encoding that the server takes."""
    encoding, data = encode_text(text, eight_bit)
    return encoded_part(kind, encoding, data, encoding == "base64" or is_dotless(data))


def encoded_part(kind: str, encoding: str, data: bytes, dotless: bool) -> Part:
    """Text part from octets that are encoded already."""
    return Part(text_header(kind, encoding), (data,), len(data), encoding == "base64", encoding == "8bit", dotless)


@lru_cache(maxsize=16)
def text_header(kind: str, encoding: str) -> bytes:
    """Header of a text part, with the empty line that ends it."""
    return f"Content-Type: text/{kind}; charset=utf-8\r\nContent-Transfer-Encoding: {encoding}\r\n\r\n".encode()


def attachment_part(attachment: Attachment, eight_bit: bool, binary: bool) -> Part:
    """File part, in base64 or in binary; an attached mail is never encoded, because RFC 2046 5.2.1 forbids it."""
    content_type = attachment.content_type
    if content_type.lower().startswith("message/"):
        mail = _mail_part(attachment, eight_bit)
        if mail is not None:
            return mail
        content_type = "application/octet-stream"
    if binary:
        raw = attachment.source if isinstance(attachment.source, bytes) else RawFile(attachment)
        header = _attachment_header(attachment, content_type, "binary")
        return Part(header, (raw,), attachment.size, False, eight_bit=False, dotless=False, binary=True)
    header = _attachment_header(attachment, content_type, "base64")
    if isinstance(attachment.source, bytes):
        data = encode_base64(attachment.source)
        return Part(header, (data,), len(data), ends_its_line=bool(data), eight_bit=False, dotless=True)
    file = Base64File(attachment)
    return Part(header, (file,), file.size, ends_its_line=file.size > 0, eight_bit=False, dotless=True)


def _mail_part(attachment: Attachment, eight_bit: bool) -> Part | None:
    """Attached mail with CRLF line ends; None when it cannot be sent as message/rfc822, but only as octets."""
    data = attachment.read()
    if data.count(b"\r") != data.count(b"\r\n") or b"\0" in data or has_long_line(data):
        return None
    if not data.isascii() and not eight_bit:
        return None
    data = data.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
    encoding = "7bit" if data.isascii() else "8bit"
    return Part(
        _attachment_header(attachment, attachment.content_type, encoding),
        (data,),
        len(data),
        ends_its_line=False,
        eight_bit=encoding == "8bit",
        dotless=is_dotless(data),
    )


def _attachment_header(attachment: Attachment, content_type: str, encoding: str) -> bytes:
    """Type and disposition, with the full name by RFC 2231 and, for old readers, an ASCII name in the type."""
    name = attachment.name
    plain = name if is_plain_value(name) else _plain_name(name)
    disposition = "inline" if attachment.inline else "attachment"
    lines = (
        f"Content-Type: {content_type}{parameter('name', plain)}\r\n"
        f"Content-Disposition: {disposition}{parameter('filename', name)}"
    )
    if attachment.content_id:
        lines += f"\r\nContent-ID: <{attachment.content_id}>"
    return f"{lines}\r\nContent-Transfer-Encoding: {encoding}\r\n\r\n".encode()


def _plain_name(name: str) -> str:
    """Similar name in ASCII: without accents, other characters as _."""
    import unicodedata

    letters = (each for each in unicodedata.normalize("NFKD", name) if not unicodedata.combining(each))
    plain = "".join(each if " " <= each <= "~" and each not in '"\\/' else "_" for each in letters)
    return plain.replace("=?", "__")


def text_and_html(text: str, html: str, eight_bit: bool, message_id: str) -> Part | None:
    """Same octets as `multipart` for text and HTML, in one step; None when a part contains the first boundary."""
    (code, plain), (html_code, page) = encode_text(text, eight_bit), encode_text(html, eight_bit)
    boundary = first_boundary(message_id)
    body = b"".join(
        (
            b"--", boundary, b"\r\n", text_header("plain", code), plain, _line_end(code),
            b"--", boundary, b"\r\n", text_header("html", html_code), page, _line_end(html_code),
            b"--", boundary, b"--\r\n",
        )
    )  # fmt: skip
    if body.count(boundary) != 3:
        return None
    wide = code == "8bit" or html_code == "8bit"
    header = multipart_header("alternative", boundary, wide)
    return Part(header, (body,), len(body), True, wide, is_dotless(body))


def _line_end(encoding: str) -> bytes:
    """Line end between a text and the boundary: none after base64, which ends in one that is not the text's."""
    return b"" if encoding == "base64" else b"\r\n"


def multipart(kind: str, parts: list[Part], boundaries: Iterator[bytes]) -> Part:
    """Combine parts into one, separated by a boundary that occurs in none of them."""
    while True:
        boundary = next(boundaries)
        body = _joined(_bounded(boundary, parts))
        found = size = 0
        for piece in body:
            if isinstance(piece, bytes):
                found += piece.count(boundary)
                size += len(piece)
            else:
                size += piece.size
        if found == len(parts) + 1:
            break
    eight_bit, dotless, binary = False, True, False
    for part in parts:
        eight_bit = eight_bit or part.eight_bit
        dotless = dotless and part.dotless
        binary = binary or part.binary
    header = multipart_header(kind, boundary, eight_bit, binary=binary)
    return Part(header, body, size, True, eight_bit, dotless, binary)


def multipart_header(kind: str, boundary: bytes, eight_bit: bool, *, binary: bool = False) -> bytes:
    """Header of a multipart; its encoding is 8bit or binary when one of the parts has that (RFC 2045 6.4)."""
    # The root of the related parts is the alternative, always the first part (RFC 2387 3.1).
    more = b'; type="multipart/alternative"' if kind == "related" else b""
    word = b"binary" if binary else b"8bit" if eight_bit else b""
    encoding = b"\r\nContent-Transfer-Encoding: " + word if word else b""
    return b'Content-Type: multipart/%b%b;\r\n boundary="%b"%b\r\n\r\n' % (kind.encode(), more, boundary, encoding)


def _bounded(boundary: bytes, parts: list[Part]) -> list[bytes | Piece]:
    """Parts with boundaries before, between and after them."""
    pieces: list[bytes | Piece] = []
    line_end = b""
    for part in parts:
        pieces += (line_end, b"--", boundary, b"\r\n", part.header, *part.body)
        line_end = b"" if part.ends_its_line else b"\r\n"
    pieces += (line_end, b"--", boundary, b"--\r\n")
    return pieces


def _joined(pieces: list[bytes | Piece]) -> tuple[bytes | Piece, ...]:
    """Join neighbouring pieces in memory: one write instead of many."""
    try:
        return (b"".join(pieces),)  # type: ignore[arg-type]  # most mails hold no file
    except TypeError:
        pass
    joined: list[bytes | Piece] = []
    small: list[bytes] = []
    for piece in pieces:
        if isinstance(piece, bytes):
            small.append(piece)
            continue
        joined += (b"".join(small), piece)
        small.clear()
    joined.append(b"".join(small))
    return tuple(joined)


def first_boundary(message_id: str) -> bytes:
    """First boundary of a message."""
    return b"=_%08x.0001" % crc32(message_id.encode())


def boundaries_of(message_id: str, *, unseen: bool = False) -> Iterator[bytes]:
    """Yield boundaries for one message, without end: always the same ones for the same message.

    `=_` occurs neither in base64 nor in quoted-printable, so that the first one is nearly always usable. With `unseen`,
    for files sent in binary, they are unpredictable to the author of a file.
    """
    seed = _boundary_digest(message_id) if unseen else b"%08x" % crc32(message_id.encode())
    number = 0
    while True:
        number += 1
        yield b"=_%b.%04d" % (seed, number)


def _boundary_digest(message_id: str) -> bytes:
    """Digest of 128 bits that no file can contain in advance; within this process always the same for one message.

    A Message-ID of our own, with its random part, would be enough. But a program may give its own, such as
    `<order-42@shop.example>`: an attacker who predicts it could write a file that ends its own part and begins others.
    """
    from hashlib import blake2b

    return blake2b(message_id.encode(), key=_secret(), digest_size=16).hexdigest().encode()


@lru_cache(maxsize=1)
def _secret() -> bytes:
    """Random key of this process, never disclosed."""
    return os.urandom(32)
