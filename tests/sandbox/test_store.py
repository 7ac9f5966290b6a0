"""Storage behind the practice server: bounded, kept over restarts, searched by words and facts."""

from __future__ import annotations

import contextlib
import signal
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import courriel
from courriel import Message, Sandbox, errors
from courriel.dialogue.server.handler import Delivery, ServerSession
from courriel.model.address import Address
from courriel.sandbox.captured import CapturedMail
from courriel.sandbox.letter import CapturedMessage
from courriel.sandbox.store.index import SearchIndex
from courriel.sandbox.store.mail_file import MailFile
from courriel.sandbox.store.query import read_query
from courriel.wire.parse.letter import Letter
from courriel.wire.smtp.parameters import MailFrom, RcptTo

FILE = (
    "Subject: Invoice\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nsee the file\r\n--b\r\n"
    "Content-Type: application/pdf; name=facture-2026.pdf\r\nContent-Disposition: attachment\r\n\r\n%PDF\r\n--b--\r\n"
)
PAGE = "Subject: News of the summer\r\nContent-Type: text/html\r\n\r\n<p>Caf\u00e9</p>" + " " * 3000 + "\r\n"
MAILS = {
    1: ("ada@shop.example", ["bob@example.org"], "Subject: Votre commande 42\r\n\r\nMerci, c'est l'été.\r\n"),
    2: ("reset@shop.example", ["cleo@example.org"], "Subject: Reset your password\r\n\r\nclick here\r\n"),
    3: ("ada@shop.example", ["bob@example.org", "cleo@example.org"], FILE),
    4: ("news@example.net", ["bob@example.organic"], PAGE),
}  # fmt: skip


def delivery(sender: str, recipients: list[str], content: bytes) -> Delivery:
    def spec(text: str) -> Address:
        return Address.parse(text)

    return Delivery(MailFrom(spec(sender)), tuple(RcptTo(spec(each)) for each in recipients), content)


def put(captured: CapturedMail, sender: str, recipients: list[str], content: bytes) -> None:
    captured.put(delivery(sender, recipients, content), ServerSession())


@pytest.fixture
def captured() -> CapturedMail:
    mail = CapturedMail()
    for sender, recipients, content in MAILS.values():
        put(mail, sender, recipients, content.encode())
    return mail


@pytest.fixture
def index(captured: CapturedMail) -> Iterator[SearchIndex]:
    made = SearchIndex(captured)
    yield made
    made.close()


@pytest.mark.parametrize(
    ("search", "numbers"),
    [
        ("", [4, 3, 2, 1]),
        ("commande", [1]),
        ("COMM", [1]),
        ("from:ada@shop.example", [3, 1]),
        ("to:cleo", [3, 2]),
        ("to:bob@example.org", [3, 1]),  # and not of bob@example.organic
        ("subject:reset", [2]),
        ('subject:"your password"', [2]),
        ('subject:"password your"', []),
        ("has:attachment", [3]),
        ("!has:attachment", [4, 2, 1]),
        ("name:facture", [3]),
        ("facture-2026.pdf", [3]),
        ("cafe", [4]),  # accents are no hurdle
        ("has:html", [4]),
        ("!has:text", [4]),
        ("larger:2k", [4]),
        ("smaller:2k", [3, 2, 1]),
        ("!from:ada", [4, 2]),
        ("from:ada !facture", [1]),
        ("before:2020-01-01", []),
        ("after:2020-01-01 to:bob@example.org", [3, 1]),
        ("is:unread subject:invoice", [3]),
        ("is:read", []),
        ('"', []),
        ("nothing-like-this", []),
        ("body:file", [3]),
        ("Re: x", []),
        ("larger:tall", [4, 3, 2, 1]),
    ],
)
def test_a_search_finds_by_words_and_facts(index: SearchIndex, search: str, numbers: list[int]) -> None:
    wanted = [] if search == '"' else numbers
    query = read_query(search)

    found = index.search(query)

    if search == '"':  # a quotation mark alone asks for nothing
        wanted = [4, 3, 2, 1]
    assert [letter.number for letter in found.letters] == wanted
    assert found.count == len(wanted)


def test_what_was_not_understood_is_said() -> None:
    assert read_query("before:soon larger:tall has:wings is:odd subject:x").remarks == (
        "before:soon", "larger:tall", "has:wings", "is:odd",
    )  # fmt: skip


@pytest.mark.parametrize(
    "hostile", ['" OR 1', "a* NEAR(b)", "{body}: x", "from:\"'; DROP TABLE words; --", "\0", "(" * 999, "x " * 999]
)
def test_a_search_is_data_and_never_a_statement(index: SearchIndex, hostile: str) -> None:
    index.search(read_query(hostile))

    assert index.search(read_query("commande")).count == 1


def test_a_search_may_stay_within_a_mailbox(index: SearchIndex) -> None:
    assert [each.number for each in index.search(read_query("from:ada"), mailbox="Cleo@example.org").letters] == [3]


def test_the_index_follows_arrivals_and_removals(captured: CapturedMail, index: SearchIndex) -> None:
    assert index.search(read_query("commande")).count == 1

    captured.remove([1])
    put(captured, "x@y.z", ["a@b.c"], b"Subject: commande 43\r\n\r\n")

    found = index.search(read_query("commande"))
    assert ([each.number for each in found.letters], found.count) == ([5], 1)


class Watched(CapturedMail):
    """Mails that count how many of them were looked through."""

    handed_out = 0

    @property
    def letters(self) -> list[CapturedMessage]:
        found = super().letters
        self.handed_out += len(found)
        return found

    def after(self, number: int) -> list[CapturedMessage]:
        found = super().after(number)
        self.handed_out += len(found)
        return found

    def numbers(self) -> set[int]:
        found = super().numbers()
        self.handed_out += len(found)
        return found


@pytest.mark.slow
def test_each_mail_is_looked_at_once_to_be_indexed() -> None:
    captured = Watched()
    with contextlib.closing(SearchIndex(captured)) as index:
        for number in range(700):
            put(captured, "ada@example.org", ["bob@example.org"], b"Subject: %d\r\n\r\nx\r\n" % number)
        assert index.search(read_query("subject:699")).count == 1
        for number in range(3):
            put(captured, "ada@example.org", ["bob@example.org"], b"Subject: late%d\r\n\r\nx\r\n" % number)
            assert index.search(read_query("late")).count == number + 1

        assert captured.handed_out == 703


def test_mails_are_indexed_later_when_that_failed(
    captured: CapturedMail, index: SearchIndex, monkeypatch: pytest.MonkeyPatch
) -> None:
    index.search(read_query("facture"))
    captured.remove([1])
    put(captured, "ada@example.org", ["bob@example.org"], b"Subject: novelty\r\n\r\nx\r\n")
    with monkeypatch.context() as full:
        full.setattr(Letter, "parse", lambda content: (_ for _ in ()).throw(OSError("the disk is full")))
        with pytest.raises(OSError, match="full"):
            index.search(read_query("novelty"))

    assert index.numbers(read_query("subject:novelty")) == [5]
    assert index.numbers(read_query("commande")) == []


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["put", "see", "forget", "remove", "clear"]),
            st.lists(st.integers(1, 12), max_size=4),
            st.lists(st.sampled_from(["b@example.org", "B@example.org", "c@example.org", "d@example.org"]), max_size=3),
        ),
        max_size=30,
    )
)
def test_mailboxes_are_counted_right_whatever_happened(steps: list[tuple[str, list[int], list[str]]]) -> None:
    captured = CapturedMail(most=6)
    for what, numbers, recipients in steps:
        if what == "put":
            put(captured, "ada@example.org", recipients, b"Subject: x\r\n\r\ny\r\n")
        elif what == "remove":
            captured.remove(numbers)
        elif what == "clear":
            captured.clear()
        else:
            captured.mark(numbers, seen=what == "see")

    boxes = {each.lower() for letter in captured.letters for each in letter.recipients}
    assert captured.mailboxes() == [
        (box, len(there), sum(not captured.is_seen(letter.number) for letter in there))
        for box in sorted(boxes)
        for there in [[each for each in captured.letters if box in map(str.lower, each.recipients)]]
    ]
    assert captured.numbers() == {letter.number for letter in captured.letters}


def test_pages_of_a_search_follow_each_other(captured: CapturedMail, index: SearchIndex) -> None:
    first, second = (index.search(read_query("after:2020-01-01"), start=start, most=3) for start in (0, 3))

    assert [each.number for each in first.letters] == [4, 3, 2]
    assert [each.number for each in second.letters] == [1]
    assert first.count == second.count == 4


def test_mailboxes_are_those_of_the_envelope(captured: CapturedMail) -> None:
    captured.mark([1], seen=True)

    assert captured.mailboxes() == [
        ("bob@example.org", 2, 1), ("bob@example.organic", 1, 1), ("cleo@example.org", 2, 2)
    ]  # fmt: skip
    assert [each.number for each in captured.page("CLEO@example.org")] == [3, 2]

    put(captured, "a@b.c", ["Bob@example.org", "bob@example.org"], b"Subject: twice\r\n\r\n")
    captured.mark([5], seen=True)
    assert captured.mailboxes()[0] == ("bob@example.org", 3, 1)

    captured.remove([2, 3, 5])

    assert captured.mailboxes() == [("bob@example.org", 1, 0), ("bob@example.organic", 1, 1)]


def test_the_oldest_go_first_by_count_and_by_octets() -> None:
    by_count, by_octets = CapturedMail(most=2), CapturedMail(octets=30)
    for mail in (by_count, by_octets):
        for number in range(4):
            put(mail, "a@b.c", ["d@e.f"], f"Subject: {number}\r\n\r\n".encode())

    assert [each.subject for each in by_count.letters] == ["2", "3"]
    assert by_count.dropped == 2
    assert by_count.count("d@e.f") == 2
    assert [each.subject for each in by_octets.letters] == ["2", "3"]


def test_mails_are_there_after_a_restart_and_their_numbers_go_on(tmp_path: Path) -> None:
    with Sandbox(data=tmp_path / "kept") as first:
        for subject in ("one", "two", "three"):
            courriel.send(Message(sender="a@b.c", to=["d@e.f"], subject=subject, text=subject), via=first.url)
        said = [line.text for line in first.letters[0].said.lines()]
        first.remove(3)

    with Sandbox(data=tmp_path / "kept") as second:
        courriel.send(Message(sender="a@b.c", to=["d@e.f"], subject="four", text="x"), via=second.url)
        letters = second.letters

    assert [(each.number, each.subject, each.text.strip()) for each in letters[:2]] == [
        (1, "one", "one"),
        (2, "two", "two"),
    ]
    assert letters[2].number == 4  # never used twice
    assert [line.text for line in letters[0].said.lines()] == said[: len(letters[0].said.lines())]
    assert any(line.text.startswith("MAIL FROM") and line.about for line in letters[0].said.lines())


def test_the_files_are_their_owners_alone(tmp_path: Path) -> None:
    place = tmp_path / "kept"
    with Sandbox(data=place) as sandbox:
        courriel.send(Message(sender="a@b.c", to=["d@e.f"], subject="x", text="x"), via=sandbox.url)
        modes = {file.name: stat.S_IMODE(file.stat().st_mode) for file in place.iterdir()}

    assert stat.S_IMODE(place.stat().st_mode) == 0o700
    assert set(modes.values()) == {0o600}, modes


@pytest.mark.slow
def test_two_servers_do_not_share_the_same_mails(tmp_path: Path) -> None:
    with (
        Sandbox(data=tmp_path),
        pytest.raises(errors.UsageError, match="another practice server"),
        Sandbox(data=tmp_path),
    ):
        pass


def test_a_file_that_is_no_database_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "mails.db").write_bytes(b"nothing of the kind" * 100)

    with pytest.raises(errors.UsageError, match="no database"), Sandbox(data=tmp_path):
        pass


FULL_DISK = """
import os, resource, signal, sys
from pathlib import Path
from courriel import Message, Sandbox, errors, send

def post(subject, size):
    text = "x" * 70 + ("\\n" + "x" * 70) * (size // 71)
    send(Message(sender="a@b.c", to="d@e.f", subject=subject, text=text), via=sandbox.url)

place = Path(sys.argv[1])
with Sandbox(data=place, keep=3) as sandbox:
    for number in range(3):
        post(f"first {number}", 100)
    written = max(file.stat().st_size for file in place.iterdir())
    resource.setrlimit(resource.RLIMIT_FSIZE, (written + 1000, resource.RLIM_INFINITY))
    try:
        post("too much", 100_000)
    except errors.Refused as refused:
        print(refused.reply.code)
    for act in (sandbox.clear, lambda: sandbox.clear()):
        try:
            act()
        except OSError as full:
            print(type(full).__name__, len(sandbox.letters))
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    post("room again", 100)
    print([letter.subject for letter in sandbox.letters], flush=True)
    os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="limits of a process")
def test_what_was_taken_after_a_full_disk_outlives_kill_9(tmp_path: Path) -> None:
    """A removal that fails leaves no transaction open, in which all later mails would be lost."""
    ended = subprocess.run(
        [sys.executable, "-c", FULL_DISK, str(tmp_path)], capture_output=True, text=True, timeout=120, check=False
    )

    assert ended.returncode == -signal.SIGKILL, ended.stderr
    kept = ["first 1", "first 2", "room again"]
    assert ended.stdout.splitlines() == ["451", "OSError 3", "OSError 3", str(kept)]
    with Sandbox(data=tmp_path) as sandbox:
        assert [letter.subject for letter in sandbox.letters] == kept


def test_a_removed_mail_is_gone_from_the_file(tmp_path: Path) -> None:
    kept = MailFile(tmp_path)
    mail = CapturedMail()
    mail.keep_in(kept)
    put(mail, "a@b.c", ["d@e.f"], b"Subject: x\r\n\r\nvery-secret-word\r\n")
    mail.remove([1])
    kept.close()

    assert not any(b"very-secret-word" in file.read_bytes() for file in tmp_path.iterdir())


def test_marks_and_waiting_work_across_threads() -> None:
    mail = CapturedMail()
    revision = mail.revision
    thread = threading.Thread(target=put, args=(mail, "a@b.c", ["d@e.f"], b"\r\n"))
    thread.start()

    assert mail.wait_for_change(revision, 20) == revision + 1
    thread.join()
