"""The doctor's loop: a mail leaves Postfix, signed by OpenDKIM; Rspamd checks it; at Dovecot it is read again."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator

import pytest

import courriel
from courriel import ImapSession, doctor
from courriel.doctor import Examination
from servers.accounts import ADA
from servers.checked_mail import AUTHSERV_ID, JUNKED, CheckedMail, checked_mail
from servers.dovecot import Dovecot
from servers.fixtures import names
from servers.names import Names

__all__ = ["names"]

pytestmark = pytest.mark.acceptance


@pytest.fixture(scope="module")
def checked(dovecot: Dovecot, names: Names) -> Iterator[CheckedMail]:
    with checked_mail(dovecot, names) as running:
        yield running


@pytest.fixture(autouse=True)
def empty(checked: CheckedMail, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("ADA", ADA.password)
    checked.dovecot.mailboxes.empty()
    yield
    checked.dovecot.mailboxes.empty()


def url(checked: CheckedMail, scheme: str, port: int) -> str:
    return f"{scheme}://ada%40example.org@localhost:{port}?ca={checked.dovecot.authority.ca_file}&password=env:ADA"


@pytest.fixture
def loop(checked: CheckedMail, names: Names) -> Callable[..., Examination]:
    """An examination whose mail is read again; it has a minute to arrive."""

    def loop(sender: str, send_to: str = ADA.user, **options: object) -> Examination:
        return doctor.examine(
            url(checked, "smtp+starttls", checked.submission_port), sender=sender, send_to=send_to,
            read=url(checked, "imaps", checked.dovecot.imaps_port), name_server=names.at, wait=60, **options,
        )  # type: ignore[arg-type]  # fmt: skip

    return loop


def trial(found: Examination) -> list[tuple[str, str, str]]:
    return [(step.name, step.status, step.failure) for step in found.session_steps[7:]]


def test_a_domain_in_order_passes_all_three(loop: Callable[..., Examination], checked: CheckedMail) -> None:
    found = loop("ada@sending.test", remove=True)

    assert trial(found) == [
        ("mailbox", "ok", ""), ("send", "ok", ""), ("arrival", "ok", ""),
        ("spf-result", "ok", ""), ("dkim-result", "ok", ""), ("dmarc-result", "ok", ""),
    ], checked.log()  # fmt: skip
    assert found.arrival is not None
    assert (found.arrival.authserv_id, found.arrival.removed) == (AUTHSERV_ID, True)
    assert found.verdict.en.startswith("All works: spf=pass dkim=pass dmarc=pass")
    assert checked.dovecot.mailboxes.letters(ADA.user) == []
    (key,) = [step for step in found.domain_steps if step.name == "dkim"]
    assert key.finding.en == "signing: rsa key 2048 bits", "the selector is that of the mail"


def test_a_domain_that_does_not_list_the_server_is_told_what_to_add(
    loop: Callable[..., Examination], checked: CheckedMail
) -> None:
    found = loop("ada@unlisted.test")

    assert trial(found)[2:] == [
        ("arrival", "ok", ""), ("spf-result", "failed", "SPF-SERVER-NOT-LISTED"),
        ("dkim-result", "failed", "DKIM-NOT-SIGNED"), ("dmarc-result", "failed", "DMARC-FAILED"),
    ], checked.log()  # fmt: skip
    (spf,) = [step for step in found.steps if step.name == "spf-result"]
    assert spf.details[0].en == "the mail left from 127.0.0.1; term to add: ip4:127.0.0.1"
    assert found.sysexit == 78
    assert len(checked.dovecot.mailboxes.letters(ADA.user)) == 1, "it stays where nobody wants it removed"


def test_a_mail_among_the_junk_is_found_there(loop: Callable[..., Examination], checked: CheckedMail) -> None:
    with courriel.mailbox(url(checked, "imaps", checked.dovecot.imaps_port)) as session:
        assert isinstance(session, ImapSession)
        session.create("Junk")  # by Dovecot, which looks for folders of others once in a while

    found = loop("ada@sending.test", JUNKED)

    assert ("arrival", "warning", "MAIL-IN-JUNK") in trial(found), checked.log()
    assert found.arrival is not None
    assert found.arrival.folder == "Junk"
    assert found.arrival.checks == "spf=pass dkim=pass dmarc=pass"


def test_the_command_tells_it_in_both_languages(checked: CheckedMail, names: Names) -> None:
    command = [
        sys.executable, "-m", "courriel", "doctor", url(checked, "smtp+starttls", checked.submission_port),
        "--from", "ada@sending.test", "--send", ADA.user, "--read", url(checked, "imaps", checked.dovecot.imaps_port),
        "--dns", names.at, "--remove",
    ]  # fmt: skip
    environment = os.environ | {"COURRIEL_KEYRING": "0"}

    def run(*more: str) -> str:
        done = subprocess.run(
            [*command, *more], check=False, capture_output=True, text=True, env=environment, timeout=100
        )
        assert done.returncode == 0, done.stdout + done.stderr + checked.log()
        return done.stdout

    assert "Verdict  ✓ Tout fonctionne : spf=pass dkim=pass dmarc=pass" in run("--lang", "fr")
    told = json.loads(run("--json", "--lang", "en"))
    assert told["arrival"]["checks"] == "spf=pass dkim=pass dmarc=pass"
    assert told["arrival"]["results"][0] == {
        "method": "dkim", "result": "pass", "domain": "sending.test", "selector": "signing",
    }  # fmt: skip
    assert ADA.password not in json.dumps(told)
