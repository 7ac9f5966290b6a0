"""Generator of broken letters, from valid and invalid pieces."""

from __future__ import annotations

from hypothesis import strategies as st

HEADER_LINES = [
    b"Subject: Hello",
    b"Subject: =?utf-8?b?w6ljbGFpcg==?=",
    b"Subject: =?utf-8?q?a=0D=0ABcc:_evil@x.com?=",
    b"Subject: =?no-such-charset?q?=FF?= =?utf-8?b?A?= =?utf-8?z?x?= =?",
    b"Subject: raw \xe9 and \xc3\xa9 and \x00 and \x1b[31m",
    b"Subject: a\rBcc: evil@x.com",
    b"From: Ada <ada@example.org>",
    b'From: "unclosed <ada@example.org',
    b"From: =?utf-8?q?Ada_=2C_evil=40x=2Ecom?= <ada@example.org>",
    b'To: a@b.com, (c(d)e, "f\\" g" <h@i>, undisclosed:;, <j@k, l m@n',
    b"Cc: " + b"(" * 300,
    b"Date: Wed, 25 Nov 2026 10:00:00 +0100",
    b"Date: the day before yesterday",
    b"Date: Wed, 99 Nov 99999 99:99:99 +9999",
    b"Message-ID: <a@b>",
    b"Message-ID: no brackets\x00",
    b"References: <a@b> nonsense <c@d> <",
    b"MIME-Version: 1.0",
    b"Content-Type: multipart/mixed; boundary=b1",
    b'Content-Type: multipart/alternative; boundary="b 2"',
    b"Content-Type: multipart/mixed",
    b"Content-Type: multipart/digest; boundary=b1-",
    b"Content-Type: text/html; charset=latin-1",
    b"Content-Type: text/plain; charset=utf-16",
    b"Content-Type: text/plain; charset=idna",
    b"Content-Type: application/x-thing; name*0*=utf-8''%E9; name*1=\"../x\"; name*3=z",
    b'Content-Type: ;;;=;"',
    b'Content-Disposition: attachment; filename="../../etc/passwd"',
    b"Content-Disposition: attachment; filename=con.txt",
    b"Content-Disposition: inline; filename*=utf-8'en'%00%2e%2e%2f",
    b"Content-Transfer-Encoding: base64",
    b"Content-Transfer-Encoding: quoted-printable",
    b"Content-Transfer-Encoding: x-uuencode",
    b"Content-Transfer-Encoding: rot13",
    b"Content-ID: <logo@x>",
    b" a continued line",
    b"\ta continued line",
    b"From ada Wed Nov 25 10:00:00 2026",
    b"not a field",
    b": no name",
    b"X-Long: " + b"x" * 3000,
]
BODY_LINES = [
    b"Hello.",
    b"--b1",
    b"--b1--",
    b"--b 2",
    b"--b 2--",
    b"--b1-",
    b"--",
    b"w6ljbGFpcg==",
    b"w6ljbG=Fpcg",
    b"=C3=A9clair=",
    b"=zz=",
    b"begin 644 x",
    b"#0V%T",
    b"`",
    b"end",
    b"\xe9\xff\x00",
    b".",
    b"<p>Hello <b>there",
    b"\r",
    b"",
]
LINE_ENDS = [b"\r\n", b"\n", b"\r", b"\r\r\n"]


@st.composite
def broken_letters(draw: st.DrawFn) -> bytes:
    """Letter: a header, then bodies and headers in turn, with any line ends, cut off anywhere."""
    end = draw(st.sampled_from(LINE_ENDS))
    lines: list[bytes] = []
    for _ in range(draw(st.integers(1, 4))):
        lines += draw(st.lists(st.sampled_from(HEADER_LINES), max_size=8))
        lines += draw(st.sampled_from([[b""], [b""], []]))
        lines += draw(st.lists(st.sampled_from(BODY_LINES), max_size=8))
    raw = end.join(lines)
    return raw[: draw(st.integers(0, len(raw)))] if draw(st.booleans()) else raw


def nested(depth: int) -> bytes:
    """Nested multiparts."""
    pieces = [b"Content-Type: multipart/mixed; boundary=b0\r\n\r\n"]
    begin = b"--b%d\r\nContent-Type: multipart/mixed; boundary=b%d\r\n\r\n"
    pieces += [begin % (level, level + 1) for level in range(depth)]
    pieces.append(b"--b%d\r\n\r\nthe innermost\r\n" % depth)
    return b"".join(pieces)


def many_parts(count: int, part: bytes = b"\r\nx") -> bytes:
    """Many parts of one multipart."""
    return b"Content-Type: multipart/mixed; boundary=b\r\n\r\n" + b"--b\r\n%b\r\n" % part * count + b"--b--\r\n"
