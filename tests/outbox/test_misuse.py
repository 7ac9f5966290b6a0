"""What no outbox can do is refused in our own words, when it is asked for."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from courriel import AsyncOutbox, Outbox, errors
from courriel.outbox.store.postgres.connection import in_our_words, psycopg
from courriel.session.pool.throttle import Rate
from outbox.conftest import message

WRONG: dict[str, tuple[Callable[[Outbox], object], str]] = {
    "put": (
        lambda outbox: outbox.put(message(), via="memory:", prio="high"),
        "prio is no option.*did you mean 'priority'",
    ),
    "put a": (lambda outbox: outbox.put(message(), via="memory:", when=3), "put: when is no option$"),
    "put_many": (
        lambda outbox: outbox.put_many([message()], via="memory:", onunsure="hold"),
        "did you mean 'on_unsure'",
    ),
    "key": (lambda outbox: outbox.put(message(), via="memory:", key="a\ud800"), "lone surrogates"),
    "rate": (lambda outbox: outbox.limit("billing", rate=30), 'rate: a text such as "30/m", or a Rate, not int'),
    "state": (lambda outbox: list(outbox.list("held")), "state: a State, such as State.HELD, not 'held'"),
    "state 2": (lambda outbox: list(outbox.list(3)), "state: a State"),
    "since": (lambda outbox: list(outbox.list(since=3.0)), "since: a datetime, not 3.0"),
    "most": (lambda outbox: list(outbox.list(most=0)), "most: a number of mails from 1, not 0"),
    "most 2": (lambda outbox: list(outbox.list(most="3")), "most: a number"),
    "grace": (lambda outbox: outbox.work(grace=-1), "grace: a number of seconds from 0, not -1"),
    "grace 2": (lambda outbox: outbox.work(grace="3"), "grace: a number"),
    "grace 3": (lambda outbox: outbox.work(grace=float("nan")), "grace: a number"),
    "stop": (lambda outbox: outbox.worker().stop(-1), "grace: a number"),
    "on": (lambda outbox: outbox.on("sent", 3), r"on\('sent'\): a function, not 3"),
    "on_attempt": (lambda outbox: outbox.on_attempt(None), "on_attempt: a function, not None"),
    "confirm": (lambda outbox: outbox.worker(confirm=3), "confirm: a function, not 3"),
    "confirm once": (lambda outbox: outbox.run_once(confirm="yes"), "confirm: a function, not 'yes'"),
    "get": (lambda outbox: outbox.get(), "get: the id of a mail, or its key"),
}  # type: ignore[call-arg, arg-type]


@pytest.mark.parametrize("act", WRONG)
def test_a_slip_of_the_pen_is_an_error_of_ours(tmp_path: Path, act: str) -> None:
    does, sentence = WRONG[act]
    with Outbox(tmp_path / "outbox.db") as outbox:
        with pytest.raises(errors.UsageError, match=sentence):
            does(outbox)

        assert outbox.stats() == []


def test_a_slip_of_the_pen_is_the_same_for_those_who_await(tmp_path: Path) -> None:
    async def slip() -> None:
        async with AsyncOutbox(tmp_path / "outbox.db") as outbox:
            with pytest.raises(errors.UsageError, match="prio is no option"):
                await outbox.put(message(), via="memory:", prio="high")  # type: ignore[call-arg]
            with pytest.raises(errors.UsageError, match="state: a State"):
                [info async for info in outbox.list("held")]  # type: ignore[arg-type]

    asyncio.run(slip())


def test_a_rate_may_be_a_value(tmp_path: Path) -> None:
    with Outbox(tmp_path / "outbox.db") as outbox:
        assert outbox.limit("billing", rate=Rate(30, 60.0)).gap == 2.0


# A PostgreSQL server that lets nobody in.


@pytest.mark.parametrize(
    ("said", "record", "french"),
    [
        ("fe_sendauth: no password supplied", "OUTBOX-LOGIN", "aucun mot de passe"),
        ('FATAL:  password authentication failed for user "mailer"', "OUTBOX-LOGIN",
         "mot de passe refusé pour l'utilisateur mailer"),
        ('FATAL:  role "mailer" does not exist', "OUTBOX-LOGIN", "le rôle mailer n'existe pas"),
        ('FATAL:  role "mailer" is not permitted to log in', "OUTBOX-LOGIN", "n'a pas le droit de se connecter"),
        ('FATAL:  database "shopx" does not exist', "OUTBOX-NO-DATABASE", "la base shopx n'existe pas"),
        ('FATAL:  no pg_hba.conf entry for host "10.0.0.1", user "m", database "shop", no encryption', "OUTBOX-LOGIN",
         "aucune ligne de pg_hba.conf"),
        ("server does not support SSL, but SSL was required", "OUTBOX-LOGIN", "SSL"),
        ("Connection refused", "", "connexion refusée"),
        ("FATAL:  the database system is starting up", "", "la base démarre"),
        ("SSL connection has been closed unexpectedly", "", ""),
        ("could not translate host name \"db\" to address: Temporary failure in name resolution", "", ""),
    ],
)  # fmt: skip
def test_who_is_not_let_in_does_not_wait_and_hears_what_to_do(said: str, record: str, french: str) -> None:
    from courriel.failures import sentences

    whole = f'connection to server at "127.0.0.1", port 5432 failed: {said}' if said != "Connection refused" else said
    with pytest.raises(errors.OutboxError) as failed, in_our_words("postgresql://mailer@db/shop"):
        raise psycopg.OperationalError(whole)

    assert failed.value.hint_id == record
    assert isinstance(failed.value, errors.OutboxUnreachable) is (not record)
    assert bool(failed.value.hint) is bool(record)
    assert french in sentences.french(failed.value.detail)
