"""A trial mail of the doctor: awaited in a mailbox that was opened first, found among the junk, removed on request."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import courriel
from courriel import Dialect, Message, Password, Sandbox, Security, Server, Trust, doctor, errors
from courriel.doctor import Examination, Step
from courriel.doctor.visit.arrival import Arrival, AwaitingMailbox
from dkim_keys import settings, verdicts
from doctor.conftest import PASSWORD, USER
from session.imap_stranger import imap_server
from session.stranger import Phone
from session.stranger import stranger as running

pytestmark = pytest.mark.slow

RESULTS = "mx.example.net; spf=pass smtp.mailfrom=example.org; dkim=pass header.d=example.org; dmarc=pass"


@pytest.fixture
def urls(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> tuple[str, str]:
    """URLs for sending to the practice server and for reading there."""
    monkeypatch.setenv("SECRET", PASSWORD)
    monkeypatch.setattr("courriel.doctor.examining._domain_steps", lambda *_: [])
    login, more = "ada%40example.org@127.0.0.1", f"?ca={sandbox.ca}&password=env:SECRET"
    return f"smtp+starttls://{login}:{sandbox.port}{more}", f"imap+starttls://{login}:{sandbox.imap_port}{more}"


@pytest.fixture
def look(urls: tuple[str, str]) -> Callable[..., Examination]:
    """An examination whose mail is read again."""

    def look(**options: object) -> Examination:
        given = {"send_to": USER, "read": urls[1], "wait": 20, "neighbours_too": False} | options
        return doctor.examine(urls[0], timeout=3, **given)  # type: ignore[arg-type]

    return look


@pytest.fixture
def own_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The user's settings file, whose folder is there."""
    file = tmp_path / "config" / "courriel" / "courriel.toml"
    file.parent.mkdir(parents=True)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    return file


def statuses(found: Examination) -> dict[str, str]:
    return {step.name: step.status for step in found.session_steps[7:]}


@pytest.fixture
def mailbox(sandbox: Sandbox) -> Iterator[AwaitingMailbox]:
    """The mailbox of the practice server, opened."""
    server = Server("127.0.0.1", sandbox.imap_port, Security.STARTTLS, trust=Trust.file(str(sandbox.ca)))
    opened = AwaitingMailbox(server, Password(USER, PASSWORD))
    assert opened.open().status == "ok"
    yield opened
    opened.close()


def put(sandbox: Sandbox, folder: str = "INBOX", subject: str = "Trial abc123") -> None:
    """A mail into a folder, with the results of a host."""
    message = Message(sender=USER, to=USER, subject=subject, text="x", headers={"Authentication-Results": RESULTS})
    url = sandbox.imap_starttls_url.replace("://", f"://ada%40example.org:{PASSWORD}@")
    with courriel.mailbox(url) as session:
        session.append(message, folder)  # type: ignore[union-attr]


def awaited(mailbox: AwaitingMailbox, seconds: float = 20, *, remove: bool = False) -> tuple[Step, Arrival | None]:
    return mailbox.wait("abc123", seconds, remove=remove, turn=0.05)


# The whole loop.


def test_a_mail_is_sent_and_found_and_its_checks_are_told(look: Callable[..., Examination], sandbox: Sandbox) -> None:
    found = look()

    assert statuses(found) == {
        "mailbox": "ok", "send": "ok", "arrival": "ok",
        "spf-result": "unknown", "dkim-result": "unknown", "dmarc-result": "unknown",
    }  # fmt: skip
    assert found.arrival is not None
    assert (found.arrival.folder, found.arrival.removed, found.arrival.checks) == ("INBOX", False, "")
    assert found.ok
    assert len(sandbox.letters) == 1
    kept = json.dumps(found.as_object())
    assert '"arrival": {"folder": "INBOX"' in kept
    assert PASSWORD not in kept + repr(found)


def test_the_mail_is_signed_as_all_mail_of_that_setting(
    urls: tuple[str, str], sandbox: Sandbox, tmp_path: Path, own_settings: Path
) -> None:
    own_settings.write_text(settings(tmp_path))

    found = doctor.examine(urls[0] + "&dkim=example", timeout=3, send_to=USER, neighbours_too=False)

    assert statuses(found) == {"send": "ok"}
    assert verdicts(sandbox.letters[0].content) == ["pass", "pass"]
    assert "signed by s1._domainkey.example.org, e1._domainkey.example.org" in found.session_steps[-1].finding.en


def test_nothing_is_sent_with_a_key_that_cannot_be_used(
    urls: tuple[str, str], sandbox: Sandbox, tmp_path: Path, own_settings: Path
) -> None:
    own_settings.write_text(settings(tmp_path))
    (tmp_path / "s1.pem").unlink()

    found = doctor.examine(urls[0] + "&dkim=example", timeout=3, send_to=USER, neighbours_too=False)

    assert statuses(found) == {"send": "failed"}
    assert "No such file" in found.session_steps[-1].finding.en
    assert len(sandbox.letters) == 0


def test_the_mail_is_removed_when_it_is_asked_for(
    look: Callable[..., Examination], sandbox: Sandbox, mailbox: AwaitingMailbox
) -> None:
    found = look(remove=True)

    assert found.arrival is not None
    assert found.arrival.removed
    assert [detail.en for step in found.steps if step.name == "arrival" for detail in step.details] == [
        "the mail was removed"
    ]
    assert mailbox.wait("Trial", 0.01, remove=False)[1] is None


def test_nothing_is_sent_when_the_mailbox_cannot_be_opened(
    look: Callable[..., Examination], urls: tuple[str, str], sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WRONG", "not it")

    found = look(read=urls[1].replace("env:SECRET", "env:WRONG"))

    assert statuses(found) == {"mailbox": "failed"}
    assert found.verdict.en.startswith("Failed at step 8 (mailbox read): ")
    assert found.sysexit == 77
    assert len(sandbox.letters) == 0
    assert "not it" not in json.dumps(found.as_object())


def test_a_password_that_is_not_there_is_told_before_anything_is_sent(
    look: Callable[..., Examination], urls: tuple[str, str], sandbox: Sandbox
) -> None:
    found = look(read=urls[1].replace("env:SECRET", "env:NOBODY_HAS_SET_IT"))

    assert statuses(found) == {"mailbox": "failed"}
    assert len(sandbox.letters) == 0


def test_a_mail_that_is_refused_is_not_awaited(look: Callable[..., Examination], sandbox: Sandbox) -> None:
    sandbox.answer("message", "554 5.7.1 no")

    found = look()

    assert statuses(found) == {"mailbox": "ok", "send": "failed"}
    assert found.arrival is None


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({"send_to": ""}, "none is sent"),
        ({"send_to": "", "read": None, "remove": True}, "none is sent"),
        ({"read": None, "remove": True}, "there is none"),
        ({"read": "pops://ada@127.0.0.1"}, "no mailbox by IMAP"),
        ({"read": "smtps://ada@127.0.0.1"}, "no mailbox by IMAP"),
        ({"wait": 0}, "no number of seconds"),
        ({"wait": 3601}, "no number of seconds"),
        ({"wait": True}, "no number of seconds"),
        ({"wait": "1"}, "no number of seconds"),
    ],
)
def test_wishes_that_contradict_each_other_are_refused(
    look: Callable[..., Examination], sandbox: Sandbox, options: dict[str, object], why: str
) -> None:
    with pytest.raises(errors.UsageError, match=why):
        look(**options)
    assert len(sandbox.letters) == 0


# Waiting.


def test_a_mail_that_is_there_is_found_with_its_results(mailbox: AwaitingMailbox, sandbox: Sandbox) -> None:
    put(sandbox)

    step, arrival = awaited(mailbox)

    assert (step.status, step.finding.en) == ("ok", "INBOX")
    assert arrival is not None
    assert (arrival.authserv_id, arrival.checks) == ("mx.example.net", "spf=pass dkim=pass dmarc=pass")


def test_a_mail_among_the_junk_is_found_and_that_is_told(mailbox: AwaitingMailbox, sandbox: Sandbox) -> None:
    put(sandbox, "Junk")

    step, arrival = awaited(mailbox, remove=True)

    assert (step.status, step.failure, step.finding.en) == ("warning", "MAIL-IN-JUNK", "Junk")
    assert arrival is not None
    assert (arrival.junk, arrival.removed) == (True, True)


@pytest.mark.parametrize("folder", ["INBOX", "Junk"])
def test_a_mail_that_comes_later_is_awaited(mailbox: AwaitingMailbox, sandbox: Sandbox, folder: str) -> None:
    arriving = threading.Thread(target=put, args=(sandbox, folder))
    arriving.start()

    step, arrival = awaited(mailbox)

    arriving.join()
    assert arrival is not None
    assert arrival.folder == folder
    assert step.status != "failed"


def test_a_mail_that_does_not_come_is_given_up(mailbox: AwaitingMailbox, sandbox: Sandbox) -> None:
    put(sandbox, subject="Another")

    step, arrival = awaited(mailbox, 0.01)

    assert (step.status, step.failure, step.sysexit) == ("failed", "MAIL-NOT-ARRIVED", 75)
    assert step.finding.en == "nothing in INBOX, Junk after 0.01 s"
    assert step.finding.fr == "rien dans INBOX, Junk après 0,01 s"
    assert arrival is None


def test_a_mailbox_that_hangs_up_is_a_step_that_failed() -> None:
    with running(imap_server(LIST="{tag} OK none", EXAMINE=None)) as there:
        place = Server("127.0.0.1", there.port, Security.NONE, dialect=Dialect.IMAP)
        mailbox = AwaitingMailbox(place, Password("ada", "x"))
        opened = mailbox.open()
        step, arrival = mailbox.wait("abc123", 20, remove=False)
        mailbox.close()

    assert (opened.status, opened.finding.en) == ("ok", f"{place}: INBOX")
    assert (step.status, arrival) == ("failed", None)
    assert step.cause.en


def test_a_folder_for_junk_that_is_made_for_the_mail_is_looked_into() -> None:
    asked: list[str] = []

    def listed(phone: Phone, tag: str, command: str) -> None:
        asked.append(command)
        junk = "" if len(asked) == 1 else '* LIST (\\Junk) "/" Junk\n'
        phone.say(f'* LIST () "/" INBOX\n{junk}{tag} OK')

    def searched(phone: Phone, tag: str, command: str) -> None:
        phone.say(f"* SEARCH{' 1' if len(asked) > 1 else ''}\n{tag} OK")

    greeting = "* OK [CAPABILITY IMAP4rev1 AUTH=PLAIN SASL-IR] ready"
    capability = "* CAPABILITY IMAP4rev1 AUTH=PLAIN SASL-IR\n{tag} OK"
    with running(imap_server(greeting, CAPABILITY=capability, LIST=listed, UID_SEARCH=searched)) as there:
        mailbox = AwaitingMailbox(Server("127.0.0.1", there.port, Security.NONE, dialect=Dialect.IMAP),
                                  Password("ada", "x"))  # fmt: skip
        _ = mailbox.open()
        step, arrival = mailbox.wait("abc123", 20, remove=False, turn=0.01)
        mailbox.close()

    assert arrival is not None
    assert (arrival.folder, step.failure) == ("Junk", "MAIL-IN-JUNK")


def test_a_server_without_idle_is_asked_again_and_again() -> None:
    asked: list[str] = []

    def searched(phone: Phone, tag: str, command: str) -> None:
        asked.append(command)
        phone.say(f"* SEARCH{' 1' if len(asked) == 3 else ''}\n{tag} OK")

    greeting = "* OK [CAPABILITY IMAP4rev1 AUTH=PLAIN SASL-IR] ready"
    capability = "* CAPABILITY IMAP4rev1 AUTH=PLAIN SASL-IR\n{tag} OK"
    act = imap_server(greeting, CAPABILITY=capability, LIST="{tag} OK none", UID_SEARCH=searched)
    with running(act) as there:
        mailbox = AwaitingMailbox(Server("127.0.0.1", there.port, Security.NONE, dialect=Dialect.IMAP),
                                  Password("ada", "x"))  # fmt: skip
        _ = mailbox.open()
        _, arrival = mailbox.wait("abc123", 20, remove=True, turn=0.01)
        mailbox.close()

    assert arrival is not None
    assert not arrival.removed, "it has neither UIDPLUS nor an answer to STORE"
    assert len(asked) == 3
