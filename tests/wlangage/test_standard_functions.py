"""The standard functions, by what the pages of each say."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from courriel.wlangage.language.functions.table import FUNCTIONS
from courriel.wlangage.language.syntax.words import folded
from wlangage.running import ran

OF_THE_EVIDENCE = [
    "ErreurInfo",
    "RC",
    "Info",
    "ChaîneConstruit",
    "Val",
    "Droite",
    "Majuscule",
    "fChargeTexte",
    "fRepEnCours",
    "HeureSys",
    "Milieu",
    "Taille",
    "TableauAjoute",
    "INILit",
    "INIEcrit",
    "DateSys",
    "DateDuJour",
    "DateVersChaîne",
    "fExtraitChemin",
    "fAjouteTexte",
    "ToastAffiche",
    "StringToArray",
    "ArrayCount",
    "Gauche",
    "Position",
    "Contient",
    "SansEspace",
    "ExtraitChaîne",
    "NumériqueVersChaîne",
    "NumVersChaîne",
    "PartieEntière",
    "Caract",
    "Asc",
    "Max",
    "HeureVersChaîne",
    "DateDifférence",
    "TableauTrie",
    "TableauOccurrence",
    "ArrayDeleteAll",
    "fOuvre",
    "fLitLigne",
    "fEcritLigne",
    "fFerme",
    "fSauveTexte",
    "fRepTemp",
    "fRepExe",
    "Multitâche",
    "Trace",
    "Sérialise",
    "UTF8VersAnsi",
    "FinProgramme",
    "OuiNon",
    "Saisie",
    "Ajoute",
    "Supprime",
    "SupprimeTout",
    "Occurrence",
]
"""The functions that public programs about mail use."""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("call", "wanted"),
    [
        ('ChaîneConstruit("%1 a %2 ans, %1 %%", "Ada", 36)', "Ada a 36 ans, Ada %"),
        ('Val("12.5abc")', "12.5"),
        ('Gauche("bonjour", 3) + Droite("bonjour", 2) + Milieu("bonjour", 4) + Milieu("bonjour", 4, 1)', "bonurjourj"),
        ('Majuscule("été") + Minuscule("ÀB")', "ÉTÉàb"),
        ('Taille("été")', "3"),
        ('Position("abcabc", "c") + "," + Position("abcabc", "c", 4) + "," + Position("abc", "z")', "3,6,0"),
        ('Contient("Bonjour", "jour")', "1"),
        ('"[" + SansEspace("  a b ") + "]"', "[a b]"),
        ('ExtraitChaîne("a;b;c", 2, ";")', "b"),
        ('ExtraitChaîne("a;b", 9, ";") = EOT', "1"),
        ('Remplace("aXbX", "X", "-")', "a-b-"),
        ('Caract(65) + Asc("B") + Caract(128)', "A66€"),
        ('NumériqueVersChaîne(123)', "123"),
        ('NumériqueVersChaîne(1.23)', "1.23"),
        ('NumériqueVersChaîne(12345.5, "+10.2f")', " +12345.50"),
        ('NumériqueVersChaîne(12345.5, "-+10.2f")', "+12345.50 "),
        ('NumériqueVersChaîne(12345.5, "+010.2f")', "+012345.50"),
        ('NumériqueVersChaîne(12345.5, "010.2f")', "0012345.50"),
        ('NumériqueVersChaîne(12345.5, "10.2fS")', " 12 345.50"),
        ('NumériqueVersChaîne(12345.5, "10,2fS")', " 12 345,50"),
        ('NumVersChaîne(42, "06d")', "000042"),
        ('NumVersChaîne(-42, "06d")', "-00042"),
        ('NumVersChaîne(2.675, ".2f")', "2.68"),
        ('NumVersChaîne(255, "X")', "FF"),
        ("PartieEntière(-3.7) + \",\" + Arrondi(2.5) + \",\" + Arrondi(2.345, 2)", "-3,3,2.35"),
        ('Max(3, 12, "7") + "," + Min(3, 12)', "12,3"),
        ('DateVersChaîne("20260714", "JJ/MM/AAAA")', "14/07/2026"),
        ('DateVersChaîne("20260714", "JJJJ J MMMM AAAA")', "mardi 14 juillet 2026"),
        ('DateToString("20260714", "YYYY-MM-DD")', "2026-07-14"),
        ('HeureVersChaîne("14530700", "HH:MM")', "14:53"),
        ('DateDifférence("20260101", "20260201")', "31"),
        ('ChaîneVersDate("14/07/2026", "JJ/MM/AAAA")', "20260714"),
        ('DateValide("20260230")', "0"),
        ('ArrayCount(StringToArray("a,b,c", ","))', "3"),
        ('fExtraitChemin("C:\\\\docs\\facture.pdf", fFichier + fExtension)', "facture.pdf"),
        ('fExtraitChemin("docs/facture.pdf", fExtension)', ".pdf"),
        ('UTF8VersAnsi("é")', "é"),
        ('Sérialise([1, "é"])', '[1, "é"]'),
    ],
)  # fmt: skip
def test_values(call: str, wanted: str) -> None:
    found = ran(f"Trace({call})")
    assert found.stopped is None, found.stopped
    assert found.out == [wanted]


def test_functions_of_the_evidence_are_there() -> None:
    from courriel.wlangage.language.functions.table import CONSTANTS
    from courriel.wlangage.language.running.mail_names import by_name

    known = {*FUNCTIONS, *CONSTANTS, *by_name()}
    assert [name for name in OF_THE_EVIDENCE if folded(name) not in known] == []


def test_files(tmp_path: Path) -> None:
    found = ran(
        'fSauveTexte("a.txt", "un" + RC)\nfAjouteTexte("a.txt", "deux")\nTrace(fChargeTexte("a.txt"))\n'
        'n est un entier = fOuvre("b.txt", foCréation + foEcriture)\nfEcritLigne(n, "ligne 1")\n'
        'fEcritLigne(n, "ligne 2")\nfFerme(n)\n'
        'n = fOuvre("b.txt", foLecture)\ns est une chaîne = fLitLigne(n)\nTANTQUE s <> EOT\n'
        'Trace(s)\ns = fLitLigne(n)\nFIN\nfFerme(n)\n'
        'INIEcrit("SMTP", "port", 465, "c.ini")\n'
        'Trace(INILit("smtp", "x", "rien", "c.ini"), INILit("SMTP", "Port", "25", "c.ini"))\n'
        'Trace(fChargeTexte("absent.txt"), ErreurDétectée, fFichierExiste("a.txt"), fOuvre("absent.txt"))',
        tmp_path,
    )  # fmt: skip
    assert found.out == ["un\ndeux", "ligne 1", "ligne 2", "rien 465", " 1 1 -1"]


def test_a_file_in_the_encoding_of_windows_is_read(tmp_path: Path) -> None:
    (tmp_path / "ansi.txt").write_bytes("été à 5 €".encode("cp1252"))
    assert ran('Trace(fChargeTexte("ansi.txt"))', tmp_path).out == ["été à 5 €"]


@pytest.mark.parametrize(
    "path",
    ["../secret.txt", "/etc/passwd", "..\\secret.txt", "lien.txt", "dossier/secret.txt", "a/../../secret.txt", "x\0y"],
)
@pytest.mark.parametrize(
    "call", ["fChargeTexte({})", "fSauveTexte({}, 1)", "fOuvre({})", "fSupprime({})", "INILit(1, 2, 3, {})"]
)
def test_files_outside_of_the_folder_are_refused(path: str, call: str, tmp_path: Path) -> None:
    folder = tmp_path / "programme"
    folder.mkdir()
    (tmp_path / "secret.txt").write_text("secret")
    (folder / "lien.txt").symlink_to(tmp_path / "secret.txt")
    (folder / "dossier").symlink_to(tmp_path)

    found = ran(f"sChemin est une chaîne = sDonné\nTrace({call.format('sChemin')})", folder, {"sDonné": path})

    assert found.stopped is not None
    assert found.out == []
    assert (tmp_path / "secret.txt").read_text() == "secret"


def test_files_attached_outside_of_the_folder_are_refused(tmp_path: Path) -> None:
    """Before any session is looked for: nothing outside is ever opened."""
    found = ran(
        'Email.Expéditeur = "ada@example.org"\nEmail.Destinataire = "bob@example.org"\n'
        'Ajoute(Email.Attache, "/etc/passwd")\n'
        'EmailConstruitSource()\nTrace(Email.Source)',
        tmp_path,
    )  # fmt: skip
    assert found.stopped is not None
    assert "hors du dossier" in found.stopped[1]
    assert ran('MonMail est un Email\nMonMail.ChargeFichierAttaché("/etc/passwd")', tmp_path).stopped is not None
    assert ran('EmailImporteHTML("/etc/passwd")', tmp_path).stopped is not None


def test_questions_take_their_answers() -> None:
    found = ran('s est une chaîne\nSI OuiNon("Envoyer ?") ALORS Saisie("À qui ?", s)\nTrace(s)', answers=("oui", "bob"))
    assert found.out[-1] == "bob"
    assert (
        ran('SI OuiNon("Envoyer ?") ALORS Trace("oui") SINON Trace("non")', answers=("peut-être", "n")).out[-1] == "non"
    )


@pytest.mark.parametrize("call", ['fChargeTexte("p")', 'fOuvre("p")', 'INILit("a", "b", "c", "p")'])
def test_a_pipe_is_not_waited_for(call: str, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "p")

    found = ran(f"Trace({call})", tmp_path)

    assert found.stopped == (1, "« p » n'est ni un fichier ni un dossier")
