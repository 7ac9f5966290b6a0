"""IMAP servers that are wrong, as real ones are: no letter is lost, none is another one, and what was asked is said."""

from __future__ import annotations

import datetime as dt
import gc
import re
import threading
import weakref
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from courriel import Password, ReadLimits, Security, Server, Timeouts, errors
from courriel.types import LetterPart
from session.imap_stranger import GREETING, SELECTED, imap_server
from session.mailboxes import AwaitingMailbox, BlockingMailbox, Mailbox
from session.play import Cut
from session.stranger import Act, Phone, stranger

Call = Callable[..., Mailbox]
ADA = Password("ada", "correct horse")
WHOLE = "RFC822.SIZE 4000 FLAGS ()"


@pytest.fixture(params=[BlockingMailbox, AwaitingMailbox])
def opened(request: pytest.FixtureRequest) -> Iterator[Call]:
    """An open session with a server of this behaviour."""
    with ExitStack() as ending:

        def opened(act: Act, *, cut: Cut = "whole", limits: ReadLimits | None = None, seconds: float = 5) -> Mailbox:
            port = ending.enter_context(stranger(act, cut=cut)).port
            more = {} if limits is None else {"limits": limits}
            server = Server("127.0.0.1", port, Security.NONE, timeouts=Timeouts.silence(seconds, connect=5))
            session = request.param(server, ADA, **more)
            ending.callback(session.leave)
            session.open()
            return session

        yield opened


def without(*names: str) -> dict[str, Any]:
    """Greeting and capabilities without these."""
    words = [word for word in GREETING.split("CAPABILITY ")[1].split("]")[0].split() if word not in names]
    return {
        "greeting": f"* OK [CAPABILITY {' '.join(words)}] ready",
        "CAPABILITY": f"* CAPABILITY {' '.join(words)}\n{{tag}} OK ok",
    }


def header_or(body: str) -> Callable[[Phone, str, str], None]:
    """Server function: the header of letter 1 in full, and this for its text."""

    def fetch(phone: Phone, tag: str, command: str) -> None:
        if "HEADER" in command:
            phone.say(f"* 1 FETCH (UID 1 {WHOLE} BODY[HEADER] {{16}}\nSubject: one\n\n)\n{tag} OK ok")
        else:
            phone.say(f"{body}\n{tag} OK ok")

    return fetch


# A letter without its text.


@pytest.mark.parametrize(
    "body", ["* 1 FETCH (UID 1 BODY[] NIL)", '* 1 FETCH (UID 1 BODY[] "")', "* 1 FETCH (UID 1 FLAGS (\\Seen))"]
)
@pytest.mark.parametrize("whole", [False, True])
def test_a_letter_without_its_text_is_never_an_empty_one(opened: Call, body: str, whole: bool) -> None:
    body = body.replace("UID 1", f"UID 1 {WHOLE}") if whole else body
    session = opened(imap_server(UID_SEARCH="* SEARCH 1\n{tag} OK", UID_FETCH=header_or(body)))
    (letter,) = session.search(whole=whole)

    with pytest.raises(errors.LetterRefused, match=r"letter 1 of 4,000 octets came without its text"):
        session.content(letter)

    assert not letter.loaded
    assert session.usable


def test_a_letter_that_is_empty_is_an_empty_one(opened: Call) -> None:
    empty = '* 1 FETCH (UID 1 RFC822.SIZE 0 BODY[] "")\n{tag} OK ok'
    session = opened(imap_server(UID_SEARCH="* SEARCH 1\n{tag} OK", UID_FETCH=empty))
    (letter,) = session.search(whole=True)

    assert session.content(letter) == b""


def test_no_file_is_left_of_a_letter_without_its_text(opened: Call, tmp_path: Path) -> None:
    session = opened(imap_server(UID_FETCH="* 1 FETCH (UID 1 RFC822.SIZE 4000 BODY[] NIL)\n{tag} OK ok"))

    with pytest.raises(errors.LetterRefused):
        session.save(1, tmp_path / "letter.eml")

    assert list(tmp_path.iterdir()) == []
    assert session.usable


@pytest.mark.parametrize("name", ["BODY[]", "BODY[RFC822]", "body[]", "RFC822"])
def test_the_text_of_a_letter_may_have_another_name(opened: Call, name: str) -> None:
    session = opened(
        imap_server(UID_SEARCH="* SEARCH 1\n{tag} OK", UID_FETCH=header_or(f"* 1 FETCH (UID 1 {name} {{2}}\nab)"))
    )
    (letter,) = session.search()

    assert session.content(letter) == b"ab"


# Whose letter it is.


def test_a_letter_without_its_uid_is_nobodys(opened: Call) -> None:
    told = "* 1 FETCH (BODY[HEADER] {3}\ntwo)\n* 2 FETCH (BODY[HEADER] {5}\nthree)\n{tag} OK ok"
    session = opened(imap_server(UID_SEARCH="* SEARCH 2 3\n{tag} OK", UID_FETCH=told))

    with pytest.raises(errors.RemoteProtocolError, match="without its UID"):
        list(session.search())

    assert not session.usable


def test_another_letter_than_the_one_asked_for_is_refused(opened: Call) -> None:
    session = opened(
        imap_server(UID_SEARCH="* SEARCH 1\n{tag} OK", UID_FETCH=header_or("* 1 FETCH (UID 2 BODY[] {2}\nab)"))
    )
    (letter,) = session.search()

    with pytest.raises(errors.RemoteProtocolError, match="letter 2 for letter 1"):
        session.content(letter)


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (f"UID 1 UID 2 {WHOLE} BODY[] {{2}}\nab", "two letters at once, 1 and 2"),
        (f"UID 1 {WHOLE} BODY[] {{2}}\nab UID 2", "two letters at once, 1 and 2"),
        (f"UID 1 {WHOLE} BODY[] {{2}}\nab BODY[] {{2}}\ncd", r"two texts of BODY\[\]"),
        ("UID 1 BODY[] {2}\nab)\n* 1 FETCH (UID 1 BODY[] {2}\ncd", r"two texts of BODY\[\]"),
    ],
)
def test_data_that_contradict_themselves_are_nobodys(opened: Call, data: str, sentence: str) -> None:
    fetched = f"* 1 FETCH ({data})\n{{tag}} OK ok"
    sizes = "* 1 FETCH (UID 1 RFC822.SIZE 2)\n* 2 FETCH (UID 2 RFC822.SIZE 2)\n{tag} OK ok"

    def fetch(phone: Phone, tag: str, command: str) -> None:
        phone.say((fetched if "BODY" in command else sizes).replace("{tag}", tag))

    session = opened(imap_server(UID_SEARCH="* SEARCH 1 2\n{tag} OK", UID_FETCH=fetch))

    with pytest.raises(errors.RemoteProtocolError, match=sentence):
        list(session.search(whole=True))

    assert not session.usable


def test_flags_that_come_behind_a_letter_are_its_flags(opened: Call) -> None:
    told = (
        "* 1 FETCH (UID 1 FLAGS () BODY[HEADER] {16}\nSubject: one\n\n)\n* 1 FETCH (UID 1 FLAGS (\\Seen))\n"
        "* 2 FETCH (FLAGS (\\Draft))\n{tag} OK ok"
    )
    session = opened(imap_server(UID_SEARCH="* SEARCH 1\n{tag} OK", UID_FETCH=told))

    (letter,) = session.search()

    assert (letter.subject, letter.flags) == ("one", {"seen"})


def test_letters_come_in_the_order_that_was_asked_for(opened: Call) -> None:
    told = "".join(f"* {uid} FETCH (UID {uid} BODY[HEADER] {{2}}\nh{uid})\n" for uid in (3, 1, 2)) + "{tag} OK ok"
    session = opened(imap_server(UID_FETCH=told))

    assert [(letter.uid, letter.raw_header) for letter in session.search()] == [(1, b"h1"), (2, b"h2"), (3, b"h3")]


def test_data_of_a_letter_in_two_responses_are_put_together(opened: Call) -> None:
    told = "* 1 FETCH (UID 1 FLAGS (\\Seen))\n* 1 FETCH (UID 1 RFC822.SIZE 9 BODY[HEADER] {2}\nh1)\n{tag} OK ok"
    session = opened(imap_server(UID_SEARCH="* SEARCH 1\n{tag} OK", UID_FETCH=told))

    (letter,) = session.search()

    assert (letter.flags, letter.size, letter.raw_header) == ({"seen"}, 9, b"h1")


@pytest.mark.parametrize("cut", ["whole", "line", "byte"])
def test_a_blank_line_behind_a_literal_is_passed_over(opened: Call, cut: Cut) -> None:
    first, second = "UID 1 BODY[HEADER] {2}\nh1\n", "UID 2 BODY[HEADER] {2}\nh2\n RFC822.SIZE 7"
    told = f"* 1 FETCH ({first})\n\n* 2 FETCH ({second})\n{{tag}} OK ok"
    session = opened(imap_server(UID_SEARCH="* SEARCH 1 2\n{tag} OK", UID_FETCH=told), cut=cut)

    assert [(letter.raw_header, letter.size) for letter in session.search()] == [(b"h1", 0), (b"h2", 7)]


# NO behind good letters.


def refusing(*uids: int) -> Callable[[Phone, str, str], None]:
    """Server function: all letters but these, and NO."""

    def fetch(phone: Phone, tag: str, command: str) -> None:
        if "BODY" not in command:
            phone.say("".join(f"* 9 FETCH (UID {uid} RFC822.SIZE 2)\n" for uid in range(1, 6)) + f"{tag} OK ok")
            return
        part = "[HEADER]" if "HEADER" in command else "[]"
        for uid in range(1, 6):
            if uid not in uids:
                phone.say(f"* 9 FETCH (UID {uid} RFC822.SIZE 2 BODY{part} {{2}}\nh{uid})")
        phone.say(f"{tag} NO [SERVERBUG] some letters could not be read")

    return fetch


@pytest.mark.parametrize("whole", [False, True])
def test_what_came_before_a_refusal_is_given_and_what_did_not_come_is_named(opened: Call, whole: bool) -> None:
    session = opened(imap_server(UID_SEARCH="* SEARCH 1 2 3 4 5\n{tag} OK", UID_FETCH=refusing(2, 4, 5)))
    letters = session.search(whole=whole)
    came: list[int] = []

    with pytest.raises(errors.CommandRefused, match=r"the server did not give letters 2,4:5") as refused:
        came.extend(letter.uid for letter in session.each(letters))

    assert came == [1, 3]
    assert refused.value.retryable
    assert session.usable


def test_a_refusal_behind_all_letters_is_none(opened: Call) -> None:
    session = opened(imap_server(UID_SEARCH="* SEARCH 1 2 3 4 5\n{tag} OK", UID_FETCH=refusing()))

    assert [letter.uid for letter in session.search()] == [1, 2, 3, 4, 5]


# Folders.


@pytest.mark.parametrize(
    ("listed", "name"),
    [
        ('"Entwürfe"', "Entwürfe"),
        ('"日本"', "日本"),
        ('"R&D"', "R&D"),
        ('"A & B"', "A & B"),
        ('"Entw&APw-rfe"', "Entwürfe"),
        ('"&AOk"', "&AOk"),
        ('"a\\"b"', 'a"b'),
    ],
)
def test_a_folder_is_selected_by_the_octets_that_were_listed(opened: Call, listed: str, name: str) -> None:
    heard: list[str] = []

    def select(phone: Phone, tag: str, command: str) -> None:
        heard.append(command.partition(" ")[2])
        phone.say(SELECTED.replace("{tag}", tag))

    session = opened(imap_server(LIST=f'* LIST () "/" {listed}\n{{tag}} OK', SELECT=select))

    (folder,) = session.folders()
    session.select(folder.name)

    assert folder.name == name
    assert heard == [listed]


def test_two_folders_that_look_alike_stay_two(opened: Call) -> None:
    heard: list[str] = []

    def select(phone: Phone, tag: str, command: str) -> None:
        heard.append(command.partition(" ")[2])
        phone.say(SELECTED.replace("{tag}", tag))

    told = '* LIST () "/" "Entw&APw-rfe"\n* LIST () "/" "Entwürfe"\n{tag} OK'
    session = opened(imap_server(LIST=told, SELECT=select))

    names = [folder.name for folder in session.folders()]
    for name in names:
        session.select(name)

    assert len(set(names)) == 2
    assert heard == ['"Entw&APw-rfe"', '"Entwürfe"']


def test_the_name_of_this_program_is_said_where_a_server_asks_for_it_and_not_before(opened: Call) -> None:
    heard: list[str] = []

    def identify(phone: Phone, tag: str, command: str) -> None:
        heard.append(command)
        phone.say(f'* ID ("name" "Coremail")\n{tag} OK')

    def select(phone: Phone, tag: str, command: str) -> None:
        phone.say(SELECTED.replace("{tag}", tag) if heard else f"{tag} NO SELECT Unsafe Login. Please contact kefu")

    capable = "* CAPABILITY IMAP4rev1 ID\n{tag} OK ok"
    session = opened(imap_server(CAPABILITY=capable, ID=identify, SELECT=select))
    assert heard == []

    assert session.select().count == 3
    assert heard == ['ID ("name" "courriel")']


def test_a_folder_that_the_server_opens_for_reading_only_is_not_written_to(opened: Call) -> None:
    session = opened(imap_server(SELECT=SELECTED.replace("READ-WRITE", "READ-ONLY")))
    session.select()

    with pytest.raises(errors.UsageError, match="reading only"):
        session.flag(1, "seen")


def test_numbers_that_a_server_does_not_give_are_unknown(opened: Call) -> None:
    session = opened(imap_server(SELECT="* 3 EXISTS\n* OK [UIDNEXT soon]\n{tag} OK done"))

    selection = session.select()

    assert (selection.count, selection.uid_validity, selection.uid_next) == (3, 0, None)


# Changing.


@pytest.mark.parametrize(
    ("kept", "flag", "refused"),
    [
        ("\\Seen \\Flagged", "$Work", True),
        ("\\Seen \\*", "$Work", False),
        ("\\Seen $work a]b", "$Work", False),
        ("", "seen", True),
        ("\\Flagged \\*", "seen", True),
    ],
)
def test_a_flag_that_the_server_would_forget_is_refused_before_it_is_sent(
    opened: Call, kept: str, flag: str, refused: bool
) -> None:
    told = SELECTED.replace("* 3 EXISTS", f"* 3 EXISTS\n* OK [PERMANENTFLAGS ({kept})] kept")
    session = opened(imap_server(SELECT=told, UID_STORE="{tag} OK stored"))

    if refused:
        with pytest.raises(errors.NotSupported, match="PERMANENTFLAGS"):
            session.flag(1, flag)
    else:
        session.flag(1, flag)

    session.unflag(1, flag)
    assert session.usable


@pytest.mark.parametrize(
    ("code", "carried"),
    [
        ("COPYUID 38505 1:3 9,8,7", {1: 9, 2: 8, 3: 7}),
        ("COPYUID 1 1:3 7:9", {1: 7, 2: 8, 3: 9}),
        ("COPYUID 1 1:3 0", {}),
        ("COPYUID 1  ", {}),
        ("COPYUID", {}),
        ("COPYUID 1 1:3 7:8", {}),
        ("COPYUID 1 1:3 1:4294967295", {}),
        ("COPYUID 1 4:6 7:9", {}),
    ],
)
@pytest.mark.parametrize("place", ["tagged", "untagged"])
def test_nonsense_about_a_move_that_was_made_does_not_end_the_session(
    opened: Call, code: str, carried: dict[int, int], place: str
) -> None:
    told = f"* 1 EXPUNGE\n{{tag}} OK [{code}] done" if place == "tagged" else f"* OK [{code}] x\n{{tag}} OK done"
    session = opened(imap_server(UID_MOVE=told))

    assert session.move([1, 2, 3], "Archive") == carried
    assert session.usable


@pytest.mark.parametrize("code", ["APPENDUID 7", "APPENDUID x y", "APPENDUID 7 0", "APPENDUID 7 99999999999"])
def test_nonsense_about_a_letter_that_was_stored_is_left_out(opened: Call, code: str) -> None:
    def append(phone: Phone, tag: str, command: str) -> None:
        phone.receive()
        phone.receive()
        phone.receive()
        phone.say(f"{tag} OK [{code}] done")

    filed = opened(imap_server(APPEND=append)).append(b"Subject: x\r\n\r\n", "INBOX")

    assert (filed.folder, filed.uid) == ("INBOX", None)


def test_a_full_mailbox_refuses_a_letter_before_it_is_sent(opened: Call) -> None:
    session = opened(imap_server(APPEND="{tag} NO [OVERQUOTA] full", **without("LITERAL+")))

    with pytest.raises(errors.CommandRefused, match="OVERQUOTA"):
        session.append(b"x" * 100_000, "INBOX")

    session.noop()
    assert session.usable


# Searching.


def test_a_search_in_small_letters_and_in_two_lines_is_read(opened: Call) -> None:
    session = opened(imap_server(UID_SEARCH="* search 2\n* SEARCH 1 3\n{tag} ok found"))

    assert tuple(session.search().uids) == (1, 2, 3)


def test_a_server_without_charsets_says_what_it_cannot_do(opened: Call) -> None:
    heard: list[str] = []

    def search(phone: Phone, tag: str, command: str) -> None:
        heard.append(command)
        if "{" in command:
            phone.receive()
        phone.say(f"{tag} BAD Command Argument Error. 11" if "CHARSET" in command else f"* SEARCH 1\n{tag} OK")

    session = opened(imap_server(UID_SEARCH=search))

    with pytest.raises(errors.NotSupported) as missing:
        session.search(subject="été")
    found = session.search(subject="ete")

    assert missing.value.capability == "CHARSET"
    assert found.uids == (1,)
    assert "CHARSET" not in heard[-1]


@pytest.mark.slow
def test_three_hundred_thousand_letters_are_listed(opened: Call) -> None:
    numbers = " ".join(str(1_000_000 + number) for number in range(300_000))
    session = opened(imap_server(UID_SEARCH=f"* SEARCH {numbers}\n{{tag}} OK"))

    assert len(session.search()) == 300_000


# Dates and logins.


@pytest.mark.parametrize(
    ("date", "received"),
    [
        ('"29-Nov-2026 10:00:00 +0100"', dt.datetime(2026, 11, 29, 10, tzinfo=dt.timezone(dt.timedelta(hours=1)))),
        ('"29-Nov-2026 10:00:00"', dt.datetime(2026, 11, 29, 10, tzinfo=dt.UTC)),
        ('"00-Jan-0000 00:00:00 +0000"', None),
        ('" 1-Jan-2020 24:00:00 +0000"', None),
        ('"01-Jan-1970 00:00:00 +2460"', None),
        ("NIL", None),
        ('""', None),
    ],
)
def test_a_date_that_is_none_hides_no_letter(opened: Call, date: str, received: dt.datetime | None) -> None:
    told = f"* 1 FETCH (UID 1 INTERNALDATE {date} BODY[HEADER] {{16}}\nSubject: one\n\n)\n{{tag}} OK ok"
    session = opened(imap_server(UID_SEARCH="* SEARCH 1\n{tag} OK", UID_FETCH=told))

    (letter,) = session.search()

    assert (letter.subject, letter.received) == ("one", received)


@pytest.mark.parametrize(
    "said", ["NO LOGIN failed", "NO AUTHENTICATE failed.", "NO [ALERT] Invalid credentials (Failure)"]
)
def test_a_refused_login_says_first_to_check_the_password(said: str) -> None:
    with stranger(imap_server(AUTHENTICATE=f"{{tag}} {said}")) as server:
        session = BlockingMailbox(Server("127.0.0.1", server.port, Security.NONE), ADA)
        with pytest.raises(errors.AuthenticationRefused) as refused:
            session.open()

    assert refused.value.hint.startswith("First check the password")


def test_a_greeting_in_pieces_is_one_greeting(opened: Call) -> None:
    assert opened(imap_server(), cut="byte").usable


@pytest.mark.parametrize("said", ["{tag} OK bye", "* BYE", "* BYE bye\n{tag} BAD what"])
def test_a_farewell_of_any_kind_is_one(opened: Call, said: str) -> None:
    session = opened(imap_server(LOGOUT=said))

    session.close()

    assert not session.usable


# Waiting has an end.


def dripping(begin: str, drop: bytes, stop: threading.Event) -> Callable[[Phone, str, str], None]:
    """Server function: this at once, and then a little each twentieth of a second."""

    def drip(phone: Phone, tag: str, command: str) -> None:
        phone.line.sendall(begin.encode())
        while not stop.wait(0.05):
            try:
                phone.line.sendall(drop)
            except OSError:
                return

    return drip


@pytest.mark.slow
@pytest.mark.parametrize(
    ("begin", "drop"),
    [
        ("* 1 FETCH (UID 1 BODY[HEADER] {1000000}\r\n", b"x"),
        ("", b"* OK still here\r\n"),
        ("* 1 FETCH (UID 1 X ", b"("),
    ],
    ids=["a literal", "untagged lines", "a line"],
)
def test_a_server_that_drips_is_given_up(opened: Call, begin: str, drop: bytes) -> None:
    stop = threading.Event()
    session = opened(imap_server(UID_FETCH=dripping(begin, drop, stop)), seconds=0.4)

    try:
        with pytest.raises(errors.TimedOut):
            list(session.search())
    finally:
        stop.set()

    assert not session.usable


@pytest.mark.slow
def test_signs_of_life_keep_a_long_search_alive(opened: Call) -> None:
    done = threading.Event()

    def search(phone: Phone, tag: str, command: str) -> None:
        for _ in range(8):
            done.wait(0.1)
            phone.say("* OK Hang in there..")
        phone.say(f"* SEARCH 1\n{tag} OK")

    session = opened(imap_server(UID_SEARCH=search), seconds=0.6)

    assert session.search().uids == (1,)


@pytest.mark.slow
def test_a_large_letter_that_comes_slowly_does_not_fail(opened: Call) -> None:
    pause = threading.Event()

    def fetch(phone: Phone, tag: str, command: str) -> None:
        phone.line.sendall(b"* 1 FETCH (UID 1 BODY[HEADER] {120000}\r\n")
        for _ in range(6):
            pause.wait(0.15)
            phone.line.sendall(b"x" * 20_000)
        phone.say(f")\n{tag} OK ok")

    session = opened(imap_server(UID_SEARCH="* SEARCH 1\n{tag} OK", UID_FETCH=fetch), seconds=0.7)

    (letter,) = session.search()
    assert len(letter.raw_header) == 120_000


# Fields of a list.


LISTED = (
    "* 1 FETCH (UID 1 RFC822.SIZE 90 BODY[HEADER.FIELDS (DATE FROM)] {39}\nSubject: one\nFrom: Ada <ada@x.org>\n\n)"
)


def listing(phone: Phone, tag: str, command: str) -> None:
    """Server function: the fields of a list, the header, or all of letter 1."""
    if "HEADER.FIELDS" in command:
        phone.say(f"{LISTED}\n{tag} OK ok")
    elif "HEADER" in command:
        phone.say(f"* 1 FETCH (UID 1 BODY[HEADER] {{37}}\nSubject: one\nX-Ticket: 42\nTo: bob\n\n)\n{tag} OK ok")
    else:
        phone.say(f"* 1 FETCH (UID 1 BODY[] {{33}}\nSubject: one\nX-Ticket: 42\n\nhey)\n{tag} OK ok")


def test_a_list_takes_its_fields_alone(opened: Call) -> None:
    heard: list[str] = []

    def fetch(phone: Phone, tag: str, command: str) -> None:
        heard.append(command)
        listing(phone, tag, command)

    session = opened(imap_server(UID_SEARCH="* SEARCH 1\n{tag} OK", UID_FETCH=fetch))
    (letter,) = session.search(listing=True)

    assert (letter.subject, str(letter.sender), letter.date, letter.size) == ("one", "Ada <ada@x.org>", None, 90)
    assert len(heard) == 1
    if isinstance(session, BlockingMailbox):
        assert letter.header("X-Ticket") == "42"
        assert dict(letter.headers)["To"] == "bob"
        assert len(heard) == 2
    else:
        with pytest.raises(errors.UsageError, match=r"await letter\.load"):
            letter.header("X-Ticket")
    assert session.content(letter).endswith(b"hey")
    assert letter.header("x-ticket") == "42"


@pytest.mark.parametrize("extent", [{}, {"listing": True}, {"whole": True}])
def test_a_letter_leaves_memory_with_its_last_user(opened: Call, extent: dict[str, bool]) -> None:
    session = opened(imap_server(UID_SEARCH="* SEARCH 1\n{tag} OK", UID_FETCH=listing))
    (letter,) = session.search(**extent)

    assert letter.subject == "one"
    assert not any(getattr(value, "__self__", None) is letter for value in vars(letter).values())
    if isinstance(session, BlockingMailbox):  # the other one keeps the result of its last task
        seen = weakref.ref(letter)
        gc.disable()
        del letter
        left = seen()
        gc.enable()
        assert left is None


def test_everything_and_the_fields_of_a_list_are_not_asked_for_together(opened: Call) -> None:
    session = opened(imap_server())

    with pytest.raises(errors.UsageError, match="listing=True"):
        session.search(whole=True, listing=True)


# Letters on their way.


def all_of(count: int) -> dict[str, Any]:
    """Answers of a folder of so many letters."""

    def fetch(phone: Phone, tag: str, command: str) -> None:
        found = re.search(r"FETCH (\S+) \((.*)\)", command)
        assert found is not None
        first, _, last = found[1].partition(":")
        part = "[HEADER]" if "HEADER" in found[2] else "[]" if "BODY" in found[2] else ""
        for uid in range(int(first), int(last or first) + 1):
            body = f" BODY{part} {{2}}\nab" if part else ""
            phone.say(f"* {uid} FETCH (UID {uid} RFC822.SIZE 2{body})")
        phone.say(f"{tag} OK ok")

    numbers = " ".join(map(str, range(1, count + 1)))
    return {"UID_FETCH": fetch, "UID_SEARCH": f"* SEARCH {numbers}\n{{tag}} OK", "UID_STORE": "{tag} OK"}


@pytest.mark.slow
@pytest.mark.parametrize("whole", [False, True])
def test_other_commands_go_between_letters_that_are_on_their_way(opened: Call, whole: bool) -> None:
    session = opened(imap_server(**all_of(1200)))
    seen: list[int] = []

    for letter in session.each(session.search(whole=whole)):
        seen.append(letter.uid)
        if letter.uid % 100 == 0:
            session.flag(letter, "seen")

    assert seen == list(range(1, 1201))


@pytest.mark.slow
def test_letters_that_nobody_takes_any_more_are_no_answer_to_what_follows(opened: Call) -> None:
    session = opened(imap_server(**all_of(1200)))
    letters = session.each(session.search())
    _ = next(letters)
    letters.close()

    session.noop()
    assert [letter.uid for letter in session.search()] == list(range(1, 1201))


def test_letters_do_not_go_on_in_another_folder(opened: Call) -> None:
    session = opened(imap_server(**all_of(600)))
    letters = session.each(session.search())
    _ = next(letters)
    session.select("Archive")

    with pytest.raises(errors.UsageError, match="'Archive' is selected"):
        list(letters)

    assert session.usable


def test_a_letter_of_any_size_is_saved(opened: Call, tmp_path: Path) -> None:
    octets = b"0123456789abcdef" * 100_000

    def fetch(phone: Phone, tag: str, command: str) -> None:
        phone.line.sendall(b"* 1 FETCH (UID 1 RFC822.SIZE 1600000 BODY[] {1600000}\r\n" + octets + b")\r\n")
        phone.say(f"{tag} OK ok")

    session = opened(imap_server(UID_FETCH=fetch), limits=ReadLimits(letter=1000, answer=10_000))

    session.save(1, tmp_path / "letter.eml")
    assert (tmp_path / "letter.eml").read_bytes() == octets
    assert session.usable

    with pytest.raises(errors.RemoteProtocolError, match="a letter of more than 1,000,000 octets"):
        session.save(1, tmp_path / "again.eml", limit=1_000_000)
    assert not (tmp_path / "again.eml").exists()


# Parts.


def test_a_structure_that_is_not_that_of_the_letter_is_not_believed(opened: Call) -> None:
    body = "Content-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: application/pdf; name=a.pdf\n\n"
    raw = (body + "x" * 300_000 + "\n--b--\n").replace("\n", "\r\n").encode()

    def fetch(phone: Phone, tag: str, command: str) -> None:
        about = f"* 1 FETCH (UID 1 RFC822.SIZE {len(raw)} "
        if "BODYSTRUCTURE" in command:
            phone.say(f'{about}BODYSTRUCTURE ("TEXT" "PLAIN" NIL NIL NIL "7BIT" 12 1))\n{tag} OK')
        elif "HEADER" in command:
            phone.say(f"{about}BODY[HEADER] {{16}}\nSubject: one\n\n)\n{tag} OK")
        else:
            phone.line.sendall(
                about.encode() + b"BODY[] {%d}\r\n" % len(raw) + raw + b")\r\n" + f"{tag} OK\r\n".encode()
            )

    session = opened(imap_server(UID_SEARCH="* SEARCH 1\n{tag} OK", UID_FETCH=fetch))
    (letter,) = session.search()
    if isinstance(session, AwaitingMailbox):
        session.content(letter)

    assert [attachment.name for attachment in letter.attachments] == ["a.pdf"]


def test_a_part_that_does_not_come_is_told(opened: Call) -> None:
    def fetch(phone: Phone, tag: str, command: str) -> None:
        if "BODYSTRUCTURE" in command:
            phone.say(f'* 1 FETCH (UID 1 BODYSTRUCTURE ("TEXT" "PLAIN" NIL NIL NIL "7BIT" 12 1))\n{tag} OK')
        elif "HEADER" in command:
            phone.say(f"* 1 FETCH (UID 1 RFC822.SIZE 50 BODY[HEADER] {{16}}\nSubject: one\n\n)\n{tag} OK")
        else:
            phone.say(f"* 1 FETCH (UID 1 BODY[1] NIL)\n{tag} OK")

    session = opened(imap_server(UID_SEARCH="* SEARCH 1\n{tag} OK", UID_FETCH=fetch), limits=ReadLimits(letter=100))
    (letter,) = session.search()
    (part,) = session.parts_of(letter)

    with pytest.raises(errors.LetterRefused, match="part 1 of letter 1 did not come"):
        session.part_of(letter, part)
    with pytest.raises(errors.LetterTooLarge, match="part 1 of letter 1 has 101 octets"):
        session.part_of(letter, LetterPart("1", size=101))

    assert session.usable
