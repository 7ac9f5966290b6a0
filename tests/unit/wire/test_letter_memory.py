"""Large attachments of letters are decoded in blocks: memory is counted, not timed."""

from __future__ import annotations

import binascii
import io
import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from courriel import Letter, ReceivedAttachment
from courriel.wire.parse import transfer

ENCODINGS = ["base64", "quoted-printable", pytest.param("x-uuencode", marks=pytest.mark.slow), "binary"]
SIZES = {"base64": 8_000_000, "binary": 8_000_000, "quoted-printable": 2_000_000, "x-uuencode": 2_000_000}


def letter_of(encoding: str) -> bytes:
    """Letter with a large file: 8 MB, or 2 MB in the encodings that are decoded line by line."""
    line = bytes(range(45))
    coded = {
        "base64": binascii.b2a_base64(line),
        "x-uuencode": binascii.b2a_uu(line),
        "quoted-printable": binascii.b2a_qp(line, quotetabs=True) + b"=\n",
        "binary": line,
    }[encoding]
    begin, end = (b"begin 644 x\n", b"`\nend\n") if encoding == "x-uuencode" else (b"", b"")
    head = b"Content-Type: a/b; name=x\r\nContent-Transfer-Encoding: " + encoding.encode() + b"\r\n\r\n"
    return head + begin + coded * (SIZES[encoding] // len(line)) + end


@contextmanager
def peak() -> Iterator[list[int]]:
    """Measure the peak of octets allocated within the block."""
    found: list[int] = []
    tracemalloc.start()
    try:
        yield found
        found.append(tracemalloc.get_traced_memory()[1])
    finally:
        tracemalloc.stop()


@pytest.mark.slow
@pytest.mark.parametrize("encoding", ENCODINGS)
def test_reading_the_content_costs_less_than_three_times_its_size(encoding: str) -> None:
    raw = letter_of(encoding)

    with peak() as used:
        content = Letter.parse(raw).attachments[0].content

    assert len(content) > SIZES[encoding] - 100
    assert used[0] < 1.3 * len(content)
    if encoding == "base64":
        assert used[0] + len(raw) < 3 * len(content)


@pytest.mark.slow
@pytest.mark.parametrize("encoding", ENCODINGS)
def test_saving_and_reading_in_blocks_cost_nothing_beyond_the_letter(encoding: str, tmp_path: Path) -> None:
    raw = letter_of(encoding)

    with peak() as used:
        (file,) = Letter.parse(raw).attachments
        path = file.save(tmp_path)
        size = file.size
        with file.open() as opened:
            read = sum(len(block) for block in iter(lambda: opened.read(10_000), b""))

    assert path.stat().st_size == size == read
    assert size > SIZES[encoding] - 100
    assert used[0] < 1_000_000


@pytest.mark.parametrize("block", [1, 2, 3, 5, 64, 65_536])
@pytest.mark.parametrize(
    ("encoding", "body", "content"),
    [
        ("base64", b"YWJj\r\nZGVm\r\nYQ==\r\nYmM=\r\n", b"abcdefabc"),
        ("base64", b"YWJjZGVmYWJj!ZGVm" * 9, b"abcdefabcdef" * 9),
        ("quoted-printable", b"a=3Db=\r\nc=\r\n=E9 =zz\r\nd", b"a=bc\xe9 =zz\r\nd"),
        ("quoted-printable", b"=41" * 20, b"A" * 20),
        ("x-uuencode", b"begin 644 x\r\n#86)C\r\n#9&5F\r\n`\r\nend", b"abcdef"),
        ("8bit", b"abc", b"abc"),
    ],
)
def test_blocks_of_any_size_give_the_same(
    monkeypatch: pytest.MonkeyPatch, block: int, encoding: str, body: bytes, content: bytes
) -> None:
    # A block that ends within an escape of quoted-printable.
    monkeypatch.setattr(transfer, "BLOCK", max(block, 3) if encoding == "quoted-printable" else block)
    heard: list[str] = []

    assert transfer.unpacked(body, encoding, heard.append) == content


def test_a_file_that_is_open_is_a_file() -> None:
    (file,) = Letter.parse(
        b"Content-Type: a/b; name=x\r\nContent-Transfer-Encoding: base64\r\n\r\nYQpiCmM=\r\n"
    ).attachments

    with file.open() as opened:
        assert isinstance(opened, io.BufferedIOBase)
        assert opened.readable()
        assert not opened.writable()
        assert [*opened] == [b"a\n", b"b\n", b"c"]
        assert opened.read() == b""
    with file.open() as again:
        assert again.read(1) == b"a"
        assert again.read() == b"\nb\nc"


def test_a_file_that_was_read_is_not_decoded_again() -> None:
    loaded: list[int] = []
    file = ReceivedAttachment("x", "a/b", lambda: loaded.append(1) or b"abc", blocks=lambda: iter((b"other",)))  # type: ignore[func-returns-value]

    assert file.content == b"abc"
    assert file.open().read() == b"abc"
    assert file.size == 3
    assert loaded == [1]


def test_nothing_is_left_behind_when_a_file_cannot_be_read_to_its_end(tmp_path: Path) -> None:
    def blocks() -> Iterator[bytes]:
        yield b"abc"
        raise OSError("the disk is gone")

    file = ReceivedAttachment("x", "a/b", lambda: b"", blocks=blocks)

    with pytest.raises(OSError, match="gone"):
        file.save(tmp_path)
    assert [*tmp_path.iterdir()] == []
