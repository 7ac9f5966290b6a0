"""A program read from its text: procedures, and the statements of its launch code."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache
from importlib.resources import files

from lark import Lark, Token
from lark.exceptions import UnexpectedToken

from courriel.failures import Text
from courriel.wlangage.language.syntax.lexer import LONGEST, Comment, WLangageLexer
from courriel.wlangage.language.syntax.nodes import Procedure, Statement
from courriel.wlangage.language.syntax.problem import Place, ProgramError, Remark, nearest, suggestion
from courriel.wlangage.language.syntax.procedures import gather
from courriel.wlangage.language.syntax.tree import TreeBuilder
from courriel.wlangage.language.syntax.words import KEYWORDS, folded, spelled

DEEPEST = 250
"""Unfinished rules at a time, a few for each level of blocks and parentheses; more would exhaust Python's stack."""


@dataclass(slots=True)
class Program:
    """A program: its procedures by their order, its launch code, and its comments."""

    name: str
    text: str
    procedures: list[Procedure]
    launch: list[Statement]
    comments: list[Comment]
    notes: list[Remark] = field(default_factory=list)
    others: list[tuple[Program, set[str], int]] = field(default_factory=list)
    """Programs whose procedures were added behind, by folded name, and how many statements before the launch code."""

    @property
    def lines(self) -> list[str]:
        """The lines of the text, without their ends."""
        return self.text.splitlines()


def read_program(text: str, name: str = "") -> Program:
    """Return a program by its text. Raises ProgramError, with the place, for what is no WLangage known here."""
    if len(text) > LONGEST:
        raise ProgramError(
            Remark(
                Place(1, 1), Text("ce fichier est trop long pour un programme", "this file is too long for a program")
            )
        )
    text = text.removeprefix("\ufeff")
    lexer = WLangageLexer()
    statements = _tree(text, lexer)
    procedures, launch, notes = gather(statements, text)
    return Program(name, text, procedures, launch, lexer.comments, notes)


def decoded(octets: bytes) -> str:
    """Return the text of a program's file: UTF-16 by its mark, UTF-8, else Windows-1252, in which WINDEV writes."""
    if octets.startswith((b"\xff\xfe", b"\xfe\xff")):
        return octets.decode("utf-16", "replace")
    try:
        return octets.decode("utf-8-sig")
    except UnicodeDecodeError:
        return octets.decode("cp1252", "replace")


@lru_cache(maxsize=1)
def _grammar() -> Lark:
    grammar = files("courriel.wlangage.language.syntax").joinpath("grammar.lark").read_text("utf-8")
    return Lark(grammar, parser="lalr", lexer=WLangageLexer, propagate_positions=True)


def _tree(text: str, lexer: WLangageLexer) -> list[Statement]:
    parser = _grammar().parse_interactive("")
    for token in lexer.lex(text):
        try:
            parser.feed_token(token)
        except UnexpectedToken as wrong:
            raise _unexpected(wrong, token) from None
        if len(parser.parser_state.state_stack) > DEEPEST:
            raise ProgramError(Remark(_place(token), Text("trop de niveaux imbriqués", "too many nested levels")))
    end = Token("$END", "", line=max(1, len(text.splitlines())), column=1, start_pos=len(text), end_pos=len(text))
    try:
        tree = parser.feed_token(end)
    except UnexpectedToken:
        raise _unfinished(end, parser.parser_state.value_stack) from None
    return TreeBuilder().transform(tree)


def _place(token: Token) -> Place:
    return Place(token.line or 1, token.column or 1, max(1, (token.end_pos or 0) - (token.start_pos or 0)))


def _unfinished(end: Token, waiting: list[object]) -> ProgramError:
    """The error for a block without an end; `waiting` holds the tokens of what was begun."""
    openers = [each for each in waiting if isinstance(each, Token) and each.type in _OPENERS]
    if not openers:
        text = Text("la fin du programme vient trop tôt", "the program ends too early")
        return ProgramError(Remark(_place(end), text))
    opener = openers[-1]
    text = Text(f"ce bloc {opener} n'a pas de FIN", f"this block {opener} has no END")
    return ProgramError(Remark(_place(opener), text))


_OPENERS = frozenset(("IF", "FOR", "WHILE", "LOOP", "SWITCH", "WHEN", "STRUCTURE", "CONSTANT", "INTERNAL"))


def _unexpected(wrong: UnexpectedToken, token: Token) -> ProgramError:
    found = _found(token)
    expected = _expected(set(wrong.accepts or wrong.expected))
    fr = f"inattendu ici : {found.fr}"
    en = f"unexpected here: {found.en}"
    if expected:
        fr += " ; attendu : " + ", ".join(each.fr for each in expected)
        en += "; expected: " + ", ".join(each.en for each in expected)
    if token.type == "NAME" and folded(str(token)) not in KEYWORDS:
        hint_fr, hint_en = suggestion(nearest(str(token), (word.upper() for word in KEYWORDS)))
        fr, en = fr + hint_fr, en + hint_en
    if token.type == "NEWLINE" and "CLOSE" in (wrong.accepts or wrong.expected):
        fr += " (une instruction continue à la ligne suivante par ...)"
        en += " (a statement is continued on the next line by ...)"
    return ProgramError(Remark(_place(token), Text(fr, en)))


def _found(token: Token) -> Text:
    if token.type == "NEWLINE":
        return Text("la fin de la ligne", "the end of the line")
    shown = str(token) if len(token) <= 40 else str(token)[:40] + "…"
    if token.type == "STRING":
        return Text("une chaîne", "a string")
    return Text(f"« {shown} »", f'"{shown}"')


def _expected(kinds: set[str]) -> list[Text]:
    """Names of what may stand here; [] when nearly everything may."""
    said: list[Text] = []
    if {"NUMBER", "STRING", "NAME"} <= kinds:
        said.append(Text("une valeur", "a value"))
        kinds = kinds - {"NUMBER", "STRING", "OPEN", "OPEN_INDEX", "OPEN_NAME", "MINUS", "PLUS", "NOT", "NAME"}
    if {"PLUS", "TIMES", "EQUAL"} <= kinds:
        kinds = kinds - _CONTINUATIONS
        said.append(Text("un opérateur", "an operator"))
    for kind in sorted(kinds):
        if kind in _SIGNS:
            said.append(Text(_SIGNS[kind], _SIGNS[kind]))
        elif kind == "NEWLINE":
            said.append(Text("la fin de la ligne", "the end of the line"))
        elif kind == "NAME":
            said.append(Text("un nom", "a name"))
        elif kind in set(KEYWORDS.values()):
            said.append(Text(spelled(kind), spelled(kind)))
    return said if len(said) <= 6 else []


_SIGNS = {
    "CLOSE": ")", "CLOSE_INDEX": "]", "CLOSE_NAME": "}", "CLOSE_PART": "]]", "COMMA": ",", "EQUAL": "=", "COLON": ":",
    "OPEN": "(",
}  # fmt: skip
_CONTINUATIONS = frozenset(
    [
        "PLUS",
        "MINUS",
        "TIMES",
        "OVER",
        "POWER",
        "MODULO",
        "EQUAL",
        "UNEQUAL",
        "LESS",
        "MORE",
        "AT_MOST",
        "AT_LEAST",
        "ALIKE",
        "STARTS_WITH",
        "AND",
        "OR",
        "QUESTION",
        "OPEN",
        "OPEN_INDEX",
        "OPEN_PART",
        "DOT",
        "SEMICOLON",
        "ADD_TO",
        "TAKE_FROM",
        "MULTIPLY_BY",
        "DIVIDE_BY",
        "INCREMENT",
        "DECREMENT",
        "IS",
        "COMMA",
    ]
)
