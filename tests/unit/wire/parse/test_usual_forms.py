"""Usual headers, addresses and dates are read by a short way; the long way reads the same."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from courriel.wire.parse import addresses, contents, dates, header, part_info
from courriel.wire.parse.charsets.decoding import decoded
from courriel.wire.parse.header import Header
from courriel.wire.parse.part_info import PartInfo, part_info_of
from courriel.wire.parse.parts import Leaf
from courriel.wire.parse.transfer import unpacked_blocks, unpacked_slice

NEVER = re.compile("(?!)")
NEVER_OCTETS = re.compile(b"(?!)")

DATES = st.builds(
    "{}{} {} {} {}:{}:{} {}".format,
    st.sampled_from(["Tue, ", "Mar, ", "", "Xyz, "]),
    st.sampled_from(["1", "31", "30", "9", "0", "09", "45"]),
    st.sampled_from(["Jan", "Feb", "Nov", "nov", "Sept"]),
    st.sampled_from(["2026", "1999", "0000", "0001", "9999", "26"]),
    st.sampled_from(["10", "24", "00", "9"]),
    st.sampled_from(["00", "59", "60"]),
    st.sampled_from(["00", "59", "60", "61"]),
    st.sampled_from(["+0100", "-0530", "+0000", "-0000", "+0060", "+2400", "+2359", "+9999", "EST", ""]),
)
ADDRESSES = st.lists(
    st.sampled_from(["Ada", "Bob 2", " ", "  ", "<a@b.c>", "<a..b@c->", "a@b", ",", "é", "'", "<@b>", "<a@>", '"',
         '"Doe, Ada" ', '"Ada  B" ', '"d\'Arc"', '"" ', '"Ada " ', "a.b@c", ".a@-"]),
    min_size=1, max_size=5,
).map("".join)  # fmt: skip
HEADERS = st.lists(
    st.sampled_from(
        [
            b"A: b\r\n", b"Sub ject: x\r\n", b"X-y :  z \r\n", b" folded\r\n", b"\tf\r\n", b" \r\n", b"\r\n", b"\n",
            b"\r", b"--b\r\n", b"--b: c\r\n", b"From x\r\n", b"a:\r\n", b":\r\n", b"x", b"\xff: y\r\n", b"Q: \xff\r\n",
            b"N: z\n", b"a: \r\n\r\n", b"A: 2\r\n",
        ]
    ),
    max_size=8,
).map(b"".join)  # fmt: skip


def both_ways(monkeypatch: pytest.MonkeyPatch, module: Any, read: Callable[[Callable[[str], None]], Any]) -> Any:
    """What is read, and the defects that are told, by the short way and by the long way."""
    ways = []
    for short in (True, False):
        told: list[str] = []
        with monkeypatch.context() as patch:
            if not short:
                patch.setattr(module, "_USUAL", NEVER_OCTETS if module is header else NEVER)
            ways.append((read(told.append), told))
    return ways


@given(DATES)
@example("Tue, 24 Nov 2026 10:00:60 +0100")
@example("Tue, 24 Nov 2026 10:00:61 +0100")
@example("24 Nov 2026 10:00:00 -2400")
def test_a_date(value: str) -> None:
    with pytest.MonkeyPatch.context() as monkeypatch:
        (short, _), (long, _) = both_ways(monkeypatch, dates, lambda report: dates.moment_of(value))

    assert short == long
    assert short is None or short.utcoffset() == long.utcoffset()


@given(ADDRESSES)
@example("Ada  Bob <a@b.c>")
@example("Ada Bob <a@b.c>")
@example("<a@b.c>")
@example('"Doe, Ada" <a@b.c>')
@example("a@b")
@example("'a@b'")
def test_addresses(value: str) -> None:
    with pytest.MonkeyPatch.context() as monkeypatch:
        short, long = both_ways(monkeypatch, addresses, lambda report: addresses.received_addresses(value, report))

    assert short == long


@given(HEADERS, st.sampled_from([0, 3]))
@example(b"A: b\r\n--b: c\r\n\r\n", 0)
@example(b"A: b\r\n c\r\n \r\n\r\nbody", 0)
def test_a_header(data: bytes, start: int) -> None:
    def read(report: Callable[[str], None]) -> Any:
        return header.read_header(data, start, lambda line: line.startswith(b"--b"), report)

    with pytest.MonkeyPatch.context() as monkeypatch:
        short, long = both_ways(monkeypatch, header, read)

    assert short == long
    (header_, _), _ = short
    for name in ("a", "x-y", "q", "none"):
        values = [value for known, value in header_.fields if known.lower() == name]
        assert header_.all(name) == values
        assert header_.first(name) == (values[0] if values else b"")


@pytest.mark.slow
@pytest.mark.parametrize("size", [60_000, 70_000])
def test_a_large_header(size: int) -> None:
    data = b"".join(b"X-%d: y\r\n" % number for number in range(size // 10)) + b"\r\nbody"

    with pytest.MonkeyPatch.context() as monkeypatch:
        short, long = both_ways(
            monkeypatch, header, lambda report: header.read_header(data, 0, lambda line: False, report)
        )

    assert short == long


MIME = st.lists(
    st.sampled_from(
        [
            (b"Content-Type", b" text/plain; charset=utf-8"), (b"Content-Type", b"text/html charset=x"),
            (b"content-type", b"none"), (b"Content-Type", b"multipart/mixed; boundary=b"),
            (b"Content-Type", b"multipart/mixed"), (b"Content-Type", b"a/b; name=\"=?utf-8?q?=C3=A9?=\""),
            (b"Content-Type", b"text/plain; name*1=x"), (b"Content-Disposition", b"attachment;\r\n filename=x"),
            (b"Content-Disposition", b"inline; filename*=a"), (b"Content-Transfer-Encoding", b"BASE64 (x)"),
            (b"Content-Transfer-Encoding", b"7bit"), (b"Content-ID", b"<a@b>"), (b"Content-Type", b"x/" + b"y" * 300),
        ]
    ),
    max_size=4,
)  # fmt: skip


@given(MIME, st.sampled_from(["text/plain", "message/rfc822"]))
def test_mime_fields_that_are_remembered(fields: list[tuple[bytes, bytes]], default: str) -> None:
    def read() -> tuple[PartInfo, list[str]]:
        told: list[str] = []
        return part_info_of(Header(fields), default, told.append), told

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(part_info, "_LONGEST_KEPT", -1)
        long = read()

    assert [read(), read()] == [long, long]


@given(
    st.lists(st.sampled_from([b"=\r\n", b"=41", b"=4", b"caf\xe9", b" \r\n", b"QUJD", b"=", b"\r", b"x" * 70])).map(
        b"".join
    ),
    st.sampled_from(["", "7bit", "binary", "quoted-printable", "base64", "none", "x-uuencode", "odd"]),
    st.integers(0, 9),
)
def test_a_content_that_is_decoded_at_once(data: bytes, encoding: str, start: int) -> None:
    told: list[str] = []
    told_in_blocks: list[str] = []
    start = min(start, len(data))

    whole = unpacked_slice(data, start, len(data), encoding, told.append)

    assert whole == b"".join(unpacked_blocks(data, start, len(data), encoding, told_in_blocks.append))
    assert told == told_in_blocks


@given(st.lists(st.sampled_from(["a", "\r\n", "\r", "\n", "\x85", "\u2028"])).map("".join))
def test_line_ends_of_a_short_text(text: str) -> None:
    def read() -> str:
        data = text.encode()
        leaf = Leaf(PartInfo("text/plain", "utf-8"), 0, len(data))
        return contents.text_in(data, [leaf], lambda defect: None)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(contents, "_SPLIT", -1)
        long = read()

    assert read() == long == text.replace("\r\n", "\n").replace("\r", "\n")


@pytest.mark.parametrize(
    ("octets", "charset", "text"),
    [
        (b"a\0b", "utf-8", "a\ufffdb"), (b"+2AA-b", "utf-7", "\ufffdb"), (b"\xc3\xa9\0", "utf-8", "é\ufffd"),
        (b"+2AAA6Q-", "utf-7", "\ufffdé"), ("é".encode(), "utf-8", "é"), (b"a", "utf-8", "a"),
    ],
)  # fmt: skip
def test_nothing_is_left_that_cannot_be_written(octets: bytes, charset: str, text: str) -> None:
    told: list[str] = []

    assert decoded(octets, charset, told.append) == text
    assert bool(told) == ("\ufffd" in text)
