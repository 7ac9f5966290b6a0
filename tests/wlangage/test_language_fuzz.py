"""Programs nobody would write: each is understood, or refused by our own error; none ends in a traceback."""

from __future__ import annotations

import re
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from courriel.failures import speak
from courriel.wlangage import program as wl
from courriel.wlangage.language.checking import check
from courriel.wlangage.language.functions.desk import Desk
from courriel.wlangage.language.syntax.problem import ProgramError, marked
from courriel.wlangage.language.syntax.program import read_program
from courriel.wlangage.language.syntax.words import KEYWORDS
from courriel.wlangage.language.translating.translate import translate
from courriel.wlangage.problem import ErreurWLangage
from fast_part import examples
from wlangage.running import ran
from wlangage.test_programs import PROGRAMS

TEXTS = [path.read_text("utf-8") for path in sorted(PROGRAMS.glob("*.wl"))]
WORDS = [*(word.upper() for word in KEYWORDS), "x", "s", "Email", "Sujet", "1", "2.5", '"a"', '"a""b"', "RC", "Trace"]
SIGNS = ["=", "<>", "+", "-", "*", "/", "(", ")", "[", "]", "[[", "]]", "{", "}", ",", ".", "..", ":", ";", "?",
         "...\n", "\n", "\n", "//x\n", "++", "+=", "\t", " "]  # fmt: skip
soup = st.lists(st.sampled_from(WORDS + SIGNS), max_size=40).map(" ".join)


def understood(text: str) -> bool:
    """Whether a program is understood; otherwise each remark can be shown."""
    try:
        program = read_program(text)
        check(program)
        translate(program)
    except ProgramError as error:
        for remark in error.remarks:
            assert marked(remark, text.splitlines(), "p.wl", "fr")
            assert remark.place.line >= 1
        return False
    return True


@settings(max_examples=examples(500))
@given(soup)
def test_words_in_any_order(text: str) -> None:
    understood(text)


@settings(max_examples=examples(300))
@given(st.text(max_size=200))
def test_any_text(text: str) -> None:
    understood(text)


@settings(max_examples=examples(300))
@given(st.sampled_from(TEXTS), st.data())
def test_programs_with_a_piece_taken_out_or_put_in(text: str, data: st.DataObject) -> None:
    pieces = re.findall(r"\w+|\s+|.", text)
    place = data.draw(st.integers(0, len(pieces) - 1))
    if data.draw(st.booleans()):
        del pieces[place : place + data.draw(st.integers(1, 4))]
    else:
        pieces.insert(place, f" {data.draw(st.sampled_from(WORDS + SIGNS))} ")
    understood("".join(pieces))


# Programs of the grammar: they are run as well, and translated. They have no loops without an end.

names = st.sampled_from(["a", "b", "sNom", "nCompte"])
literals = st.one_of(
    st.integers(-5, 1000).map(str),
    st.sampled_from(["2.5", '"x"', '""', '"12"', "Vrai", "Faux", "RC", "a", "b", "sNom"]),
)
expressions = st.recursive(
    literals,
    lambda inner: st.one_of(
        st.tuples(inner, st.sampled_from(["+", "-", "*", "/", "=", "<>", "<", ">=", "ET", "OU", "MODULO", "~="]), inner)
        .map(lambda parts: f"({' '.join(parts)})"),
        inner.map(lambda text: f"(PAS {text})"),
        inner.map(lambda text: f"Taille({text})"),
        inner.map(lambda text: f"Gauche({text}, 2)"),
        inner.map(lambda text: f"NumVersChaîne({text})"),
        st.tuples(inner, inner, inner).map(lambda parts: f"({parts[0]} ? {parts[1]} SINON {parts[2]})"),
        st.tuples(inner, inner).map(lambda parts: f"ChaîneConstruit({parts[0]}, {parts[1]})"),
    ),
    max_leaves=8,
)  # fmt: skip
simple = st.one_of(
    st.tuples(names, expressions).map(lambda parts: f"{parts[0]} = {parts[1]}"),
    st.tuples(names, expressions).map(lambda parts: f"{parts[0]} += {parts[1]}"),
    expressions.map(lambda text: f"Trace({text})"),
    st.tuples(expressions, expressions).map(lambda parts: f"SI {parts[0]} ALORS Trace({parts[1]}) SINON a = 1"),
)
statements = st.recursive(
    simple,
    lambda inner: st.one_of(
        st.tuples(expressions, st.lists(inner, max_size=3)).map(
            lambda p: f"SI {p[0]} ALORS\n" + "\n".join([*p[1], "FIN"])
        ),
        st.lists(inner, max_size=3).map(lambda body: "POUR i = 1 À 3\n" + "\n".join([*body, "FIN"])),
        st.tuples(expressions, inner, inner).map(
            lambda p: f'SELON {p[0]}\nCAS 1, "x" : {p[1]}\nAUTRE CAS\n{p[2]}\nFIN'
        ),
        st.lists(inner, min_size=1, max_size=3).map(
            lambda body: "QUAND EXCEPTION DANS\n" + "\n".join([*body, "FAIRE", "Trace(ExceptionInfo())", "FIN"])
        ),
    ),
    max_leaves=6,
)
HEAD = "a, b sont des entiers\nsNom est une chaîne\nnCompte est un réel\n"


def translated_output(text: str) -> list[str]:
    """What the translation of a program prints; behind it the error that ended it, if any."""
    shown: list[str] = []
    place = {"__name__": "program"}
    exec(compile(translate(read_program(text)), "p.py", "exec"), place)  # the translation is what is tried
    main = place["main"]
    assert callable(main)
    desk, wl.desk = wl.desk, Desk(Path(), say=shown.append)
    try:
        main()
    except ErreurWLangage as error:
        shown.append(error.wording.fr)
    finally:
        wl.desk = desk
    return shown


@settings(max_examples=examples(300))
@given(st.lists(statements, min_size=1, max_size=6).map(lambda body: HEAD + "\n".join(body)))
def test_programs_of_the_grammar_do_the_same_when_translated(text: str) -> None:
    found = ran(text)
    ended = [] if found.stopped is None else [found.stopped[1]]

    speak("fr")
    assert translated_output(text) == found.out + ended
