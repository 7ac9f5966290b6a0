"""Octets to text: charsets by the names used in mails, and heuristics where the name does not help."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from courriel._lazy_re import expression
from courriel.wire.parse.charsets.japanese import from_euc_jp, from_iso_2022_jp
from courriel.wire.parse.charsets.names import codec_of

ReportDefect: TypeAlias = Callable[[str], None]
"""Callback for each defect, described in a sentence."""

# Codecs to try for a charset: the first one that decodes all octets is used. The last one decodes as much as it
# can.
_REALLY: dict[str, tuple[str | Callable[[bytes], str], ...]] = {
    "latin_1": ("cp1252",), "iso8859_9": ("cp1254",), "iso8859_11": ("cp874",),
    "tis_620": ("cp874",),
    "gb2312": ("gb18030",), "gbk": ("gb18030",), "big5": ("cp950", "big5hkscs"), "cp950": ("cp950", "big5hkscs"),
    "big5hkscs": ("big5hkscs", "cp950"), "euc_kr": ("cp949",), "johab": ("johab", "cp949"),
    "shift_jis": ("cp932", "shift_jis_2004"), "cp932": ("cp932", "shift_jis_2004"),
    "shift_jis_2004": ("shift_jis_2004", "cp932"), "shift_jisx0213": ("shift_jisx0213", "cp932"),
    "euc_jp": ("euc_jp", from_euc_jp, "euc_jis_2004", from_euc_jp),
    **dict.fromkeys(
        ("iso2022_jp", "iso2022_jp_1", "iso2022_jp_2", "iso2022_jp_ext", "iso2022_jp_3", "iso2022_jp_2004"),
        ("iso2022_jp_2", "iso2022_jp_ext", from_iso_2022_jp, "iso2022_jp_2004", from_iso_2022_jp),
    ),
}  # fmt: skip
# Charsets of seven bits: octets above 127 were never converted, and are in the encoding of the sender's system.
_SEVEN_BITS: dict[str, tuple[str, ...]] = {
    "hz": ("gb18030",), "iso2022_kr": ("cp949",), "utf_7": (),
    **dict.fromkeys(
        ("iso2022_jp", "iso2022_jp_1", "iso2022_jp_2", "iso2022_jp_ext", "iso2022_jp_3", "iso2022_jp_2004"),
        ("euc_jp", "cp932"),
    ),
}  # fmt: skip
# Octets 128 to 159 are controls in ISO 8859, which mails do not use: they are meant as Windows code page characters.
_WINDOWS = {2: "cp1250", 4: "cp1257", 5: "cp1251", 6: "cp1256", 7: "cp1253", 8: "cp1255", 13: "cp1257"}

_MULTIBYTE = ("utf", "gb", "hz", "big5", "cp93", "cp94", "cp95", "johab", "euc", "shift", "iso2022")

_CONTROL = expression("[\x80-\x9f]")
_NEVER = expression("[\0\ud800-\udfff]")
# A character of UTF-8, and an incomplete one before ASCII or the end.
_CUT = expression(
    rb"[\xc2-\xf4][\x80-\xbf]{1,3}(?:[\xc2-\xdf]|[\xe0-\xef][\x80-\xbf]?|[\xf0-\xf4][\x80-\xbf]{0,2})(?=[\0-\x7f]|\Z)"
)
_NO_TEXT = expression(rb"[\0-\x08\x0e-\x1a\x1c-\x1f]")
_MARK = b"\xef\xbb\xbf"
_JIS = expression(rb"\x1b\$[@B]")


def decoded(octets: bytes, charset: str, report_defect: ReportDefect) -> str:
    """Decode octets. Those that are invalid in the named charset become U+FFFD, or the charset is guessed."""
    codec = codec_of(charset)
    if codec is None:
        report_defect(f"the charset {charset[:60]!r} is not known; it was guessed")
    if not codec or (octets.startswith(_MARK) and _strictly(octets, "utf_8") is not None):
        text = guessed(octets)
    elif codec in _SEVEN_BITS and not octets.isascii():
        report_defect(f"there are octets above 127 under {charset[:60]!r}, which has none; it was guessed")
        text = _never_converted(octets, codec)
    else:
        text = _in_codec(octets, charset, codec, report_defect)
    return _without_halves(text.removeprefix("\ufeff"), report_defect)


def guessed(octets: bytes) -> str:
    """Decode octets of unknown charset: UTF-8 when they are valid, otherwise Windows-1252.

    UTF-8 that was cut within a character counts as UTF-8. A byte order mark or an escape of ISO-2022-JP decides at
    once.
    """
    if octets.startswith((b"\xff\xfe", b"\xfe\xff")):
        return octets.decode("utf_16", "replace")
    if octets.isascii():
        return from_iso_2022_jp(octets) if _JIS.search(octets) else octets.decode("ascii")
    try:
        return octets.decode()
    except UnicodeDecodeError:
        text = octets.decode("utf_8", "replace")
    wrong = text.count("\ufffd")
    right = len(text) - len(text.encode("ascii", "ignore")) - wrong
    if wrong * 2 <= right or (wrong == 1 and _CUT.search(octets)):
        return text
    return octets.decode("cp1252", "replace")


def is_multibyte(charset: str) -> bool:
    """Whether a charset has characters of several octets, which raw octets would not match by chance."""
    return (codec_of(charset) or "").startswith(_MULTIBYTE)


# The steps.


def _in_codec(octets: bytes, charset: str, codec: str, report_defect: ReportDefect) -> str:
    if codec in ("utf_16", "utf_32"):
        return _wide(octets, codec, report_defect)
    means = _REALLY.get(codec, (codec,))
    for mean in means:
        if (text := _strictly(octets, mean)) is not None:
            return _as_windows(text, codec)
    report_defect(f"something in it is not {charset[:60]!r}")
    mean = means[-1]
    text = mean(octets) if callable(mean) else octets.decode(mean, "replace")
    if codec in ("gb2312", "gbk", "gb18030") and b"\x80" in octets:
        text = _with_euros(octets, text)
    return _as_windows(text, codec)


def _strictly(octets: bytes, mean: str | Callable[[bytes], str]) -> str | None:
    """Decode octets, or return None when one of them is invalid."""
    if callable(mean):
        text = mean(octets)
        return None if "\ufffd" in text else text
    try:
        return octets.decode(mean)
    except UnicodeDecodeError:
        return None


def _never_converted(octets: bytes, codec: str) -> str:
    for mean in ("utf_8", *_SEVEN_BITS[codec]):
        if (text := _strictly(octets, mean)) is not None:
            return text
    return guessed(octets)


def _wide(octets: bytes, codec: str, report_defect: ReportDefect) -> str:
    """Decode UTF-16 or UTF-32: a byte order mark decides; without one the octet that varies less is the higher one."""
    if not octets.startswith((b"\xff\xfe", b"\xfe\xff", b"\0\0\xfe\xff")):
        if _strictly(octets, "utf_8") is not None and not _NO_TEXT.search(octets):
            report_defect(f"what is said to be {codec.replace('_', '-').upper()} is UTF-8")
            return octets.decode()
        width = 2 if codec == "utf_16" else 4
        first, last = (set(octets[place:4096:width]) for place in (0, width - 1))
        codec += "_le" if len(last) < len(first) else "_be"
    try:
        return octets.decode(codec)
    except UnicodeDecodeError:
        report_defect("something in it is not UTF-16 or UTF-32")
        return octets.decode(codec, "replace")


def _with_euros(octets: bytes, text: str) -> str:
    """Decode octet 128 as the euro sign, as Windows cp936 does; GB 18030 has no character there."""
    pieces = octets.split(b"\x80")
    better = "€".join(piece.decode("gb18030", "replace") for piece in pieces)
    # 128 can also be the second octet of a character: then splitting there gives more errors.
    return better if better.count("\ufffd") < text.count("\ufffd") else text


def _as_windows(text: str, codec: str) -> str:
    if not codec.startswith("iso8859_") or not _CONTROL.search(text):
        return text
    page = _WINDOWS.get(int(codec[8:]), "cp1252")
    return _CONTROL.sub(lambda found: found[0].encode("latin_1").decode(page, "replace"), text)


def _is_whole(text: str) -> bool:
    """Whether there is no half of a character; the encoder of UTF-8 finds one ten times as fast as an expression."""
    try:
        _ = text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _without_halves(text: str, report_defect: ReportDefect) -> str:
    """Replace NUL and halves of surrogate pairs, which cannot be written anywhere."""
    if "\0" not in text and (text.isascii() or _is_whole(text)):
        return text
    report_defect("a NUL, or half of a character, was replaced")
    return _NEVER.sub("\ufffd", text)
