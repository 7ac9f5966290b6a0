"""Tokens of a WLangage program.

Words are keywords only where they can be: `Fin` after a point, or `De` at the beginning of a statement, are names. Line
ends are tokens, since they end statements; a line that ends in `...` is continued.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass

from lark import Token
from lark.lexer import Lexer

from courriel.failures import Text
from courriel.wlangage.language.syntax.problem import Place, ProgramError, Remark
from courriel.wlangage.language.syntax.words import ARTICLES, KEYWORDS, STARTERS, folded

LONGEST = 1_000_000
"""Characters of a program; more is taken for another kind of file."""


@dataclass(frozen=True, slots=True)
class Comment:
    """A comment with its place; `alone` when nothing else stands on its line."""

    place: Place
    text: str
    alone: bool


_PIECES = re.compile(
    r"""
    (?P<space>[ \t\f\u00a0]+)
    |(?P<comment>//[^\r\n]*|/\*(?:[^*]|\*(?!/))*\*/)
    |(?P<continued>\.\.\.[ \t]*(?://[^\r\n]*)?(?:\r\n|\r|\n|\Z))
    |(?P<newline>\r\n|\r|\n)
    |(?P<string>"(?:[^"\r\n]|"")*")
    |(?P<number>0[xX][0-9A-Fa-f]+|\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)
    |(?P<name>[^\W\d][\w€]*)
    |(?P<operator>\.\.|\+\+|--|\+=|-=|\*=|/=|<=|>=|<>|~=|\[=|[-+*/^%=<>?:;,.()\[\]{}])
    """,
    re.VERBOSE,
)
_OPERATORS = {
    "..": "DOT", ".": "DOT", "++": "INCREMENT", "--": "DECREMENT", "+=": "ADD_TO", "-=": "TAKE_FROM",
    "*=": "MULTIPLY_BY", "/=": "DIVIDE_BY", "<=": "AT_MOST", ">=": "AT_LEAST", "<>": "UNEQUAL", "~=": "ALIKE",
    "[=": "STARTS_WITH", "+": "PLUS", "-": "MINUS", "*": "TIMES", "/": "OVER", "^": "POWER", "%": "MODULO",
    "=": "EQUAL", "<": "LESS", ">": "MORE", "?": "QUESTION", ":": "COLON", ";": "SEMICOLON", ",": "COMMA",
    "(": "OPEN", ")": "CLOSE", "[": "OPEN_INDEX", "]": "CLOSE_INDEX", "{": "OPEN_NAME", "}": "CLOSE_NAME",
}  # fmt: skip
_OPERAND_ENDS = frozenset(("NAME", "NUMBER", "STRING", "CLOSE", "CLOSE_INDEX", "CLOSE_NAME", "CLOSE_PART"))
_STATEMENT_BEGINS = frozenset(("", "NEWLINE", "SEMICOLON", "THEN", "ELSE", "COLON", "SCOPE"))
# Words that stand between two operands; elsewhere they are names.
_BETWEEN = frozenset(("AND", "OR", "MODULO", "OF", "TO", "STEP", "SEPARATED", "ON", "IS"))
_TEXT_END = re.compile(r"^[ \t]*\]", re.MULTILINE)


class WLangageLexer(Lexer):
    """Parser of tokens for lark, one for each program: it keeps the comments that it met."""

    def __init__(self, lexer_conf: object = None) -> None:
        self.comments: list[Comment] = []

    def lex(self, lexer_state: object, parser_state: object = None) -> Iterator[Token]:
        """Yield the tokens of a text; lark hands in its own state, which holds the text."""
        text = getattr(lexer_state, "text", lexer_state)
        return tokens(str(getattr(text, "text", text)), self.comments)


def tokens(program: str, comments: list[Comment] | None = None) -> Iterator[Token]:
    """Yield the tokens of a program, and put its comments into the list. Raises ProgramError at what is no token."""
    return _Scan(program, [] if comments is None else comments).run()


class _Scan:
    """One pass over a program."""

    def __init__(self, program: str, comments: list[Comment]) -> None:
        self.program = program
        self.comments = comments
        self.at = 0
        self.line = 1
        self.line_begins = 0
        self.last = ""  # kind of the last token
        self.after_is = False
        self.header = ""  # FOR, CASE or PROCEDURE on this line: `A` may mean "to", `LOCAL` a copy
        self.brackets: list[str] = []

    def run(self) -> Iterator[Token]:
        while self.at < len(self.program):
            match = _PIECES.match(self.program, self.at)
            if match is None:
                raise self._unknown()
            token = getattr(self, f"_{match.lastgroup}")(match)
            if token is not None:
                self.last = token.type
                yield token
        if self.last not in ("", "NEWLINE"):
            yield self._token("NEWLINE", "\n", self.at)

    # One function for each kind of piece: it moves on, and gives a token or nothing.

    def _space(self, match: re.Match[str]) -> None:
        self.at = match.end()

    def _comment(self, match: re.Match[str]) -> None:
        before = self.program[self.line_begins : self.at]
        self.comments.append(Comment(self._place(self.at, match.end()), match[0], alone=not before.strip()))
        self._move(match.end())

    def _continued(self, match: re.Match[str]) -> None:
        slashes = match[0].find("//")
        if slashes >= 0:
            at = self.at + slashes
            self.comments.append(Comment(self._place(at, match.end()), match[0][slashes:].rstrip("\r\n"), alone=False))
        self._move(match.end())

    def _newline(self, match: re.Match[str]) -> Token | None:
        token = self._token("NEWLINE", "\n", self.at)
        self._move(match.end())
        self.header = ""
        self.after_is = False
        return None if self.last in ("", "NEWLINE") else token

    def _string(self, match: re.Match[str]) -> Token:
        value = match[0][1:-1].replace('""', '"').replace("[fSep]", os.sep).replace("[FSEP]", os.sep)
        return self._taken("STRING", value, match)

    def _number(self, match: re.Match[str]) -> Token:
        return self._taken("NUMBER", match[0], match)

    def _name(self, match: re.Match[str]) -> Token | None:
        word = folded(match[0])
        if self.after_is and word in ARTICLES:
            self.after_is = False
            self.at = match.end()
            return None
        self.after_is = False
        # d'entiers, l'un: the apostrophe of French.
        if word == "d" and self.program[match.end() : match.end() + 1] in ("'", "’") and self.last in _OPERAND_ENDS:
            token = self._taken("OF", match[0], match)
            self.at += 1
            return token
        kind = self._kind(word, match)
        token = self._taken(kind, match[0], match)
        if kind == "IS":
            self.after_is = True
        if kind in ("FOR", "CASE", "PROCEDURE"):
            self.header = kind
        if kind == "TO" and self.header == "FOR":
            self.header = "FOR TO"
        return token

    def _operator(self, match: re.Match[str]) -> Token:
        written, at = match[0], self.at
        if self.program.startswith("/*", at):
            raise self._unknown()  # a comment without an end
        if written == "[=" and self.last not in _OPERAND_ENDS:
            written = "["
        if written == "[":
            text = self._text_of_lines(at)
            if text is not None:
                return text
            if self.last in _OPERAND_ENDS and self.program.startswith("[[", at):
                self.brackets.append("[[")
                return self._sized("OPEN_PART", "[[", at)
            self.brackets.append("[")
        elif written == "]" and self.brackets and self.brackets.pop() == "[[" and self.program.startswith("]]", at):
            return self._sized("CLOSE_PART", "]]", at)
        if written == ":" and self._is_member_sign(at):
            return self._sized("DOT", written, at)
        return self._sized(_OPERATORS[written], written, at)

    def _is_member_sign(self, at: int) -> bool:
        """Whether `:` stands close between two names, outside of CAS: `Client:Nom`."""
        around = self.program[max(0, at - 1) : at + 2]
        close = len(around) == 3 and not around[0].isspace() and (around[2].isalpha() or around[2] == "_")
        return close and self.last in ("NAME", "CLOSE_INDEX") and not self.header

    # The steps.

    def _kind(self, word: str, match: re.Match[str]) -> str:
        """Whether a word is a keyword here, and which."""
        kind = KEYWORDS.get(word, "NAME")
        if kind == "NAME" or self.last == "DOT":
            return "NAME"
        if kind in STARTERS:
            return kind if self._begins(kind) else "NAME"
        if kind == "NOT":
            if self.header == "FOR TO" and self.last in _OPERAND_ENDS:
                return "STEP"
            return "NAME" if self.last in _OPERAND_ENDS or self._assigned(match.end()) else "NOT"
        if kind in _BETWEEN:
            if self.last not in _OPERAND_ENDS and not (kind == "TO" and self.last == "OPEN_PART"):
                return "NAME"
            if kind == "TO":
                inside = self.header in ("FOR", "CASE") or "[[" in self.brackets
                return "TO" if inside else "NAME"
            return kind
        if kind == "ALL":
            return "ALL" if self.last == "FOR" else "NAME"
        if kind == "BY":
            return "BY" if self.last in ("SEPARATED", "NUMBER") else "NAME"
        if kind == "IN":
            return "IN" if self.last == "EXCEPTION" else "NAME"
        if kind == "EXCEPTION":
            return "EXCEPTION" if self.last in ("WHEN", "CASE") else "NAME"
        return kind

    def _begins(self, kind: str) -> bool:
        if self.last in _STATEMENT_BEGINS:
            return True
        return (
            (kind == "CASE" and self.last == "OTHER")
            or (kind == "INTERNAL" and self.last == "PROCEDURE")
            or (kind == "PROCEDURE" and self.last in ("INTERNAL", "END", "SCOPE"))
            or (kind == "FOR" and self.last == "END")
            or (kind in ("WHILE", "DO") and self.last in ("DO", "TO"))
            or (kind == "LOOP" and self.last == "END")
            or (kind == "CONSTANT" and self.last == "SCOPE")
            or (kind == "SCOPE" and self.header == "PROCEDURE" and self.last in ("OPEN", "COMMA"))
        )

    def _assigned(self, at: int) -> bool:
        """Whether `=` follows: `Pas = 3` is the variable."""
        return self.last in ("", "NEWLINE", "SEMICOLON") and self.program[at : at + 40].lstrip(" \t").startswith("=")

    def _text_of_lines(self, at: int) -> Token | None:
        """A text over several lines: `[` at the end of a line, where an operand is expected, to `]` alone before it."""
        if self.last in _OPERAND_ENDS:
            return None
        begin = re.compile(r"\[[ \t]*(?:\r\n|\r|\n)").match(self.program, at)
        if begin is None:
            return None
        end = _TEXT_END.search(self.program, begin.end())
        if end is None:
            raise ProgramError(
                Remark(
                    self._place(at, at + 1),
                    Text(
                        "ce texte sur plusieurs lignes n'a pas de fin : une ligne qui commence par ] est attendue",
                        "this text over several lines has no end: a line that begins with ] is expected",
                    ),
                )
            )
        inside = re.split(r"\r\n|\r|\n", self.program[begin.end() : end.start()])[:-1]
        return self._sized("STRING", self.program[at : end.end()], at, value="\r\n".join(inside))

    def _taken(self, kind: str, value: str, match: re.Match[str]) -> Token:
        return self._sized(kind, match[0], self.at, value=value)

    def _sized(self, kind: str, written: str, at: int, *, value: str | None = None) -> Token:
        token = self._token(kind, written if value is None else value, at, length=len(written))
        self._move(at + len(written))
        return token

    def _token(self, kind: str, value: str, at: int, *, length: int = 1) -> Token:
        place = self._place(at, at + length)
        return Token(
            kind, value, start_pos=at, line=place.line, column=place.column, end_column=place.column + length,
            end_pos=at + length, end_line=place.line,
        )  # fmt: skip

    def _place(self, begin: int, end: int) -> Place:
        return Place(self.line, begin - self.line_begins + 1, end - begin)

    def _move(self, to: int) -> None:
        """Go on to this offset, and count the lines between."""
        for end in re.compile(r"\r\n|\r|\n").finditer(self.program, self.at, to):
            self.line += 1
            self.line_begins = end.end()
        self.at = to

    def _unknown(self) -> ProgramError:
        character = self.program[self.at]
        if character == '"':
            end = re.compile(r"[^\r\n]*").match(self.program, self.at)
            place = self._place(self.at, end.end() if end else self.at + 1)
            text = Text(
                "cette chaîne n'a pas de guillemet final ; un guillemet dans une chaîne s'écrit \"\"",
                'this string has no closing quote; a quote inside a string is written ""',
            )
            return ProgramError(Remark(place, text))
        if self.program.startswith("/*", self.at):
            return ProgramError(
                Remark(
                    self._place(self.at, self.at + 2),
                    Text("ce commentaire /* n'a pas de fin */", "this comment /* has no end */"),
                )
            )
        shown = character if character.isprintable() else f"U+{ord(character):04X}"
        text = Text(f"caractère inattendu : {shown}", f"unexpected character: {shown}")
        return ProgramError(Remark(self._place(self.at, self.at + 1), text))
