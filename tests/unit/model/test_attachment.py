"""Attachments: files, octets, streams, texts, and what is refused (hazards H38, H55, H58)."""

from __future__ import annotations

import io
import mimetypes
import os
import pickle
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from courriel.compose.rich import RichTemplate
from courriel.compose.template import Template
from courriel.errors import InvalidMessage
from courriel.model.messages import attachment
from courriel.model.messages.attachment import Attachment
from courriel.model.messages.message import Message
from courriel.model.received.attachment import ReceivedAttachment
from courriel.wire.mime.build import content_of

MESSAGE = Message(sender="ada@example.org", to="bob@example.org")


def test_a_file_is_looked_at_when_it_is_attached(tmp_path: Path) -> None:
    path = tmp_path / "été.pdf"
    path.write_bytes(b"%PDF")

    (file,) = MESSAGE.with_attachment(path).attachments

    assert (file.name, file.size, file.content_type, file.inline) == ("été.pdf", 4, "application/pdf", False)
    assert file.source == str(path)
    assert file.read() == b"%PDF"


def test_a_relative_path_stays_the_same_file_wherever_the_program_goes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a.txt").write_bytes(b"x")
    monkeypatch.chdir(tmp_path)

    file = Attachment.file("a.txt")
    monkeypatch.chdir("/")

    assert file.read() == b"x"


def test_a_missing_file_is_an_error_at_once(tmp_path: Path) -> None:
    with pytest.raises(InvalidMessage) as refused:
        MESSAGE.with_attachment(tmp_path / "figures.pdf")

    assert refused.value.hint_id == "ATTACHMENT-MISSING"
    assert "figures.pdf" in str(refused.value)


def test_a_file_that_changes_its_length_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "a.bin"
    path.write_bytes(b"xx")
    file = Attachment.file(path)

    path.write_bytes(b"x")
    with pytest.raises(InvalidMessage, match="2 octets long"):
        file.read()
    path.unlink()
    with pytest.raises(InvalidMessage) as gone:
        file.read()
    assert gone.value.hint_id == "ATTACHMENT-MISSING"


def test_a_directory_and_a_pipe_are_no_files(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")

    for path in (tmp_path, tmp_path / "pipe"):
        with pytest.raises(InvalidMessage, match="not a file"):
            MESSAGE.with_attachment(path)


@pytest.mark.parametrize(
    "path",
    [
        "http://x/y",
        "HTTPS://x/y",
        "file:///etc/passwd",
        "file:etc/passwd",
        "phar://x",
        "data:text/plain,x",
        "\\\\host\\share\\a",
        "//host/share/a",
        "con",
        "NUL.txt",
        "C:\\x\\aux",
        "/dev/null",
        "/dev/shm/../null",
        "com1",
        "x/nul:",
        "a\0.txt",
    ],
)
def test_what_is_no_path_of_a_file_here_is_refused(path: str) -> None:
    with pytest.raises(InvalidMessage):
        MESSAGE.with_attachment(path)


@pytest.mark.skipif(not os.access("/dev/shm", os.W_OK), reason="a system without shared memory that is a folder")
def test_a_file_in_shared_memory_is_a_file() -> None:
    with tempfile.NamedTemporaryFile(dir="/dev/shm", suffix=".pdf") as file:
        file.write(b"%PDF")
        file.flush()

        (attached,) = MESSAGE.with_attachment(file.name).attachments

        assert attached.read() == b"%PDF"


def test_octets_streams_and_text_are_taken_as_they_are() -> None:
    octets = Attachment.data(b"\x00\xff", "a.bin")
    stream = Attachment.data(io.BytesIO(b"abc"), "b.bin")
    text = Attachment.data("été", "c.csv")

    assert octets.source == b"\x00\xff"
    assert stream.source == b"abc"
    assert text.source == "été".encode()
    assert text.content_type == "text/csv; charset=utf-8"


def test_a_string_of_data_is_never_a_path() -> None:
    assert Attachment.data("/etc/passwd", "a.txt").read() == b"/etc/passwd"


def test_a_stream_of_text_and_half_a_character_are_refused() -> None:
    with pytest.raises(InvalidMessage, match="binary mode"):
        Attachment.data(io.StringIO("x"), "a.txt")  # type: ignore[arg-type]
    with pytest.raises(InvalidMessage, match="half of a character"):
        Attachment.data("\ud800", "a.txt")


@pytest.mark.parametrize("name", ["", " a", "a ", "\xa0", "a/b", "x\u202egpj.exe", "é" * 128, "\udce9.txt"])
def test_a_name_that_would_not_arrive_as_it_is_is_refused(name: str) -> None:
    with pytest.raises(InvalidMessage, match="attachment name"):
        Attachment.data(b"", name)


def test_a_path_is_text() -> None:
    with pytest.raises(InvalidMessage, match="a path is text"):
        Attachment.file(b"a.txt")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("name", "content_type"),
    [
        ("a.PDF", "application/pdf"),
        ("a.eml", "message/rfc822"),
        ("a.png", "image/png"),
        ("a", "application/octet-stream"),
        ("a.unheard-of", "application/octet-stream"),
        ("a.tar.gz", "application/octet-stream"),
        ("a.mht", "application/octet-stream"),
        ("http:a.png", "image/png"),
    ],
)
def test_the_type_goes_by_the_name(name: str, content_type: str) -> None:
    assert Attachment.data(b"", name).content_type == content_type


@pytest.mark.parametrize(
    "content_type",
    [
        "pdf",
        "a/b\r\nX-Inj: 1",
        "a/b; name=x",
        "multipart/mixed",
        "message/partial",
        "a/b; x*0*=y",
        "a/b;",
        'a/b; x="y"z',
        "a/é",
        "a/b; boundary=x",
    ],
)
def test_a_malformed_type_is_refused(content_type: str) -> None:
    with pytest.raises(InvalidMessage, match="content_type"):
        Attachment.data(b"", "a", content_type=content_type)


def test_a_type_may_carry_parameters_of_its_own() -> None:
    kind = 'text/calendar; method=REQUEST; charset="utf-8"'

    assert Attachment.data("x", "a.ics", content_type=kind).content_type == kind


def test_an_inline_image_is_found_under_its_name_or_its_id() -> None:
    assert Attachment.data(b"", "logo.png", inline=True).content_id == "logo.png"
    assert Attachment.data(b"", "logo.png", inline=True, content_id="x@y").content_id == "x@y"
    assert Attachment.data(b"", "été d.png", inline=True).content_id.endswith("@courriel")
    with pytest.raises(InvalidMessage, match="content_id"):
        Attachment.data(b"", "a.png", content_id="<x>\r\nX: y")


@pytest.mark.parametrize("ending", sorted(attachment.COMMON_TYPES))
def test_the_common_types_are_those_of_the_tables(ending: str) -> None:
    known = Attachment.data(b"", f"a.{ending}").content_type

    guessed = mimetypes.MimeTypes().guess_type(f"a.{ending}")[0]

    assert known == (guessed or "application/octet-stream") or ending == "eml"
    assert Attachment.data(b"", f"A.{ending.upper()}").content_type == known


def test_a_link_on_the_way_is_followed_as_the_system_does(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Behind a symbolic link, ".." is not the folder that holds the link."""
    (tmp_path / "far" / "deep").mkdir(parents=True)
    (tmp_path / "far" / "a.txt").write_bytes(b"far")
    (tmp_path / "near").symlink_to(tmp_path / "far" / "deep")
    (tmp_path / "a.txt").write_bytes(b"here")
    monkeypatch.chdir(tmp_path)

    there = Attachment.file("near/../a.txt")
    monkeypatch.chdir("/")

    assert there.read() == b"far"


def test_a_string_or_a_path_in_attachments_is_a_path_and_one_alone_is_a_list(tmp_path: Path) -> None:
    path = tmp_path / "invoice.pdf"
    path.write_bytes(b"%PDF")
    made = Attachment.data(b"x", "x.bin")

    for given in (str(path), path, [str(path)], (path,)):
        (file,) = Message(sender="a@x.org", to="b@x.org", attachments=given).attachments
        assert (file.name, file.source, file.read()) == ("invoice.pdf", str(path), b"%PDF")
    both = Message(sender="a@x.org", to="b@x.org", attachments=iter([path, made])).attachments
    assert [each.name for each in both] == ["invoice.pdf", "x.bin"]
    for kind, hole in ((Template, "{email}"), (RichTemplate, "{{ email }}")):
        filled = kind(sender="a@x.org", to=hole, attachments=[path]).with_attachment(str(path)).fill(email="b@x.org")
        assert [each.read() for each in filled.attachments] == [b"%PDF", b"%PDF"]


@pytest.mark.parametrize("path", ["nowhere.pdf", "https://x.org/a.pdf", "//host/share/a", "/dev/null", "/", ""])
@pytest.mark.parametrize("kind", [Message, Template, RichTemplate])
def test_a_path_that_is_no_file_is_refused_when_the_message_is_made(kind: type[Message], path: str) -> None:
    for given in (path, [path]):
        with pytest.raises(InvalidMessage, match="attachment"):
            kind(sender="a@x.org", to="b@x.org", attachments=given)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (b"%PDF", r"Attachment\.data\(octets"),
        ([io.BytesIO(b"x")], r"Attachment\.data\(octets"),
        ([ReceivedAttachment.named("a.pdf", b"x")], r"Attachment\.data\(file\.content, file\.name\)"),
        (None, "the path of a file"),
        ([("a.pdf", b"x")], "not tuple"),
        (3, "not int"),
    ],
)
def test_what_is_neither_a_path_nor_an_attachment_is_refused_with_the_remedy(given: Any, said: str) -> None:
    with pytest.raises(InvalidMessage, match=said):
        Message(sender="a@x.org", to="b@x.org", attachments=given)


@pytest.mark.parametrize("given", [3, None, ["x"], Path("a.txt")])
def test_data_is_content_of_some_kind(given: Any) -> None:
    with pytest.raises(InvalidMessage, match="attachment: "):
        MESSAGE.with_data(given, "a.txt")


def _replace(path: Path) -> None:
    other = path.with_name("other")
    other.write_bytes(b"their")
    os.utime(other, ns=(path.stat().st_atime_ns, path.stat().st_mtime_ns))
    other.replace(path)


def _write(path: Path) -> None:
    before = path.stat().st_mtime_ns
    path.write_bytes(b"their")
    os.utime(path, ns=(before + 1, before + 1))


def _link(path: Path) -> None:
    other = path.with_name("other")
    other.write_bytes(b"their")
    path.unlink()
    path.symlink_to(other)


def _write_and_put_the_time_back(path: Path) -> None:
    before = path.stat()
    path.write_bytes(b"their")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def _pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


@pytest.mark.parametrize("swap", [_replace, _write, _link, _write_and_put_the_time_back, _pipe])
@pytest.mark.parametrize("binary", [False, True])
@pytest.mark.parametrize("name", ["a.bin", "a.eml"])
def test_a_file_that_was_replaced_since_is_an_error_and_not_somebody_elses_content(
    tmp_path: Path, swap: Callable[[Path], None], binary: bool, name: str
) -> None:
    path = tmp_path / name
    path.write_bytes(b"mine.")
    message = Message(sender="a@x.org", to="b@x.org", attachments=[path])

    swap(path)

    with pytest.raises(InvalidMessage, match=r"replaced or written to since|octets long any more"):
        message.attachments[0].read()
    with pytest.raises(InvalidMessage, match=r"replaced or written to since|octets long any more"):
        bytes(content_of(message, binary=binary))


def test_a_file_that_stays_can_be_sent_by_another_process(tmp_path: Path) -> None:
    path = tmp_path / "a.bin"
    path.write_bytes(b"mine.")

    message = pickle.loads(pickle.dumps(Message(sender="a@x.org", to="b@x.org", attachments=[path])))
    before = bytes(content_of(message))
    _replace(path)

    assert b"bWluZS4=" in before
    with pytest.raises(InvalidMessage, match="replaced"):
        bytes(content_of(message))


def test_a_pipe_that_takes_the_place_of_the_file_while_it_is_looked_at_is_refused_without_waiting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.bin"
    path.write_bytes(b"mine.")
    file = path.stat()
    path.unlink()
    os.mkfifo(path)
    real = os.stat
    monkeypatch.setattr(os, "stat", lambda where, **more: file if str(where) == str(path) else real(where, **more))

    with pytest.raises(InvalidMessage, match="a pipe or a device"):
        Attachment.file(path)
