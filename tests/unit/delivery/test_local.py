"""Local transports: memory, console, null, file and maildir, and their receipts."""

from __future__ import annotations

import errno
import mailbox
import os
import threading
from pathlib import Path

import pytest

from courriel import Message, send
from courriel.delivery import local
from courriel.delivery.local import (
    ConsoleTransport,
    FolderTransport,
    KeptMessage,
    KeptMessages,
    MaildirTransport,
    MemoryTransport,
    NullTransport,
    transport_of,
)
from courriel.delivery.rendering import visible
from courriel.delivery.transport import Transport
from courriel.delivery.urls.route import Route
from courriel.errors import CourrielError, UsageError
from courriel.model.content import Content
from courriel.model.envelope import Envelope
from courriel.model.receipt import Outcome
from courriel.model.submission import Submission

RAW = b"From: ada@example.org\r\nTo: bob@example.org\r\nSubject: =?utf-8?q?=C3=A9t=C3=A9?=\r\n\r\n.hello\r\n\r\nbye\r\n"
ENVELOPE = Envelope.of("ada@example.org", ["bob@example.org", "hidden@example.org"])


def content(*pieces: bytes) -> Content:
    return Content(pieces or (RAW,), sum(map(len, pieces or (RAW,))))


class Full:
    """Content that raises an error while it is read."""

    size = 100

    def __iter__(self) -> object:
        yield b"Subject: half\r\n"
        raise OSError(errno.ENOSPC, "No space left on device")


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("memory:", "kept in memory"),
        ("console:", "shown on the terminal"),
        ("null:", "thrown away"),
        ("file://{}/a/b", "written to {}/a/b/"),
        ("maildir://{}/Mail", "delivered to {}/Mail/new/"),
    ],
)
def test_a_receipt_says_what_was_done_and_to_whom_it_would_have_gone(url: str, words: str, tmp_path: Path) -> None:
    transport = transport_of(Route.parse(url.format(tmp_path)))
    assert transport is not None

    receipt = transport.submit(Submission(ENVELOPE, content()))

    assert receipt.server == url.format(tmp_path)
    assert receipt.reply.code == 250
    assert receipt.reply.text.startswith(words.format(tmp_path))
    assert receipt.accepted == ("bob@example.org", "hidden@example.org")
    assert all(fate.outcome is Outcome.ACCEPTED for fate in receipt.fates)


def test_a_route_to_a_server_has_no_transport_here() -> None:
    assert transport_of(Route.parse("smtps://smtp.example.org")) is None


def test_each_local_transport_satisfies_the_protocol() -> None:
    transports: list[Transport] = [
        MemoryTransport(),
        ConsoleTransport(),
        NullTransport(),
        FolderTransport("/x"),
        MaildirTransport("/x"),
    ]

    assert len(transports) == 5


# MemoryTransport.


def test_memory_keeps_envelope_and_octets() -> None:
    MemoryTransport().submit(Submission(ENVELOPE, content(RAW[:20], RAW[20:])))

    (letter,) = local.letters
    assert letter == KeptMessage(ENVELOPE, RAW)
    assert letter.read()["Subject"] == "été"


def test_when_memory_is_full_the_oldest_are_dropped_and_the_receipt_notes_it() -> None:
    kept = KeptMessages(most=2)
    receipts = [MemoryTransport(kept).submit(Submission(ENVELOPE, content(b"%d\r\n" % number))) for number in range(4)]

    assert [letter.content for letter in kept] == [b"2\r\n", b"3\r\n"]
    assert [receipt.notes for receipt in receipts] == [(), (), *[("memory: is full; its 1 oldest left",)] * 2]


def test_memory_is_bounded_in_octets_too_but_the_newest_always_stays() -> None:
    kept = KeptMessages(octets=10)
    for size in (4, 4, 4, 100):
        kept.add(KeptMessage(ENVELOPE, b"x" * size))

    assert [len(letter.content) for letter in kept] == [100]


def test_letters_are_a_list_that_can_be_emptied() -> None:
    kept = KeptMessages()
    for number in range(3):
        kept.add(KeptMessage(ENVELOPE, b"%d" % number))

    assert (kept[0].content, kept[-1].content, len(kept[1:]), repr(kept)) == (b"0", b"2", 2, "<Letters: 3 kept>")
    kept.clear()
    assert list(kept) == []


def test_threads_may_write_while_another_reads() -> None:
    kept = KeptMessages(most=50)
    threads = [
        threading.Thread(target=lambda: [kept.add(KeptMessage(ENVELOPE, b"x")) for _ in range(200)]) for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    seen = [len(list(kept)) for _ in range(200)]
    for thread in threads:
        thread.join()

    assert max(seen) <= 50
    assert len(kept) == 50


# Files.


def test_a_file_holds_the_octets_as_they_would_have_left(tmp_path: Path) -> None:
    for _ in range(3):
        FolderTransport(str(tmp_path / "kept")).submit(Submission(ENVELOPE, content(RAW[:7], RAW[7:])))

    files = sorted((tmp_path / "kept").iterdir())
    assert len(files) == 3
    assert all(file.read_bytes() == RAW and file.suffix == ".eml" for file in files)


@pytest.mark.skipif(os.name == "nt", reason="other rights")
def test_a_file_is_for_its_owner_only(tmp_path: Path) -> None:
    FolderTransport(str(tmp_path / "new")).submit(Submission(ENVELOPE, content()))

    (file,) = (tmp_path / "new").iterdir()
    assert file.stat().st_mode & 0o077 == 0
    assert file.parent.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("kind", [FolderTransport, MaildirTransport])
def test_half_a_message_is_never_left_behind(kind: type[FolderTransport | MaildirTransport], tmp_path: Path) -> None:
    with pytest.raises(CourrielError, match=r"could not be kept in .*: No space left on device") as refused:
        kind(str(tmp_path)).submit(Submission(ENVELOPE, Content((Full(),), 100)))  # type: ignore[arg-type]

    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []
    assert isinstance(refused.value.__cause__, OSError)


@pytest.mark.parametrize("kind", [FolderTransport, MaildirTransport])
def test_an_unusable_folder_raises_courriel_error(
    kind: type[FolderTransport | MaildirTransport], tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("in the way")

    with pytest.raises(CourrielError, match="could not be kept"):
        kind(str(tmp_path / "file" / "below")).submit(Submission(ENVELOPE, content()))


@pytest.mark.parametrize("kind", [FolderTransport, MaildirTransport])
def test_a_message_is_flushed_to_disk_before_it_is_renamed(
    kind: type[FolderTransport | MaildirTransport], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    story: list[str] = []
    fsync, replace = os.fsync, Path.replace
    monkeypatch.setattr(os, "fsync", lambda handle: story.append("fsync") or fsync(handle))
    monkeypatch.setattr(Path, "replace", lambda self, to: story.append("rename") or replace(self, to))

    kind(str(tmp_path)).submit(Submission(ENVELOPE, content()))

    assert story == ["fsync", "rename", "fsync"]


def test_a_maildir_is_read_by_the_standard_library(tmp_path: Path) -> None:
    # The cuts fall inside line ends.
    cut = [RAW[place : place + 1] for place in range(len(RAW))]

    MaildirTransport(str(tmp_path)).submit(Submission(ENVELOPE, content(*cut)))

    (message,) = mailbox.Maildir(str(tmp_path))
    (file,) = (tmp_path / "new").iterdir()
    assert message["To"] == "bob@example.org"
    assert file.read_bytes() == RAW.replace(b"\r\n", b"\n")
    assert list((tmp_path / "tmp").iterdir()) == []
    assert (tmp_path / "cur").is_dir()


def test_the_host_in_the_name_of_a_maildir_file_is_escaped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("socket.gethostname", lambda: "a/b:c")

    MaildirTransport(str(tmp_path)).submit(Submission(ENVELOPE, content()))

    (file,) = (tmp_path / "new").iterdir()
    assert file.name.endswith(r".a\057b\072c")


# The terminal.


def shown(raw: bytes, capsys: pytest.CaptureFixture[str]) -> str:
    ConsoleTransport().submit(Submission(ENVELOPE, content(raw)))
    return capsys.readouterr().out


def test_the_console_shows_headers_and_decoded_text(capsys: pytest.CaptureFixture[str]) -> None:
    text = shown(RAW, capsys)

    assert "envelope: from <ada@example.org>" in text
    assert "to <hidden@example.org>" in text
    assert "Subject: été" in text
    assert ".hello\n\nbye\n" in text


@pytest.mark.parametrize(
    ("raw", "seen"),
    [
        (b"Subject: a\r\n\r\n\x1b[2J\x1b]0;title\x07\r\n", r"\x1b[2J\x1b]0;title\x07"),
        (b"Subject: =?utf-8?q?=1B[31mred?=\r\n\r\n\r\n", r"\x1b[31mred"),
        (
            b"Subject: a\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n\xe2\x80\xaetxt\xc2\x9b31m\r\n",
            r"\u202etxt\x9b31m",
        ),
        (b"Subject: a\r\nContent-Type: text/plain; charset=x-unknown\r\n\r\nhi \x1b there\r\n", r"hi \x1b there"),
        (b"Subject: a\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n\xff\xfe raw\r\n", "raw"),
        (b"From: =?x?b?x?= <@>;:\r\nTo: ,,,<\r\n\r\nbody\r\n", "body"),
        (b"no header at all", ""),
    ],
)
def test_nothing_that_is_shown_can_steer_the_terminal(
    raw: bytes, seen: str, capsys: pytest.CaptureFixture[str]
) -> None:
    text = shown(raw, capsys)

    assert seen in text
    assert all(line.replace("\t", " ").isprintable() for line in text.split("\n"))


def test_other_parts_are_named_and_not_shown(capsys: pytest.CaptureFixture[str]) -> None:
    raw = (
        b'Subject: a\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary="x"\r\n\r\n'
        b"--x\r\nContent-Type: text/plain\r\n\r\nhello\r\n"
        b"--x\r\nContent-Type: application/pdf\r\nContent-Disposition: attachment; filename=f.pdf\r\n"
        b"Content-Transfer-Encoding: base64\r\n\r\nQUJD\r\n--x--\r\n"
    )

    text = shown(raw, capsys)

    assert "hello" in text
    assert "[application/pdf f.pdf, 3 octets]" in text


def test_invisible_characters_are_escaped() -> None:
    assert visible("a\x1b\u202e\U000e0001\tb") == "a\\x1b\\u202e\\U000e0001\tb"


def test_a_console_that_is_not_there_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdout", None)

    with pytest.raises(UsageError, match="no standard output"):
        send(Message(sender="ada@example.org", to="bob@example.org", text="Hi"), via="console:")
