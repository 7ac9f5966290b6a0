"""
Message to octets (RFC 5322, RFC 2045 to 2047, RFC 2183, RFC 2387).

Written by formatting alone: the values are known to be valid, so nothing is parsed or checked again. The result depends
on the message alone: the same message gives the same octets every time, so a retry sends the same mail. The nesting is
the usual one, each level only when it is needed:

    multipart/mixed                  files beside the text
        multipart/related            images within the HTML
            multipart/alternative    text, HTML and others, forms of the same content
"""

from __future__ import annotations

from collections.abc import Sequence

from courriel.errors import NotSupported
from courriel.model.checks.header import refusal
from courriel.model.content import Content, is_dotless
from courriel.model.messages.attachment import Attachment
from courriel.model.messages.message import Message, Priority
from courriel.model.messages.message_id import written
from courriel.model.messages.prepared import Prepared
from courriel.model.messages.ready_message import ReadyMessage
from courriel.wire.mime.headers import address_field, ids_field, named_mailbox, text_field
from courriel.wire.mime.parts import (
    Part,
    attachment_part,
    boundaries_of,
    multipart,
    text_and_html,
    text_header,
    text_part,
)
from courriel.wire.mime.transfer import encode_text

TYPE_CHECKING = False

if TYPE_CHECKING:
    from email.message import Message as LibraryMessage

_NORMAL = Priority.NORMAL  # a name of its own: attribute access of an enumeration is slow
_PRIORITY = {
    Priority.HIGH: ("X-Priority: 1", "Importance: high", "Priority: urgent"),
    Priority.LOW: ("X-Priority: 5", "Importance: low", "Priority: non-urgent"),
}


def content_of(
    message: Message | Prepared | ReadyMessage | LibraryMessage,
    *,
    eight_bit: bool = False,
    utf8: bool = False,
    binary: bool = False,
) -> Content:
    """Octets of any kind of message; `eight_bit`, `utf8` and `binary` are the extensions that the server offers
    (8BITMIME, SMTPUTF8, BINARYMIME).

    A ready message stays unchanged (its `eight_bit` says whether it needs 8BITMIME), except for raw UTF-8 in its header
    when the server does not offer SMTPUTF8: it becomes encoded words. `utf8` without `eight_bit` is for an unknown
    server: raw UTF-8 is kept only where it has no form in ASCII. Raises InvalidAddress, InvalidMessage, and
    NotSupported naming the header.
    """
    if isinstance(message, Message):
        return build(message, eight_bit=eight_bit, utf8=utf8, binary=binary)
    if isinstance(message, Prepared):
        return message.content(eight_bit=eight_bit, utf8=utf8, binary=binary)
    if not isinstance(message, ReadyMessage):
        from courriel.wire.mime.library_message import ready_of

        message = ready_of(message, eight_bit=eight_bit)
    content = message.content
    return content if not content.utf8 or (utf8 and eight_bit) else _narrowed(content, utf8)


def build(message: Message, *, eight_bit: bool = False, utf8: bool = False, binary: bool = False) -> Content:
    """Write a message: in seven bits, unless the server offers 8BITMIME (`eight_bit`), files in binary with `binary`.

    `utf8` allows raw UTF-8 in the header (SMTPUTF8), which is used only for a local part that is not ASCII. Raises
    InvalidAddress (hint ADDRESS-NEEDS-SMTPUTF8) when one needs it and may not use it, and InvalidMessage for a missing
    file.
    """
    fields = header_fields(message, utf8)
    if message.html or message.attachments or message.alternatives:
        return assembled(fields, _parts(message, eight_bit, binary), utf8)
    # Most mails are a single text, without a multipart.
    encoding, data = encode_text(message.text, eight_bit)
    return in_one(fields, text_header("plain", encoding), data, encoding == "8bit", is_dotless(data), utf8)


def assembled(fields: list[str], part: Part, utf8: bool) -> Content:
    """Content from the header fields, each without its line end, and the part that holds all the others."""
    body = part.body
    alone = body[0] if len(body) == 1 else None
    if isinstance(alone, bytes) and not part.binary:
        return in_one(fields, part.header, alone, part.eight_bit, part.dotless, utf8)
    header = _header(fields)
    head = header.encode() + part.header
    wide = utf8 and not header.isascii()
    return Content((head, *body), len(head) + part.size, part.eight_bit, wide, part.dotless, part.binary)


def in_one(fields: list[str], more: bytes, body: bytes, eight_bit: bool, dotless: bool, utf8: bool) -> Content:
    """Content as a single piece of octets, for a body in memory; `more` is the rest of the header."""
    header = _header(fields)
    data = header.encode() + more + body
    if not data.endswith(b"\r\n"):
        data += b"\r\n"
    return Content((data,), len(data), eight_bit, utf8 and not header.isascii(), dotless)


def nested(bodies: list[Part], files: Sequence[tuple[bool, Part]], message_id: str) -> Part:
    """Nest the bodies (none, the text, or text and HTML) and the files in multiparts, as far as needed.

    Each file comes with its `inline`, which counts only together with HTML.
    """
    boundaries = boundaries_of(message_id, unseen=any(part.binary for _, part in files))
    both = len(bodies) > 1
    if both:
        bodies = [multipart("alternative", bodies, boundaries)]
    if not files:
        return bodies[0]
    if shown := [part for inline, part in files if inline and both]:
        bodies = [multipart("related", bodies + shown, boundaries)]
    if beside := [part for inline, part in files if not (inline and both)]:
        return multipart("mixed", bodies + beside, boundaries)
    return bodies[0]


def files_of(attachments: Sequence[Attachment], eight_bit: bool, binary: bool) -> list[tuple[bool, Part]]:
    """Each attachment as a part, with its `inline`."""
    return [(each.inline, attachment_part(each, eight_bit, binary)) for each in attachments]


# The steps.


def _narrowed(content: Content, utf8: bool) -> Content:
    """Content with a header in ASCII; unchanged when that is impossible, and raw UTF-8 is allowed."""
    from courriel.wire.mime.ascii_header import in_ascii

    try:
        return in_ascii(content)
    except NotSupported:
        if utf8:
            return content
        raise


def _header(fields: list[str]) -> str:
    """Header fields as text, line by line; the fields of the body part are still to follow."""
    # The last check before sending (hazard H53): no line breaks, except folds.
    bare = "".join(fields)
    if "\n" in bare or "\r" in bare:
        for field in fields:
            unfolded = field.replace("\r\n ", "")
            if "\n" in unfolded or "\r" in unfolded:
                raise refusal("headers", "a line break in one of them", "HEADER-LINE-BREAK")
    header = "\r\n".join(fields)
    return f"{header}\r\nMIME-Version: 1.0\r\n"


def header_fields(message: Message | Prepared, utf8: bool) -> list[str]:
    """All fields of the header, each without its line end. Bcc is never among them (hazard H34)."""
    sender = message.sender
    fields = [f"From: {named_mailbox(sender, utf8) if sender.name else sender.wire(utf8)}"]
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
    if message.priority is not _NORMAL:
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


def _parts(message: Message, eight_bit: bool, binary: bool) -> Part:
    """Body of a message that is more than a single text, as one part."""
    bodies: list[Part] = []
    text, html = message.text, message.html
    if html:
        if not text:
            from courriel.wire.html.to_text import text_of

            text = text_of(html)
        apart = message.attachments or message.alternatives
        both = None if apart else text_and_html(text, html, eight_bit, message.message_id)
        if both is not None:
            return both
        bodies = [text_part("plain", text, eight_bit), text_part("html", html, eight_bit)]
    elif text or message.alternatives:
        bodies = [text_part("plain", text, eight_bit)]
    if message.alternatives:
        bodies = _with_alternatives(bodies, message.alternatives, eight_bit)
    return nested(bodies, files_of(message.attachments, eight_bit, binary), message.message_id)


def _with_alternatives(bodies: list[Part], alternatives: Sequence[tuple[str, str]], eight_bit: bool) -> list[Part]:
    """Text, AMP, HTML, and the rest: readers take the last form that they know, and some the last one that there is."""
    before: list[Part] = []
    behind: list[Part] = []
    for kind, text in alternatives:
        among = before if kind.lower().startswith("text/x-amp-html") else behind
        among.append(text_part(kind.partition("/")[2], text, eight_bit))
    return [bodies[0], *before, *bodies[1:], *behind]
