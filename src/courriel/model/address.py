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

from courriel._dataclass import Filler, dataclass, field
from courriel._lazy_re import expression
from courriel.errors import InvalidAddress, UsageError
from courriel.model.checks.text import described, text_of

USUAL_LOCAL_PART = 64  # octets, quotes included, that every server must accept; more may be refused (RFC 5321 4.5.3.1)
LONGEST_DOMAIN = 255  # octets, RFC 5321 4.5.3.1.2
LONGEST_ADDRESS = 254  # octets; a path is 256 with its angle brackets, RFC 5321 4.5.3.1.3
LONGEST_NAME = 500  # characters; no RFC gives a limit
LONGEST_TEXT = 2048  # characters of one address with its name, as it is written
LONGEST_LIST = 200_000  # characters of a list in one string
MOST_ADDRESSES = 5_000  # addresses of a list in one string

TYPE_CHECKING = False

if TYPE_CHECKING:
    from typing import NoReturn, TypeAlias

_ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
# An atom with non-ASCII characters (RFC 6531 3.3), as an excluding set, which compiles a hundred times faster.
_WIDE_ATOM = r'[^\x00-\x20"(),.:;<>@\[\\\]\x7f]+'

_DOT_ATOM = expression(rf"{_ATOM}(?:\.{_ATOM})*")
_DOT_STRING = expression(rf"{_WIDE_ATOM}(?:\.{_WIDE_ATOM})*")
_DOMAIN = expression(rf"{_LABEL}(?:\.{_LABEL})*")
_QUOTED = expression(r'"((?:[^"\\]|\\.)*)"')
_PAIR = expression(r"\\(.)")
# One word of a display name, followed by white space or by the bracket.
_WORD = expression(r'(?:"((?:[^"\\]|\\.)*)"|([^ \t"(),:;<>@\[\]\\]+))(?:[ \t]+|(?=<))')
_LITERAL_V4 = expression(r"\[(?:(?:25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])(?:\.(?=[0-9])|(?=\]))){4}\]")

# C0, DEL, C1, the two separators that count as line ends, and halves of surrogate pairs.
_CONTROL = expression("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_LINE_BREAK = expression("[\r\n\x0b\x0c\x85\u2028\u2029]")
_NAME_NEEDS_QUOTES = expression(r'["(),:;<>@\[\]\\]|^[ \t]|[ \t]$|[ \t]{2}|\t')
# Text of a list without separators: quoted strings and literals are skipped in one match.
_LIST_STRIDE = expression(r'[^"<>\[\](),:;]+|"(?:[^"\\]|\\.)*"|\[[^\[\]]*\]')


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
        local = _checked_local(self.local, whole)
        domain, dns_domain = _map_domain(self.domain, whole)
        if len(local.encode()) + 1 + max(len(domain.encode()), len(dns_domain)) > LONGEST_ADDRESS:
            raise _refusal(whole, f"it is longer than {LONGEST_ADDRESS} octets")
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
        text = text if type(text) is str else _part_text("list of addresses", text)
        if len(text) > LONGEST_LIST:
            raise _refusal(text, f"the list is longer than {LONGEST_LIST} characters")
        if not text.strip(" \t"):
            return ()
        return tuple(map(_parse, _split_list(text))) if "," in text else (_parse(text),)

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
            raise InvalidAddress(_not_addresses(values), stage="compose")
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
        raise UsageError("Address.named(): an address does not change; write address = address.with_name(name)")

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
            raise InvalidAddress(
                f"{self.spec}: the part before the @ is not ASCII, and the server does not offer SMTPUTF8",
                stage="compose",
                hint_id="ADDRESS-NEEDS-SMTPUTF8",
            )
        local = self.spec[: self.spec.rindex("@")]
        return f"{local}@{self.dns_domain if _truncates_to_line_break(self.domain) else self.domain}"

    def __str__(self) -> str:
        """Display form: `Ada <a@b.org>`, the name in quotes when it needs them, nothing encoded."""
        if not self.name:
            return self.spec
        if not _NAME_NEEDS_QUOTES.search(self.name):
            return f"{self.name} <{self.spec}>"
        return f"{_quoted(self.name)} <{self.spec}>"


# The steps.


@lru_cache(maxsize=4096)
def _parse(text: str) -> Address:
    """Parse one address; results are cached, errors are not."""
    if len(text) > LONGEST_TEXT:
        raise _refusal(text, f"it is longer than {LONGEST_TEXT} characters, and one string is one address")
    if text.isascii() and (plain := _plain_address(text)):
        return plain
    if ("," in text or ";" in text) and sum("@" in part for part in pieces_of(text)) > 1:
        raise _refusal(text, "these are several, and one string is one address; give a list: ['a@x.org', 'b@x.org']")
    control = _CONTROL.search(text)
    if control:
        hint = "HEADER-LINE-BREAK" if _LINE_BREAK.match(control[0]) else ""
        raise _refusal(text, f"it holds a control character, {_code_point(control[0])}", hint)
    text = text.strip(" \t")
    if not text:
        raise _refusal(text, "there is nothing in it")
    name, rest = ("", text) if text.startswith('"') and not text.endswith(">") else _take_name(text)
    if rest.startswith("<"):
        if not rest.endswith(">"):
            raise _refusal(text, "text follows the closing bracket, or the bracket is never closed")
        rest = rest[1:-1]
    local, domain = _split_mailbox(rest, text)
    return Address(local, domain, name)


def _plain_address(text: str) -> Address | None:
    """Parse an address of the usual kind, two parts in ASCII without a name; None for any other, valid or not."""
    local, _, domain = text.partition("@")
    if not (local.isalnum() or _DOT_ATOM.fullmatch(local)) or "=?" in local:
        return None
    if len(text) > LONGEST_ADDRESS:
        return None
    try:
        domain, dns_domain = _map_domain_cached(domain)
    except _PartError:
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
    shown, dns_domain = _map_domain(domain, spec)
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
            raise _refusal(text, "the name before the bracket needs quotes, or something else is wrong with it")
        words.append(_PAIR.sub(r"\1", word[1]) if word[2] is None else word[2])
        position = word.end()
    return " ".join(words), text[position:]


def _split_mailbox(text: str, whole: str) -> tuple[str, str]:
    """Split `local@domain`, the quotes of the local part removed (RFC 5321 4.1.2)."""
    if text.startswith('"'):
        quoted = _QUOTED.match(text)
        if quoted is None:
            raise _refusal(whole, "a quote is never closed")
        if text[quoted.end() : quoted.end() + 1] != "@":
            raise _refusal(whole, "an @ has to follow the closing quote")
        return _PAIR.sub(r"\1", quoted[1]), text[quoted.end() + 1 :]
    local, at, domain = text.partition("@")
    if not at:
        raise _refusal(whole, "an address in angle brackets is empty" if not text else "it has no @")
    if not _DOT_STRING.fullmatch(local):
        raise _refusal(whole, _local_part_fault(local))
    return local, domain


def _local_part_fault(local: str) -> str:
    """Reason why this is not a local part without quotes."""
    if not local:
        return "nothing stands before the @"
    if local.startswith(".") or local.endswith(".") or ".." in local:
        return "a dot before the @ stands between two words, and alone"
    if "(" in local or ")" in local:
        return "comments are not taken"
    if ":" in local:
        return "groups and routes are not taken"
    if "," in local or ";" in local:
        return "several addresses are a list, ['a@x.org', 'b@x.org'], and this is the place of one"
    return "the part before the @ holds a character that only stands in quotes"


def _checked_local(local: str, whole: str) -> str:
    """Check a local part, and return it in wire form: in quotes when it needs them."""
    if not local:
        raise _refusal(whole, "nothing stands before the @")
    control = _CONTROL.search(local)
    if control:
        raise _refusal(whole, f"it holds a control character, {_code_point(control[0])}")
    if "=?" in local:
        raise _refusal(whole, "=? before the @ would be read as an encoded word")
    if not local.isascii():
        _check_international(local, whole)
    return local if _DOT_STRING.fullmatch(local) else _quoted(local)


def _check_international(local: str, whole: str) -> None:
    """Check a non-ASCII local part: letters, marks and digits in normal form C (RFC 6531 3.3, RFC 6532 3.1).

    Invisible characters (bidirectional controls, format characters, spaces, private use, unassigned) are refused, and
    so are characters that turn into CR or LF in a program that keeps the low byte only (CVE-2025-7962).
    """
    import unicodedata

    for character in local:
        if character > "\x7f" and unicodedata.category(character)[0] not in "LMN":
            raise _refusal(whole, f"{_code_point(character)} cannot stand before the @")
    if not unicodedata.is_normalized("NFC", local):
        raise _refusal(whole, "the part before the @ is not in Unicode's normal form C")
    if _truncates_to_line_break(local):
        raise _refusal(whole, "a character before the @ becomes a line break where only its low byte is kept")


def _truncates_to_line_break(text: str) -> bool:
    """Whether a character becomes CR or LF when only its low byte is kept."""
    return any(ord(character) & 0xFF in (10, 13) for character in text)


class _PartError(ValueError):
    """Error in a part of an address; the caller, who has the whole text, raises InvalidAddress with this reason."""


def _map_domain(domain: str, whole: str) -> tuple[str, str]:
    """Map a domain. Raises InvalidAddress with the whole address in its text."""
    if len(domain) > LONGEST_DOMAIN:
        raise _refusal(whole, f"the domain is longer than {LONGEST_DOMAIN} octets")
    try:
        return _map_domain_cached(domain)
    except _PartError as unfit:
        raise _refusal(whole, str(unfit)) from unfit.__cause__


@lru_cache(maxsize=1024)
def _map_domain_cached(domain: str) -> tuple[str, str]:
    """Map a domain (UTS 46): return it as shown to people, and in ASCII. Results are cached.

    The mapping comes first, so that a domain is compared, shown and written in the very form that is looked up.
    """
    if domain.startswith("["):
        return _checked_literal(domain), domain
    shown = dns = domain.lower()
    if not domain.isascii() or dns.startswith("xn--") or ".xn--" in dns:
        shown, dns = _international(domain)
    if not _DOMAIN.fullmatch(dns):
        raise _PartError(_domain_fault(dns))
    if dns[dns.rfind(".") + 1 :].isdigit():
        raise _PartError("an IP address stands in brackets, [192.0.2.1], and no domain ends in a number")
    return shown, dns


def _international(domain: str) -> tuple[str, str]:
    import idna

    try:
        mapped = idna.uts46_remap(domain, std3_rules=True, transitional=False)
        labels = [_international_label(label) for label in mapped.split(".")]
    except UnicodeError as broken:
        reason = ascii(str(broken))[1:-1]
        raise _PartError(f"the domain is not an international domain name ({reason})") from broken
    return ".".join([shown for shown, _ in labels]), ".".join([dns for _, dns in labels])


def _international_label(label: str) -> tuple[str, str]:
    """One label as shown to people, and in ASCII (RFC 5891). An A-label of symbols, an emoji, stays as it is written.

    IDNA 2008 allows no symbols in names, so no text is mapped to such a label; but domains of this kind are registered,
    and the form that is looked up is plain ASCII, in which no character can look like another.
    """
    import idna

    try:
        dns = idna.encode(label).decode("ascii")
        return idna.decode(dns), dns
    except UnicodeError:
        if _is_label_of_symbols(label):
            return label, label
        raise


def _is_label_of_symbols(label: str) -> bool:
    """Whether it is a well-formed A-label (RFC 5890 2.3.2.1) of letters, marks, numbers and at least one symbol."""
    import unicodedata

    if not label.isascii() or not label.startswith("xn--"):
        return False
    try:
        decoded = label[4:].encode("ascii").decode("punycode")
        if decoded.encode("punycode").decode("ascii") != label[4:]:
            return False
    except (UnicodeError, ValueError, OverflowError):
        return False
    kinds = {unicodedata.category(character) for character in decoded if character not in "\u200d-"}
    return any(kind[0] == "S" for kind in kinds) and all(kind[0] in "LMNS" for kind in kinds)


def _domain_fault(domain: str) -> str:
    """Reason why this is not a domain."""
    if not domain:
        return "nothing stands after the @"
    if "@" in domain:
        return "it has two @"
    if "(" in domain or ")" in domain:
        return "comments are not taken"
    if domain.startswith(".") or domain.endswith(".") or ".." in domain:
        return "a dot in a domain stands between two labels, and alone"
    if any(len(label) > 63 for label in domain.split(".")):
        return "a label of the domain is longer than 63 octets"
    if ">" in domain or "<" in domain:
        return "text follows the closing bracket"
    if "," in domain or ";" in domain:
        return "several addresses are a list, ['a@x.org', 'b@x.org'], and this is the place of one"
    return "the domain is not made of letters, digits and inner hyphens"


def _checked_literal(domain: str) -> str:
    """Check an address literal: [192.0.2.1] or [IPv6:2001:db8::1] (RFC 5321 4.1.3); it stays as it is written."""
    if _LITERAL_V4.fullmatch(domain):
        return domain
    if domain[:6].lower() == "[ipv6:" and domain.endswith("]") and "%" not in domain and len(domain) < 60:
        import ipaddress

        try:
            ipaddress.IPv6Address(domain[6:-1])
        except ValueError as broken:
            raise _PartError("this is not an IPv6 address") from broken
        return domain
    raise _PartError("an address literal is [192.0.2.1] or [IPv6:2001:db8::1]")


def _check_name(name: str) -> None:
    control = _CONTROL.search(name)
    if control:
        hint = "HEADER-LINE-BREAK" if _LINE_BREAK.match(control[0]) else ""
        raise _refusal(name, f"the name holds a control character, {_code_point(control[0])}", hint)
    if len(name) > LONGEST_NAME:
        raise _refusal(name, f"the name is longer than {LONGEST_NAME} characters")


def _split_list(text: str) -> list[str]:
    """Split a list at its commas, in one pass: not inside quotes, brackets or literals."""
    parts = pieces_of(text, strict=True)
    if not all(part.strip(" \t") for part in parts):
        raise _refusal(text, "nothing stands between two commas")
    return parts


def pieces_of(text: str, *, strict: bool = False) -> list[str]:
    """Split a text at commas and semicolons, in one pass: not inside quotes, brackets or literals.

    With `strict` it is a list of RFC 5322: InvalidAddress for a semicolon or a colon, an open quote, and too many
    items.
    """
    parts: list[str] = []
    start = position = 0
    inside = False
    while position < len(text):
        stride = _LIST_STRIDE.match(text, position)
        if stride:
            position = stride.end()
            continue
        character = text[position]
        if character == "<":
            inside = True
        elif character == ">":
            inside = False
        elif inside:
            pass
        elif character == "," or (character == ";" and not strict):
            parts.append(text[start:position])
            start = position + 1
            if strict and len(parts) >= MOST_ADDRESSES:
                raise _refusal(text, f"the list has more than {MOST_ADDRESSES} addresses")
        elif strict and character in ";:":
            raise _refusal(text, "addresses are set apart by commas, and groups are not taken")
        if character == '"':
            if strict:
                raise _refusal(text, "a quote is never closed")
            break  # behind an open quote the text is not split
        position += 1
    parts.append(text[start:])
    return parts


def _converted(value: object) -> Address:
    """Convert a value that is not a plain `str`. Raises InvalidAddress."""
    if (text := text_of(value)) is not None:
        return _parse(text)
    raise InvalidAddress(_not_addresses(value), stage="compose")


def _part_text(part: str, value: object) -> str:
    """Convert a part of an address to text. Raises InvalidAddress."""
    if (text := text_of(value)) is not None:
        return text
    raise InvalidAddress(f"the {part} is text, not {described(value)}", stage="compose")


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


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _code_point(character: str) -> str:
    return f"U+{ord(character):04X}"


def _refusal(text: str, reason: str, hint_id: str = "") -> InvalidAddress:
    """An InvalidAddress that shows the text escaped, at most 80 characters of it."""
    shown = repr(text if len(text) <= 80 else text[:77] + "...")
    return InvalidAddress(f"{shown} is not an address: {reason}", stage="compose", hint_id=hint_id)


Addresses: TypeAlias = "str | Address | Iterable[str | Address]"
"""Addresses as callers give them: one, or a list. One string is one address, whatever commas it holds."""
