"""The language: what statements, expressions and names mean, and what is said where they are wrong."""

from __future__ import annotations

import pytest

from wlangage.running import ran, refused


def value(expression: str, before: str = "") -> str:
    """The text of an expression's value."""
    found = ran(f"{before}\nTrace({expression})")
    assert found.stopped is None, found.stopped
    return found.out[-1]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("expression", "wanted"),
    [
        # Numbers and texts convert by themselves.
        ('"n°" + 42', "n°42"),
        ('1 + 2 + "a"', "3a"),
        ('"12" * 2', "24"),
        ('"12,5 kg" + 0', "12,5 kg0"),
        ('"12,5 kg" * 2', "25"),
        ('"abc" * 2', "0"),
        ("0.1 + 0.2", "0.3"),
        ("7 / 2", "3.5"),
        ("6 / 2", "3"),
        ("7 MODULO 3", "1"),
        ("2 ^ 10", "1024"),
        ("-3 + 5", "2"),
        ("2 + 3 * 4", "14"),
        ("(2 + 3) * 4", "20"),
        ("0xFF", "255"),
        ('"a""b"', 'a"b'),
        # Comparisons.
        ('"a" = "A"', "0"),
        ('"Été" ~= " ete "', "1"),
        ('"12" = 12', "1"),
        ('"abc" [= "ab"', "1"),
        ("1 <= 3 <= 5", "1"),
        ("1 <= 7 <= 5", "0"),
        ("PAS 1 = 2", "1"),
        ("1 = 1 ET 2 = 2 OU 1 = 2", "1"),
        ('"" <> "x"', "1"),
        ('1 = 2 ? "oui" SINON "non"', "non"),
        ("Vrai = Faux", "0"),
        # Parts of texts, from 1.
        ('"bonjour"[[1]]', "b"),
        ('"bonjour"[[1 À 3]]', "bon"),
        ('"bonjour"[[4 À]]', "jour"),
        ('"bonjour"[[À 3]]', "bon"),
        ('"bonjour"[[2 SUR 3]]', "onj"),
        ('"bonjour"..Taille', "7"),
        ('"bonjour".Majuscule()', "BONJOUR"),
        ("[3, 1, 2][2]", "1"),
    ],
)
def test_expressions(expression: str, wanted: str) -> None:
    assert value(expression) == wanted


@pytest.mark.parametrize(
    ("declared", "given", "wanted"),
    [
        ("entier", '"12,9"', "12"),
        ("un entier sur 8 octets", "4611686018427387904", "4611686018427387904"),
        ("réel", '"1.5"', "1.5"),
        ("monétaire", "0.1 + 0.2", "0.3"),
        ("booléen", '"1"', "1"),
        ("chaîne", "1.50", "1.50"),
        ("une chaîne UNICODE", "Vrai", "1"),
        ("date", '"20261130"', "20261130"),
    ],
)
def test_assignments_convert(declared: str, given: str, wanted: str) -> None:
    assert value("x", f"x est {declared} = {given}") == wanted


def test_words_in_both_languages_and_any_case() -> None:
    found = ran(
        "Ma_Chaine is string\nMA_CHAÎNE = \"a\"\nif ma_chaîne = \"a\" THEN\n\ttrace(\"oui\")\n"
        "sinon\n\tTRACE(\"non\")\nend\n"
        "for i = 1 to 3 step 2\ntrace(i)\nFIN\nPOUR j = 3 _À_ 1 PAS -1\nTrace(J)\nEND"
    )  # fmt: skip
    assert found.out == ["oui", "1", "3", "3", "2", "1"]


def test_words_of_the_language_as_names() -> None:
    """`De`, `A`, `Fin` and others are names where no keyword can stand."""
    found = ran(
        'De, A, Ou est une chaîne\nDe = "de"\nA = "a"\nOu = De + A\nTrace(Ou, De)\nPOUR i = 1 A 2\nTrace(i)\nFIN'
    )
    assert found.out == ["dea de", "1", "2"]


def test_texts_over_several_lines() -> None:
    found = ran('s est une chaîne = [\n<p>un</p>\n  deux "mots" // non\n]\nTrace(s, Taille(s))\nTrace([\nx\n] + "y")')
    assert found.out == ['<p>un</p>\n  deux "mots" // non 31', "xy"]


def test_continued_lines_comments_and_semicolons() -> None:
    found = ran('Trace("a" + ... // suite\n\t"b") ; Trace("c") // fin\n/* rien\nTrace("d") */\nTrace("e")')
    assert found.out == ["ab", "c", "e"]


def test_conditions_on_one_line() -> None:
    found = ran(
        "x est un entier = 2\n"
        'SI x = 1 ALORS Trace("un") SINON SI x = 2 ALORS Trace("deux") ; Trace("encore") SINON Trace("?")\n'
        'Trace("après")'
    )
    assert found.out == ["deux", "encore", "après"]


def test_lists() -> None:
    found = ran(
        "t est un tableau de chaînes\nAjoute(t, 3)\nt.Ajoute(\"b\")\nTableauAjoute(t, \"a\")\n"
        "t[1] = 5\nTableauTrie(t)\n"
        "POUR TOUT s, i DE t\nTrace(i, s)\nFIN\nTrace(t..Occurrence, TableauCherche(t, \"B\"))\n"
        "Supprime(t, 1)\nTrace(t[1])\n"
        "d est un tableau de 2 par 3 entiers\nd[2,3] = 7\nTrace(d[2][3], d[1,1])\n"
        "a est un tableau associatif d'entiers\na[\"x\"] = \"4\"\nTrace(a[\"x\"] + a[\"y\"])\n"
        "POUR TOUT v, k DE a\nTrace(k, v)\nFIN"
    )  # fmt: skip
    assert found.out == ["1 5", "2 a", "3 b", "3 3", "a", "7 0", "4", "x 4"]


def test_structures_are_assigned_by_value() -> None:
    found = ran(
        "STRUCTURE ST\n\tsNom est une chaîne\n\tn est un entier = 3\nFIN\na, b est un ST\n"
        "a.sNom = 12\nb = a\nb.SNOM = \"z\"\n"
        "t est un tableau de ST\nAjoute(t, a)\na.sNom = \"y\"\nTrace(a.sNom, b.sNom, t[1].sNom)"
    )  # fmt: skip
    assert found.out == ["y z 12"]


def test_parameters_are_passed_by_reference() -> None:
    found = ran(
        "PROCEDURE Double(n, LOCAL m, k est un entier = 5)\nn = n * 2\nm = 99\nRENVOYER k\n\n"
        "x, y est un entier = 4\nTrace(Double(x, y), Double(x, y, \"7\"), x, y)"
    )  # fmt: skip
    assert found.out == ["5 7 16 4"]


def test_a_procedure_without_parentheses_and_recursion() -> None:
    found = ran(
        "PROCEDURE Bonjour()\nTrace(\"bonjour\")\n\nBonjour\nTrace(Fact(10))\n\n"
        "PROCEDURE Fact(n) : entier\nSI n <= 1 ALORS RENVOYER 1\nRENVOYER n * Fact(n - 1)"
    )  # fmt: skip
    assert found.out == ["bonjour", "3628800"]


@pytest.mark.parametrize(
    ("program", "out"),
    [
        # A FIN that closes no block.
        ("PROCEDURE P()\nTrace(1)\n\nTrace(2)\nFIN\nP()\nTrace(3)", ["1", "2", "3"]),
        # RENVOYER outside of every block.
        ("PROCEDURE P()\nTrace(1)\nRENVOYER 0\nTrace(2)\nP()", ["2", "1"]),
        # The paragraph of the first call.
        ("PROCEDURE P()\nTrace(1)\n\nTrace(2)\n\nTrace(3)\nP()", ["3", "1", "2"]),
        # The next procedure.
        ("Q()\n\nPROCEDURE P()\nTrace(1)\n\nPROCEDURE Q()\nP()", ["1"]),
    ],
)
def test_where_procedures_end(program: str, out: list[str]) -> None:
    assert ran(program).out == out


def test_a_program_without_launch_code_says_so() -> None:
    assert "aucun code de lancement" in ran("PROCEDURE P()\nTrace(1)").warnings[0]


def test_cases_with_ranges_and_lists() -> None:
    cases = 'CAS 1, 2\nTrace("peu")\nCAS 3 À 5 : Trace("assez")\nAUTRE CAS\nTrace("trop")\n'
    program = f"POUR i = 1 À 6\nSELON i\n{cases}FIN\nFIN"
    assert ran(program).out == ["peu", "peu", "assez", "assez", "assez", "trop"]


def test_exceptions_are_caught_and_others_tell_their_line() -> None:
    found = ran(
        "QUAND EXCEPTION DANS\nTrace(1 / 0)\nFAIRE\nTrace(ExceptionInfo())\nFIN\n\n"
        "t est un tableau de chaînes\nTrace(t[1])"
    )
    assert found.out == ["division par zéro"]
    assert found.stopped == (8, "place 1 d'un tableau qui en a 0 (elles commencent à 1)")


def test_names_put_together() -> None:
    assert ran('sNom1, sNom2 est une chaîne = "a"\n{"sNom" + 2} = "b"\nTrace({"sNom1"} + {"sNom" + 2})').out == ["ab"]


def test_fields_of_windows_come_from_outside() -> None:
    assert ran("Trace(SAI_Nom, n * 2)", given={"SAI_Nom": "Ada", "n": "21"}).out == ["Ada 42"]


def test_a_value_given_replaces_that_of_the_declaration() -> None:
    assert ran('sServeur est une chaîne = "a"\nTrace(sServeur)', given={"sserveur": "b"}).out == ["b"]


def test_dates_count_in_days() -> None:
    found = ran(
        'd est une date = "20240228"\nTrace(d + 2, DateDifférence("20240101", d))\nd..Mois += 12\n'
        "d..Jour = 31\nTrace(d, d.Année)"
    )
    assert found.out == ["20240301 58", "20250303 2025"]


# Errors: nothing is executed, the place is told, and the nearest name.


@pytest.mark.parametrize(
    ("program", "line", "column", "text"),
    [
        ("Trace(1)\nx = 1", 2, 1, "nom inconnu : x"),
        ('sNom est une chaîne\nsNom = "a"\nTrace(sNon)\nTrace(sNom)', 3, 7, "vouliez-vous dire sNom ?"),
        ("Trac(1)", 1, 1, "vouliez-vous dire Trace ?"),
        ('EmailEnvoiMessage("ada")', 1, 1, "vouliez-vous dire EmailEnvoieMessage ?"),
        ("Autre_Procédure(1)", 1, 1, "--define"),
        ("x est un entie", 1, 10, "vouliez-vous dire entier ?"),
        ("SI 1 ALOR\nFIN", 1, 6, "vouliez-vous dire ALORS ?"),
        ("SI 1 ALORS\nTrace(1)", 1, 1, "ce bloc SI n'a pas de FIN"),
        ("FIN", 1, 1, "ce FIN ne ferme aucun bloc"),
        ("Trace(1", 1, 8, "la fin de la ligne"),
        ('Trace("a)', 1, 7, "guillemet final"),
        ("Trace(1) §", 1, 10, "caractère inattendu : §"),
        ("s est une chaîne = [\nx", 1, 20, "n'a pas de fin"),
        ("/* x", 1, 1, "n'a pas de fin"),
        ("HLitPremier(Client)", 1, 1, "bases de données"),
        ("RESTEnvoie(x)", 1, 1, "services web"),
        ("OuvreFenêtre(FEN_Menu)", 1, 1, "fenêtres"),
        ("Gauche()", 1, 1, "prend 1 … 2 argument(s), et non 0"),
        ("PROCEDURE P(a)\nTrace(a)\n\nP()", 4, 1, "P prend 1 argument(s), et non 0"),
        ("PROCEDURE P()\n\nPROCEDURE P()", 3, 1, "est déjà écrite à la ligne 1"),
        ("STRUCTURE S\nx est un S\nFIN", 1, 1, "se contient elle-même"),
        ("Vrai = 3", 1, 1, "ne peut pas recevoir de valeur"),
        ("x est un entier\nx", 2, 1, "cette ligne ne fait rien"),
        ("EXTERN sNom\nTrace(sNom)", 1, 1, "--set sNom=…"),
    ],
)
def test_errors_tell_their_place(program: str, line: int, column: int, text: str) -> None:
    found = refused(program)
    assert found
    assert found[0][:2] == (line, column), found
    assert text in found[0][2]


def test_all_unknown_names_are_told_at_once() -> None:
    assert [line for line, _, _ in refused("Trace(aaa)\nTrace(bbb)\nccc()")] == [1, 2, 3]


def test_a_name_one_letter_off_is_taken_with_a_warning_only_when_nothing_else_reads_it() -> None:
    assert ran('soit sServeurs = "a"\nTrace(sServeur)').out == ["a"]
    assert refused('soit sServeurs = "a"\nTrace(sServeurs)\nTrace(sServeur)')


# Limits.


@pytest.mark.parametrize(
    ("program", "text"),
    [
        ("PROCEDURE P()\nP()\n\nPROCEDURE Q()\nP()\n\nQ()", "s'appelle sans fin"),
        ('s est une chaîne = "ab"\nBOUCLE\ns += s\nFIN', "ce texte est trop long"),
        ('Trace(Répète("x", 10 ^ 12))', "ce texte est trop long"),
        ("t est un tableau d'entiers\nDimension(t, 10 ^ 9)", "éléments"),
        ("x est un entier = 9 ^ 1000 ^ 1000", "n'a pas de résultat"),
        ("POUR i = 1 À 3 PAS 0\nFIN", "n'est pas 0"),
    ],
)
def test_a_program_meets_limits_and_not_the_end_of_the_memory(program: str, text: str) -> None:
    found = ran(program)
    assert found.stopped is not None
    assert text in found.stopped[1]


@pytest.mark.slow
def test_deep_nesting_is_refused_and_long_sums_are_not() -> None:
    assert "trop de niveaux" in refused("Trace(" + "(" * 5000 + "1" + ")" * 5000 + ")")[0][2]
    assert "trop de niveaux" in refused("SI 1 ALORS\n" * 5000)[0][2]
    assert ran("Trace(Taille(" + ' + "x"' * 0 + '"x"' + ' + "x"' * 5000 + "))").out == ["5001"]
