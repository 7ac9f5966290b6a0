"""Synchronising a folder: new letters, new flags, letters that are gone, on servers that count changes and others."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from courriel import Password, Security, Server, SyncMark, Timeouts, errors
from session.folder_of_changes import Folder
from session.mailboxes import AwaitingMailbox, BlockingMailbox, Mailbox
from session.stranger import stranger

Call = Callable[..., Mailbox]


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


@pytest.mark.slow
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
