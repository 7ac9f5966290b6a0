"""WLangage programs as they are: run by the interpreter, then translated and run by Python, with the same result.

Each program stands in `programs/`. Host names are the programs' own: in this process they lead to a server on loopback.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from email.message import EmailMessage
from typing import Any

import pytest

from courriel.cli.main import main
from wlangage.post_office import Authority, PostOffice
from wlangage.stage import Reach, Stage


def text_of(mail: EmailMessage) -> str:
    body = mail.get_body(("plain",))
    assert body is not None
    return str(body.get_content()).replace("\r\n", "\n")


@pytest.mark.slow
def test_reminder(stage: Stage) -> None:
    result = stage.both("relance_facture.wl")

    assert (result.status, result.out, result.err) == (0, ["envoyé à client@example.org"], [])
    ((_, recipients, mail),) = result.mails
    assert recipients == ["client@example.org"]
    assert mail["Subject"] == "Relance : facture n°42"
    assert text_of(mail).splitlines() == [
        "Bonjour,", "", "Sauf erreur, la facture n°42 (   1234,50 €) reste due.", 'Référence : "FA-000042"',
    ]  # fmt: skip
    # One connection for each way of running, and TLS before the login.
    assert stage.offices[0].visitors == 2
    assert [word.split()[0].upper() for word in stage.offices[0].said].count("STARTTLS") == 2


@pytest.mark.slow
def test_session_variable(stage: Stage) -> None:
    (stage.folder / "logo.png").write_bytes(b"\x89PNG\r\n\x1a\n")

    result = stage.both("session_variable.wl")

    assert (result.status, result.out, result.err) == (0, [], [])
    ((_, recipients, mail),) = result.mails
    assert recipients == ["bob@example.org", "cleo@example.org", "archive@example.org"]
    assert mail["Bcc"] is None
    html = mail.get_body(("html",))
    assert html is not None
    assert html.get_content().splitlines() == ["<p>Bonjour,</p>", "<p>voir les pièces.</p>"]
    files = {part.get_filename(): part.get_payload(decode=True) for part in mail.iter_attachments()}
    assert files == {"données.csv": b"a;b\r\n1;2", "logo.png": b"\x89PNG\r\n\x1a\n"}


@pytest.mark.slow
def test_status_of_asynchronous_mail(stage: Stage) -> None:
    result = stage.both("suivi_asynchrone.wl")

    assert (result.status, result.out, result.err) == (0, ["parti"], [])
    assert [recipients for _, recipients, _ in result.mails] == [["bob@example.org"]]


@pytest.mark.slow
def test_exceptions(stage: Stage) -> None:
    result = stage.both("exceptions.wl")

    assert result.status == 0
    assert [line.split(" : ")[0] for line in result.out] == ["exception", "exception"]
    assert "« ada »" in result.out[0]
    assert "« inconnu »" in result.out[1]


@pytest.mark.slow
def test_english(stage: Stage) -> None:
    (stage.folder / "report.txt").write_text("Twelve.\n", encoding="utf-8")

    result = stage.both("english.wl")

    assert (result.status, result.out, result.err) == (0, [], [])
    assert [recipients for _, recipients, _ in result.mails] == [["bob@example.org"], ["cleo@example.org"]]
    assert {str(mail["Subject"]) for _, _, mail in result.mails} == {f"Report of {date.today():%d/%m/%Y}"}
    assert {text_of(mail) for _, _, mail in result.mails} == {"Twelve.\n"}


@pytest.mark.slow
def test_many_constructions(stage: Stage) -> None:
    result = stage.both("relances.wl")

    assert result.out == ["clients : 5", "Bob : adresse refusée", "envoyés :  4 passés :  1 -1 fin."]
    assert [text_of(mail).strip() for _, _, mail in result.mails] == [
        "Ada, vous devez 12,50 € : en retard de 1 jour.",
        "Cléo, vous devez 1234,57 € : en retard de 14 jours.",
        "Dan, vous devez 3,00 € : très en retard.",
        "Eve, vous devez 0,00 € : à échéance.",
    ]


@contextmanager
def _office(reach: Reach, host: str, port: int, users: dict[str, str], context: Any = None) -> Iterator[PostOffice]:
    with PostOffice(security="starttls" if context else "none", context=context, users=users).open() as office:
        reach(host, port, office)
        yield office


def test_first_example_of_the_page(stage: Stage, reach: Reach) -> None:
    """As it stands on the page: it declares sServeursSMTP, and passes sServeurSMTP."""
    options = ("--set", "sNomUser=ada", "--set", "sMotDePasse=secret", "--define", str(stage.folder / "initialise.wl"))
    with _office(reach, "smtp.orange.fr", 25, {"ada": "secret"}) as office:
        stage.offices.append(office)

        result = stage.run("page_exemple_1.wl", *options)

    assert (result.status, result.out) == (0, [])
    assert "sServeursSMTP, déclaré et jamais lu, est pris à sa place" in result.err[0]
    ((_, recipients, mail),) = result.mails
    assert (recipients, mail["Subject"]) == (["bob@example.org"], "Été : de la page")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "user", "password"),
    [
        ("page_exemple_2.wl", "monadresse@gmail.com", "MotDePasse"),
        ("page_example_2_english.wl", "myaddress@gmail.com", "Password"),
    ],
)
def test_second_example_of_the_page(
    stage: Stage, reach: Reach, believed: Authority, name: str, user: str, password: str
) -> None:
    with _office(reach, "smtp.gmail.com", 587, {user: password}, believed.server("smtp.gmail.com")) as office:
        stage.offices.append(office)

        result = stage.both(name, "--define", str(stage.folder / "initialise.wl"))

    assert (result.status, result.out, result.err) == (0, [], [])
    ((_, recipients, mail),) = result.mails
    assert (recipients, text_of(mail)) == (["bob@example.org"], "Bonjour,\nà bientôt.\n")
    assert "STARTTLS" in [word.split()[0].upper() for word in office.said]


@pytest.mark.slow
def test_second_example_of_the_page_cannot_connect(stage: Stage) -> None:
    """Its last lines: what it says when the server is not there."""
    result = stage.both("page_exemple_2.wl", "--define", str(stage.folder / "initialise.wl"))

    assert (result.status, result.out, result.mails) == (0, [], [])
    assert result.err[0] == "Impossible d'établir la connexion"
    assert result.err[-1] == 'En cas de Time Out, assurez-vous des paramètres du "Pare-Feu" sur le port utilisé (587)'


def test_translation_keeps_comments_and_needs_no_parser(stage: Stage) -> None:
    assert main(["wlangage", "translate", str(stage.folder / "page_exemple_2.wl"), "--define",
                 str(stage.folder / "initialise.wl")]) == 0  # fmt: skip
    code = stage.capsys.readouterr().out

    said = re.findall(r"# (.*)", code)
    for comment in (
        "Envoi d'un email par le protocole SMTP sécurisé",
        "10 secondes pour le time out",
        "Envoie l'email",
    ):
        assert comment in said
    # In their places, though the procedures come from another file with lines of its own.
    assert "    EmailChangeTimeOut(10)  # 10 secondes pour le time out\n" in code
    assert "# Ce que la page appelle sans le montrer.\ndef Initialise_Email() -> None:\n    EmailRAZ()\n" in code
    assert "lark" not in code
