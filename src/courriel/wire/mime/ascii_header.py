"""
Headers with raw UTF-8 for servers without SMTPUTF8: encoded words where RFC 2047 allows them (free text, display
names), RFC 2231 in MIME parameters, and an error with the header's name elsewhere.
"""

from __future__ import annotations

import re

from courriel._lazy_re import expression
from courriel.errors import InvalidAddress, NotSupported
from courriel.model.address import Address
from courriel.model.checks.header import is_structured
from courriel.model.content import Content, has_long_line, is_dotless
from courriel.wire.mime.headers import address_field, parameter, text_field
from courriel.wire.parse.charsets.decoding import ignore_defect
from courriel.wire.parse.words import readable

_ADDRESSES = frozenset((
    "from", "sender", "reply-to", "to", "cc", "resent-from", "resent-sender", "resent-to", "resent-cc",
    "resent-reply-to", "disposition-notification-to", "return-receipt-to", "errors-to", "apparently-to", "bcc",
    "resent-bcc", "mail-followup-to", "mail-reply-to",
))  # fmt: skip
_WITH_PARAMETERS = frozenset(("content-type", "content-disposition"))
_GROUP = expression(r'(?s)[ \t]*("(?:[^"\\]|\\.)*"|[^"<>@,:;()]*):(.*);[ \t]*')
_PARAMETER = expression(r';[ \t]*([A-Za-z0-9_-]+)[ \t]*=[ \t]*(?:"((?:[^"\\]|\\.)*)"|([^ \t";]+))')
_PAIR = expression(r"\\(.)")


def in_ascii(content: Content) -> Content:
    """Return the message with a header in ASCII.

    Raises NotSupported (capability SMTPUTF8, hint HEADER-NEEDS-SMTPUTF8) naming the header that has no form in ASCII.
    """
    data = bytes(content)
    end = data.find(b"\r\n\r\n") + 2
    end = len(data) if end < 2 else end
    fields = data[:end].replace(b"\r\n ", b"\n ").replace(b"\r\n\t", b"\n\t")[:-2].split(b"\r\n")
    head = b"\r\n".join([field if field.isascii() else _field(field.decode()).encode() for field in fields])
    data = head.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n") + b"\r\n" + data[end:]
    return Content((data,), len(data), content.eight_bit, False, is_dotless(data))


def ascii_value(name: str, value: str) -> str:
    """Value of a header without raw UTF-8, folded, without the name. Raises NotSupported, see `in_ascii`."""
    return _field(f"{name}: {value}")[len(name) + 1 :].removeprefix(" ")


# The steps.


def _field(line: str) -> str:
    name, _, value = line.partition(":")
    value = value.replace("\r", "").replace("\n", "").strip(" \t")
    name = name.rstrip(" \t")
    kind = name.lower()
    if kind in _ADDRESSES:
        written = _addresses(name, value)
    elif kind in _WITH_PARAMETERS:
        written = f"{name}: {_PARAMETER.sub(_parameter, value)}"
    elif is_structured(name):
        written = line
    else:
        written = text_field(name, readable(value, ignore_defect))
    if not written.isascii() or has_long_line(written.encode()):
        raise NotSupported(
            f"{name}: it holds raw UTF-8 that has no form in ASCII, and the server does not offer SMTPUTF8",
            capability="SMTPUTF8",
            stage="sender",
            hint_id="HEADER-NEEDS-SMTPUTF8",
        )
    return written


def _addresses(name: str, value: str) -> str:
    """Address header with names as encoded words, domains as A-labels; unchanged when a local part is not ASCII."""
    group = _GROUP.fullmatch(value) if ":" in value else None
    try:
        if group is None:
            return address_field(name, _named(value))
        label = text_field(name, _unquoted(group[1]))
        members = address_field("", _named(group[2]))[1:] if group[2].strip(" \t") else ""
        return f"{label}:{members};"
    except InvalidAddress:
        return f"{name}: {value}"


def _named(value: str) -> tuple[Address, ...]:
    """Addresses of a header, their names decoded, so that encoded ones are not encoded twice."""
    found = Address.parse_list(value)
    return tuple([a.with_name(readable(a.name, ignore_defect)) if "=?" in a.name else a for a in found])


def _unquoted(text: str) -> str:
    text = text.strip(" \t")
    return _PAIR.sub(r"\1", text[1:-1]) if text.startswith('"') else text


def _parameter(found: re.Match[str]) -> str:
    """One parameter, by RFC 2231 when it holds raw UTF-8."""
    whole, name = str(found[0]), str(found[1])
    if whole.isascii():
        return whole
    quoted, plain = found[2], found[3]
    return parameter(name, str(plain) if quoted is None else _PAIR.sub(r"\1", str(quoted)))
