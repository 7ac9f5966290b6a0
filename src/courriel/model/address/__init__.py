"""
Mail address: one strict grammar and one value, for headers and envelopes alike.

The grammar is RFC 5321's Mailbox (quoted local parts and address literals included), RFC 5322's name-addr around it,
and RFC 6531 for non-ASCII text. Invalid text is refused and never repaired: an address that two programs parse
differently sends mail to the wrong recipient. Refused although some RFC allows them:

* comments, groups, routes, white space around the `@`: programs differ in how they join the parts;
* a local part holding `=?`: a valid atom, but many programs would decode it as an encoded word, line breaks included;
* an empty quoted local part, and a domain whose last label is a number (an IP address stands in brackets);
* general address literals (`[x:y]`), of which none was ever registered.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import lru_cache

from courriel import errors
from courriel._dataclass import Filler, dataclass, field
from courriel._lazy_re import expression
from courriel.model.address.domain import PartError, map_domain, map_domain_cached
from courriel.model.address.local_part import (
    DOT_STRING,
    checked_local,
    local_part_fault,
    quoted,
    truncates_to_line_break,
)
from courriel.model.address.refusal import CONTROL, LINE_BREAK, code_point, refusal
from courriel.model.checks.text import described, text_of

USUAL_LOCAL_PART = 64  # octets, quotes included, that every server must accept; more may be refused (RFC 5321 4.5.3.1)
LONGEST_ADDRESS = 254  # octets; a path is 256 with its angle brackets, RFC 5321 4.5.3.1.3
LONGEST_NAME = 500  # characters; no RFC gives a limit
LONGEST_TEXT = 2048  # characters of one address with its name, as it is written

TYPE_CHECKING = False

if TYPE_CHECKING:
    from typing import NoReturn, TypeAlias

_ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"

_DOT_ATOM = expression(rf"{_ATOM}(?:\.{_ATOM})*")
_QUOTED = expression(r'"((?:[^"\\]|\\.)*)"')
_PAIR = expression(r"\\(.)")
# One word of a display name, followed by white space or by the bracket.
_WORD = expression(r'(?:"((?:[^"\\]|\\.)*)"|([^ \t"(),:;<>@\[\]\\]+))(?:[ \t]+|(?=<))')

_NAME_NEEDS_QUOTES = expression(r'["(),:;<>@\[\]\\]|^[ \t]|[ \t]$|[ \t]{2}|\t')


@dataclass(frozen=True, slots=True)
class Address:
    """Mail address, with a display name or without.

    `local` is the part before the `@`, without quotes; `domain` is in its mapped form (lower case, Unicode, RFC 5891
    and UTS 46) or an address literal such as `[127.0.0.1]`; `name` is the display name, or "". Each part is checked
    when the value is made, however it is made. Raises InvalidAddress.
    """

    local: str
    domain: str
    name: str = ""
    spec: str = field(init=False, repr=False, compare=False)
    """`local@domain` for people: the local part in quotes when it needs them, the domain in its mapped form."""
    dns_domain: str = field(init=False, repr=False, compare=False)
    """Domain in ASCII (A-labels), for DNS and every server."""
    narrow: str = field(init=False, repr=False, compare=False)
    """`local@domain` in ASCII; "" when the local part is not ASCII, and SMTPUTF8 is needed."""

    def __hash__(self) -> int:
        return hash(self.spec)

    def __post_init__(self) -> None:
        for part in ("local", "domain", "name"):
            if type(getattr(self, part)) is not str:
                object.__setattr__(self, part, _part_text(f"{part} of an address", getattr(self, part)))
        _check_name(self.name)
        whole = f"{self.local}@{self.domain}"
        local = checked_local(self.local, whole)
        domain, dns_domain = map_domain(self.domain, whole)
        if len(local.encode()) + 1 + max(len(domain.encode()), len(dns_domain)) > LONGEST_ADDRESS:
            raise refusal(whole, f"it is longer than {LONGEST_ADDRESS} octets")
        object.__setattr__(self, "domain", domain)
        object.__setattr__(self, "dns_domain", dns_domain)
        object.__setattr__(self, "spec", f"{local}@{domain}")
        object.__setattr__(self, "narrow", f"{local}@{dns_domain}" if local.isascii() else "")

    @classmethod
    def parse(cls, text: str) -> Address:
        """Parse one address: `a@b.org`, or `Ada <a@b.org>` with the name as it is (encoded words are not decoded).

        Raises InvalidAddress, also for two addresses in one string.
        """
        return _parse(text) if type(text) is str else _converted(text)

    @classmethod
    def parse_list(cls, text: str) -> tuple[Address, ...]:
        """Parse a list of addresses, from a header or typed: separated by commas (RFC 5322 3.4); "" is an empty list.

        Only for a text that is a list by definition: one recipient from a form or a database is for `parse`. Raises
        InvalidAddress when one of them is not an address, and for an empty item between two commas.
        """
        from courriel.model.address.pieces import LONGEST_LIST, split_list  # noqa: PLC0415 - most programs give lists

        text = text if type(text) is str else _part_text("list of addresses", text)
        if len(text) > LONGEST_LIST:
            raise refusal(text, f"the list is longer than {LONGEST_LIST} characters")
        if not text.strip(" \t"):
            return ()
        return tuple(map(_parse, split_list(text))) if "," in text else (_parse(text),)

    @classmethod
    def of(cls, value: str | Address) -> Address:
        """Convert one address: text, or an Address. Raises InvalidAddress."""
        return value if isinstance(value, Address) else _parse(value) if type(value) is str else _converted(value)

    @classmethod
    def all_of(cls, values: str | Address | Iterable[str | Address]) -> tuple[Address, ...]:
        """Convert addresses: one, or a list. One string is one address, in the list too.

        Otherwise a visitor who fills in a form with `x@y.org, victim@z.org` would choose a second recipient. An empty
        string alone is an empty list. Raises InvalidAddress.
        """
        if isinstance(values, Address):
            return (values,)
        if type(values) is tuple or type(values) is list:  # called for each message of a million
            return tuple([value if isinstance(value, Address) else cls.of(value) for value in values])
        if (text := values if type(values) is str else text_of(values)) is not None:
            return (_parse(text),) if text.strip(" \t") else ()
        if isinstance(values, bytes | bytearray | Mapping) or not isinstance(values, Iterable):
            raise errors.InvalidAddress(_not_addresses(values), stage="compose")
        return tuple([value if isinstance(value, Address) else cls.of(value) for value in values])

    def with_name(self, name: str) -> Address:
        """Return the same address under this display name. Raises InvalidAddress for an invalid name."""
        name = name if type(name) is str else _part_text("name of an address", name)
        _check_name(name)
        address = object.__new__(Address)
        _values.fill(address, self.local, self.domain, name, self.spec, self.dns_domain, self.narrow)
        return address

    def named(self, *_: object, **__: object) -> NoReturn:
        """Raise UsageError: an address is immutable; `with_name` returns one under another name."""
        raise errors.UsageError("Address.named(): an address does not change; write address = address.with_name(name)")

    @property
    def has_long_local_part(self) -> bool:
        """Whether the part before the `@` is longer than the 64 octets that every server must accept.

        It is sent all the same (RFC 5321 4.5.3.1): SRS, VERP and service desks produce such addresses.
        """
        return len(self.spec) > USUAL_LOCAL_PART and len(self.spec.rpartition("@")[0].encode()) > USUAL_LOCAL_PART

    @property
    def needs_smtputf8(self) -> bool:
        """Whether both sides must support SMTPUTF8 for this address: its local part is not ASCII (RFC 6531)."""
        return not self.narrow

    def wire(self, utf8: bool = False) -> str:
        """Format the address for MAIL and RCPT, without angle brackets; `utf8` says that the server offers SMTPUTF8.

        Raises InvalidAddress (hint ADDRESS-NEEDS-SMTPUTF8) when it needs SMTPUTF8 and may not use it.
        """
        if self.narrow:
            return self.narrow
        if not utf8:
            raise errors.InvalidAddress(
                f"{self.spec}: the part before the @ is not ASCII, and the server does not offer SMTPUTF8",
                stage="compose",
                hint_id="ADDRESS-NEEDS-SMTPUTF8",
            )
        local = self.spec[: self.spec.rindex("@")]
        return f"{local}@{self.dns_domain if truncates_to_line_break(self.domain) else self.domain}"

    def __str__(self) -> str:
        """Display form: `Ada <a@b.org>`, the name in quotes when it needs them, nothing encoded."""
        if not self.name:
            return self.spec
        if not _NAME_NEEDS_QUOTES.search(self.name):
            return f"{self.name} <{self.spec}>"
        return f"{quoted(self.name)} <{self.spec}>"


def redirected(address: Address, target: Address) -> Address:
    """The address as people and results name it, whose mail goes to another one, which is written in ASCII.

    `spec` is that of `address`; `narrow`, `dns_domain` and `wire` are those of `target`.
    """
    changed = object.__new__(Address)
    _values.fill(changed, address.local, address.domain, address.name, address.spec, target.dns_domain, target.narrow)
    return changed


# The steps.


@lru_cache(maxsize=4096)
def _parse(text: str) -> Address:
    """Parse one address; results are cached, errors are not."""
    if len(text) > LONGEST_TEXT:
        raise refusal(text, f"it is longer than {LONGEST_TEXT} characters, and one string is one address")
    if text.isascii() and (plain := _plain_address(text)):
        return plain
    if ("," in text or ";" in text) and _holds_several(text):
        raise refusal(text, "these are several, and one string is one address; give a list: ['a@x.org', 'b@x.org']")
    control = CONTROL.search(text)
    if control:
        hint = "HEADER-LINE-BREAK" if LINE_BREAK.match(control[0]) else ""
        raise refusal(text, f"it holds a control character, {code_point(control[0])}", hint)
    text = text.strip(" \t")
    if not text:
        raise refusal(text, "there is nothing in it")
    name, rest = ("", text) if text.startswith('"') and not text.endswith(">") else _take_name(text)
    if rest.startswith("<"):
        if not rest.endswith(">"):
            raise refusal(text, "text follows the closing bracket, or the bracket is never closed")
        rest = rest[1:-1]
    local, domain = _split_mailbox(rest, text)
    return Address(local, domain, name)


def _holds_several(text: str) -> bool:
    from courriel.model.address.pieces import pieces_of  # noqa: PLC0415 - most texts hold no comma

    return sum("@" in part for part in pieces_of(text)) > 1


def _plain_address(text: str) -> Address | None:
    """Parse an address of the usual kind, two parts in ASCII without a name; None for any other, valid or not."""
    local, _, domain = text.partition("@")
    if not (local.isalnum() or _DOT_ATOM.fullmatch(local)) or "=?" in local:
        return None
    if len(text) > LONGEST_ADDRESS:
        return None
    try:
        domain, dns_domain = map_domain_cached(domain)
    except PartError:
        return None
    if domain is not dns_domain:
        return None
    address = object.__new__(Address)
    spec = f"{local}@{domain}"
    _values.fill(address, local, domain, "", spec, dns_domain, spec)
    return address


_values = Filler(Address)


def without_local_part(domain: str) -> Address:
    """Make the address `""@domain` (RFC 5321 4.1.2: a Quoted-string can be empty). Raises InvalidAddress.

    `Address` refuses it, because hardly any such mailbox can be answered; a server has to take what clients send.
    """
    spec = f'""@{domain}'
    shown, dns_domain = map_domain(domain, spec)
    address = object.__new__(Address)
    _values.fill(address, "", shown, "", f'""@{shown}', dns_domain, f'""@{dns_domain}')
    return address


def _take_name(text: str) -> tuple[str, str]:
    """Split off the display name, up to the opening bracket; without a bracket there is no name (RFC 5322 3.4)."""
    if not text.endswith(">") and "<" not in text:
        return "", text
    words: list[str] = []
    position = 0
    # A word is followed by white space or by the bracket, and the text does not end in white space: a next word exists.
    while text[position] != "<":
        word = _WORD.match(text, position)
        if word is None:
            raise refusal(text, "the name before the bracket needs quotes, or something else is wrong with it")
        words.append(_PAIR.sub(r"\1", word[1]) if word[2] is None else word[2])
        position = word.end()
    return " ".join(words), text[position:]


def _split_mailbox(text: str, whole: str) -> tuple[str, str]:
    """Split `local@domain`, the quotes of the local part removed (RFC 5321 4.1.2)."""
    if text.startswith('"'):
        quoted = _QUOTED.match(text)
        if quoted is None:
            raise refusal(whole, "a quote is never closed")
        if text[quoted.end() : quoted.end() + 1] != "@":
            raise refusal(whole, "an @ has to follow the closing quote")
        return _PAIR.sub(r"\1", quoted[1]), text[quoted.end() + 1 :]
    local, at, domain = text.partition("@")
    if not at:
        raise refusal(whole, "an address in angle brackets is empty" if not text else "it has no @")
    if not DOT_STRING.fullmatch(local):
        raise refusal(whole, local_part_fault(local))
    return local, domain


def _check_name(name: str) -> None:
    control = CONTROL.search(name)
    if control:
        hint = "HEADER-LINE-BREAK" if LINE_BREAK.match(control[0]) else ""
        raise refusal(name, f"the name holds a control character, {code_point(control[0])}", hint)
    if len(name) > LONGEST_NAME:
        raise refusal(name, f"the name is longer than {LONGEST_NAME} characters")


def _converted(value: object) -> Address:
    """Convert a value that is not a plain `str`. Raises InvalidAddress."""
    if (text := text_of(value)) is not None:
        return _parse(text)
    raise errors.InvalidAddress(_not_addresses(value), stage="compose")


def _part_text(part: str, value: object) -> str:
    """Convert a part of an address to text. Raises InvalidAddress."""
    if (text := text_of(value)) is not None:
        return text
    raise errors.InvalidAddress(f"the {part} is text, not {described(value)}", stage="compose")


def _not_addresses(value: object) -> str:
    """Error text for a value that is no address: what to give instead."""
    if isinstance(value, Mapping):
        return 'an address is text, not a mapping; one with a name is "Ada <ada@example.org>"'
    if isinstance(value, tuple) and len(value) == 2 and "@" not in str(value[0]):
        return 'an address is text, not a pair; one with a name is "Ada <ada@example.org>", or Address.with_name'
    if isinstance(value, list | tuple | set | frozenset):
        return f"one address is expected here, not a {type(value).__name__}"
    if hasattr(value, "spec") and hasattr(value, "address"):
        return "an address that came in a letter is not written to unseen: .address is it, or None when it is none"
    return f"an address is text, not {described(value)}"


Addresses: TypeAlias = "str | Address | Iterable[str | Address]"
"""Addresses as callers give them: one, or a list. One string is one address, whatever commas it holds."""
