"""Watching folders for every change: nothing is lost between two waits, by lost connections, or by a restart."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import partial
from typing import Any

import pytest

from courriel import Password, Security, Server, SyncMark, Timeouts, errors
from session.folder_of_changes import Folder
from session.mailboxes import AwaitingMailbox, BlockingMailbox, Mailbox
from session.stranger import Act, Phone, stranger

Call = Callable[..., Mailbox]
KINDS = ["IDLE", "IDLE CONDSTORE", "IDLE CONDSTORE QRESYNC ENABLE"]


class WatchedFolder(Folder):
    """A folder in which something happens at the n-th IDLE: what this returns is said, and None hangs up."""

    def __init__(self, *uids: int, capable: str = KINDS[2], **happens: Callable[[], str | None]) -> None:
        super().__init__(*uids, capable=capable)
        self.happens = {int(name.removeprefix("at")): act for name, act in happens.items()}
        self.idled = 0
        self.selected: list[str] = []

    def idle(self, phone: Phone, tag: str, command: str) -> None:
        self.idled += 1
        phone.say("+ idling")
        said = self.happens[self.idled]() if self.idled in self.happens else ""
        if said is None:
            phone.line.shutdown(socket.SHUT_RDWR)
            return
        if said:
            phone.say(said)
        phone.receive()
        phone.say(f"{tag} OK done")

    def examine(self, command: str) -> str:
        self.selected.append(command)
        return super().examine(command)

    def serve(self, **answers: Any) -> Act:
        return super().serve(IDLE=self.idle, **answers)


@pytest.fixture(params=[BlockingMailbox, AwaitingMailbox])
def opened(request: pytest.FixtureRequest) -> Iterator[Call]:
    """An open session with a server of these behaviours, one after the other."""
    with ExitStack() as ending:

        def opened(*acts: Act) -> Mailbox:
            port = ending.enter_context(stranger(*acts)).port
            server = Server("127.0.0.1", port, Security.NONE, timeouts=Timeouts.silence(5))
            session = request.param(server, Password("ada", "correct horse"))
            ending.callback(session.leave)
            session.open()
            return session

        yield opened


def said(words: str, *acts: Callable[[], object]) -> str:
    for act in acts:
        act()
    return words


def taken(watch: Any, count: int) -> list[tuple[Any, ...]]:
    """So many changes, then the watch is closed."""
    found = [next(watch) for _ in range(count)]
    watch.close()
    return [
        (each.kind.value, each.uid, *sorted(each.flags), *([each.letter.subject] if each.letter else []))
        for each in found
    ]


@pytest.mark.parametrize("capable", KINDS)
def test_every_change_is_told_as_it_is_announced(opened: Call, capable: str) -> None:
    folder = WatchedFolder(1, 2, 3, 4, capable=capable)
    folder.happens = {
        1: lambda: said("* 5 EXISTS", folder.put),
        2: lambda: said("* 2 FETCH (FLAGS (\\Seen))", partial(folder.flag, 2, "\\Seen")),
        3: lambda: said("* 3 EXPUNGE", partial(folder.remove, 3)),
        4: lambda: said("* VANISHED 4", partial(folder.remove, 4)),
    }

    changes = taken(opened(folder.serve()).watch_changes(), 4)

    assert changes == [("new", 5, "005"), ("changed", 2, "seen"), ("gone", 3), ("gone", 4)]


@pytest.mark.parametrize("capable", KINDS)
@pytest.mark.parametrize("last", ["* 3 EXISTS", "* BYE idle for too long", ""])
def test_a_server_that_hangs_up_loses_nothing(opened: Call, capable: str, last: str) -> None:
    """It says EXISTS and hangs up at once, or drops IDLE after half an hour; meanwhile more happens."""
    folder = WatchedFolder(1, 2, capable=capable)

    def idle(phone: Phone, tag: str, command: str) -> None:
        phone.say("+ idling")
        if last:
            phone.say(last)
        for act in (folder.put, partial(folder.flag, 1, "\\Flagged"), partial(folder.remove, 2)):
            act()
        phone.line.shutdown(socket.SHUT_RDWR)

    session = opened(Folder.serve(folder, IDLE=idle), folder.serve())

    assert taken(session.watch_changes(), 3) == [("gone", 2), ("changed", 1, "flagged"), ("new", 3, "003")]


@pytest.mark.slow
def test_a_server_that_hangs_up_on_every_wait_is_watched_all_the_same(opened: Call) -> None:
    """The patience is for a server that cannot be reached: this one is, each time."""
    folder = WatchedFolder(1, at1=lambda: None, at2=lambda: None)
    folder.happens[3] = lambda: said("* 2 EXISTS", folder.put)

    assert taken(opened(folder.serve()).watch_changes(patience=0.5), 1) == [("new", 2, "002")]


def test_what_is_never_announced_is_found_when_idle_is_renewed(opened: Call) -> None:
    folder = WatchedFolder(1, 2, at1=lambda: said("", folder.put))

    assert taken(opened(folder.serve()).watch_changes(renew=0.05), 1) == [("new", 3, "003")]


@pytest.mark.parametrize("capable", [kind.removeprefix("IDLE") for kind in KINDS])
def test_a_server_without_idle_is_asked(opened: Call, capable: str) -> None:
    folder = WatchedFolder(1, 2, capable=capable)
    asked: list[str] = []

    def noop(phone: Phone, tag: str, command: str) -> None:
        asked.append(command)
        if len(asked) == 3:
            folder.flag(2, "\\Seen")
            phone.say("* 2 FETCH (FLAGS (\\Seen))")
        phone.say(f"{tag} OK")

    changes = taken(opened(folder.serve(NOOP=noop)).watch_changes(poll=0.01), 1)

    assert changes == [("changed", 2, "seen")]
    assert len(asked) == 3
    assert len(folder.selected) == 2  # once at first, once after the announcement


def test_what_happens_while_the_folder_is_compared_is_found(opened: Call) -> None:
    folder = WatchedFolder(1, 2, capable="IDLE CONDSTORE")
    searched: list[str] = []

    def search(phone: Phone, tag: str, command: str) -> None:
        searched.append(command)
        phone.say(f"{folder.search(command)}")
        if len(searched) == 2:  # behind what was found
            folder.put()
            phone.say("* 4 EXISTS")
        phone.say(f"{tag} OK")

    folder.happens = {1: lambda: said("* 3 EXISTS", folder.put)}

    assert taken(opened(folder.serve(UID_SEARCH=search)).watch_changes(), 2) == [("new", 3, "003"), ("new", 4, "004")]


def test_a_server_that_announces_the_same_with_each_answer_is_not_asked_for_ever(opened: Call) -> None:
    folder = WatchedFolder(1, 2, capable="IDLE CONDSTORE")

    def search(phone: Phone, tag: str, command: str) -> None:
        phone.say(f"{folder.search(command)}* {len(folder.letters)} EXISTS\n{tag} OK")

    folder.happens = {1: lambda: said("* 3 EXISTS", folder.put)}

    assert taken(opened(folder.serve(UID_SEARCH=search)).watch_changes(), 1) == [("new", 3, "003")]
    assert folder.idled == 1
    assert len(folder.selected) <= 4


def test_marks_go_on_where_a_program_stopped(opened: Call) -> None:
    folder = WatchedFolder(1, 2, at1=lambda: said("* 4 EXISTS", folder.put, folder.put))
    session = opened(folder.serve())
    watch = session.watch_changes()

    first = next(watch)
    between = watch.marks["INBOX"]
    next(watch)
    behind = watch.marks["INBOX"]
    watch.close()
    folder.remove(1)

    assert (first.uid, between.uids, behind.uids) == (3, (1, 2), (1, 2, 3, 4))
    assert taken(session.watch_changes(since=SyncMark.read(str(between))), 3) == [
        ("gone", 1), ("new", 3, "003"), ("new", 4, "004"),
    ]  # fmt: skip
    assert taken(session.watch_changes(since={"INBOX": behind}), 1) == [("gone", 1)]


@pytest.mark.slow
def test_letters_whose_connection_breaks_are_told_once(opened: Call) -> None:
    folder = WatchedFolder(1, at1=lambda: said("* 900 EXISTS", *[folder.put] * 450))

    def fetch(phone: Phone, tag: str, command: str) -> None:
        if "202:" in command and not broken:
            broken.append(command)
            phone.line.shutdown(socket.SHUT_RDWR)
            return
        phone.say(f"{folder.fetch(command)}{tag} OK")

    broken: list[str] = []

    changes = taken(opened(folder.serve(UID_FETCH=fetch)).watch_changes(), 450)

    assert [uid for _, uid, _ in changes] == list(range(2, 452))
    assert len(broken) == 1


@pytest.mark.slow
def test_several_folders_are_watched_by_turns(opened: Call) -> None:
    folder = WatchedFolder(1, 2)
    others = {"Sent": Folder(5, capable=folder.capable), "Junk": Folder(7, 8, capable=folder.capable)}
    now: list[Folder] = [folder]

    def examine(phone: Phone, tag: str, command: str) -> None:
        now[0] = next((others[name] for name in others if name in command), folder)
        phone.say(f"{now[0].examine(command)}{tag} OK [READ-ONLY] selected")

    def answer(method: str) -> Callable[[Phone, str, str], None]:
        return lambda phone, tag, command: phone.say(f"{getattr(now[0], method)(command)}{tag} OK")

    folder.happens = {
        1: lambda: said("", others["Sent"].put),
        2: lambda: said("* 3 EXISTS", folder.put, partial(others["Junk"].remove, 8)),
    }
    session = opened(folder.serve(EXAMINE=examine, UID_SEARCH=answer("search"), UID_FETCH=answer("fetch")))
    watch = session.watch_changes("INBOX", "Sent", "Junk", turn=0.05)

    found = [next(watch) for _ in range(3)]
    watch.close()

    told = {(each.folder, each.kind.value, each.uid) for each in found}
    assert told == {("Sent", "new", 6), ("INBOX", "new", 3), ("Junk", "gone", 8)}
    assert {name: mark.uids for name, mark in watch.marks.items()} == {"INBOX": (1, 2, 3), "Sent": (5, 6), "Junk": (7,)}


def test_a_program_may_work_in_another_folder_between_two_changes(opened: Call) -> None:
    folder = WatchedFolder(1, at1=lambda: said("* 3 EXISTS", folder.put, folder.put))
    folder.happens[2] = lambda: said("* 4 EXISTS", folder.put, lambda: selected.extend(folder.selected))
    selected: list[str] = []
    session = opened(folder.serve())
    watch = session.watch_changes()

    next(watch)
    session.select("Sent")
    rest = taken(watch, 2)

    assert rest == [("new", 3, "003"), ("new", 4, "004")]
    assert len(selected) == 3  # at first, after the announcement, and again before the second wait


def test_a_folder_that_was_renumbered_is_told_or_begun_again(opened: Call) -> None:
    folder = WatchedFolder(1, 2)
    session = opened(folder.serve())
    before = SyncMark(6, (1, 2, 3), 1)

    with pytest.raises(errors.FolderRenumbered):
        next(session.watch_changes(since=before))
    assert taken(session.watch_changes(since=before, start_again=True), 2) == [("new", 1, "001"), ("new", 2, "002")]


def test_stopping_ends_it(opened: Call) -> None:
    folder = WatchedFolder(1)
    watch = opened(folder.serve()).watch_changes()

    watch.stop()

    assert list(watch) == []


@pytest.mark.parametrize(
    ("folders", "options"),
    [
        (("A", "A"), {}), (("",), {}), ((), {"turn": 0}), ((), {"turn": True}), ((), {"renew": 3600}),
        ((), {"since": "x"}), ((), {"since": {"INBOX": 5}}),
    ],
)  # fmt: skip
def test_what_cannot_be_watched_is_refused(opened: Call, folders: tuple[str, ...], options: dict[str, Any]) -> None:
    session = opened(WatchedFolder(1).serve())

    with pytest.raises(errors.UsageError):
        session.watch_changes(*folders, **options)
