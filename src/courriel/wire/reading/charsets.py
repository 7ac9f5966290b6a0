"""Octets to text: charsets by the names that mails give them, and by guessing where the name is no help."""

from __future__ import annotations

from collections.abc import Callable
from encodings.aliases import aliases
from typing import TypeAlias

from courriel.expressions import expression

Complain: TypeAlias = Callable[[str], None]
"""Hears of each defect, in words."""

# Charsets are looked up here and not by `codecs`, which looks for a module of each name it does not know: a mail can
# hold fifty thousand names. What mails must not use (idna, punycode, unicode_escape) has no alias, and is not in it.
_NOT_TEXT = {"base64_codec", "bz2_codec", "hex_codec", "quopri_codec", "rot_13", "uu_codec", "zlib_codec", "mbcs"}
_CODECS = {
    **{codec: codec for codec in aliases.values() if codec not in _NOT_TEXT},
    **{alias: codec for alias, codec in aliases.items() if codec not in _NOT_TEXT},
    **{name: name for name in ("cp720", "cp737", "cp856", "cp874", "cp1006", "koi8_t", "koi8_u", "utf_8_sig")},
    "windows_874": "cp874", "x_sjis": "cp932", "x_gbk": "gbk", "x_mac_roman": "mac_roman", "utf8mb4": "utf_8",
    "iso_8859_8_i": "iso8859_8", "iso_8859_6_i": "iso8859_6", "unicode_1_1_utf_8": "utf_8",
}  # fmt: skip

# What mails that name the one are really written in: supersets, which read the smaller set all the same.
_REALLY = {
    "latin_1": "cp1252", "iso8859_9": "cp1254", "iso8859_11": "cp874", "tis_620": "cp874", "gb2312": "gb18030",
    "gbk": "gb18030", "shift_jis": "cp932", "euc_kr": "cp949", "utf_8": "utf_8_sig",
}  # fmt: skip
_NOTHING_SAID = {"", "ascii", "unknown_8bit", "x_unknown", "unknown", "8bit", "binary", "none", "default"}

_NO_LETTER = expression("[^a-z0-9]+")
_NEVER = expression("[\0\ud800-\udfff]")


def decoded(octets: bytes, charset: str, complain: Complain) -> str:
    """Text of these octets. What cannot be read in the charset that was named becomes U+FFFD, or is guessed."""
    name = _NO_LETTER.sub("_", charset[:60].lower()).strip("_")
    name = _CODECS.get(name, name)
    if name in _NOTHING_SAID:
        return _without_halves(guessed(octets), complain)
    if name not in _CODECS:
        complain(f"the charset {charset[:60]!r} is not known; it was guessed")
        return _without_halves(guessed(octets), complain)
    codec = _REALLY.get(name, name)
    try:
        text = octets.decode(codec)
    except UnicodeDecodeError as wrong:
        complain(f"octet {wrong.start} is not {charset[:60]!r}, and perhaps others")
        text = octets.decode(codec, "replace")
    return _without_halves(text, complain)


def guessed(octets: bytes) -> str:
    """Text of octets of which nothing is known: UTF-8 when they can be, otherwise what Windows writes in the West."""
    try:
        return octets.decode()
    except UnicodeDecodeError:
        return octets.decode("cp1252", "replace")


# The steps.


def _without_halves(text: str, complain: Complain) -> str:
    """Neither NUL nor half of a character, which could not be written anywhere."""
    if not _NEVER.search(text):
        return text
    complain("a NUL, or half of a character, was replaced")
    return _NEVER.sub("\ufffd", text)
