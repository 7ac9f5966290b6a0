"""Synchronising a folder: new letters, new flags, letters that are gone, on servers that count changes and others."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from courriel import Password, Security, Server, SyncMark, Timeouts, errors
from courriel.wire.imap.syntax import read_uid_set
from session.imap_stranger import imap_server
from session.mailboxes import AwaitingMailbox, BlockingMailbox, Mailbox
from session.stranger import Act, Phone, stranger

Call = Callable[..., Mailbox]
FLAGS = re.compile(r"UID FETCH (\d+):(\d+) \(FLAGS\)(?: \(CHANGEDSINCE (\d+)\))?")


class Folder:
    """A folder that counts its changes, or does not."""

    def __init__(self, *uids: int, capable: str = "", validity: int = 7) -> None:
        self.letters = dict.fromkeys(uids, ("", 1))  # flags, and number of the last change
        self.gone: list[int] = []
        self.modseq = 1
        self.next = max(uids, default=0) + 1
        self.validity = validity
        self.capable = capable
        self.heard: list[str] = []

    def put(self) -> None:
        self.flag(self.next, "")
        self.next += 1

    def flag(self, uid: int, flags: str) -> None:
        self.modseq += 1
        self.letters[uid] = flags, self.modseq

    def remove(self, uid: int) -> None:
        self.modseq += 1
        del self.letters[uid]
        self.gone.append(uid)

    def serve(self) -> Act:
        return imap_server(
            CAPABILITY=f"* CAPABILITY IMAP4rev1 {self.capable}\n{{tag}} OK",
            ENABLE=self.answer(lambda command: f"* ENABLED {command.split()[1]}\n"),
            EXAMINE=self.answer(self.examine),
            UID_SEARCH=self.answer(self.search),
            UID_FETCH=self.answer(self.fetch),
        )

    def answer(self, act: Callable[[str], str]) -> Callable[[Phone, str, str], None]:
        def answer(phone: Phone, tag: str, command: str) -> None:
            self.heard.append(command)
            phone.say(f"{act(command)}{tag} OK done")

        return answer

    def examine(self, command: str) -> str:
        said = f"* {len(self.letters)} EXISTS\n* OK [UIDVALIDITY {self.validity}] x\n* OK [UIDNEXT {self.next}] x\n"
        if "QRESYNC" in self.capable or "CONDSTORE" in self.capable:
            said += f"* OK [HIGHESTMODSEQ {self.modseq}] x\n"
        if found := re.search(r"\(QRESYNC \((\d+) (\d+)\)\)", command):
            said += f"* VANISHED (EARLIER) {','.join(map(str, self.gone))},900:4294967295\n" if self.gone else ""
            said += self.flags(lambda uid, modseq: modseq > int(found[2]))
        return said

    def search(self, command: str) -> str:
        above = re.search(r"UID (\d+):\*", command)
        found = [uid for uid in self.letters if above is None or uid >= int(above[1])]
        return f"* SEARCH {' '.join(map(str, found))}\n"

    def fetch(self, command: str) -> str:
        if found := FLAGS.match(command):
            first, last, since = int(found[1]), int(found[2]), int(found[3] or 0)
            return self.flags(lambda uid, modseq: first <= uid <= last and modseq > since)
        numbers = [uid for uid in read_uid_set(command.split()[2].encode(), 1000) if uid in self.letters]
        return "".join(
            f"* 1 FETCH (UID {uid} FLAGS () BODY[HEADER] {{16}}\nSubject: {uid:03}\n\n)\n" for uid in numbers
        )

    def flags(self, wanted: Callable[[int, int], bool]) -> str:
        return "".join(
            f"* 1 FETCH (UID {uid} FLAGS ({flags} \\Recent) MODSEQ ({modseq}))\n"
            for uid, (flags, modseq) in self.letters.items()
            if wanted(uid, modseq)
        )


@pytest.fixture(params=[BlockingMailbox, AwaitingMailbox])
def opened(request: pytest.FixtureRequest) -> Iterator[Call]:
    with ExitStack() as ending:

        def opened(folder: Folder) -> Mailbox:
            port = ending.enter_context(stranger(folder.serve())).port
            server = Server("127.0.0.1", port, Security.NONE, timeouts=Timeouts.silence(5))
            session = request.param(server, Password("ada", "correct horse"))
            ending.callback(session.leave)
            session.open()
            return session

        yield opened


KINDS = ["", "CONDSTORE", "CONDSTORE QRESYNC", "CONDSTORE QRESYNC ENABLE"]


def changes(session: Mailbox, since: SyncMark | None) -> tuple[list[tuple[Any, ...]], SyncMark]:
    """Changes as they come, and the mark behind them."""
    sync = session.sync(since=since)
    found = [
        (change.kind.value, change.uid, *sorted(change.flags), *([change.letter.subject] if change.letter else []))
        for change in session.each_change(sync)
    ]
    assert sync.mark is not None
    return found, sync.mark


@pytest.mark.parametrize("capable", KINDS)
def test_what_has_happened_since_a_mark_is_told_once(opened: Call, capable: str) -> None:
    folder = Folder(1, 2, 3, 4, capable=capable)
    session = opened(folder)

    first, mark = changes(session, None)
    nothing, mark = changes(session, SyncMark.read(str(mark)))
    folder.flag(2, "\\Seen $Work")
    folder.remove(3)
    folder.put()
    told, mark = changes(session, SyncMark.read(str(mark)))
    folder.flag(2, "")
    again, mark = changes(session, SyncMark.read(str(mark)))

    assert first == [("new", uid, f"00{uid}") for uid in (1, 2, 3, 4)]
    assert nothing == []
    assert told == [("gone", 3), ("changed", 2, "$Work", "seen"), ("new", 5, "005")]
    assert again == [("changed", 2)]
    assert mark.uids == (1, 2, 4, 5)


def test_a_folder_that_counts_changes_takes_three_round_trips(opened: Call) -> None:
    folder = Folder(*range(1, 101), capable="CONDSTORE QRESYNC ENABLE")
    session = opened(folder)
    _, mark = changes(session, None)
    folder.flag(50, "\\Seen")
    folder.remove(51)
    folder.put()
    session.open()
    folder.heard.clear()

    told, _ = changes(session, mark)

    assert len(told) == 3
    assert [command.split()[0:2] for command in folder.heard] == [
        ["ENABLE", "QRESYNC"], ["EXAMINE", '"INBOX"'], ["UID", "FETCH"],
    ]  # fmt: skip


def test_a_letter_that_the_server_does_not_tell_of_is_looked_for(opened: Call) -> None:
    folder = Folder(1, 2, capable="CONDSTORE QRESYNC ENABLE")
    session = opened(folder)
    _, mark = changes(session, None)
    folder.letters[3] = ("", 0)
    folder.next = 4

    told, _ = changes(session, mark)

    assert told == [("new", 3, "003")]


def test_the_mark_stays_until_all_changes_were_taken(opened: Call) -> None:
    session = opened(Folder(1, 2, 3))
    sync = session.sync()

    taken = session.each_change(sync)
    _ = next(taken)
    taken.close()

    assert sync.mark is None


def test_a_renumbered_folder_is_told(opened: Call) -> None:
    folder = Folder(1, 2)
    session = opened(folder)
    _, mark = changes(session, None)
    folder.validity = 8

    with pytest.raises(errors.FolderRenumbered, match="what has changed cannot be told"):
        changes(session, mark)

    assert session.usable


def test_a_server_that_counts_from_now_on_is_compared_once_more(opened: Call) -> None:
    folder = Folder(1, 2)
    session = opened(folder)
    _, mark = changes(session, None)
    folder.capable = "CONDSTORE"
    folder.flag(1, "\\Seen")
    session.open()

    told, mark = changes(session, mark)

    assert told == [("changed", 1, "seen")]
    assert (mark.modseq, mark.flags) == (2, ())


@given(
    st.builds(
        SyncMark,
        st.integers(0, 2**63),
        st.sets(st.integers(1, 2**32 - 1), max_size=20).map(lambda uids: tuple(sorted(uids))),
        st.integers(0, 2**63),
        st.dictionaries(
            st.integers(1, 2**32 - 1), st.frozensets(st.sampled_from(["seen", "flagged", "$Work"])), max_size=9
        ).map(lambda flags: tuple(sorted(flags.items()))),
    )
)
def test_a_mark_is_read_back(mark: SyncMark) -> None:
    assert SyncMark.read(str(mark)) == mark


@pytest.mark.parametrize(
    "text",
    [
        "", "7:12", "null", "[]", "{}", '{"uid_validity": 1, "modseq": 1, "uids": [[1, 99999999999]], "flags": []}',
        '{"uid_validity": 1, "modseq": 1, "uids": [[0, 1]], "flags": []}',
        '{"uid_validity": "x", "modseq": 1, "uids": [], "flags": []}',
        '{"uid_validity": 1, "modseq": 1, "uids": [], "flags": [[1, 2]]}',
    ],
)  # fmt: skip
def test_what_is_no_mark_is_refused(text: str) -> None:
    with pytest.raises(errors.UsageError, match="is not a mark of sync"):
        SyncMark.read(text)
