"""Local parts of addresses, the text before the @: what may stand there, and when quotes are needed."""

from __future__ import annotations

from courriel._lazy_re import expression
from courriel.model.address.refusal import CONTROL, code_point, refusal

# An atom with non-ASCII characters (RFC 6531 3.3), as an excluding set, which compiles a hundred times faster.
_WIDE_ATOM = r'[^\x00-\x20"(),.:;<>@\[\\\]\x7f]+'
DOT_STRING = expression(rf"{_WIDE_ATOM}(?:\.{_WIDE_ATOM})*")


def checked_local(local: str, whole: str) -> str:
    """Check a local part, and return it in wire form: in quotes when it needs them."""
    if not local:
        raise refusal(whole, "nothing stands before the @")
    control = CONTROL.search(local)
    if control:
        raise refusal(whole, f"it holds a control character, {code_point(control[0])}")
    if "=?" in local:
        raise refusal(whole, "=? before the @ would be read as an encoded word")
    if not local.isascii():
        _check_international(local, whole)
    return local if DOT_STRING.fullmatch(local) else quoted(local)


def local_part_fault(local: str) -> str:
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


def truncates_to_line_break(text: str) -> bool:
    """Whether a character becomes CR or LF when only its low byte is kept."""
    return any(ord(character) & 0xFF in (10, 13) for character in text)


def quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


# The steps.


def _check_international(local: str, whole: str) -> None:
    """Check a non-ASCII local part: letters, marks and digits in normal form C (RFC 6531 3.3, RFC 6532 3.1).

    Invisible characters (bidirectional controls, format characters, spaces, private use, unassigned) are refused, and
    so are characters that turn into CR or LF in a program that keeps the low byte only (CVE-2025-7962).
    """
    import unicodedata

    for character in local:
        if character > "\x7f" and unicodedata.category(character)[0] not in "LMN":
            raise refusal(whole, f"{code_point(character)} cannot stand before the @")
    if not unicodedata.is_normalized("NFC", local):
        raise refusal(whole, "the part before the @ is not in Unicode's normal form C")
    if truncates_to_line_break(local):
        raise refusal(whole, "a character before the @ becomes a line break where only its low byte is kept")
