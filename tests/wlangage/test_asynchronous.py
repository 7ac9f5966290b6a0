"""Asynchronous mode: mail is on disk when the call returns, and sent when a session of that name is open."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as some

import courriel.wlangage as wl
from courriel import Outbox, Sandbox
from courriel.outbox.store.states import State
from courriel.wlangage.sending import spool_functions
from courriel.wlangage.spool import key_of, lane_of, spool
from wlangage.post_office import PostOffice

HOST = "127.0.0.1"
DOCS = Path(__file__).parent.parent.parent / "docs"


def fill(**more: object) -> None:
    """Set the structure Email, with a mail to send."""
    wl.EmailRAZ()
    wl.Email.Expéditeur, wl.Email.Destinataire = "ada@example.org", "bob@example.org"
    wl.Email.Sujet, wl.Email.Message = "Été", "Bonjour"
    for name, value in more.items():
        setattr(wl.Email, name, value)


def open_asynchronously(sandbox: Sandbox, name: str = "ada") -> None:
    assert wl.EmailOuvreSessionSMTP(name, HOST, sandbox.port, wl.emailAsynchrone), wl.ErreurInfo()


@pytest.fixture
def sandbox() -> Any:
    with Sandbox() as opened:
        yield opened


def ended(number: int) -> State:
    """Wait until a mail is finished."""
    return spool.outbox.get(key=key_of(number)).wait(20).state


def test_a_mail_is_in_the_outbox_when_the_call_returns_and_its_number_tells_what_became_of_it(sandbox: Sandbox) -> None:
    open_asynchronously(sandbox)
    fill()

    assert wl.EmailEnvoieMessage("ada") == wl.Vrai
    number = wl.Email.IdentifiantMail

    assert ended(number) is State.SENT
    assert wl.EmailEtat(number) == wl.emailEnvoyé
    assert not wl.ErreurDétectée
    assert sandbox.letters[0].subject == "Été"


@pytest.mark.slow
def test_closing_waits_for_mails_due(sandbox: Sandbox) -> None:
    open_asynchronously(sandbox)
    for _ in range(20):
        fill()
        assert wl.EmailEnvoieMessage("ada")

    wl.EmailFermeSession("ada")

    assert len(sandbox.letters) == 20
    assert wl.ErreurInfo() == ""


def test_unsent_mail_stays_on_disk_and_closing_reports_it(sandbox: Sandbox) -> None:
    sandbox.answer("message", "450 4.2.0 not now")
    open_asynchronously(sandbox)
    fill()
    wl.EmailEnvoieMessage("ada")
    number = wl.Email.IdentifiantMail

    wl.EmailFermeSession("ada")

    assert wl.ErreurInfo().startswith("1 messages wait in the outbox")
    assert not wl.ErreurDétectée
    assert wl.EmailEtat(number) == wl.emailEnCours


@pytest.mark.slow
def test_a_refused_mail_is_an_error_with_its_reason(sandbox: Sandbox) -> None:
    sandbox.refuse("bob@example.org")
    open_asynchronously(sandbox)
    fill()
    assert wl.EmailEnvoieMessage("ada") == wl.Vrai
    assert ended(wl.Email.IdentifiantMail) is State.FAILED

    state = wl.EmailEtat(wl.Email.IdentifiantMail)

    assert state == wl.emailErreur
    assert wl.ErreurDétectée
    assert "550 5.1.1 no such user" in wl.ErreurInfo(wl.errMessage)
    assert wl.ErreurInfo(wl.errReply).startswith("550")


def test_one_refused_recipient_stops_the_mail(sandbox: Sandbox) -> None:
    sandbox.refuse("carl@example.org")
    open_asynchronously(sandbox)
    fill(Destinataire=["bob@example.org", "carl@example.org"])
    wl.EmailEnvoieMessage("ada")

    assert ended(wl.Email.IdentifiantMail) is State.FAILED
    assert sandbox.letters == []


@pytest.mark.parametrize("number", [0, -1, 12345, "abc", None, True, 1 << 200])
def test_a_number_that_was_never_issued_is_a_mistake_of_the_program(number: object) -> None:
    with pytest.raises(wl.ErreurWLangage, match="MailIdentifier"):
        wl.EmailEtat(number)


def test_a_mail_that_was_canceled_or_held_is_an_error_in_words(sandbox: Sandbox) -> None:
    open_asynchronously(sandbox)
    spool.outbox.pause("ada")
    fill()
    wl.EmailEnvoieMessage("ada")
    ticket = spool.outbox.get(key=key_of(wl.Email.IdentifiantMail))

    assert ticket.hold()
    assert wl.EmailEtat(wl.Email.IdentifiantMail) == wl.emailErreur
    assert "held" in wl.ErreurInfo()
    assert ticket.cancel()
    assert wl.EmailEtat(wl.Email.IdentifiantMail) == wl.emailErreur
    assert "canceled" in wl.ErreurInfo()


def test_the_login_is_checked_when_the_session_is_opened() -> None:
    with PostOffice(users={"ada": "secret"}).open() as office:
        opened = wl.EmailOuvreSessionSMTP("ada", "wrong", HOST, office.port, wl.emailAsynchrone)

    assert opened == wl.Faux
    assert wl.ErreurInfo(wl.errCode) == "LOGIN-REFUSED"


def test_a_variable_and_the_form_with_two_servers_may_be_asynchronous_too(sandbox: Sandbox) -> None:
    session = wl.emailSessionSMTP(AdresseServeur=HOST, Port=sandbox.port, Nom="ada", Asynchrone=wl.emailAsynchrone)
    assert session.OuvreSession()
    fill()

    assert session.EnvoieMessage()
    session.FermeSession()

    assert len(sandbox.letters) == 1


def test_a_finished_file_goes_through_the_outbox_as_well(sandbox: Sandbox, tmp_path: Path) -> None:
    mail = tmp_path / "mail.eml"
    mail.write_bytes(b"From: ada@example.org\r\nTo: bob@example.org\r\nSubject: Ready\r\n\r\nHello.\r\n")
    open_asynchronously(sandbox)
    fill()

    assert wl.EmailEnvoie("ada", mail)
    assert ended(wl.Email.IdentifiantMail) is State.SENT

    assert sandbox.letters[0].subject == "Ready"


DIES = """
import os
import re
from courriel.wlangage import *
from courriel.wlangage.spool import key_of, spool

EmailOuvreSessionSMTP("ada@example.org", "secret", "127.0.0.1", {port}, emailAsynchrone)
spool.outbox.pause("ada-40example.org")  # nothing leaves before we die
Email.Expéditeur, Email.Destinataire = "ada@example.org", "bob@example.org"
Email.Sujet, Email.Message = "Été", "Bonjour"
assert EmailEnvoieMessage("ada@example.org")
print(Email.IdentifiantMail, flush=True)
os.kill(os.getpid(), 9)
"""


@pytest.fixture
def died(tmp_path: Path) -> Callable[[int], int]:
    """A program that put a mail into the outbox and was killed; the number of the mail."""

    def run(port: int) -> int:
        program = subprocess.run(
            [sys.executable, "-W", "error", "-c", DIES.format(port=port)],
            capture_output=True, text=True, timeout=60, check=False, env=os.environ,
        )  # fmt: skip
        assert program.returncode == -9, program
        return int(program.stdout)

    return run


@pytest.mark.slow
def test_a_mail_outlives_its_program_and_leaves_by_the_next_session_of_that_name(
    sandbox: Sandbox, died: Callable[[int], int]
) -> None:
    number = died(sandbox.port)
    with Outbox() as outbox:
        outbox.resume("ada-40example.org")
    assert sandbox.letters == []

    open_asynchronously(sandbox, "ada@example.org")

    assert ended(number) is State.SENT
    assert len(sandbox.letters) == 1


@pytest.mark.slow
def test_another_name_does_not_send_it(sandbox: Sandbox, died: Callable[[int], int]) -> None:
    number = died(sandbox.port)
    with Outbox() as outbox:
        outbox.resume("ada-40example.org")
    open_asynchronously(sandbox, "carl@example.org")
    fill()
    wl.EmailEnvoieMessage("carl@example.org")
    wl.EmailFermeSession("carl@example.org")

    assert wl.EmailEtat(number) == wl.emailEnCours
    assert len(sandbox.letters) == 1


@pytest.mark.slow
def test_the_password_is_not_on_the_disk(died: Callable[[int], int], tmp_path: Path) -> None:
    with Sandbox(users={"ada@example.org": "secret"}) as sandbox:
        died(sandbox.port)

    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert any(path.name == "outbox.db" for path in files)
    assert not any(b"secret" in path.read_bytes() for path in files)


@pytest.mark.slow
@pytest.mark.parametrize("state", [State.FAILED, State.CANCELED])
@pytest.mark.parametrize("refused", [False, True])
def test_a_mail_that_may_have_left_is_not_said_to_have_reached_nobody(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, state: State, refused: bool
) -> None:
    """One try got no answer; what came afterwards is known."""
    open_asynchronously(sandbox)
    fill()
    assert wl.EmailEnvoieMessage("ada")
    ended(number := wl.Email.IdentifiantMail)
    sent = spool.outbox.get(key=key_of(number)).info
    results = {"bob@example.org": (550, "5.1.1", "no such user", 0.0)} if refused else {}
    unsure = replace(sent, state=state, unsure=1, results=results, why="expired")
    monkeypatch.setattr(spool_functions, "_mail_of", lambda _: unsure)

    for language, words in (("fr", "est peut-être parti"), ("en", "may have left")):
        wl.LangueErreur(language)  # type: ignore[arg-type]
        assert wl.EmailEtat(number) == wl.emailErreur
        told = wl.ErreurInfo()
        assert words in told
        assert "Email.ID" in told
        assert not re.search("Personne|Nobody|annulé avant|before it left|could not leave", told)
        assert ("no such user" in told) is refused
        assert wl.ErreurInfo(wl.errCode) == "UNCERTAIN-RESULT"


@given(some.lists(some.text(min_size=1, max_size=40), min_size=2, max_size=2, unique=True))
def test_two_sessions_never_share_a_lane(names: list[str]) -> None:
    first, second = map(lane_of, names)

    assert first != second


@given(some.text(min_size=1))
def test_every_name_is_the_name_of_a_lane(name: str) -> None:
    lane = lane_of(name)

    assert lane.isascii()
    assert 0 < len(lane) <= 64
    assert lane[0] not in "-."


def test_a_name_that_can_be_a_profiles_is_left_as_it_is() -> None:
    assert [lane_of(name) for name in ("billing", "ada@example.org", "a-b", "ada-40example.org")] == [
        "billing", "ada-40example.org", "a-b", "ada-2d40example.org",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("page", "mark"), [("wlangage.md", "emailAsynchrone,"), ("wlangage.en.md", "emailAsynchronous,")]
)
def test_the_program_of_the_page_sends(page: str, mark: str, sandbox: Sandbox) -> None:
    blocks = re.findall(r"```python\n(.*?)```", (DOCS / page).read_text("utf-8"), re.DOTALL)
    (program,) = [each for each in blocks if mark in each]
    fill()

    # The practice server, without TLS and login.
    program = program.replace(', secret, "smtp.example.org", 465', f', "{HOST}", {sandbox.port}')
    exec(re.sub(r", [oO]ptionSSL", "", program), names := {})  # type: ignore[var-annotated]

    assert names.get("état", names.get("status")) == wl.emailEnvoyé
    assert [letter.subject for letter in sandbox.letters] == ["Été"]
