"""Bodies back to what they were before they travelled: base64, quoted-printable, uuencode (RFC 2045 6)."""

from __future__ import annotations

from binascii import Error, a2b_base64, a2b_qp, a2b_uu

from courriel.wire.reading.charsets import Complain

_ALPHABET = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
_WHITE = b" \t\r\n"
_FOREIGN = bytes(octet for octet in range(256) if octet not in _ALPHABET)
_BEGIN = b"begin "


def unpacked(octets: bytes, encoding: str, complain: Complain) -> bytes:
    """Undo a Content-Transfer-Encoding; what is not what it says is left as it came."""
    match encoding:
        case "base64":
            return from_base64(octets, complain)
        case "quoted-printable":
            return a2b_qp(octets)
        case "x-uuencode" | "uuencode" | "x-uue" | "uue":
            return _from_uuencode(octets, complain)
        case "" | "7bit" | "8bit" | "binary":
            return octets
        case _:
            complain(f"the transfer encoding {encoding[:60]!r} is not known; the content is left as it came")
            return octets


def from_base64(octets: bytes, complain: Complain) -> bytes:
    """Read base64 up to its padding. Some strange characters in it are passed over; with many, it is none."""
    whole = octets.translate(None, _WHITE)
    code, padding, rest = whole.partition(b"=")
    letters = code.translate(None, _FOREIGN)
    strange = len(code) - len(letters)
    if strange * 10 > len(code):
        complain("what is said to be base64 is none, and is left as it came")
        return octets
    if strange:
        complain(f"{strange} characters that base64 does not have were passed over")
    if padding and rest.strip(b"="):
        complain("something follows the end of the base64, and was left out")
    if len(letters) % 4 == 1:
        complain("the base64 breaks off within an octet")
        letters = letters[:-1]
    return a2b_base64(letters + b"=" * (-len(letters) % 4))


# The steps.


def _from_uuencode(octets: bytes, complain: Complain) -> bytes:
    """The lines between `begin` and `end`."""
    lines = iter(octets.splitlines())
    if not any(line.startswith(_BEGIN) for line in lines):
        complain("what is said to be uuencoded is not, and is left as it came")
        return octets
    found: list[bytes] = []
    for line in lines:
        if line.strip() == b"end":
            break
        if not line.strip():
            continue  # binascii reads forty NULs out of it
        try:
            found.append(a2b_uu(line))
        except Error:
            complain("a line that is not uuencoded was left out")
    return b"".join(found)
