"""
Corpus of invented letters, with each kind of defect that was once parsed wrongly in real mail.

Each case is a letter, the property to read (`subject`, `text`, `to`, …), and the value that a person would read. Each
kind has several cases, because the kind is to be handled and not the case.
"""

from __future__ import annotations

from base64 import b64encode
from typing import NamedTuple

from courriel import Letter


class Case(NamedTuple):
    kind: str
    raw: bytes
    asked: str
    right: object

    def __str__(self) -> str:
        return f"{self.kind}: {self.raw[-60:]!r}"


def value_of(letter: Letter, asked: str) -> object:
    """Property of the letter, in a form that is easy to write down."""
    match asked:
        case "to":
            return [(each.name, each.spec) for each in letter.to]
        case "date":
            return letter.date.isoformat() if letter.date else None
        case "name":
            return letter.attachments[0].name
        case "content":
            return letter.attachments[0].content
        case _:
            return getattr(letter, asked)


_HEAD = b"From: a@example.org\r\nMIME-Version: 1.0\r\n"


def _body(kind: str, content_type: bytes, body: bytes, right: str, asked: str = "text") -> Case:
    return Case(kind, _HEAD + b"Content-Type: " + content_type + b"\r\n\r\n" + body, asked, right)


def _charset(kind: str, charset: str, body: bytes, right: str) -> Case:
    return _body(kind, b"text/plain; charset=" + charset.encode(), body, right)


def _field(kind: str, asked: str, value: bytes, right: object) -> Case:
    return Case(kind, asked.title().encode() + b": " + value + b"\r\n\r\nx", asked, right)


def _coded(kind: str, encoding: bytes, body: bytes, right: bytes) -> Case:
    head = b"Content-Type: application/octet-stream; name=a.bin\r\nContent-Transfer-Encoding: " + encoding
    return Case(kind, _HEAD + head + b"\r\n\r\n" + body, "content", right)


def _named(kind: str, content_type: bytes, right: str) -> Case:
    return Case(kind, _HEAD + b"Content-Type: " + content_type + b"\r\n\r\nP", "name", right)


def _alternative(right: str, *parts: tuple[bytes, bytes]) -> Case:
    body = b"".join(b"--b\r\nContent-Type: " + type_ + b"\r\n\r\n" + text + b"\r\n" for type_, text in parts)
    return _body("alternatives", b"multipart/alternative; boundary=b", body + b"--b--\r\n", right)


_ZIP = bytes(range(45))
_PRIVET = "Привет"
_META = b'<HTML><META http-equiv=Content-Type content="text/html; charset=windows-1251">'

CORPUS: list[Case] = [
    # uuencode, for which there was never a standard.
    _coded("uuencode", b"x-uuencode", b"begin 644 a.bin\r\n#86)C\r\n#9&5F\r\n`\r\nend\r\n", b"abcdef"),
    _coded("uuencode", b"x-uuencode", b"begin 644 a.bin\r\n#86)C\r\n#9&5FX\r\n`\r\nend\r\n", b"abcdef"),
    _coded("uuencode", b"uuencode", b"begin 0644 a b.bin\n#86)C  \n#9&5FXY\n \nend\n", b"abcdef"),
    _coded("uuencode", b"x-uue", b"Here it is:\r\nbegin 644 a.bin\r\n#86)C\r\n", b"abc"),
    _coded("uuencode", b"x-uuencode", b"begin the day\r\nbegin 644 a.bin\r\n#86)C\r\nend\r\n", b"abc"),
    _coded("uuencode", b"x-uuencode", b"begin-base64 644 a.bin\r\nYWJj\r\nZGVm\r\n====\r\n", b"abcdef"),
    _coded("uuencode", b"x-uuencode", b"begin 644 a.bin\r\n#\r\n#86)C\r\nend\r\n", b"\0\0\0abc"),  # blanks were lost
    _coded("uuencode", b"x-uuencode", b"begin 644 a\r\n#86)C\r\nThis is a line of text.\r\n#9&5F\r\nend", b"abcdef"),
    _coded("uuencode", b"x-uuencode", b"nothing of the kind", b"nothing of the kind"),
    # Raw octets above 127 in an encoded word.
    _field("raw octets in words", "subject", b"=?iso-8859-1?Q?Fr\xf6sche?=", "Frösche"),
    _field("raw octets in words", "subject", b"=?iso-8859-1?Q?Fr\xf6sche_=E9?=", "Frösche é"),
    _field("raw octets in words", "subject", b"=?iso-8859-1?Q?Fr\xc3\xb6sche?=", "Frösche"),
    _field("raw octets in words", "subject", b"=?utf-8?Q?Fr\xc3\xb6sche_=C3=A9?=", "Frösche é"),
    _field("raw octets in words", "subject", b"=?gb2312?Q?\xd6\xd0\xce\xc4?=", "中文"),
    _field("raw octets in words", "subject", b"=?koi8-r?Q?\xf0\xd2\xc9?= =?koi8-r?Q?\xd7?=", "Прив"),
    _field("raw octets in words", "to", b"=?iso-8859-1?Q?J\xf6rg?= <j@example.org>", [("Jörg", "j@example.org")]),
    # A question mark that was not encoded does not end a word.
    _field("words", "subject", b"=?utf-8?Q?Are you there??=", "Are you there?"),
    _field("words", "subject", b"=?utf-8?Q?open =?utf-8?Q?and_closed?=", "=?utf-8?Q?open and closed"),
    _field("words", "subject", b"\x1b$BF|K\\\x1b(B", "日本"),  # ISO-2022-JP, not encoded at all
    # Windows characters under the name of the standard.
    _charset("Windows' characters", "iso-2022-jp", b"\x1b$B-!3t\x1b(B", "①株"),
    _charset("Windows' characters", "ISO-2022-JP", b"\x1b$B-5\x1b(B!\r\n\x1b(I1\x1b(B", "Ⅰ!\nｱ"),
    _charset("Windows' characters", "cp50220", b"\x1b$By!|n\x1b(B", "纊黑"),  # IBM's rows
    _charset("Windows' characters", "euc-jp", b"\xad\xa1\xb3\xf4 \x8e\xb1", "①株 ｱ"),
    _charset("Windows' characters", "eucJP-ms", b"\xf9\xa1\x8f\xb0\xa1", "纊丂"),
    _charset("Windows' characters", "shift_jis", b"\x87\x40\xfb\xfc", "①髙"),
    _charset("Windows' characters", "big5", b"\xf9\xd6\xa3\xe1", "碁€"),
    _charset("Windows' characters", "big5", b"\x87\x40", "䏰"),  # Hong Kong
    _charset("Windows' characters", "ks_c_5601-1987", "똠방각하".encode("cp949"), "똠방각하"),
    _charset("Windows' characters", "euc-kr", "펲시".encode("cp949"), "펲시"),
    _charset("Windows' characters", "gb2312", "镕囍€".encode("gb18030"), "镕囍€"),
    _charset("Windows' characters", "gb2312", b"\x80 \xd6\xd0", "€ 中"),
    _charset("Windows' characters", "iso-8859-1", b"\x84a\x93\x80", "„a“€"),
    _charset("Windows' characters", "iso-8859-2", b"\x84a\x93\xb1", "„a“ą"),
    _charset("Windows' characters", "iso-8859-5", b"\x93\xbf", "“П"),
    # Charsets of seven bits that hold eight.
    _charset("eight bits in seven", "iso-2022-jp", "エラー".encode(), "エラー"),
    _charset("eight bits in seven", "iso-2022-jp", "日本語".encode("cp932"), "日本語"),
    _charset("eight bits in seven", "iso-2022-jp", "日本語テスト".encode("euc_jp"), "日本語テスト"),
    _charset("eight bits in seven", "us-ascii", "été".encode(), "été"),
    _charset("eight bits in seven", "us-ascii", "été".encode("cp1252"), "été"),
    _charset("eight bits in seven", "hz-gb-2312", "中文".encode("gb18030"), "中文"),
    _charset("eight bits in seven", "iso-2022-kr", "한국".encode("cp949"), "한국"),
    _charset("eight bits in seven", "utf-7", "été".encode(), "été"),
    # UTF-8 that was cut within a character.
    _named("cut characters", b'image/png; name="' + "Картинка".encode()[:-1] + b'"', "Картинк\ufffd"),
    _named("cut characters", b'image/png; name="\xd0\x9a\xd0"', "К\ufffd"),
    _field("cut characters", "subject", "Привет мир".encode()[:-1], "Привет ми\ufffd"),
    _field("cut characters", "subject", "日本語".encode()[:-1] + b" (1)", "日本\ufffd (1)"),
    _field("cut characters", "subject", b"=?utf-8?Q?=D0=9F=D1?=", "П\ufffd"),
    _field("cut characters", "subject", "café, crème".encode("cp1252"), "café, crème"),  # not UTF-8
    _charset("cut characters", "utf-8", "été".encode()[:-1], "ét\ufffd"),
    _body("cut characters", b"text/plain", _PRIVET.encode()[:-1], "Приве\ufffd"),
    # Multiparts by any name.
    *(
        _body("multiparts", b"%s boundary=b" % type_, b"--b\r\n\r\nhi\r\n--b--\r\n", "hi")
        for type_ in (b"multipart/*;", b"multipart;", b"multipart/;", b"multipart/mixed", b"multipart/mixed,",
                      b"MULTIPART/X-Thing;", b"multipart/mixed (boundary=x);")
    ),
    # Alternatives beside text/enriched.
    _alternative("hi", (b"text/plain", b"hi"), (b"text/enriched", b"<bold>hi</bold>")),
    _alternative("hi", (b"text/enriched", b"<bold>hi</bold>"), (b"text/plain", b"hi"), (b"text/html", b"<b>hi</b>")),
    _alternative("p", (b"text/plain", b"p"), (b"text/markdown", b"*p*")),
    _alternative("hi you\nthere <x", (b"text/enriched", b"<bold>hi</bold>\r\nyou\r\n\r\nthere <<x")),
    _alternative("a\nb <", (b"text/richtext", b"<param>no</param>a<nl>b <lt><comment>no</comment>")),
    _alternative("a\nb c", (b"text/enriched", b"<nofill>a\r\nb</nofill>\r\nc")),
    # Dates.
    *(
        _field("dates", "date", value, right)
        for value, right in (
            (b"Mon, 21 Aug 95 13:30:57 -600", "1995-08-21T13:30:57-06:00"),
            (b"Mon, 6 Sep 2021 09:12:44 GMT+0200", "2021-09-06T09:12:44+02:00"),
            (b"6 Sep 2021 09:12:44 UTC-5", "2021-09-06T09:12:44-05:00"),
            (b"6 Sep 2021 09:12:44 +2:00", "2021-09-06T09:12:44+02:00"),
            (b"6 Sep 2021 9:2:4 +0200 (CEST)", "2021-09-06T09:02:04+02:00"),
            (b"Wed, 25 Nov 2026 10:00:00 JST", "2026-11-25T10:00:00+09:00"),
            (b"Thursday, April 09, 2003 9:00 AM", "2003-04-09T09:00:00+00:00"),
            (b"April 9, 2003 12:05 AM EST", "2003-04-09T00:05:00-05:00"),
            (b"Apr 9 2003 12:05:00 PM", "2003-04-09T12:05:00+00:00"),
            (b"9 Apr 2003 1:00:00 p.m. -0500", "2003-04-09T13:00:00-05:00"),
            (b"4/9/2003 9:00:00 AM", "2003-04-09T09:00:00+00:00"),
            (b"4/9/2003 9:00:00", None),  # ambiguous
            (b"25.11.2026 10:00", "2026-11-25T10:00:00+00:00"),
            (b"2026/11/25 10:00:00 +0100", "2026-11-25T10:00:00+01:00"),
            (b"2026-11-25 10:00:00 +0100", "2026-11-25T10:00:00+01:00"),
            (b"Wed Nov 25 10:00:00 +0100 2026", "2026-11-25T10:00:00+01:00"),
            (b"10:00:00 25 Nov 2026 +0100", "2026-11-25T10:00:00+01:00"),
            (b"Wed, 25 Nov 2026 (a) 10:00 (b (c)) +0100", "2026-11-25T10:00:00+01:00"),
            (b"25 Nov 2026", "2026-11-25T00:00:00+00:00"),
            (b"mar. 25 nov. 2026 10:00:00 +0100", "2026-11-25T10:00:00+01:00"),
            ("mer. 5 août 2026 10:00:00 +0200".encode(), "2026-08-05T10:00:00+02:00"),
            (b"Wed, 25 Nov 2026 10:00:61 +0100", None),
        )
    ),
    # Addresses.
    *(
        _field("addresses", "to", value, right)
        for value, right in (
            (b"Doe, John <john@example.org>", [("Doe, John", "john@example.org")]),
            (b"Doe, John, Jr. <j@x.org>, Eve <e@x.org>", [("Doe, John, Jr.", "j@x.org"), ("Eve", "e@x.org")]),
            (b"=?utf-8?Q?Doe, J=C3=B6rg?= <j@x.org>", [("Doe, Jörg", "j@x.org")]),
            (b"Doe, j@x.org", [("Doe", ""), ("", "j@x.org")]),
            (b"A, B", [("A", ""), ("B", "")]),
            (b"Bob <b@x.org> Eve <e@x.org>", [("Bob", "b@x.org"), ("Eve", "e@x.org")]),
            (b"<b@x.org><e@x.org>", [("", "b@x.org"), ("", "e@x.org")]),
            (b"Bob b@x.org Eve e@x.org", [("Bob", "b@x.org"), ("Eve", "e@x.org")]),
            (b"b@x.org\te@x.org", [("", "b@x.org"), ("", "e@x.org")]),
            (b"<<john@example.com>>", [("", "john@example.com")]),
            (b"Ada <<a@x.org>, Bob <b@x.org>>", [("Ada", "a@x.org"), ("Bob", "b@x.org")]),
            (b"john . doe @ example . org", [("", "john.doe@example.org")]),
            (b"< john (c) @ example.org >", [("", "john@example.org")]),
            (b"John (the (nested)) Doe <john(c)@example.org(d)>", [("John Doe", "john@example.org")]),
            (b'(only) j@x.org (Name "quoted)', [('Name "quoted', "j@x.org")]),
            (b'"Doe, J" j@x.org', [("Doe, J", "j@x.org")]),
            (b"'j@x.org'", [("", "j@x.org")]),
            (b'"j@x.org"', [("", "j@x.org")]),
            (b"<mailto:j@x.org>", [("", "j@x.org")]),
            (b"j@[127.0.0.1], k@[IPv6:::1]", [("", "j@[127.0.0.1]"), ("", "k@[IPv6:::1]")]),
            (b'<"a>b"@x.org>', [("", '"a>b"@x.org')]),
            (b"John Q. Public <j@x.org>", [("John Q. Public", "j@x.org")]),
        )
    ),
    # Names of charsets.
    *(
        _charset("charset names", name, _PRIVET.encode(codec), _PRIVET)
        for name, codec in (
            ("cp-1251", "cp1251"), ("win-1251", "cp1251"), ("x-cp1251", "cp1251"), ("Windows_1251", "cp1251"),
            ("koi8", "koi8_r"), ("x-koi8-r", "koi8_r"), ("DOS-866", "cp866"), ("IBM866", "cp866"),
            ("x-mac-cyrillic", "mac_cyrillic"), ("ISO8859_5", "iso8859_5"), ("iso88595", "iso8859_5"),
            ("windows-28595", "iso8859_5"), ("iso-8859-5:1988", "iso8859_5"), ("utf8", "utf8"), ("utf8mb4", "utf8"),
            ("x-utf-8", "utf8"), ('"charset=utf-8"', "utf8"), ("3Dutf-8", "utf8"), ("'utf-8'", "utf8"),
            ("windows-65001", "utf8"), ("unicode-1-1-utf-7", "utf7"), ("utf-16", "utf-16-le"), ("utf-16", "utf-16-be"),
            ("ucs-2", "utf-16"), ("utf-32", "utf-32"),
        )
    ),
    *(
        _charset("charset names", name, text.encode(codec), text)
        for name, codec, text in (
            ("Windows-31J", "cp932", "日本"), ("sjis-win", "cp932", "日本"), ("x-ms-cp932", "cp932", "日本"),
            ("iso-2022-jp-ms", "iso2022_jp", "日本"), ("cp51932", "euc_jp", "日本"), ("x-euc-jp", "euc_jp", "日本"),
            ("x-windows-949", "cp949", "한국"), ("ks_c_5601", "cp949", "한국"), ("x-euc-kr", "cp949", "한국"),
            ("x-windows-950", "cp950", "台灣"), ("x-x-big5", "cp950", "台灣"), ("big5-eten", "cp950", "台灣"),
            ("x-gbk", "gb18030", "中文"), ("gb_2312-80", "gb18030", "中文"), ("cp936", "gb18030", "中文"),
            ("euc-cn", "gb18030", "中文"), ("x-windows-874", "cp874", "ไทย"), ("tis-620", "cp874", "ไทย"),
            ("latin-9", "iso8859_15", "€"), ("8859-15", "iso8859_15", "€"), ("x-mac-ce", "mac_latin2", "ą"),
        )
    ),
    # Parameters.
    _charset("parameters", "us-ascii (Plain text)", b"hi", "hi"),
    _charset("parameters", "utf-8(x)", "é".encode(), "é"),
    _charset("parameters", '(c)"utf-8" (c; d)', "é".encode(), "é"),
    _body("parameters", b"text/plain (a; charset=koi8-r); charset=utf-8", "é".encode(), "é"),
    _body("parameters", b"multipart/mixed; boundary=b (comment)", b"--b\r\n\r\nhi\r\n--b--", "hi"),
    *(
        _named("parameters", b"application/pdf; " + parameter, right)
        for parameter, right in (
            (rb'name="C:\TEMP\nsmail.pdf"', "nsmail.pdf"),
            (rb'name="C:\\TEMP\\nsmail.pdf"', "nsmail.pdf"),
            (rb'name="\\server\share\x.pdf"', "x.pdf"),
            (b"name=report (1).pdf", "report (1).pdf"),
            (b"name=a.pdf (a comment)", "a.pdf"),
            (b'name="a.pdf" (a; name=c)', "a.pdf"),
            (b"(c) name=a.pdf", "a.pdf"),
            (b"name=a b c.pdf; x=y", "a b c.pdf"),
            (b'name*0="a;"; name*1="b.pdf"', "a;b.pdf"),
        )
    ),
    # HTML that declares its charset.
    *(
        _body("META", b"text/html", html.encode(codec), html, "html")
        for codec, html in (
            ("cp1251", _META.decode() + "Привет"),
            ("cp1251", "<META CHARSET='windows-1251'>Привет"),
            ("koi8_r", "<meta content='text/html; charset = koi8-r'>Привет"),
            ("cp1251", "<?xml version='1.0' encoding='windows-1251'?>Привет"),
            ("utf8", "<meta charset=utf-16>Привет"),
        )
    ),
    # base64 in pieces, and with a footer below it.
    _coded("base64", b"base64", b"YWI=\r\nYw==\r\nZGVm\r\n", b"abcdef"),
    _coded("base64", b"base64", b"YWI=Yw==ZGVm", b"abcdef"),
    _coded("base64", b"base64", b64encode(_ZIP) + b"\r\n" + b"_" * 47 + b"\r\nlist footer\r\n", _ZIP),
    _coded("base64", b"base64", b64encode(_ZIP) + b"\r\n\r\n-- \r\nTo leave, write to leave@example.org.\r\n", _ZIP),
    _coded("base64", b"base64", b"aGk=\r\n-- \r\nthe list\r\n", b"hi"),
    _coded("base64", b"base64", b64encode(_ZIP) + b"\r\n!" + b64encode(_ZIP) + b"\r\n" + b64encode(_ZIP), _ZIP * 3),
    _coded("base64", b"base64", b"Dear\r\nJohn, hello.\r\n", b"Dear\r\nJohn, hello.\r\n"),
    _coded("base64", b'(c) "BASE-64";', b"aGk=", b"hi"),
    # Byte order marks.
    Case("marks", b"\xef\xbb\xbfSubject: hello\r\n\r\nbody", "subject", "hello"),
    Case("marks", b"\xff\xfe" + "Subject: été\r\n\r\nbody".encode("utf-16-le"), "subject", "été"),
    _body("marks", b"text/plain", b"\xef\xbb\xbf\xc3\xa9", "é"),
    _body("marks", b"text/plain", b"\xff\xfe\xe9\0", "é"),
    _charset("marks", "iso-8859-1", b"\xef\xbb\xbf\xc3\xa9", "é"),
    _charset("marks", "utf-16le", b"\xff\xfe\xe9\0", "é"),
    _body("marks", b"text/html", b"\xef\xbb\xbf<meta charset=koi8-r>\xc3\xa9", "<meta charset=koi8-r>é", "html"),
]  # fmt: skip
