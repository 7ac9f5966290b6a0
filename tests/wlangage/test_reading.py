"""Reading by the WLangage functions, by POP3 from the practice server: one by one, all at once, deleting, saving."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from threading import Thread

import pytest

import inside
from courriel import Message, Sandbox, SmtpSession
from courriel import wlangage as wl
from courriel.wlangage import Email
from courriel.wlangage.program_state import program_state

BOB = "bob@example.org"


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox() as opened:
        yield opened


@pytest.fixture
def letters(sandbox: Sandbox) -> list[bytes]:
    """Three mails for Bob, the second with an image and a file, the third in HTML only."""
    first = Message(
        sender="Ada <ada@example.org>", to=[BOB, "Cleo <cleo@example.org>"], cc="dede@example.org",
        subject="Les chiffres de l'été", text="Un.\nDeux.\n", date=datetime(2026, 11, 25, 10, tzinfo=UTC),
    )  # fmt: skip
    second = (
        Message(sender="ada@example.org", to=BOB, subject="Deux", text="Ci-joint.", html="<p>Ci-joint.</p>")
        .with_data(b"\x89PNG", "logo.png", inline=True, content_id="logo")
        .with_data(b"a;b", "chiffres d'été.csv")
    )
    third = Message(sender="cleo@example.org", to=BOB, subject="Trois", text="Seul.", read_receipt=True)
    with SmtpSession(sandbox.server()) as session:
        for message in (first, second, third):
            session.send(message)
    return [letter.content for letter in sandbox.letters]


@pytest.fixture
def bob(sandbox: Sandbox, letters: list[bytes]) -> str:
    """An open session for reading."""
    assert wl.EmailOuvreSessionPOP3(BOB, "secret", "127.0.0.1", sandbox.pop_port), wl.ErreurInfo()
    return BOB


# One after the other.


def test_the_number_of_mails_stays_the_same_until_the_session_is_closed(bob: str) -> None:
    assert wl.EmailNbMessage(bob) == 3

    wl.EmailLitPremier(bob)
    wl.EmailSupprimeMessage(bob)

    assert wl.EmailNbMessage(bob) == 3


def test_a_mail_fills_the_structure(bob: str, letters: list[bytes]) -> None:
    assert wl.EmailLitPremier(bob) is True

    assert Email.Sujet == "Les chiffres de l'été"
    assert (Email.Expéditeur, Email.AdresseExpéditeur) == ("Ada", "ada@example.org")
    assert [*Email.Destinataire] == [BOB, "Cleo <cleo@example.org>"]
    assert (Email.NbDestinataire, [*Email.Cc], [*Email.Cci]) == (2, ["dede@example.org"], [])
    assert Email.Message == "Un.\nDeux.\n"
    assert Email.HTML == ""
    assert Email.ID.endswith("@example.org>")
    assert Email.DateRéception == datetime(2026, 11, 25, 10, tzinfo=UTC)
    assert Email.Source.encode() == letters[0]
    assert (Email.NbAttache, Email.EnDehors, Email.DispositionNotification) == (0, False, False)


def test_what_a_mail_does_not_have_is_not_left_over_from_the_one_before(bob: str) -> None:
    wl.EmailLitMessage(bob, 2)
    assert (Email.NbAttache, Email.HTML) == (2, "<p>Ci-joint.</p>")

    wl.EmailLitMessage(bob, 1)

    assert (Email.NbAttache, Email.HTML, len(Email.Attache)) == (0, "", 0)


def test_attached_files_are_there_with_their_content(bob: str) -> None:
    wl.EmailLitMessage(bob, 2)

    files = [(each.Nom, each.Contenu, each.Identifiant) for each in Email.Attache if isinstance(each, wl.emailAttache)]
    assert files == [("logo.png", b"\x89PNG", "logo"), ("chiffres d'été.csv", b"a;b", "")]


def test_a_loop_reads_all_mails_and_ends_without_an_error(bob: str) -> None:
    seen = []
    wl.EmailLitPremier(bob)
    while not Email.EnDehors:
        seen.append(Email.Sujet)
        wl.EmailLitSuivant(bob)

    assert seen == ["Les chiffres de l'été", "Deux", "Trois"]
    assert not wl.ErreurDétectée
    assert Email.Sujet == ""


def test_one_can_go_backwards(bob: str) -> None:
    assert wl.EmailLitDernier(bob)
    seen = [Email.Sujet]
    while wl.EmailLitPrécédent(bob):
        seen.append(Email.Sujet)

    assert seen == ["Trois", "Deux", "Les chiffres de l'été"]
    assert Email.EnDehors


def test_one_can_go_back_from_beyond_the_end(bob: str) -> None:
    wl.EmailLitDernier(bob)
    assert not wl.EmailLitSuivant(bob)

    assert wl.EmailLitPrécédent(bob)
    assert Email.Sujet == "Deux"


def test_a_variable_may_be_filled_instead(bob: str) -> None:
    mail = Email()

    assert wl.EmailLitPremier(bob, mail)
    assert wl.EmailLitSuivant(bob, mail)

    assert (mail.Sujet, Email.Sujet) == ("Deux", "")


@pytest.mark.parametrize("arguments", [lambda mail: (2,), lambda mail: (mail, 2)])
def test_the_mail_of_a_number_with_a_variable_in_the_middle_or_without(
    arguments: Callable[[object], tuple[object, ...]], bob: str
) -> None:
    mail = Email()

    assert wl.EmailLitMessage(bob, *arguments(mail))

    assert "Deux" in (mail.Sujet, Email.Sujet)
    assert wl.EmailLitSuivant(bob)
    assert Email.Sujet == "Trois"


@pytest.mark.parametrize("number", [0, 4, -1])
def test_a_number_that_there_is_not_is_an_error_and_no_exception(number: int, bob: str) -> None:
    assert wl.EmailLitMessage(bob, number) is False

    assert wl.ErreurDétectée
    assert "3" in wl.ErreurInfo()


@pytest.mark.parametrize(
    "call",
    [
        wl.EmailLitMessage,
        lambda bob: wl.EmailLitMessage(bob, "2"),
        lambda bob: wl.EmailLitMessage(bob, True),
        lambda bob: wl.EmailLitMessage(bob, 2, Email()),
        lambda bob: wl.EmailLitPremier(bob, 2),
        lambda bob: wl.EmailRécupèreTout(bob, 99),
        lambda bob: wl.EmailRécupèreTout(bob, True),
        lambda bob: wl.EmailRécupèreTout(bob, wl.ertNonLu),
        wl.EmailDétruit,
        lambda bob: wl.EmailCherchePremier(bob, "Deux"),
        lambda bob: wl.EmailChercheSuivant(bob, 1),
        lambda bob: wl.EmailNbMessage(None),
    ],
)
def test_wrong_arguments_are_raised(call: Callable[[str], object], bob: str) -> None:
    with pytest.raises(wl.ErreurWLangage):
        call(bob)


# Headers.


def test_the_header_alone_fetches_no_content(bob: str, sandbox: Sandbox) -> None:
    assert wl.EmailLitPremierEntête(bob)
    assert wl.EmailLitSuivantEntête(bob)
    assert (Email.Sujet, Email.Message, Email.Source, Email.NbAttache) == ("Deux", "", "", None)
    assert wl.EmailLitDernierEntête(bob)
    assert wl.EmailLitPrécédentEntête(bob)
    assert Email.Sujet == "Deux"

    assert not [line for line in said(sandbox) if line.startswith("RETR")]


# All at once.


def test_all_mails_come_as_a_list_with_headers_and_the_rest_on_access(
    bob: str, sandbox: Sandbox, letters: list[bytes]
) -> None:
    mails = wl.EmailRécupèreTout(bob)

    assert [mail.Sujet for mail in mails] == ["Les chiffres de l'été", "Deux", "Trois"]
    assert not [line for line in said(sandbox) if line.startswith("RETR")]
    assert mails[2].Message == "Ci-joint."
    assert mails[2].NbAttache == 2
    assert [line for line in said(sandbox) if line.startswith("RETR")] == ["RETR 2"]
    assert all(name.isidentifier() for name in mails[2].memory)  # the Letter object is released
    assert [mail.Source.encode() for mail in mails] == letters
    assert mails[3].DispositionNotification


def test_all_mails_can_be_fetched_completely(bob: str, letters: list[bytes]) -> None:
    mails = wl.EmailRécupèreTout(bob, wl.ertComplet)
    wl.EmailFermeSession(bob)

    assert [mail.Source.encode() for mail in mails] == letters
    assert mails.Occurrence == 3


def test_all_mails_can_be_fetched_on_access(bob: str, sandbox: Sandbox, letters: list[bytes]) -> None:
    mails = wl.EmailRécupèreTout(bob, wl.ertAsynchrone)

    assert not [line for line in said(sandbox) if line.startswith(("RETR", "TOP"))]
    assert mails[1].Sujet == "Les chiffres de l'été"
    assert mails[3].Message == "Seul.\n"
    assert mails[3].Sujet == "Trois"
    assert mails[2].Source.encode() == letters[1]


def test_what_the_program_writes_before_the_rest_comes_stays(bob: str) -> None:
    mail = wl.EmailRécupèreTout(bob)[2]

    mail.Message = "À moi."

    assert mail.HTML == "<p>Ci-joint.</p>"
    assert mail.Message == "À moi."


def test_what_cannot_be_fetched_any_more_is_told_and_raises_nothing(bob: str) -> None:
    mail = wl.EmailRécupèreTout(bob)[2]
    wl.EmailFermeSession(bob)

    assert mail.Message == ""
    assert wl.ErreurDétectée
    assert mail.Erreur == wl.ErreurInfo() != ""


def test_one_mail_that_is_too_large_keeps_no_other_from_being_read(bob: str) -> None:
    inside.dialogue_of(program_state.reading(bob).session).largest = 700  # type: ignore[attr-defined]  # as a session that takes little

    mails = wl.EmailRécupèreTout(bob, wl.ertComplet)

    assert [mail.Sujet for mail in mails] == ["Les chiffres de l'été", "Deux", "Trois"]
    assert [bool(mail.Erreur) for mail in mails] == [False, True, False]
    assert mails[3].Message == "Seul.\n"
    assert wl.ErreurDétectée


def test_octets_of_no_charset_come_through_to_the_byte(sandbox: Sandbox) -> None:
    header = b"From: ada@example.org\r\nTo: bob@example.org\r\nDate: 25 Nov 2026 10:00 +0000\r\nMessage-ID: <1@x>\r\n"
    raw = header + b"\r\n\xe9\xff\r\n"
    with SmtpSession(sandbox.server()) as session:
        session.send(Message.parse(raw))
    assert wl.EmailOuvreSessionPOP3(BOB, "secret", "127.0.0.1", sandbox.pop_port)

    wl.EmailLitPremier(BOB)

    assert Email.Source.encode("utf-8", "surrogateescape") == raw
    assert wl.EmailImporteSource()
    assert Email.Message == "éÿ\n"


def test_an_empty_mailbox_is_an_empty_list(sandbox: Sandbox) -> None:
    assert wl.EmailOuvreSessionPOP3("nobody@example.org", "secret", "127.0.0.1", sandbox.pop_port)

    assert list(wl.EmailRécupèreTout("nobody@example.org")) == []
    assert wl.EmailLitPremier("nobody@example.org") is False
    assert (Email.EnDehors, bool(wl.ErreurDétectée)) == (True, False)


# Deleting.


def test_a_deleted_mail_is_gone_when_the_session_is_closed(bob: str, sandbox: Sandbox) -> None:
    wl.EmailLitMessage(bob, 2)

    assert wl.EmailSupprimeMessage(bob) is True

    assert Email.EnDehors
    assert [mail.Sujet for mail in wl.EmailRécupèreTout(bob)] == ["Les chiffres de l'été", "Trois"]
    assert wl.EmailLitSuivant(bob)
    assert Email.Sujet == "Trois"
    wl.EmailFermeSession(bob)
    assert not wl.ErreurDétectée, wl.ErreurInfo()
    assert wl.EmailOuvreSessionPOP3(BOB, "secret", "127.0.0.1", sandbox.pop_port)
    assert wl.EmailNbMessage(bob) == 2


def test_without_a_current_mail_nothing_is_deleted(bob: str) -> None:
    assert wl.EmailSupprimeMessage(bob) is False
    assert "read it first" in wl.ErreurInfo()

    wl.EmailLitPremier(bob)
    assert wl.EmailSupprimeMessage(bob)
    assert wl.EmailSupprimeMessage(bob) is False
    assert len(wl.EmailRécupèreTout(bob)) == 2


def test_a_mail_that_was_deleted_cannot_be_read_any_more(bob: str) -> None:
    wl.EmailLitPremier(bob)
    wl.EmailSupprimeMessage(bob)

    assert wl.EmailLitMessage(bob, 1) is False
    assert wl.ErreurDétectée


def test_the_variable_that_was_filled_is_outside_as_well(bob: str) -> None:
    mail = Email()
    wl.EmailLitPremier(bob, mail)

    wl.EmailSupprimeMessage(bob)

    assert mail.EnDehors
    assert Email.EnDehors


def test_what_was_deleted_is_passed_over_by_everything_that_goes_from_mail_to_mail(bob: str) -> None:
    wl.EmailLitPremier(bob)
    wl.EmailSupprimeMessage(bob)

    assert wl.EmailLitPremier(bob)
    assert Email.Sujet == "Deux"
    assert not wl.EmailLitPrécédent(bob)
    assert [mail.Sujet for mail in wl.EmailRécupèreTout(bob, wl.ertAsynchrone)] == ["Deux", "Trois"]
    assert wl.EmailCherchePremier(bob, wl.emailIdentifiant, "@")
    assert Email.Sujet == "Deux"


def test_a_loop_may_delete_every_mail_it_reads(bob: str) -> None:
    wl.EmailLitPremier(bob)
    while not Email.EnDehors:
        wl.EmailSupprimeMessage(bob)
        wl.EmailLitSuivant(bob)

    assert len(wl.EmailRécupèreTout(bob)) == 0


# Searching.


@pytest.mark.parametrize(
    ("section", "text", "found"),
    [
        (wl.emailSujet, "ÉTÉ", ["Les chiffres de l'été"]),
        (wl.emailExpéditeur, "ada@", ["Les chiffres de l'été", "Deux"]),
        (wl.emailDestinataire, "Cleo", ["Les chiffres de l'été"]),
        (wl.emailCorps, "seul", ["Trois"]),
        (wl.emailIdentifiant, "@example.org>", ["Les chiffres de l'été", "Deux", "Trois"]),
        (wl.emailSujet, "nowhere", []),
    ],
)
def test_mails_are_found_by_what_they_hold(section: object, text: str, found: list[str], bob: str) -> None:
    seen = []
    more = wl.EmailCherchePremier(bob, section, text)
    while more:
        seen.append(Email.Sujet)
        more = wl.EmailChercheSuivant(bob)

    assert seen == found
    assert (Email.EnDehors, bool(wl.ErreurDétectée)) == (True, False)


def test_what_is_found_is_the_current_mail(bob: str) -> None:
    mail = Email()

    assert wl.EmailCherchePremier(bob, mail, wl.emailSujet, "deux")

    assert mail.Message == "Ci-joint."
    wl.EmailSupprimeMessage(bob)
    assert [each.Sujet for each in wl.EmailRécupèreTout(bob)] == ["Les chiffres de l'été", "Trois"]


# Sessions.


def test_reading_through_a_name_that_only_sends_is_an_error_of_the_program(sandbox: Sandbox) -> None:
    assert wl.EmailOuvreSessionSMTP("ada", "127.0.0.1", sandbox.port)

    for call in (wl.EmailLitPremier, wl.EmailNbMessage, wl.EmailRécupèreTout, wl.EmailSupprimeMessage):
        with pytest.raises(wl.ErreurWLangage, match="no session for reading is open"):
            call("ada")


def test_sending_through_a_name_that_only_reads_is_one_too(bob: str) -> None:
    with pytest.raises(wl.ErreurWLangage, match="no session for sending is open"):
        wl.EmailEnvoieMessage(bob)


@pytest.mark.parametrize("smtp_first", [True, False])
def test_one_name_sends_and_reads(smtp_first: bool, sandbox: Sandbox) -> None:
    def send_half() -> bool:
        return bool(wl.EmailOuvreSessionSMTP(BOB, "127.0.0.1", sandbox.port))

    def read_half() -> bool:
        return bool(wl.EmailOuvreSessionPOP3(BOB, "secret", "127.0.0.1", sandbox.pop_port))

    assert all(half() for half in ((send_half, read_half) if smtp_first else (read_half, send_half)))

    Email.Expéditeur, Email.Destinataire, Email.Sujet = BOB, BOB, "À moi-même"
    assert wl.EmailEnvoieMessage(BOB), wl.ErreurInfo()
    assert wl.EmailNbMessage(BOB) == 0  # as it was when it was opened
    assert read_half()
    assert wl.EmailLitPremier(BOB)
    assert Email.Sujet == "À moi-même"

    wl.EmailFermeSession(BOB)
    for call in (wl.EmailEnvoieMessage, wl.EmailNbMessage):
        with pytest.raises(wl.ErreurWLangage):
            call(BOB)


def test_the_form_with_two_servers_opens_both(sandbox: Sandbox, letters: list[bytes]) -> None:
    assert wl.EmailOuvreSession(BOB, "secret", "127.0.0.1", "127.0.0.1", sandbox.pop_port, sandbox.port), (
        wl.ErreurInfo()
    )

    assert wl.EmailNbMessage(BOB) == 3
    Email.Expéditeur, Email.Destinataire = BOB, BOB
    assert wl.EmailEnvoieMessage(BOB), wl.ErreurInfo()
    assert sandbox.letters[-1].user == ""  # sending is never authenticated by it


def test_without_a_server_for_sending_the_other_serves_for_both(sandbox: Sandbox) -> None:
    assert wl.EmailStartSession(
        BOB, "secret", "127.0.0.1", POP3PortNumber=sandbox.pop_port, SMTPPortNumber=sandbox.port
    ), wl.ErreurInfo()

    Email.Expéditeur, Email.Destinataire = BOB, BOB
    assert wl.EmailEnvoieMessage(BOB), wl.ErreurInfo()


@pytest.mark.parametrize("broken", ["pop", "smtp"])
def test_when_one_half_cannot_be_opened_nothing_is(broken: str, sandbox: Sandbox) -> None:
    ports = [1 if broken == "pop" else sandbox.pop_port, 1 if broken == "smtp" else sandbox.port]

    assert wl.EmailOuvreSession(BOB, "secret", "127.0.0.1", "127.0.0.1", *ports) is False

    assert wl.ErreurDétectée
    assert program_state.names == set()
    # The mailbox was let go: nobody else would get in otherwise.
    assert wl.EmailOuvreSessionPOP3(BOB, "secret", "127.0.0.1", sandbox.pop_port), wl.ErreurInfo()


def test_a_session_variable_reads(sandbox: Sandbox, letters: list[bytes]) -> None:
    session = wl.emailSessionPOP3(AdresseServeur="127.0.0.1", Port=sandbox.pop_port, Nom=BOB, MotDePasse="secret")

    assert session.OuvreSession(), wl.ErreurInfo()

    assert wl.EmailNbMessage(session) == 3
    assert wl.EmailLitDernier(session)
    assert Email.Sujet == "Trois"
    with pytest.raises(wl.ErreurWLangage, match="can only read"):
        wl.EmailEnvoieMessage(session)
    session.FermeSession()
    with pytest.raises(wl.ErreurWLangage, match="not open"):
        wl.EmailNbMessage(session)
    assert "secret" not in repr(session)


def test_a_variable_for_sending_does_not_read(sandbox: Sandbox) -> None:
    session = wl.emailSessionSMTP(AdresseServeur="127.0.0.1", Port=sandbox.port)
    assert session.OuvreSession()

    with pytest.raises(wl.ErreurWLangage, match="can only send"):
        wl.EmailLitPremier(session)
    session.FermeSession()


@pytest.mark.parametrize(
    "call",
    [
        lambda: wl.EmailOuvreSessionPOP3(BOB),
        lambda: wl.EmailOuvreSessionPOP3(BOB, "secret"),
        lambda: wl.EmailOuvreSessionPOP3(BOB, "", "127.0.0.1"),
        lambda: wl.EmailOuvreSessionPOP3(BOB, "secret", "127.0.0.1", "pop3"),
        lambda: wl.EmailOuvreSessionIMAP(BOB, 7, "127.0.0.1"),
        lambda: wl.EmailOuvreSessionIMAP(BOB, "secret", "127.0.0.1", 143, 99),
        wl.EmailOuvreSession,
        lambda: wl.EmailOuvreSession(BOB, "secret"),
        lambda: wl.EmailOuvreSession(BOB, "secret", "127.0.0.1", 25),
        lambda: wl.EmailOuvreSession(wl.emailSessionPOP3(), "secret"),
        lambda: wl.EmailOuvreSessionPOP3(BOB, "secret", "127.0.0.1", Horloge=1),
    ],
)
def test_arguments_that_fit_no_form_are_raised(call: Callable[[], object]) -> None:
    with pytest.raises(wl.ErreurWLangage):
        call()


def test_keywords_of_both_languages_open_a_session_for_reading(sandbox: Sandbox) -> None:
    assert wl.EmailStartPOP3Session(
        UserName=BOB, Password="secret", POP3ServerAddress="127.0.0.1", POP3PortNumber=sandbox.pop_port
    ), wl.ErreurInfo()
    assert wl.EmailOuvreSessionPOP3(
        NomUtilisateur=BOB, MotDePasse="secret", AdresseServeurPOP3="127.0.0.1", NuméroPortPOP3=sandbox.pop_port
    ), wl.ErreurInfo()


def test_a_wrong_password_is_an_error_in_the_servers_words() -> None:
    with Sandbox(users={BOB: "secret"}) as sandbox:
        assert wl.EmailOuvreSessionPOP3(BOB, "wrong", "127.0.0.1", sandbox.pop_port) is False

        assert wl.ErreurDétectée
        assert wl.ErreurInfo(wl.errReply)
        assert "wrong" not in wl.ErreurInfo(wl.errComplet).replace("wrong password", "")


def test_a_port_where_nobody_is_is_an_error() -> None:
    assert wl.EmailOuvreSessionPOP3(BOB, "secret", "127.0.0.1", 1) is False
    assert wl.ErreurInfo(wl.errCode) == "CONNECTION-REFUSED"


def test_a_second_opening_of_the_same_name_closes_the_first(bob: str, sandbox: Sandbox) -> None:
    # The mailbox has one reader at a time: were the first still there, the second would be refused.
    assert wl.EmailOuvreSessionPOP3(BOB, "secret", "127.0.0.1", sandbox.pop_port), wl.ErreurInfo()
    assert wl.EmailNbMessage(BOB) == 3


def test_a_new_time_out_reaches_a_session_for_reading(bob: str) -> None:
    wl.EmailChangeTimeOut(7)

    session = program_state.reading(bob).session  # type: ignore[attr-defined]
    assert session.server.timeouts.letter == 7
    assert wl.EmailNbMessage(bob) == 3


def test_closing_says_when_deletions_could_not_be_made() -> None:
    with Sandbox() as sandbox:
        with SmtpSession(sandbox.server()) as session:
            session.send(Message(sender="ada@example.org", to=BOB, text="x"))
        assert wl.EmailOuvreSessionPOP3(BOB, "secret", "127.0.0.1", sandbox.pop_port)
        wl.EmailLitPremier(BOB)
        assert wl.EmailSupprimeMessage(BOB)

    wl.EmailFermeSession(BOB)

    assert wl.ErreurDétectée


def test_a_session_that_broke_is_told_in_the_words_of_reading() -> None:
    wl.LangueErreur("fr")
    with Sandbox() as sandbox:
        assert wl.EmailOuvreSessionPOP3(BOB, "secret", "127.0.0.1", sandbox.pop_port)

        with SmtpSession(sandbox.server()) as session:
            session.send(Message(sender="ada@example.org", to=BOB, text="x"))
        assert wl.EmailOuvreSessionPOP3(BOB, "secret", "127.0.0.1", sandbox.pop_port)

    for _ in range(2):
        assert wl.EmailLitPremier(BOB) is False
        assert "relisez ce qui manque" in wl.ErreurInfo(wl.errComplet)
    assert wl.EmailRécupèreTout(BOB) is None
    assert "EmailOuvreSessionSMTP" not in wl.ErreurInfo(wl.errComplet)


@pytest.mark.parametrize("name", ["EmailOuvreSessionNotes", "EmailOuvreSessionOutlook", "EmailOuvreSessionMSExchange"])
def test_obsolete_functions_name_their_replacement(name: str) -> None:
    with pytest.raises(wl.ErreurWLangage, match="EmailStartIMAPSession"):
        getattr(wl, name)("ada", "secret")


# Saving what is attached.


def test_an_attached_file_is_saved_where_the_program_says(bob: str, tmp_path: Path) -> None:
    wl.EmailLitMessage(bob, 2)

    assert wl.EmailSauveFichierAttaché(bob, "chiffres d'été.csv", str(tmp_path / "x.csv")), wl.ErreurInfo()
    assert wl.EmailSauveFichierAttaché("logo.png", tmp_path), wl.ErreurInfo()
    assert wl.EmailSaveAttachment(bob, "logo.png", str(tmp_path)), wl.ErreurInfo()

    assert (tmp_path / "x.csv").read_bytes() == b"a;b"
    assert sorted(each.name for each in tmp_path.iterdir()) == ["logo (2).png", "logo.png", "x.csv"]


def test_an_attached_file_of_a_variable_is_saved(bob: str, tmp_path: Path) -> None:
    mail = wl.EmailRécupèreTout(bob)[2]

    assert wl.EmailSauveFichierAttaché(bob, mail, "logo.png", tmp_path)
    assert wl.EmailSauveFichierAttaché(mail, "logo.png", tmp_path / "y.png")

    assert (tmp_path / "logo.png").read_bytes() == (tmp_path / "y.png").read_bytes() == b"\x89PNG"


def test_a_file_that_there_is_not_is_an_error_that_names_those_there_are(bob: str, tmp_path: Path) -> None:
    wl.EmailLitMessage(bob, 2)

    assert wl.EmailSauveFichierAttaché(bob, "nothing.txt", tmp_path) is False

    assert "logo.png" in wl.ErreurInfo()
    assert list(tmp_path.iterdir()) == []


def test_a_place_where_nothing_can_be_saved_is_an_error(bob: str, tmp_path: Path) -> None:
    wl.EmailLitMessage(bob, 2)

    for where in (tmp_path / "nowhere" / "x.png", f"{tmp_path}/nowhere/"):
        assert wl.EmailSauveFichierAttaché(bob, "logo.png", where) is False
        assert wl.ErreurDétectée
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("arguments", [(), ("x",), (1, 2), ("a", "b", "c", "d"), (Email(), "x")])
def test_saving_with_arguments_that_fit_no_form_is_raised(arguments: tuple[object, ...]) -> None:
    with pytest.raises(wl.ErreurWLangage):
        wl.EmailSauveFichierAttaché(*arguments)


def said(sandbox: Sandbox) -> list[str]:
    """Lines sent by the clients of the sandbox."""
    return [line.text for session in sandbox.sessions for line in session.transcript if line.who == "C"]


def test_threads_that_share_a_session_take_their_turns(bob: str) -> None:
    mails = wl.EmailRécupèreTout(bob, wl.ertAsynchrone)
    texts: list[str] = []

    def read(number: int) -> None:
        texts.append(f"{mails[number].Message}{mails[number].Erreur}".strip())

    threads = [Thread(target=read, args=(number,)) for number in (1, 2, 3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)

    assert sorted(texts) == ["Ci-joint.", "Seul.", "Un.\nDeux."]
