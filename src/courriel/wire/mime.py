"""
A message to the octets of its mail (RFC 5322, RFC 2045 to 2047, RFC 2183, RFC 2387).

It is written by formatting: what is written here is known to be well-formed, so nothing is parsed to find that out.
The outcome depends on the message alone: the same one gives the same octets every time, so a retry sends the same mail.
The nesting is the usual one, each level there only when it is needed:

    multipart/mixed                  files beside the text
        multipart/related            images within the HTML
            multipart/alternative    text and HTML, two forms of one thing
"""

from __future__ import annotations

from binascii import crc32
from dataclasses import dataclass
from typing import TYPE_CHECKING

from courriel.model.attachment import Attachment
from courriel.model.content import Content, Piece, has_long_line, is_dotless
from courriel.model.field import refusal
from courriel.model.message import Message, Priority
from courriel.model.ready import ReadyMessage
from courriel.model.stamp import written
from courriel.wire.headers import address_field, ids_field, is_plain_value, parameter, text_field
from courriel.wire.transfer import Base64File, encode_base64, encode_text

if TYPE_CHECKING:
    from email.message import Message as LibraryMessage

_PRIORITY = {
    Priority.HIGH: ("X-Priority: 1", "Importance: high", "Priority: urgent"),
    Priority.LOW: ("X-Priority: 5", "Importance: low", "Priority: non-urgent"),
}


@dataclass(frozen=True, slots=True)
class _Part:
    """One body part: its own header lines, its body, and what is known of it."""

    header: str
    body: tuple[bytes | Piece, ...]
    size: int
    ends_its_line: bool
    """Whether the body ends in a CRLF that is not its own, so that a boundary may follow at once."""
    eight_bit: bool
    dotless: bool


def content_of(
    message: Message | ReadyMessage | LibraryMessage, *, eight_bit: bool = False, utf8: bool = False
) -> Content:
    """The octets of whatever counts as a message; `eight_bit` and `utf8`: what the server takes (8BITMIME, SMTPUTF8).

    A message that is written already stays as it is: whether this server can take it is said by its `eight_bit` and
    `utf8`. Raises InvalidAddress and InvalidMessage.
    """
    if isinstance(message, Message):
        return build(message, eight_bit=eight_bit, utf8=utf8)
    return (message if isinstance(message, ReadyMessage) else ReadyMessage.of(message)).content


def build(message: Message, *, eight_bit: bool = False, utf8: bool = False) -> Content:
    """Write a message: in seven bits, unless the server takes 8BITMIME (`eight_bit`).

    `utf8` allows raw UTF-8 in the header (SMTPUTF8), which is used for nothing but a local part that is not ASCII.
    Raises InvalidAddress (hint ADDRESS-NEEDS-SMTPUTF8) when one needs it and may not, and InvalidMessage
    for a missing file.
    """
    part = _whole(message, eight_bit)
    fields = _fields(message, utf8)
    header = "\r\n".join(fields)
    # The last look before it leaves (A14): as many lines as there are fields, once what is folded is unfolded.
    unfolded = header.replace("\r\n ", "")
    if unfolded.count("\n") != len(fields) - 1 or unfolded.count("\r") != len(fields) - 1:
        raise refusal("headers", "a line break in one of them", "HEADER-LINE-BREAK")
    head = f"{header}\r\nMIME-Version: 1.0\r\n{part.header}\r\n\r\n".encode()
    wide = utf8 and not header.isascii()
    body = part.body
    if len(body) == 1 and isinstance(body[0], bytes):
        data = head + body[0]
        if not data.endswith(b"\r\n"):
            data += b"\r\n"
        return Content((data,), len(data), part.eight_bit, wide, part.dotless)
    return Content((head, *body), len(head) + part.size, part.eight_bit, wide, part.dotless)


# The header.


def _fields(message: Message, utf8: bool) -> list[str]:
    """Every field of the header, each without its line end. Bcc is not among them, ever (scar 35)."""
    fields = [address_field("From", (message.sender,), utf8)]
    if message.reply_to:
        fields.append(address_field("Reply-To", message.reply_to, utf8))
    if message.to:
        fields.append(address_field("To", message.to, utf8))
    if message.cc:
        fields.append(address_field("Cc", message.cc, utf8))
    if message.subject:
        fields.append(text_field("Subject", message.subject))
    fields += (f"Date: {written(message.date)}", f"Message-ID: {message.message_id}")
    if message.in_reply_to:
        fields.append(ids_field("In-Reply-To", message.in_reply_to))
    if message.references:
        fields.append(ids_field("References", message.references))
    if message.priority is not Priority.NORMAL:
        fields += _PRIORITY[message.priority]
    if message.read_receipt is not None:
        fields.append(address_field("Disposition-Notification-To", (message.read_receipt,), utf8))
    if message.list_unsubscribe:
        links = tuple(f"<{link}>," for link in message.list_unsubscribe)
        fields.append(ids_field("List-Unsubscribe", links)[:-1])
    if message.one_click:
        fields.append("List-Unsubscribe-Post: List-Unsubscribe=One-Click")
    if message.headers:
        fields += (text_field(name, value) for name, value in message.headers)
    return fields


# The parts.


def _whole(message: Message, eight_bit: bool) -> _Part:
    """Everything below the header, as one part."""
    if not (message.html or message.attachments):
        return _text_part("plain", message.text, eight_bit)
    boundaries = _Boundaries(message.message_id)
    shown = [each for each in message.attachments if each.inline and message.html]
    beside = [each for each in message.attachments if not (each.inline and message.html)]
    parts = [_attachment_part(each, eight_bit) for each in beside]
    if message.text or message.html:
        parts.insert(0, _body(message, shown, eight_bit, boundaries))
    if len(parts) == 1 and not beside:
        return parts[0]
    return _multipart("mixed", parts, boundaries)


def _body(message: Message, shown: list[Attachment], eight_bit: bool, boundaries: _Boundaries) -> _Part:
    """What the reader sees: text, or HTML with its text, or both with the images they hold."""
    if not message.html:
        return _text_part("plain", message.text, eight_bit)
    text = message.text
    if not text:
        from courriel.wire.html_text import text_of

        text = text_of(message.html)
    both = [_text_part("plain", text, eight_bit), _text_part("html", message.html, eight_bit)]
    body = _multipart("alternative", both, boundaries)
    if not shown:
        return body
    return _multipart("related", [body, *(_attachment_part(each, eight_bit) for each in shown)], boundaries)


def _text_part(kind: str, text: str, eight_bit: bool) -> _Part:
    encoding, data = encode_text(text, eight_bit)
    return _Part(
        f"Content-Type: text/{kind}; charset=utf-8\r\nContent-Transfer-Encoding: {encoding}",
        (data,),
        len(data),
        ends_its_line=encoding == "base64",
        eight_bit=encoding == "8bit",
        dotless=encoding == "base64" or is_dotless(data),
    )


def _attachment_part(attachment: Attachment, eight_bit: bool) -> _Part:
    """A file, in base64; a whole mail as it is, because it must not be encoded (RFC 2046 5.2.1)."""
    content_type = attachment.content_type
    if content_type.lower().startswith("message/"):
        mail = _mail_part(attachment, eight_bit)
        if mail is not None:
            return mail
        content_type = "application/octet-stream"
    header = f"{_attachment_header(attachment, content_type)}\r\nContent-Transfer-Encoding: base64"
    if isinstance(attachment.source, bytes):
        data = encode_base64(attachment.source)
        return _Part(header, (data,), len(data), ends_its_line=bool(data), eight_bit=False, dotless=True)
    file = Base64File(attachment)
    return _Part(header, (file,), file.size, ends_its_line=file.size > 0, eight_bit=False, dotless=True)


def _mail_part(attachment: Attachment, eight_bit: bool) -> _Part | None:
    """A mail within a mail, its lines made to end in CRLF; None when it cannot pass as it is, only as mere octets."""
    data = attachment.read()
    if data.count(b"\r") != data.count(b"\r\n") or b"\0" in data or has_long_line(data):
        return None
    if not data.isascii() and not eight_bit:
        return None
    data = data.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
    encoding = "7bit" if data.isascii() else "8bit"
    return _Part(
        f"{_attachment_header(attachment, attachment.content_type)}\r\nContent-Transfer-Encoding: {encoding}",
        (data,),
        len(data),
        ends_its_line=False,
        eight_bit=encoding == "8bit",
        dotless=is_dotless(data),
    )


def _attachment_header(attachment: Attachment, content_type: str) -> str:
    """Type and disposition, with the name in full (RFC 2231) and, for old readers, a plain one beside the type."""
    name = attachment.name
    plain = name if is_plain_value(name) else _plain_name(name)
    disposition = "inline" if attachment.inline else "attachment"
    lines = (
        f"Content-Type: {content_type}{parameter('name', plain)}\r\n"
        f"Content-Disposition: {disposition}{parameter('filename', name)}"
    )
    return f"{lines}\r\nContent-ID: <{attachment.content_id}>" if attachment.content_id else lines


def _plain_name(name: str) -> str:
    """A name in ASCII that resembles it: without accents, and with _ for the rest."""
    import unicodedata

    letters = (each for each in unicodedata.normalize("NFKD", name) if not unicodedata.combining(each))
    plain = "".join(each if " " <= each <= "~" and each not in '"\\/' else "_" for each in letters)
    return plain.replace("=?", "__")


def _multipart(kind: str, parts: list[_Part], boundaries: _Boundaries) -> _Part:
    """Parts within one part, each after a boundary that stands in none of them."""
    boundary = boundaries.next(parts)
    pieces: list[bytes | Piece] = []
    size = 0
    line_end = ""
    for part in parts:
        head = f"{line_end}--{boundary}\r\n{part.header}\r\n\r\n".encode()
        pieces += (head, *part.body)
        size += len(head) + part.size
        line_end = "" if part.ends_its_line else "\r\n"
    last = f"{line_end}--{boundary}--\r\n".encode()
    pieces.append(last)
    eight_bit = any(part.eight_bit for part in parts)
    # What is within is related to the alternative, which is always the first part (RFC 2387 3.1).
    more = '; type="multipart/alternative"' if kind == "related" else ""
    # A multipart says 8bit when one of its parts does (RFC 2045 6.4).
    encoding = "\r\nContent-Transfer-Encoding: 8bit" if eight_bit else ""
    return _Part(
        f'Content-Type: multipart/{kind}{more};\r\n boundary="{boundary}"{encoding}',
        _joined(pieces),
        size + len(last),
        ends_its_line=True,
        eight_bit=eight_bit,
        dotless=all(part.dotless for part in parts),
    )


def _joined(pieces: list[bytes | Piece]) -> tuple[bytes | Piece, ...]:
    """The same pieces, with small neighbours put together: one write instead of many."""
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


class _Boundaries:
    """Boundaries for one message: always the same ones for the same message, and none that stands in a part of it."""

    def __init__(self, message_id: str) -> None:
        self._seed = crc32(message_id.encode())
        self._number = 0

    def next(self, parts: list[_Part]) -> str:
        """The next boundary that stands in none of these parts. `=_` stands in no base64 and no quoted-printable."""
        while True:
            self._number += 1
            boundary = f"=_{self._seed:08x}.{self._number:04}"
            mark = boundary.encode()
            if not any(mark in piece for part in parts for piece in part.body if isinstance(piece, bytes)):
                return boundary
