"""Order, conversations and pages of what a search finds: by servers that can, by us at others, and by hostile ones."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from courriel import errors
from session.mailboxes import Mailbox
from session.play import Cut
from session.stranger import Phone

Call = Callable[..., tuple[Mailbox, list[str]]]
SUBJECTS = {1: "Zebra", 2: "re: École", 3: "apple", 4: "Ecole"}


def listed(phone: Phone, tag: str, command: str) -> None:
    """Fields of the letters 1 to 4."""
    for uid, subject in SUBJECTS.items():
        fields = (
            f"Subject: {subject}\nFrom: {9 - uid}@example.org\nReferences: <{uid - 1}@x>\nMessage-ID: <{uid}@x>\n\n"
        )
        size = len(fields.encode()) + fields.count("\n")
        phone.say(
            f'* {uid} FETCH (UID {uid} RFC822.SIZE {uid}00 INTERNALDATE "0{uid}-Nov-2026 10:00:00 +0000" FLAGS () '
            f"BODY[HEADER.FIELDS (SUBJECT)] {{{size}}}\n{fields})"
        )
    phone.say(f"{tag} OK")


@pytest.mark.parametrize("cut", ["whole", "line", "byte"])
def test_the_server_sorts_where_it_can(imap_session: Call, cut: Cut) -> None:
    session, heard = imap_session("SORT", cut=cut, UID_SORT="* SORT 5 3 4\n{tag} OK")

    found = session.search(unseen=True, sort=("-date", "subject"))

    assert (found.uids, getattr(found, "letters", found).sorted_by) == ((5, 3, 4), "server")
    assert heard[-1] == "UID SORT (REVERSE DATE SUBJECT) UTF-8 UNSEEN"


def test_letters_are_given_in_the_order_that_was_asked_for(imap_session: Call) -> None:
    session, _ = imap_session("SORT", UID_SORT="* SORT 4 1 3 2\n{tag} OK", UID_FETCH=listed)

    found = session.search(sort="subject", listing=True)

    assert [letter.uid for letter in session.each(found)] == [4, 1, 3, 2]


@pytest.mark.parametrize(
    ("sort", "uids"),
    [
        ("subject", (3, 4, 2, 1)), ("-subject", (1, 2, 4, 3)), ("sender", (4, 3, 2, 1)), ("size", (1, 2, 3, 4)),
        ("-received", (4, 3, 2, 1)), (("cc", "-size"), (4, 3, 2, 1)), ("to", (1, 2, 3, 4)),
    ],
)  # fmt: skip
def test_elsewhere_letters_are_sorted_here(imap_session: Call, sort: Any, uids: tuple[int, ...]) -> None:
    session, heard = imap_session(UID_SEARCH="* SEARCH 4 3 2 1\n{tag} OK", UID_FETCH=listed)

    found = session.search(sort=sort)

    assert (found.uids, getattr(found, "letters", found).sorted_by) == (uids, "here")
    assert "HEADER.FIELDS" in heard[-1]


def test_a_search_for_texts_beyond_ascii_is_sorted(imap_session: Call) -> None:
    session, heard = imap_session("SORT", UID_SORT="* SORT\n{tag} OK")

    assert session.search(subject="École", sort="date").uids == ()
    assert heard[-1].startswith("UID SORT (DATE) UTF-8 SUBJECT {6+}")


def test_letters_that_were_not_asked_for_are_left_out(imap_session: Call) -> None:
    session, _ = imap_session("SORT", UID_SORT="* SORT 9 7 3 8\n* SORT 7 2\n{tag} OK")

    assert session.search(uids=(3, 8), sort="date").uids == (3, 8)
    assert session.search(above=6, sort="date").uids == (9, 7, 8)


@pytest.mark.parametrize("said", ["1 1", "x", "4294967296", "0", "1:5"])
def test_an_order_of_nonsense_ends_the_session(imap_session: Call, said: str) -> None:
    session, _ = imap_session("SORT", UID_SORT=f"* SORT {said}\n{{tag}} OK")

    with pytest.raises(errors.RemoteProtocolError):
        session.search(sort="date")

    assert not session.usable


@pytest.mark.parametrize("refusal", ["NO [BADCHARSET] no", "BAD what?"])
def test_what_is_offered_and_refused_is_done_here(imap_session: Call, refusal: str) -> None:
    session, _ = imap_session(
        "SORT THREAD=REFERENCES PARTIAL", UID_SORT=f"{{tag}} {refusal}", UID_THREAD=f"{{tag}} {refusal}",
        UID_SEARCH=lambda phone, tag, command: phone.say(
            f"{tag} {refusal}" if "PARTIAL" in command else f"* SEARCH 1 2 3 4\n{tag} OK"
        ),
        UID_FETCH=listed,
    )  # fmt: skip

    assert session.search(sort="subject").uids == (3, 4, 2, 1)
    assert [thread.uids for thread in session.threads()] == [(1, 2, 3, 4)]
    assert session.search(last=2).uids == (3, 4)


def test_a_search_that_is_refused_itself_is_one(imap_session: Call) -> None:
    session, _ = imap_session("SORT", UID_SORT="{tag} NO no", UID_SEARCH="{tag} NO no")

    with pytest.raises(errors.CommandRefused):
        session.search(sort="date")

    assert session.usable


@pytest.mark.parametrize("said", ["* ESEARCH UID ALL 1,3:9", "* SEARCH 1 3 4 5 6 7 8 9", "* ESEARCH UID"])
def test_an_answer_without_the_part_is_not_taken_for_nothing(imap_session: Call, said: str) -> None:
    session, heard = imap_session(
        "PARTIAL",
        UID_SEARCH=lambda phone, tag, command: phone.say(
            (said if "PARTIAL" in command else "* SEARCH 1 3 4 5 6 7 8 9") + f"\n{tag} OK"
        ),
    )

    assert session.search(last=2, skip=1).uids == (7, 8)
    assert len([command for command in heard if "SEARCH" in command]) == 2


@pytest.mark.parametrize(
    "wrong",
    [
        {"sort": "colour"}, {"sort": ("date", "-date")}, {"sort": 5}, {"last": 0}, {"last": True}, {"last": "9"},
        {"skip": 5}, {"last": 5, "skip": -1}, {"sort": "--date"},
    ],
)  # fmt: skip
def test_an_order_that_is_none_is_refused_before_a_byte(imap_session: Call, wrong: dict[str, Any]) -> None:
    session, heard = imap_session()

    with pytest.raises(errors.UsageError):
        session.search(**wrong)

    assert heard == []


# Pages.


@pytest.mark.parametrize("cut", ["whole", "line", "byte"])
def test_a_page_is_asked_of_the_server_where_it_can(imap_session: Call, cut: Cut) -> None:
    session, heard = imap_session(
        "PARTIAL ESEARCH", cut=cut, UID_SEARCH='* ESEARCH (TAG "x") UID PARTIAL (-51:-53 100,103:104)\n{tag} OK'
    )

    assert session.search(unseen=True, last=3, skip=50).uids == (100, 103, 104)
    assert heard[-1] == "UID SEARCH RETURN (PARTIAL -51:-53) UNSEEN"


def test_a_page_beyond_the_last_is_empty(imap_session: Call) -> None:
    session, _ = imap_session("PARTIAL", UID_SEARCH="* ESEARCH UID PARTIAL (-51:-53 NIL)\n{tag} OK")

    assert session.search(last=3, skip=50).uids == ()


@pytest.mark.parametrize(("page", "uids"), [((2, 0), (4, 5)), ((2, 1), (3, 4)), ((9, 0), (1, 3, 4, 5)), ((2, 9), ())])
def test_elsewhere_a_page_is_cut_here(imap_session: Call, page: tuple[int, int], uids: tuple[int, ...]) -> None:
    session, _ = imap_session(UID_SEARCH="* SEARCH 1 3 4 5\n{tag} OK")

    assert session.search(last=page[0], skip=page[1]).uids == uids


def test_a_page_of_an_order_is_its_end(imap_session: Call) -> None:
    session, heard = imap_session("SORT PARTIAL", UID_SORT="* SORT 5 3 4 9\n{tag} OK")

    assert session.search(sort="date", last=2, skip=1).uids == (3, 4)
    assert heard[-1].startswith("UID SORT")


@pytest.mark.parametrize("said", ["1:4294967295", "1:4", "x"])
def test_a_page_of_more_than_was_asked_for_is_not_taken(imap_session: Call, said: str) -> None:
    session, _ = imap_session("PARTIAL", UID_SEARCH=f"* ESEARCH UID PARTIAL (-1:-3 {said})\n{{tag}} OK")

    with pytest.raises(errors.RemoteProtocolError):
        session.search(last=3)


@pytest.mark.parametrize("said", ["1:4294967295", "1:16000000", "4294967295:1,7"])
def test_a_short_range_of_millions_is_refused(imap_session: Call, said: str) -> None:
    """A folder of sixteen million letters does not exist, and their numbers would fill gigabytes."""
    session, _ = imap_session("ESEARCH", UID_SEARCH=f"* ESEARCH UID ALL {said}\n{{tag}} OK")

    with pytest.raises(errors.RemoteProtocolError, match="a list of letters that cannot be"):
        session.search()


# Conversations.


@pytest.mark.slow
@pytest.mark.parametrize("cut", ["whole", "line", "byte"])
def test_the_server_puts_conversations_together_where_it_can(imap_session: Call, cut: Cut) -> None:
    session, heard = imap_session(
        "THREAD=ORDEREDSUBJECT THREAD=REFERENCES", cut=cut, UID_THREAD="* THREAD (2)(3 6)\n{tag} OK"
    )

    assert [thread.uids for thread in session.threads(since=None)] == [(2,), (3, 6)]
    assert heard[-1] == "UID THREAD REFERENCES UTF-8 ALL"
    assert [thread.uids for thread in session.threads(by="orderedsubject")] == [(2,), (3, 6)]
    assert heard[-1] == "UID THREAD ORDEREDSUBJECT UTF-8 ALL"


def test_elsewhere_conversations_are_put_together_here(imap_session: Call) -> None:
    session, heard = imap_session("THREAD=REFS", UID_SEARCH="* SEARCH 1 2 3 4\n{tag} OK", UID_FETCH=listed)

    assert [thread.uids for thread in session.threads()] == [(1, 2, 3, 4)]
    assert [thread.uids for thread in session.threads(by="orderedsubject")] == [(1,), (2,), (3,), (4,)]
    assert not [command for command in heard if "THREAD" in command]


def test_an_unknown_way_is_refused_before_a_byte(imap_session: Call) -> None:
    session, heard = imap_session()

    with pytest.raises(errors.UsageError, match="references or orderedsubject"):
        session.threads(by="magic")

    assert heard == []


@pytest.mark.parametrize(
    "said", ["(" * 1_000_000, "(" * 1_000_000 + "1" + ")" * 1_000_000, "(1)(1)", "(1", "x", "(4294967296)"]
)
def test_conversations_of_nonsense_end_the_session(imap_session: Call, said: str) -> None:
    session, _ = imap_session("THREAD=REFERENCES", UID_THREAD=f"* THREAD {said}\n{{tag}} OK")

    with pytest.raises(errors.RemoteProtocolError):
        session.threads()

    assert not session.usable
