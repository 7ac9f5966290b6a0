"""`password=login:NAME` through a real Postfix that asks Dovecot about each token: URL, profile, lane and worker."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from urllib.parse import quote

import pytest

import courriel
from courriel import Outbox, State, errors
from courriel.delivery.oauth import store
from courriel.delivery.oauth.login import StoredLogin
from servers.accounts import ADA, BOB
from servers.dovecot import Dovecot
from servers.oauth import OAuthServer
from servers.postfix import Postfix

pytestmark = pytest.mark.acceptance

LETTER = {"sender": ADA.user, "to": BOB.user, "subject": "By token", "text": "..."}


def submission(postfix: Postfix, mechanism: str = "xoauth2", scheme: str = "smtp+starttls") -> str:
    port = postfix.submission_port if scheme == "smtp+starttls" else postfix.submissions_port
    ca = quote(str(postfix.ca_file))
    return f"{scheme}://ada@localhost:{port}?ca={ca}&auth={mechanism}&password=login:{ADA.user}"


def arrived(postfix: Postfix) -> bytes:
    (letter,) = postfix.letters(BOB.user)
    return letter.raw


@pytest.fixture
def profile(postfix: Postfix, tmp_path: Path) -> str:
    """A profile of the user's own courriel.toml that sends by the stored login."""
    folder = tmp_path / "config" / "courriel"
    folder.mkdir(parents=True)
    url = f"smtp+starttls://ada@localhost:{postfix.submission_port}?ca={quote(str(postfix.ca_file))}"
    (folder / "courriel.toml").write_text(f'[profiles.office]\nurl = "{url}"\npassword = "login:{ADA.user}"\n')
    return "office"


@pytest.mark.parametrize("expired", [False, True])
@pytest.mark.parametrize("mechanism", ["xoauth2", "oauthbearer"])
@pytest.mark.parametrize("scheme", ["smtp+starttls", "smtps"])
def test_postfix_takes_mail_by_a_stored_login(
    postfix: Postfix, oauth: OAuthServer, login: StoredLogin, scheme: str, mechanism: str, expired: bool
) -> None:
    store.save(login if expired else replace(login, access_token=oauth.jwt(), expires_at=time.time() + 3600))

    receipt = courriel.send(via=submission(postfix, mechanism, scheme), **LETTER)

    assert receipt.complete
    assert b"Authenticated sender: ada@example.org" in arrived(postfix)
    assert len(oauth.asked) == int(expired)


@pytest.mark.parametrize("mechanism", ["xoauth2", "oauthbearer"])
def test_a_token_that_postfix_refuses_is_renewed_once(
    postfix: Postfix, oauth: OAuthServer, login: StoredLogin, mechanism: str
) -> None:
    store.save(replace(login, access_token="a.revoked.token", expires_at=time.time() + 3600))

    assert courriel.send(via=submission(postfix, mechanism), **LETTER).complete

    assert len(oauth.asked) == 1
    assert store.load(login.name).access_token == oauth.access_tokens[-1]


def test_asyncio_does_the_same(postfix: Postfix, oauth: OAuthServer, login: StoredLogin) -> None:
    store.save(login)

    assert asyncio.run(courriel.asend(via=submission(postfix), **LETTER)).complete

    assert b"Subject: By token" in arrived(postfix)


def test_a_token_of_another_user_is_refused_after_one_renewal(
    postfix: Postfix, oauth: OAuthServer, login: StoredLogin
) -> None:
    oauth.claims = {"email": BOB.user}
    store.save(login)

    with pytest.raises(errors.AuthenticationRefused) as refused:
        courriel.send(via=submission(postfix), **LETTER)

    assert refused.value.tried == ("XOAUTH2", "XOAUTH2")
    assert len(oauth.asked) == 2  # expired, and refused once
    assert all(token not in str(refused.value) for token in oauth.access_tokens)


def test_what_a_profile_sends_is_read_by_pop3_and_imap_with_one_renewal(
    postfix: Postfix, dovecot: Dovecot, oauth: OAuthServer, login: StoredLogin, profile: str
) -> None:
    store.save(login)
    ca = quote(str(postfix.ca_file))

    assert courriel.send(via=profile, **LETTER | {"to": ADA.user}).complete
    _ = postfix.letters(ADA.user)

    for scheme, port in (("imaps", dovecot.imaps_port), ("pops", dovecot.pops_port)):
        with courriel.mailbox(f"{scheme}://ada@localhost:{port}?ca={ca}&password=login:{ADA.user}") as box:
            assert [letter.subject for letter in box] == ["By token"]
    assert len(oauth.asked) == 1


def test_a_worker_sends_a_lane_by_the_stored_login(
    postfix: Postfix, oauth: OAuthServer, login: StoredLogin, profile: str, tmp_path: Path
) -> None:
    """The program that puts the mail has no token; the worker, another process, renews the expired one."""
    place = tmp_path / "outbox.db"
    with Outbox(place) as outbox:
        tickets = [outbox.put(courriel.Message(**LETTER), via=profile) for _ in range(3)]
    assert oauth.asked == []
    store.save(login)

    ran = subprocess.run(
        [sys.executable, "-W", "error", "-m", "courriel", "worker", "--outbox", str(place), "--once"],
        capture_output=True, text=True, timeout=60, check=False, env=os.environ.copy(),
    )  # fmt: skip

    assert ran.returncode == 0, ran.stderr
    with Outbox(place) as outbox:
        assert [outbox.get(ticket.id).status for ticket in tickets] == [State.SENT] * 3
    assert len(postfix.letters(BOB.user, 3)) == 3
    assert [form["grant_type"] for form in oauth.asked] == ["refresh_token"]
    for token in (*oauth.access_tokens, *oauth.refresh_tokens):
        assert token not in ran.stdout + ran.stderr
        assert token.encode() not in place.read_bytes()


def test_a_lane_by_url_renews_its_token(
    postfix: Postfix, oauth: OAuthServer, login: StoredLogin, tmp_path: Path
) -> None:
    store.save(login)
    with Outbox(tmp_path / "outbox.db") as outbox:
        ticket = outbox.put(courriel.Message(**LETTER), via=submission(postfix))

        assert outbox.run_once() == 1

        assert outbox.get(ticket.id).status is State.SENT
    assert b"Subject: By token" in arrived(postfix)
    assert len(oauth.asked) == 1
