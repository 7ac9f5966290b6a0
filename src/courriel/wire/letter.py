"""
A letter that was received: as much of it as has been read, and the rest when it is touched.

    letter = Letter.parse(raw)                                  # it is all here
    letter = Letter.partial(header, session_fetches_the_rest)   # the header is here; the body is fetched when touched

Whatever the octets are, there is a letter: what is broken in it is shown as well as can be, and told in `defects`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime
from functools import cached_property
from typing import TypeVar

from courriel.errors import UsageError
from courriel.expressions import expression
from courriel.model.correspondent import Correspondent
from courriel.model.enclosure import Enclosure
from courriel.wire.html_text import text_of
from courriel.wire.reading.addresses import correspondents
from courriel.wire.reading.contents import enclosures_in, html_in, text_in
from courriel.wire.reading.dates import moment_of
from courriel.wire.reading.header import Header, read_header
from courriel.wire.reading.parts import Leaf, leaves
from courriel.wire.reading.words import one_line, readable, value_of

LONGEST_HTML = 2_000_000  # characters of HTML that are made into text, which takes a second
MOST_DEFECTS = 100
MOST_IDS = 1_000

_ID = expression(r"<[^<>\s]{1,900}>")

AnyLetter = TypeVar("AnyLetter", bound="Letter")
AnyAsyncLetter = TypeVar("AnyAsyncLetter", bound="AsyncLetter")


class Letter:
    """One mail that was received, read leniently, each part of it when it is first asked for.

    Make it with `Letter.parse`; a session that fetches in two steps makes it with `Letter.partial`. What stands in the
    header (`subject`, `sender`, `to`, `date`, `headers` and the like) needs the header only; `text`, `html`,
    `attachments`, `raw` and `defects` need the whole, which is fetched once, the first time. An error of that fetching
    comes out of the property, and the next time it is tried anew.

    Everything is text of one line, or what its type says: encoded words are decoded, control characters replaced. None
    of it is to be trusted: a `sender` is who the letter says, a content type what the sender says. A session may
    descend from this class, to add what its server knows of a letter (its number, its flags).
    """

    def __init__(
        self,
        *,
        header: bytes | Callable[[], bytes] | None = None,
        whole: bytes | Callable[[], bytes],
        size: int | None = None,
    ) -> None:
        """Octets that are here, or callables that fetch them; see `parse` and `partial`."""
        self._whole = whole
        self._top = header
        self._said_size = size
        self._defects: dict[str, None] = {}

    @classmethod
    def parse(cls: type[AnyLetter], raw: bytes | bytearray | memoryview) -> AnyLetter:
        """Take a whole letter. Raises TypeError for what is no octets, and nothing else, ever."""
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
        """Take a letter of which the header is here (POP3's TOP, IMAP's BODY[HEADER]), or fetched when it is touched.

        `fetch` gives the whole letter, header included; it is called when more than the header is touched, once. With
        a `header` of None the header too comes by `fetch`. `size` is what the server says of the whole, in octets.
        """
        return cls(header=header, whole=fetch, size=size)

    def load(self: AnyLetter) -> AnyLetter:
        """Fetch what is not here yet, and return the letter itself: from now on it needs no session."""
        _ = self.raw
        return self

    @property
    def loaded(self) -> bool:
        """Whether the whole letter is here."""
        return isinstance(self._whole, bytes)

    @property
    def raw(self) -> bytes:
        """The whole letter, to the octet, as the server gave it."""
        if not isinstance(self._whole, bytes):
            self._whole = bytes(self._whole())
        return self._whole

    @property
    def raw_header(self) -> bytes:
        """The header, to the octet, with or without the empty line behind it; the whole letter when that is here."""
        if isinstance(self._whole, bytes) or self._top is None:
            return self.raw
        if not isinstance(self._top, bytes):
            self._top = bytes(self._top())
        return self._top

    @property
    def size(self) -> int:
        """Its length in octets: what the server says, as long as the letter is not here."""
        if not self.loaded and self._said_size is not None:
            return self._said_size
        return len(self.raw)

    # What the header says.

    @cached_property
    def headers(self) -> tuple[tuple[str, str], ...]:
        """Every field in order, decoded; names as they came."""
        return tuple((name, readable(value_of(value, self._note), self._note)) for name, value in self._header.fields)

    def header(self, name: str) -> str:
        """The first field of that name, decoded; "" when there is none."""
        return readable(self._value(name.lower()), self._note)

    @cached_property
    def subject(self) -> str:
        """The subject as a person reads it, "" when there is none."""
        return self.header("subject")

    @cached_property
    def sender(self) -> Correspondent | None:
        """Whom the letter says it comes from: From, or else Sender; None when nobody is named."""
        named = self._named("from") or self._named("sender")
        return named[0] if named else None

    @cached_property
    def to(self) -> tuple[Correspondent, ...]:
        """Everybody named in To; who really got it stands in no letter."""
        return self._named("to")

    @cached_property
    def cc(self) -> tuple[Correspondent, ...]:
        """Everybody named in Cc."""
        return self._named("cc")

    @cached_property
    def bcc(self) -> tuple[Correspondent, ...]:
        """Everybody named in Bcc: in the sender's own copy, as a rule."""
        return self._named("bcc")

    @cached_property
    def reply_to(self) -> tuple[Correspondent, ...]:
        """Where answers are wished to go; the sender's address when nothing is said."""
        return self._named("reply-to") or ((self.sender,) if self.sender else ())

    @cached_property
    def date(self) -> datetime | None:
        """When it was written, with its time zone (UTC when it names none); None when it says no date."""
        value = self._value("date")
        moment = moment_of(value)
        if value and moment is None:
            self._note("the Date is none")
        return moment

    @cached_property
    def message_id(self) -> str:
        """Its id, `<left@right>`; "" when it has none. Mere text: anybody can write any id."""
        return next(iter(self._ids("message-id")), "") or one_line(self._value("message-id"), self._note)[:900]

    @cached_property
    def in_reply_to(self) -> tuple[str, ...]:
        """The ids of what it answers."""
        return self._ids("in-reply-to")

    @cached_property
    def references(self) -> tuple[str, ...]:
        """The ids of the conversation so far, oldest first."""
        return self._ids("references")

    # What is in it.

    @cached_property
    def text(self) -> str:
        """The plain text, its lines ended by LF; made from the HTML when there is HTML only, "" when there is none."""
        text = text_in(self._data, self._leaves, self._note)
        if text or not self.html:
            return text
        if len(self.html) > LONGEST_HTML:
            self._note(f"the HTML is longer than {LONGEST_HTML} characters; the text was made from its beginning")
        return text_of(self.html[:LONGEST_HTML])

    @cached_property
    def html(self) -> str:
        """The HTML as it came, "" when there is none. A stranger wrote it: never show it outside a sandboxed frame."""
        return html_in(self._data, self._leaves, self._note)

    @cached_property
    def attachments(self) -> tuple[Enclosure, ...]:
        """Every file, images within the HTML (`inline`) and mails within the mail included; names are safe."""
        return enclosures_in(self._data, self._leaves, self._note)

    @property
    def defects(self) -> tuple[str, ...]:
        """What is wrong with it, a sentence each; everything is read for that. At most 100 are told."""
        _ = self.headers, self.sender, self.to, self.cc, self.reply_to, self.date, self.message_id, self.text, self.html
        for each in self.attachments:
            _ = each.size
        return tuple(self._defects)

    def __repr__(self) -> str:
        if self.loaded:
            return f"<{type(self).__name__}: {self.size} octets>"
        size = "" if self._said_size is None else f", {self._said_size} octets"
        return f"<{type(self).__name__}: not loaded{size}>"

    def __reduce__(self) -> tuple[object, tuple[bytes]]:
        return Letter.parse, (self.raw,)

    # The steps.

    @cached_property
    def _data(self) -> bytes:
        return _with_lines(self.raw)

    @cached_property
    def _opened(self) -> tuple[Header, int]:
        """The header of the whole letter, and where its body begins."""
        return read_header(self._data, 0, _never, self._note)

    @cached_property
    def _header_alone(self) -> Header:
        return read_header(_with_lines(self.raw_header), 0, _never, self._note)[0]

    @property
    def _header(self) -> Header:
        return self._opened[0] if self.loaded or self._top is None else self._header_alone

    @cached_property
    def _leaves(self) -> list[Leaf]:
        return leaves(self._data, *self._opened, self._note)

    def _value(self, name: str) -> str:
        return value_of(self._header.first(name), self._note)

    def _named(self, name: str) -> tuple[Correspondent, ...]:
        return tuple(
            each
            for value in self._header.all(name)[:_MOST_REPEATS]
            for each in correspondents(value_of(value, self._note), self._note)
        )

    def _ids(self, name: str) -> tuple[str, ...]:
        return tuple(_ID.findall(one_line(self._value(name), self._note))[:MOST_IDS])

    def _note(self, defect: str) -> None:
        if len(self._defects) < MOST_DEFECTS:
            self._defects.setdefault(defect)


class AsyncLetter(Letter):
    """The same for those who may not block: `await letter.load()`, then everything is there as in `Letter`.

    What the header says is there before, when the header came along. What needs more raises UsageError before `load`.
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
        """Take a letter whose whole is awaited; the rest is as in `partial`, but that a header is here or is not."""
        letter = cls(header=header, whole=_not_here, size=size)
        letter._fetch = fetch
        return letter

    # The same word, awaited.
    async def load(self: AnyAsyncLetter) -> AnyAsyncLetter:  # type: ignore[override]  # pyright: ignore[reportIncompatibleMethodOverride]
        """Fetch what is not here yet, once, and return the letter itself: from now on it needs no session."""
        if not self.loaded and self._fetch is not None:
            self._whole = bytes(await self._fetch())
        return self


# The steps.

_MOST_REPEATS = 20  # fields of one name, where there should be one


def _with_lines(octets: bytes) -> bytes:
    """Octets whose lines can be found, without a byte order mark; a letter without a single LF has CR for line ends.

    A letter that was saved in UTF-16, as a text, is what it would be in UTF-8.
    """
    if octets.startswith((b"\xff\xfe", b"\xfe\xff")):
        octets = octets.decode("utf_16", "replace").encode("utf_8", "replace")
    octets = octets.removeprefix(b"\xef\xbb\xbf")
    return octets if b"\n" in octets else octets.replace(b"\r", b"\n")


def _never(line: bytes) -> bool:
    """Before the first part no boundary is known."""
    return False


def _not_here() -> bytes:
    raise UsageError("this letter is not here yet: await letter.load() fetches it", stage="message")
