"""Header values to readable text: encoded words (RFC 2047), well-formed or not, and no control characters."""

from __future__ import annotations

from binascii import a2b_qp
from typing import TYPE_CHECKING

from courriel._lazy_re import expression
from courriel.wire.parse.charsets.decoding import ReportDefect, decoded, guessed, is_multibyte
from courriel.wire.parse.transfer import from_base64

if TYPE_CHECKING:
    import re
    from collections.abc import Iterator

LONGEST_VALUE = 100_000  # characters of one value; enough for the recipients of a large list

# The beginning of an encoded word, with a language (RFC 2231 5) or without; spaces in the word are wrong, and common.
WORD_BEGIN = expression(r"=\?([^?\s*]{1,60})(?:\*[^?\s]{0,20})?\?([BbQq])\?")
_RAW_WORD = expression(rb"=\?([^?\s*\x80-\xff]{1,60})(\*[^?\s]{0,20})?\?[Qq]\?([^?]{1,2000})\?=")
_RAW = expression(rb"[\x80-\xff]")
_BREAK = expression("[\t\n\v\f\r\x1c-\x1e\x85\u2028\u2029]+ *")
_CONTROL = expression("[\0-\x1f\x7f-\x9f\ud800-\udfff]")


def value_of(octets: bytes, report_defect: ReportDefect) -> str:
    """Value of a field as text, its encoded words not decoded: for fields with a grammar."""
    if octets.isascii() and b"\x1b" not in octets and len(octets) <= LONGEST_VALUE:
        return octets.decode("ascii")
    if len(octets) > LONGEST_VALUE:
        report_defect(f"a header field is longer than {LONGEST_VALUE} octets; the rest of it was left out")
        octets = octets[:LONGEST_VALUE]
    if b"=?" in octets and not octets.isascii():
        octets = _RAW_WORD.sub(_with_escapes, octets)
    return guessed(octets)


def readable(value: str, report_defect: ReportDefect) -> str:
    """Decode the encoded words of a value, and return one line without control characters (hazard H81)."""
    return one_line(_without_words(value, report_defect) if "=?" in value else value, report_defect)


def encoded_words(value: str) -> Iterator[tuple[int, int, str, str, str]]:
    """Find the encoded words of a value: start, end, charset, encoding (B or Q), and text of each.

    In linear time: a word that is never closed ends the search, for none after it is closed.
    """
    found = WORD_BEGIN.search(value)
    while found:
        close = value.find("?=", found.end())
        if close < 0:
            return
        # Without an end before the beginning of the next one it is no encoded word.
        if later := WORD_BEGIN.search(value, found.end(), close):
            found = later
            continue
        yield found.start(), close + 2, found[1].lower(), found[2], value[found.end() : close]
        found = WORD_BEGIN.search(value, close + 2)


def one_line(text: str, report_defect: ReportDefect) -> str:
    """Replace line breaks by a space, other control characters by U+FFFD."""
    text = text.replace("\t", " ").strip(" ")
    if text.isprintable():
        return text
    if _BREAK.search(text):
        report_defect("a line break within a header value became a space")
        text = _BREAK.sub(" ", text).strip(" ")
    if _CONTROL.search(text):
        report_defect("a control character within a header value was replaced")
        text = _CONTROL.sub("\ufffd", text)
    return text


# The steps.


def _without_words(value: str, report_defect: ReportDefect) -> str:
    """Decode the encoded words. White space between two is dropped, and the octets of equal charsets are joined,
    because senders split characters between words."""
    texts: list[str] = []
    octets: list[bytes] = []
    charset = ""
    end = 0
    for start, stop, its_charset, code, text in encoded_words(value):
        between = value[end:start]
        apart = not end or not between.isspace()
        if octets and ((apart and between) or its_charset != charset):
            texts.append(decoded(b"".join(octets), charset, report_defect))
            octets = []
        if apart:
            texts.append(between)
        octets.append(_octets_of(code, text, report_defect))
        charset, end = its_charset, stop
    if octets:
        texts.append(decoded(b"".join(octets), charset, report_defect))
    return "".join((*texts, value[end:]))


def _octets_of(code: str, text: str, report_defect: ReportDefect) -> bytes:
    octets = text.encode("utf-8", "replace")
    return from_base64(octets, report_defect) if code in "Bb" else a2b_qp(octets, header=True)


def _with_escapes(found: re.Match[bytes]) -> bytes:
    """Escape raw octets above 127 in an encoded word: they are in its charset, or else in UTF-8."""
    word, charset, text = found[0], found[1].decode("ascii"), found[3]
    if text.isascii():
        return word
    begin = word[: found.start(3) - found.start()]
    if not is_multibyte(charset) and not _has_escapes_above(text) and _is_utf8(text):
        begin = b"=?utf-8?Q?"
    return begin + _RAW.sub(lambda octet: b"=%02X" % octet[0][0], text) + b"?="


def _has_escapes_above(text: bytes) -> bool:
    return not a2b_qp(_RAW.sub(b"", text), header=True).isascii()


def _is_utf8(text: bytes) -> bool:
    try:
        return bool(text.decode())
    except UnicodeDecodeError:
        return False
