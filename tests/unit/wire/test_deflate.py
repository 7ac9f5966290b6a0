"""Compression of a connection: any cut gives the same octets, portions are bounded, a bomb is refused."""

from __future__ import annotations

import os
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from courriel import errors
from courriel.wire.deflate import PORTION, Deflater, Inflater


def inflated(inflater: Inflater, received: bytes) -> bytes:
    inflater.add(received)
    return b"".join(iter(inflater.take, b""))


@given(st.lists(st.binary(max_size=300), max_size=8), st.lists(st.integers(1, 40), min_size=1, max_size=6))
def test_octets_come_back_however_they_are_cut(said: list[bytes], cuts: list[int]) -> None:
    deflater, inflater = Deflater(), Inflater()
    sent = b"".join(deflater.deflated(piece) for piece in said)
    heard, at = b"", 0

    for turn in range(len(sent)):
        size = cuts[turn % len(cuts)]
        heard += inflated(inflater, sent[at : at + size])
        at += size

    assert heard == b"".join(said)


def test_a_piece_is_complete_when_it_was_sent() -> None:
    deflater, inflater = Deflater(), Inflater()

    assert [inflated(inflater, deflater.deflated(piece)) for piece in (b"c1 NOOP\r\n", b"c2 IDLE\r\n")] == [
        b"c1 NOOP\r\n",
        b"c2 IDLE\r\n",
    ]


@pytest.mark.slow
def test_a_portion_is_bounded() -> None:
    inflater = Inflater()
    inflater.add(Deflater().deflated(bytes(40 * 1024 * 1024)))
    sizes = [len(portion) for portion in iter(inflater.take, b"")]

    assert max(sizes) <= PORTION
    assert sum(sizes) == 40 * 1024 * 1024


@pytest.mark.slow
def test_a_letter_of_zeros_is_no_bomb() -> None:
    inflater = Inflater()

    assert len(inflated(inflater, Deflater().deflated(bytes(60 * 1024 * 1024)))) == 60 * 1024 * 1024


@pytest.mark.slow
def test_a_bomb_is_refused() -> None:
    inflater = Inflater()

    with pytest.raises(errors.RemoteProtocolError, match="leave compress out"):
        inflated(inflater, Deflater().deflated(bytes(100 * 1024 * 1024)))


def test_much_mail_is_no_bomb() -> None:
    inflater, stored = Inflater(), zlib.compressobj(level=0, wbits=-15)
    noise = os.urandom(1024 * 1024)

    for _ in range(80):
        assert inflated(inflater, stored.compress(noise) + stored.flush(zlib.Z_SYNC_FLUSH)) == noise


def test_what_is_not_compressed_is_refused_once() -> None:
    inflater = Inflater()

    with pytest.raises(errors.RemoteProtocolError, match="agreed to compress"):
        inflated(inflater, b"* OK in clear\r\n")
    assert inflater.take() == b""


def test_the_end_of_the_stream_is_told_and_what_follows_is_left() -> None:
    stream = zlib.compressobj(wbits=-15)
    inflater = Inflater()

    assert inflated(inflater, stream.compress(b"bye") + stream.flush(zlib.Z_FINISH) + b"more") == b"bye"
    assert inflater.ended
    assert inflater.take() == b""
