"""Reading functions with real servers: mail sent by Postfix is read from Dovecot, by POP3 and IMAP, byte for byte."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from courriel import ImapSession
from courriel.wlangage import *
from courriel.wlangage.program_state import program_state
from servers.accounts import ACCENTED, ADA, BOB
from servers.dovecot import Dovecot, access_token
from servers.fixtures import authority, dovecot, postfix, postfix_server  # noqa: F401 - fixtures are found by name
from servers.postfix import Postfix

# ruff: noqa: F403, F405, F811 - the star is what users of this face write; a fixture is asked for by its name

pytestmark = pytest.mark.acceptance

OPEN = {"POP3": EmailOuvreSessionPOP3, "IMAP": EmailOuvreSessionIMAP}
VARIABLE = {"POP3": emailSessionPOP3, "IMAP": emailSessionIMAP}
BODY = "Voilà les chiffres de l'été.\n.\n..\nFrom là.\n"
FILE = bytes(range(256)) * 40


@pytest.fixture(autouse=True)
def _trust_the_authority(postfix: Postfix, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(postfix.ca_file))
    monkeypatch.setenv("SSL_CERT_DIR", str(postfix.ca_file.parent / "nothing-here"))
    EmailChangeTimeOut(10)


@pytest.fixture(params=OPEN)
def protocol(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def clear_port(protocol: str, dovecot: Dovecot) -> int:
    """Port without TLS, where STARTTLS is offered."""
    return dovecot.pop_port if protocol == "POP3" else dovecot.imap_port


@pytest.fixture
def tls_port(protocol: str, dovecot: Dovecot) -> int:
    return dovecot.pops_port if protocol == "POP3" else dovecot.imaps_port


@pytest.fixture
def sent(postfix: Postfix) -> list[str]:
    """Three mails that are in Bob's mailbox; their Message-IDs."""
    assert EmailOuvreSessionSMTP(
        ADA.user, ADA.password, "localhost", postfix.submission_port, Faux, emailOptionSécuriséTLS
    ), ErreurInfo()
    ids = []
    for subject in ("Un", "Deux — l'été", "Trois"):
        EmailRAZ()
        Email.Expéditeur, Email.AdresseExpéditeur = "Ada Lévy", ADA.user
        Email.Destinataire, Email.Sujet = [f"Bob <{BOB.user}>"], subject
        Email.Message, Email.HTML = BODY, "<p>Voilà <img src='cid:logo'></p>"
        Email.Attache[1] = emailAttache(Nom="logo.png", Contenu=FILE, Identifiant="logo", TypeContenu="image/png")
        Email.Attache[2] = emailAttache(Nom="chiffres d'été.bin", Contenu=FILE[::-1])
        assert EmailEnvoieMessage(ADA.user), ErreurInfo(errComplet)
        ids.append(Email.ID)
        postfix.letters(BOB.user, len(ids))
    EmailFermeSession(ADA.user)
    EmailRAZ()
    return ids


@pytest.fixture
def bob(protocol: str, sent: list[str], tls_port: int) -> Iterator[str]:
    """Bob's mailbox, open with TLS."""
    assert OPEN[protocol](BOB.user, BOB.password, "localhost", tls_port, OptionSSL), ErreurInfo(errComplet)
    yield BOB.user
    if BOB.user in program_state.names:
        EmailFermeSession(BOB.user)


def raw(postfix: Postfix, count: int = 3) -> list[bytes]:
    """The mails in Bob's mailbox as bytes."""
    return [letter.raw.replace(b"\n", b"\r\n") for letter in postfix.letters(BOB.user, count)]


@pytest.mark.parametrize("option", [ertEntête, ertComplet, ertAsynchrone], ids=["headers", "whole", "later"])
def test_what_was_sent_is_what_is_read(option: int, bob: str, sent: list[str], postfix: Postfix) -> None:
    mails = EmailRécupèreTout(bob, option)

    assert not ErreurDétectée, ErreurInfo(errComplet)
    assert [mail.ID for mail in mails] == sent
    assert [mail.Sujet for mail in mails] == ["Un", "Deux — l'été", "Trois"]
    for mail in mails:
        assert (mail.Expéditeur, mail.AdresseExpéditeur) == ("Ada Lévy", ADA.user)
        assert [*mail.Destinataire] == [f"Bob <{BOB.user}>"]
        assert mail.Message == BODY
        assert mail.HTML.strip() == "<p>Voilà <img src='cid:logo'></p>"
        assert [(each.Nom, each.Contenu, each.Identifiant) for each in mail.Attache] == [
            ("logo.png", FILE, "logo"), ("chiffres d'été.bin", FILE[::-1], ""),
        ]  # fmt: skip
    assert [mail.Source.encode("utf-8", "surrogateescape") for mail in mails] == raw(postfix)


def test_a_source_that_was_sent_comes_back_to_the_byte(
    protocol: str, clear_port: int, postfix: Postfix, tmp_path: Path
) -> None:
    file = tmp_path / "mail.eml"
    Email.Expéditeur, Email.Destinataire, Email.Sujet, Email.Message = ADA.user, BOB.user, "Été", BODY
    assert EmailConstruitSource()
    file.write_bytes(Email.Source.encode())
    assert EmailOuvreSessionSMTP(
        BOB.user, BOB.password, "localhost", postfix.submission_port, Faux, emailOptionSécuriséTLS
    ), ErreurInfo()
    Email.Expéditeur = BOB.user
    assert EmailEnvoie(BOB.user, file), ErreurInfo()
    postfix.letters(BOB.user, 1)

    assert OPEN[protocol](BOB.user, BOB.password, "localhost", clear_port, emailOptionSécuriséTLS), ErreurInfo(
        errComplet
    )
    assert EmailLitDernier(BOB.user), ErreurInfo()

    assert Email.Source.encode().endswith(b"\r\n" + file.read_bytes())
    EmailFermeSession(BOB.user)


def test_one_goes_through_all_in_both_directions(bob: str) -> None:
    seen = []
    assert EmailNbMessage(bob) == 3
    EmailLitPremier(bob)
    while not Email.EnDehors:
        seen.append(Email.Sujet)
        EmailLitSuivant(bob)
    while EmailLitPrécédentEntête(bob):
        seen.append(Email.Sujet)

    assert seen == ["Un", "Deux — l'été", "Trois", "Deux — l'été", "Un"]
    assert EmailLitMessage(bob, 2)
    assert Email.Message == BODY


@pytest.mark.parametrize(
    ("section", "text"),
    [(emailSujet, "été"), (emailSujet, "deux"), (emailCorps, "chiffres"), (emailExpéditeur, "ada@example")],
)
def test_a_search_finds_what_it_looks_for(section: object, text: str, bob: str) -> None:
    found = []
    more = EmailCherchePremier(bob, section, text)
    while more:
        found.append(Email.Sujet)
        more = EmailChercheSuivant(bob)

    assert found == (["Deux — l'été"] if section == emailSujet else ["Un", "Deux — l'été", "Trois"])
    assert not ErreurDétectée, ErreurInfo()


def test_a_message_id_is_found_whatever_it_holds(bob: str, sent: list[str]) -> None:
    assert EmailCherchePremier(bob, emailIdentifiant, sent[1])
    assert Email.Sujet == "Deux — l'été"
    # A header value cannot become a command (hazard H42).
    assert EmailCherchePremier(bob, emailIdentifiant, "<id\r\nA9 DELETE INBOX>") is False
    assert EmailNbMessage(bob) == 3


def test_a_deleted_mail_is_gone_in_the_way_of_its_protocol(bob: str, protocol: str, postfix: Postfix) -> None:
    EmailLitMessage(bob, 2)
    assert EmailSupprimeMessage(bob)
    assert Email.EnDehors
    assert [mail.Sujet for mail in EmailRécupèreTout(bob)] == ["Un", "Trois"]
    assert EmailNbMessage(bob) == 3  # not gone yet
    assert EmailLitPremier(bob)
    assert EmailLitSuivant(bob)
    assert Email.Sujet == "Trois"
    if protocol == "IMAP":
        assert EmailDétruit(bob), ErreurInfo()
        assert EmailNbMessage(bob) == 2

    EmailFermeSession(bob)

    assert not ErreurDétectée, ErreurInfo()
    assert len(postfix.mailboxes.letters(BOB.user)) == 2


def test_unread_mails_are_those_whose_content_was_not_fetched(bob: str, protocol: str) -> None:
    if protocol == "POP3":
        with pytest.raises(ErreurWLangage, match="EmailStartIMAPSession"):
            EmailRécupèreTout(bob, ertNonLu)
        return
    EmailLitPremierEntête(bob)
    assert len(EmailRécupèreTout(bob, ertNonLu)) == 3

    EmailLitPremier(bob)
    unread = EmailRécupèreTout(bob, ertNonLu)
    assert [mail.Sujet for mail in unread] == ["Deux — l'été", "Trois"]
    assert unread[2].Message == BODY

    assert [mail.Sujet for mail in EmailRécupèreTout(bob, ertNonLu)] == ["Deux — l'été"]


def test_a_whole_mailbox_is_marked_with_one_command(bob: str, protocol: str, monkeypatch: pytest.MonkeyPatch) -> None:
    flagged: list[tuple[object, ...]] = []
    really = ImapSession.flag

    def flag(session: ImapSession, *words: object) -> None:
        flagged.append(words)
        really(session, *words)  # type: ignore[arg-type]

    monkeypatch.setattr(ImapSession, "flag", flag)

    assert [mail.Message for mail in EmailRécupèreTout(bob, ertComplet)] == [BODY] * 3

    assert len(flagged) == (1 if protocol == "IMAP" else 0)
    assert protocol == "POP3" or len(EmailRécupèreTout(bob, ertNonLu)) == 0


def test_by_imap_the_number_follows_what_happens(bob: str, protocol: str, postfix: Postfix) -> None:
    assert EmailOuvreSessionSMTP(
        ADA.user, ADA.password, "localhost", postfix.submission_port, Faux, emailOptionSécuriséTLS
    ), ErreurInfo()
    Email.Expéditeur, Email.Destinataire, Email.Sujet = ADA.user, BOB.user, "Quatre"
    assert EmailEnvoieMessage(ADA.user), ErreurInfo()
    postfix.letters(BOB.user, 4)

    assert EmailNbMessage(bob) == (4 if protocol == "IMAP" else 3)
    EmailFermeSession(ADA.user)


def test_a_file_is_saved_as_it_was_sent(bob: str, tmp_path: Path) -> None:
    EmailLitPremier(bob)

    assert EmailSauveFichierAttaché(bob, "chiffres d'été.bin", tmp_path), ErreurInfo()

    assert (tmp_path / "chiffres d'été.bin").read_bytes() == FILE[::-1]


def test_a_variable_with_a_token_reads_as_well(protocol: str, sent: list[str], tls_port: int) -> None:
    session = VARIABLE[protocol](AdresseServeur="localhost", Port=tls_port, Option=OptionSSL)
    session.Nom, session.JetonAuth = BOB.user, lambda: access_token(BOB)

    assert session.OuvreSession(), ErreurInfo(errComplet)

    assert EmailNbMessage(session) == 3
    session.FermeSession()


@pytest.mark.parametrize("secured", [emailOptionSécuriséTLS, emailOptionDéfaut])
def test_names_and_passwords_hold_any_character(secured: int, protocol: str, clear_port: int) -> None:
    opened = OPEN[protocol](ACCENTED.user, ACCENTED.password, "localhost", clear_port, secured)

    assert opened, ErreurInfo(errComplet)
    assert EmailNbMessage(ACCENTED.user) == 0
    EmailFermeSession(ACCENTED.user)


@pytest.mark.parametrize("language", ["fr", "en"])
def test_a_wrong_password_is_told_in_both_languages(language: str, protocol: str, tls_port: int) -> None:
    LangueErreur(language)  # type: ignore[arg-type]

    opened = OPEN[protocol](BOB.user, "wrong", "localhost", tls_port, OptionSSL)

    assert opened is False
    assert ErreurInfo(errReply)
    assert ("mot de passe" if language == "fr" else "password") in ErreurInfo(errComplet).casefold()


def test_the_wrong_option_for_a_port_is_told(protocol: str, clear_port: int) -> None:
    EmailChangeTimeOut(2)

    assert not OPEN[protocol](BOB.user, BOB.password, "localhost", clear_port, OptionSSL)

    assert ErreurInfo(errCode) == "TLS-PORT-MIXUP"
    secure, clear = ("995", "110") if protocol == "POP3" else ("993", "143")
    ports = f"{clear} with emailOptionSecuredTLS, {secure} with optionSSL, {clear} with emailOptionDefault"
    assert ports in ErreurInfo(errComplet)
    assert "SMTP" not in ErreurInfo(errComplet)
