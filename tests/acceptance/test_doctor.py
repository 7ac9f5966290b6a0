"""The doctor visits a real Postfix and a real Dovecot: whole, with a wrong password, at the wrong port."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from urllib.parse import quote

import pytest

from courriel import doctor
from courriel.doctor import Examination
from servers.accounts import ADA, BOB
from servers.dovecot import Dovecot
from servers.fixtures import names
from servers.names import Names
from servers.postfix import Postfix
from servers.proxies import running

__all__ = ["names"]

pytestmark = pytest.mark.acceptance


@pytest.fixture(autouse=True)
def secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ADA", ADA.password)
    monkeypatch.setenv("WRONG", "not the password of anybody")


def statuses(found: Examination) -> dict[str, str]:
    return {step.name: step.status for step in found.session_steps}


def submission(postfix: Postfix, scheme: str, port: int, password: str = "env:ADA") -> str:
    return f"{scheme}://ada%40example.org@localhost:{port}?ca={postfix.ca_file}&password={password}"


@pytest.mark.parametrize("scheme", ["smtp+starttls", "smtps"])
def test_a_whole_visit_to_postfix(postfix: Postfix, names: Names, scheme: str) -> None:
    port = postfix.submission_port if scheme == "smtp+starttls" else postfix.submissions_port

    found = doctor.examine(submission(postfix, scheme, port), recipient=BOB.user, domain="good.test",
                           name_server=names.at, selectors=["s2048"])  # fmt: skip

    wanted = ("name", "connection", "greeting", "hello", "tls", "login", "sender", "recipient")
    assert statuses(found) == dict.fromkeys(wanted, "ok")
    assert [step.status for step in found.domain_steps if step.name in ("mx", "spf", "dkim", "dmarc")] == ["ok"] * 4
    assert found.certificate_ends is not None
    assert postfix.letters(BOB.user, 0) == []


def test_a_mail_is_sent_when_it_is_asked_for(postfix: Postfix, names: Names) -> None:
    found = doctor.examine(submission(postfix, "smtps", postfix.submissions_port), send_to=BOB.user,
                           name_server=names.at, domain="good.test")  # fmt: skip

    assert (statuses(found)["send"], found.accepted[:4]) == ("ok", "250 ")
    (letter,) = postfix.letters(BOB.user)
    assert b"courriel doctor" in letter.content


def test_a_wrong_password_and_a_sender_that_is_not_ours(postfix: Postfix, names: Names) -> None:
    url = submission(postfix, "smtps", postfix.submissions_port, "env:WRONG")
    wrong = doctor.examine(url, name_server=names.at, domain="good.test")

    step = wrong.session_steps[-1]
    assert (step.name, step.status, step.failure) == ("login", "failed", "LOGIN-REFUSED")
    assert step.said.startswith("535 ")
    assert wrong.sysexit == 77


def test_a_wrong_mode_at_postfix_is_corrected(postfix: Postfix) -> None:
    url = f"smtps://localhost:{postfix.submission_port}?ca={postfix.ca_file}"

    found = doctor.examine(url)

    assert found.corrected == f"smtp+starttls://localhost:{postfix.submission_port}?ca={postfix.ca_file}"
    assert doctor.examine(found.corrected).ok


@pytest.mark.parametrize(("scheme", "port"), [("imaps", "imaps_port"), ("imap+starttls", "imap_port"),
                                              ("pops", "pops_port"), ("pop3+starttls", "pop_port")])  # fmt: skip
def test_a_whole_visit_to_dovecot(dovecot: Dovecot, names: Names, scheme: str, port: str) -> None:
    place = f"{scheme}://ada%40example.org@localhost:{getattr(dovecot, port)}?ca={dovecot.authority.ca_file}"

    fine = doctor.examine(f"{place}&password=env:ADA", name_server=names.at, domain="good.test")
    wrong = doctor.examine(f"{place}&password=env:WRONG", name_server=names.at, domain="good.test")
    without = doctor.examine(place, login=False, name_server=names.at, domain="good.test")

    assert statuses(fine) == dict.fromkeys(("name", "connection", "greeting", "hello", "tls", "login"), "ok")
    assert (statuses(wrong)["login"], statuses(without)["login"]) == ("failed", "skipped")
    assert wrong.session_steps[-1].failure in ("IMAP-LOGIN-REFUSED", "POP-LOGIN-REFUSED", "LOGIN-REFUSED")


def test_a_wrong_protocol_is_named(dovecot: Dovecot) -> None:
    found = doctor.examine(f"smtp+starttls://localhost:{dovecot.imap_port}?ca={dovecot.authority.ca_file}",
                           neighbours_too=False)  # fmt: skip

    assert (found.session_steps[-2].name, found.session_steps[-2].failure) == ("greeting", "WRONG-PROTOCOL")


def test_probe_of_both_without_a_login(postfix: Postfix, dovecot: Dovecot) -> None:
    ports = [postfix.plain_port, postfix.submissions_port, dovecot.imap_port, dovecot.imaps_port, dovecot.pops_port]

    found = doctor.probe("localhost", ports=ports)

    doors = {door.port: door for door in found.doors}
    assert [doors[port].dialect.value for port in ports] == ["smtp", "smtp", "imap", "imap", "pop3"]
    assert all(doors[port].versions == ("TLSv1.2", "TLSv1.3") and doors[port].ends for port in ports)
    assert all(doors[port].refused_certificate is not None for port in ports), "nobody trusts the test authority"
    assert doors[postfix.plain_port].greeting
    assert "STARTTLS" in doors[postfix.plain_port].in_clear


def test_the_password_is_in_no_argument_of_a_process(postfix: Postfix, names: Names, tmp_path: Path) -> None:
    url = submission(postfix, "smtps", postfix.submissions_port)

    ran = subprocess.run(
        [sys.executable, "-m", "courriel", "doctor", url, "--json", "--dns", names.at, "--domain", "good.test",
         "--report", str(tmp_path / "r.html")],
        capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip

    assert json.loads(ran.stdout)["steps"][5]["status"] == "ok"
    assert ADA.password not in ran.stdout + ran.stderr + (tmp_path / "r.html").read_text()


@pytest.mark.parametrize("kind", ["microsocks with login", "tinyproxy with login"])
def test_a_visit_through_a_proxy(postfix: Postfix, names: Names, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WRONG", "not the password of the proxy")
    with running(kind) as proxy:
        monkeypatch.setenv("PROXY", proxy.password)
        place = quote(f"{proxy.scheme}://ada@{proxy.host}:{proxy.port}", safe="")
        url = submission(postfix, "smtps", postfix.submissions_port) + f"&proxy={place}&proxy_password=env:"

        fine = doctor.examine(f"{url}PROXY", name_server=names.at, domain="good.test")
        refused = doctor.examine(f"{url}WRONG", name_server=names.at, domain="good.test")
        mixed = doctor.examine(f"{url}PROXY".replace("smtps:", "smtp+starttls:"), login=False, timeout=2,
                               name_server=names.at, domain="good.test")  # fmt: skip

    assert statuses(fine) == {"name": "skipped", "connection": "ok"} | dict.fromkeys(
        ("tls", "greeting", "hello", "login", "sender"), "ok"
    )
    assert (statuses(refused)["connection"], refused.session_steps[1].failure) == ("failed", "PROXY-LOGIN-REFUSED")
    assert refused.tried == ()
    assert mixed.corrected.startswith("smtps://")
    assert "proxy_password=env:PROXY" in mixed.corrected
    for found in (fine, refused, mixed):
        assert proxy.password not in json.dumps(found.as_object(), ensure_ascii=False) + repr(found)
