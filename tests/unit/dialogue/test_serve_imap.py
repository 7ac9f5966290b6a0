"""IMAP server flow, alone: everything is said at once, whole, by line and by octet, and the answers are the same."""

from __future__ import annotations

import re

import pytest

from courriel._dataclass import replace
from courriel.dialogue.server.handler import ServerLimits
from courriel.wire.imap.sort_keys import base_subject, caseless
from courriel.wire.imap_server.list_patterns import ListPattern
from pairs.imap_rooms import LETTER, Rooms, said
from pairs.runner import CUTS, Cut

OPEN = b"a LOGIN bob sesame\r\nb SELECT INBOX\r\n"


def answers(rooms: Rooms, commands: bytes, cut: Cut = "whole") -> list[str]:
    """Lines of the answers to these commands, behind login and SELECT."""
    output = said(bytes(rooms.serve(OPEN + commands, cut).output))
    return output.partition(b"Selected\r\n")[2].decode().splitlines()


@pytest.mark.parametrize("cut", CUTS)
def test_a_session_from_greeting_to_logout(cut: Cut) -> None:
    served = Rooms(LETTER).serve(
        b"c1 CAPABILITY\r\nc2 LOGIN {3}\r\nbob {6+}\r\nsesame\r\nc3 SELECT inbox\r\n"
        b"c4 FETCH 1 (UID RFC822.SIZE BODY.PEEK[HEADER.FIELDS (SUBJECT)])\r\n"
        b'c5 APPEND Drafts (\\Draft work) "29-Nov-2026 10:00:00 +0100" {17+}\r\nSubject: x\r\n\r\nhi\n\r\n'
        b"c6 LOGOUT\r\n",
        cut,
    )

    lines = said(bytes(served.output)).decode().splitlines()
    assert lines[0].startswith("* OK [CAPABILITY IMAP4rev1 IMAP4rev2 ")
    assert " STARTTLS AUTH=PLAIN " in lines[1]
    assert lines[2:4] == ["c1 OK That is all", "+ Go ahead"]
    assert lines[4].startswith("c2 OK [CAPABILITY ")
    assert " STARTTLS" not in lines[4]
    assert lines[5:] == [
        "* FLAGS (\\Answered \\Deleted \\Draft \\Flagged \\Seen)",
        "* OK [PERMANENTFLAGS (\\Answered \\Deleted \\Draft \\Flagged \\Seen \\*)] These are kept",
        "* 1 EXISTS",
        "* 1 RECENT",
        "* OK [UNSEEN 1] The first that was not seen",
        "* OK [UIDVALIDITY 7] UIDs are valid",
        "* OK [UIDNEXT 2] The next UID",
        "* OK [HIGHESTMODSEQ 2] The last change",
        "c3 OK [READ-WRITE] Selected",
        f"* 1 FETCH (UID 1 RFC822.SIZE {len(LETTER)} BODY[HEADER.FIELDS (SUBJECT)] {{16}}",
        "Subject: one",
        "",
        ")",
        "c4 OK Fetched",
        "c5 OK [APPENDUID 7 1] Here it is",
        "* BYE Goodbye",
        "c6 OK Closed",
    ]
    assert served.ending == "heard it all"
    assert not served.session.failures
    assert "sesame" not in "\n".join(served.notes)


@pytest.mark.parametrize("cut", CUTS)
def test_letters_are_changed(cut: Cut) -> None:
    lines = answers(
        Rooms(LETTER, LETTER, LETTER),
        b"c STORE 1,3 +FLAGS.SILENT (\\Deleted)\r\nd STORE 2 FLAGS (\\Seen Work)\r\ne COPY 2 Archive\r\n"
        b"f UID EXPUNGE 1\r\ng MOVE 1 Trash\r\nh EXPUNGE\r\ni UID COPY 9 Archive\r\nj COPY 1 Archive\r\n"
        b"k STATUS Archive (MESSAGES UIDNEXT UIDVALIDITY UNSEEN DELETED SIZE)\r\n",
        cut,
    )

    assert lines == [
        "c OK Stored",
        "* FLAGS (\\Answered \\Deleted \\Draft \\Flagged \\Seen Work)",
        "* 2 FETCH (FLAGS (\\Recent \\Seen Work))",
        "d OK Stored",
        "e OK [COPYUID 7 2 1] Copied",
        "* 1 EXPUNGE",
        "f OK Expunged",
        "* OK [COPYUID 7 2 1] Moved",
        "* 1 EXPUNGE",
        "g OK Done",
        "* 1 EXPUNGE",
        "h OK Expunged",
        "i OK Copied",
        "j BAD There are 0 letters",
        f"* STATUS Archive (MESSAGES 1 UIDNEXT 2 UIDVALIDITY 7 UNSEEN 0 DELETED 0 SIZE {len(LETTER)})",
        "k OK That is all",
    ]


@pytest.mark.parametrize("cut", CUTS)
def test_searches_are_answered_in_each_form(cut: Cut) -> None:
    lines = answers(
        Rooms(LETTER, LETTER.replace(b"one", "Été".encode()), b"Subject: three\r\n\r\nx\r\n"),
        b"c SEARCH ALL\r\nd UID SEARCH RETURN (MIN MAX COUNT) ALL\r\n"
        b"e SEARCH CHARSET UTF-8 SUBJECT {5+}\r\n\xc3\x89t\xc3\xa9\r\n"
        b"f SEARCH RETURN (SAVE) OR SUBJECT three 1\r\ng UID FETCH $ (FLAGS)\r\nh SEARCH NOT (FROM ada) SMALLER 100\r\n"
        b"i SEARCH CHARSET x-klingon ALL\r\nj SORT (REVERSE SUBJECT) UTF-8 ALL\r\n"
        b"k SORT RETURN (COUNT ALL) (SIZE) UTF-8 2:*\r\n"
        b"l SEARCH MODSEQ 3\r\nm SEARCH SENTON 24-Nov-2026 BODY bonjour\r\nn SEARCH TEXT nothing\r\n",
        cut,
    )

    assert lines == [
        "* SEARCH 1 2 3",
        "c OK Searched",
        '* ESEARCH (TAG "d") UID MIN 1 MAX 3 COUNT 3',
        "d OK Searched",
        "* SEARCH 2",
        "e OK Searched",
        "f OK Searched",
        "* 1 FETCH (UID 1 FLAGS (\\Recent))",
        "* 3 FETCH (UID 3 FLAGS (\\Recent))",
        "g OK Fetched",
        "* SEARCH 3",
        "h OK Searched",
        "i NO [BADCHARSET (US-ASCII UTF-8 ISO-8859-1)] This charset is not known here",
        "* SORT 3 1 2",
        "j OK Searched",
        '* ESEARCH (TAG "k") ALL 3,2 COUNT 2',
        "k OK Searched",
        "* SEARCH 2 3 (MODSEQ 4)",
        "l OK Searched",
        "* SEARCH 1 2",
        "m OK Searched",
        "* SEARCH",
        "n OK Searched",
    ]


@pytest.mark.parametrize("cut", CUTS)
def test_folders_are_made_listed_and_removed(cut: Cut) -> None:
    lines = answers(
        Rooms(),
        b"c CREATE Work/2026/\r\nd CREATE &AMk-t&AOk-\r\ne RENAME Work Play\r\nf SUBSCRIBE Play/2026\r\n"
        b'g LIST "" %\r\nh LIST (SUBSCRIBED) "" Pl* RETURN (SUBSCRIBED)\r\n'
        b'i LIST (SPECIAL-USE) "" * RETURN (STATUS (MESSAGES))\r\n'
        b'j DELETE Play\r\nk DELETE Play/2026\r\nl LSUB "" P*\r\nm DELETE INBOX\r\nn CREATE INBOX\r\no LIST "" ""\r\n'
        b"p NAMESPACE\r\nq CREATE Old (USE (\\All))\r\nr LIST () Ol (d Old) \r\ns SELECT Nowhere\r\nt CREATE a*b\r\n",
        cut,
    )

    assert lines == [
        "c OK Created",
        "d OK Created",
        "e OK Renamed",
        "f OK Noted",
        '* LIST (\\HasNoChildren) "/" INBOX',
        '* LIST (\\HasNoChildren \\Archive) "/" Archive',
        '* LIST (\\HasNoChildren \\Drafts) "/" Drafts',
        '* LIST (\\HasNoChildren \\Junk) "/" Junk',
        '* LIST (\\HasChildren) "/" Play',
        '* LIST (\\HasNoChildren \\Sent) "/" Sent',
        '* LIST (\\HasNoChildren \\Trash) "/" Trash',
        '* LIST (\\HasNoChildren) "/" "&AMk-t&AOk-"',
        "g OK Listed",
        '* LIST (\\HasNoChildren \\Subscribed) "/" Play/2026',
        "h OK Listed",
        '* LIST (\\HasNoChildren \\Archive) "/" Archive',
        "* STATUS Archive (MESSAGES 0)",
        '* LIST (\\HasNoChildren \\Drafts) "/" Drafts',
        "* STATUS Drafts (MESSAGES 0)",
        '* LIST (\\HasNoChildren \\Junk) "/" Junk',
        "* STATUS Junk (MESSAGES 0)",
        '* LIST (\\HasNoChildren \\Sent) "/" Sent',
        "* STATUS Sent (MESSAGES 0)",
        '* LIST (\\HasNoChildren \\Trash) "/" Trash',
        "* STATUS Trash (MESSAGES 0)",
        "i OK Listed",
        "j NO [HASCHILDREN] There are folders below it",
        "k OK Deleted",
        '* LSUB (\\HasNoChildren \\Noselect) "/" Play/2026',
        "l OK Listed",
        "m NO [CANNOT] INBOX stays",
        "n NO [ALREADYEXISTS] There is one of this name",
        '* LIST (\\Noselect) "/" ""',
        "o OK Listed",
        '* NAMESPACE (("" "/")) NIL NIL',
        "p OK That is all",
        "q OK Created",
        '* LIST (\\HasNoChildren \\All) "/" Old',
        "r OK Listed",
        "* OK [CLOSED] The folder before is closed",
        "s NO [NONEXISTENT] There is no such folder",
        "t NO [CANNOT] This is not a name of a folder",
    ]


@pytest.mark.parametrize("cut", CUTS)
def test_imap4rev2_speaks_utf8_and_esearch(cut: Cut) -> None:
    lines = answers(
        Rooms(LETTER),
        'c ENABLE IMAP4rev2 nonsense\r\nd CREATE Été\r\ne LIST "" "Ét*"\r\nf SEARCH ALL\r\ng SELECT INBOX\r\n'.encode(),
        cut,
    )

    assert lines == [
        "* ENABLED IMAP4rev2",
        "c OK Switched on",
        "d OK Created",
        '* LIST (\\HasNoChildren) "/" "Été"',
        "e OK Listed",
        '* ESEARCH (TAG "f") ALL 1',
        "f OK Searched",
        "* OK [CLOSED] The folder before is closed",
        "* FLAGS (\\Answered \\Deleted \\Draft \\Flagged \\Seen)",
        "* OK [PERMANENTFLAGS (\\Answered \\Deleted \\Draft \\Flagged \\Seen \\*)] These are kept",
        "* 1 EXISTS",
        "* OK [UIDVALIDITY 7] UIDs are valid",
        "* OK [UIDNEXT 2] The next UID",
        "* OK [HIGHESTMODSEQ 2] The last change",
        '* LIST () "/" INBOX',
        "g OK [READ-WRITE] Selected",
    ]


@pytest.mark.parametrize(
    ("command", "answer"),
    [
        (b"", "* BAD This is not a command"),
        (b"x", "* BAD This is not a command"),
        (b"x NONSENSE", "x BAD This command is not known here"),
        (b"x FETCH", "x BAD A set of numbers is missing"),
        (b"x FETCH 1", "x BAD FETCH what? is missing"),
        (b"x FETCH 0 FLAGS", "x BAD Letters have numbers from 1 to 4294967295"),
        (b"x FETCH 2 FLAGS", "x BAD There are 1 letters"),
        (b"x FETCH 1 BODY[1.HEADER.FIELDS ()]", "x BAD There is no such section"),
        (b"x FETCH 1 BODY[MIME]", "x BAD There is no such section"),
        (b"x FETCH 1 BODY[]<1>", "x BAD Octets are asked for as <first.count>"),
        (b"x FETCH 1 (FLAGS", "x BAD This is no command: a list without an end"),
        (b'x FETCH 1 "FLAGS', "x BAD This is no command: a string without an end"),
        (b"x SEARCH", "x BAD Search for what?"),
        (b"x SEARCH KLINGON", "x BAD There is no such search key"),
        (b"x SEARCH" + b" TEXT a" * 21, "x BAD A search has 20 texts at most"),
        (b"x SEARCH ON 31-Feb-2026", "x BAD A date is written 29-Nov-2026"),
        (b"x STORE 1 FLAGS (\\Recent)", "x BAD This is not a flag that can be set"),
        (b"x STORE 1 KEYWORDS (a)", "x BAD FLAGS, +FLAGS or -FLAGS should stand here"),
        (b"x COPY 1 Nowhere", "x NO [TRYCREATE] There is no such folder"),
        (b"x APPEND Nowhere {3+}\r\nabc", "x NO [TRYCREATE] There is no such folder"),
        (b"x APPEND INBOX abc", "x BAD A letter stands as a literal behind APPEND"),
        (b'x APPEND INBOX "yesterday" {3+}\r\nabc', "x BAD A date of arrival is written"),
        (b"x APPEND INBOX {0+}\r\n", "x NO [CANNOT] A letter without an octet is none"),
        (b"x SORT (COLOUR) UTF-8 ALL", "x BAD There is no such sort key"),
        (b"x LOGIN bob sesame", "x BAD You are logged in already"),
        (b"x STARTTLS", "x BAD You are logged in already"),
        (b"x NOOP now", "x BAD There is too much behind the command"),
        (b"x IDLE\r\nx NOOP", "x BAD DONE ends the waiting"),
    ],
    ids=str,
)
def test_what_is_no_command_is_refused_and_the_session_goes_on(command: bytes, answer: str) -> None:
    lines = answers(Rooms(LETTER), command + b"\r\nz NOOP\r\n")

    assert any(line.startswith(answer) for line in lines)
    assert lines[-1] == "z OK Still here"


def test_a_line_that_ends_with_a_bare_line_feed_is_no_command() -> None:
    served = Rooms().serve(OPEN + b"x NOOP\ny NOOP\r\n")

    assert served.output.endswith(b"x BAD A line ends with CR LF, not with LF alone\r\ny OK Still here\r\n")


def test_nothing_of_a_mailbox_is_told_before_the_login() -> None:
    commands = (b"SELECT INBOX", b'LIST "" *', b"STATUS INBOX (MESSAGES)", b"APPEND INBOX {3+}\r\nabc", b"IDLE")
    served = Rooms(LETTER).serve(b"".join(b"x %b\r\n" % command for command in commands))

    assert served.lines[1:] == ["x BAD Log in first"] * len(commands)


def test_octets_that_came_with_starttls_are_thrown_away() -> None:
    served = Rooms().serve(b"x STARTTLS\r\ny LOGIN bob sesame\r\n")

    assert served.lines[1:] == ["x OK Go ahead"]
    assert served.secured == 1
    assert [finding.kind for finding in served.session.findings] == ["before-tls"]


def test_where_tls_is_needed_nobody_logs_in_without() -> None:
    rooms = Rooms()
    rooms.config = replace(rooms.config, login_needs_tls=True)

    served = rooms.serve(b"x LOGIN bob sesame\r\ny AUTHENTICATE PLAIN AGJvYgBzZXNhbWU=\r\n")

    assert " LOGINDISABLED " in served.lines[0]
    assert "AUTH=" not in served.lines[0]
    assert served.lines[1:] == [
        "x NO [PRIVACYREQUIRED] Say STARTTLS first",
        "y NO [PRIVACYREQUIRED] Say STARTTLS first",
    ]


# Limits.


def test_a_line_without_end_ends_the_session() -> None:
    served = Rooms().serve(OPEN + b"x" * 17 * 64 * 1024)

    assert served.lines[-1].startswith("* BYE Lines have an end")


def test_a_letter_above_the_limit_is_refused_before_it_is_sent() -> None:
    rooms = Rooms(limits=ServerLimits(message=100))

    lines = answers(rooms, b"x APPEND INBOX {101}\r\ny NOOP\r\n")

    assert lines == ["x NO [TOOBIG] That is more than 100 octets", "y OK Still here"]


def test_a_letter_above_the_limit_that_was_sent_at_once_is_discarded() -> None:
    rooms = Rooms(limits=ServerLimits(message=100))

    lines = answers(rooms, b"x APPEND INBOX {150+}\r\n" + b"x" * 150 + b"\r\ny NOOP\r\n")

    assert lines == ["x NO [TOOBIG] That is more than 100 octets", "y OK Still here"]


def test_an_endless_letter_ends_the_session() -> None:
    lines = answers(Rooms(limits=ServerLimits(message=100)), b"x APPEND INBOX {9999999999+}\r\n")

    assert lines == ["* BYE That is far too much"]


@pytest.mark.parametrize("login", [b"LOGIN {4000}\r\n", b"LOGIN bob {4000}\r\n"])
def test_nobody_announces_much_before_the_login(login: bytes) -> None:
    served = Rooms().serve(b"x " + login + b"y NOOP\r\n")

    assert served.lines[1:] == ["x BAD [TOOBIG] That is more than 2,048 octets", "y OK Still here"]


def test_literals_without_end_end_the_session() -> None:
    served = Rooms().serve(b"x LOGIN " + b"{0+}\r\n " * 2000)

    assert served.lines[-1] in ("* BYE That is far too much", "x BAD A line has 12288 octets at most")
    assert len(served.lines) < 30


def test_a_client_that_never_logs_in_is_sent_away() -> None:
    served = Rooms().serve(b"x NOOP\r\n" * 100)

    assert served.lines[-1] == "* BYE Log in, or go"
    assert len(served.lines) == 52


def test_a_client_that_makes_mistakes_is_sent_away() -> None:
    lines = answers(Rooms(), b"x NONSENSE\r\n" * 100)

    assert lines[-1] == "* BYE Too many mistakes"
    assert len(lines) == 22


@pytest.mark.parametrize(
    "command",
    [b"FETCH 1 " + b"(" * 60_000, b"SEARCH " + b"(" * 60_000, b"SEARCH " + b"NOT " * 15_000 + b"ALL",
     b"SEARCH " + b"OR " * 15_000 + b"ALL", b'LIST "" ' + b"%*" * 30_000, b"SEARCH " + b"TEXT a " * 8_000,
     b"FETCH " + b"1:*," * 15_000 + b"1 FLAGS", b"SEARCH HEADER " + b'"' + b"\\" * 60_000,
     b"FETCH 1 BODY[" + b"1." * 30_000 + b"1]"],
    ids=lambda command: command[:12].decode(),
)  # fmt: skip
def test_depth_and_length_harm_nobody(command: bytes) -> None:
    lines = answers(Rooms(LETTER), b"x " + command + b"\r\ny NOOP\r\n")

    assert re.match(r"x (BAD|OK) |\* 1 FETCH", lines[0])
    assert lines[-1] == "y OK Still here"


@pytest.mark.parametrize("command", [b"SEARCH TEXT nothing", b"FETCH 1:3 BODYSTRUCTURE", b"SORT (SUBJECT) UTF-8 ALL"])
def test_what_takes_long_leaves_others_their_turn(command: bytes) -> None:
    large = LETTER + b"x" * 300_000

    served = Rooms(large, large, large).serve(OPEN + b"x " + command + b"\r\n")

    assert served.turns == 3


def test_http_is_no_imap() -> None:
    served = Rooms().serve(b"POST / HTTP/1.1\r\nHost: x\r\n\r\nx LOGIN bob sesame\r\n")

    assert served.lines[1:] == ["* BYE This is not a web server"]
    assert [finding.kind for finding in served.session.findings] == ["http"]


@pytest.mark.parametrize(
    ("subject", "base"),
    [
        ("Les chiffres", "les chiffres"),
        ("Re: Fwd:  [list] Re: Les  chiffres (fwd)", "les chiffres"),
        ("[a] [b]", "[b]"),
        ("[fwd: [x] Les chiffres]", "les chiffres"),
        ("re[2]: a", "a"),
        ("", ""),
        ("[a][a]Re: b", "b"),
    ],
)
def test_letters_of_one_thread_sort_together(subject: str, base: str) -> None:
    assert caseless(base_subject(subject)[0]) == caseless(base)


@pytest.mark.parametrize(
    ("pattern", "found"),
    [
        ("*", "INBOX a a/b a/b/c"), ("%", "INBOX a"), ("a/%", "a/b"), ("a*c", "a/b/c"), ("inbox", "INBOX"),
        ("%/%", "a/b"),
        ("*%*", "INBOX a a/b a/b/c"), ("b", ""), ("a/*", "a/b a/b/c"), ("%*", "INBOX a a/b a/b/c"), ("A", ""),
    ],
)  # fmt: skip
def test_a_pattern_finds_folders(pattern: str, found: str) -> None:
    names = ["INBOX", "a", "a/b", "a/b/c"]

    assert [name for name in names if ListPattern("", pattern).matches(name)] == found.split()
