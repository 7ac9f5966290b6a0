"""Message to send: a frozen value that is checked completely when it is made."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from enum import Enum

from courriel import errors
from courriel._dataclass import Filler, dataclass, replace
from courriel.model.address import Address
from courriel.model.checks.header import (
    as_text,
    check_body,
    check_text,
    checked_headers,
    checked_id,
    checked_ids,
    checked_links,
    refusal,
)
from courriel.model.checks.shown import safely_shown
from courriel.model.envelope import Envelope, Notify
from courriel.model.messages.message_id import new_id, now, stamped

TYPE_CHECKING = False

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path
    from typing import BinaryIO, NoReturn

    from courriel.compose.html_page import Embedding
    from courriel.model.address import Addresses
    from courriel.model.messages.attachment import Attachment, Attachments
    from courriel.model.messages.ready_message import ReadyMessage
    from courriel.model.received.answerable import Answerable


class Priority(Enum):
    """Message priority. NORMAL writes no header."""

    HIGH = "high"
    NORMAL = "normal"
    LOW = "low"


@dataclass(frozen=True, slots=True, init=False)
class Message:
    """Message to send. Its Message-ID and Date are set once, when it is made.

        reminder = Message(
            sender="Ada <ada@example.org>", to=["bob@example.org", "cleo@example.org"], bcc="archive@example.org",
            subject="Friday at 10", text="See you.", html="<p>See <b>you</b>.</p>", attachments=["map.pdf"],
        )

    It is immutable: methods that begin with `with_` return another message. Bcc recipients stand in the envelope only;
    they are never written into the message.
    """

    sender: Address
    to: tuple[Address, ...]
    cc: tuple[Address, ...]
    bcc: tuple[Address, ...]
    reply_to: tuple[Address, ...]
    subject: str
    text: str
    html: str
    alternatives: tuple[tuple[str, str], ...]
    attachments: tuple[Attachment, ...]
    priority: Priority
    read_receipt: Address | None
    delivery_receipt: bool
    headers: tuple[tuple[str, str], ...]
    message_id: str
    date: datetime
    in_reply_to: tuple[str, ...]
    references: tuple[str, ...]
    list_unsubscribe: tuple[str, ...]
    one_click: bool

    def __init__(
        self,
        *,
        sender: str | Address,
        to: Addresses = (),
        cc: Addresses = (),
        bcc: Addresses = (),
        reply_to: Addresses = (),
        subject: str = "",
        text: str = "",
        html: str = "",
        html_file: str | os.PathLike[str] | None = None,
        base: str | os.PathLike[str] | None = None,
        embed: Embedding = "cid",
        alternatives: Iterable[tuple[str, str]] = (),
        attachments: Attachments = (),
        priority: Priority | str = Priority.NORMAL,
        read_receipt: bool | str | Address | None = None,
        delivery_receipt: bool = False,
        headers: Mapping[str, str] | Iterable[tuple[str, str]] = (),
        message_id: str = "",
        date: datetime | None = None,
        in_reply_to: str | Iterable[str] = (),
        references: str | Iterable[str] = (),
        list_unsubscribe: str | Iterable[str] = (),
        one_click: bool = False,
    ) -> None:
        """Make a message from the caller's values.

        `to`, `cc`, `bcc` and `reply_to` are one address or a list; one string is one address. `attachments` are paths
        of files, which are opened, checked and closed now and must be unchanged when the message is sent, or values of
        Attachment. `text` is made from `html` when only that is given. `html_file` is a page instead of `html`: images
        and style sheets that it names by relative path become part of the message, `embed` says how (`cid`: as parts,
        `data`: within the HTML); with `base`, a folder, so do those of `html`. Nothing is fetched, and nothing outside
        that folder is read. `alternatives` are further forms of the text, pairs of type and content, such as
        `("text/x-amp-html", amp)`; readers show the last one that they know. `read_receipt` asks the reader's program
        to report that it was read: True means that the report goes to the sender. `delivery_receipt` asks the servers
        for a report of success or failure (DSN). `one_click` says that the https link of `list_unsubscribe` takes a
        POST (RFC 8058). `date` has a time zone; the default is now. Raises InvalidAddress, or InvalidMessage with the
        field named.
        """
        if not sender:
            raise refusal("sender", "a message comes from somebody; no sender was given")
        field = "sender"
        try:
            origin = Address.of(sender)
            field = "to"
            to = Address.all_of(to) if to else ()
            field = "cc"
            cc = Address.all_of(cc) if cc else ()
            field = "bcc"
            bcc = Address.all_of(bcc) if bcc else ()
            field = "reply_to"
            reply_to = Address.all_of(reply_to) if reply_to else ()
        except errors.InvalidAddress as wrong:
            raise _in_field(field, wrong) from wrong
        if not (to or cc or bcc):
            raise refusal("to, cc, bcc", "no recipient was given", "NO-RECIPIENT")
        if type(subject) is not str:
            subject = as_text("subject", subject)
        check_text("subject", subject)
        if type(text) is not str:
            text = as_text("text", text)
        check_body("text", text)
        images: tuple[Attachment, ...] = ()
        if html_file is not None or base is not None or embed != "cid":
            html, images = _embedded(html, html_file, base, embed)
        if html != "":
            html = html if type(html) is str else as_text("html", html)
            check_body("html", html)
        others = _alternatives(alternatives) if alternatives else ()
        files = _files(attachments) if attachments != () else ()
        if images:
            files += images
        if not isinstance(priority, Priority):
            priority = _priority(priority)
        if delivery_receipt is not False or one_click is not False:
            delivery_receipt = _checked_flag("delivery_receipt", delivery_receipt)
            one_click = _checked_flag("one_click", one_click)
        if read_receipt is not None:
            read_receipt = _receipt_address(read_receipt, origin)
        headers = checked_headers(headers) if headers else ()
        if message_id or date is not None:
            message_id = checked_id("message_id", message_id) if message_id else new_id(origin.dns_domain)
            date = now() if date is None else _checked_date(date)
        else:
            message_id, date = stamped(origin.dns_domain)
        in_reply_to = checked_ids("in_reply_to", in_reply_to) if in_reply_to else ()
        references = checked_ids("references", references) if references else ()
        links = checked_links("list_unsubscribe", list_unsubscribe) if list_unsubscribe else ()
        if one_click and not any(link.startswith("https:") for link in links):
            raise refusal("one_click", "it needs an https link in list_unsubscribe (RFC 8058)")
        _values.fill(
            self, origin, to, cc, bcc, reply_to, subject, text, html, others, files, priority, read_receipt,
            delivery_receipt, headers, message_id, date, in_reply_to, references, links, one_click,
        )  # fmt: skip

    @staticmethod
    def parse(raw: bytes, *, normalise: bool = False) -> ReadyMessage:
        """Parse a complete message that is sent unchanged: see `ReadyMessage.parse`."""
        from courriel.model.messages.ready_message import ReadyMessage

        if not isinstance(raw, bytes | bytearray | memoryview):
            advice = "text.encode() makes them of a text" if isinstance(raw, str) else "a file is read by .read_bytes()"
            raise refusal("message", f"a mail is octets, not {type(raw).__name__}; {advice}")
        return ReadyMessage.parse(raw, normalise=normalise)

    @classmethod
    def replying_to(
        cls,
        letter: Answerable,
        *,
        sender: str | Address,
        text: str = "",
        html: str = "",
        to: Addresses | None = None,
        cc: Addresses = (),
        bcc: Addresses = (),
        reply_to: Addresses = (),
        subject: str | None = None,
        everybody: bool = False,
        quote: bool | str = False,
        attachments: Attachments = (),
        headers: Mapping[str, str] | Iterable[tuple[str, str]] = (),
    ) -> Message:
        """Make a reply to a received letter.

        It goes to the letter's Reply-To, or else its sender, unless `to` is given; with `everybody`, the addresses of
        its To and Cc get a copy, except `sender`. The subject is the letter's behind `Re: `. In-Reply-To and References
        continue the thread (RFC 5322 3.6.4), also where the letter's Message-ID violates the RFC. With `quote` the
        letter's text follows the new one, each line behind `> `, under a line with its author and date; a text given as
        `quote` is that line. Of a letter in HTML, the text is quoted.

        Raises InvalidMessage when the letter holds no address to reply to, and the errors of `Message(...)`.
        """
        from courriel.model.received import replying

        replying.check_letter(letter)
        origin = _address("sender", sender)
        recipients = replying.answered(letter) if to is None else _addresses("to", to)
        copies = _addresses("cc", cc) if cc else ()
        if everybody:
            copies += replying.others(letter, origin, *recipients, *copies)
        if quote:
            line = quote if isinstance(quote, str) else replying.introduction_of(letter)
            if text or not html:
                text = f"{text.rstrip()}\n\n".lstrip("\n") + replying.quoted(letter, line)
            if html:
                html += replying.quoted_html(letter, line)
        in_reply_to, references = replying.threading(letter)
        return cls(
            sender=origin, to=recipients, cc=copies, bcc=bcc, reply_to=reply_to,
            subject=replying.subject_of(letter) if subject is None else subject,
            text=text, html=html, attachments=attachments, headers=headers,
            in_reply_to=in_reply_to, references=references,
        )  # fmt: skip

    def as_bytes(self) -> bytes:
        """Message as octets that any server takes, lines ended by CRLF, Bcc left out; always the same.

        Raises InvalidMessage for an attached file that is gone or was replaced.
        """
        from courriel.wire.mime.build import build

        return bytes(build(self, utf8=True))

    def preview(self, path: str | os.PathLike[str] | None = None, *, browser: bool = True) -> Path:
        """Write the message as an HTML page, open it in the browser, and return the path of the page.

        Without a `path` it is a temporary file, which only this user can read and which is not removed. The HTML is
        shown in a frame without scripts and network access; its inline images are shown, those on the web are not. A
        message without HTML shows its text. With `browser=False` nothing is opened. Raises OSError.
        """
        from courriel.model.messages.preview import preview

        return preview(self, path, browser=browser)

    def with_attachment(
        self,
        path: str | os.PathLike[str],
        *,
        name: str | None = None,
        content_type: str | None = None,
        inline: bool = False,
        content_id: str | None = None,
    ) -> Message:
        """Return a copy of the message with the file at `path` attached. This message stays unchanged.

            offer = message.with_attachment("quote-7.pdf")
            offer = offer.with_attachment("logo.png", inline=True, content_id="logo")  # <img src="cid:logo">

        An `inline` file is shown where the HTML refers to `cid:` and its id. Raises InvalidMessage at once when there
        is no such file, and for URLs, network shares, devices, pipes, folders.
        """
        from courriel.model.messages.attachment import Attachment

        file = Attachment.file(path, name=name, content_type=content_type, inline=inline, content_id=content_id)
        return replace(self, attachments=(*self.attachments, file))

    def with_data(
        self,
        content: bytes | str | BinaryIO,
        name: str,
        *,
        content_type: str | None = None,
        inline: bool = False,
        content_id: str | None = None,
    ) -> Message:
        """Return a copy of the message with these octets, this stream (read now) or this text attached as a file.

        `content` is never taken for a path. This message stays unchanged.
        """
        from courriel.model.messages.attachment import Attachment

        file = Attachment.data(content, name, content_type=content_type, inline=inline, content_id=content_id)
        return replace(self, attachments=(*self.attachments, file))

    def attach(self, *_: object, **__: object) -> NoReturn:
        """Raise UsageError: a message is immutable. Give `attachments=`, or use `with_attachment`."""
        raise no_attach("message")

    def attach_data(self, *_: object, **__: object) -> NoReturn:
        """Raise UsageError: a message is immutable. Use `with_data`."""
        raise no_attach_data("message")

    @property
    def recipients(self) -> tuple[Address, ...]:
        """All recipients: To, Cc and Bcc, each address once."""
        everybody = self.to + self.cc + self.bcc
        if len(everybody) == 1:
            return everybody
        return tuple({address.spec: address for address in everybody}.values())

    @property
    def needs_smtputf8(self) -> bool:
        """Whether an address in its header cannot be written in ASCII (RFC 6531); Bcc is not in the header."""
        shown = (self.sender, *self.to, *self.cc, *self.reply_to, *((self.read_receipt,) if self.read_receipt else ()))
        return any(address.needs_smtputf8 for address in shown)

    def envelope(self, sender: str | Address | None = None, to: Addresses | None = None) -> Envelope:
        """Envelope for the servers: sender and recipients of the message, or those given here.

        A `sender` of "" is the null sender, to which no reply is possible.
        """
        if sender is None and to is None and not self.delivery_receipt:
            return Envelope(self.sender, self.recipients)
        return Envelope.of(
            self.sender if sender is None else sender,
            self.recipients if to is None else to,
            notify=_SUCCESS_AND_FAILURE if self.delivery_receipt else frozenset(),
        )


def no_attach(noun: str) -> errors.UsageError:
    """The UsageError for callers who expect `attach` to change a message or a template."""
    kind = noun.capitalize()
    return errors.UsageError(
        f"attach(): a {noun} does not change, and the file would not leave; write {kind}(..., "
        f'attachments=["invoice.pdf"]), or {noun} = {noun}.with_attachment("invoice.pdf")',
        stage="compose",
    )


def no_attach_data(noun: str) -> errors.UsageError:
    """The same UsageError for `attach_data`."""
    return errors.UsageError(
        f"attach_data(): a {noun} does not change, and the file would not leave; "
        f'write {noun} = {noun}.with_data(octets, "invoice.pdf")',
        stage="compose",
    )


# The steps.

_values = Filler(Message)
_SUCCESS_AND_FAILURE = frozenset((Notify.SUCCESS, Notify.FAILURE))


def _in_field(field: str, wrong: errors.InvalidAddress) -> errors.InvalidAddress:
    return errors.InvalidAddress(f"{field}: {wrong}", stage="compose", hint_id=wrong.hint_id)


def _address(field: str, value: str | Address) -> Address:
    """Parse one address of a field; the error names the field."""
    try:
        return Address.of(value)
    except errors.InvalidAddress as wrong:
        raise _in_field(field, wrong) from wrong


def _addresses(field: str, values: Addresses) -> tuple[Address, ...]:
    """Parse the addresses of a field; the error names the field."""
    try:
        return Address.all_of(values)
    except errors.InvalidAddress as wrong:
        raise _in_field(field, wrong) from wrong


def _files(given: Attachments) -> tuple[Attachment, ...]:
    from courriel.model.messages.attachment import attachments_of

    return attachments_of(given)


def _alternatives(given: Iterable[tuple[str, str]]) -> tuple[tuple[str, str], ...]:
    from courriel.model.messages.alternatives import checked_alternatives

    return checked_alternatives(given)


def _embedded(
    html: str, file: str | os.PathLike[str] | None, base: str | os.PathLike[str] | None, embed: Embedding
) -> tuple[str, tuple[Attachment, ...]]:
    """The HTML with its local files, and its images."""
    from courriel.compose.html_page import HtmlPage

    if file is not None and html:
        raise refusal("html_file", "html is given too, and a message has one page")
    if file is None and base is None:
        raise refusal("embed", "it is for html_file, or for html with base")
    if file is not None:
        page = HtmlPage.file(file, base=base, embed=embed)
    else:
        assert base is not None
        page = HtmlPage.of(html, base, embed=embed)
    return page.html, page.images


def _checked_flag(field: str, value: object) -> bool:
    if isinstance(value, bool):
        return value
    raise refusal(field, f"True or False, not {safely_shown(value):.50}")


def _priority(word: str) -> Priority:
    try:
        return Priority(word)
    except ValueError:
        raise refusal("priority", f"high, normal or low, not {safely_shown(word):.50}") from None


def _receipt_address(given: bool | str | Address | None, sender: Address) -> Address | None:
    if given is True:
        return sender
    return _address("read_receipt", given) if given else None


def _checked_date(date: datetime) -> datetime:
    from datetime import datetime

    if not isinstance(date, datetime):
        raise refusal("date", f"a datetime with a time zone, not {type(date).__name__}")
    if date.utcoffset() is None:
        raise refusal(
            "date", "it has no time zone, and a reader elsewhere could not tell when that was: .astimezone() adds one"
        )
    if not 1900 <= date.year <= 9998:
        raise refusal("date", "a year between 1900 and 9998 (RFC 5322 3.3)")
    return date
