"""A row that somebody has changed by hand is set aside and told of; the others leave."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from courriel import Message, Outbox, Sandbox, errors
from courriel.outbox.store.states import UNREADABLE, State

NESTED = "[" * 100_000
CHANGES = [
    ("rcpts", "notjson"), ("rcpts", "3"), ("rcpts", "[3]"), ("rcpts", "{}"), ("rcpts", NESTED), ("rcpts", b"[]"),
    ("options", "notjson"), ("options", "[]"), ("options", '{"notify":["no such wish"]}'), ("options", '{"notify":3}'),
    ("options", '{"ret":"no"}'), ("options", '{"envid":3}'), ("results", "notjson"), ("results", "[1]"),
    ("results", '{"a@b.org":3}'), ("results", '{"a@b.org":[99999,"","",0]}'), ("on_unsure", 7), ("on_unsure", -1),
    ("on_unsure", "x"), ("size", "x"), ("sender", b"x"),
]  # fmt: skip


def change(path: Path, column: str, value: object, ident: str) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute(f"UPDATE outbox_mail SET {column} = ? WHERE id = ?", (value, ident))
    connection.close()


def mail(number: int) -> Message:
    return Message(sender="ada@example.org", to="bob@example.org", subject=str(number), text="x")


@pytest.mark.slow
@pytest.mark.parametrize(("column", "value"), CHANGES)
def test_a_row_that_cannot_be_read_is_held_and_the_others_leave(
    tmp_path: Path, sandbox: Sandbox, column: str, value: object
) -> None:
    path = tmp_path / "outbox.db"
    with Outbox(path) as outbox:
        bad, *good = [outbox.put(mail(number), via=sandbox.url) for number in range(3)]
        change(path, column, value, bad.id)
        assert next(info for info in outbox.list() if info.id == bad.id).why.startswith(UNREADABLE)

        outbox.run_once()

        assert [ticket.status for ticket in good] == [State.SENT] * 2
        assert bad.info.state is State.HELD
        assert bad.info.why == f"{UNREADABLE}{column}"
        assert {count.state: count.mails for count in outbox.stats()} == {State.SENT: 2, State.HELD: 1}


@pytest.mark.slow
def test_more_unreadable_rows_than_a_batch_keep_nobody_from_being_sent(tmp_path: Path, sandbox: Sandbox) -> None:
    path = tmp_path / "outbox.db"
    with Outbox(path) as outbox:
        bad = outbox.put_many([mail(number) for number in range(150)], via=sandbox.url)
        for ticket in bad:
            change(path, "rcpts", "notjson", ticket.id)
        good = outbox.put(mail(200), via=sandbox.url)
        outbox.run_once()
        assert good.status is State.SENT


def test_one_that_was_repaired_leaves_when_it_is_released(tmp_path: Path, sandbox: Sandbox) -> None:
    path = tmp_path / "outbox.db"
    with Outbox(path) as outbox:
        bad = outbox.put(mail(1), via=sandbox.url)
        change(path, "rcpts", "notjson", bad.id)
        outbox.run_once()
        change(path, "rcpts", '["bob@example.org"]', bad.id)
        assert bad.release()
        outbox.run_once()
        assert bad.status is State.SENT


def test_a_state_that_there_is_not_is_shown_as_one_that_waits_for_a_person(tmp_path: Path, sandbox: Sandbox) -> None:
    path = tmp_path / "outbox.db"
    with Outbox(path) as outbox:
        bad, good = outbox.put(mail(1), via=sandbox.url), outbox.put(mail(2), via=sandbox.url)
        change(path, "state", 99, bad.id)
        outbox.run_once()
        assert good.status is State.SENT
        assert bad.status is State.HELD
        assert bad.info.why == f"{UNREADABLE}state"
        assert State.HELD in [count.state for count in outbox.stats()]


def test_a_mail_of_a_key_whose_row_cannot_be_read_is_our_error(tmp_path: Path, sandbox: Sandbox) -> None:
    path = tmp_path / "outbox.db"
    with Outbox(path) as outbox:
        bad = outbox.put(mail(1), via=sandbox.url, key="k")
        change(path, "rcpts", "notjson", bad.id)
        with pytest.raises(errors.OutboxError, match="cannot be read"):
            outbox.put(mail(1), via=sandbox.url, key="k")


NOT_UTF8 = "CAST(x'ff41' AS TEXT)"


@pytest.mark.slow
@pytest.mark.parametrize("column", ["id", "msgid", "sender", "rcpts", "options", "results", "on_unsure", "size"])
def test_text_that_is_not_utf_8_is_set_aside_and_the_others_leave(
    tmp_path: Path, sandbox: Sandbox, column: str
) -> None:
    path = tmp_path / "outbox.db"
    with Outbox(path) as outbox:
        bad, good = outbox.put(mail(1), via=sandbox.url), outbox.put(mail(2), via=sandbox.url)
        with sqlite3.connect(path) as connection:
            connection.execute(f"UPDATE outbox_mail SET {column} = {NOT_UTF8} WHERE id = ?", (bad.id,))
        connection.close()

        outbox.run_once()

        assert good.status is State.SENT
        (held,) = outbox.list(State.HELD)
        assert held.why == f"{UNREADABLE}{column}"
        assert len(list(outbox.list())) == 2


@pytest.mark.parametrize("column", ["lane", "state", "lost", "unsure", "why", "due", "created", "key"])
@pytest.mark.parametrize("value", [NOT_UTF8, "'x'"])
def test_no_text_in_a_row_keeps_anybody_from_looking(tmp_path: Path, sandbox: Sandbox, column: str, value: str) -> None:
    path = tmp_path / "outbox.db"
    with Outbox(path) as outbox:
        bad, good = outbox.put(mail(1), via=sandbox.url), outbox.put(mail(2), via=sandbox.url)
        with sqlite3.connect(path) as connection:
            connection.execute(f"UPDATE outbox_mail SET {column} = {value} WHERE id = ?", (bad.id,))
        connection.close()

        outbox.run_once()

        assert good.status is State.SENT
        outbox.metrics()
        outbox.check()
        # One in a state that there is not is in no list; `check` tells of it.
        assert len(list(outbox.list())) == (1 if column == "state" else 2)
