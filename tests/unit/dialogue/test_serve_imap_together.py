"""Several IMAP sessions on one mailbox, and POP3 beside them: each is told at the moment when it may be told."""

from __future__ import annotations

import pytest

from courriel.dialogue.server.handler import ServerConfig, ServerSession
from courriel.dialogue.server.pop3 import Pop3ServerDialogue
from courriel.model.servers.server import Dialect
from courriel.sandbox.folders import Space
from pairs.imap_rooms import LETTER, Rooms, said
from pairs.runner import Visitor


def lines(octets: bytes) -> list[str]:
    return said(octets).decode().splitlines()


@pytest.mark.parametrize(
    "command", [b"FETCH 1:3 (UID)", b"STORE 3 +FLAGS.SILENT (\\Seen)", b"SEARCH ALL", b"SORT (SIZE) UTF-8 ALL"]
)
def test_no_place_moves_while_letters_are_named_by_their_places(command: bytes) -> None:
    rooms = Rooms(LETTER, LETTER, LETTER)
    one, other = rooms.visit(), rooms.visit()
    other.say(b"c STORE 1 +FLAGS.SILENT (\\Deleted)\r\nd EXPUNGE\r\n")

    during = lines(one.say(b"x " + command + b"\r\n"))
    after = lines(one.say(b"y NOOP\r\n"))

    assert not [line for line in during if "EXPUNGE" in line]
    assert during[-1].startswith("x OK")
    assert after == ["* 1 EXPUNGE", "y OK Still here"]
    assert lines(one.say(b"z FETCH 2 (UID)\r\n"))[0] == "* 2 FETCH (UID 3)"


@pytest.mark.parametrize(
    "command", [b"UID FETCH 2 (FLAGS)", b"UID SEARCH 2", b"NOOP", b"CHECK", b"STATUS Sent (MESSAGES)"]
)
def test_places_move_with_any_other_command(command: bytes) -> None:
    rooms = Rooms(LETTER, LETTER)
    one, other = rooms.visit(), rooms.visit()
    other.say(b"c STORE 1 +FLAGS.SILENT (\\Deleted)\r\nd EXPUNGE\r\n")

    said_then = lines(one.say(b"x " + command + b"\r\n"))

    assert said_then[-2:-1] == ["* 1 EXPUNGE"]


def test_a_letter_that_is_gone_meanwhile_can_be_read_until_its_end_was_told() -> None:
    rooms = Rooms(LETTER)
    one, other = rooms.visit(), rooms.visit()
    other.say(b"c STORE 1 +FLAGS.SILENT (\\Deleted)\r\nd EXPUNGE\r\n")

    heard = one.say(b"x FETCH 1 BODY.PEEK[]\r\n")

    assert LETTER in heard
    assert lines(one.say(b"y COPY 1 Trash\r\n")) == ["* 1 EXPUNGE", "y OK Copied"]


def test_flags_that_others_change_are_told_and_ones_own_are_not_told_twice() -> None:
    rooms = Rooms(LETTER)
    one, other = rooms.visit(), rooms.visit()

    own = lines(one.say(b"c STORE 1 +FLAGS (\\Flagged)\r\n"))
    silent = lines(one.say(b"d STORE 1 +FLAGS.SILENT (\\Seen)\r\n"))
    told = lines(other.say(b"e NOOP\r\n"))

    assert own == ["* 1 FETCH (FLAGS (\\Flagged \\Recent))", "c OK Stored"]
    assert silent == ["d OK Stored"]
    assert told == ["* 1 FETCH (FLAGS (\\Flagged \\Seen))", "e OK Still here"]
    assert lines(other.say(b"f NOOP\r\n")) == ["f OK Still here"]


def test_a_new_letter_is_told_at_once_to_those_who_wait() -> None:
    rooms = Rooms()
    idle, busy = rooms.visit(), rooms.visit()
    woken = []
    rooms.sessions[0].wake = lambda: woken.append(True)  # in place of the connection
    idle.say(b"n UNSELECT\r\no SELECT INBOX\r\n")
    assert idle.say(b"x IDLE\r\n") == b"+ Waiting\r\n"

    rooms.deliver(LETTER)

    assert woken == [True]
    assert lines(idle.wake()) == ["* 1 EXISTS", "* 1 RECENT"]
    assert lines(busy.say(b"x NOOP\r\n")) == ["* 1 EXISTS", "* 0 RECENT", "x OK Still here"]
    assert lines(idle.say(b"DONE\r\n")) == ["x OK Waited"]


def test_those_who_have_left_are_woken_no_more() -> None:
    rooms = Rooms()
    visitor = rooms.visit()
    woken = []
    rooms.sessions[0].wake = lambda: woken.append(True)
    visitor.say(b"n UNSELECT\r\no SELECT INBOX\r\n")
    visitor.say(b"x LOGOUT\r\n")
    assert visitor.gone

    rooms.deliver(LETTER)

    assert woken == []


def test_a_folder_that_is_removed_loses_its_letters_for_those_who_have_it_open() -> None:
    rooms = Rooms()
    one, other = rooms.visit(), rooms.visit()
    one.say(b"c CREATE Work\r\nd APPEND Work {%d+}\r\n%b\r\ne SELECT Work\r\n" % (len(LETTER), LETTER))

    other.say(b"x DELETE Work\r\n")

    assert lines(one.say(b"y NOOP\r\n")) == ["* 1 EXPUNGE", "y OK Still here"]


def test_a_store_that_came_too_late_is_refused_for_those_letters() -> None:
    rooms = Rooms(LETTER, LETTER)
    one, other = rooms.visit(), rooms.visit()
    told = lines(one.say(b"x FETCH 1:2 (MODSEQ)\r\n"))
    other.say(b"y STORE 2 +FLAGS.SILENT (\\Flagged)\r\n")

    late = lines(one.say(b"z STORE 1:2 (UNCHANGEDSINCE 3) +FLAGS.SILENT (\\Seen)\r\n"))

    assert told[:2] == ["* 1 FETCH (MODSEQ (2))", "* 2 FETCH (MODSEQ (3))"]
    assert late == [
        "* 2 FETCH (UID 2 FLAGS (\\Flagged \\Recent) MODSEQ (4))",
        "* 1 FETCH (UID 1 MODSEQ (5))",
        "z OK [MODIFIED 2] Somebody has changed these",
    ]


def test_a_client_that_was_away_is_told_what_has_happened() -> None:
    rooms = Rooms(LETTER, LETTER, LETTER, LETTER)
    away = rooms.visit(folder="")
    validity = rooms.mailboxes.account("bob").inbox.uid_validity
    rooms.visit().say(b"c STORE 2:3 +FLAGS.SILENT (\\Deleted)\r\nd EXPUNGE\r\ne STORE 2 +FLAGS.SILENT (\\Flagged)\r\n")

    unknown = lines(away.say(b"x SELECT INBOX (QRESYNC (%d 5))\r\n" % validity))
    told = lines(away.say(b"y ENABLE QRESYNC\r\nz SELECT INBOX (QRESYNC (%d 5 1:4))\r\n" % validity))

    assert unknown == ["x BAD There is no such parameter, or it was not switched on (ENABLE)"]
    assert told[-3:] == [
        "* VANISHED (EARLIER) 2:3",
        "* 2 FETCH (UID 4 FLAGS (\\Flagged) MODSEQ (8))",
        "z OK [READ-WRITE] Selected",
    ]
    other = rooms.visit()
    other.say(b"x STORE 1 +FLAGS.SILENT (\\Deleted)\r\ny EXPUNGE\r\n")
    assert lines(away.say(b"z NOOP\r\n")) == ["* VANISHED 1", "z OK Still here"]


def test_more_changes_than_are_remembered_are_found_by_comparing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("courriel.sandbox.folders._JOURNAL", 3)
    rooms = Rooms(LETTER, LETTER, LETTER)
    one, other = rooms.visit(), rooms.visit()

    other.say(b"x STORE 1 +FLAGS.SILENT (\\Deleted)\r\ny EXPUNGE\r\n" + b"z STORE 2 +FLAGS.SILENT (a)\r\n"
              b"z STORE 2 -FLAGS.SILENT (a)\r\n" * 5)  # fmt: skip
    rooms.deliver(LETTER)

    assert lines(one.say(b"z NOOP\r\n")) == [
        "* 1 EXPUNGE",
        "* 3 EXISTS",
        "* 3 RECENT",
        "* FLAGS (\\Answered \\Deleted \\Draft \\Flagged \\Seen a)",
        "* 2 FETCH (FLAGS (\\Recent))",
        "z OK Still here",
    ]


# POP3 beside IMAP.


def pop(rooms: Rooms) -> Visitor:
    config = ServerConfig("test", Dialect.POP3, mechanisms=("PLAIN",))
    visitor = Visitor(Pop3ServerDialogue(rooms.handler, config, ServerSession()).serve())
    assert b"+OK Logged in" in visitor.say(b"USER bob\r\nPASS sesame\r\n")
    return visitor


def test_what_pop3_deletes_is_gone_for_imap_when_pop3_has_left() -> None:
    rooms = Rooms(LETTER, LETTER)
    by_imap, by_pop = rooms.visit(), pop(rooms)

    by_pop.say(b"DELE 1\r\n")
    before = lines(by_imap.say(b"x NOOP\r\n"))
    by_pop.say(b"QUIT\r\n")

    assert before == ["x OK Still here"]
    assert lines(by_imap.say(b"y NOOP\r\n")) == ["* 1 EXPUNGE", "y OK Still here"]


def test_what_imap_expunges_is_there_for_a_pop3_session_and_not_for_the_next() -> None:
    rooms = Rooms(LETTER, LETTER)
    by_pop, by_imap = pop(rooms), rooms.visit()

    by_imap.say(b"x STORE 1 +FLAGS.SILENT (\\Deleted)\r\ny EXPUNGE\r\n")

    assert b"Bonjour." in by_pop.say(b"RETR 1\r\n")
    assert by_pop.say(b"DELE 1\r\nQUIT\r\n").endswith(b"+OK 1 deleted, goodbye\r\n")
    assert pop(rooms).say(b"STAT\r\n") == b"+OK 1 %d\r\n" % len(LETTER)


def test_what_imap_appends_is_read_by_pop3() -> None:
    rooms = Rooms()
    rooms.visit().say(b"x APPEND INBOX {%d+}\r\n%b\r\n" % (len(LETTER), LETTER))

    by_pop = pop(rooms)

    assert LETTER in by_pop.say(b"RETR 1\r\n")


def test_letters_that_the_server_dropped_are_gone_from_the_mailbox() -> None:
    rooms = Rooms(keep=2)
    one = rooms.visit()

    rooms.deliver(LETTER, LETTER, LETTER)

    assert lines(one.say(b"x NOOP\r\n")) == ["* 2 EXISTS", "* 2 RECENT", "x OK Still here"]
    assert lines(one.say(b"y UID SEARCH ALL\r\n"))[0] == "* SEARCH 2 3"


def test_room_for_appended_letters_ends_and_comes_back() -> None:
    rooms = Rooms(space=Space(octets=3 * len(LETTER)))
    one = rooms.visit()
    append = b"x APPEND Sent {%d+}\r\n%b\r\n" % (len(LETTER), LETTER)
    one.say(append * 2 + b"y SELECT Sent\r\n")

    copied = lines(one.say(b"z COPY 1:2 Trash\r\n"))
    one.say(append)
    full = lines(one.say(append))
    one.say(b"w STORE 1 +FLAGS.SILENT (\\Deleted)\r\nw EXPUNGE\r\n")

    assert full == ["x NO [OVERQUOTA] There is no room for more letters"]
    assert copied == ["z NO [OVERQUOTA] There is no room for more letters"]
    assert lines(one.say(b"z STATUS Trash (MESSAGES)\r\n"))[0] == "* STATUS Trash (MESSAGES 0)"
    assert b"x OK [APPENDUID" in one.say(append)
