"""`courriel worker --once`: with which status it ends, and why something is left."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from cli.conftest import LETTER, Ran
from courriel import Message, Outbox, Sandbox

Run = Callable[..., Ran]
pytestmark = pytest.mark.usefixtures("outbox_of_the_test")


def queue(courriel: Run, *more: str) -> None:
    ran = courriel("send", "--queue", *LETTER, *more)
    assert ran.status == 0, ran


def ended(courriel: Run, status: int, kind: str | None, mails: int = 1, lane: str = "default", *more: str) -> Ran:
    """Run once, in both languages and for machines, and look at what is said each time."""
    found = courriel("worker", "--once", "--json", *more)
    english, french = courriel("worker", "--once", *more), courriel("worker", "--once", *more, "--lang", "fr")
    stopped = found.objects[-1]
    assert (found.status, stopped["sysexit"]) == (status, status), found
    if kind is None:
        assert stopped["unsent"] == []
        return english
    (reason,) = stopped["unsent"]
    assert (reason["via"], reason["kind"], reason["mails"], reason["sysexit"]) == (lane, kind, mails, status)
    assert (english.status, french.status) == (status, status)
    assert f"✗ {lane}: {mails} mail waits, " in english.err
    assert f"✗ {lane} : {mails} message attend, " in french.err
    return english


@pytest.mark.slow
def test_all_was_sent(courriel: Run, via: Sandbox) -> None:
    queue(courriel)

    ended(courriel, 0, None)

    assert len(via.letters) == 1


def test_nothing_was_there(courriel: Run, via: Sandbox) -> None:
    ended(courriel, 0, None)


def test_a_mail_whose_time_comes_later_is_no_failure(courriel: Run, via: Sandbox, tmp_path: Path) -> None:
    message = Message(sender="ada@example.org", to="bob@example.org", subject="x", text="x")
    with Outbox(tmp_path / "outbox.db") as outbox:
        outbox.put(message, not_before=3600)

    ended(courriel, 0, None)


@pytest.mark.slow
def test_the_server_is_away(courriel: Run, monkeypatch: pytest.MonkeyPatch, closed_port: int) -> None:
    monkeypatch.setenv("COURRIEL_URL", f"smtp://127.0.0.1:{closed_port}")
    queue(courriel)

    ran = ended(courriel, 75, "paused")  # the second and the third run find the lane at rest

    assert "the lane is paused for " in ran.err
    assert "refused" in ran.err


@pytest.mark.slow
def test_the_password_is_wrong(courriel: Run, via: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    via.answer("authenticate", "535 5.7.8 bad credentials")
    monkeypatch.setenv("COURRIEL_URL", via.url.replace("://", "://ada:secret@"))
    queue(courriel)

    ran = ended(courriel, 77, "paused")

    assert "535 5.7.8" in ran.err
    assert "secret" not in ran.err


def test_the_lane_is_stopped(courriel: Run, via: Sandbox) -> None:
    queue(courriel)
    courriel("outbox", "pause", "default")

    ran = ended(courriel, 69, "stopped")

    assert "courriel outbox resume default" in ran.err


@pytest.mark.slow
def test_the_lane_is_not_known_here(courriel: Run, via: Sandbox) -> None:
    queue(courriel, "--via", "elsewhere", "--elsewhere")

    ran = ended(courriel, 64, "unknown", 1, "elsewhere")

    assert "no profile has the name 'elsewhere'" in ran.err


def test_a_mail_is_put_off(courriel: Run, via: Sandbox) -> None:
    via.answer("message", "450 4.2.0 not now", times=1)
    queue(courriel)

    found = courriel("worker", "--once", "--json")
    later = courriel("worker", "--once")

    assert (found.status, found.objects[-1]["unsent"][0]["kind"]) == (75, "put off")
    assert "450 4.2.0 not now" in found.objects[-1]["unsent"][0]["why"]
    assert later.status == 0, "it is not due"


def test_one_recipient_is_put_off(courriel: Run, via: Sandbox) -> None:
    via.answer("recipient", "450 4.2.0 not now", when="carl@example.org")
    queue(courriel, "--to", "carl@example.org")

    found = courriel("worker", "--once")

    assert (found.status, "to be tried again later" in found.err) == (75, True)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("reply", "more", "status"),
    [("550 5.1.1 no such user", (), 67), ("550 5.1.1 no such user", ("--to", "carl@example.org"), 69)],
)
def test_a_mail_failed(courriel: Run, via: Sandbox, reply: str, more: tuple[str, ...], status: int) -> None:
    via.answer("recipient", reply, when="bob@example.org")
    queue(courriel, *more)

    found = courriel("worker", "--once", "--json")

    assert (found.status, found.objects[-1]["sysexit"], found.objects[-1]["failed"]) == (status, status, 1)


@pytest.mark.slow
def test_a_mail_is_in_doubt(courriel: Run, via: Sandbox) -> None:
    via.answer("message", "hang up", times=1)
    queue(courriel, "--on-unsure", "hold")

    found = courriel("worker", "--once")

    assert (found.status, found.err.count("may have left")) == (69, 1)


@pytest.mark.slow
def test_the_gravest_decides_and_other_lanes_do_not_count(courriel: Run, via: Sandbox) -> None:
    via.answer("recipient", "550 5.1.1 no such user", times=1)
    queue(courriel)
    queue(courriel, "--via", "elsewhere", "--elsewhere")

    alone, both = courriel("worker", "--once", "--via", "default"), courriel("worker", "--once")

    assert alone.status == 67
    assert both.status == 64


def test_the_time_given_leaves_some(courriel: Run, via: Sandbox) -> None:
    queue(courriel, "--via", f"{via.url}&rate=1/h")
    queue(courriel, "--via", f"{via.url}&rate=1/h")

    ran = courriel("worker", "--once", "--for", "1")

    assert (ran.status, "keeps them back" in ran.err, len(via.letters)) == (75, True, 1)
