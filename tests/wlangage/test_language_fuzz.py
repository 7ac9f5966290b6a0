"""Programs nobody would write: each is understood, or refused by our own error; none ends in a traceback."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
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
from courriel.wlangage.program_state import program_state
from fast_part import examples
from wlangage.running import ran
from wlangage.stage import PROGRAMS

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


@pytest.mark.slow
@settings(max_examples=examples(500))
@given(soup)
def test_words_in_any_order(text: str) -> None:
    understood(text)


@pytest.mark.slow
@settings(max_examples=examples(300))
@given(st.text(max_size=200))
def test_any_text(text: str) -> None:
    understood(text)


@pytest.mark.slow
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

NAMES = ("a", "b", "sNom", "nCompte")
LITERALS = ("0", "1", "-3", "12", "1000", "2.5", '"x"', '""', '"12"', "Vrai", "Faux", "RC", "a", "b", "sNom", "nCompte")
OPERATORS = ("+", "-", "*", "/", "=", "<>", "<", ">=", "ET", "OU", "MODULO", "~=")
HEAD = "a, b sont des entiers\nsNom est une chaîne\nnCompte est un réel\n"


class Author:
    """Writes programs that have no loop without an end."""

    def __init__(self, draw: Callable[[st.SearchStrategy[Any]], Any]) -> None:
        self._draw = draw

    def one_of(self, *given: str) -> str:
        return str(self._draw(st.sampled_from(given)))

    def expression(self, depth: int = 3) -> str:
        form = self.one_of("literal", "literal", "operation", "not", "function", "conditional") if depth else "literal"
        if form == "literal":
            return self.one_of(*LITERALS)
        one, two = self.expression(depth - 1), self.expression(depth - 1)
        if form == "operation":
            return f"({one} {self.one_of(*OPERATORS)} {two})"
        if form == "not":
            return f"(PAS {one})"
        if form == "conditional":
            return f"({one} ? {two} SINON {self.expression(depth - 1)})"
        name = self.one_of("Taille", "NumVersChaîne", "Gauche", "ChaîneConstruit")
        return f"{name}({one}{f', {two}' if name == 'ChaîneConstruit' else ', 2' if name == 'Gauche' else ''})"

    def statement(self, depth: int = 2) -> str:
        simple = ("assign", "add", "trace", "one line")
        form = self.one_of(*simple, "if", "loop", "cases", "exception") if depth else self.one_of(*simple)
        value = self.expression()
        match form:
            case "assign":
                return f"{self.one_of(*NAMES)} = {value}"
            case "add":
                return f"{self.one_of(*NAMES)} += {value}"
            case "trace":
                return f"Trace({value})"
            case "one line":
                return f"SI {value} ALORS Trace({self.expression()}) SINON a = 1"
            case "if":
                return f"SI {value} ALORS\n{self.block(depth)}SINON\n{self.block(depth)}FIN"
            case "loop":
                change = self.one_of("", f"i{depth} += 1\n", f"SI b ALORS\ni{depth}++\nCONTINUER\nFIN\n")
                end = self.one_of("", f"\nTrace(i{depth})")
                return f"POUR i{depth} = 1 À 3\n{change}{self.block(depth)}FIN{end}"
            case "cases":
                return f'SELON {value}\nCAS 1, "x" : {self.statement(0)}\nAUTRE CAS\n{self.block(depth)}FIN'
            case _:
                return f"QUAND EXCEPTION DANS\n{self.block(depth)}FAIRE\nTrace(ExceptionInfo())\nFIN"

    def block(self, depth: int) -> str:
        return "".join(f"{self.statement(depth - 1)}\n" for _ in range(int(self.one_of("0", "1", "2"))))


@st.composite
def programs(draw: Callable[[st.SearchStrategy[Any]], Any]) -> str:
    author = Author(draw)
    return HEAD + "\n".join(author.statement() for _ in range(draw(st.integers(1, 5))))


def translated_output(text: str) -> list[str]:
    """What the translation of a program prints; behind it the error that ended it, if any."""
    shown: list[str] = []
    place = {"__name__": "program"}
    python = translate(read_program(text))
    exec(compile(python, "p.py", "exec", dont_inherit=True), place)  # the translation is what is tried
    main = place["main"]
    assert callable(main)
    desk, wl.desk = wl.desk, Desk(Path(), say=shown.append)
    try:
        with program_state.with_line_end("\r\n"):  # as wl.run has it
            main()
    except ErreurWLangage as error:
        shown.append(error.wording.fr)
    finally:
        wl.desk = desk
    return shown


@pytest.mark.slow
@settings(max_examples=examples(200))
@given(programs())
def test_programs_of_the_grammar_do_the_same_when_translated(text: str) -> None:
    found = ran(text)
    ended = [] if found.stopped is None else [found.stopped[1]]

    speak("fr")
    assert translated_output(text) == found.out + ended
