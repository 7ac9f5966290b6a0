"""`courriel wlangage`: run and translate at the command line, in both languages; limits; what is never shown."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from cli.conftest import Ran
from courriel import Sandbox
from dkim_keys import settings, verdicts

Run = Callable[..., Ran]


@pytest.fixture
def run(courriel: Callable[..., Ran]) -> Run:
    """Run the command; paths may be given."""

    def with_paths(*arguments: str | Path) -> Ran:
        return courriel(*map(str, arguments))

    return with_paths


SENDING = """\
sMotDePasse est une chaîne = "tres-secret"
SI EmailOuvreSessionSMTP(sNom, sMotDePasse, "smtp.example.org", 587, Faux, emailOptionSécuriséTLS) ALORS
	Email.Expéditeur = "ada@example.org"
	Email.Destinataire = "bob@example.org"
	Email.Sujet = "Été"
	Email.Message = "corps"
	SI EmailEnvoieMessage(sNom) ALORS Trace("parti") SINON Erreur()
	EmailFermeSession(sNom)
SINON
	Erreur(ErreurInfo())
FIN
"""


@pytest.fixture
def program(tmp_path: Path) -> Path:
    path = tmp_path / "envoi.wl"
    path.write_text(SENDING, encoding="utf-8")
    return path


@pytest.mark.slow
def test_a_practice_server_shows_what_arrived(run: Run, program: Path) -> None:
    ran = run("wlangage", "run", program, "--set", "sNom=ada", "--sandbox", "--lang", "fr")

    assert (ran.status, ran.err) == (0, "")
    assert ran.out.splitlines() == ["parti", "", "  arrivé pour : bob@example.org", "  objet : Été", "  | corps"]


@pytest.mark.slow
def test_mail_of_a_program_is_signed_where_the_setting_says_so(run: Run, program: Path, tmp_path: Path) -> None:
    folder = tmp_path / "config" / "courriel"
    folder.mkdir(parents=True)
    (folder / "courriel.toml").write_text(settings(tmp_path), encoding="utf-8")
    with Sandbox() as sandbox:
        ran = run("wlangage", "run", program, "--set", "sNom=ada", "--via", f"{sandbox.starttls_url}&dkim=example")
        (letter,) = sandbox.letters

    assert ran.status == 0
    assert verdicts(letter.content) == ["pass", "pass"]


@pytest.mark.slow
def test_the_same_as_json(run: Run, program: Path) -> None:
    ran = run("wlangage", "run", program, "--set", "sNom=ada", "--sandbox", "--json")

    assert ran.objects[0] == {"output": "parti"}
    assert ran.objects[1]["arrived"]["to"] == ["bob@example.org"]


@pytest.mark.slow
def test_another_server_takes_the_place_of_the_programs_own(run: Run, program: Path) -> None:
    with Sandbox(users={"ada": "tres-secret"}) as sandbox:
        ran = run("wlangage", "run", program, "--set", "sNom=ada", "--via", sandbox.starttls_url)

        assert (ran.status, ran.out) == (0, "parti\n")
        assert [letter.subject for letter in sandbox.letters] == ["Été"]


def test_with_another_server_nobody_else_is_reached(run: Run, tmp_path: Path, sandbox: Sandbox) -> None:
    """A POP3 session has no server in its place: it is not opened."""
    reading = tmp_path / "lit.wl"
    reading.write_text(
        'SI PAS EmailOuvreSessionPOP3("ada", "secret", "pop.example.org") ALORS Trace(ErreurInfo())', "utf-8"
    )

    ran = run("wlangage", "run", reading, "--via", sandbox.url, "--lang", "fr")

    assert "aucun serveur POP3 n'a été donné à la place de pop.example.org" in ran.out


def test_a_trace_shows_values_and_no_secret(run: Run, program: Path) -> None:
    ran = run("wlangage", "run", program, "--set", "sNom=ada", "--sandbox", "--trace", "--lang", "fr")

    assert '    3  Email.Expéditeur = "ada@example.org"' in ran.err.splitlines()
    assert "    1  sMotDePasse = ••••" in ran.err.splitlines()
    assert "tres-secret" not in ran.err + ran.out


def test_a_secret_is_read_from_where_it_is(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MAIL_PASSWORD", "tres-secret")
    program = tmp_path / "p.wl"
    program.write_text("Trace(Taille(sMotDePasse), sAutre)", "utf-8")

    ran = run("wlangage", "run", program, "--set", "sMotDePasse=env:MAIL_PASSWORD", "--set", "sAutre=env:MAIL_PASSWORD")

    assert ran.out == "11 env:MAIL_PASSWORD\n"


def test_nothing_is_executed_when_a_name_is_unknown(run: Run, tmp_path: Path) -> None:
    program = tmp_path / "p.wl"
    program.write_text('Trace("commencé")\nTrace(sNon)\n', "utf-8")

    ran = run("wlangage", "run", program, "--lang", "fr")

    assert (ran.status, ran.out) == (65, "")
    assert ran.err.splitlines() == [
        f"{program}:2:7: erreur : nom inconnu : sNon ; --set sNon=… lui donne une valeur de l'extérieur",
        "    Trace(sNon)",
        "          ^^^^",
    ]


def test_check_runs_nothing_and_tells_where_procedures_end(run: Run, tmp_path: Path) -> None:
    program = tmp_path / "p.wl"
    program.write_text('PROCEDURE P()\nTrace("jamais")\n\nP()\n', "utf-8")

    ran = run("wlangage", "run", program, "--check", "--lang", "en")

    assert (ran.status, ran.out.splitlines()) == (
        0, ["PROCEDURE P: lines 1 to 2", "The program is understood; nothing was run."],
    )  # fmt: skip


def test_an_error_that_is_not_caught_tells_its_line(run: Run, tmp_path: Path) -> None:
    program = tmp_path / "p.wl"
    program.write_text('Trace("a")\nTrace(1 / 0)\n', "utf-8")

    french = run("wlangage", "run", program, "--lang", "fr")
    english = run("wlangage", "run", program, "--lang", "en")

    assert (french.status, french.out, french.err) == (70, "a\n", f"{program}:2: erreur : division par zéro\n")
    assert english.err == f"{program}:2: error: division by zero\n"


@pytest.mark.parametrize(
    ("given", "status"),
    [
        (("absent.wl",), 66),
        (("p.wl", "--set", "x"), 64),
        (("p.wl", "--set", "=secret"), 64),
        (("p.wl", "--via", "smtp://localhost", "--sandbox"), 64),
        (("p.wl", "--via", "memory:"), 64),
        (("p.wl", "--define", "absent.wl"), 66),
    ],
)
def test_mistakes_at_the_command_line(run: Run, tmp_path: Path, given: tuple[str, ...], status: int) -> None:
    (tmp_path / "p.wl").write_text("Trace(1)", "utf-8")

    ran = run("wlangage", "run", *(tmp_path / each if each.endswith(".wl") else each for each in given))

    assert (ran.status, ran.out) == (status, "")
    assert "secret" not in ran.err


def test_a_file_that_is_missing_is_told_in_french(run: Run, tmp_path: Path) -> None:
    ran = run("wlangage", "run", tmp_path / "absent.wl", "--lang", "fr")

    assert ran.err == f"erreur : {tmp_path}/absent.wl : fichier ou dossier introuvable\n"


def test_a_program_written_by_windows_is_read(run: Run, tmp_path: Path) -> None:
    program = tmp_path / "p.wl"
    program.write_bytes('s est une chaîne = "été"\r\nTrace(s + " à 5 €")\r\n'.encode("cp1252"))

    assert run("wlangage", "run", program).out == "été à 5 €\n"


def test_what_mails_hold_does_not_steer_the_terminal(run: Run, tmp_path: Path) -> None:
    program = tmp_path / "p.wl"
    program.write_text('Trace("a" + Caract(27) + "[31m" + RC + "b")', "utf-8")

    assert run("wlangage", "run", program).out == "a\\x1b[31m\nb\n"


@pytest.mark.slow
def test_an_endless_loop_ends_at_ctrl_c_with_its_line(tmp_path: Path) -> None:
    program = tmp_path / "p.wl"
    program.write_text('Trace("commence")\nBOUCLE\n\tx est un entier = 1\nFIN\n', "utf-8")
    command = [sys.executable, "-m", "courriel", "wlangage", "run", str(program), "--lang", "fr"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as running:
        assert running.stdout is not None
        assert running.stdout.readline() == "commence\n"

        os.kill(running.pid, signal.SIGINT)

        _, err = running.communicate(timeout=30)
    assert running.returncode == 130
    assert err in [f"Interrompu à la ligne {line}.\n" for line in (1, 2, 3)]


@pytest.mark.slow
def test_translate_prints_python_that_runs(run: Run, tmp_path: Path) -> None:
    program = tmp_path / "p.wl"
    program.write_text('// Un essai\nn est un entier = 41\nn++\nInfo("n = " + n)\n', "utf-8")

    ran = run("wlangage", "translate", program, "--lang", "fr")

    (tmp_path / "p.py").write_text(ran.out, "utf-8")
    done = subprocess.run([sys.executable, str(tmp_path / "p.py")], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "n = 42\n", "")
    assert "    # Un essai\n    n = 41\n    n += 1\n" in ran.out


def test_translate_says_what_it_cannot(run: Run, tmp_path: Path) -> None:
    program = tmp_path / "p.wl"
    program.write_text('sNom1 est une chaîne\nTrace({"sNom" + 1})\n', "utf-8")

    ran = run("wlangage", "translate", program, "--lang", "fr")

    assert (ran.status, ran.out) == (65, "")
    assert ran.err.startswith(f"{program}:2:7: erreur : un nom calculé")


def test_a_program_that_comes_by_a_pipe_is_read_once(run: Run, tmp_path: Path) -> None:
    pipe = tmp_path / "p.wl"
    os.mkfifo(pipe)
    writer = threading.Thread(target=pipe.write_text, args=("Trace(sNon)\n",))
    writer.start()

    ran = run("wlangage", "run", pipe, "--lang", "en")

    writer.join()
    assert (ran.status, ran.err.splitlines()[1]) == (65, "    Trace(sNon)")


def test_a_file_without_an_end_is_no_program(run: Run) -> None:
    ran = run("wlangage", "run", "/dev/zero", "--lang", "en")

    assert ran.status == 65
    assert "too long for a program" in ran.err
