"""Lines of the translated program: indentation, empty lines and comments in their places."""

from __future__ import annotations

import re
from collections.abc import Generator
from contextlib import contextmanager

from courriel.wlangage.language.syntax.lexer import Comment
from courriel.wlangage.language.syntax.program import Program

INDENT = "    "
_OTHERWISE = re.compile(r"\s*(sinon|else)\s*(//|$)", re.IGNORECASE)


class Layout:
    """The lines written so far; comments are put in as the statements behind them are written."""

    def __init__(self, program: Program) -> None:
        self.lines: list[str] = []
        self.depth = 0
        self._source = program.lines
        self._comments = list(program.comments)[::-1]
        self._others: dict[int, list[Comment]] = {}

    @contextmanager
    def reading(self, other: Program | None) -> Generator[None]:
        """Take lines and comments from another program, where the last time left off; None for this one."""
        if other is None:
            yield
            return
        own = self._source, self._comments
        self._source = other.lines
        self._comments = self._others.setdefault(id(other), list(other.comments)[::-1])
        yield
        self._source, self._comments = own

    def write(self, text: str) -> None:
        """Write a line, or several of one statement."""
        first, *more = text.split("\n")
        self.lines.append(f"{INDENT * self.depth}{first}")
        # What follows is inside of a text over several lines: it is not indented.
        self.lines.extend(more)

    def reach(self, line: int, *, blank: bool = True) -> None:
        """Write the comments that stand before a line of the source, and the empty line before it, if there is one."""
        while self._comments and self._comments[-1].place.line < line:
            comment = self._comments.pop()
            if blank and self._empty_before(comment.place.line):
                self.space()
            self._comment(comment)
        if blank and self._empty_before(line):
            self.space()

    def trail(self, last_line: int) -> None:
        """Put the comments that stand on the lines of the statement just written behind it."""
        while self._comments and self._comments[-1].place.line <= last_line:
            comment = self._comments.pop()
            text = _text(comment)
            if "\n" in text or not self.lines:
                self._comment(comment)
            else:
                self.lines[-1] += f"  # {text}"

    def otherwise(self, before: int, behind: int) -> int:
        """The line of the SINON that stands alone above a line of the source, and behind another; else that line."""
        for line in range(before - 1, behind, -1):
            if _OTHERWISE.match(self._source[line - 1]):
                return line
        return before

    def hold_back(self, line: int) -> list[Comment]:
        """Take out the comments that stand before a line of the source, for `give_back`."""
        held: list[Comment] = []
        while self._comments and self._comments[-1].place.line < line:
            held.append(self._comments.pop())
        return held

    def give_back(self, held: list[Comment]) -> None:
        """Put comments back that were held: what stands between them and the statements is written now."""
        self._comments.extend(reversed(held))

    @contextmanager
    def deeper(self) -> Generator[None]:
        """Indent the statements of a `with` block one level deeper."""
        self.depth += 1
        yield
        self.depth -= 1

    def rest(self) -> None:
        """Write the comments behind the last line."""
        while self._comments:
            self._comment(self._comments.pop())

    def space(self) -> None:
        """Write an empty line, unless one was just written or a block was just opened."""
        if self.lines and self.lines[-1] and not self.lines[-1].endswith(":"):
            self.lines.append("")

    def _comment(self, comment: Comment) -> None:
        for line in _text(comment).split("\n"):
            self.lines.append(f"{INDENT * self.depth}# {line.strip()}".rstrip())

    def _empty_before(self, line: int) -> bool:
        return 2 <= line <= len(self._source) + 1 and not self._source[line - 2].strip()


def _text(comment: Comment) -> str:
    return comment.text.removeprefix("//").removeprefix("/*").removesuffix("*/").strip().replace("\r", "")
