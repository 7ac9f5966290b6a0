"""
Japanese charsets with the Windows extensions: ISO-2022-JP as in cp50220, EUC-JP as in cp51932 and eucJP-ms.

Both encode the rows and cells of JIS X 0208, and Microsoft filled rows that the standard leaves empty (circled numbers,
Roman numerals, rare names). Python has these characters in cp932 alone, which encodes the same rows in other octets.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from courriel._lazy_re import expression

if TYPE_CHECKING:
    import re

# An escape sequence to another character set, and the text in it.
_SHIFTED = expression(rb"\x1b(?:(\$[@B]|\$\([@BD]|\([BJHI]|&@\x1b\$B))([^\x1b\x0e\x0f]*)|([^\x1b]+)|(.)", 16)  # DOTALL
_EUC = expression(
    rb"((?:[\xa1-\xfe][\xa1-\xfe])+)|((?:\x8e[\xa1-\xdf])+)|(\x8f[\xa1-\xfe][\xa1-\xfe])|([\0-\x7f]+)|(.)", 16
)
_LINE_END = expression(rb"[\r\n]+")


def from_iso_2022_jp(octets: bytes) -> str:
    """Decode ISO-2022-JP with Windows' characters and half-width katakana; U+FFFD for invalid octets."""
    return "".join(_unshifted(found) for found in _SHIFTED.finditer(octets))


def from_euc_jp(octets: bytes) -> str:
    """Decode EUC-JP with Windows' characters; U+FFFD for invalid octets."""
    return "".join(_piece_of_euc(found) for found in _EUC.finditer(octets))


# The steps.


def _unshifted(found: re.Match[bytes]) -> str:
    shift, text, plain, _ = found.groups()
    if shift is None:
        return "\ufffd" if plain is None else plain.decode("ascii", "replace")
    if shift == b"(I":
        return bytes(octet | 0x80 if 0x21 <= octet <= 0x5F else octet for octet in text).decode("cp932", "replace")
    if shift.startswith(b"("):
        return text.decode("ascii", "replace")
    # A line end switches back to ASCII even without the escape sequence (RFC 1468).
    row, line_end, rest = _cut(text)
    if shift == b"$(D":
        decoded = _jis_x_0212(row)
    else:
        decoded = "".join(_cell(row[at : at + 2]) for at in range(0, len(row), 2))
    return decoded + (line_end + rest).decode("ascii", "replace")


def _cut(text: bytes) -> tuple[bytes, bytes, bytes]:
    end = _LINE_END.search(text)
    return (text[: end.start()], end[0], text[end.end() :]) if end else (text, b"", b"")


def _piece_of_euc(found: re.Match[bytes]) -> str:
    pairs, katakana, supplement, plain, _ = found.groups()
    if pairs:
        return "".join(_cell(bytes((pairs[at] & 0x7F, pairs[at + 1] & 0x7F))) for at in range(0, len(pairs), 2))
    if katakana:
        return katakana.replace(b"\x8e", b"").decode("cp932", "replace")
    if supplement:
        return supplement.decode("euc_jp", "replace")[:1]
    return plain.decode("ascii") if plain else "\ufffd"


def _cell(pair: bytes) -> str:
    """Character of a row and cell, decoded through cp932, which encodes the same table in another form."""
    if len(pair) < 2 or not (0x21 <= pair[0] <= 0x7E and 0x21 <= pair[1] <= 0x7E):
        return "\ufffd"
    row, cell = pair
    lead = ((row - 0x21) >> 1) + 0x81
    lead += 0x40 if lead > 0x9F else 0
    trail = cell + 0x7E if not row & 1 else cell + 0x1F + (cell >= 0x60)
    return bytes((lead, trail)).decode("cp932", "replace")[:1]


def _jis_x_0212(row: bytes) -> str:
    return b"".join(b"\x8f" + bytes(octet | 0x80 for octet in row[at : at + 2]) for at in range(0, len(row), 2)).decode(
        "euc_jp", "replace"
    )
