"""What a row of an outbox may say of its way out: who can write rows runs no program and gets no secret."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from courriel import Message, Outbox, Sandbox, State, errors
from courriel.delivery.urls.route import Route
from courriel.outbox.lanes import Lanes
from inside import store_of

USERS = {"ada": "sesame-ouvre-toi"}
LETTER = Message(sender="ada@example.org", to="bob@example.org", subject="x", text="x")


@pytest.fixture
def place(tmp_path: Path) -> Path:
    return tmp_path / "outbox.db"


@pytest.fixture(autouse=True)
def no_settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("MAIL_WORD", USERS["ada"])
    monkeypatch.chdir(tmp_path)


def plant(place: Path, lane: str) -> None:
    """A mail whose row somebody has written by hand, as no `put` of ours would."""
    with Outbox(place, ways={"planted": "null:"}) as outbox:
        outbox.put(LETTER, via="planted")
    with closing(sqlite3.connect(place)) as rows, rows:
        rows.execute("UPDATE outbox_mail SET lane = ?", (lane,))
        rows.execute("UPDATE outbox_lane SET name = ?", (lane,))


@pytest.mark.parametrize("permitted", [False, True])
@pytest.mark.parametrize("command", ["touch%20{}", "{}"])
def test_a_row_never_runs_a_program(
    place: Path, tmp_path: Path, permitted: bool, command: str, caplog: pytest.LogCaptureFixture
) -> None:
    program = tmp_path / "program"
    program.write_text(f"#!/bin/sh\ntouch {tmp_path}/ran\n")
    program.chmod(0o700)
    with Sandbox(users=USERS) as sandbox:
        said = command.format(program if command == "{}" else tmp_path / "ran")
        plant(place, f"smtp://ada@127.0.0.1:{sandbox.port}?tls=none&password=cmd:{said}")
        with Outbox(place, allow_secret_references=permitted) as outbox:
            assert outbox.run_once() == 0

    assert not (tmp_path / "ran").exists()
    assert "no command is written into an outbox, and none is taken from one" in caplog.text


@pytest.mark.parametrize(
    "option",
    [
        "password=env:MAIL_WORD",
        "password=file:/etc/hostname",
        "auth=external&client_cert=/etc/x.pem&tls=required",
    ],
)
def test_a_row_gets_no_secret_of_the_worker(place: Path, option: str, caplog: pytest.LogCaptureFixture) -> None:
    with Sandbox(users=USERS) as sandbox:
        user = "" if "external" in option else "ada@"
        plant(place, f"smtp://{user}127.0.0.1:{sandbox.port}?{option}")
        with Outbox(place) as outbox:
            assert outbox.run_once() == 0
        assert sandbox.sessions == []

    assert "whoever can write into this outbox would choose the server" in caplog.text
    assert "Lane smtp://127.0.0.1" in caplog.text


def test_a_row_does_not_weaken_the_line_of_a_keyrings_password() -> None:
    ways = Lanes({})

    with pytest.raises(errors.InvalidUrl, match="the keyring's password over a line"):
        ways.way("smtps://ada@smtp.example.org?verify=0")
    route = ways.way("smtps://ada@smtp.example.org")
    assert isinstance(route, Route)


def test_the_program_that_names_a_url_may_send_by_it(place: Path) -> None:
    with Sandbox(users=USERS, require_login=True) as sandbox, Outbox(place) as outbox:
        ticket = outbox.put(LETTER, via=f"smtp://ada@127.0.0.1:{sandbox.port}?tls=none&password=env:MAIL_WORD")
        assert outbox.run_once() == 1

    assert USERS["ada"].encode() not in place.read_bytes()
    with Outbox(place) as again:
        assert again.get(ticket.id).status is State.SENT


def test_another_program_sends_by_it_when_it_is_permitted(place: Path) -> None:
    with Sandbox(users=USERS, require_login=True) as sandbox:
        url = f"smtp://ada@127.0.0.1:{sandbox.port}?tls=none&password=env:MAIL_WORD"
        with Outbox(place) as outbox:
            ticket = outbox.put(LETTER, via=url)
        with Outbox(place) as stranger:
            assert stranger.run_once() == 0
        with Outbox(place, allow_secret_references=True) as permitted:
            assert permitted.run_once() == 1
            assert permitted.get(ticket.id).status is State.SENT


def test_what_others_send_is_not_put_unless_they_can(place: Path) -> None:
    url = "smtps://ada@smtp.example.org?password=env:MAIL_WORD"
    with Outbox(place, elsewhere=True) as outbox, pytest.raises(errors.InvalidUrl, match="profile"):
        outbox.put(LETTER, via=url)
    with Outbox(place, elsewhere=True, allow_secret_references=True) as outbox:
        assert outbox.put(LETTER, via=url).status is State.READY


def test_a_name_takes_its_secret_from_the_worker(place: Path) -> None:
    with Sandbox(users=USERS, require_login=True) as sandbox:
        url = f"smtp://ada@127.0.0.1:{sandbox.port}?tls=none&password=env:MAIL_WORD"
        with Outbox(place, elsewhere=True) as outbox:
            outbox.put(LETTER, via="billing")
        with Outbox(place, ways={"billing": url}) as worker:
            assert worker.run_once() == 1


@pytest.mark.parametrize("lane", ["biling", "smtpss://x", "smtps://ada@h.example?password=cmd:id", "session:gone:25"])
def test_a_worker_of_a_lane_that_nobody_knows_is_refused(place: Path, lane: str) -> None:
    with Outbox(place, elsewhere=True) as outbox:
        with pytest.raises(errors.UsageError):
            outbox.worker(lanes=[lane])
        with pytest.raises(errors.UsageError):
            outbox.run_once(lanes=[lane])


# A URL is parsed once.


@pytest.fixture
def parsed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Every URL that is parsed."""
    urls: list[str] = []
    real = Route.parse

    def parse(url: str) -> Route:
        urls.append(url)
        return real(url)

    monkeypatch.setattr(Route, "parse", parse)
    return urls


def test_a_url_is_parsed_once_and_not_for_each_mail(place: Path, parsed: list[str]) -> None:
    with Outbox(place) as outbox:
        tickets = [outbox.put(LETTER, via="smtp://localhost:2525") for _ in range(5)]
        outbox.put_many([LETTER, LETTER], via="smtp://localhost:2525")

        lanes = {info.lane for info in outbox.list()}

    assert len(tickets) == 5
    assert parsed == ["smtp://localhost:2525"]
    assert lanes == {Route.of("smtp://localhost:2525").reveal_url()}


def test_a_url_that_is_refused_is_refused_each_time() -> None:
    ways = Lanes({})

    for _ in range(3):
        with pytest.raises(errors.InvalidUrl, match="no password is written"):
            ways.lane("smtps://ada:sesame@smtp.example.org")

    assert "sesame" not in str(vars(ways))


def test_a_relative_path_in_a_url_counts_from_the_folder_of_each_put(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ways, lanes = Lanes({}), []
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        monkeypatch.chdir(tmp_path / name)
        lanes.append(ways.lane("smtps://smtp.example.org?ca=ca.pem"))

    assert ["one/" in lanes[0], "two/" in lanes[1]] == [True, True]


@pytest.mark.slow
def test_urls_without_end_do_not_fill_the_memory(parsed: list[str]) -> None:
    ways = Lanes({})
    for number in range(1000):
        ways.lane(f"smtp://mx{number}.example.org")

    assert len(ways._lanes_of_urls) <= 256
    ways.lane("smtp://mx999.example.org")
    assert len(parsed) == 1000


def test_a_limit_and_a_pause_hold_for_the_lane_of_a_url_however_it_is_written(place: Path) -> None:
    with Outbox(place) as outbox:
        outbox.put(LETTER, via="smtp://127.0.0.1:2599?tls=none")

        outbox.pause("smtp://127.0.0.1:2599?tls=none")
        outbox.limit("smtp://127.0.0.1:2599?tls=none", rate="1/m")

        (lane,) = outbox.lanes()
        assert (lane.stopped, lane.gap) == (True, 60.0)
        assert not outbox.resume("smtp://127.0.0.1:2599?tls=none").stopped
        with pytest.raises(errors.UsageError):
            outbox.pause("smtps://h.example?passwrd=x")
        assert len(outbox.lanes()) == 1


def test_a_lane_that_no_program_of_ours_has_named_can_be_stopped(place: Path) -> None:
    with Outbox(place) as outbox:
        store_of(outbox).set_lane("planted by others!", {"cap": 1})

        assert outbox.pause("planted by others!").stopped
