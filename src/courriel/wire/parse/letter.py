"""
Received letter, parsed and fetched on demand.

    letter = Letter.parse(raw)                                  # all octets are in memory
    letter = Letter.partial(header, session_fetches_the_rest)   # only the header is; the body is fetched on first use

Parsing accepts any octets: broken parts are decoded as far as possible, and listed in `defects`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import TYPE_CHECKING, TypeVar

from courriel._cached import cached_property
from courriel._lazy_re import expression
from courriel.errors import UsageError
from courriel.model.received.address import ReceivedAddress
from courriel.model.received.attachment import ReceivedAttachment
from courriel.wire.html.to_text import text_of
from courriel.wire.parse.addresses import received_addresses
from courriel.wire.parse.contents import attachments_in, html_in, text_in
from courriel.wire.parse.dates import moment_of
from courriel.wire.parse.header import Header, read_header
from courriel.wire.parse.parts import Leaf, leaves
from courriel.wire.parse.words import one_line, readable, value_of

if TYPE_CHECKING:
    from courriel.model.received.authentication import Authentication
    from courriel.model.received.invitation import ReceivedInvitation
    from courriel.model.received.report import Report

LONGEST_HTML = 2_000_000  # characters of HTML converted to text, which takes a second
MOST_DEFECTS = 100
MOST_IDS = 1_000

_ID = expression(r"<[^<>\s]{1,900}>")

AnyLetter = TypeVar("AnyLetter", bound="Letter")
AnyAsyncLetter = TypeVar("AnyAsyncLetter", bound="AsyncLetter")


class Letter:
    """Received mail, parsed leniently, each part on first use.

        letter = Letter.parse(Path("order.eml").read_bytes())
        print(letter.subject, [file.name for file in letter.attachments])  # Order 7 ['order-7.pdf']

    Make it with `Letter.parse`; a session that fetches in two steps makes it with `Letter.partial`. The header
    properties (`subject`, `sender`, `to`, `date`, `headers` and the like) need the header only; `text`, `html`,
    `attachments`, `raw` and `defects` need the whole letter, which is fetched once, on first use. An error of the fetch
    is raised by the property, and the next access fetches again.

    Texts are of one line, except `text` and `html`: encoded words are decoded, control characters replaced. None of it
    is to be trusted: `sender` and content types are claims of the sender. A session may use a subclass, to add the
    server's data of a letter (its number, its flags).
    """

    # Defaults of the class: a listing makes thousands of letters, and reads three properties of each.
    _whole: bytes | Callable[[], bytes] | None = None
    _top: bytes | Callable[[], bytes] | None = None
    _said_size: int | None = None
    _defects: dict[str, None] | None = None
    _header_apart = False
    """Whether a header that is not in memory is fetched alone; else it comes with the letter."""

    def __init__(
        self,
        *,
        header: bytes | Callable[[], bytes] | None = None,
        whole: bytes | Callable[[], bytes],
        size: int | None = None,
    ) -> None:
        """Octets in memory, or callables that fetch them; see `parse` and `partial`."""
        self._whole = whole
        if header is not None:
            self._top, self._header_apart = header, True
        if size is not None:
            self._said_size = size

    @classmethod
    def parse(cls: type[AnyLetter], raw: bytes | bytearray | memoryview) -> AnyLetter:
        """Parse a whole letter. Raises TypeError for anything but octets, and no other error."""
        if not isinstance(raw, bytes | bytearray | memoryview):
            raise TypeError(f"a letter is octets, not {type(raw).__name__}")
        return cls(whole=bytes(raw))

    @classmethod
    def partial(
        cls: type[AnyLetter],
        header: bytes | Callable[[], bytes] | None,
        fetch: Callable[[], bytes],
        *,
        size: int | None = None,
    ) -> AnyLetter:
        """Make a letter whose header is in memory (POP3's TOP, IMAP's BODY[HEADER]), or is fetched on first use.

        `fetch` returns the whole letter, header included; it is called once, when more than the header is needed. With
        a `header` of None the header too comes by `fetch`. `size` is the size of the letter according to the server, in
        octets.
        """
        return cls(header=header, whole=fetch, size=size)

    def load(self: AnyLetter) -> AnyLetter:
        """Fetch the missing octets, and return the letter itself: from now on it needs no session."""
        _ = self.raw
        return self

    @property
    def loaded(self) -> bool:
        """Whether the whole letter is in memory."""
        return isinstance(self._whole, bytes)

    @property
    def raw(self) -> bytes:
        """All octets of the letter, exactly as the server sent them."""
        if not isinstance(self._whole, bytes):
            self._whole = bytes(self._missing_whole() if self._whole is None else self._whole())
        return self._whole

    @property
    def raw_header(self) -> bytes:
        """Octets of the header, with or without the empty line after it; of the whole letter when that is in memory."""
        if isinstance(self._whole, bytes) or not self._header_apart:
            return self.raw
        if not isinstance(self._top, bytes):
            self._top = bytes(self._missing_header() if self._top is None else self._top())
        return self._top

    @property
    def size(self) -> int:
        """Length in octets: the server's figure until the letter is in memory."""
        if not self.loaded and self._said_size is not None:
            return self._said_size
        return len(self.raw)

    @cached_property
    def report(self) -> Report | None:
        """Report about an earlier mail: a bounce, a complaint, an automatic reply; None for any other letter.

        The header alone tells of most letters that they are none: only those that may be one are fetched whole.
        """
        from courriel.wire.parse.reports.recognise import report_of  # noqa: PLC0415 - few programs ask

        return report_of(self._full_header, lambda: (self._data, self._leaves))

    @cached_property
    def authentication(self) -> Authentication:
        """Checks of its sender (SPF, DKIM, DMARC), as the receiving host wrote them into it: see Authentication."""
        from courriel.wire.parse.authentication.fields import authentication_in  # noqa: PLC0415 - few programs ask

        return authentication_in(self._full_header)

    # Header fields.

    @cached_property
    def headers(self) -> tuple[tuple[str, str], ...]:
        """All fields in order, decoded; names as received."""
        return tuple(
            (name, readable(value_of(value, self._note), self._note)) for name, value in self._full_header.fields
        )

    def header(self, name: str) -> str:
        """First field of that name, decoded; "" when there is none."""
        return readable(self._value(name.lower()), self._note)

    @cached_property
    def subject(self) -> str:
        """Decoded subject, "" when there is none."""
        return readable(self._value("subject"), self._note)

    @cached_property
    def sender(self) -> ReceivedAddress | None:
        """Sender according to the letter: From, or else Sender; None when both are missing."""
        named = self._named("from") or self._named("sender")
        return named[0] if named else None

    @cached_property
    def to(self) -> tuple[ReceivedAddress, ...]:
        """Addresses of To; the actual recipients of a letter do not stand in it."""
        return self._named("to")

    @cached_property
    def cc(self) -> tuple[ReceivedAddress, ...]:
        """Addresses of Cc."""
        return self._named("cc")

    @cached_property
    def bcc(self) -> tuple[ReceivedAddress, ...]:
        """Addresses of Bcc: as a rule only in the sender's own copy."""
        return self._named("bcc")

    @cached_property
    def reply_to(self) -> tuple[ReceivedAddress, ...]:
        """Addresses for replies; the sender's address when there is no Reply-To."""
        return self._named("reply-to") or ((self.sender,) if self.sender else ())

    @cached_property
    def date(self) -> datetime | None:
        """Date of the letter, with its time zone (UTC when it has none); None when it has no valid date."""
        value = self._value("date")
        moment = moment_of(value)
        if value and moment is None:
            self._note("the Date is none")
        return moment

    @cached_property
    def message_id(self) -> str:
        """Message-ID, `<left@right>`; "" when there is none. Unverified: a sender can write any id."""
        return next(iter(self._ids("message-id")), "") or one_line(self._value("message-id"), self._note)[:900]

    @cached_property
    def in_reply_to(self) -> tuple[str, ...]:
        """Message-IDs of the letters it replies to."""
        return self._ids("in-reply-to")

    @cached_property
    def references(self) -> tuple[str, ...]:
        """Message-IDs of the thread so far, oldest first."""
        return self._ids("references")

    # Text and attachments.

    @cached_property
    def text(self) -> str:
        """Plain text, lines ended by LF; made from the HTML when there is HTML only, "" when there is neither."""
        text = text_in(self._data, self._leaves, self._note)
        if text or not self.html:
            return text
        if len(self.html) > LONGEST_HTML:
            self._note(f"the HTML is longer than {LONGEST_HTML} characters; the text was made from its beginning")
        return text_of(self.html[:LONGEST_HTML])

    @cached_property
    def html(self) -> str:
        """HTML as received, "" when there is none. Untrusted: show `safe_html()`."""
        return html_in(self._data, self._leaves, self._note)

    def safe_html(self, *, remote_images: bool = False) -> str:
        """Harmless HTML for a page of one's own: a fragment without scripts, forms, style sheets, names and layers.

        Images of the letter come as `data:` URLs (5 MB each, 24 MB all); those on the web are left out, because they
        tell their server who reads the letter and when, unless `remote_images` says otherwise. "" when there is no
        HTML. Raises MissingExtra without nh3 (extra `html`).
        """
        from courriel.wire.html.safe import safe_html

        return safe_html(self.html, self.attachments, remote_images=remote_images).html if self.html else ""

    @cached_property
    def attachments(self) -> tuple[ReceivedAttachment, ...]:
        """All attachments, inline images (`inline`) and attached mails included; file names are safe."""
        return attachments_in(self._data, self._leaves, self._note)

    @cached_property
    def invitation(self) -> ReceivedInvitation | None:
        """Invitation to an event, its change, its cancellation, or an attendee's answer; None when there is none.

        Raises MissingExtra without icalendar (extra `calendar`) when there is one.
        """
        from courriel.wire.calendar.reading import invitation_in

        return invitation_in(self, self._data, self._leaves, self._note)

    @property
    def defects(self) -> tuple[str, ...]:
        """Defects of the letter, a sentence each, at most 100; reads everything to find them."""
        _ = self.headers, self.sender, self.to, self.cc, self.reply_to, self.date, self.message_id, self.text, self.html
        for each in self.attachments:
            _ = each.size
        return tuple(self._defects or ())

    def __repr__(self) -> str:
        if self.loaded:
            return f"<{type(self).__name__}: {self.size} octets>"
        size = "" if self._said_size is None else f", {self._said_size} octets"
        return f"<{type(self).__name__}: not loaded{size}>"

    def __reduce__(self) -> tuple[object, tuple[bytes]]:
        return Letter.parse, (self.raw,)

    # The steps.

    # A session's letters override these two. A callable of the letter's own would be a cycle, and keep its octets until
    # the garbage collector comes by.

    def _missing_whole(self) -> bytes:
        """Fetch all octets of the letter."""
        raise NotImplementedError

    def _missing_header(self) -> bytes:
        """Fetch the header."""
        raise NotImplementedError

    @cached_property
    def _data(self) -> bytes:
        return _with_lines(self.raw)

    @cached_property
    def _opened(self) -> tuple[Header, int]:
        """Header of the letter, and the offset of its body."""
        return read_header(self._data, 0, _no_boundary, self._note)

    @cached_property
    def _header_alone(self) -> Header:
        return read_header(_with_lines(self._header_octets()), 0, _no_boundary, self._note)[0]

    def _header_octets(self) -> bytes:
        """Octets of the fields that the header properties read; a session may have fetched these alone."""
        return self.raw_header

    @property
    def _header(self) -> Header:
        return self._header_alone if self._header_apart and not self.loaded else self._opened[0]

    @property
    def _full_header(self) -> Header:
        """Header with all its fields, where a session may have fetched a few alone."""
        return self._header

    @cached_property
    def _leaves(self) -> list[Leaf]:
        return leaves(self._data, *self._opened, self._note)

    def _value(self, name: str) -> str:
        return value_of(self._header.first(name), self._note)

    def _named(self, name: str) -> tuple[ReceivedAddress, ...]:
        values = self._header.all(name)
        if len(values) == 1:
            return received_addresses(value_of(values[0], self._note), self._note)
        return tuple(
            each
            for value in values[:_MOST_REPEATS]
            for each in received_addresses(value_of(value, self._note), self._note)
        )

    def _ids(self, name: str) -> tuple[str, ...]:
        return tuple(_ID.findall(one_line(self._value(name), self._note))[:MOST_IDS])

    def _note(self, defect: str) -> None:
        if self._defects is None:
            self._defects = {}
        if len(self._defects) < MOST_DEFECTS:
            self._defects.setdefault(defect)


class AsyncLetter(Letter):
    """Letter for asyncio: `await letter.load()`, then everything works as in `Letter`.

    Header properties work before that, when the header was fetched with it. Others raise UsageError before `load`.
    """

    _fetch: Callable[[], Awaitable[bytes]] | None = None

    @classmethod
    def awaited(
        cls: type[AnyAsyncLetter],
        header: bytes | None,
        fetch: Callable[[], Awaitable[bytes]],
        *,
        size: int | None = None,
    ) -> AnyAsyncLetter:
        """Make a letter whose octets are fetched by a coroutine; as `partial`, but `header` is no callable."""
        letter = cls(header=header, whole=_not_loaded, size=size)
        letter._fetch = fetch
        return letter

    # As `Letter.load`, awaited.
    async def load(self: AnyAsyncLetter) -> AnyAsyncLetter:  # type: ignore[override]  # pyright: ignore[reportIncompatibleMethodOverride]
        """Fetch the missing octets, once, and return the letter itself: from now on it needs no session."""
        if not self.loaded:
            octets = await self._awaited_whole()
            self._whole = self._whole if octets is None else bytes(octets)
        return self

    async def _awaited_whole(self) -> bytes | None:
        """Fetch all octets of the letter; None where nothing fetches them."""
        return None if self._fetch is None else await self._fetch()


# The steps.

_MOST_REPEATS = 20  # fields of one name, of which there should be one


def _with_lines(octets: bytes) -> bytes:
    """Octets with LF or CRLF line ends, without a byte order mark; without a single LF, CR is the line end.

    A letter that was saved in UTF-16, as a text, is converted to UTF-8.
    """
    if octets.startswith((b"\xff\xfe", b"\xfe\xff")):
        octets = octets.decode("utf_16", "replace").encode("utf_8", "replace")
    octets = octets.removeprefix(b"\xef\xbb\xbf")
    return octets if b"\n" in octets else octets.replace(b"\r", b"\n")


def _no_boundary(line: bytes) -> bool:
    """End of a header by a boundary: none is known before the first part."""
    return False


def _not_loaded() -> bytes:
    raise UsageError("this letter is not here yet: await letter.load() fetches it", stage="message")
