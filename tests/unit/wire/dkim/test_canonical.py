"""Canonical forms of DKIM: as RFC 6376 has them, whatever the blocks, in constant memory."""

from __future__ import annotations

import re
import tracemalloc
from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from courriel.wire.dkim.canonical import BodyDigest, relaxed_field


def digest(body: bytes, *, relaxed: bool, most: int | None = None, step: int = 0) -> bytes:
    found = BodyDigest(relaxed=relaxed, most=most)
    for start in range(0, len(body), step or max(1, len(body))):
        found.feed(body[start : start + (step or len(body))])
    return found.finish()


def written_out(body: bytes, *, relaxed: bool) -> bytes:
    """The canonical form as RFC 6376 3.4.3 and 3.4.4 say it, line by line."""
    lines = body.split(b"\r\n")
    if relaxed:
        lines = [re.sub(rb"[ \t]+", b" ", line).removesuffix(b" ") for line in lines]
    while lines and not lines[-1]:
        del lines[-1]
    if not lines:
        return b"" if relaxed else b"\r\n"
    return b"\r\n".join(lines) + b"\r\n"


BODIES = st.lists(st.sampled_from([b"a", b"bc", b" ", b"  ", b"\t", b"\r\n", b"\r\n\r\n", b"\r", b"\n", b"."])).map(
    b"".join
)


@given(BODIES, st.booleans(), st.integers(1, 5))
def test_a_body_is_digested_as_the_rfc_says_whatever_its_blocks(body: bytes, relaxed: bool, step: int) -> None:
    expected = sha256(written_out(body, relaxed=relaxed)).digest()

    assert digest(body, relaxed=relaxed) == expected
    assert digest(body, relaxed=relaxed, step=step) == expected


@given(BODIES, st.booleans(), st.integers(0, 30), st.integers(1, 5))
def test_a_length_limits_what_is_digested(body: bytes, relaxed: bool, most: int, step: int) -> None:
    whole = written_out(body, relaxed=relaxed)

    assert digest(body, relaxed=relaxed, most=most, step=step) == sha256(whole[:most]).digest()


@pytest.mark.parametrize(
    ("name", "value", "relaxed"),
    [
        (b"A", b" X\r\n", b"a:X"),
        (b"B ", b" Y\t\r\n\tZ  \r\n", b"b:Y Z"),
        (b"Subject", b"", b"subject:"),
        (b"Subject", b"\r\n \r\n x", b"subject:x"),
    ],
)
def test_a_field_is_relaxed_as_in_the_example_of_the_rfc(name: bytes, value: bytes, relaxed: bytes) -> None:
    assert relaxed_field(name, value) == relaxed


@pytest.mark.parametrize("unit", [b"\r\n", b" ", b"a \r\n", b"\t\r", b"\n"])
@pytest.mark.slow
def test_a_body_of_a_hundred_megabytes_takes_constant_memory(unit: bytes) -> None:
    block = unit * (1_000_000 // len(unit))
    body = BodyDigest()
    tracemalloc.start()
    for _ in range(100):
        body.feed(block)
    body.feed(b"end")
    body.finish()
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert peak < 4_000_000
