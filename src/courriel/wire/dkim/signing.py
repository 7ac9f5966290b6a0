"""
Signing: the DKIM-Signature fields of a message, one for each key (RFC 6376 5, RFC 8463).

Relaxed canonical forms, which survive what servers do to spaces and folds; never `l=`, behind which anybody can append.
"""

from __future__ import annotations

from binascii import b2a_base64
from collections.abc import Iterable, Iterator, Sequence

from courriel._dataclass import dataclass
from courriel.wire.dkim.canonical import BodyDigest, relaxed_field
from courriel.wire.dkim.fields import (
    LONGEST_HEADER,
    canonical_fields,
    end_of_header,
    header_fields,
    in_order,
    names_to_sign,
)
from courriel.wire.dkim.keys import SigningKey

FIELD = b"DKIM-Signature"
_LINE = 76  # octets of a folded line


class NoHeader(ValueError):
    """Octets without the end of a header in the first mebibyte."""


@dataclass(frozen=True, slots=True)
class SelectedKey:
    """A key and the selector under which its record stands."""

    selector: str
    key: SigningKey


def signatures(pieces: Iterable[bytes], domain: str, keys: Sequence[SelectedKey], seconds: int) -> bytes:
    """The DKIM-Signature fields that go before a message; `seconds` is the time of signing since 1970.

    The pieces are read once. Raises NoHeader.
    """
    head, body_digest = _read(iter(pieces))
    fields = header_fields(head)
    names = names_to_sign(fields)
    signed = canonical_fields(in_order(fields, names))
    common = _folded_names(names) + f" bh={_base64(body_digest)};\r\n b="
    made = [_signature(each, domain, seconds, common, signed) for each in keys]
    return b"".join(made)


# The steps.


def _signature(by: SelectedKey, domain: str, seconds: int, common: str, signed: bytes) -> bytes:
    value = (
        f" v=1; a={by.key.algorithm}; c=relaxed/relaxed; t={seconds};\r\n d={domain}; s={by.selector};\r\n{common}"
    ).encode("ascii")
    signature = _base64(by.key.sign(signed + relaxed_field(FIELD, value)))
    lines = "\r\n ".join(signature[start : start + _LINE - 2] for start in range(0, len(signature), _LINE - 2))
    return b"%b:%b%b\r\n" % (FIELD, value, lines.encode("ascii"))


def _read(pieces: Iterator[bytes]) -> tuple[bytes, bytes]:
    """The header block, and the digest of the body."""
    data = next(pieces, b"")
    while (end := end_of_header(data)) < 0:
        more = next(pieces, None)
        if more is None or len(data) > LONGEST_HEADER:
            raise NoHeader
        data += more
    body = BodyDigest()
    body.feed(data[end + 2 :])
    for piece in pieces:
        body.feed(piece)
    return data[:end], body.finish()


def _folded_names(names: list[str]) -> str:
    """The tag `h=`, folded between names."""
    lines, line = [], " h="
    for name in names:
        if len(line) + len(name) + 1 > _LINE:
            lines.append(line)
            line = " "
        line += f"{name}:"
    return "\r\n".join([*lines, line])[:-1] + ";\r\n"


def _base64(octets: bytes) -> str:
    return b2a_base64(octets, newline=False).decode("ascii")
