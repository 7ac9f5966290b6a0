"""WLangage programs as they are: run by the interpreter, then translated and run by Python, with the same result.

Each program stands in `programs/`. Host names are the programs' own: in this process they lead to a server on loopback.
"""

from __future__ import annotations

import re
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import date
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest

from courriel.cli.main import main
from wlangage.post_office import Authority, PostOffice

PROGRAMS = Path(__file__).with_name("programs")
Reach = Callable[[str, int, PostOffice], None]


@dataclass(frozen=True)
class Result:
    """What a run leaves behind."""

    status: int
    out: list[str]
    err: list[str]
    mails: list[tuple[str, list[str], EmailMessage]]

    def comparable(self) -> tuple[object, ...]:
        """Everything but what differs by nature: identifiers, times, boundaries."""
        mails = [(sender, recipients, str(mail["Subject"]), _parts(mail)) for sender, recipients, mail in self.mails]
        return self.status, self.out, self.err, mails


def _parts(mail: EmailMessage) -> list[tuple[str, str | None, object]]:
    leaves = [part for part in mail.walk() if not part.is_multipart()]
    return [(part.get_content_type(), part.get_filename(), part.get_content()) for part in leaves]


@dataclass
class Stage:
    """A folder with a program's files, and the servers it knows."""

    folder: Path
    capsys: Any
    monkeypatch: pytest.MonkeyPatch
    offices: list[PostOffice]

    def run(self, name: str, *options: str) -> Result:
        """Run it by the command."""
        status = main(["wlangage", "run", str(self.folder / name), "--lang", "fr", *options])
        return self._result(status)

    def run_translated(self, name: str, *options: str) -> Result:
        """Translate it, and run the Python."""
        assert main(["wlangage", "translate", str(self.folder / name), "--lang", "fr", *options]) == 0
        code = self.capsys.readouterr().out
        file = self.folder / f"{Path(name).stem}.py"
        file.write_text(code, encoding="utf-8")
        self.monkeypatch.setattr(sys, "argv", [str(file)])
        self.monkeypatch.chdir(self.folder)
        with pytest.raises(SystemExit) as ended:
            exec(compile(code, str(file), "exec"), {"__name__": "__main__"})
        return self._result(int(ended.value.code or 0))

    def both(self, name: str, *options: str) -> Result:
        """Run it both ways; both must leave the same behind. Options after `--only-run` are for `run`."""
        translating = [each for each in options if not each.startswith(("--via=", "--answer="))]
        ran = self.run(name, *options)
        translated = self.run_translated(name, *translating)
        assert translated.comparable() == ran.comparable()
        return ran

    def _result(self, status: int) -> Result:
        shown = self.capsys.readouterr()
        mails = [
            (letter.sender, letter.recipients, message_from_bytes(letter.raw, policy=policy.default))
            for office in self.offices for letter in office.letters
        ]  # fmt: skip
        for office in self.offices:
            office.letters.clear()
        return Result(status, shown.out.splitlines(), shown.err.splitlines(), mails)  # type: ignore[arg-type]


@pytest.fixture
def stage(
    tmp_path: Path, capsys: Any, monkeypatch: pytest.MonkeyPatch, reach: Reach, believed: Authority
) -> Iterator[Stage]:
    """A stage; `smtp.example.org` speaks STARTTLS at 587, TLS at 465 and clear text at 25."""
    folder = tmp_path / "programs"
    shutil.copytree(PROGRAMS, folder)
    monkeypatch.setenv("COURRIEL_OUTBOX", str(tmp_path / "outbox.db"))
    with ExitStack() as open_offices:
        offices = []
        for port, security in ((587, "starttls"), (465, "tls"), (25, "none")):
            office = PostOffice(
                security=security,
                context=believed.server("smtp.example.org") if security != "none" else None,
                users={"ada": "secret", "compta@example.org": "secret"},
            )
            offices.append(open_offices.enter_context(office.open()))
            reach("smtp.example.org", port, office)
        yield Stage(folder, capsys, monkeypatch, offices)


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
    assert "lark" not in code
