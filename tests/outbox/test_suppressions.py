"""The suppression list of an outbox: who gets no more mail, looked up at the put and before the mail leaves."""

from __future__ import annotations

import asyncio
import csv
import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from courriel import AsyncOutbox, Message, Outbox, Sandbox, State, Suppression, errors
from courriel.outbox.bounces.csv_file import write_csv
from courriel.outbox.store.base import Store
from courriel.types import Standing

ADA = "ada@example.org"


def mail_to(*recipients: str) -> Message:
    return Message(sender=ADA, to=list(recipients), subject="News", text="Hello.")


def arrived(sandbox: Sandbox) -> list[str]:
    return sorted(name for letter in sandbox.letters for name in letter.recipients)


def test_a_suppressed_recipient_has_a_result_of_its_own_and_the_others_get_the_mail(
    outbox: Outbox, sandbox: Sandbox
) -> None:
    outbox.suppressions.add("bob@example.org", "bounce", note="5.1.1")

    ticket = outbox.put(mail_to("bob@example.org", "carl@example.org"), via=sandbox.url)
    outbox.run_once()

    info = ticket.info
    assert info.state is State.FAILED
    assert info.standings == {"bob@example.org": Standing.REFUSED, "carl@example.org": Standing.ACCEPTED}
    assert "bounce" in info.suppressed["bob@example.org"]
    assert "courriel outbox lift bob@example.org" in info.suppressed["bob@example.org"]
    assert arrived(sandbox) == ["carl@example.org"]


def test_a_mail_to_nobody_else_is_refused_and_not_stored(outbox: Outbox, sandbox: Sandbox) -> None:
    outbox.suppressions.add("bob@example.org", "complaint")

    with pytest.raises(errors.SuppressedRecipients, match=r"bob@example\.org") as refused:
        outbox.put(mail_to("bob@example.org"), via=sandbox.url, key="k")

    assert "complaint" in refused.value.suppressed["bob@example.org"]
    assert refused.value.failure is not None
    assert refused.value.failure.id == "SUPPRESSED"
    assert not refused.value.retryable
    assert list(outbox.list()) == []


def test_of_many_mails_the_suppressed_one_is_kept_as_failed(outbox: Outbox, sandbox: Sandbox) -> None:
    outbox.suppressions.add("bob@example.org")

    tickets = outbox.put_many([mail_to("bob@example.org"), mail_to("carl@example.org")], via=sandbox.url)
    outbox.run_once()

    assert [ticket.status for ticket in tickets] == [State.FAILED, State.SENT]
    assert tickets[0].info.why.startswith("suppressed: ")
    assert arrived(sandbox) == ["carl@example.org"]


def test_who_comes_onto_the_list_after_the_put_gets_no_mail(outbox: Outbox, sandbox: Sandbox) -> None:
    alone, among = outbox.put_many([mail_to("bob@example.org"), mail_to("bob@example.org", "carl@example.org")],
                                   via=sandbox.url)  # fmt: skip

    outbox.suppressions.add("bob@example.org", "bounce")
    outbox.run_once()

    assert arrived(sandbox) == ["carl@example.org"]
    assert (alone.status, among.status) == (State.FAILED, State.FAILED)
    assert alone.info.standings == {"bob@example.org": Standing.REFUSED}
    assert alone.info.why == "suppressed: bob@example.org"
    assert among.info.accepted == ("carl@example.org",)
    assert list(among.info.suppressed) == ["bob@example.org"]


def test_one_for_all_and_all_for_one(outbox: Outbox, sandbox: Sandbox) -> None:
    both = mail_to("bob@example.org", "carl@example.org")
    before = outbox.put(both, via=sandbox.url, on_refused="abandon")
    outbox.suppressions.add("bob@example.org")

    with pytest.raises(errors.SuppressedRecipients):
        outbox.put(both, via=sandbox.url, on_refused="abandon")
    outbox.run_once()

    assert arrived(sandbox) == []
    assert before.status is State.FAILED
    assert set(before.info.standings.values()) == {Standing.REFUSED}


def test_the_same_key_is_the_same_mail_whoever_was_suppressed_since(outbox: Outbox, sandbox: Sandbox) -> None:
    ticket = outbox.put(mail_to("bob@example.org"), via=sandbox.url, key="invoice-42")
    outbox.suppressions.add("bob@example.org")

    again = outbox.put(mail_to("bob@example.org"), via=sandbox.url, key="invoice-42")

    assert again == ticket
    assert again.existed


def test_a_mail_whose_recipient_was_left_out_is_known_by_its_key(outbox: Outbox, sandbox: Sandbox) -> None:
    outbox.suppressions.add("bob@example.org")
    both = mail_to("bob@example.org", "carl@example.org")

    ticket = outbox.put(both, via=sandbox.url, key="k")

    assert outbox.put(both, via=sandbox.url, key="k") == ticket


@pytest.mark.parametrize(
    ("listed", "written"),
    [
        ("Bob@Example.ORG", "bob@example.org"),
        ("bob@example.org", "BOB@example.org"),
        ("bob@bücher.example", "bob@xn--bcher-kva.example"),
        ('"bob"@example.org', "bob@example.org"),
        ("REN\u00c9@example.org", "ren\u00e9@example.org"),
    ],
)
def test_the_same_mailbox_in_other_letters_is_the_same(outbox: Outbox, listed: str, written: str) -> None:
    outbox.suppressions.add(listed)

    assert [entry.address for entry in outbox.suppressions.of(written)] == [listed]


@pytest.mark.parametrize("other", ["bo.b@example.org", "bob+shop@example.org", "bob@mail.example.org"])
def test_what_may_be_another_mailbox_is_another(outbox: Outbox, other: str) -> None:
    outbox.suppressions.add("bob@example.org")

    assert outbox.suppressions.of(other) == []


@pytest.mark.parametrize(
    ("reason", "of", "stream", "sent"),
    [
        ("unsubscribe", "news", "news", False),
        ("unsubscribe", "news", "offers", True),
        ("unsubscribe", "news", "", True),
        ("unsubscribe", "news", "transactional", True),
        ("unsubscribe", "", "news", False),
        ("unsubscribe", "", "", False),
        ("unsubscribe", "", "transactional", True),
        ("bounce", "", "transactional", False),
        ("complaint", "", "transactional", False),
        ("manual", "", "transactional", False),
    ],
)
def test_a_stream_passes_unsubscriptions_from_others_and_nothing_else(
    outbox: Outbox, sandbox: Sandbox, reason: str, of: str, stream: str, sent: bool
) -> None:
    before = outbox.put(mail_to("bob@example.org"), via=sandbox.url, stream=stream)
    outbox.suppressions.add("bob@example.org", reason, stream=of)  # type: ignore[arg-type]

    tickets = outbox.put_many([mail_to("bob@example.org")], via=sandbox.url, stream=stream)
    outbox.run_once()

    expected = State.SENT if sent else State.FAILED
    assert [before.status, tickets[0].status] == [expected, expected]


def test_who_is_lifted_gets_mail_again(outbox: Outbox, sandbox: Sandbox) -> None:
    outbox.suppressions.add("bob@example.org", "bounce")
    outbox.suppressions.add("bob@example.org", "unsubscribe", stream="news")

    assert outbox.suppressions.lift("BOB@example.org", "bounce") == 1
    assert [entry.reason for entry in outbox.suppressions.of("bob@example.org")] == ["unsubscribe"]
    assert outbox.suppressions.lift("bob@example.org", stream="offers") == 0
    assert outbox.suppressions.lift("bob@example.org") == 1
    assert outbox.suppressions.lift("bob@example.org") == 0
    outbox.put(mail_to("bob@example.org"), via=sandbox.url, stream="news")
    outbox.run_once()
    assert arrived(sandbox) == ["bob@example.org"]


def test_the_first_note_of_an_entry_stays(outbox: Outbox) -> None:
    assert outbox.suppressions.add("bob@example.org", "manual", note="by phone")
    assert not outbox.suppressions.add("Bob@example.org", "manual", note="another")

    assert [(entry.address, entry.note) for entry in outbox.suppressions] == [("bob@example.org", "by phone")]


def test_the_list_is_read_in_pages_by_address(outbox: Outbox) -> None:
    outbox.suppressions.add_many(Suppression(f"a{number:04}@example.org", "manual") for number in range(1201))
    outbox.suppressions.add("a0007@example.org", "bounce")

    names = [entry.address for entry in outbox.suppressions]

    assert len(names) == 1202
    assert names == sorted(names)
    assert [entry.address for entry in outbox.suppressions.list("bounce")] == ["a0007@example.org"]


def test_a_list_goes_out_and_comes_back(outbox: Outbox, tmp_path: Path) -> None:
    outbox.suppressions.add("bob@example.org", "bounce", note='said "no", 5.1.1', ticket="0" * 32)
    outbox.suppressions.add("eve@bücher.example", "unsubscribe", stream="news")
    before = list(outbox.suppressions)

    assert outbox.suppressions.export(tmp_path / "list.csv") == 2
    with Outbox(tmp_path / "other.db") as other:
        assert other.suppressions.load(tmp_path / "list.csv") == 2
        assert other.suppressions.load(tmp_path / "list.csv") == 0
        again = list(other.suppressions)

    assert [(each.address, each.reason, each.stream, each.note, each.ticket) for each in again] == [
        (each.address, each.reason, each.stream, each.note, each.ticket) for each in before
    ]
    assert [each.added for each in again] == pytest.approx([each.added for each in before], abs=1e-5)
    with pytest.raises(FileExistsError):
        outbox.suppressions.export(tmp_path / "list.csv")


@pytest.mark.parametrize(
    "text",
    [
        "bob@example.org\neve@example.org\n",
        "email,reason,created\nbob@example.org,HardBounce,2026-01-02T03:04:05Z\neve@example.org,bounce,\n",
        "Nom;Adresse e-mail\nBob;bob@example.org\nÈve;eve@example.org\n",  # what a spreadsheet writes in French
        "\ufeffAddress\r\n\r\nbob@example.org\r\neve@example.org\r\n",
    ],
)
def test_lists_of_others_are_read(outbox: Outbox, tmp_path: Path, text: str) -> None:
    (tmp_path / "list.csv").write_text(text, encoding="utf-8")

    assert outbox.suppressions.load(tmp_path / "list.csv", "bounce") == 2

    assert {(entry.address, entry.reason) for entry in outbox.suppressions} == {
        ("bob@example.org", "bounce"), ("eve@example.org", "bounce"),
    }  # fmt: skip


@pytest.mark.parametrize("note", ["=HYPERLINK(1)", "+1", "-1", "@SUM(1)", "'quoted'", "'=1", "5.1.1 no"])
def test_a_note_of_a_stranger_is_no_formula_and_comes_back(outbox: Outbox, tmp_path: Path, note: str) -> None:
    outbox.suppressions.add("=1+1@example.org", note=note)

    outbox.suppressions.export(tmp_path / "list.csv")
    with (tmp_path / "list.csv").open(newline="") as file:
        cells = list(csv.reader(file))[1]
    outbox.suppressions.lift("=1+1@example.org")
    outbox.suppressions.load(tmp_path / "list.csv")

    assert not any(cell.startswith(("=", "+", "-", "@")) for cell in cells)
    assert [(entry.address, entry.note) for entry in outbox.suppressions] == [("=1+1@example.org", note)]


@pytest.mark.parametrize("mark", [";", "\t"])
def test_a_list_of_a_spreadsheet_of_another_country_is_read(outbox: Outbox, tmp_path: Path, mark: str) -> None:
    (tmp_path / "list.csv").write_text(f"Adresse{mark}note\r\nbob@example.org{mark}a, b\r\n")

    assert outbox.suppressions.load(tmp_path / "list.csv") == 1

    assert [(entry.address, entry.note) for entry in outbox.suppressions] == [("bob@example.org", "a, b")]


@pytest.mark.parametrize("encoding", ["utf-16", "latin-1"])
def test_a_list_that_is_not_utf8_is_told_so(outbox: Outbox, tmp_path: Path, encoding: str) -> None:
    (tmp_path / "list.csv").write_bytes("email,note\nbob@example.org,né\n".encode(encoding))

    with pytest.raises(errors.UsageError, match="CSV UTF-8"):
        outbox.suppressions.load(tmp_path / "list.csv")


@pytest.mark.parametrize("added", [float("nan"), float("inf"), 1e20, -1.0, 253_402_387_000.0, "now", True])
def test_a_time_that_is_none_is_refused(outbox: Outbox, added: object) -> None:
    with pytest.raises(errors.UsageError, match="added"):
        outbox.suppressions.add_many([Suppression("bob@example.org", "manual", added=added)])  # type: ignore[arg-type]


def test_a_time_that_was_written_by_hand_is_shown_as_far_as_it_goes(outbox: Outbox, tmp_path: Path) -> None:
    row = Suppression("bob@example.org", "manual", added=253_402_387_139.0)  # in the year 10000
    assert "9999-12-31" in row.sentence
    assert write_csv(tmp_path / "list.csv", [row, replace(row, added=-1e300), replace(row, added=float("nan"))]) == 3


def test_an_address_with_a_name_is_kept_without_it(outbox: Outbox) -> None:
    outbox.suppressions.add("Bob <Bob@example.org>")

    assert [entry.address for entry in outbox.suppressions] == ["Bob@example.org"]


@pytest.mark.parametrize(
    "bad",
    [
        "bob@example.org\nno address\n",
        "address,added\nbob@example.org,yesterday\n",
        "address,added\nbob@example.org,9999-12-31T23:59:59-23:59\n",
        'address,note\nbob@example.org,"never closed\neve@example.org,x\n',
    ],
)
def test_a_bad_line_is_named_and_nothing_is_added(outbox: Outbox, tmp_path: Path, bad: str) -> None:
    (tmp_path / "list.csv").write_bytes(bad.encode("latin-1"))

    with pytest.raises(errors.UsageError, match=r"line [2-4]"):
        outbox.suppressions.load(tmp_path / "list.csv")

    assert list(outbox.suppressions) == []


def test_a_file_without_a_column_of_addresses_is_told_what_it_should_be_called(outbox: Outbox, tmp_path: Path) -> None:
    (tmp_path / "list.csv").write_text("Nom;Raison\nBob;parti\n", encoding="utf-8")

    with pytest.raises(errors.UsageError, match="no column is called email or address"):
        outbox.suppressions.load(tmp_path / "list.csv")


def test_wrong_entries_are_refused(outbox: Outbox) -> None:
    add = outbox.suppressions.add
    for act in (
        lambda: add("no address"),
        lambda: add("bob@example.org", "spam"),  # type: ignore[arg-type]
        lambda: add("bob@example.org", "bounce", stream="news"),
        lambda: add("bob@example.org", note="two\nlines"),
        lambda: add("bob@example.org", note="two\x85lines"),
        lambda: add("bob@example.org", ticket="0" * 101),
        lambda: outbox.suppressions.add_many(["bob@example.org"]),  # type: ignore[list-item]
        lambda: outbox.put(mail_to("bob@example.org"), via="smtp://127.0.0.1", stream="a\nb"),
    ):
        with pytest.raises(errors.UsageError):
            act()


def test_the_awaited_outbox_has_the_same_list(place: str, sandbox: Sandbox, tmp_path: Path) -> None:
    asyncio.run(_awaited(place, sandbox, tmp_path))


async def _awaited(place: str, sandbox: Sandbox, tmp_path: Path) -> None:
    async with AsyncOutbox(place) as outbox:
        assert await outbox.suppressions.add("bob@example.org", "bounce")
        assert await outbox.suppressions.add_many([Suppression("eve@example.org", "manual")]) == 1
        assert [entry.address async for entry in outbox.suppressions] == ["bob@example.org", "eve@example.org"]
        assert await outbox.suppressions.export(tmp_path / "list.csv") == 2
        assert await outbox.suppressions.lift("eve@example.org") == 1
        assert await outbox.suppressions.load(tmp_path / "list.csv") == 1
        assert [entry.reason for entry in await outbox.suppressions.of("bob@example.org")] == ["bounce"]
        with pytest.raises(errors.SuppressedRecipients):
            await outbox.put(mail_to("bob@example.org"), via=sandbox.url)


# What it costs, and who else may have changed the list.


def test_another_process_sees_an_entry_at_its_next_put(open_store: Callable[[], Store], sandbox: Sandbox) -> None:
    first, second = Outbox(open_store()), Outbox(open_store())
    second.put(mail_to("bob@example.org"), via=sandbox.url)
    first.suppressions.add("bob@example.org")

    with pytest.raises(errors.SuppressedRecipients):
        second.put(mail_to("bob@example.org"), via=sandbox.url)
    first.suppressions.lift("bob@example.org")

    second.put(mail_to("bob@example.org"), via=sandbox.url)
    second.put(mail_to("bob@example.org"), via=sandbox.url)


def test_an_empty_list_is_never_asked(store: Store, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    outbox = Outbox(store)

    def never(self: object, db: object, mail: object) -> None:
        raise AssertionError("the list was looked at")

    monkeypatch.setattr(type(store), "_leave_out", never)
    monkeypatch.setattr(type(store), "suppressed", never)
    outbox.suppressions.add("bob@example.org")
    outbox.suppressions.lift("bob@example.org")

    outbox.put(mail_to("bob@example.org"), via=sandbox.url)
    outbox.put_many([mail_to("bob@example.org")], via=sandbox.url)
    outbox.run_once()

    assert arrived(sandbox) == ["bob@example.org", "bob@example.org"]


def test_in_a_transaction_of_the_caller_the_list_counts_as_well(tmp_path: Path) -> None:
    path = tmp_path / "shop.db"
    with Outbox(path) as outbox, closing(sqlite3.connect(path)) as shop:
        outbox.suppressions.add("bob@example.org")
        on_connection = Outbox(shop, elsewhere=True)
        for one in (outbox, on_connection):
            with pytest.raises(errors.SuppressedRecipients):
                one.put(mail_to("bob@example.org"), via="smtp://127.0.0.1:1", conn=shop)
        shop.rollback()
        on_connection.suppressions.add("eve@example.org")
        shop.rollback()

        assert [entry.address for entry in outbox.suppressions] == ["bob@example.org"]


# Tables of an application that are older.


def test_older_tables_of_an_application_take_mail_and_no_suppressions() -> None:
    with closing(sqlite3.connect(":memory:")) as shop:
        for statement in Outbox.schema("sqlite"):
            shop.execute(statement)
        outbox = Outbox(shop, elsewhere=True)

        ticket = outbox.put(mail_to("bob@example.org"), via="billing", key="k")

        assert outbox.put(mail_to("bob@example.org"), via="billing", key="k") == ticket
        assert [info.later for info in outbox.list()] == [{}]
        assert outbox.suppressions.of("bob@example.org") == []
        assert list(outbox.suppressions) == []
        with pytest.raises(errors.OutboxError, match="migrations"):
            outbox.suppressions.add("bob@example.org")


def test_an_older_file_is_brought_up_to_date_with_its_mails(tmp_path: Path, sandbox: Sandbox) -> None:
    path = tmp_path / "outbox.db"
    with closing(sqlite3.connect(path)) as older:
        for statement in Outbox.schema("sqlite"):
            older.execute(statement)
        ticket = Outbox(older, elsewhere=True).put(mail_to("bob@example.org", "eve@example.org"), via=sandbox.url)
        older.commit()

    with Outbox(path) as outbox:
        outbox.suppressions.add("bob@example.org")
        outbox.run_once()

        assert arrived(sandbox) == ["eve@example.org"]
        assert outbox.get(ticket.id).info.accepted == ("eve@example.org",)
        assert outbox.check() == []
