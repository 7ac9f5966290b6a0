"""`password=login:NAME` wherever references work: URL, profile, outbox row, WLangage; and who gets the token."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from urllib.parse import quote

import pytest

import courriel
from courriel import Outbox, Password, Route, Sandbox, Security, Server, SmtpSession, TokenSource, Trust, errors
from courriel.delivery.oauth import store
from courriel.delivery.oauth.login import StoredLogin
from courriel.delivery.settings import profiles
from servers.oauth import OAuthServer

USER = "ada@example.org"
GOOD, BAD = "token-that-is-good", "token-that-is-refused"
LETTER = {"sender": USER, "to": "bob@example.org", "subject": "Hello", "text": "..."}


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    """A mail server that takes one token."""
    with Sandbox("localhost", users={USER: GOOD}, require_login=True) as running:
        yield running


@pytest.fixture
def stored(login: StoredLogin) -> StoredLogin:
    """A stored login with a good token."""
    good = replace(login, access_token=GOOD, expires_at=time.time() + 3600)
    store.save(good)
    return good


def url_of(sandbox: Sandbox, more: str = "", user: str = quote(USER, safe="")) -> str:
    return f"smtps://{user}@localhost:{sandbox.tls_port}?ca={quote(str(sandbox.ca))}&password=login:{USER}{more}"


@pytest.mark.slow
@pytest.mark.parametrize("more", ["", "&auth=xoauth2", "&auth=oauthbearer", "&auth=oauthbearer,xoauth2"])
@pytest.mark.parametrize("user", [quote(USER, safe=""), "ada"])
def test_a_url_logs_in_by_a_stored_login(sandbox: Sandbox, stored: StoredLogin, more: str, user: str) -> None:
    assert courriel.send(via=url_of(sandbox, more, user), **LETTER).complete

    (session,) = sandbox.sessions
    assert session.session.user == USER


@pytest.mark.slow
def test_asyncio_does_the_same(sandbox: Sandbox, stored: StoredLogin) -> None:
    assert asyncio.run(courriel.asend(via=url_of(sandbox), **LETTER)).complete


@pytest.mark.slow
@pytest.mark.parametrize("awaited", [False, True])
def test_a_refused_token_is_refreshed_once(
    sandbox: Sandbox, stored: StoredLogin, oauth: OAuthServer, monkeypatch: pytest.MonkeyPatch, awaited: bool
) -> None:
    store.save(replace(stored, access_token=BAD))
    monkeypatch.setattr(oauth, "jwt", lambda program=False: GOOD)

    if awaited:
        asyncio.run(courriel.asend(via=url_of(sandbox), **LETTER))
    else:
        courriel.send(via=url_of(sandbox), **LETTER)

    assert [form["grant_type"] for form in oauth.asked] == ["refresh_token"]
    assert store.load(USER).access_token == GOOD


def test_a_token_that_is_refused_twice_is_not_asked_for_again(
    sandbox: Sandbox, stored: StoredLogin, oauth: OAuthServer
) -> None:
    store.save(replace(stored, access_token=BAD))

    with pytest.raises(errors.AuthenticationRefused) as refused:
        courriel.send(via=url_of(sandbox), **LETTER)

    assert len(oauth.asked) == 1
    assert BAD not in str(refused.value)


def test_a_login_that_ended_is_the_error_of_the_session(
    sandbox: Sandbox, login: StoredLogin, oauth: OAuthServer
) -> None:
    oauth.refresh_tokens.clear()
    store.save(login)

    with pytest.raises(errors.TokenRefused, match="invalid_grant") as refused:
        courriel.send(via=url_of(sandbox), **LETTER)

    assert refused.value.stage == "authenticate"
    assert "courriel login" in refused.value.hint


@pytest.mark.parametrize(
    "url",
    [
        "smtps://{user}@evil.example?password=login:ada@example.org",
        "smtps://{user}@localhost.evil.example?password=login:ada@example.org",
        "smtps://{user}@localhost?name=evil.example&password=login:ada@example.org",
        "smtps://{user}@evil.example?name=localhost&password=login:ada@example.org",
        "smtps://{user}@localhost?verify=0&password=login:ada@example.org",
        "smtps://{user}@localhost?pin=sha256:" + "a" * 64 + "&password=login:ada@example.org",
        "smtp://{user}@localhost?tls=none&password=login:ada@example.org",
        "imaps://{user}@evil.example?password=login:ada@example.org",
        "pops://{user}@evil.example?password=login:ada@example.org",
    ],
)
def test_a_token_is_for_its_hosts_over_verified_tls_only(stored: StoredLogin, url: str) -> None:
    route = Route.parse(url.format(user=quote(USER, safe="")))

    with pytest.raises(errors.UsageError) as refused:
        route.credentials()

    assert refused.value.hint_id == "LOGIN-WRONG-HOST"


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST", "localhost."])
def test_a_host_has_several_spellings(stored: StoredLogin, host: str) -> None:
    assert Route.parse(f"smtps://ada@{host}?password=login:{USER}").credentials() is not None


def test_a_session_checks_it_as_well_whoever_made_the_source(sandbox: Sandbox) -> None:
    asked: list[str] = []

    def fetch() -> str:
        asked.append("asked")
        return GOOD

    source = TokenSource(USER, fetch, hosts=("smtp.office365.com",))
    server = Server("localhost", sandbox.tls_port, Security.TLS, trust=Trust.file(sandbox.ca))

    with pytest.raises(errors.UsageError, match=r"smtp\.office365\.com.* localhost"), SmtpSession(server, source):
        raise AssertionError("it logged in")

    assert not asked


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("smtps://ada@localhost?auth=plain&password=login:x", "xoauth2 and oauthbearer take"),
        ("smtps://ada@localhost?password=login:", "login:NAME"),
        ("smtps://ada@localhost?password=login", "login:NAME"),
        ("smtps://localhost?password=login:x", "without a user name"),
    ],
)
def test_a_reference_that_makes_no_sense_is_refused(url: str, told: str) -> None:
    with pytest.raises(errors.InvalidUrl) as refused:
        Route.parse(url)

    assert told in str(refused.value)


def test_a_url_is_written_back_with_the_name_of_the_login() -> None:
    url = "smtp+starttls://ada%40firm.example@smtp.office365.com?auth=xoauth2&password=login:ada@firm.example"

    assert Route.parse(url).url == url
    assert Route.parse(Route.parse(url).reveal_url()) == Route.parse(url)


def test_the_url_of_the_walkthrough_means_the_whole_address(login: StoredLogin) -> None:
    store.save(replace(login, name="ada@firm.example", mailbox="ada@firm.example", hosts=("smtp.office365.com",)))

    route = Route.parse("smtp+starttls://ada@smtp.office365.com?auth=xoauth2&password=login:ada@firm.example")

    credentials = route.credentials()
    assert isinstance(credentials, TokenSource)
    assert credentials.user == "ada@firm.example"


def test_another_user_may_log_in_with_the_token(login: StoredLogin) -> None:
    store.save(login)

    assert TokenSource.stored(login.name, "shared@example.org").user == "shared@example.org"


# Files and rows of others.


def test_a_profile_of_the_user_names_a_login(sandbox: Sandbox, stored: StoredLogin, tmp_path: Path) -> None:
    folder = tmp_path / "config" / "courriel"
    folder.mkdir(parents=True)
    url = f"smtps://ada@localhost:{sandbox.tls_port}?ca={sandbox.ca}"
    (folder / "courriel.toml").write_text(f'[profiles.office]\nurl = "{url}"\npassword = "login:{USER}"\n')

    assert courriel.send(via="office", **LETTER).complete


def test_a_projects_file_gets_no_token(stored: StoredLogin) -> None:
    Path("courriel.toml").write_text(f'url = "smtps://ada@localhost"\npassword = "login:{USER}"\n')

    with pytest.raises(errors.InvalidUrl, match="password=login: is not taken from a project's file"):
        profiles.resolve(None)


@pytest.mark.slow
def test_a_row_of_another_program_gets_no_token(sandbox: Sandbox, stored: StoredLogin, tmp_path: Path) -> None:
    url, place = url_of(sandbox), tmp_path / "outbox.db"
    with Outbox(place) as outbox:
        outbox.put(courriel.Message(**LETTER), via=url)
    with Outbox(place) as stranger:
        assert stranger.run_once() == 0
    assert sandbox.sessions == []

    with Outbox(place, allow_secret_references=True) as permitted:
        assert permitted.run_once() == 1


def test_the_outbox_keeps_a_mail_whose_login_has_ended(
    sandbox: Sandbox, login: StoredLogin, oauth: OAuthServer, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    oauth.refresh_tokens.clear()
    store.save(login)
    with Outbox(tmp_path / "outbox.db") as outbox:
        ticket = outbox.put(courriel.Message(**LETTER), via=url_of(sandbox))
        outbox.run_once()

        assert outbox.get(ticket.id).status is courriel.State.READY
    # A matter for a person, and not for patience: the lane rests long, and the log says so as an error.
    assert "login_refused" in {getattr(record, "action", "") for record in caplog.records}


# WLangage.


@pytest.mark.parametrize("given", ["login", "source"])
def test_a_wlangage_session_takes_a_stored_login(
    sandbox: Sandbox, stored: StoredLogin, monkeypatch: pytest.MonkeyPatch, given: str
) -> None:
    from courriel import wlangage as wl

    monkeypatch.setenv("SSL_CERT_FILE", str(sandbox.ca))
    session = wl.emailSessionSMTP(AdresseServeur="localhost", Port=sandbox.tls_port, Nom=USER)
    session.Option = wl.optionSSL
    session.JetonAuth = f"login:{USER}" if given == "login" else TokenSource.stored(USER)

    assert wl.EmailOuvreSession(session)
    wl.EmailFermeSession(session)
    assert sandbox.sessions[0].session.user == USER


def test_a_password_stays_a_password(sandbox: Sandbox) -> None:
    server = Server("localhost", sandbox.tls_port, Security.TLS, trust=Trust.file(sandbox.ca))

    with SmtpSession(server, Password(USER, GOOD)) as session:
        assert session.usable
