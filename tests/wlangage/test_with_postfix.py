"""The WLangage functions with a real Postfix, with Dovecot for logins."""

from __future__ import annotations

from email import message_from_bytes, policy
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from courriel.cli.main import main
from courriel.wlangage import *
from servers.accounts import ADA, BOB, CLEO
from servers.fixtures import authority, dovecot, postfix, postfix_server  # noqa: F401 - fixtures are found by name
from servers.postfix import Postfix

# ruff: noqa: F403, F405, F811 - the star is what users of this face write; a fixture is asked for by its name

pytestmark = pytest.mark.acceptance


@pytest.fixture(autouse=True)
def _trust_the_authority(postfix: Postfix, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(postfix.ca_file))
    monkeypatch.setenv("SSL_CERT_DIR", str(postfix.ca_file.parent / "nothing-here"))
    EmailChangeTimeOut(10)
    Email.Expéditeur = f"Ada <{ADA.user}>"
    Email.Destinataire = [BOB.user, CLEO.user]
    Email.Sujet = "Les chiffres de l'été"
    Email.Message = "Ci-joint."


@pytest.mark.parametrize("option", [emailOptionSécuriséTLS, OptionSSL], ids=["STARTTLS", "TLS"])
def test_a_secured_session_logs_in_and_every_recipient_gets_the_mail(option: int, postfix: Postfix) -> None:
    port = postfix.submission_port if option == emailOptionSécuriséTLS else postfix.submissions_port

    opened = EmailOuvreSessionSMTP(ADA.user, ADA.password, "localhost", port, Faux, option)

    assert opened == Vrai, ErreurInfo(errComplet)
    assert EmailEnvoieMessage(ADA.user) == Vrai, ErreurInfo(errComplet)
    EmailFermeSession(ADA.user)

    for account in (BOB, CLEO):
        letter = message_from_bytes(postfix.letters(account.user)[0].raw, policy=policy.default)
        assert letter["Subject"] == "Les chiffres de l'été"
        assert letter["Message-ID"] == Email.ID


def test_a_wrong_password_is_told_in_the_servers_words(postfix: Postfix) -> None:
    LangueErreur("fr")

    opened = EmailOuvreSessionSMTP(
        ADA.user, "wrong", "localhost", postfix.submission_port, Faux, emailOptionSécuriséTLS
    )

    assert opened == Faux
    assert ErreurInfo(errReply).startswith("535 5.7.8")
    assert ErreurInfo(errReply) in ErreurInfo()


def test_one_unknown_recipient_keeps_the_mail_from_everybody(postfix: Postfix) -> None:
    assert EmailOuvreSessionSMTP("sans mot de passe", "localhost", postfix.plain_port), ErreurInfo()
    Email.Destinataire = [BOB.user, "nobody@example.org"]

    assert EmailEnvoieMessage("sans mot de passe") == Faux
    assert "nobody@example.org (550 5.1.1" in ErreurInfo()

    Email.Destinataire = BOB.user
    assert EmailEnvoieMessage("sans mot de passe") == Vrai, ErreurInfo()
    EmailFermeSession("sans mot de passe")
    assert Email.ID.encode() in postfix.letters(BOB.user)[0].raw


def test_a_password_in_clear_is_not_asked_for_by_a_server_that_offers_no_login_there(postfix: Postfix) -> None:
    assert EmailOuvreSessionSMTP(ADA.user, ADA.password, "localhost", postfix.plain_port), ErreurInfo()
    assert "offers no login" in ErreurInfo()
    EmailFermeSession(ADA.user)


PROGRAMS = Path(__file__).with_name("programs")


def test_the_first_example_of_the_page_runs_word_for_word(
    postfix: Postfix, reach: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    """In clear at port 25 of smtp.orange.fr, a name that leads to Postfix in this process."""
    reach("smtp.orange.fr", 25, SimpleNamespace(port=postfix.plain_port))

    status = main(
        ["wlangage", "run", str(PROGRAMS / "page_exemple_1.wl"), "--define", str(PROGRAMS / "initialise.wl"),
         "--set", "sNomUser=ada", "--set", "sMotDePasse=", "--lang", "fr"]
    )  # fmt: skip

    shown = capsys.readouterr()
    assert (status, shown.out) == (0, ""), shown.err
    letter = message_from_bytes(postfix.letters(BOB.user)[0].raw, policy=policy.default)
    assert letter["Subject"] == "Été : de la page"


def test_the_second_example_of_the_page_runs_word_for_word(capsys: pytest.CaptureFixture[str]) -> None:
    """By STARTTLS, with the practice server in the place of smtp.gmail.com."""
    status = main(
        ["wlangage", "run", str(PROGRAMS / "page_exemple_2.wl"), "--define", str(PROGRAMS / "initialise.wl"),
         "--sandbox", "--lang", "fr"]
    )  # fmt: skip

    shown = capsys.readouterr()
    assert (status, shown.err) == (0, "")
    assert "objet : Été : de la page" in shown.out
