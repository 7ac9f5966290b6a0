"""
Ready message: the octets of a complete mail made elsewhere, validated and sent unchanged.

The only changes: Bcc and Resent-Bcc are removed from the header (they count for the envelope, hazard H34), line ends
become CRLF, and a missing Message-ID or Date is added at the end of the header.
"""

from __future__ import annotations

from courriel._dataclass import dataclass, field
from courriel._lazy_re import expression
from courriel.errors import CourrielError, InvalidAddress, InvalidMessage
from courriel.model.address import Address
from courriel.model.checks.header import LONGEST_LINE, refusal
from courriel.model.content import Content, has_long_line, is_dotless
from courriel.model.envelope import Envelope
from courriel.model.messages.message_id import new_id, now, written

TYPE_CHECKING = False

if TYPE_CHECKING:
    from courriel.model.address import Addresses

LONGEST_HEADER = 1_048_576  # octets of a whole header block; a real one has 10 kB
MOST_FIELDS = 2_000

_FIELD_NAME = expression(rb"[!-9;-~]+(?=[ \t]*:)")
# A field with its line end; folds within it are LFs, behind which no field begins, since white space follows.
_FIELD = expression(r"(?m)^([!-9;-~]+)[ \t]*:([^\r]*)\r\n")
_HIDDEN = frozenset(("bcc", "resent-bcc"))
_LONE_CR = expression(rb"\r(?!\n)")
_PEOPLE = frozenset(("sender", "from", "to", "cc", "bcc"))
_RESENT = frozenset(("resent-from", "resent-to", "resent-cc", "resent-bcc"))
_GROUP = expression(r'(?s)[ \t]*(?:"(?:[^"\\]|\\.)*"|[^"<>@,:;()]*):(.*);[ \t]*')


@dataclass(frozen=True, slots=True)
class ReadyMessage:
    """Message in its final form. `fields` are its header fields as they came (names in lower case), Bcc included."""

    content: Content
    fields: tuple[tuple[str, str], ...]
    message_id: str
    usual: Envelope | None = field(default=None, repr=False, compare=False)
    """Envelope from the header, read once; None where the header names no valid sender or recipients."""

    @classmethod
    def parse(cls, raw: bytes, *, normalise: bool = False) -> ReadyMessage:
        """Parse a complete message, header and body.

        Lines may end in LF: they are sent with CRLF. A lone CR is refused, unless `normalise` says that it is a line
        end too. Raises InvalidMessage for NUL (no hint), a lone CR (BARE-LINE-FEED), a line above 998 octets
        (LINE-TOO-LONG), and an invalid header.
        """
        data = _with_clean_lines(bytes(raw), normalise)
        end = _end_of_header(data)
        head = data[:end]
        fields = _fields(head)
        known = dict(reversed(fields))
        header = head if _HIDDEN.isdisjoint(known) else _without_hidden(head, fields)
        message_id = known.get("message-id", "").strip()
        if not message_id or "date" not in known:
            message_id, added = _missing_fields(known, message_id)
            header += added
        if header is not head or end == len(data):
            data = b"".join((header, data[end:] or b"\r\n"))
        eight_bit = utf8 = False
        if not data.isascii():
            eight_bit, utf8 = not data[len(header) :].isascii(), not header.isascii()
        content = Content((data,), len(data), eight_bit, utf8, is_dotless(data))
        return cls(content, fields, message_id, _usual_envelope(fields))

    @property
    def sender(self) -> Address | None:
        """Sender: Resent-Sender or Resent-From, else Sender or From; None when there is no such field.

        Raises InvalidAddress when that header holds an invalid address.
        """
        return _sender(_addressed(self.fields))

    @property
    def recipients(self) -> tuple[Address, ...]:
        """All recipients, Bcc included; those of the Resent fields when it was resent (RFC 5322 3.6.6)."""
        return _recipients(_addressed(self.fields))

    @property
    def needs_smtputf8(self) -> bool:
        """Whether its header holds raw UTF-8."""
        return self.content.utf8

    def envelope(self, sender: str | Address | None = None, to: Addresses | None = None) -> Envelope:
        """Envelope for the servers: sender and recipients of the header, or those given here ("": the null sender).

        Raises InvalidAddress when the header is ambiguous or holds an invalid address, and InvalidMessage when there is
        no sender, or no recipient (hint NO-RECIPIENT).
        """
        usual = self.usual
        if usual is not None:
            if sender is None and to is None:
                return usual
            origin = usual.sender if sender is None else sender
        else:
            origin = self.sender if sender is None else sender
        if origin is None:
            raise refusal("sender", "the message names no sender, and none was given")
        return Envelope.of(origin, self.recipients if to is None else Address.all_of(to))


# The steps.


def _addressed(fields: tuple[tuple[str, str], ...]) -> dict[str, list[str]]:
    """Values of the address fields by name: the ordinary ones, or the Resent ones of a message resent once."""
    if not _RESENT.isdisjoint(dict(fields)):
        resent = [(name[7:], value) for name, value in fields if name.startswith("resent-")]
        if len(dict(resent)) != len(resent):
            raise refusal("Resent-", "it was resent more than once; say sender and recipients outright")
        return {name: [value] for name, value in resent}
    addressed: dict[str, list[str]] = {}
    for name, value in fields:
        if name in _PEOPLE:
            addressed.setdefault(name, []).append(value)
    return addressed


def _sender(addressed: dict[str, list[str]]) -> Address | None:
    for name in ("sender", "from"):
        if name in addressed and (found := _addresses_in(addressed[name])):
            return found[0]
    return None


def _recipients(addressed: dict[str, list[str]]) -> tuple[Address, ...]:
    found: tuple[Address, ...] = ()
    for name in ("to", "cc", "bcc"):
        if name in addressed:
            found += _addresses_in(addressed[name])
    return found if len(found) == 1 else tuple({address.spec: address for address in found}.values())


def _addresses_in(values: list[str]) -> tuple[Address, ...]:
    found: tuple[Address, ...] = ()
    for value in values:
        if "\t" in value:  # a fold by a tab is a blank like any other
            value = value.replace("\t", " ")  # noqa: PLW2901
        group = _GROUP.fullmatch(value) if ":" in value else None
        found += Address.parse_list(group[1] if group else value)
    return found


def _usual_envelope(fields: tuple[tuple[str, str], ...]) -> Envelope | None:
    """Envelope from the header, or None: an error in it is raised only when the message is sent without addresses."""
    try:
        addressed = _addressed(fields)
        sender, recipients = _sender(addressed), _recipients(addressed)
        return Envelope(sender, recipients) if sender and recipients else None
    except CourrielError:
        return None


def _with_clean_lines(data: bytes, normalise: bool) -> bytes:
    """Make every line end CRLF; refuse NUL, lone CRs and long lines."""
    if b"\0" in data:
        raise refusal("message", f"it holds a NUL, at octet {data.index(0)}")
    if _LONE_CR.search(data):
        if not normalise:
            raise refusal(
                "message", "a carriage return stands alone; normalise=True makes it a line end", "BARE-LINE-FEED"
            )
        data = data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    # Each CR has its LF now: when there are as many, no LF stands alone.
    if data.count(b"\n") != data.count(b"\r"):
        data = data.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
    if not data.endswith(b"\r\n"):
        data += b"\r\n"
    if has_long_line(data):
        raise _long_line(data)
    return data


def _long_line(data: bytes) -> InvalidMessage:
    """Error for a line that is too long, with the name of the header field when it is one."""
    end = data.find(b"\r\n\r\n")
    for line in _with_lf_folds(data[: end + 2]).split(b"\r\n") if end > 0 else ():
        name = _FIELD_NAME.match(line)
        if name and has_long_line(line):
            reason = f"its line is longer than {LONGEST_LINE} octets"
            return refusal(name[0].decode(), reason, "HEADER-LINE-TOO-LONG")
    return refusal("message", f"a line is longer than {LONGEST_LINE} octets", "LINE-TOO-LONG")


def _end_of_header(data: bytes) -> int:
    """Offset of the first empty line, where the header ends; the length of the data when there is none."""
    if data.startswith(b"\r\n"):
        raise refusal("message", "it begins with an empty line, so it has no header")
    end = data.find(b"\r\n\r\n") + 2
    if end < 2:
        end = len(data)
    if end > LONGEST_HEADER:
        raise refusal("message", f"its header is longer than {LONGEST_HEADER} octets")
    return end


def _fields(head: bytes) -> tuple[tuple[str, str], ...]:
    """Parse the header fields: name in lower case, and value on one line."""
    try:
        block = _with_lf_folds(head).decode()
    except UnicodeDecodeError as broken:
        raise _header_error(head) from broken
    found = _FIELD.findall(block)
    # A line that is no field is not found.
    if len(found) != block.count("\r\n") or len(found) > MOST_FIELDS:
        raise _header_error(head)
    return tuple([(name.lower(), value.replace("\n", "").strip(" \t")) for name, value in found])


def _with_lf_folds(head: bytes) -> bytes:
    """Header with LF for each fold, so that CRLF ends a field."""
    return head.replace(b"\r\n ", b"\n ").replace(b"\r\n\t", b"\n\t")


def _header_error(head: bytes) -> InvalidMessage:
    """Error for the header field that is invalid or cannot be decoded."""
    lines = _with_lf_folds(head)[:-2].split(b"\r\n")
    for number, line in enumerate(lines[: MOST_FIELDS + 1], 1):
        name = _FIELD_NAME.match(line)
        if name is None:
            return refusal("message", f"{line[:60]!r}, in its header, is no header field (number {number})")
        try:
            line.decode()
        except UnicodeDecodeError:
            return refusal(name[0].decode(), "its value is neither ASCII nor UTF-8", "NON-ASCII-TEXT")
    return refusal("message", f"it has more than {MOST_FIELDS} header fields")


def _without_hidden(head: bytes, fields: tuple[tuple[str, str], ...]) -> bytes:
    """Header without Bcc and Resent-Bcc, which belong to the envelope (hazard H34)."""
    lines = _with_lf_folds(head).split(b"\r\n")
    kept = [line + b"\r\n" for line, (name, _) in zip(lines, fields, strict=False) if name not in _HIDDEN]
    return b"".join(kept).replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")


def _missing_fields(known: dict[str, str], message_id: str) -> tuple[str, bytes]:
    """The Message-ID, and the header lines to add for a missing Message-ID or Date (hint MESSAGE-ID-MISSING)."""
    added = b""
    if not message_id:
        try:
            senders = Address.parse_list(known.get("from", ""))
        except InvalidAddress:
            senders = ()
        message_id = new_id(senders[0].dns_domain if senders else "courriel.invalid")
        added = f"Message-ID: {message_id}\r\n".encode()
    if "date" not in known:
        added += f"Date: {written(now())}\r\n".encode()
    return message_id, added
