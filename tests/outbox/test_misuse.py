"""What no outbox can do is refused in our own words, when it is asked for."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from courriel import AsyncOutbox, Message, Outbox, errors
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


class _Unprintable:
    def __repr__(self) -> str:
        raise ZeroDivisionError


NAN, INFINITE, HUGE = float("nan"), float("inf"), 10**5000
NO_TEXT = (3, b"x", "a\ud800", "a\0b", ["x"], True, HUGE, _Unprintable())
NO_NUMBER = ("3", "", NAN, True, -1, [], datetime(2026, 1, 1, tzinfo=UTC), _Unprintable())  # fmt: skip
NAIVE = datetime(2026, 1, 1)
NO_MOMENT = (NAIVE, "3", NAN, INFINITE, HUGE, True, [], timedelta.max, date(2026, 1, 1), _Unprintable())

DOORS: dict[str, tuple[Callable[[Outbox, Any], object], tuple[object, ...]]] = {
    "key": (lambda o, v: o.put(message(), via="memory:", key=v), (*NO_TEXT, "")),
    "via": (lambda o, v: o.put(message(), via=v), (3, True, "", b"x", [], NAN, "a\ud800", _Unprintable())),
    "if_known": (lambda o, v: o.put(message(), via="memory:", if_known=v), (None, True, [], "", _Unprintable())),
    "if_known many": (lambda o, v: o.put_many([], via="memory:", if_known=v), (None, True, [], "")),
    "not_before": (lambda o, v: o.put(message(), via="memory:", not_before=v), NO_MOMENT),
    "expires": (lambda o, v: o.put(message(), via="memory:", expires=v), (*NO_MOMENT, 0, -1)),
    "priority": (lambda o, v: o.put(message(), via="memory:", priority=v), (3, [], None, "", _Unprintable())),
    "on_unsure": (lambda o, v: o.put(message(), via="memory:", on_unsure=v), (3, [], {}, None, "", _Unprintable())),
    "messages": (lambda o, v: o.put_many(v, via="memory:"), (3, "x", None, [None], NAN)),
    "keys": (lambda o, v: o.put_many([message(1), message(2)], via="memory:", keys=v),
             ("ab", b"ab", 3, True, ["a"], ["a", "b", "c"], ["a", 3], ["a", "b\ud800"])),
    "get": (lambda o, v: o.get(v), NO_TEXT),
    "get key": (lambda o, v: o.get(key=v), NO_TEXT),
    "list lane": (lambda o, v: list(o.list(lane=v)), NO_TEXT),
    "list since": (lambda o, v: list(o.list(since=v)), (NAIVE, 3, "x", date(2026, 1, 1))),
    "list unsure": (lambda o, v: list(o.list(unsure=v)), (1, "yes", NAN, [], INFINITE)),
    "list most": (lambda o, v: list(o.list(most=v)), (*NO_NUMBER, 0, 1.5)),
    "in_hand": (lambda o, v: o.in_hand(v), NO_TEXT),
    "export": (lambda o, v: o.export("x" * 32, v), (3, None, "", b"x", "a\0b", "a\ud83d", NAN)),
    "pause": (lambda o, v: o.pause(v), NO_TEXT),
    "limit": (lambda o, v: o.limit("billing", cap=v), (*NO_NUMBER, 0, 1.5)),
    "prune": (lambda o, v: o.prune(sent=v), NO_MOMENT),
    "on": (lambda o, v: o.on(v, print), (3, [], {}, None, "seen")),
    "workers": (lambda o, v: o.worker(workers=v), (*NO_NUMBER, 0, HUGE)),
    "lanes": (lambda o, v: o.worker(lanes=v), ("billing", b"x", 3, True, [3], ["a\ud800"], NAN)),
    "sessions": (lambda o, v: o.worker(sessions=v), (*NO_NUMBER, 0)),
    "transcript": (lambda o, v: o.worker(transcript=v), (3, "x", True)),
    "for_seconds": (lambda o, v: o.run_once(for_seconds=v), (*NO_NUMBER, 0)),
    "grace": (lambda o, v: o.worker().stop(v), NO_NUMBER),
    "backup": (lambda o, v: o.backup(v), (3, None, b"x", "")),
    "restore": (lambda o, v: Outbox.restore(v, v), (3, None, b"x", "")),
    "max_size": (lambda o, v: Outbox("x.db", max_size=v), (*NO_NUMBER, 0, None)),
    "create": (lambda o, v: Outbox("x.db", create=v), (None, 1, "no")),
}  # fmt: skip


@pytest.mark.parametrize("door", DOORS)
def test_a_wrong_value_is_an_error_of_ours_and_nothing_is_written(
    tmp_path: Path, door: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    does, values = DOORS[door]
    monkeypatch.chdir(tmp_path)
    with Outbox(tmp_path / "outbox.db") as outbox:
        for value in values:
            with pytest.raises(errors.CourrielError) as refused:
                does(outbox, value)
            assert len(str(refused.value)) < 500
            assert isinstance(refused.value, ValueError)

        assert outbox.stats() == []
        assert outbox.lanes() == []
    assert sorted(path.name for path in tmp_path.iterdir()) == ["outbox.db", "outbox.db.lock"]


@pytest.mark.parametrize("timeout", ["3", NAN, -1, True, None, []])
def test_a_wait_for_no_number_of_seconds(tmp_path: Path, timeout: object) -> None:
    with Outbox(tmp_path / "outbox.db") as outbox:
        ticket = outbox.put(message(), via="memory:")
        with pytest.raises(errors.UsageError, match="timeout: a number of seconds from 0"):
            ticket.wait(timeout)  # type: ignore[arg-type]


def test_messages_that_end_with_an_error_end_with_their_own(tmp_path: Path) -> None:
    """What came before it may be stored; with keys the call is repeated."""

    def messages() -> Iterator[Message]:
        yield message(1)
        raise ZeroDivisionError

    with Outbox(tmp_path / "outbox.db") as outbox:
        with pytest.raises(ZeroDivisionError):
            outbox.put_many(messages(), via="memory:", keys=["a", "b"])

        assert outbox.stats() == []


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
