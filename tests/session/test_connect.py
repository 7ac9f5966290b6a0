"""`connect`: sessions and pools from a URL, a profile, or the configured default."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Iterator
from pathlib import Path

import pytest

import courriel
from courriel import AsyncSmtpPool, AsyncSmtpSession, Message, Sandbox, SmtpPool, SmtpSession, Transcript, errors
from courriel.delivery.connect import forget_shared_pool, shared_pool
from courriel.delivery.urls.route import Route
from courriel.session.pool.throttle import Rate
from session.crowd import Crowd

LIMITS = "pool=2&rate=50/s&max_messages=7"


@pytest.fixture(autouse=True)
def nobody_s_settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("COURRIEL_URL", "COURRIEL_CAPTURE", "EMAIL_URL", "SMTP_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))


@pytest.fixture
def crowd() -> Iterator[Crowd]:
    crowd = Crowd()
    yield crowd
    crowd.close()


def url(crowd: Crowd, options: str = "") -> str:
    return f"smtp://127.0.0.1:{crowd.port}?tls=none{options and '&'}{options}"


def mail(n: int = 0) -> Message:
    return Message(sender="ada@example.org", to="bob@example.org", subject=f"mail {n}", text="Hello.")


def test_a_url_with_limits_is_read_and_written_back() -> None:
    route = Route.parse(f"smtps://h.example?{LIMITS}")

    assert (route.pool, route.rate, route.max_messages) == (2, "50/s", 7)
    assert Route.parse(route.reveal_url()) == route
    assert route.url == f"smtps://h.example?{LIMITS}"


def test_connect_gives_a_session_or_the_pool_that_the_setting_asks_for(crowd: Crowd) -> None:
    with courriel.connect(url(crowd)) as session:
        assert isinstance(session, SmtpSession)
        session.send(mail(1))
    with courriel.connect(url(crowd, LIMITS)) as pool:
        assert isinstance(pool, SmtpPool)
        assert (pool.limits.size, pool.limits.rate, pool.limits.messages) == (2, Rate(50, 1), 7)
        pool.send(mail(2))

    assert crowd.total == 2


def test_aconnect_gives_the_same_awaited(crowd: Crowd) -> None:
    async def story() -> None:
        async with await courriel.aconnect(url(crowd)) as session:
            assert isinstance(session, AsyncSmtpSession)
            await session.send(mail(1))
        async with await courriel.aconnect(url(crowd, LIMITS)) as pool:
            assert isinstance(pool, AsyncSmtpPool)
            assert (pool.limits.size, pool.limits.messages) == (2, 7)
            await pool.send(mail(2))

    asyncio.run(story())

    assert crowd.total == 2


def test_connect_takes_a_profile_and_the_default(crowd: Crowd, tmp_path: Path) -> None:
    (tmp_path / "courriel.toml").write_text(
        f'url = "{url(crowd)}"\n[profiles.billing]\nurl = "{url(crowd, "pool=3")}"\n'
    )

    with courriel.connect() as session, courriel.connect("billing") as pool:
        assert isinstance(session, SmtpSession)
        assert isinstance(pool, SmtpPool)
        assert pool.limits.size == 3


@pytest.mark.parametrize("setting", ["imaps://ada@h.example", "nobody-knows-this", "python:nowhere"])
def test_what_is_not_for_sending_is_refused(setting: str) -> None:
    with pytest.raises(errors.UsageError):
        courriel.connect(setting)


@pytest.mark.parametrize("setting", ["smtps://ada@h.example?pool=2", "orange:ada@orange.fr"])
@pytest.mark.parametrize("pool", [SmtpPool, AsyncSmtpPool])
def test_a_pool_refuses_a_url_and_names_connect(pool: type[SmtpPool], setting: str) -> None:
    with pytest.raises(errors.InvalidServer, match=r"courriel\.connect"):
        pool(setting)


def test_the_limits_of_a_url_hold(crowd: Crowd) -> None:
    with courriel.connect(url(crowd, "pool=1&max_messages=2")) as pool:
        for n in range(4):
            pool.send(mail(n))

    assert crowd.came == 2


def test_a_pool_sends_what_send_is_given(crowd: Crowd) -> None:
    async def story() -> None:
        async with await courriel.aconnect(url(crowd, "pool=1")) as pool:
            await courriel.asend(mail(2), via=pool)

    with courriel.connect(url(crowd, "pool=1")) as pool:
        courriel.send(mail(1), via=pool)
    asyncio.run(story())

    assert crowd.total == 2


def test_sends_by_one_setting_share_its_pool(crowd: Crowd) -> None:
    setting = url(crowd, "pool=1")
    for n in range(3):
        courriel.send(mail(n), via=setting)
    asyncio.run(courriel.asend(mail(3), via=setting))

    assert crowd.total == 4
    assert crowd.came == 1
    shared_pool(Route.parse(setting)).close()


def test_after_a_refused_login_the_next_send_reads_the_password_again(monkeypatch: pytest.MonkeyPatch) -> None:
    with Sandbox(users={"ada": "sesame"}) as sandbox:
        setting = f"smtp://ada@127.0.0.1:{sandbox.port}?tls=none&password=env:SECRET&pool=1"
        monkeypatch.setenv("SECRET", "wrong")
        with pytest.raises(errors.AuthenticationRefused):
            courriel.send(mail(), via=setting)
        monkeypatch.setenv("SECRET", "sesame")

        assert courriel.send(mail(), via=setting).complete
        shared_pool(Route.parse(setting)).close()


@pytest.mark.parametrize("most", [0, -1, True, "7"])
def test_an_invalid_number_of_messages_is_refused(most: int) -> None:
    with pytest.raises(errors.UsageError):
        SmtpSession("h.example", max_messages=most)


def test_a_session_goes_on_over_a_new_connection_after_so_many_messages(crowd: Crowd) -> None:
    with SmtpSession(Route.parse(url(crowd)).server or "", max_messages=2) as session:
        for n in range(3):
            session.send(mail(n))
        list(session.send_many(mail(n) for n in range(3, 8)))

    assert crowd.total == 8
    assert crowd.came == 4


def test_idle_sessions_are_closed_and_the_pool_goes_on(crowd: Crowd) -> None:
    with courriel.connect(url(crowd, "pool=4")) as pool:
        assert isinstance(pool, SmtpPool)
        pool.send(mail(1))
        pool.close_idle()
        crowd.wait("connections", 0)

        pool.send(mail(2))

    assert crowd.came == 2


def test_the_transcript_of_send_shows_what_was_said_and_no_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET", "sesame")
    told = []
    with Sandbox(users={"ada": "sesame"}) as sandbox:
        setting = f"smtp://ada@127.0.0.1:{sandbox.port}?tls=none&password=env:SECRET&auth=plain"
        for options in ("", "&pool=1"):
            for colour in ("send", "asend"):
                transcript = Transcript()
                sent = getattr(courriel, colour)(mail(), via=setting + options, transcript=transcript)
                if colour == "asend":
                    asyncio.run(_awaited(sent))
                told.append(str(transcript))
        forget_shared_pool(Route.parse(f"{setting}&pool=1"))

    for said in told[:3]:
        assert "AUTH PLAIN (not shown: a secret)" in said
    for said in told:
        assert "MAIL FROM:<ada@example.org>" in said
        assert "RCPT TO:<bob@example.org>" in said
        assert "sesame" not in said
    assert "AUTH PLAIN" not in told[3], "the session was open already"


async def _awaited(sent: Awaitable[object]) -> object:
    return await sent


def test_an_open_session_keeps_its_own_transcript(crowd: Crowd) -> None:
    with courriel.connect(url(crowd)) as session, pytest.raises(errors.UsageError, match="its own"):
        courriel.send(mail(), via=session, transcript=Transcript())


def test_the_transcript_of_a_pool_tells_its_sessions_apart(crowd: Crowd) -> None:
    transcript = Transcript()
    with courriel.connect(url(crowd, "pool=1&max_messages=1"), transcript=transcript) as pool:
        pool.send(mail(1))
        pool.send(mail(2))

    said = str(transcript)
    assert "[1] MAIL FROM:" in said
    assert "[2] MAIL FROM:" in said


def test_the_transcript_of_an_outbox_shows_what_its_worker_said(crowd: Crowd, tmp_path: Path) -> None:
    transcript = Transcript()
    with courriel.Outbox(tmp_path / "outbox.db") as outbox:
        outbox.put(mail(1), via=url(crowd))
        outbox.run_once(transcript=transcript)

    assert "MAIL FROM:<ada@example.org>" in str(transcript)


def test_the_debug_log_shows_the_same_line_by_line(crowd: Crowd, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("DEBUG", "courriel.smtp"):
        courriel.send(mail(), via=url(crowd))

    said = [record.message for record in caplog.records if record.name == "courriel.smtp"]
    assert "C: MAIL FROM:<ada@example.org>" in said
    assert "S: 250 2.0.0 taken" in said
