"""IMAP answers at odd moments: those of another folder, of another time, those that end what they should go on with."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any, cast

import pytest

from courriel import FolderPosition, Password, Security, Server, SyncMark, Timeouts, errors
from session.imap_stranger import GREETING, imap_server
from session.mailboxes import AwaitingMailbox, BlockingMailbox, Mailbox
from session.stranger import Act, Phone, stranger

Call = Callable[..., Mailbox]
COUNTING = GREETING.replace("IDLE", "IDLE ENABLE CONDSTORE QRESYNC")


def offer(greeting: str) -> str:
    """Answer to CAPABILITY with the capabilities of a greeting."""
    return greeting.replace("OK [", "").partition("]")[0] + "\n{tag} OK"


@pytest.fixture(params=[BlockingMailbox, AwaitingMailbox])
def opened(request: pytest.FixtureRequest) -> Iterator[Call]:
    with ExitStack() as ending:

        def opened(act: Act) -> Mailbox:
            port = ending.enter_context(stranger(act)).port
            server = Server("127.0.0.1", port, Security.NONE, timeouts=Timeouts.silence(5))
            session = request.param(server, Password("ada", "correct horse"))
            ending.callback(session.leave)
            session.open()
            return session

        yield opened


def test_what_was_said_of_the_folder_before_is_not_said_of_this_one(opened: Call) -> None:
    selected = (
        "* VANISHED 2\n* 1 FETCH (UID 1 MODSEQ (90) FLAGS (\\Deleted))\n* 9 EXISTS\n* OK [HIGHESTMODSEQ 99] old\n"
        "* OK [CLOSED] the other one\n* 3 EXISTS\n* OK [UIDVALIDITY 7] ok\n* OK [UIDNEXT 4] ok\n"
        "* OK [HIGHESTMODSEQ 12] ok\n{tag} OK [READ-ONLY] selected"
    )
    session = opened(
        imap_server(
            COUNTING, ENABLE="* ENABLED QRESYNC\n{tag} OK", EXAMINE=selected,
            CAPABILITY=offer(COUNTING),
        )
    )  # fmt: skip

    sync = session.sync(since=SyncMark(7, (1, 2, 3), 12))
    changes = list(session.each_change(sync))

    assert changes == []
    assert sync.mark == SyncMark(7, (1, 2, 3), 12)
    assert session.selected.count == 3


@pytest.mark.parametrize("capable", ["CONDSTORE", "CONDSTORE QRESYNC ENABLE"])
def test_a_server_that_counts_backwards_is_compared(opened: Call, capable: str) -> None:
    greeting = GREETING.replace("IDLE", f"IDLE {capable}")
    examined = (
        "* 2 EXISTS\n* OK [UIDVALIDITY 7] ok\n* OK [UIDNEXT 4] ok\n* OK [HIGHESTMODSEQ 5] ok\n{tag} OK [READ-ONLY]"
    )

    def fetch(phone: Phone, tag: str, command: str) -> None:
        told = "" if "CHANGEDSINCE" in command else "* 1 FETCH (UID 1 FLAGS (\\Seen))\n* 2 FETCH (UID 3 FLAGS ())\n"
        phone.say(f"{told}{tag} OK")

    session = opened(
        imap_server(
            greeting, ENABLE="* ENABLED QRESYNC\n{tag} OK", EXAMINE=examined, UID_FETCH=fetch,
            UID_SEARCH="* SEARCH 1 3\n{tag} OK", CAPABILITY=offer(greeting),
        )
    )  # fmt: skip

    sync = session.sync(since=SyncMark(7, (1, 2, 3), 100))
    told = [(change.kind.value, change.uid, *change.flags) for change in session.each_change(sync)]

    assert told == [("gone", 2), ("changed", 1, "seen"), ("changed", 3)]


@pytest.mark.parametrize("said", ["* 4 EXISTS\n{tag} OK done already", "{tag} OK done already", "{tag} BAD no more"])
def test_a_server_may_end_the_waiting_by_itself(opened: Call, said: str) -> None:
    def idle(phone: Phone, tag: str, command: str) -> None:
        phone.say("+ waiting")
        phone.say(said.replace("{tag}", tag))

    session = opened(imap_server(IDLE=idle))
    session.select()
    if "BAD" in said:
        with pytest.raises(errors.CommandRefused):
            session.wait_for_news(0.05)
    else:
        assert session.wait_for_news(0.05) is ("EXISTS" in said)
    session.noop()

    assert session.usable


@pytest.mark.parametrize(
    "found",
    [
        "*  SEARCH 1 2 3\n{tag}  OK  found",
        "* SEARCH  1  2 3 \n{tag} OK",
        "* search 1 2 3\n{tag} ok [x] found",
        "* SEARCH 0 1 2 3\n{tag} OK",
    ],
)
def test_blanks_and_small_letters_are_no_fault(opened: Call, found: str) -> None:
    session = opened(imap_server(UID_SEARCH=found, NOOP="*  3  EXISTS \n*  OK  all is well\n{tag}  OK"))
    session.noop()

    assert session.search().uids == (1, 2, 3)


def test_the_status_of_another_folder_is_not_that_of_this_one(opened: Call) -> None:
    told = "* STATUS INBOX (MESSAGES 3 UNSEEN 1)\n* STATUS Other (MESSAGES 77 UNSEEN 55)\n{tag} OK"
    session = opened(imap_server(STATUS=told))

    assert session.status("INBOX").count == 3


def test_letters_are_nobodys_when_the_server_renumbers_under_way(opened: Call) -> None:
    session = opened(imap_server(UID_STORE="{tag} OK", NOOP="* OK [UIDVALIDITY 8] renumbered\n{tag} OK"))
    (letter, *_) = session.search()
    session.noop()

    with pytest.raises(errors.UsageError, match="renumbered"):
        session.flag(letter, "deleted")


# What a newcomer writes.


@pytest.mark.parametrize(
    ("call", "told"),
    [
        (lambda session: session.sync(since="7:3"), r"SyncMark\.read\(text\)"),
        (lambda session: session.watch(after="7:3"), r"FolderPosition\.read\(text\)"),
        (lambda session: session.search(unsen=True), "there is no unsen; there are seen, unseen,"),
        (lambda _: SyncMark.read(cast("str", None)), "is not a mark of sync"),
        (lambda _: SyncMark.read('{"uid_validity": Infinity, "uids": [], "modseq": 1, "flags": []}'), "is not a mark"),
        (lambda _: FolderPosition.read(cast("str", None)), "is not a mark"),
    ],
)
def test_what_is_given_wrongly_is_told_with_what_belongs_there(
    opened: Call, call: Callable[[Any], object], told: str
) -> None:
    with pytest.raises(errors.UsageError, match=told):
        call(opened(imap_server()))
