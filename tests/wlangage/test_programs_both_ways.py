"""Small programs with the habits of WINDEV: interpreted and translated they print the same, and what is expected."""

from __future__ import annotations

from pathlib import Path

import pytest

from courriel.failures import speak
from courriel.wlangage.language.syntax.problem import ProgramError
from courriel.wlangage.language.syntax.program import decoded
from wlangage.running import ran
from wlangage.test_language_fuzz import translated_output

PROGRAMS = {
    "cases by comparison": ("""
        POUR n = -1 À 3
            SELON n
                CAS < 0 : Trace("retard")
                CAS 1 <= * < 3 : Trace("bientôt " + n)
                CAS >= 3 : Trace("loin")
                AUTRE CAS : Trace("aujourd'hui")
            FIN
        FIN
        """, ["retard", "aujourd'hui", "bientôt 1", "bientôt 2", "loin"]),
    "arrays are assigned by value, elements have their type": ("""
        t est un tableau d'entiers = [5, 2]
        Ajoute(t, "7")
        u est un tableau d'entiers
        u = t
        u[1] = 100
        Trace(t[1], u[1], t[3] + 1)
        """, ["5 100 8"]),
    "arrays of two dimensions": ("""
        m est un tableau de 2 par 3 entiers
        m[1, 2] = "4"
        Trace(m[1, 2] + 1, m[2, 3] + 1, m[1][2], m[2]..Occurrence)
        """, ["5 1 4 3"]),
    "structures are copied with the arrays in them; : names a member": ("""
        STRUCTURE STClient
            sNom est une chaîne
            tabAdresses est un tableau de chaînes
        FIN
        p, q sont des STClient
        p:sNom = "Ada"
        Ajoute(p.tabAdresses, "ada@example.org")
        q = p
        q:sNom = "Bob"
        Ajoute(q.tabAdresses, "bob@example.org")
        Trace(p:sNom, q:sNom, p.tabAdresses..Occurrence, q.tabAdresses..Occurrence)
        """, ["Ada Bob 1 2"]),
    "a quotient without an end is written like a real": ("""
        m est un monétaire = "12,50"
        Trace(10 / 3, 2 / 3, 10 / 4, m * 3, 1 / 3 * 3 = 1)
        """, ["3.33333333333333 0.666666666666667 2.5 37.50 0"]),
    "an exception of the program": ("""
        QUAND EXCEPTION DANS
            ExceptionDéclenche(1, "ton interdit")
        FAIRE
            Trace(ExceptionInfo())
        FIN
        """, ["ton interdit"]),
    "the value of a field": ("""
        SAI_Nom est une chaîne = "Ada"
        SAI_Nom..Valeur = "Bob"
        Trace(SAI_Nom..Valeur + SAI_Nom.Valeur)
        """, ["BobBob"]),
    "lines of a mail that was read": ("""
        Email.Source = "Subject: x" + RC + RC + "un" + RC + "deux" + RC
        EmailImporteSource()
        POUR TOUTE CHAÎNE sLigne DE Email.Message SÉPARÉE PAR RC
            Trace("[" + sLigne + "]")
        FIN
        """, ["[un]", "[deux]", "[]"]),
    "a loop follows what its body does to its variable": ("""
        n est un entier = 10
        POUR i = 1 À n PAS 2
            SI i = 3 ALORS
                i = 6
                CONTINUER
            FIN
            Trace(i)
            n = 0
        FIN
        Trace(i)
        """, ["1", "8", "10", "12"]),
    "a loop that counts down": ("""
        i est un entier
        POUR i = 5 À 1 PAS -1
            i -= 1
            Trace(i)
        FIN
        """, ["4", "2", "0"]),
    "loops over one variable within each other": ("""
        POUR i = 1 À 3
            POUR i = 1 À i + 2
                Trace(i)
            FIN
        FIN
        """, ["1", "2", "3"]),
    "behind a loop its variable is one step further": ("""
        POUR i = 1 À 3
            SI i > 5 ALORS CONTINUER
        FIN
        POUR j = 3 À 1
        FIN
        POUR k = 1 À 3
            SI k = 2 ALORS SORTIR
        FIN
        Trace(i, j, k)
        """, ["4 3 2"]),
    "the variable of a loop that has a type, and a step that is worked out": ("""
        i_last, nPas sont des entiers = 2
        s est une chaîne
        POUR s = 1 À 3 + i_last PAS nPas
            s += 0
            Trace(s + "x")
        FIN
        """, ["10x"]),
    "a procedure changes the variable of a loop": ("""
        PROCEDURE Saute(n)
        n += 2
        FIN
        POUR i = 1 À 7
            Saute(i)
            Trace(i)
        FIN
        """, ["3", "6", "9"]),
    "a step of nothing": ("""
        n est un entier
        POUR i = 1 À 3 PAS n
            i = 2
        FIN
        """, ["le pas d'une boucle n'est pas 0"]),
}  # fmt: skip


@pytest.mark.parametrize(("program", "expected"), PROGRAMS.values(), ids=PROGRAMS.keys())
def test_a_program_does_the_same_both_ways(program: str, expected: list[str]) -> None:
    found = ran(program)
    assert found.out + ([found.stopped[1]] if found.stopped else []) == expected
    speak("fr")
    try:
        assert translated_output(program) == expected
    finally:
        speak(None)


@pytest.mark.parametrize("name", ["utf-8", "utf-8-sig", "cp1252", "utf-16"])
def test_encodings_of_a_program(name: str) -> None:
    assert ran(decoded('Trace("été")'.encode(name))).out == ["été"]


def test_a_missing_file_is_named_as_the_program_wrote_it(tmp_path: Path) -> None:
    program = """
        Email.Expéditeur = "ada@example.org"
        Email.Destinataire = "bob@example.org"
        Email.Attache = "absent.pdf"
        SI PAS EmailConstruitSource() ALORS Trace(ErreurInfo())
    """
    said = "Le fichier attaché « absent.pdf » ne peut pas être joint. Rien n'a été envoyé."
    assert ran(program, tmp_path).out == [said]


@pytest.mark.slow
def test_a_long_condition_runs_both_ways() -> None:
    program = f"a est un booléen\nSI {' OU '.join(['a'] * 2500)} ALORS Trace(1) SINON Trace(2)"

    assert ran(program).out == translated_output(program) == ["2"]


@pytest.mark.slow
@pytest.mark.parametrize("part", ["n", "s", "n * s"])
def test_a_sum_that_python_does_not_read_is_refused(part: str) -> None:
    program = f"n est un entier\ns est une chaîne\nTrace({' + '.join([part] * 2000)})"

    assert len(ran(program).out) == 1
    with pytest.raises(ProgramError, match="1000"):
        translated_output(program)
