"""Dot-unstuffing: the end of a message, octet by octet."""

from __future__ import annotations

import pytest

from courriel.wire.smtp.dot_unstuffer import DotUnstuffer


@pytest.mark.parametrize("size", [1, 2, 3, 5, 1000])
@pytest.mark.parametrize(
    ("said", "content", "rest"),
    [
        (b".\r\n", b"", b""),
        (b".\r\nQUIT\r\n", b"", b"QUIT\r\n"),
        (b"a\r\n.\r\n", b"a\r\n", b""),
        (b"..\r\n.\r\n", b".\r\n", b""),
        (b"...a\r\n..\r\n.\r\n.\r\n", b"..a\r\n.\r\n", b".\r\n"),
        (b"a\r\r\n.\r\n", b"a\r\r\n", b""),
        (b"a\r\n.\r.\r\n.\r\n", b"a\r\n\r.\r\n", b""),
        (b"a.\r\n.\r\n", b"a.\r\n", b""),
    ],
)
def test_the_end_is_found_and_what_follows_is_left(said: bytes, content: bytes, rest: bytes, size: int) -> None:
    stuffed, buffer, ended = DotUnstuffer(1000), bytearray(), False
    for at in range(0, len(said), size):
        buffer += said[at : at + size]
        ended = ended or stuffed.take(buffer)

    assert (ended, stuffed.content, bytes(buffer)) == (True, content, rest)
    assert stuffed.size == len(content)


def test_what_is_too_much_is_counted_and_not_kept() -> None:
    stuffed = DotUnstuffer(4)
    for _ in range(100):
        assert not stuffed.take(bytearray(b"abc"))

    assert (stuffed.size, stuffed.overflowed, stuffed.content) == (300, True, b"abc")
    assert stuffed.take(bytearray(b"\r\n.\r\n"))


@pytest.mark.parametrize(
    ("said", "count"), [(b".a\r\n.\r\n", 1), (b"..a\r\n.\r\n", 0), (b"a\r\n.\n\r\n.b\r\n.\r\n", 2)]
)
def test_a_dot_that_was_not_doubled_is_lost_and_counted(said: bytes, count: int) -> None:
    stuffed = DotUnstuffer(1000)

    assert stuffed.take(bytearray(said))
    assert stuffed.single_dots == count
    assert b"." not in stuffed.content or count == 0
