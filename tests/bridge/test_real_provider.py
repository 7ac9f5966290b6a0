"""Old programs through the bridge to Postfix and Dovecot that take nothing but tokens; to the octet."""

from __future__ import annotations

import imaplib
import poplib
import smtplib
from dataclasses import replace

import pytest

from bridge.conftest import PASSWORD, Open, Provider
from courriel import errors
from courriel.delivery.oauth import store
from courriel.delivery.oauth.login import StoredLogin
from servers.accounts import ADA, BOB
from servers.oauth import Answer, OAuthServer

pytestmark = [pytest.mark.acceptance, pytest.mark.usefixtures("fresh_login")]

LETTER = b"From: ada@example.org\r\nTo: bob@example.org\r\nSubject: By the bridge\r\n\r\n.dots\r\n..and more\r\nend\r\n"


@pytest.mark.parametrize("mechanism", ["xoauth2", "oauthbearer"])
def test_smtplib_sends_through_it(provider: Provider, opened: Open, mechanism: str) -> None:
    running = opened(provider.smtp(mechanism))

    with smtplib.SMTP("127.0.0.1", running.bridge.smtp_port, timeout=30) as client:
        client.login(ADA.user, PASSWORD)
        client.sendmail(ADA.user, [BOB.user], LETTER)

    (letter,) = provider.postfix.letters(BOB.user)
    assert letter.content == LETTER
    assert running.bridge.trials[0].error is None
    ended = running.next_session()
    assert (ended.session.taken, ended.session.error) == (1, None)


def test_a_revoked_token_is_renewed_once(
    provider: Provider, opened: Open, oauth: OAuthServer, fresh_login: StoredLogin
) -> None:
    running = opened(provider.smtp())
    asked = len(oauth.asked)
    store.save(replace(fresh_login, access_token="a.revoked.token"))

    with smtplib.SMTP("127.0.0.1", running.bridge.smtp_port, timeout=30) as client:
        assert client.login(ADA.user, PASSWORD)[0] == 235

    assert len(oauth.asked) - asked == 1
    assert store.load(ADA.user).access_token == oauth.access_tokens[-1]


def test_a_token_that_is_refused_again_gives_the_providers_own_refusal(
    provider: Provider, opened: Open, oauth: OAuthServer, fresh_login: StoredLogin
) -> None:
    running = opened(provider.smtp())
    store.save(replace(fresh_login, access_token="a.revoked.token"))
    oauth.next_answers.append(
        Answer(content=b'{"access_token": "another.bad.token", "token_type": "Bearer", "expires_in": 3600}')
    )

    with smtplib.SMTP("127.0.0.1", running.bridge.smtp_port, timeout=30) as client:
        client.ehlo()
        client.user, client.password = ADA.user, PASSWORD
        with pytest.raises(smtplib.SMTPAuthenticationError) as refused:
            client.auth("PLAIN", client.auth_plain)

    assert refused.value.smtp_code == 535
    assert b"Error: authentication failed" in refused.value.smtp_error
    assert isinstance(running.next_session().session.error, errors.AuthenticationRefused)


def test_a_login_that_is_over_is_said_with_its_remedy(
    provider: Provider, opened: Open, oauth: OAuthServer, fresh_login: StoredLogin
) -> None:
    running = opened(provider.smtp())
    store.save(replace(fresh_login, access_token="", expires_at=1.0))
    oauth.refresh_tokens.clear()

    with smtplib.SMTP("127.0.0.1", running.bridge.smtp_port, timeout=30) as client:
        client.ehlo()
        client.user, client.password = ADA.user, PASSWORD
        with pytest.raises(smtplib.SMTPAuthenticationError, match=r"5\.7\.8"):
            client.auth("PLAIN", client.auth_plain)

    error = running.next_session().session.error
    assert error is not None
    assert error.failure is not None
    assert error.failure.id == "OAUTH-GRANT-REFUSED"


def test_poplib_reads_through_it(provider: Provider, opened: Open) -> None:
    running = opened(provider.smtp(), provider.pop())
    with smtplib.SMTP("127.0.0.1", running.bridge.smtp_port, timeout=30) as client:
        client.login(ADA.user, PASSWORD)
        client.sendmail(ADA.user, [ADA.user], LETTER)
    (there,) = provider.postfix.letters(ADA.user)

    client = poplib.POP3("127.0.0.1", running.bridge.pop3_port, timeout=30)
    client.user(ADA.user)
    client.pass_(PASSWORD)
    _, lines, _ = client.retr(1)
    capabilities = client.capa()
    client.dele(1)
    client.quit()

    assert b"\r\n".join(lines) + b"\r\n" == there.raw.replace(b"\n", b"\r\n")
    assert "UIDL" in capabilities
    assert "SASL" not in capabilities
    assert provider.postfix.letters(ADA.user, 0) == []


def test_imaplib_reads_through_it(provider: Provider, opened: Open) -> None:
    running = opened(provider.smtp(), provider.imap())
    client = imaplib.IMAP4("127.0.0.1", running.bridge.imap_port, timeout=30)
    client.login(ADA.user, PASSWORD)

    assert client.append("INBOX", "", "", LETTER)[0] == "OK"
    client.select("INBOX")
    _, found = client.fetch("1", "(BODY.PEEK[])")
    client.logout()

    assert found[0][1] == LETTER


def test_a_new_letter_is_told_by_idle_through_it(provider: Provider, opened: Open) -> None:
    bridge = opened(provider.smtp(), provider.imap()).bridge
    with imaplib.IMAP4("127.0.0.1", bridge.imap_port, timeout=30) as reader:
        reader.login(ADA.user, PASSWORD)
        reader.select("INBOX")
        reader.send(b"x1 IDLE\r\n")
        assert reader.readline().startswith(b"+ ")
        with smtplib.SMTP("127.0.0.1", bridge.smtp_port, timeout=30) as client:
            client.login(ADA.user, PASSWORD)
            client.sendmail(ADA.user, [ADA.user], LETTER)

        assert reader.readline() == b"* 1 EXISTS\r\n"
        reader.send(b"DONE\r\n")
        while not (line := reader.readline()).startswith(b"x1 "):
            assert line.startswith(b"* ")
