"""hoodiecrow, read by us: a server without SORT, THREAD, MOVE and UIDPLUS, in a dialect of its own."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from courriel import Password
from servers.accounts import ADA
from servers.hoodiecrow import Hoodiecrow, hoodiecrow
from session.mailboxes import AwaitingMailbox, BlockingMailbox, Mailbox

pytestmark = pytest.mark.acceptance


@pytest.fixture
def running() -> Iterator[Hoodiecrow]:
    with hoodiecrow() as server:
        yield server


@pytest.fixture(params=[BlockingMailbox, AwaitingMailbox])
def box(request: pytest.FixtureRequest, running: Hoodiecrow) -> Iterator[Mailbox]:
    session = request.param(running.server, Password(ADA.user, ADA.password))
    session.open()
    yield session
    session.close()
    session.leave()


def subjects(letters: Any) -> list[str]:
    return [letter.subject for letter in letters]


def test_letters_are_found_read_sorted_and_put_together(box: Mailbox) -> None:
    assert subjects(box.search(unseen=True)) == ["letter 2", "letter 3"]
    assert [box.content(letter).endswith(b"Bonjour 1.\r\n") for letter in box.search(seen=True)] == [True]
    assert subjects(box.search(sort="date", listing=True)) == ["letter 3", "letter 2", "letter 1"]
    assert subjects(box.search(last=2)) == ["letter 2", "letter 3"]
    (thread,) = box.threads()
    assert [(each.uid, each.level) for each in thread.letters] == [
        (uid, level) for level, uid in enumerate(box.search().uids)
    ]


def test_letters_are_filed(box: Mailbox) -> None:
    assert box.special("sent") == "Sent"

    box.append(b"Subject: a copy\r\n\r\nBonjour.\r\n", "Sent")
    box.flag(box.search().uids[0], "flagged")
    box.move(box.search(flagged=True).uids, "Sent")

    box.select("Sent")
    assert sorted(subjects(box.search())) == ["a copy", "letter 1"]


def test_changes_are_told_as_another_session_makes_them(box: Mailbox, running: Hoodiecrow) -> None:
    watch = box.watch_changes(renew=0.2)
    with BlockingMailbox(running.server, Password(ADA.user, ADA.password)) as other:
        uids = other.search().uids
        other.append(b"Subject: letter 4\r\n\r\nBonjour.\r\n", "INBOX")
        other.delete(uids[1])
        other.expunge()

    found = [next(watch) for _ in range(2)]
    watch.close()

    assert {(each.kind.value, each.letter.subject if each.letter else each.uid) for each in found} == {
        ("new", "letter 4"),
        ("gone", uids[1]),
    }
