"""Names of charsets in mails, and the Python codec of each."""

from __future__ import annotations

from encodings.aliases import aliases
from functools import lru_cache

from courriel._lazy_re import expression

# Charsets are looked up here and not by `codecs`, which tries to import a module for each unknown name: a mail can
# hold fifty thousand names. Codecs not for mails (idna, punycode, unicode_escape) have no alias, and are not included.
_NOT_TEXT = {"base64_codec", "bz2_codec", "hex_codec", "quopri_codec", "rot_13", "uu_codec", "zlib_codec", "mbcs"}
_CODECS = {
    **{codec: codec for codec in aliases.values() if codec not in _NOT_TEXT},
    **{alias: codec for alias, codec in aliases.items() if codec not in _NOT_TEXT},
    **{name: name for name in ("cp720", "cp737", "cp856", "cp874", "cp1006", "koi8_t", "koi8_u", "utf_8_sig")},
    # Japan. The vendors' variants (Microsoft, Sun) are decoded under the standard names too: see `charsets`.
    "windows_31j": "cp932", "cswindows31j": "cp932", "sjis_win": "cp932", "sjis_open": "cp932", "shift_jis_ms": "cp932",
    "ms932": "cp932", "mswin_932": "cp932", "mswindows_932": "cp932", "ms_cp932": "cp932", "pck": "cp932",
    "shift_jis_open": "cp932", "jis_x_0208_ms": "cp932",
    "iso_2022_jp_ms": "iso2022_jp", "cp50220": "iso2022_jp", "cp50221": "iso2022_jp", "cp50222": "iso2022_jp",
    "iso2022jp_ms": "iso2022_jp", "windows_iso2022jp": "iso2022_jp", "jis": "iso2022_jp", "jis_encoding": "iso2022_jp",
    "jis7": "iso2022_jp", "jis_7": "iso2022_jp", "iso_2022": "iso2022_jp",
    "eucjp_ms": "euc_jp", "eucjp_win": "euc_jp", "eucjp_open": "euc_jp", "eucjpms": "euc_jp", "cp51932": "euc_jp",
    "euc_jp_ms": "euc_jp", "cp20932": "euc_jp", "euc_japan": "euc_jp", "eucj": "euc_jp",
    "cseucpkdfmtjapanese": "euc_jp", "extended_unix_code_packed_format_for_japanese": "euc_jp",
    # Korea.
    "windows_949": "cp949", "cp51949": "cp949", "mswin_949": "cp949", "ks_c_5601": "cp949", "ksc5601": "cp949",
    "ksc_5601": "cp949", "ks_c_5601_1987": "cp949", "ks_c_5601_1989": "cp949", "ksc5601_1987": "cp949",
    "ks_x_1001": "cp949", "iso_ir_149": "cp949", "korean": "cp949", "ms949": "cp949", "uhc": "cp949",
    "cp50225": "iso2022_kr",
    # China.
    "windows_936": "gb18030", "mswin_936": "gb18030", "cn_gb": "gb18030", "gb": "gb18030", "gb_2312": "gb18030",
    "gb_2312_80": "gb18030", "gb2312_1980": "gb18030", "gb2312_80": "gb18030", "euc_cn": "gb18030",
    "gb18030_2000": "gb18030", "gb18030_2005": "gb18030", "cp54936": "gb18030", "cp20936": "gb18030",
    "cp51936": "gb18030", "gb_18030": "gb18030", "gbk2312": "gb18030", "chinese": "gb18030", "iso_ir_58": "gb18030",
    "hz_gb2312": "hz", "cp52936": "hz", "gb2312_hz": "hz",
    # Taiwan and Hong Kong.
    "windows_950": "big5", "mswin_950": "big5", "cn_big5": "big5", "big5_eten": "big5", "x_big5": "big5", "bg5": "big5",
    "big5_tw": "big5", "big5_2003": "big5", "big5_e": "big5", "big_5": "big5", "zh_tw_big5": "big5",
    "big5hkscs_2004": "big5hkscs", "big5hk": "big5hkscs", "big5_hkscs_2001": "big5hkscs", "cp951": "big5hkscs",
    # Europe and elsewhere.
    "windows_874": "cp874", "dos_874": "cp874", "tis620": "cp874", "ansi": "cp1252", "ms_ansi": "cp1252",
    "western": "cp1252", "windows": "cp1252", "windows_latin1": "cp1252", "latin_0": "iso8859_15",
    "iso_8859_8_i": "iso8859_8", "iso_8859_6_i": "iso8859_6", "logical": "iso8859_8", "visual": "iso8859_8",
    "koi": "koi8_r", "koi8": "koi8_r", "koi8r": "koi8_r", "koi8u": "koi8_u", "koi8_ru": "koi8_u", "cp20866": "koi8_r",
    "cp21866": "koi8_u", "cp20127": "ascii", "iso646": "ascii", "ascii_7bit": "ascii", "usascii": "ascii",
    "mac": "mac_roman", "macintosh": "mac_roman", "macroman": "mac_roman", "mac_ce": "mac_latin2",
    "mac_centraleurope": "mac_latin2", "mac_centraleurroman": "mac_latin2", "mac_ukrainian": "mac_cyrillic",
    "cp10000": "mac_roman", "cp10006": "mac_greek", "cp10007": "mac_cyrillic", "cp10029": "mac_latin2",
    "cp10081": "mac_turkish",
    # Unicode.
    "utf8mb4": "utf_8", "utf8mb3": "utf_8", "unicode_1_1_utf_8": "utf_8", "unicode_2_0_utf_8": "utf_8",
    "unicode20utf8": "utf_8", "unicode11utf8": "utf_8", "utf": "utf_8", "utf_8n": "utf_8", "utf8n": "utf_8",
    "utf_8_bom": "utf_8", "utf8_bom": "utf_8", "utf_8_mac": "utf_8", "cp65001": "utf_8", "cesu_8": "utf_8",
    "utf_8_unicode": "utf_8", "al32utf8": "utf_8", "unicode_1_1_utf_7": "utf_7", "unicode_2_0_utf_7": "utf_7",
    "cp65000": "utf_7", "unicode_utf_7": "utf_7",
    "unicode": "utf_16", "ucs_2": "utf_16", "ucs2": "utf_16", "iso_10646_ucs_2": "utf_16", "cp1200": "utf_16_le",
    "cp1201": "utf_16_be", "unicodefffe": "utf_16_be", "ucs_4": "utf_32", "ucs4": "utf_32", "iso_10646_ucs_4": "utf_32",
    "cp12000": "utf_32_le", "cp12001": "utf_32_be",
}  # fmt: skip

NOTHING_SAID = frozenset((
    "", "ascii", "unknown_8bit", "x_unknown", "unknown", "8bit", "7bit", "binary", "none", "default", "user_defined",
    "x_user_defined", "null", "undefined", "charset", "iso_8859", "any", "auto",
))  # fmt: skip
"""Names that do not tell how octets above 127 are encoded."""

_NO_LETTER = expression("[^a-z0-9]+")
_ISO = expression(r"(?:iso|is)?_?8859_?(\d{1,2})(?:_.*)?")
_LATIN = expression(r"(?:iso_)?lat(?:in)?_?(\d{1,2})")
_LATINS = {1: 1, 2: 2, 3: 3, 4: 4, 5: 9, 6: 10, 7: 13, 8: 14, 9: 15, 10: 16}
_PAGE = expression(
    r"(?:windows|win|mswin|ms|cp|ibm|dos|pc|oem|ansi|codepage|cs|csibm|cspc|microsoft_cp)_?0{0,2}(\d{3,5})"
)
_MAC = expression(r"(?:mac|macintosh)_?(roman|cyrillic|greek|turkish|iceland|icelandic|croatian|romanian|arabic|farsi)")
_NOISE = expression(r"(?:charset|3d|x|cs|utf_8_q|iso_ir_\d+_)_?")


def codec_of(charset: str) -> str | None:
    """Return the name of Python's codec for a charset's name in any spelling.

    "" stands for a name that tells nothing, None for an unknown one. `charset=`, quotation marks, `x-` and the like are
    removed from the name.
    """
    return _codec_of(charset[:60])


# The steps.


@lru_cache(maxsize=128)  # of sixty characters each; a mailbox has a dozen
def _codec_of(charset: str) -> str | None:
    name = _NO_LETTER.sub("_", charset.lower()).strip("_")
    while True:
        if (found := _named(name)) is not None:
            return found
        # One prefix after another is removed, of at most sixty characters in all.
        noise = _NOISE.match(name)
        if noise is None:
            return None
        name = name[noise.end() :]


def _named(name: str) -> str | None:
    codec = _CODECS.get(name, name)
    if codec in NOTHING_SAID:
        return ""
    if name in _CODECS:
        return codec
    if (found := _ISO.fullmatch(name)) and (codec := f"iso8859_{int(found[1])}") in _CODECS:
        return _CODECS[codec]
    if (found := _LATIN.fullmatch(name)) and int(found[1]) in _LATINS:
        return _CODECS[f"iso8859_{_LATINS[int(found[1])]}"]
    if found := _PAGE.fullmatch(name):
        number = int(found[1])
        if 28591 <= number <= 28605:
            return _named(f"iso_8859_{number - 28590}")
        codec = f"cp{number}"
        return _CODECS.get(codec, codec) if codec in _CODECS or codec in _KNOWN else None
    if found := _MAC.fullmatch(name):
        codec = f"mac_{found[1]}".replace("icelandic", "iceland")
        return codec if codec in _KNOWN else None
    return None


_KNOWN = frozenset((
    *_CODECS.values(), "mac_arabic", "mac_croatian", "mac_farsi", "mac_romanian", "mac_cyrillic", "mac_greek",
    "mac_iceland", "mac_turkish", "mac_roman", "mac_latin2",
))  # fmt: skip
