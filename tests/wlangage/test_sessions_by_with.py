"""Translation of sessions to `with wl.SmtpSession(…) as session:`: the same conversations, mails, output and exit.

Each program runs on a recording server, interpreted and translated; and programs of another shape keep their calls.
"""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest

from courriel.wlangage import program as wl
from courriel.wlangage.language.checking import check
from courriel.wlangage.language.syntax.program import read_program
from courriel.wlangage.language.translating.translate import translate
from courriel.wlangage.problem import ErreurWLangage
from wlangage.post_office import PostOffice
from wlangage.stage import Stage

OPEN = 'EmailOuvreSessionSMTP("ada", "secret", "smtp.example.org", 587, Faux, emailOptionSécuriséTLS)'
MAIL = """
    Email.Expéditeur = "ada@example.org"
    Email.Destinataire = "bob@example.org"
    Email.Cc = "dan@example.org"
    Email.Sujet = "Essai"
    Email.Message = "corps"
"""
TOLD = 'Trace(ErreurInfo(), ErreurInfo(errCode), ErreurDétectée, Email.ID = "")\n'

FORMS = {
    "a block, and what else": f"""
        SI {OPEN} = Vrai ALORS
            {MAIL}
            SI EmailEnvoieMessage("ada") = Faux ALORS
                Erreur()
            SINON
                Trace("parti")
            FIN
            {TOLD}
            EmailFermeSession("ada")
        SINON
            Erreur("pas de connexion", ErreurInfo(errComplet))
        FIN
        {TOLD}
        """,
    "a block alone, two mails": f"""
        SI {OPEN} ALORS
            {MAIL}
            EmailEnvoieMessage("ada")
            {TOLD}
            Email.Destinataire = "cleo@example.org"
            bParti est un booléen = EmailEnvoieMessage("ada", Email)
            sDit est une chaîne
            sDit = EmailEnvoieMessage("ada")
            Trace(bParti, sDit)
            EmailFermeSession("ada")
        FIN
        {TOLD}
        """,
    "the failing branch first": f"""
        SI PAS ({OPEN}) ALORS
            Trace("fermé", ErreurInfo())
        SINON
            {MAIL}
            SI EmailEnvoieMessage("ada") ALORS Trace("parti") SINON Trace(ErreurInfo())
            EmailFermeSession("ada")
        FIN
        Trace("fin")
        """,
    "a guard in a procedure, which leaves in between": f"""
        PROCEDURE Envoie(sQui est une chaîne) : booléen
        sSession est une chaîne
        monMail est un Email
        sSession = "ada"
        SI {OPEN.replace('"ada"', "sSession")} = Faux ALORS
            Erreur(ErreurInfo())
            RENVOYER Faux
        FIN
        monMail.Expéditeur = "ada@example.org"
        monMail.Destinataire = sQui
        SI PAS EmailEnvoieMessage(sSession, monMail) ALORS
            Trace(ErreurInfo())
            EmailFermeSession(sSession)
            RENVOYER Faux
        FIN
        EmailFermeSession(sSession)
        RENVOYER Vrai
        FIN
        Trace(Envoie("bob@example.org"), Envoie("pas une adresse"), Envoie("cleo@example.org"))
        """,
    "a guard in a loop, which ends the program": f"""
        CONSTANTE
            SERVEUR = "smtp.example.org"
        FIN
        POUR i = 1 À 2
            SI PAS {OPEN.replace('"smtp.example.org"', "SERVEUR")} ALORS
                Erreur(ErreurInfo())
                CONTINUER
            FIN
            {MAIL}
            SI i = 2 ALORS CONTINUER
            SI PAS EmailEnvoieMessage("ada") ALORS
                Trace(ErreurInfo())
                FinProgramme("assez")
            FIN
            EmailFermeSession("ada")
        FIN
        Trace("fin")
        """,
    "an error of the program in a branch": f"""
        SI {OPEN} ALORS
            {MAIL}
            SI PAS EmailEnvoieMessage("ada") ALORS ErreurPropage()
            Trace(fChargeTexte("absent.txt"))
            EmailFermeSession("ada")
        SINON
            ErreurPropage()
        FIN
        """,
}

SITUATIONS: dict[str, Callable[[PostOffice], object]] = {
    "all is well": lambda office: None,
    "the login is refused": lambda office: office.users.update(ada="another"),
    "a recipient is refused": lambda office: office.refuses.update({"bob@example.org": "550 5.1.1 nobody"}),
    "the sender is refused": lambda office: office.refuses.update({"ada@example.org": "550 5.7.1 not you"}),
    "the server offers no login": lambda office: setattr(office, "mechanisms", ""),
    "a stronger login fails": lambda office: (
        setattr(office, "mechanisms", "CRAM-MD5 PLAIN"), office.dead.update({"CRAM-MD5": "454 4.7.0 broken"})
    ),
    "the server has no TLS": lambda office: setattr(office, "security", "none"),
    "the line breaks behind the mail": lambda office: setattr(office, "hang_up_after_dot", True),
}  # fmt: skip


def translated(text: str, given: dict[str, object] | None = None) -> str:
    program = read_program(text)
    check(program, given or {})
    return translate(program, given)


def unlogged(err: list[str]) -> list[str]:
    return [line for line in err if not line.startswith("attention : ")]


@pytest.mark.slow
@pytest.mark.parametrize("situation", SITUATIONS)
@pytest.mark.parametrize("form", FORMS)
def test_both_ways_hold_the_same_conversation(stage: Stage, form: str, situation: str) -> None:
    assert "SmtpSession(" in translated(FORMS[form])
    (stage.folder / "p.wl").write_text(FORMS[form], "utf-8")
    SITUATIONS[situation](stage.offices[0])

    ran, said = stage.run("p.wl"), stage.conversation()
    again, said_again = stage.run_translated("p.wl"), stage.conversation()

    assert (again.status, again.out, again.mails_alone()) == (ran.status, ran.out, ran.mails_alone())
    assert said_again == said
    assert said
    # The interpreter names the line of an error that ends a program, and prints what is logged.
    assert again.err == unlogged(ran.err) or ran.status == 70


@pytest.mark.slow
@pytest.mark.parametrize("form", FORMS)
def test_both_ways_say_the_same_of_a_server_that_is_away(stage: Stage, form: str) -> None:
    (stage.folder / "p.wl").write_text(FORMS[form].replace("smtp.example.org", "away.example.org"), "utf-8")

    ran, again = stage.run("p.wl"), stage.run_translated("p.wl")

    assert (again.status, again.out, again.mails) == (ran.status, ran.out, [])
    assert again.err == ran.err or ran.status == 70


@pytest.mark.slow
def test_a_password_in_clear_goes_where_it_went(stage: Stage) -> None:
    text = FORMS["a block, and what else"].replace("587, Faux, emailOptionSécuriséTLS", '"25"')
    (stage.folder / "p.wl").write_text(text, "utf-8")

    ran, again = stage.run("p.wl"), stage.run_translated("p.wl")

    assert (again.status, again.out, again.mails_alone()) == (ran.status, ran.out, ran.mails_alone())
    assert len(again.mails) == 1
    assert again.err == unlogged(ran.err)
    assert 'Server("smtp.example.org", 25, Security.NONE, allow_clear_credentials=True)' in translated(text)
    assert stage.offices[2].logins == ["PLAIN ada"] * 2


@pytest.mark.slow
@pytest.mark.parametrize("password", ["secret", "", "wrong", "\udc80"])
def test_a_password_that_is_not_known_before(stage: Stage, password: str) -> None:
    text = f"""
        sMot est une chaîne
        sMot = fChargeTexte("mot.txt")
        {FORMS["a block, and what else"].replace('"secret"', "sMot")}
        """
    (stage.folder / "p.wl").write_text(text, "utf-8")
    (stage.folder / "mot.txt").write_text(password, "utf-8", "surrogateescape")

    stage.both("p.wl")

    assert 'wl.login("ada", sMot)' in translated(text)


def test_comments_stay_in_their_places_and_names_of_the_program_are_not_taken() -> None:
    text = f"""
// Ouvre
SI {OPEN} ALORS // ouverte
    // Envoie
    session est un entier = 1
    SI EmailEnvoieMessage("ada") ALORS // part
        // bien
        session = 2
    SINON
        // mal
        Erreur() // dit
    FIN
    // Ferme
    EmailFermeSession("ada") // fermée
SINON
    // pas ouverte
    Erreur(ErreurInfo())
FIN
// Fin
"""
    body = translated(text).partition("def main() -> None:\n")[2].partition("\n\n\n")[0]

    assert (
        body
        == """\
    # Ouvre
    try:
        with wl.SmtpSession(
            Server("smtp.example.org", 587, Security.STARTTLS),
            Password("ada", "secret"),
        ) as session2:  # ouverte
            # Envoie
            session = 1
            try:
                session2.send(wl.message(Email, "ada"), on_refused="abandon")  # part
            except CourrielError as failure:
                wl.failed(failure)
                # mal
                Erreur()  # dit
            else:
                # bien
                session = 2
            # Ferme  # fermée
    except wl.NotOpened:
        # pas ouverte
        Erreur(ErreurInfo())
    # Fin"""
    )


BLOCK = f'SI {OPEN} ALORS\nEmailEnvoieMessage("ada")\nEmailFermeSession("ada")\nFIN\n'
OTHERS = {
    "a host that is not certain": 's est une chaîne = fChargeTexte("x")\n' + BLOCK.replace('"smtp.example.org"', "s"),
    "a host that changes": 's est une chaîne = "a.org"\ns = "b.org"\n' + BLOCK.replace('"smtp.example.org"', "s"),
    "a profile": BLOCK.replace('"secret", "smtp.example.org", 587, Faux, emailOptionSécuriséTLS', '"profil:x"'),
    "a host that is none": BLOCK.replace("smtp.example.org", "smtp example"),
    "a port that is none": BLOCK.replace("587", "70000"),
    "the outbox": BLOCK.replace("Faux, e", "emailAsynchrone, e"),
    "another name": BLOCK.replace('EmailEnvoieMessage("ada")', 'EmailEnvoieMessage("bob")'),
    "options": BLOCK.replace('Message("ada")', 'Message("ada", Email, emailOptionEncodeEntête)'),
    "not closed": BLOCK.replace('EmailFermeSession("ada")', ""),
    "closed, and used": BLOCK.replace('EmailEnvoieMessage("ada")', 'EmailFermeSession("ada")\nTrace(1)'),
    "used behind": BLOCK + 'EmailEnvoieMessage("ada")',
    "sent in an expression": BLOCK.replace("EmailEnvoieMessage(", "SI Vrai ET EmailEnvoieMessage(").replace(
        '\nEmailFerme', ' ALORS Trace(1)\nEmailFerme', 1),
    "sent by a procedure": 'PROCEDURE P()\nEmailEnvoieMessage("ada")\nFIN\n' + BLOCK.replace(
        "EmailFerme", "P()\nEmailFerme"),
    "a procedure that opens it again": f"PROCEDURE P()\n{BLOCK}FIN\n" + BLOCK.replace("EmailFerme", "P()\nEmailFerme"),
    "a procedure that opens it again, called by another": f"PROCEDURE P()\n{BLOCK}FIN\nPROCEDURE Q()\n"
        + BLOCK.replace("EmailFerme", "P()\nEmailFerme") + "FIN\nQ()\n",
    "a time-out while it is open": BLOCK.replace("EmailFerme", "EmailChangeTimeOut(5)\nEmailFerme"),
    "a name that changes": 's est une chaîne = "ada"\n' + BLOCK.replace('"ada"', "s").replace(
        "EmailFerme", 's = "bob"\nEmailFerme'),
    "a name that a procedure changes": 's est une chaîne = "ada"\nPROCEDURE P()\ns = "bob"\nFIN\n' + BLOCK.replace(
        '"ada"', "s").replace("EmailFerme", "P()\nEmailFerme"),
    "mail that is read": BLOCK + 'EmailLitPremier("ada")',
    "the exception that is handled": BLOCK + "Trace(ExceptionInfo())",
    "a guard that goes on": f'SI PAS {OPEN} ALORS Erreur()\nEmailEnvoieMessage("ada")\nEmailFermeSession("ada")\n',
    "a session variable": BLOCK + "v est un emailSessionSMTP\nEmailOuvreSession(v)",
    "a structure named as what is written": "STRUCTURE Failure\nn est un entier\nFIN\n" + BLOCK,
    "a structure named as what is imported": "STRUCTURE Server\nn est un entier\nFIN\n" + BLOCK,
}  # fmt: skip


@pytest.mark.parametrize("program", OTHERS.values(), ids=OTHERS)
def test_programs_of_another_shape_keep_their_calls(program: str) -> None:
    code = translated(program)

    assert "wl.SmtpSession" not in code
    assert re.search(r"\bEmailOuvreSessionSMTP\(", code)


def test_the_shape_that_the_others_lack() -> None:
    assert "wl.SmtpSession" in translated(BLOCK)


def test_an_error_of_the_program_is_not_kept_as_that_of_a_session() -> None:
    with pytest.raises(ErreurWLangage):
        wl.failed(ErreurWLangage("faux", "wrong"))
