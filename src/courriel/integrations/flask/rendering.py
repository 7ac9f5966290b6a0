"""
A message of Flask-Mail's shape as octets: header fields, texts in its character set, files.

The parts are written by the standard library's email package, because it knows the character sets that `charset=` may
name (iso-2022-jp for shift_jis). Each header line is written here: nothing between the lines of a value and the next
field is left to a generator.
"""

from __future__ import annotations

import quopri
import re
import time
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from email import message_from_bytes, policy
from email.charset import BASE64, Charset
from email.encoders import encode_base64
from email.header import Header
from email.message import EmailMessage
from email.mime.base import MIMEBase
from email.mime.multipart import MIMEMultipart
from email.mime.nonmultipart import MIMENonMultipart
from email.policy import compat32
from email.utils import formataddr, formatdate, make_msgid, parseaddr
from typing import Protocol, TypeAlias

from flask import current_app

import courriel
from courriel import Address, errors

Mailbox: TypeAlias = "str | tuple[str, str]"
"""An address as text, or as a name and an address."""

_CRLF = compat32.clone(linesep="\r\n")
_BREAK = re.compile(r"[\r\n]")
_FIELD_NAME = re.compile(r"[!-9;-~]+")
_TYPE = re.compile(r'[\w!#$&+^.-]+/[\w!#$&+^.-]+(?:; ?[\w!#$&+^.-]+=(?:[\w!#$&+^./-]+|"[^"\\\r\n]*"))*', re.ASCII)
_SPECIAL = re.compile(r'[][\\()<>@,:;".]')
_OWN = frozenset(("from", "to", "cc", "bcc", "subject", "mime-version"))
"""Fields that a message writes itself; Content-… are others."""
_MOSTLY_ASCII = frozenset(("utf-8", "iso-8859-1", "iso-8859-15", "windows-1252"))
"""Character sets whose texts are readable in quoted-printable."""
_LONGEST, _SHORT = 998, 76  # octets of a line: at most, and as is usual (RFC 5322 2.1.1)


class FileFields(Protocol):
    """Fields of an attachment."""

    filename: str | None
    data: str | bytes
    content_type: str
    disposition: str
    headers: dict[str, str]


class MessageFields(Protocol):
    """Fields of a message."""

    subject: str
    recipients: list[Mailbox]
    cc: list[Mailbox]
    body: str | None
    alts: dict[str, str]
    sender: str | None
    reply_to: Mailbox | None
    date: float | None
    charset: str | None
    extra_headers: dict[str, str]
    msgId: str  # noqa: N815 - Flask-Mail's name

    @property
    def html(self) -> str | None:
        """The text as HTML."""
        ...

    @property
    def attachments(self) -> Sequence[FileFields]:
        """The files."""
        ...


def rendered(message: MessageFields) -> bytes:
    """The octets of a message, 7 bits where its addresses allow it. Raises InvalidMessage."""
    extra = dict(message.extra_headers)
    if bad := bad_extra_header(extra):
        raise errors.InvalidMessage(
            f"{bad}: it cannot be an extra header", stage="compose", hint_id="HEADER-LINE-BREAK"
        )
    charset = message.charset or "utf-8"
    replaced = {name.lower() for name in extra}
    lines = [f"{name}: {value}\r\n" for name, value in _fields(message, charset) if name.lower() not in replaced]
    lines += [f"{name}: {_header(str(value), charset, len(name) + 2)}\r\n" for name, value in extra.items()]
    return "".join(lines).encode() + _body(message, charset).as_bytes(policy=_CRLF)


def new_message_id(sender: str | None) -> str:
    """A Message-ID that no other mail has, under the sender's domain: no name service is asked for this machine's."""
    try:
        return make_msgid(domain=Address.of(sender or "").dns_domain)
    except errors.InvalidAddress:
        return make_msgid(domain="courriel.invalid")


def address_of(given: Mailbox) -> Address:
    """One address, from text or from a name and an address. Raises InvalidAddress."""
    if isinstance(given, tuple):
        name, spec = given
        address = Address.of(str(spec))
        return address.with_name(str(name)) if name else address
    return Address.of(str(given))


def as_text(given: Mailbox) -> str:
    """A name and an address as one text, the name in quotes where it needs them."""
    if not isinstance(given, tuple):
        return given
    name, spec = given
    if not name:
        return str(spec)
    if _SPECIAL.search(name):
        name = '"{}"'.format(re.sub(r'([\\"])', r"\\\1", name))
    return f"{name} <{spec}>"


def octets_of(data: object) -> bytes:
    """Octets of a file: as they are, or those of a text in UTF-8. Raises InvalidMessage for anything else."""
    if isinstance(data, bytes | bytearray | memoryview):
        return bytes(data)
    return check_text("attachment", data).encode()


def check_text(field: str, value: object) -> str:
    """The value, which has to be text that UTF-8 can say. Raises InvalidMessage."""
    if not isinstance(value, str):
        raise errors.InvalidMessage(f"{field}: text is expected, not {type(value).__name__}", stage="compose")
    try:
        value.encode()
    except UnicodeEncodeError as broken:
        raise errors.InvalidMessage(
            f"{field}: it holds half of a character (U+{ord(value[broken.start]):04X})", stage="compose"
        ) from broken
    return value


def check_date(seconds: object) -> None:
    """Raise InvalidMessage unless this is a time in seconds that a Date field can say."""
    try:
        formatdate(seconds, localtime=True)  # type: ignore[arg-type]
    except (TypeError, ValueError, OverflowError, OSError) as wrong:
        raise errors.InvalidMessage(f"date: seconds since 1970, not {seconds!r:.40}", stage="compose") from wrong


def has_line_break(given: Mailbox) -> bool:
    """Whether a line break stands in an address or in its name."""
    parts = given if isinstance(given, tuple) else (given,)
    return any(_BREAK.search(str(part)) for part in parts)


def is_badly_continued(value: str) -> bool:
    """Whether a value has a line break that does not continue it (RFC 5322 2.2.3), or an empty line."""
    first, *others = value.split("\r\n")
    if _BREAK.search(value.replace("\r\n", "")) or (others and not first.strip()):
        return True
    return any(not line.strip() or line[0] not in "\t " for line in others)


def bad_extra_header(extra: Mapping[str, str]) -> str:
    """Name of the first extra header field that cannot be written, or ""."""
    for name, value in extra.items():
        own = name.lower() in _OWN or name.lower().startswith("content-")
        if own or not _FIELD_NAME.fullmatch(name) or is_badly_continued(str(value)) or "\0" in str(value):
            return name if _FIELD_NAME.fullmatch(name) else "extra_headers"
    return ""


# The steps.


def _fields(message: MessageFields, charset: str) -> Iterator[tuple[str, str]]:
    """The header fields of a message, encoded."""
    if message.subject:
        yield "Subject", _header(str(message.subject), charset, len("Subject: "))
    yield "From", _addresses([message.sender or ""], charset, len("From: "))
    if message.recipients:
        yield "To", _addresses(message.recipients, charset, len("To: "))
    yield "Date", formatdate(time.time() if message.date is None else message.date, localtime=True)
    yield "Message-ID", message.msgId
    if message.cc:
        yield "Cc", _addresses(message.cc, charset, len("Cc: "))
    if message.reply_to:
        yield "Reply-To", _addresses([message.reply_to], charset, len("Reply-To: "))


def _header(text: str, charset: str, taken: int) -> str:
    """A value with encoded words where it is not ASCII; one that is ASCII stays as it is, unless it is very long."""
    if text.isascii() and len(text) < _LONGEST - taken:
        return text
    joined = re.sub(r"\r\n[ \t]*", " ", text)
    return str(_encoded(joined, charset).encode(maxlinelen=75, linesep="\r\n"))


def _encoded(text: str, charset: str) -> Header:
    """Text as encoded words in this character set, or in UTF-8 where it cannot be said in it."""
    known = Charset(charset)
    try:
        return Header(text, "utf-8" if known.header_encoding is None else known)
    except (UnicodeError, LookupError):
        return Header(text, "utf-8")


def _addresses(given: Iterable[Mailbox], charset: str, taken: int) -> str:
    """Addresses as one value, each once, on lines of 76 characters where they fit."""
    lines = [""]
    for shown in dict.fromkeys(_shown(each, charset) for each in given):
        if lines[-1] and len(lines[-1]) + len(shown) + (taken if len(lines) == 1 else 1) > _SHORT:
            lines.append("")
        lines[-1] += f"{shown}, "
    return "\r\n ".join(line.rstrip() for line in lines).removesuffix(",")


def _shown(given: Mailbox, charset: str) -> str:
    """An address for the header. Line breaks are dropped; whether it is valid is asked when the message is sent."""
    pair = given if isinstance(given, tuple) else parseaddr(_BREAK.sub("", str(given)))
    name, spec = (_BREAK.sub("", str(part)) for part in pair)
    if not spec.isascii():
        local, _, domain = spec.rpartition("@")
        with suppress(errors.InvalidAddress):
            spec = f"{local}@{Address.of(f'x@{domain}').dns_domain}"
    name = name if name.isascii() else str(_encoded(name, charset).encode(maxlinelen=0))
    return formataddr((name, spec)) if spec.isascii() else f"{name} <{spec}>".strip()


def _body(message: MessageFields, charset: str) -> MIMEBase:
    """The entity of the message: one text, or several versions of it, with its files."""
    text = message.body
    if text is None or text == "":
        text = _text_of(message.html) if message.html else ""
    plain = _text(text, "plain", charset)
    if not message.alts and not message.attachments:
        return plain
    if not message.alts:
        return _multipart("mixed", [plain, *map(_file, message.attachments)])
    alternatives = _multipart(
        "alternative", [plain, *(_text(content, kind, charset) for kind, content in message.alts.items())]
    )
    if not message.attachments:
        return alternatives
    return _multipart("mixed", [alternatives, *map(_file, message.attachments)])


def _multipart(kind: str, parts: Iterable[MIMEBase]) -> MIMEMultipart:
    whole = MIMEMultipart(kind)
    for part in parts:
        del part["MIME-Version"]
        whole.attach(part)
    return whole


def _text_of(html: str) -> str:
    """The text that courriel makes of HTML."""
    made = courriel.Message(sender="x@example.org", to="x@example.org", html=html).as_bytes()
    found = message_from_bytes(made, policy=policy.default)
    plain = found.get_body(("plain",)) if isinstance(found, EmailMessage) else None
    return str(plain.get_content()) if plain is not None else ""


def _text(text: str, kind: str, charset: str) -> MIMEBase:
    """A text in its character set, 7 bits. Raises InvalidMessage where the set has not all of its characters."""
    if not re.fullmatch(r"[\w.+-]+", kind, re.ASCII):
        raise errors.InvalidMessage(f"alts: the second half of a type, not {kind!r:.80}", stage="compose")
    known = Charset(charset)
    written = known.get_output_charset() or "us-ascii"
    try:
        octets = re.sub(r"\r\n?", "\n", text).encode(known.output_codec or "ascii")
    except (UnicodeError, LookupError) as broken:
        raise errors.InvalidMessage(
            f"charset: {charset!r:.40} cannot say this text", stage="compose", hint_id="NON-ASCII-TEXT"
        ) from broken
    part = MIMENonMultipart("text", kind, charset=written)
    part.set_payload(octets)
    if octets.isascii() and all(len(line) <= _LONGEST for line in octets.split(b"\n")) and b"\0" not in octets:
        part["Content-Transfer-Encoding"] = "7bit"
    elif known.body_encoding == BASE64 or (not octets.isascii() and written not in _MOSTLY_ASCII):
        encode_base64(part)
    else:
        part.set_payload(quopri.encodestring(octets))
        part["Content-Transfer-Encoding"] = "quoted-printable"
    return part


def _file(attachment: FileFields) -> MIMEBase:
    """A file as a part. Raises InvalidMessage for a bad name, type or header field of it."""
    if not _TYPE.fullmatch(attachment.content_type):
        raise errors.InvalidMessage(
            f"content_type: {attachment.content_type!r:.100} is not a type such as application/pdf", stage="compose"
        )
    main, _, rest = attachment.content_type.partition("/")
    octets = octets_of(attachment.data)
    part = MIMENonMultipart(main, "octet-stream")
    part.replace_header("Content-Type", f"{main}/{rest}")
    _fill(part, octets)
    _name(part, attachment)
    for name, value in attachment.headers.items():
        if not _FIELD_NAME.fullmatch(name) or _BREAK.search(str(value)):
            raise errors.InvalidMessage(f"{name!r:.40}: a line break", stage="compose", hint_id="HEADER-LINE-BREAK")
        del part[name]
        part[name] = _header(str(value), "utf-8", len(name) + 2)
    return part


def _fill(part: MIMEBase, octets: bytes) -> None:
    """Write the octets in base64; a mail within a mail stays as it is (RFC 2046 5.2.1)."""
    if part.get_content_maintype() not in ("message", "multipart"):
        part.set_payload(octets)
        encode_base64(part)
        return
    lines = octets.replace(b"\r\n", b"\n").split(b"\n")
    if not octets.isascii() or b"\0" in octets or any(len(line) > _LONGEST or b"\r" in line for line in lines):
        raise errors.InvalidMessage(
            "attachment: a mail within a mail has to be text of 7 bits; attach it as application/octet-stream",
            stage="compose",
        )
    part.set_payload(b"\n".join(lines).decode("ascii"))


def _name(part: MIMEBase, attachment: FileFields) -> None:
    """Write the disposition with the file's name, in ASCII alone where MAIL_ASCII_ATTACHMENTS says so."""
    if attachment.disposition not in ("attachment", "inline"):
        raise errors.InvalidMessage(
            f'disposition: "attachment" or "inline", not {attachment.disposition!r:.40}', stage="compose"
        )
    name = attachment.filename
    if name is None:
        part.add_header("Content-Disposition", attachment.disposition)
        return
    courriel.Attachment.data(b"", name)  # a path, a device, control characters: InvalidMessage
    if current_app.extensions["mail"].ascii_attachments:
        folded = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode("ascii")
        name = re.sub(r"\s+", " ", folded).strip()
    part.add_header(
        "Content-Disposition", attachment.disposition, filename=name if name.isascii() else ("utf-8", "", name)
    )
