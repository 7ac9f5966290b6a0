"""Received attachments: safe names, and saving that neither leaves the folder nor overwrites (hazard H80)."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from courriel.model.received.attachment import LONGEST_NAME, ReceivedAttachment, numbered, safe_name


def enclosure(name: str = "notes.txt", content: bytes = b"hello") -> ReceivedAttachment:
    return ReceivedAttachment(name, "text/plain", lambda: content)


def test_its_content_is_decoded_once_and_only_when_asked_for() -> None:
    asked: list[str] = []

    def load() -> bytes:
        asked.append("load")
        return b"hello"

    file = ReceivedAttachment("notes.txt", "text/plain", load)
    assert repr(file) == "<Enclosure: 'notes.txt', text/plain>"
    assert asked == []

    assert (file.size, file.content, file.content) == (5, b"hello", b"hello")
    assert asked == ["load"]


def test_an_attachment_is_saved_under_its_name(tmp_path: Path) -> None:
    path = enclosure().save(str(tmp_path))

    assert path == tmp_path / "notes.txt"
    assert path.read_bytes() == b"hello"


def test_nothing_is_overwritten_and_a_number_is_added(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_bytes(b"mine")

    paths = [enclosure(content=each).save(tmp_path) for each in (b"one", b"two")]

    assert [path.name for path in paths] == ["notes (2).txt", "notes (3).txt"]
    assert [path.read_bytes() for path in paths] == [b"one", b"two"]
    assert (tmp_path / "notes.txt").read_bytes() == b"mine"


@pytest.mark.parametrize("there", [True, False])
def test_a_link_of_that_name_is_not_followed(there: bool, tmp_path: Path) -> None:
    folder, elsewhere = tmp_path / "folder", tmp_path / "elsewhere.txt"
    folder.mkdir()
    (folder / "notes.txt").symlink_to(elsewhere)
    if there:
        elsewhere.write_bytes(b"mine")

    path = enclosure().save(folder)

    assert path.name == "notes (2).txt"
    assert elsewhere.exists() == there


def test_a_folder_that_is_not_there_is_made_for_oneself_alone(tmp_path: Path) -> None:
    path = enclosure().save(str(tmp_path / "invoices" / "2026"))

    assert path == tmp_path / "invoices" / "2026" / "notes.txt"
    assert path.parent.stat().st_mode & 0o077 == 0


def test_a_file_where_the_folder_should_be_is_told_as_python_tells_it(tmp_path: Path) -> None:
    (tmp_path / "taken").write_bytes(b"")

    with pytest.raises(FileExistsError):
        enclosure().save(tmp_path / "taken")


def test_a_disk_that_is_full_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Full:
        def __enter__(self) -> Full:
            return self

        def __exit__(self, *_: object) -> None:
            pass

        def write(self, _: bytes) -> None:
            raise OSError(28, "No space left on device")

    def open_full(path: Path, mode: str) -> Full:
        assert mode == "xb"
        path.touch()
        return Full()

    monkeypatch.setattr(Path, "open", open_full)

    with pytest.raises(OSError, match="No space left"):
        enclosure().save(tmp_path)

    assert list(tmp_path.iterdir()) == []


def test_a_folder_where_every_name_is_taken_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("courriel.model.received.attachment._MOST_NUMBERS", 2)
    for _ in range(2):
        enclosure().save(tmp_path)

    with pytest.raises(FileExistsError, match="every name up to 2 is taken"):
        enclosure().save(tmp_path)


@pytest.mark.parametrize(
    ("name", "safe"),
    [
        ("été 2026.pdf", "été 2026.pdf"),
        ("../../etc/passwd", "passwd"),
        ("..\\..\\windows\\system.ini", "system.ini"),
        ("C:\\temp\\a.txt", "a.txt"),
        ("C:a.txt", "C_a.txt"),
        ("a.txt:stream", "a.txt_stream"),
        ("folder/", "folder"),
        (".bashrc", "bashrc"),
        ("name.exe. . .", "name.exe"),
        ("con", "_con"),
        ("LPT1.txt", "_LPT1.txt"),
        ("-rf", "_-rf"),
        ("a\r\nb\0c", "abc"),
        ("gpj.\u202egnp.exe", "gpj.gnp.exe"),
        ('a"b<c>|d?*.txt', "a_b_c__d__.txt"),
        ("", "fallback.bin"),
        ("...", "fallback.bin"),
        ("/", "fallback.bin"),
        ("\udcff", "fallback.bin"),
    ],
)
def test_a_name_is_made_safe(name: str, safe: str) -> None:
    assert safe_name(name, "fallback.bin") == safe


def test_a_long_name_keeps_its_ending() -> None:
    name = safe_name("é" * 300 + ".pdf", "x")

    assert name.endswith("é.pdf")
    assert LONGEST_NAME - 2 < len(name.encode()) <= LONGEST_NAME
    assert len(safe_name("x." + "y" * 300, "x").encode()) <= LONGEST_NAME


@pytest.mark.slow
@given(st.text(max_size=400))
def test_any_text_becomes_a_name_that_can_be_saved_anywhere(text: str) -> None:
    name = safe_name(text, "fallback.bin")

    assert 0 < len(name.encode()) <= LONGEST_NAME + 1
    assert Path(name).name == name
    assert not {*'/\\:*?"<>|\0\r\n'} & {*name}
    assert name.strip(" .") == name
    assert safe_name(name, "x") == name


def test_the_number_stands_before_the_ending() -> None:
    assert [numbered("a.tar.gz", number) for number in (1, 2, 3)] == ["a.tar.gz", "a.tar (2).gz", "a.tar (3).gz"]
    assert numbered("notes", 2) == "notes (2)"
