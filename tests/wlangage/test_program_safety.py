"""What a WLangage program cannot do: open files outside of its folder by a way around, and reach anyone in a trial."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from courriel import UsageError
from courriel.cli.main import main
from courriel.failures import speak
from courriel.wlangage.language.functions.desk import Desk
from courriel.wlangage.language.run import prepared, run
from courriel.wlangage.language.syntax.problem import ProgramError
from courriel.wlangage.language.syntax.program import read_program
from courriel.wlangage.language.translating.translate import translate
from courriel.wlangage.opening.elsewhere import Elsewhere
from wlangage.running import ran, refused

ATTACHED = """
MaPJ est un emailAttache
MaPJ.Nom = "données.csv"
MaPJ.Contenu = "a;b"
Ajoute(Email.Attache, MaPJ)
"""
WAYS = {
    "images of a folder that is named through one that is not there":
        'EmailImporteHTML("<img src=\'secret.txt\'>", "nulle-part/../..")',
    "images of a folder with a line end in its name":
        'EmailImporteHTML("<img src=\'secret.txt\'>", "a" + RC + "/../..")',
    "images of a folder whose name is very long":
        'EmailImporteHTML("<img src=\'secret.txt\'>", ".." + Répète("/.", 3000))',
    "a file attached through a folder with a line end in its name":
        'fRepCrée("a" + RC)\nEmail.ChargeFichierAttaché("a" + RC + "/../../secret.txt")',
    "a file sent through a folder with a line end in its name":
        'fRepCrée("a" + RC)\nEmailEnvoie("ada", "a" + RC + "/../../secret.txt")',
    "a file written through a folder with a line end in its name":
        ATTACHED + 'fRepCrée("a" + RC)\nEmailSauveFichierAttaché("données.csv", "a" + RC + "/../../secret.txt")',
    "a file written by its full path": ATTACHED + 'EmailSauveFichierAttaché("ada", "données.csv", sAilleurs)',
}  # fmt: skip


@pytest.mark.parametrize("program", WAYS.values(), ids=WAYS.keys())
def test_no_way_around_leads_out_of_the_folder(program: str, tmp_path: Path) -> None:
    folder = tmp_path / "programme"
    folder.mkdir()
    (tmp_path / "secret.txt").write_text("secret")

    found = ran(program, folder, {"sAilleurs": str(tmp_path / "secret.txt")})

    assert found.stopped is not None
    assert "hors du dossier" in found.stopped[1]
    assert (tmp_path / "secret.txt").read_text() == "secret"


def test_a_file_attached_is_saved_beside_one_of_its_name(tmp_path: Path) -> None:
    """The name of the attachment is no path, also when such a file is there; a slash at the end names a folder."""
    (tmp_path / "pièces").mkdir()
    program = (
        ATTACHED
        + """
        Trace(EmailSauveFichierAttaché("ada", "données.csv", "données.csv"))
        Trace(EmailSauveFichierAttaché("ada", "données.csv", "données.csv"))
        Trace(EmailSauveFichierAttaché("données.csv", "pièces\\"))
        Trace(EmailSauveFichierAttaché("données.csv", "nulle-part/"))
    """
    )

    assert ran(program, tmp_path).out == ["1", "1", "1", "0"]
    assert (tmp_path / "données.csv").read_text() == (tmp_path / "pièces" / "données.csv").read_text() == "a;b"


def test_files_attached_keep_the_names_that_the_program_wrote(tmp_path: Path) -> None:
    (tmp_path / "devis.txt").write_text("1200")
    program = """
        Email.Expéditeur = "ada@example.org"
        Email.Destinataire = "bob@example.org"
        Email.Attache = "devis.txt"
        EmailConstruitSource()
        Trace(Email.Attache[1])
    """
    assert ran(program, tmp_path).out == ["devis.txt"]


@pytest.fixture
def a_desktop(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """A desktop whose browser notes what it is asked to open."""
    opened: list[str] = []
    monkeypatch.setenv("DISPLAY", ":0")
    monkeypatch.setattr("webbrowser.open", lambda url, *_: opened.append(url) or True)
    return opened


def test_a_trial_reaches_nobody(tmp_path: Path, a_desktop: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    def asked(*_: object) -> bool:
        raise UsageError("the name service was asked")

    monkeypatch.setattr("courriel.delivery.domain.takes_mail", asked)
    program = read_program("""
        p est un OAuth2Paramètres
        p.ClientID = "a"
        p.URLAuth = "https://login.example.org/"
        p.URLToken = "https://login.example.org/token"
        t est un AuthToken = AuthIdentifie(p)
        Trace(t.Valide, ErreurInfo())
        Email.Destinataire = "bob@example.org"
        Trace(EmailLanceAppli(), ErreurInfo())
        Trace(EmailVérifieAdresse("bob@example.org") = emailAdresseValide, ErreurInfo(), ErreurDétectée)
    """)
    shown: list[str] = []
    desk = Desk(tmp_path, say=shown.append)
    speak("fr")
    try:
        prepared(program, [], {})
        run(program, desk, {}, elsewhere=Elsewhere([]))
    finally:
        desk.close()
        speak(None)

    assert shown == [
        "0 Pendant un essai (--sandbox, --via) personne ne s'identifie auprès d'un fournisseur.",
        "0 Pendant un essai (--sandbox, --via) aucun programme de messagerie ne s'ouvre.",
        "1 Pendant un essai (--sandbox, --via) seule la syntaxe de l'adresse est vérifiée. 0",
    ]
    assert a_desktop == []


@pytest.mark.slow
@pytest.mark.parametrize(
    ("program", "said"),
    [
        ("t est un tableau de variants\nAjoute(t, t)\nTrace(t)", "trop de niveaux imbriqués"),
        ("t est un tableau de variants\nAjoute(t, t)\nTrace(Sérialise(t))", "trop de niveaux imbriqués"),
    ],
)
def test_an_array_in_itself_ends_the_program_and_not_the_interpreter(program: str, said: str) -> None:
    assert ran(program).stopped == (3, said)


def test_sizes_of_arrays_are_bounded_together() -> None:
    assert [text for _, _, text in refused("t est un tableau de 1000000 par 1000000 entiers")] == [
        "un tableau a au plus 1000000 éléments"
    ]


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="the memory in use is read from /proc")
def test_a_program_ends_before_the_memory_of_the_machine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    import resource

    monkeypatch.setattr("courriel.cli.wlangage.running._MEMORY", resource_in_use() + 200_000_000)
    (tmp_path / "p.wl").write_text('t est un tableau de chaînes\nBOUCLE\nAjoute(t, Répète("a", 90000000))\nFIN\n')
    before = resource.getrlimit(resource.RLIMIT_AS)

    assert main(["wlangage", "run", str(tmp_path / "p.wl"), "--lang", "fr"]) == 70

    assert "p.wl:3: erreur : le programme demande trop de mémoire" in capsys.readouterr().err
    assert resource.getrlimit(resource.RLIMIT_AS) == before


def resource_in_use() -> int:
    """Octets of address space of this process."""
    return int(Path("/proc/self/statm").read_text().split()[0]) * 4096


def test_an_unknown_property_is_refused_with_its_place_by_the_translation() -> None:
    with pytest.raises(ProgramError) as wrong:
        translate(read_program('m est un Email\nTrace("a")\nm.Sujt = "x"'))
    assert wrong.value.remarks[0].place.line == 3


def test_a_file_of_elsewhere_is_given_by_define() -> None:
    assert [text for _, _, text in refused('EXTERN "courrier.wl"')] == [
        "courrier.wl vient d'ailleurs : --define courrier.wl l'apporte"
    ]


SECRETS = {
    "through a parameter": """
        PROCEDURE Ouvre(sQui, sAvec)
        RENVOYER EmailOuvreSessionSMTP(sQui, sAvec, "smtp.example.org", 587)

        sLu est une chaîne = "Ouvre-toi"
        Ouvre("ada", sLu)
        """,
    "an element": """
        t est un tableau de chaînes
        Ajoute(t, "Ouvre-toi")
        u est une chaîne = t[1]
        EmailOuvreSessionSMTP("ada", t[1], "smtp.example.org", 587)
        """,
    "a member": """
        STRUCTURE STCompte
            sEntrée est une chaîne
        FIN
        c est un STCompte
        c.sEntrée = "Ouvre-toi"
        sCopie est une chaîne = c.sEntrée
        EmailOuvreSessionSMTP("ada", c.sEntrée, "smtp.example.org", 587)
        """,
}


@pytest.mark.parametrize("program", SECRETS.values(), ids=SECRETS.keys())
def test_the_trace_hides_passwords_before_they_are_used(
    program: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "p.wl").write_text(program, "utf-8")
    main(["wlangage", "run", str(tmp_path / "p.wl"), "--via", "smtp://127.0.0.1:1", "--trace", "--lang", "fr"])
    shown = "".join(capsys.readouterr())
    assert "••••" in shown
    assert "Ouvre-toi" not in shown
