"""Watch: behaviour of servers meanwhile, and ends. Lost connections are in tests/acceptance as well."""

from __future__ import annotations

import asyncio
import gc
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from courriel import AsyncImapSession, FolderPosition, Password, Security, Server, Timeouts, errors
from courriel.wire.imap.syntax import read_uid_set
from session.imap_stranger import GREETING, SELECTED, imap_server
from session.mailboxes import AwaitingMailbox, BlockingMailbox, Mailbox
from session.stranger import Act, Phone, Stranger, stranger

Call = Callable[..., Mailbox]
Handler = Callable[[Phone, str, str], None]
ADA = Password("ada", "correct horse")


class Folder:
    """Server side of a folder: letters arrive when `put` is called, and IDLE reports them."""

    def __init__(self, *uids: int, comes_at_idle: dict[int, int] | None = None) -> None:
        self.uids = list(uids)
        self.idled = 0
        self.comes_at_idle = comes_at_idle or {}  # the letter that arrives at the n-th IDLE
        self._changed = threading.Condition()

    def put(self, uid: int) -> None:
        with self._changed:
            self.uids.append(uid)
            self._changed.notify_all()

    def serve(self, **answers: Any) -> Act:
        return imap_server(
            **{"SELECT": self.select, "UID_SEARCH": self.search, "UID_FETCH": self.fetch, "IDLE": self.idle} | answers
        )

    def select(self, phone: Phone, tag: str, command: str) -> None:
        phone.say(SELECTED.replace("UIDNEXT 4", f"UIDNEXT {max(self.uids, default=0) + 1}").replace("{tag}", tag))

    def search(self, phone: Phone, tag: str, command: str) -> None:
        above = int(command.rpartition("UID ")[2].partition(":")[0])
        # As servers do: the last letter is included, whatever its UID.
        found = sorted({uid for uid in self.uids if uid >= above} | set(self.uids[-1:]))
        phone.say(f"* SEARCH {' '.join(map(str, found))}\n{tag} OK found")

    def fetch(self, phone: Phone, tag: str, command: str) -> None:
        for uid in read_uid_set(command.split()[2].encode(), 100):
            head = f"Subject: {uid}"
            phone.say(f"* 1 FETCH (UID {uid} BODY[HEADER] {{{len(head) + 4}}}\n{head}\n\n)")
        phone.say(f"{tag} OK fetched")

    def idle(self, phone: Phone, tag: str, command: str) -> None:
        self.idled += 1
        known = len(self.uids)
        if self.idled in self.comes_at_idle:
            self.put(self.comes_at_idle[self.idled])
        phone.say("+ idling")
        done = threading.Event()

        def receive() -> None:
            try:
                phone.receive()  # DONE, or nothing any more
            finally:
                with self._changed:
                    done.set()
                    self._changed.notify_all()

        threading.Thread(target=receive, daemon=True).start()
        while not done.is_set():
            with self._changed:
                self._changed.wait_for(lambda known=known: done.is_set() or len(self.uids) > known)  # type: ignore[misc]
                if len(self.uids) > known:
                    phone.say(f"* {len(self.uids)} EXISTS")
                    known = len(self.uids)
        phone.say(f"{tag} OK done")


@pytest.fixture(params=[BlockingMailbox, AwaitingMailbox])
def call(request: pytest.FixtureRequest) -> Iterator[Call]:
    """An open session with servers of these behaviours, one after the other."""
    with ExitStack() as ending:

        def call(*acts: Act) -> Mailbox:
            session = request.param(at(ending.enter_context(stranger(*acts))), ADA)
            ending.callback(session.leave)
            session.open()
            return session

        yield call


def at(server: Stranger) -> Server:
    return Server("127.0.0.1", server.port, Security.NONE, timeouts=Timeouts.silence(10))


def test_letters_are_returned_as_they_are_announced(call: Call) -> None:
    folder = Folder(1, 2, comes_at_idle={1: 5})
    watch = call(folder.serve()).watch()

    first = next(watch)
    folder.put(6)
    second = next(watch)
    watch.close()

    assert (first.uid, second.uid) == (5, 6)
    assert first.mark == FolderPosition(7, 5)
    assert folder.idled >= 1


def test_the_last_letter_is_not_taken_for_a_new_one(call: Call) -> None:
    folder = Folder(1, 2, comes_at_idle={3: 3})
    session = call(folder.serve())
    watch = session.watch(renew=0.02)

    letter = next(watch)
    watch.close()

    assert letter.uid == 3
    assert folder.idled == 3


def test_idle_is_renewed_in_time(call: Call) -> None:
    folder = Folder(comes_at_idle={5: 1})
    watch = call(folder.serve()).watch(renew=0.02)

    next(watch)
    watch.close()

    assert folder.idled == 5


def test_changes_reported_before_idle_starts_count(call: Call) -> None:
    folder = Folder()

    def idle(phone: Phone, tag: str, command: str) -> None:
        folder.put(9)
        phone.say("* 1 EXISTS\n* OK by the way\n+ idling")
        phone.receive()
        phone.say(f"{tag} OK done")

    watch = call(folder.serve(IDLE=idle)).watch()

    assert next(watch).uid == 9
    watch.close()


def test_changes_reported_with_the_search_count(call: Call) -> None:
    folder = Folder()
    searches: list[str] = []

    def search(phone: Phone, tag: str, command: str) -> None:
        searches.append(command)
        if len(searches) == 1:
            folder.put(4)
            phone.say(f"* SEARCH\n* 1 EXISTS\n{tag} OK found, and told once only")
        else:
            folder.search(phone, tag, command)

    def never(phone: Phone, tag: str, command: str) -> None:
        raise AssertionError("who idles now waits for nine minutes")

    watch = call(folder.serve(UID_SEARCH=search, IDLE=never)).watch()

    assert next(watch).uid == 4
    watch.close()


def test_a_server_without_idle_is_polled(call: Call) -> None:
    folder = Folder()
    asked: list[str] = []

    def noop(phone: Phone, tag: str, command: str) -> None:
        asked.append(command)
        if len(asked) == 3:
            folder.put(1)
        phone.say(f"{tag} OK ok")

    capable = GREETING.replace(" IDLE", "")
    act = folder.serve(NOOP=noop, greeting=capable, CAPABILITY="* CAPABILITY IMAP4rev1\n{tag} OK ok")
    watch = call(act).watch(poll=0.02)

    assert next(watch).uid == 1
    assert len(asked) == 3
    watch.close()


def test_stop_ends_it_from_another_thread_and_the_session_goes_on(call: Call) -> None:
    folder = Folder()
    idling = threading.Event()

    def idle(phone: Phone, tag: str, command: str) -> None:
        idling.set()
        folder.idle(phone, tag, command)

    session = call(folder.serve(IDLE=idle))
    watch = session.watch()
    stopping = threading.Thread(target=lambda: idling.wait(10) and watch.stop())
    stopping.start()

    assert list(watch) == []
    stopping.join(10)
    session.noop()
    assert session.usable


@pytest.mark.parametrize("cut", ["IDLE", "UID_SEARCH", "UID_FETCH"])
def test_a_line_that_breaks_is_opened_anew(call: Call, cut: str) -> None:
    folder = Folder(1, comes_at_idle={1: 2})
    session = call(folder.serve(**{cut: None}), folder.serve())
    watch = session.watch()
    if cut == "UID_FETCH":
        folder.put(2)

    assert next(watch).uid == 2
    watch.close()


def test_a_server_that_talks_nonsense_once_is_given_another_chance(call: Call) -> None:
    folder = Folder(1, comes_at_idle={1: 2})
    session = call(folder.serve(IDLE="what do you mean?"), folder.serve())
    watch = session.watch()

    assert next(watch).uid == 2
    watch.close()


def test_a_login_that_is_refused_later_is_raised_at_once(call: Call) -> None:
    folder = Folder(1)
    session = call(folder.serve(IDLE=None), folder.serve(AUTHENTICATE="{tag} NO [AUTHENTICATIONFAILED] changed"))
    watch = session.watch()

    with pytest.raises(errors.AuthenticationRefused):
        next(watch)
    watch.close()


@pytest.mark.slow
def test_a_server_that_cannot_be_reached_is_given_up(call: Call) -> None:
    folder = Folder(1)
    session = call(folder.serve(IDLE=None), lambda phone: None)
    watch = session.watch(patience=0.1)

    with pytest.raises(errors.ConnectionFailed):
        next(watch)
    watch.close()


def renumbered(folder: Folder) -> Handler:
    def select(phone: Phone, tag: str, command: str) -> None:
        phone.say(SELECTED.replace("UIDVALIDITY 7", "UIDVALIDITY 8").replace("{tag}", tag))

    return select


def test_a_renumbered_folder_is_told(call: Call) -> None:
    folder = Folder(1, 2, 3)
    session = call(folder.serve(IDLE=None), folder.serve(SELECT=renumbered(folder)))
    watch = session.watch()

    with pytest.raises(errors.FolderRenumbered, match="validity was 7 and is 8 now") as told:
        next(watch)

    assert told.value.session_usable
    assert "start_again" in told.value.hint
    watch.close()


def test_a_renumbered_folder_may_be_read_again(call: Call) -> None:
    folder = Folder(1, 2)
    session = call(folder.serve(IDLE=None), folder.serve(SELECT=renumbered(folder)))
    watch = session.watch(start_again=True)

    assert [next(watch).uid, next(watch).uid] == [1, 2]
    assert watch.mark == FolderPosition(8, 2)
    watch.close()


def test_a_mark_of_another_numbering_is_told_at_once(call: Call) -> None:
    session = call(Folder(1).serve())

    with pytest.raises(errors.FolderRenumbered):
        session.watch(after=FolderPosition(6, 1))

    assert session.usable


def test_where_the_server_does_not_tell_the_next_number_the_last_one_is_looked_for(call: Call) -> None:
    folder = Folder(11, 12)
    searches: list[str] = []

    def search(phone: Phone, tag: str, command: str) -> None:
        searches.append(command)
        phone.say(f"* SEARCH 11 12\n{tag} OK") if command.endswith("ALL") else folder.search(phone, tag, command)

    session = call(folder.serve(SELECT="* OK [UIDVALIDITY 7] ok\n{tag} OK selected", UID_SEARCH=search))
    watch = session.watch()
    folder.put(13)

    assert next(watch).uid == 13
    watch.close()


@pytest.mark.parametrize("wanted", [{"renew": 0}, {"renew": 1741}, {"poll": -1}, {"patience": True}, {"renew": "x"}])
def test_invalid_intervals_are_refused(call: Call, wanted: dict[str, Any]) -> None:
    session = call(Folder().serve())

    with pytest.raises(errors.UsageError, match="seconds that can be waited"):
        session.watch(**wanted)


def test_other_letters_may_be_dealt_with_between_two_new_ones(call: Call) -> None:
    folder = Folder(1)
    session = call(folder.serve(UID_STORE="{tag} OK stored"))
    watch = session.watch()
    folder.put(2)
    folder.put(3)

    letter = next(watch)
    session.flag(letter, "seen")

    assert next(watch).uid == 3
    watch.close()


@pytest.mark.slow
def test_a_watch_that_is_left_in_the_middle_leaves_nothing_behind(call: Call) -> None:
    folder = Folder(1)
    session = call(folder.serve())
    folder_watched = session.watch()
    folder.put(2)
    for letter in folder_watched:
        assert letter.uid == 2
        break

    # An unclosed socket would be a ResourceWarning here, and warnings are errors.
    del folder_watched, letter
    gc.collect()

    assert session.usable


def test_a_cancelled_wait_loses_nothing_and_keeps_the_session() -> None:
    folder = Folder(1)

    async def main(server: Server) -> tuple[int, bool]:
        async with AsyncImapSession(server, ADA) as session, session.watch() as watch:
            for _ in range(3):
                with pytest.raises(TimeoutError):
                    async with asyncio.timeout(0.05):
                        await anext(watch)
            folder.put(2)
            return (await anext(watch)).uid, session.usable

    with stranger(folder.serve()) as server:
        assert asyncio.run(main(at(server))) == (2, True)


def test_a_cancelled_call_hangs_up() -> None:
    asked = threading.Event()

    def noop(phone: Phone, tag: str, command: str) -> None:
        asked.set()
        phone.expect_nothing_more()

    async def main(server: Server) -> bool:
        async with AsyncImapSession(server, ADA) as session:
            call = asyncio.create_task(session.noop())
            await asyncio.to_thread(asked.wait, 10)
            call.cancel()
            with pytest.raises(asyncio.CancelledError):
                await call
            return session.usable

    with stranger(imap_server(NOOP=noop)) as server:
        assert asyncio.run(main(at(server))) is False
