"""Sending by the WLangage functions: all or nothing, and the mail made of the structure."""

from __future__ import annotations

import threading
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path

import pytest

from courriel import wlangage as wl
from courriel.wlangage import Email
from wlangage.post_office import PostOffice

HOST = "127.0.0.1"


@pytest.fixture(autouse=True)
def _open(office: PostOffice) -> None:
    assert wl.EmailOuvreSessionSMTP("ada", HOST, office.port)
    Email.Expéditeur = "Ada <ada@example.org>"
    Email.Destinataire = "bob@example.org"


def letter_of(office: PostOffice) -> EmailMessage:
    return message_from_bytes(office.letter.raw, policy=policy.default)  # type: ignore[return-value]


def test_a_mail_is_taken_for_every_recipient(office: PostOffice) -> None:
    Email.Destinataire = "bob@example.org; Cléo <cleo@example.org>, dan@example.org"
    Email.Cc, Email.Cci = "eve@example.org", ["fay@example.org"]
    Email.Sujet, Email.Message, Email.HTML = "Été", "Bonjour", "<p>Bonjour</p>"

    assert wl.EmailEnvoieMessage("ada") is True
    letter = letter_of(office)
    assert office.letter.recipients == [f"{name}@example.org" for name in ("bob", "cleo", "dan", "eve", "fay")]
    assert letter["To"] == "bob@example.org, Cléo <cleo@example.org>, dan@example.org"
    assert letter["Bcc"] is None
    assert letter.get_content_type() == "multipart/alternative"
    assert letter["Message-ID"] == Email.ID


def test_one_refused_recipient_stops_the_mail(office: PostOffice) -> None:
    Email.Destinataire = ["bob@example.org", "cleo@example.org"]
    office.refuses["cleo@example.org"] = "550 5.1.1 no such user"

    sent = wl.EmailEnvoieMessage("ada")

    assert sent is False
    assert office.letters == []
    assert "DATA" not in office.said
    assert wl.ErreurInfo() == (
        f"Nobody received the message, because the server {HOST}:{office.port} refused: "
        "cleo@example.org (550 5.1.1 no such user)."
    )


def test_after_a_refusal_the_session_goes_on(office: PostOffice) -> None:
    office.refuses["bob@example.org"] = "550 5.1.1 no such user"
    assert not wl.EmailEnvoieMessage("ada")
    Email.Destinataire = "cleo@example.org"

    assert wl.EmailEnvoieMessage("ada")
    assert not wl.ErreurDétectée
    assert office.letter.recipients == ["cleo@example.org"]


def test_an_uncertain_result_is_false_and_says_that_it_is_uncertain(office: PostOffice) -> None:
    office.hang_up_after_dot = True

    assert wl.EmailEnvoieMessage("ada") is False
    assert "Uncertain result" in wl.ErreurInfo()
    assert wl.ErreurInfo(wl.errCode) == "UNCERTAIN-RESULT"
    assert Email.ID.startswith("<")


def test_a_session_that_was_lost_fails_with_a_remedy_in_wlangage(office: PostOffice) -> None:
    office.hang_up_after_dot = True
    wl.EmailEnvoieMessage("ada")

    assert not wl.EmailEnvoieMessage("ada")
    assert wl.ErreurInfo(wl.errCode) == "SESSION-LOST"
    assert "EmailStartSMTPSession" in wl.ErreurInfo(wl.errComplet)
    # The call before may have delivered it.
    assert "may have been accepted: look for Email.ID" in wl.ErreurInfo(wl.errComplet)
    wl.LangueErreur("fr")
    assert "il a pu être accepté : cherchez d'abord Email.ID" in wl.ErreurInfo(wl.errComplet)


@pytest.mark.parametrize("field", ["Destinataire", "Cc", "Cci"])
def test_one_address_that_is_none_stops_the_whole_mail(field: str, office: PostOffice) -> None:
    setattr(Email, field, ["bob@example.org", "not an address"])

    assert not wl.EmailEnvoieMessage("ada")
    assert f"Email.{field}[2]" in wl.ErreurInfo()
    assert not any(each.startswith("MAIL") for each in office.said)


def test_a_mail_without_recipient_or_sender_is_not_sent(office: PostOffice) -> None:
    wl.EmailRAZ()
    assert not wl.EmailEnvoieMessage("ada")
    assert wl.ErreurInfo(wl.errCode) == "NO-SENDER"

    Email.Expéditeur = "ada@example.org"
    assert not wl.EmailEnvoieMessage("ada")
    assert wl.ErreurInfo(wl.errCode) == "NO-RECIPIENT"
    assert "Email.Recipient" in wl.ErreurInfo(wl.errComplet)


def test_the_number_of_recipients_limits_the_list(office: PostOffice) -> None:
    Email.Destinataire = ["bob@example.org", "cleo@example.org"]
    Email.NbDestinataire = 1

    assert wl.EmailEnvoieMessage("ada")
    assert office.letter.recipients == ["bob@example.org"]


def test_the_sender_is_a_name_where_the_address_stands_apart(office: PostOffice) -> None:
    Email.Expéditeur, Email.AdresseExpéditeur = "Ada, comptabilité", "compta@example.org"

    assert wl.EmailEnvoieMessage("ada")
    assert letter_of(office)["From"] == '"Ada, comptabilité" <compta@example.org>'
    assert office.letter.sender == "compta@example.org"


def test_attached_files_are_paths_or_octets_and_one_without_a_name_gets_one(office: PostOffice, tmp_path: Path) -> None:
    (tmp_path / "chiffres de l'été.csv").write_bytes(b"a;b\r\n1;2\r\n")
    Email.Attache = [str(tmp_path / "chiffres de l'été.csv")]
    Email.Attache.Ajoute(wl.emailAttache(Nom="facture.pdf", Contenu=b"%PDF"))
    Email.Attache[3] = wl.emailAttache(Contenu=b"GIF89a", TypeContenu="image/gif")

    assert wl.EmailEnvoieMessage("ada"), wl.ErreurInfo()
    files = {part.get_filename(): part.get_content() for part in letter_of(office).iter_attachments()}
    assert list(files) == ["chiffres de l'été.csv", "facture.pdf", "attache-3.gif"]
    assert files["facture.pdf"] == b"%PDF"


def test_a_missing_file_is_an_error_and_nothing_is_sent(office: PostOffice, tmp_path: Path) -> None:
    Email.Attache = tmp_path / "missing.pdf"

    assert not wl.EmailEnvoieMessage("ada")
    assert wl.ErreurInfo(wl.errCode) == "ATTACHMENT-MISSING"
    assert "missing.pdf" in wl.ErreurInfo()
    assert not any(each.startswith("MAIL") for each in office.said)


def test_an_attached_file_without_content_is_an_error() -> None:
    Email.Attache = wl.emailAttache(Nom="facture.pdf")

    assert not wl.EmailEnvoieMessage("ada")
    assert "Email.Attach[1]" in wl.ErreurInfo()


def test_hidden_recipients_are_shown_in_the_source_only(office: PostOffice) -> None:
    Email.Cci = "fay@example.org"

    assert wl.EmailEnvoieMessage("ada", wl.emailOptionHeaderBcc | wl.emailOptionEncodeEntête)
    assert "Bcc: fay@example.org" in Email.Source
    assert b"fay@example.org" not in office.letter.raw
    assert "fay@example.org" in office.letter.recipients


def test_a_variable_is_sent_and_the_structure_is_left_alone(office: PostOffice) -> None:
    mail = wl.Email()
    mail.Expéditeur, mail.Destinataire, mail.Sujet = "cleo@example.org", "dan@example.org", "Autre"

    assert wl.EmailEnvoieMessage("ada", mail)
    assert office.letter.recipients == ["dan@example.org"]
    assert ("", letter_of(office)["Message-ID"]) == (Email.ID, mail.ID)


def test_a_read_receipt_has_priority_over_that_of_delivery(office: PostOffice) -> None:
    Email.AccuséRéception = Email.DispositionNotification = wl.Vrai
    office.extensions += ("DSN",)
    wl.EmailOuvreSessionSMTP("ada", HOST, office.port)

    assert wl.EmailEnvoieMessage("ada")
    assert letter_of(office)["Disposition-Notification-To"] == "Ada <ada@example.org>"
    assert not any("NOTIFY" in each for each in office.said)


def test_a_receipt_of_delivery_is_asked_of_the_servers(office: PostOffice) -> None:
    Email.AccuséRéception = wl.Vrai
    office.extensions += ("DSN",)
    wl.EmailOuvreSessionSMTP("ada", HOST, office.port)

    assert wl.EmailEnvoieMessage("ada")
    assert any("NOTIFY=" in each for each in office.said)


def test_a_source_is_built_without_a_session_and_sent_from_a_file(office: PostOffice, tmp_path: Path) -> None:
    Email.Sujet = "Écrit à la main"
    assert wl.EmailConstruitSource()
    source = tmp_path / "mail.eml"
    source.write_text(Email.Source.replace("To: bob@example.org", "To: all@example.org"), newline="")

    assert wl.EmailEnvoie("ada", str(source)), wl.ErreurInfo()
    assert letter_of(office)["To"] == "all@example.org"
    assert letter_of(office)["Subject"] == "Écrit à la main"
    assert office.letter.recipients == ["bob@example.org"]


def test_a_source_file_that_is_missing_is_a_failure(tmp_path: Path) -> None:
    assert wl.EmailSend("ada", tmp_path / "missing.eml") is False
    assert "missing.eml" in wl.ErreurInfo()


def test_a_variable_builds_its_own_source() -> None:
    mail = wl.Email(Sender="cleo@example.org", Recipient="dan@example.org", Subject="Autre")

    assert mail.BuildSource()
    assert "Subject: Autre" in mail.Source


def test_sending_under_a_name_that_is_not_open_is_a_mistake_of_the_program() -> None:
    with pytest.raises(wl.ErreurWLangage, match='Did you mean "ada"'):
        wl.EmailEnvoieMessage("adda")


@pytest.mark.parametrize("arguments", [("x",), (wl.Email(), "x"), (0, wl.Email()), (64,), (None,)])
def test_other_arguments_are_a_mistake_of_the_program(arguments: tuple[object, ...]) -> None:
    with pytest.raises(wl.ErreurWLangage):
        wl.EmailEnvoieMessage("ada", *arguments)


def test_threads_that_share_a_session_take_turns(office: PostOffice) -> None:
    results: list[bool] = []

    def send(name: str) -> None:
        mail = wl.Email(Expéditeur="ada@example.org", Destinataire=f"{name}@example.org")
        results.append(wl.EmailEnvoieMessage("ada", mail))

    threads = [threading.Thread(target=send, args=(name,)) for name in ("bob", "cleo", "dan")]
    for each in threads:
        each.start()
    for each in threads:
        each.join()

    assert results == [True, True, True]
    assert len(office.letters) == 3


# Outside production (the rule stands in the conversation; tests/session/test_recipient_rules.py has every other door).


@pytest.mark.parametrize("name", ["COURRIEL_ALLOWLIST", "COURRIEL_CAPTURE"])
def test_no_mail_leaves_for_a_stranger(office: PostOffice, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(name, {"COURRIEL_ALLOWLIST": "example.com", "COURRIEL_CAPTURE": "1"}[name])
    assert wl.EmailOuvreSessionSMTP("staging", HOST, office.port)

    sent = wl.EmailEnvoieMessage("staging")

    assert sent is False
    assert "among those to whom this machine may write" in wl.ErreurInfo()
    assert not office.letters


@pytest.mark.slow
def test_mail_is_redirected(office: PostOffice, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COURRIEL_REDIRECT_TO", "qa@example.com")
    assert wl.EmailOuvreSessionSMTP("staging", HOST, office.port)

    assert wl.EmailEnvoieMessage("staging") is True

    assert office.letter.recipients == ["qa@example.com"]
