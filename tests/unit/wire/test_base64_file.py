"""Files while they are sent: block by block, in constant memory, by the fastest encoder, unchanged during the read."""

from __future__ import annotations

import os
import subprocess
import sys
import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import pybase64
import pytest

from courriel.errors import InvalidMessage
from courriel.model.messages.attachment import Attachment
from courriel.wire.mime import transfer
from courriel.wire.mime.transfer import Base64File, RawFile, base64_size, encode_base64

MEGABYTE = 1_000_000


@pytest.fixture
def _afresh() -> Iterator[None]:
    """Look pybase64 up again, before and after the test."""
    transfer.fastest_base64.cache_clear()
    yield
    transfer.fastest_base64.cache_clear()


@pytest.mark.usefixtures("_afresh")
@pytest.mark.parametrize("size", [0, 1, 56, 57, 58, 57 * 384, 57 * 384 + 1, 57 * 384 * 3 - 1])
def test_pybase64_writes_the_same_where_it_is_installed(
    size: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = os.urandom(size)
    file = tmp_path / "a.bin"
    file.write_bytes(data)
    theirs = b"".join(Base64File(Attachment.file(file)))
    assert transfer.fastest_base64() is pybase64.b64encode
    monkeypatch.setitem(sys.modules, "pybase64", None)  # as if not installed
    transfer.fastest_base64.cache_clear()

    ours = b"".join(Base64File(Attachment.file(file)))

    assert transfer.fastest_base64() is not pybase64.b64encode
    assert theirs == ours == encode_base64(data)
    assert len(ours) == base64_size(size)


@pytest.mark.usefixtures("_afresh")
def test_nobody_needs_pybase64(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pybase64", None)

    assert encode_base64(b"abc") == b"YWJj\r\n"


Kind = type[Base64File] | type[RawFile]


@pytest.fixture(params=[Base64File, RawFile])
def kind(request: pytest.FixtureRequest) -> Kind:
    chosen: Kind = request.param
    return chosen


@pytest.mark.parametrize("size", [0, 1, 65_535, 65_536, 65_537, 200_000])
def test_a_file_that_goes_as_it_is_is_what_it_was(size: int, tmp_path: Path) -> None:
    data = os.urandom(size)
    file = tmp_path / "a.bin"
    file.write_bytes(data)
    plain = RawFile(Attachment.file(file))

    assert b"".join(plain) == data == b"".join(plain)
    assert plain.size == size


def test_a_file_that_is_written_to_while_it_is_sent_breaks_off(kind: Kind, tmp_path: Path) -> None:
    file = tmp_path / "a.bin"
    file.write_bytes(b"x" * 100_000)
    blocks = iter(kind(Attachment.file(file)))
    next(blocks)

    with file.open("r+b") as writer:
        writer.seek(90_000)
        writer.write(b"y")
    os.utime(file, ns=(1, 1))  # the clock of a file system may be too coarse

    with pytest.raises(InvalidMessage, match="was written to while it was being sent"):
        list(blocks)


def test_a_file_that_shrinks_while_it_is_sent_breaks_off(kind: Kind, tmp_path: Path) -> None:
    file = tmp_path / "a.bin"
    file.write_bytes(b"x" * 100_000)
    blocks = iter(kind(Attachment.file(file)))
    next(blocks)

    os.truncate(file, 90_000)

    with pytest.raises(InvalidMessage, match="is not 100000 octets long any more"):
        list(blocks)


def test_a_file_system_may_give_less_than_was_asked_for() -> None:
    left = [b"ab", b"c", b"", b"d"]

    def read(block: memoryview) -> int:
        octets = left.pop(0)
        block[: len(octets)] = octets
        return len(octets)

    block = memoryview(bytearray(5))

    assert transfer.fill_block(read, block) == 3
    assert bytes(block[:3]) == b"abc"


@pytest.mark.slow
def test_a_file_takes_no_memory_to_speak_of(kind: Kind, tmp_path: Path) -> None:
    file = tmp_path / "a.bin"
    with file.open("wb") as sparse:
        sparse.truncate(10 * MEGABYTE)
    sent = kind(Attachment.file(file))
    tracemalloc.start()

    length = sum(map(len, sent))

    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert length == sent.size
    assert peak < 300_000


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="it asks the system for the peak")
@pytest.mark.parametrize("binary", [False, True])
def test_a_gigabyte_needs_no_more_than_a_megabyte(binary: bool, tmp_path: Path) -> None:
    small, large = (_peak_of_a_mail_with(tmp_path, size, binary) for size in (MEGABYTE, 1_000 * MEGABYTE))

    assert large - small < 2 * MEGABYTE


def _peak_of_a_mail_with(folder: Path, size: int, binary: bool) -> int:
    """Peak memory in octets of a new process that writes a mail with a file of this size."""
    file = folder / f"{size}.bin"
    with file.open("wb") as sparse:
        sparse.truncate(size)
    program = (
        "import resource, sys\n"
        "from courriel import Message\n"
        "from courriel.wire.mime.build import build\n"
        "message = Message(sender='a@x.org', to='b@x.org', text='Attached.').with_attachment(sys.argv[1])\n"
        f"content = build(message, binary={binary})\n"
        "assert sum(map(len, content)) == content.size\n"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)\n"
    )
    said = subprocess.run([sys.executable, "-c", program, str(file)], capture_output=True, text=True, check=True)
    return int(said.stdout) * (1 if sys.platform == "darwin" else 1024)
