"""What only some servers tell: quotas, namespaces, all statuses at once, limits, lasting ids, the labels of Gmail."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from courriel import errors
from courriel.types import FolderStatus, LetterIds, LetterPart, Namespace, Namespaces, Quota
from session.mailboxes import BlockingMailbox, Mailbox
from session.stranger import Phone

Call = Callable[..., tuple[Mailbox, list[str]]]

HEADER = "* 1 FETCH (UID 1 BODY[HEADER] {16}\nSubject: one\n\n)\n{tag} OK"


# Quotas and namespaces.


def test_the_quota_of_a_folder_is_told_in_octets(imap_session: Call) -> None:
    said = (
        '* QUOTAROOT "INBOX" "" "Paul&AOk-"\n* QUOTA "" (STORAGE 10 512 MESSAGE 3 x)\n'
        '* QUOTA "Paul&AOk-" (MESSAGE 20 100)\n{tag} OK'
    )
    session, heard = imap_session("QUOTA", GETQUOTAROOT=said)

    assert session.quota() == (Quota("", "storage", 10_240, 524_288), Quota("Paulé", "message", 20, 100))
    assert heard == ['GETQUOTAROOT "INBOX"']


def test_a_folder_without_a_quota_has_none(imap_session: Call) -> None:
    session, _ = imap_session("QUOTA=RES-STORAGE QUOTA", GETQUOTAROOT='* QUOTAROOT "INBOX"\n{tag} OK')

    assert session.quota() == ()


def test_namespaces_are_told(imap_session: Call) -> None:
    session, _ = imap_session(
        "NAMESPACE", NAMESPACE='* NAMESPACE (("" ".")("&AMk-t&AOk-/" "/")) NIL (("Public" NIL) nonsense)\n{tag} OK'
    )

    assert session.namespaces() == Namespaces(
        personal=(Namespace("", "."), Namespace("Été/", "/")), shared=(Namespace("Public"),)
    )


@pytest.mark.parametrize(
    ("call", "capability"),
    [
        (lambda session: session.quota(), "QUOTA"),
        (lambda session: session.namespaces(), "NAMESPACE"),
        (lambda session: session.ids_of(1), "OBJECTID"),
        (lambda session: session.labels_of(1), "X-GM-EXT-1"),
        (lambda session: session.add_labels(1, "x"), "X-GM-EXT-1"),
        (lambda session: session.remove_labels(1, "x"), "X-GM-EXT-1"),
        (lambda session: len(session.search(gmail="in:unread")), "X-GM-EXT-1"),
    ],
)
def test_what_the_server_does_not_offer_is_not_asked(
    imap_session: Call, call: Callable[[Any], Any], capability: str
) -> None:
    session, heard = imap_session(UID_FETCH="{tag} BAD", UID_STORE="{tag} BAD", UID_SEARCH="{tag} BAD")

    with pytest.raises(errors.NotSupported) as raised:
        call(session)

    assert raised.value.capability == capability
    assert not [command for command in heard if not command.startswith("SELECT")]


# All folders at once.

LISTED = '* LIST () "/" inbox\n* LIST (\\NoSelect) "/" Shared\n* LIST () "/" "&AMk-t&AOk-"\n* LIST () "/" Locked\n'
COUNTED = "(MESSAGES 3 UNSEEN 1 UIDVALIDITY 7 UIDNEXT 4)"


def counts(name: str) -> FolderStatus:
    return FolderStatus(name, 3, 1, 7, 4)


def test_the_status_of_all_folders_takes_one_command(imap_session: Call) -> None:
    said = f'{LISTED}* STATUS INBOX {COUNTED}\n* STATUS "&AMk-t&AOk-" {COUNTED}\n* STATUS Locked {COUNTED}\n{{tag}} OK'
    session, heard = imap_session("LIST-STATUS LIST-EXTENDED", LIST=said)

    assert session.statuses() == [counts("inbox"), counts("Été"), counts("Locked")]
    assert heard == ['LIST "" "*" RETURN (STATUS (MESSAGES UNSEEN UIDVALIDITY UIDNEXT))']


def test_where_it_cannot_be_told_at_once_each_folder_is_asked(imap_session: Call) -> None:
    def status(phone: Phone, tag: str, command: str) -> None:
        name = command.split('"')[1]
        phone.say(f"{tag} NO no" if name == "Locked" else f'* STATUS "{name}" {COUNTED}\n{tag} OK')

    session, heard = imap_session(LIST=f"{LISTED}{{tag}} OK", STATUS=status)

    assert session.statuses() == [counts("inbox"), counts("Été")]
    assert len(heard) == 4


def test_a_folder_that_is_left_out_of_the_answer_is_asked(imap_session: Call) -> None:
    session, _ = imap_session(
        "LIST-STATUS",
        LIST=f'* LIST () "/" A\n* LIST () "/" B\n* STATUS B {COUNTED}\n{{tag}} OK',
        STATUS=f"* STATUS A {COUNTED}\n{{tag}} OK",
    )

    assert session.statuses() == [counts("A"), counts("B")]


# The largest letter that is taken.


def stored(phone: Phone, tag: str, command: str) -> None:
    """Take the letter behind APPEND, a line in these tests."""
    phone.receive()
    phone.say(f"{tag} OK stored")


@pytest.mark.parametrize("length", [20, 21])
def test_a_letter_above_the_limit_is_refused_before_a_byte_of_it(imap_session: Call, length: int) -> None:
    session, heard = imap_session("APPENDLIMIT=20", APPEND=stored)

    if length > 20:
        with pytest.raises(errors.LetterTooLarge, match=r"21 octets, and the server takes 20 \(APPENDLIMIT\)"):
            session.append(b"x" * length, "Sent")
        assert heard == []
        session.noop()
    else:
        assert session.append(b"x" * length, "Sent").folder == "Sent"


@pytest.mark.parametrize("said", ["* STATUS Sent (APPENDLIMIT 20)\n{tag} OK", "{tag} NO [TRYCREATE] no such folder",
                                  "* STATUS Sent (APPENDLIMIT NIL)\n{tag} OK"])  # fmt: skip
def test_a_limit_of_each_folder_is_asked_once(imap_session: Call, said: str) -> None:
    session, heard = imap_session("APPENDLIMIT", STATUS=said, APPEND=stored)

    session.append(b"x" * 20, "Sent")
    if " 20)" in said:
        with pytest.raises(errors.LetterTooLarge):
            session.append(b"x" * 21, "Sent")
    else:
        session.append(b"x" * 21, "Sent")

    assert [command for command in heard if command.startswith("STATUS")] == ['STATUS "Sent" (APPENDLIMIT)']


# Lasting ids.


def test_letters_have_ids_that_last(imap_session: Call) -> None:
    said = (
        "* 1 FETCH (UID 1 EMAILID (M1) THREADID (T1))\n* 5 FETCH (FLAGS (\\Seen))\n"
        "* 2 FETCH (UID 2 EMAILID (M2) THREADID NIL)\n* 9 FETCH (UID 9 EMAILID (M9))\n{tag} OK"
    )
    session, heard = imap_session("OBJECTID", UID_FETCH=said)

    assert session.ids_of([1, 2, 3]) == {1: LetterIds("M1", "T1"), 2: LetterIds("M2")}
    assert heard[-1] == "UID FETCH 1:3 (EMAILID THREADID)"


def test_gmail_has_ids_under_other_names(imap_session: Call) -> None:
    session, _ = imap_session("X-GM-EXT-1", UID_FETCH="* 1 FETCH (UID 1 X-GM-MSGID 127 X-GM-THRID 126)\n{tag} OK")

    assert session.ids_of(1) == {1: LetterIds("127", "126")}


def test_an_id_without_its_letter_is_nobodys(imap_session: Call) -> None:
    session, _ = imap_session("OBJECTID", UID_FETCH="* 1 FETCH (EMAILID (M1))\n{tag} OK")

    with pytest.raises(errors.RemoteProtocolError, match="without its UID"):
        session.ids_of(1)


@pytest.mark.parametrize("imap_session", [BlockingMailbox], indirect=True)
def test_a_letter_tells_its_ids_when_they_are_touched(imap_session: Call) -> None:
    def fetch(phone: Phone, tag: str, command: str) -> None:
        ids = "EMAILID (M1) THREADID (T1)" if "EMAILID" in command else "BODY[HEADER] {16}\nSubject: one\n\n"
        phone.say(f"* 1 FETCH (UID 1 {ids})\n{tag} OK")

    session, heard = imap_session("OBJECTID", UID_FETCH=fetch)
    (letter,) = session.fetch(1)

    assert (letter.email_id, letter.thread_id, letter.subject) == ("M1", "T1", "one")
    assert len([command for command in heard if "EMAILID" in command]) == 1


# Parts that the server decodes.

PART = LetterPart("2", "application/pdf", encoding="base64", size=12)
AS_IT_IS = "* 1 FETCH (UID 1 BODY[2] {12}\nSW52b2ljZTE=)\n{tag} OK"


@pytest.mark.parametrize(
    ("answer", "asked"),
    [
        ("* 1 FETCH (UID 1 BINARY[2] ~{8}\nInvoice1)\n{tag} OK", 1),
        ("{tag} NO [UNKNOWN-CTE] what is that?", 2),
        ("{tag} BAD what?", 2),
        ("* 1 FETCH (UID 1 BINARY[2] NIL)\n{tag} OK", 2),
        ('* 1 FETCH (UID 1 BINARY[2] "")\n{tag} OK', 2),
    ],
)
def test_a_part_is_decoded_by_the_server_or_by_us(imap_session: Call, answer: str, asked: int) -> None:
    def fetch(phone: Phone, tag: str, command: str) -> None:
        said = answer if "BINARY.PEEK[2]" in command else AS_IT_IS if "BODY.PEEK[2]" in command else HEADER
        phone.say(said.replace("{tag}", tag))

    session, heard = imap_session("BINARY", UID_FETCH=fetch)
    (letter,) = session.each(session.fetch(1))
    heard.clear()

    assert session.part_of(letter, PART) == b"Invoice1"
    assert len(heard) == asked


@pytest.mark.parametrize(("capable", "encoding"), [("", "base64"), ("BINARY", "7bit")])
def test_a_part_is_asked_for_as_it_is_where_nothing_is_to_be_gained(
    imap_session: Call, capable: str, encoding: str
) -> None:
    def fetch(phone: Phone, tag: str, command: str) -> None:
        phone.say((AS_IT_IS if "BODY.PEEK[2]" in command else HEADER).replace("{tag}", tag))

    session, heard = imap_session(capable, UID_FETCH=fetch)
    (letter,) = session.each(session.fetch(1))

    assert session.part_of(letter, LetterPart("2", encoding=encoding, size=12)).startswith((b"Invoice1", b"SW5"))
    assert not any("BINARY" in command for command in heard)


# Gmail.


def test_labels_are_read_and_changed(imap_session: Call) -> None:
    session, heard = imap_session(
        "X-GM-EXT-1",
        UID_FETCH='* 1 FETCH (UID 1 X-GM-LABELS (\\Inbox "\\\\Sent" work "&AMk-t&AOk- 2026"))\n{tag} OK',
        UID_STORE="{tag} OK",
    )

    labels = session.labels_of(1)
    session.add_labels(1, "Été 2026", "\\Starred")
    session.remove_labels([1], 'a"b')

    assert labels == {1: {"\\Inbox", "\\Sent", "work", "Été 2026"}}
    assert heard[-2:] == [
        'UID STORE 1 +X-GM-LABELS.SILENT ("&AMk-t&AOk- 2026" \\Starred)',
        'UID STORE 1 -X-GM-LABELS.SILENT ("a\\"b")',
    ]


@pytest.mark.parametrize("labels", [(), ("",), (3,), ("a\r\nx LOGOUT",), ("\udc80",)])
def test_what_is_no_label_is_refused_before_a_byte_is_sent(imap_session: Call, labels: tuple[Any, ...]) -> None:
    session, heard = imap_session("X-GM-EXT-1", UID_STORE="{tag} OK")

    with pytest.raises(errors.UsageError):
        session.add_labels(1, *labels)

    assert not [command for command in heard if "STORE" in command]


def test_gmail_searches_in_its_own_words(imap_session: Call) -> None:
    session, heard = imap_session("X-GM-EXT-1", UID_SEARCH="* SEARCH 2\n{tag} OK")

    found = session.search(gmail='has:attachment subject:"a b"', unseen=True)

    assert found.uids == (2,)
    assert heard[-1] == 'UID SEARCH UNSEEN X-GM-RAW "has:attachment subject:\\"a b\\""'
