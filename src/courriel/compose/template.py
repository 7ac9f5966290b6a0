"""
Message templates: parsed once, filled for each row, with the same validation as a single message.

    template = Template(sender="ada@example.org", to="{email}", subject="Invoice {number}", text="Hello {name}, ...")
    for message in template.merge([{"email": "bob@example.org", "number": 42, "name": "Bob"}]):
        session.send(message)
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime
from functools import partial
from itertools import count
from typing import TYPE_CHECKING, Literal

from courriel._dataclass import replace
from courriel.compose.address_template import AddressTemplate
from courriel.compose.body_template import LONGEST_LINE, BodyTemplate
from courriel.compose.merged import MergedMessage
from courriel.compose.placeholders import Pattern, Placeholder, escaped, needs_escaping
from courriel.compose.pre_encoded import PreEncoded
from courriel.compose.with_files import WithFiles
from courriel.errors import InvalidAddress, InvalidMessage, UsageError
from courriel.model.address import Address
from courriel.model.checks.header import as_text, check_body, check_text, checked_links, pairs_of, refusal, texts_of
from courriel.model.checks.text import text_of
from courriel.model.messages.attachment import Attachment, attachments_of
from courriel.model.messages.message import Message, Priority
from courriel.model.messages.message_id import stamped
from courriel.wire.mime.build import files_of
from courriel.wire.mime.parts import Part, text_part

if TYPE_CHECKING:
    from courriel.model.address import Addresses as GivenAddresses
    from courriel.model.messages.attachment import Attachments

Row = Mapping[str, object]
"""The values of one message by placeholder name: text or whole numbers; of any type for a RichTemplate."""

_LARGEST_NUMBER = 10**30  # longer ones are no use to a reader, and Python refuses to format the longest
_SOMEBODY = Address("somebody", "example.org")


class Template(WithFiles):
    """A message template: `{name}` in its addresses, subject, texts, header values and unsubscribe links.

        reminder = Template(
            sender="ada@example.org", to="{name} <{address}>", subject="Your appointment, {name}", text="Until {day}."
        )
        for mail in reminder.merge([{"name": "Bob", "address": "bob@example.org", "day": "Friday"}]):
            print(mail.subject)  # Your appointment, Bob

    The parameters are those of Message. In `html` a value is escaped; `{name!raw}` inserts trusted HTML unchanged.
    Literal braces are doubled. Raises InvalidMessage, naming the field, for anything that would be wrong with every
    message.
    """

    def __init__(
        self,
        *,
        sender: str | Address,
        to: GivenAddresses = (),
        cc: GivenAddresses = (),
        bcc: GivenAddresses = (),
        reply_to: GivenAddresses = (),
        subject: str = "",
        text: str = "",
        html: str = "",
        attachments: Attachments = (),
        priority: Priority | str = Priority.NORMAL,
        read_receipt: bool | str | Address | None = None,
        delivery_receipt: bool = False,
        headers: Mapping[str, str] | Iterable[tuple[str, str]] = (),
        date: datetime | None = None,
        in_reply_to: str | Iterable[str] = (),
        references: str | Iterable[str] = (),
        list_unsubscribe: str | Iterable[str] = (),
        one_click: bool = False,
    ) -> None:
        if not sender:
            raise refusal("sender", "a message comes from somebody; no sender was given")
        self._sender = AddressTemplate("sender", sender)
        if len(self._sender) != 1:
            raise refusal("sender", "a message comes from one address")
        self._to, self._cc = AddressTemplate("to", to), AddressTemplate("cc", cc)
        self._bcc, self._reply_to = AddressTemplate("bcc", bcc), AddressTemplate("reply_to", reply_to)
        if not (len(self._to) or len(self._cc) or len(self._bcc)):
            raise refusal("to, cc, bcc", 'no recipient was given: to="{email}" takes each from its row', "NO-RECIPIENT")
        # Fields without placeholders are the same for all; the others have a position to be filled in.
        self._fixed_addresses: list[tuple[Address, ...]] = [template.fixed for template in self._address_templates]
        self._address_templates_in_use = [
            (position, template) for position, template in enumerate(self._address_templates) if template.placeholders
        ]
        self._subject = Pattern.parse("subject", as_text("subject", subject))
        self._headers = tuple((name, Pattern.parse(name, value)) for name, value in pairs_of(headers))
        links = texts_of("list_unsubscribe", list_unsubscribe)
        self._links = tuple(Pattern.parse("list_unsubscribe", link) for link in links if link)
        self._text = Pattern.parse("text", as_text("text", text))
        self._html = Pattern.parse("html", as_text("html", html), html=True)
        self._date = date
        self.receipt_to_sender = read_receipt is True
        self._names = self._find_names()
        self.sample = self._make_sample(
            attachments=attachments_of(attachments), priority=priority, read_receipt=read_receipt, date=date,
            delivery_receipt=delivery_receipt, in_reply_to=in_reply_to, references=references, one_click=one_click,
        )  # fmt: skip
        self._bodies = self._body_templates()
        self.frame = self._pre_encoded()
        self._files: dict[tuple[bool, bool], list[tuple[bool, Part]]] = {}
        # Text or HTML of placeholders only may be empty for a row, and the mail has other parts then.
        self.may_lack_parts = any(
            template.pieces and len(template.placeholders) == len(template.pieces)
            for template in (self._text, self._html)
        )
        self._escaped = tuple(
            {(placeholder.key, placeholder.name) for placeholder in self._html.placeholders if placeholder.escapes}
        )

    @property
    def names(self) -> tuple[str, ...]:
        """Placeholder names, sorted: the keys that each row must have."""
        return tuple(sorted(self._names))

    def merge(self, rows: Iterable[Row], *, unused: Literal["refuse", "ignore"] = "ignore") -> Iterator[MergedMessage]:
        """Iterate over one message for each row, each with its own Message-ID and Date.

        `next` raises InvalidMessage or InvalidAddress, naming row (from 1) and placeholder, for a missing or invalid
        value; the iterator continues with the row after. A row may have unused keys, as rows of a CSV file do; with
        `unused="refuse"` they are an error, which finds misspelled names. To check all rows before the first message is
        sent, make a list.
        """
        if unused not in ("refuse", "ignore"):
            raise UsageError(f'unused is "refuse" or "ignore", not {unused!r}')
        if isinstance(rows, str | bytes | Mapping) or not isinstance(rows, Iterable):
            raise UsageError(
                f"merge takes a list of rows, not {type(rows).__name__}; fill(**row) takes the values of one"
            )
        return map(self._fill_strictly if unused == "refuse" else self._fill_row, count(1), rows)

    def fill(self, /, **values: str | int) -> MergedMessage:
        """The message for these values. Raises as `merge` does."""
        return self._fill_strictly(0, values)

    # For its messages.

    def parts(
        self, values: Mapping[str, str], eight_bit: bool, binary: bool
    ) -> tuple[list[Part], list[tuple[bool, Part]]]:
        """The encoded body parts and attachments."""
        octets = {key.encode(): value.encode() for key, value in values.items()}
        whole = b"".join(octets.values())
        longest = len(whole) if b"\n" not in whole and b"\r" not in whole else LONGEST_LINE + 1
        bodies = [
            body.part_of_lines(octets, longest, eight_bit) or body.part(values, eight_bit) for body in self._bodies
        ]
        if self._html.pieces and not self._text.pieces:
            from courriel.wire.html.to_text import text_of

            bodies.insert(0, text_part("plain", text_of(self.html_of(values)), eight_bit))
        files = self._files.get((eight_bit, binary))
        if files is None:
            files = self._files[eight_bit, binary] = files_of(self.sample.attachments, eight_bit, binary)
        return bodies, files

    def text_of(self, values: Mapping[str, str]) -> str:
        """The filled text."""
        return self._bodies[0].pattern.fill(values) if self._text.pieces else ""

    def html_of(self, values: Mapping[str, str]) -> str:
        """The filled HTML."""
        return self._bodies[-1].pattern.fill(values) if self._html.pieces else ""

    # Parsing.

    def _find_names(self) -> frozenset[str]:
        placeholders = [placeholder for template in self._address_templates for placeholder in template.placeholders]
        patterns = (self._subject, self._text, self._html, *self._links, *(value for _, value in self._headers))
        placeholders += [placeholder for pattern in patterns for placeholder in pattern.placeholders]
        return frozenset(placeholder.name for placeholder in placeholders)

    @property
    def _address_templates(self) -> tuple[AddressTemplate, ...]:
        return self._sender, self._to, self._cc, self._bcc, self._reply_to

    def _make_sample(self, **fields: object) -> Message:
        """A sample message with a value in each placeholder: an error in it is an error of all messages."""
        values = dict.fromkeys([*self._names, *(placeholder.key for placeholder in self._html.placeholders)], "x")
        links = dict.fromkeys(self._names, "https://x")
        return Message(
            sender=_SOMEBODY if self._sender.placeholders else self._sender.fill(values)[0],
            to=_SOMEBODY,
            subject=self._subject.fill(values),
            text=self._text.fill(values),
            html=self._html.fill(values),
            headers=[(name, value.fill(values)) for name, value in self._headers],
            # A placeholder at the start of a link takes the start of a URL.
            list_unsubscribe=[
                link.fill(links if isinstance(link.pieces[0], Placeholder) else values) for link in self._links
            ],
            **fields,  # type: ignore[arg-type]
        )

    def _body_templates(self) -> tuple[BodyTemplate, ...]:
        """The text and HTML bodies, split into fixed lines and lines with placeholders."""
        bodies = [
            BodyTemplate(kind, template)
            for kind, template in (("plain", self._text), ("html", self._html))
            if template.pieces
        ]
        if not bodies and not self.sample.attachments:
            bodies = [BodyTemplate("plain", self._text)]
        return tuple(bodies)

    def _pre_encoded(self) -> PreEncoded | None:
        """All bodies as one format, where there is no attachment and no text has to be made of the HTML."""
        complete = self._bodies and self._bodies[0].kind == "plain"
        return PreEncoded(self._bodies) if complete and not self.sample.attachments else None

    def _with_attachment(self, attachment: Attachment) -> Template:
        from copy import copy

        other = copy(self)
        other.sample = replace(self.sample, attachments=(*self.sample.attachments, attachment))
        other._files = {}
        other._bodies = other._body_templates()
        other.frame = other._pre_encoded()
        return other

    # Filling.

    def _fill_row(self, number: int, row: Row) -> MergedMessage:
        if type(row) is not dict and not isinstance(row, Mapping):
            raise _refused_row(number, f"a row is a mapping of names to values, not {type(row).__name__}")
        return self._fill(number, row)

    def _fill_strictly(self, number: int, row: Row) -> MergedMessage:
        if type(row) is not dict and not isinstance(row, Mapping):
            raise _refused_row(number, f"a row is a mapping of names to values, not {type(row).__name__}")
        if len(row) != len(self._names):
            for name in row:
                if name not in self._names:
                    raise _refused_row(number, f"{name!r:.60} has no place in the template")
        return self._fill(number, row)

    def _fill(self, number: int, row: Row) -> MergedMessage:
        values: dict[str, str] = {}
        for name in self._names:
            try:
                value = row[name]
            except KeyError:
                raise _refused_row(number, f"there is no value for {{{name}}}") from None
            values[name] = value if type(value) is str else _as_text(number, name, value)
        try:
            whole = "".join(values.values())
            check_body("", whole)
            people = self._fixed_addresses.copy()
            for position, template in self._address_templates_in_use:
                people[position] = template.fill(values)
            subject = self._subject.fill(values)
            check_text("subject", subject)
            headers = self._filled_headers(values) if self._headers else ()
            links = self._filled_links(values) if self._links else ()
        except (InvalidMessage, InvalidAddress) as broken:
            raise self._located_error(number, values, broken) from None
        plain = not needs_escaping(whole)
        for key, name in self._escaped:
            values[key] = values[name] if plain else escaped(values[name])
        message_id, now = stamped(people[0][0].dns_domain)
        return MergedMessage(self, values, people, subject, headers, links, message_id, self._date or now)

    def _filled_headers(self, values: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
        filled = tuple([(name, value.fill(values)) for name, value in self._headers])
        for name, value in filled:
            check_text(name, value)
        return filled

    def _filled_links(self, values: Mapping[str, str]) -> tuple[str, ...]:
        links = checked_links("list_unsubscribe", [link.fill(values) for link in self._links])
        if self.sample.one_click and not any(link.startswith("https:") for link in links):
            raise refusal("list_unsubscribe", "one_click needs an https link (RFC 8058)")
        return links

    # Locating an error.

    def _located_error(
        self, number: int, values: Mapping[str, str], broken: InvalidMessage | InvalidAddress
    ) -> InvalidMessage | InvalidAddress:
        """The same error, naming row and placeholder: searched for only after an error."""
        for field, names, attempt in self._checks(values):
            try:
                attempt()
            except (InvalidMessage, InvalidAddress) as again:
                guilty = [name for name in names if _holds_line_break(values[name])] or names
                placeholders = ", ".join(f"{{{name}}}" for name in dict.fromkeys(guilty))
                where = (
                    f"{_row_name(number)}{placeholders} in {field}: "
                    if field
                    else f"{_row_name(number)}{placeholders}: "
                )
                reason = str(again).removeprefix(f"{field}: ")
                return type(again)(where + reason, stage="compose", hint_id=again.hint_id)
        return broken

    def _checks(self, values: Mapping[str, str]) -> Iterator[tuple[str, list[str], Callable[[], object]]]:
        """Each check that may fail: its field, its placeholders, and a function that runs it."""
        for name in sorted(self._names):
            yield "", [name], partial(check_body, "", values[name])
        for template in self._address_templates:
            yield (
                template.field,
                [placeholder.name for placeholder in template.placeholders],
                partial(template.fill, values),
            )
        for field, pattern in (("subject", self._subject), *self._headers):
            yield (
                field,
                [placeholder.name for placeholder in pattern.placeholders],
                partial(check_text, field, pattern.fill(values)),
            )
        placeholders = [placeholder.name for link in self._links for placeholder in link.placeholders]
        yield "list_unsubscribe", placeholders, partial(self._filled_links, values)


# The steps.


def _row_name(number: int) -> str:
    return f"row {number}: " if number else ""


def _refused_row(number: int, reason: str) -> InvalidMessage:
    return InvalidMessage(_row_name(number) + reason, stage="compose")


def _as_text(number: int, name: str, value: object) -> str:
    """Text of a value that is no str: a whole number, or a lazy string."""
    if (text := text_of(value)) is not None:
        return text
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) < _LARGEST_NUMBER:
        return str(int(value))
    raise _refused_row(number, f"{{{name}}} takes text or a whole number, not {type(value).__name__}")


def _holds_line_break(value: str) -> bool:
    try:
        check_text("", value)
    except InvalidMessage:
        return True
    return False
