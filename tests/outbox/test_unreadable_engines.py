"""What every engine does with a row that somebody has changed by hand."""

from __future__ import annotations

import sqlite3

import psycopg

from courriel import Message, Outbox, Sandbox
from courriel.outbox.store.states import UNREADABLE, State


def test_a_row_that_cannot_be_read_is_held_and_the_others_leave(outbox: Outbox, place: str, sandbox: Sandbox) -> None:
    mail = Message(sender="ada@example.org", to="bob@example.org", subject="x", text="x")
    bad, good = outbox.put(mail, via=sandbox.url), outbox.put(mail, via=sandbox.url)
    with psycopg.connect(place) if "://" in place else sqlite3.connect(place) as connection:
        connection.execute("UPDATE outbox_mail SET rcpts = '3' WHERE id = '" + bad.id + "'")
        connection.commit()

    outbox.run_once()

    assert good.status is State.SENT
    assert bad.status is State.HELD
    assert bad.info.why == f"{UNREADABLE}rcpts"
    assert bad.info.tries == 0
