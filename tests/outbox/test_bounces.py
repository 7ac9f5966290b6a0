"""Reports that come back: which mail they are about, and what they may change."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from threading import Thread

import pytest

from courriel import Message, Outbox, Sandbox, State, Ticket, errors
from courriel.delivery.urls.providers import by_name
from courriel.outbox.reports.tokens import checked_verp, envid_of, ticket_of, token_in_envid, token_of
from courriel.outbox.store.base import Store
from courriel.outbox.store.suppression import comparable
from courriel.types import Standing
from outbox.reports import absence, bounce, complaint

BOB = "bob@example.org"
CARL = "carl@example.org"
KEY = "5eed" * 16
IDENT = "0123456789abcdef" * 2


def sent(outbox: Outbox, sandbox: Sandbox, *recipients: str, **more: str) -> tuple[Ticket, str]:
    """A mail that the server has accepted, and the ENVID under which it left."""
    message = Message(sender="ada@example.org", to=list(recipients or (BOB,)), subject="News", text="Hello.")
    ticket = outbox.put(message, via=sandbox.url, **more)  # type: ignore[arg-type]
    outbox.run_once()
    assert ticket.status is State.SENT
    said = [line.text for line in sandbox.letters[-1].said.lines() if line.text.startswith("MAIL FROM")]
    return ticket, said[-1].partition(" ENVID=")[2]


# Tokens.


@pytest.mark.parametrize("ident", [IDENT, IDENT + "01", IDENT + "ff"])
def test_a_token_is_signed_and_survives_a_change_of_case(ident: str) -> None:
    token = token_of(KEY, ident)

    assert len(token) == 42
    assert token == token.lower()
    assert ticket_of(KEY, token) == ticket_of(KEY, token.upper()) == ident
    assert ticket_of("another" + KEY, token) == ""
    assert token_in_envid(envid_of(token)) == token


@pytest.mark.parametrize("ident", [IDENT, IDENT + "01"])
@pytest.mark.parametrize("place", range(42))
def test_a_token_with_one_other_letter_is_none(place: int, ident: str) -> None:
    token = token_of(KEY, ident)

    for letter in "a7":
        if token[place] != letter:
            assert ticket_of(KEY, token[:place] + letter + token[place + 1 :]) == ""


@pytest.mark.parametrize("letter", ["\u017f", "\u0131", "\u212a", "ß"])
def test_a_letter_whose_capital_is_one_of_base32_is_none(letter: str) -> None:
    for text in (token_of(KEY, IDENT)[:-1] + letter, letter * 42):
        assert ticket_of(KEY, text) == ""


@pytest.mark.parametrize("text", ["", "x", "a" * 42, "1" * 42, "é" * 42, "=" * 42, token_of(KEY, IDENT) + "a"])
def test_what_is_no_token_is_of_no_mail(text: str) -> None:
    assert ticket_of(KEY, text) == ""
    assert ticket_of("", text) == ""


@pytest.mark.parametrize(
    "address", ["b" * 22 + "@example.org", '"a b"@example.org', "é@example.org", "a+b@example.org"]
)
def test_a_return_address_has_room_for_a_token(address: str) -> None:
    assert checked_verp("bounce@example.org") == "bounce@example.org"
    with pytest.raises(errors.UsageError, match="verp"):
        checked_verp(address)


def test_a_caller_keeps_its_own_envid(outbox: Outbox, sandbox: Sandbox) -> None:
    _, envid = sent(outbox, sandbox, envid="order-42")

    assert envid == "order-42"


def test_a_mail_leaves_with_a_return_address_of_its_own(outbox: Outbox, sandbox: Sandbox) -> None:
    ticket, envid = sent(outbox, sandbox, verp="bounce@example.org")

    assert sandbox.letters[-1].sender == f"bounce+{token_in_envid(envid)}@example.org"
    assert len(sandbox.letters[-1].sender.partition("@")[0]) <= 64
    assert ticket.info.sender == "ada@example.org"


def test_a_provider_that_fixes_the_sender_gets_no_return_address() -> None:
    from courriel import Route
    from courriel.outbox.work.sending.dispatcher import takes_any_sender

    gmail = by_name("gmail")

    assert gmail is not None
    assert not takes_any_sender(Route.parse(f"smtps://ada@{gmail.host}"))
    assert takes_any_sender(Route.parse("smtp://127.0.0.1:25"))


def test_another_outbox_has_another_key(tmp_path: Path) -> None:
    keys = []
    for name in ("one.db", "two.db"):
        Outbox(tmp_path / name).close()
        with closing(sqlite3.connect(tmp_path / name)) as file:
            keys += file.execute("SELECT value FROM outbox_setting WHERE name = 'token key'").fetchall()

    assert len(set(keys)) == 2
    assert all(len(key) == 64 for (key,) in keys)


def test_a_report_of_many_about_a_mail_to_many_costs_no_product(
    outbox: Outbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    message = Message(sender="ada@example.org", to=[f"r{n}@example.org" for n in range(60)], text="Hello.")
    ticket = outbox.put(message, via="null:")
    compared = 0

    def counted(address: str) -> str:
        nonlocal compared
        compared += 1
        return comparable(address)

    monkeypatch.setattr("courriel.outbox.reports.reporting.compared", counted)
    taken = outbox.take_report(bounce(
        message_id=ticket.info.message_id, recipients=tuple(f"x{n}@example.net" for n in range(100))
    ))  # fmt: skip

    assert taken is not None
    assert taken.ticket == ticket.id
    assert len(taken.entries) == 100
    assert compared < 500


# Fates.


def test_a_bounce_makes_an_accepted_recipient_a_returned_one(outbox: Outbox, sandbox: Sandbox) -> None:
    ticket, envid = sent(outbox, sandbox)
    heard: list[str] = []
    outbox.on("returned", lambda ticket: heard.append(ticket.id))

    taken = outbox.take_report(bounce(envid=envid))

    assert taken is not None
    assert (taken.ticket, taken.new) == (ticket.id, True)
    assert ticket.info.standings == {BOB: Standing.RETURNED}
    assert ticket.info.accepted == ()
    assert ticket.status is State.SENT
    fate = ticket.info.later[BOB]
    assert (fate.fate, fate.status, fate.text, fate.permanent) == ("returned", "5.1.1", "550 5.1.1 no such user", True)
    assert heard == [ticket.id]
    assert [(entry.event, entry.recipient) for entry in ticket.history] == [
        ("put", ""), ("accepted", BOB), ("returned", BOB),
    ]  # fmt: skip
    last = ticket.history[-1]
    assert (last.source, last.found_by, last.proven) == ("mx.example.org", "envid", True)
    assert [(each.address, each.reason, each.ticket) for each in outbox.suppressions] == [(BOB, "bounce", ticket.id)]


def test_the_return_address_proves_the_mail_as_well(outbox: Outbox, sandbox: Sandbox) -> None:
    ticket, _ = sent(outbox, sandbox, verp="bounce@example.org", envid="mine")

    outbox.take_report(bounce(to=sandbox.letters[-1].sender.upper()))

    assert ticket.info.standings == {BOB: Standing.RETURNED}
    assert ticket.history[-1].found_by == "verp"


def test_who_was_forwarded_is_the_recipient_of_the_mail_all_the_same(outbox: Outbox, sandbox: Sandbox) -> None:
    ticket, envid = sent(outbox, sandbox)

    outbox.take_report(bounce(recipient="bob.private@elsewhere.example", envid=envid))

    assert ticket.info.standings == {BOB: Standing.RETURNED}


def test_a_mailbox_behind_an_alias_does_not_suppress_the_alias(outbox: Outbox, sandbox: Sandbox) -> None:
    ticket, envid = sent(outbox, sandbox)
    gone = bounce(envid=envid).replace(b"Final-Recipient: rfc822;bob@", b"Final-Recipient: rfc822;a.member@")

    outbox.take_report(gone)

    assert ticket.info.later[BOB].status == "5.1.1"
    assert list(outbox.suppressions) == []


@pytest.mark.parametrize("status", ["5.1.1", "5.1.2", "5.1.3", "5.1.6", "5.1.10"])
def test_no_such_mailbox_suppresses_the_address(outbox: Outbox, sandbox: Sandbox, status: str) -> None:
    _, envid = sent(outbox, sandbox)

    outbox.take_report(bounce(envid=envid, status=status))

    assert [entry.reason for entry in outbox.suppressions.of(BOB)] == ["bounce"]


@pytest.mark.parametrize(
    "status", ["5.7.1", "5.7.26", "5.2.2", "5.2.3", "5.3.4", "5.6.0", "5.0.0", "5.1.0", "5.4.4", "4.4.7", "4.1.1", ""]
)
def test_everything_else_leaves_the_address_alone(outbox: Outbox, sandbox: Sandbox, status: str) -> None:
    ticket, envid = sent(outbox, sandbox)

    outbox.take_report(bounce(envid=envid, status=status, said="554 it did not work"))

    assert list(outbox.suppressions) == []
    assert ticket.info.standings == {BOB: Standing.RETURNED}
    assert ticket.info.later[BOB].permanent is status.startswith("5.")


def test_a_complaint_changes_the_fate_and_suppresses(outbox: Outbox, sandbox: Sandbox) -> None:
    ticket, _ = sent(outbox, sandbox, verp="bounce@example.org")
    heard: list[str] = []
    outbox.on("complained", lambda ticket: heard.append(ticket.id))

    outbox.take_report(complaint(return_path=sandbox.letters[-1].sender))

    assert ticket.info.standings == {BOB: Standing.COMPLAINED}
    assert heard == [ticket.id]
    assert [entry.reason for entry in outbox.suppressions.of(BOB)] == ["complaint"]


@pytest.mark.slow
def test_a_complaint_counts_more_than_a_return_and_a_return_for_good_more_than_one_for_a_while(
    outbox: Outbox, sandbox: Sandbox
) -> None:
    ticket, envid = sent(outbox, sandbox, verp="bounce@example.org")

    found = []
    for letter in (
        bounce(envid=envid, status="4.4.7", number=1),
        bounce(envid=envid, status="5.1.1", number=2),
        bounce(envid=envid, status="4.4.7", number=3),
        complaint(return_path=sandbox.letters[-1].sender),
        bounce(envid=envid, status="5.1.1", number=4),
    ):
        outbox.take_report(letter)
        fate = ticket.info.later[BOB]
        found.append((fate.fate, fate.status))

    assert found == [("returned", "4.4.7"), ("returned", "5.1.1"), ("returned", "5.1.1"), ("complained", ""),
                     ("complained", "")]  # fmt: skip
    assert len(ticket.history) == 7


# What proves nothing changes nothing.


def test_a_token_of_a_mail_to_several_does_not_say_which_of_them(outbox: Outbox, sandbox: Sandbox) -> None:
    ticket, envid = sent(outbox, sandbox, BOB, CARL)
    heard: list[str] = []
    outbox.on("reported", lambda ticket: heard.append(ticket.id))

    outbox.take_report(bounce(recipient=CARL, envid=envid))

    assert set(ticket.info.standings.values()) == {Standing.ACCEPTED}
    assert list(outbox.suppressions) == []
    last = ticket.history[-1]
    assert (last.event, last.recipient, last.proven) == ("reported", CARL, True)
    assert heard == [ticket.id]


def test_a_message_id_alone_is_only_reported(outbox: Outbox, sandbox: Sandbox) -> None:
    ticket, _ = sent(outbox, sandbox)

    taken = outbox.take_report(bounce(message_id=ticket.info.message_id))

    assert taken is not None
    assert taken.ticket == ticket.id
    assert ticket.info.standings == {BOB: Standing.ACCEPTED}
    assert [(entry.event, entry.found_by, entry.proven) for entry in ticket.history][-1] == (
        "reported", "message-id", False,
    )  # fmt: skip


def test_a_forged_token_is_no_proof(outbox: Outbox, sandbox: Sandbox) -> None:
    ticket, envid = sent(outbox, sandbox)
    forged = envid_of(token_of(KEY, ticket.id))
    assert forged != envid

    assert outbox.take_report(bounce(envid=forged)) is not None

    assert ticket.info.standings == {BOB: Standing.ACCEPTED}
    assert len(ticket.history) == 2
    outbox.take_report(bounce(envid=forged, message_id=ticket.info.message_id))
    assert ticket.info.standings == {BOB: Standing.ACCEPTED}
    assert ticket.history[-1].event == "reported"


def test_a_report_that_proves_nothing_does_not_keep_the_true_one_out(outbox: Outbox, sandbox: Sandbox) -> None:
    ticket, envid = sent(outbox, sandbox)
    outbox.take_report(bounce(message_id=ticket.info.message_id))

    outbox.take_report(bounce(envid=envid))

    assert ticket.info.standings == {BOB: Standing.RETURNED}


def test_two_mails_of_one_message_id_are_told_apart_by_their_recipients(outbox: Outbox, sandbox: Sandbox) -> None:
    message = Message(sender="ada@example.org", to=BOB, subject="News", text="Hello.", message_id="<same@example.org>")
    first, second = (outbox.put(message, via=sandbox.url, to=[to]) for to in (BOB, CARL))
    outbox.run_once()

    outbox.take_report(bounce(recipient=CARL, message_id="<same@example.org>"))
    outbox.take_report(bounce(recipient="eve@example.org", message_id="<same@example.org>", number=2))

    assert [entry.event for entry in first.history] == ["put", "accepted"]
    assert [entry.event for entry in second.history] == ["put", "accepted", "reported"]


def test_an_absence_is_written_down_and_changes_nothing(outbox: Outbox, sandbox: Sandbox) -> None:
    ticket, _ = sent(outbox, sandbox)
    for event in ("returned", "complained", "reported"):
        outbox.on(event, lambda ticket: pytest.fail("nobody is told of an absence"))

    outbox.take_report(absence(ticket.info.message_id))

    assert ticket.info.standings == {BOB: Standing.ACCEPTED}
    assert list(outbox.suppressions) == []


@pytest.mark.parametrize("action", ["delayed", "delivered", "relayed", "expanded"])
def test_what_is_no_failure_is_history_alone(outbox: Outbox, sandbox: Sandbox, action: str) -> None:
    ticket, envid = sent(outbox, sandbox)

    outbox.take_report(bounce(envid=envid, action=action, status="4.4.1" if action == "delayed" else "2.0.0"))

    assert ticket.info.standings == {BOB: Standing.ACCEPTED}
    assert ticket.history[-1].event == action


def test_a_delay_is_followed_by_the_end(outbox: Outbox, sandbox: Sandbox) -> None:
    delivered, first = sent(outbox, sandbox)
    failed, second = sent(outbox, sandbox)
    for envid in (first, second):
        outbox.take_report(bounce(envid=envid, action="delayed", status="4.4.1", number=1))

    outbox.take_report(bounce(envid=first, action="delivered", status="2.0.0", number=2))
    outbox.take_report(bounce(envid=second, status="4.4.7", number=2))

    assert delivered.info.standings == {BOB: Standing.ACCEPTED}
    assert failed.info.standings == {BOB: Standing.RETURNED}
    assert not failed.info.later[BOB].permanent
    assert [entry.event for entry in failed.history] == ["put", "accepted", "delayed", "returned"]


def test_letters_that_report_nothing_are_none(outbox: Outbox) -> None:
    assert outbox.take_report(b"From: bob@example.org\r\nSubject: Hello\r\n\r\nHello.\r\n") is None
    assert outbox.take_reports([]) == []
    for wrong in ("text", None, 1):
        with pytest.raises(errors.UsageError):
            outbox.take_report(wrong)  # type: ignore[arg-type]


@pytest.mark.slow
def test_a_report_with_everything_cut_off_is_reported_at_most(outbox: Outbox, sandbox: Sandbox) -> None:
    ticket, envid = sent(outbox, sandbox)
    whole = bounce(envid=envid)

    for end in range(0, len(whole), 7):
        outbox.take_report(whole[:end])

    assert ticket.info.standings in ({BOB: Standing.ACCEPTED}, {BOB: Standing.RETURNED})
    assert all(entry.recipient in ("", BOB) for entry in ticket.history)


# By hand.


def test_a_person_applies_what_proved_nothing(outbox: Outbox, sandbox: Sandbox) -> None:
    ticket, envid = sent(outbox, sandbox, BOB, CARL)
    outbox.take_report(bounce(recipient=CARL, envid=envid))

    assert not ticket.apply_report(BOB), "no report speaks of Bob"
    assert ticket.apply_report("Carl@EXAMPLE.org")
    assert not ticket.apply_report(CARL), "it is applied already"

    assert ticket.info.standings == {BOB: Standing.ACCEPTED, CARL: Standing.RETURNED}
    assert [entry.address for entry in outbox.suppressions] == [CARL]
    assert [(entry.event, entry.found_by) for entry in ticket.history][-1] == ("returned", "person")
    with pytest.raises(errors.UsageError, match="was not sent to"):
        ticket.apply_report("eve@example.org")


def test_a_complaint_is_applied_as_a_complaint(outbox: Outbox, sandbox: Sandbox) -> None:
    ticket, _ = sent(outbox, sandbox)
    outbox.take_report(complaint(message_id=ticket.info.message_id))

    assert ticket.apply_report(BOB)

    assert ticket.info.standings == {BOB: Standing.COMPLAINED}


# The same report, several watchers, deaths, mails that are gone.


def test_the_same_report_twice_counts_once(outbox: Outbox, sandbox: Sandbox) -> None:
    ticket, envid = sent(outbox, sandbox)
    heard: list[str] = []
    outbox.on("returned", lambda ticket: heard.append(ticket.id))

    first, second = outbox.take_reports([bounce(envid=envid), bounce(envid=envid)])
    third = outbox.take_report(bounce(envid=envid))

    assert [each.new for each in (first, second, third) if each] == [True, False, False]
    assert len(ticket.history) == 3
    assert heard == [ticket.id]
    outbox.suppressions.lift(BOB)
    outbox.take_report(bounce(envid=envid))
    assert list(outbox.suppressions) == [], "lifted by a person, and the old report does not put it back"


@pytest.mark.slow
def test_two_watchers_take_the_same_reports_at_once(open_store: Callable[[], Store], sandbox: Sandbox) -> None:
    outboxes = [Outbox(open_store()) for _ in range(2)]
    tickets = [sent(outboxes[0], sandbox) for _ in range(4)]
    letters = [bounce(envid=envid, number=number) for number, (_, envid) in enumerate(tickets)]
    new: list[int] = []

    def take(outbox: Outbox) -> None:
        for letter in letters:
            taken = outbox.take_report(letter)
            new.append(taken is not None and taken.new)

    threads = [Thread(target=take, args=(outbox,)) for outbox in outboxes]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sum(new) == len(letters)
    assert all(ticket.info.standings == {BOB: Standing.RETURNED} for ticket, _ in tickets)
    assert all(len(ticket.history) == 3 for ticket, _ in tickets)


def test_news_that_nobody_could_be_told_are_told_later(open_store: Callable[[], Store], sandbox: Sandbox) -> None:
    first = Outbox(open_store())
    ticket, envid = sent(first, sandbox)

    def dies(ticket: Ticket) -> None:
        raise RuntimeError("the program dies here")

    first.on("returned", dies)
    first.take_report(bounce(envid=envid))

    second = Outbox(open_store())
    heard: list[str] = []
    second.on("returned", lambda ticket: heard.append(ticket.id))
    assert second.tell_reports() == 1
    assert second.tell_reports() == 0
    assert heard == [ticket.id]


def test_nobody_is_told_of_what_nobody_listened_to(open_store: Callable[[], Store], sandbox: Sandbox) -> None:
    outbox = Outbox(open_store())
    _, envid = sent(outbox, sandbox)
    outbox.take_report(bounce(envid=envid))

    outbox.on("returned", lambda ticket: pytest.fail("old news"))

    assert outbox.tell_reports() == 0


def test_what_cannot_be_written_down_changes_nothing(
    store: Store, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    outbox = Outbox(store)
    ticket, envid = sent(outbox, sandbox)
    monkeypatch.setitem(store._sql, "set_fates", "NONSENSE")  # type: ignore[attr-defined]  # noqa: SLF001

    with pytest.raises(errors.OutboxError):
        outbox.take_report(bounce(envid=envid))

    assert len(ticket.history) == 2
    assert ticket.info.standings == {BOB: Standing.ACCEPTED}
    assert list(outbox.suppressions) == []
    monkeypatch.undo()
    outbox.take_report(bounce(envid=envid))
    assert ticket.info.standings == {BOB: Standing.RETURNED}


def test_a_report_about_a_mail_that_was_forgotten_is_of_no_mail(outbox: Outbox, sandbox: Sandbox) -> None:
    ticket, envid = sent(outbox, sandbox)
    outbox.take_report(bounce(envid=envid, action="delayed", status="4.4.1"))
    outbox.prune(sent=-1.0)

    taken = outbox.take_report(bounce(envid=envid, number=2))

    assert taken is not None
    assert (taken.ticket, taken.entries, taken.new) == ("", (), False)
    assert list(outbox.suppressions) == []
    assert outbox.check() == []
    with pytest.raises(errors.TicketNotFound):
        _ = ticket.history


def test_the_reports_of_a_mail_are_forgotten_with_it(store: Store, sandbox: Sandbox) -> None:
    outbox = Outbox(store)
    ticket, envid = sent(outbox, sandbox)
    outbox.take_report(bounce(envid=envid))

    outbox.prune(sent=-1.0)

    assert store.history(ticket.id) == []
    assert [entry.address for entry in outbox.suppressions] == [BOB], "the list stays"


def test_a_failed_mail_is_not_sent_again_to_whom_it_came_back_from(outbox: Outbox, sandbox: Sandbox) -> None:
    sandbox.refuse(CARL)
    message = Message(sender="ada@example.org", to=[BOB, CARL], subject="News", text="Hello.")
    ticket = outbox.put(message, via=sandbox.url)
    outbox.run_once()
    assert ticket.status is State.FAILED
    outbox.take_report(bounce(message_id=ticket.info.message_id))
    assert ticket.apply_report(BOB)

    assert ticket.retry_failed()

    assert ticket.info.waiting == (CARL,)
    assert ticket.info.standings[BOB] is Standing.RETURNED


@pytest.mark.slow
def test_many_reports_at_once(outbox: Outbox, sandbox: Sandbox) -> None:
    ticket, envid = sent(outbox, sandbox)
    many = 10_000 if os.environ.get("COURRIEL_TEST_ALL") else 1_000
    letters = (bounce(envid=envid, number=number, said=f"550 5.1.1 try {number}") for number in range(many))

    taken = outbox.take_reports(letters)

    assert sum(each is not None and each.new for each in taken) == many
    assert len(ticket.history) == many + 2
    assert ticket.info.standings == {BOB: Standing.RETURNED}
    assert [entry.address for entry in outbox.suppressions] == [BOB]
