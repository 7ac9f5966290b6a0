"""
Token: the signed id of a mail, which comes back with its reports: in the ENVID, and in the return address (VERP).

    courriel.aeaqcaib…            ENVID (RFC 3461 4.4), unless the caller has one of its own
    bounce+aeaqcaib…@example.org  envelope sender with `put(verp="bounce@example.org")`

It is the id of the mail and ten octets of an HMAC-SHA256 under the key of the outbox, in base32 and small letters: mail
systems change the case of addresses. The id of a part (`courriel.outbox.putting.parts`) is an octet longer, its HMAC
an octet shorter, so that all tokens have one length. A token proves that whoever reports has seen this mail, no more.
"""

from __future__ import annotations

import hmac
from base64 import b32decode, b32encode
from collections.abc import Iterable, Iterator

from courriel import errors
from courriel._lazy_re import expression
from courriel.model.address import Address

_PREFIX = "courriel."
_ID, _MAC = 16, 10  # octets: 208 bits, which are 42 characters
_WHOLE, _PART = b"courriel ticket\0", b"courriel part\0"
_LENGTH = 42
_PADDING = "=" * 6
_LONGEST_LOCAL = 64  # octets (RFC 5321 4.5.3.1.1)
_ID_TEXT = expression(r"[0-9a-f]{32}(?:[0-9a-f]{2})?")
_IN_ADDRESS = expression(r"\+([a-zA-Z2-7]{42})@")


def token_of(key: str, ident: str) -> str:
    """Token of a mail, 42 characters; "" without a key, or for an id that is not ours."""
    if not key or not _ID_TEXT.fullmatch(ident):
        return ""
    return _token(key, bytes.fromhex(ident))


def ticket_of(key: str, token: str) -> str:
    """Id of the mail that a token is of; "" for a text that is none, and for a forged one."""
    # Beyond ASCII there are letters whose capital is one of base32 (\u017f, \u0131).
    if not key or len(token) != _LENGTH or not token.isascii():
        return ""
    try:
        said = b32decode(token.upper() + _PADDING)
    except ValueError:
        return ""
    for raw in (said[:_ID], said[: _ID + 1]):
        # The last character holds two bits that mean nothing: only one spelling is taken.
        if hmac.compare_digest(_token(key, raw), token.lower()):
            return raw.hex()
    return ""


def envid_of(token: str) -> str:
    """ENVID for a mail with this token."""
    return f"{_PREFIX}{token}" if token else ""


def token_in_envid(envid: str) -> str:
    """Token in the ENVID of a report; "" where it is not one of ours."""
    head, token = envid[: len(_PREFIX)], envid[len(_PREFIX) :]
    return token if head.lower() == _PREFIX and len(token) == _LENGTH else ""


def tokens_in_addresses(texts: Iterable[str]) -> Iterator[str]:
    """Tokens in the addresses of these header fields, as in bounce+TOKEN@example.org."""
    for text in texts:
        yield from _IN_ADDRESS.findall(text[:10_000])


def return_address(address: str, token: str) -> Address:
    """Envelope sender of one mail: the address with the token behind a plus sign. Raises InvalidAddress."""
    known = Address.of(address)
    return Address(f"{known.local}+{token}", known.domain) if token else known


def checked_verp(address: object) -> str:
    """The address to which bounces go, when a token fits behind it. Raises InvalidAddress, UsageError."""
    if not isinstance(address, str):
        raise errors.UsageError(f"verp: an address, as bounce@example.org, not {type(address).__name__}")
    known = Address.of(address)
    room = _LONGEST_LOCAL - _LENGTH - 1
    if len(known.local) > room or not known.narrow or not _PLAIN.fullmatch(known.local):
        raise errors.UsageError(
            f"verp: the part before the @ has letters, digits, - . and _, {room} at most, so that a token fits behind"
            f" it; not {known.local[:80]!r}"
        )
    return known.spec


# The steps.

_PLAIN = expression(r"[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)*")


def _token(key: str, raw: bytes) -> str:
    """Token of an id of 16 octets, or of 17 for a part."""
    mac = hmac.digest(key.encode(), (_WHOLE if len(raw) == _ID else _PART) + raw, "sha256")
    return b32encode(raw + mac[: _ID + _MAC - len(raw)]).decode().rstrip("=").lower()
