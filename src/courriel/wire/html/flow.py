"""Plain text built line by line, and tables of it: the output side of the HTML renderer."""

from __future__ import annotations

import re
from collections.abc import Iterable

from courriel._lazy_re import expression

WIDTH = 76  # characters of a line of running text
LONGEST_LINE = 900  # characters of an unbreakable line, a table row or a long word; a mail allows 998 octets

_SPACE = expression(r"[ \t\r\n\f]+")
_NUMBER = expression(r"[-+]?[\d\s.,'\u202f]*\d[\d\s.,'\u202f]*(?:%|€|\$|£|EUR|USD|CHF)?", re.IGNORECASE)


class TextFlow:
    """Lines of text under construction: the page itself, or one cell of a table."""

    def __init__(self, width: int) -> None:
        self.lines: list[str] = []
        self.prefixes: list[str] = []
        self._width = width
        self._pieces: list[str] = []
        self._marker = ""
        self._blank: str | None = None

    def say(self, text: str) -> None:
        """Append running text; white space counts as one space, and at the beginning of a line as none."""
        if self._pieces or text.strip(" \t\r\n\f"):
            self._pieces.append(text)

    def end_line(self) -> None:
        """End the current line if there is one, wrapped to the width."""
        words = self.text_since(0).split(" ")
        self._pieces = []
        if words == [""] and not self._marker:
            return
        prefix = "".join(self.prefixes)
        first = prefix[: len(prefix) - len(self._marker)] + self._marker if self._marker else prefix
        self._marker = ""
        self._leave_blank(prefix)
        for line in _wrapped(words, max(self._width - len(prefix), 20)):
            self.lines.append((first + line).rstrip(" "))
            first = prefix

    def blank(self) -> None:
        """Put an empty line before the text that follows."""
        self.end_line()
        prefix = "".join(self.prefixes)
        self._blank = prefix if self._blank is None else min(self._blank, prefix, key=len)

    def new_line(self) -> None:
        """Handle `<br>`: end the line, or leave one empty."""
        if self._pieces or self._marker:
            self.end_line()
        else:
            self._blank = "".join(self.prefixes)

    def mark(self, marker: str) -> None:
        """Begin the next line with a list marker instead of its indentation."""
        self.end_line()
        self._marker = marker

    def add(self, lines: list[str]) -> None:
        """Add complete lines: a table, or preformatted text."""
        self.end_line()
        prefix = "".join(self.prefixes)
        self._leave_blank(prefix)
        for line in lines:
            whole = (prefix + line).rstrip(" ")
            self.lines += (whole[at : at + LONGEST_LINE] for at in range(0, len(whole) or 1, LONGEST_LINE))

    def text_since(self, since: int) -> str:
        """Running text of this line, from its piece number `since` on."""
        return _SPACE.sub(" ", "".join(self._pieces[since:])).strip(" ")

    @property
    def pieces(self) -> int:
        """Number of pieces of running text in this line so far."""
        return len(self._pieces)

    def _leave_blank(self, prefix: str) -> None:
        """Add the requested empty line; within a quotation it has the quotation's prefix, at its edge it has not."""
        if self._blank is not None and self.lines:
            self.lines.append(min(self._blank, prefix, key=len).rstrip(" "))
        self._blank = None


class Table:
    """Table under construction: rows of cells, each cell a flow of its own."""

    def __init__(self) -> None:
        self.rows: list[list[TextFlow]] = []
        self.open = False

    def lines(self) -> list[str]:
        """Lines of the table: in columns when every cell is a few words, otherwise the cells one below the other."""
        rows = [[cell.lines for cell in row] for row in self.rows if any(cell.lines for cell in row)]
        columns = max(map(len, rows), default=0)
        short = all(len(cell) <= 1 and len("".join(cell)) <= 60 for row in rows for cell in row)
        if columns > 1 and columns <= 12 and short:
            return _aligned([["".join(cell) for cell in row] for row in rows], columns)
        stacked: list[str] = []
        apart = False
        for row in rows:
            if len(row) > 1 and all(len(cell) <= 1 for cell in row):
                stacked += _wrapped(" ".join("".join(cell) for cell in row).split(" "), WIDTH)
                continue
            for cell in row:
                if stacked and (len(cell) > 1 or apart):
                    stacked.append("")
                stacked += cell
                apart = len(cell) > 1
        return stacked


# The steps.


def _wrapped(words: list[str], width: int) -> list[str]:
    """Wrap running text between words; a word longer than any line is split."""
    lines: list[str] = []
    line: list[str] = []
    length = 0
    for word in (part for whole in words for part in _cut(whole)):
        if line and length + len(word) + 1 > width:
            lines.append(" ".join(line))
            line, length = [], 0
        line.append(word)
        length += len(word) + 1
    lines.append(" ".join(line))
    return lines


def _aligned(rows: list[list[str]], columns: int) -> list[str]:
    """Table rows as aligned columns, numbers to the right."""
    widths = [max((len(row[column]) for row in rows if column < len(row)), default=0) for column in range(columns)]
    figures = [
        all(_NUMBER.fullmatch(row[column]) for row in rows[1:] if column < len(row) and row[column]) and len(rows) > 1
        for column in range(columns)
    ]
    return [
        "  ".join(
            cell.rjust(widths[column]) if figures[column] else cell.ljust(widths[column])
            for column, cell in enumerate(row)
        ).rstrip()
        for row in rows
    ]


def _cut(word: str) -> Iterable[str]:
    return (
        (word,)
        if len(word) <= LONGEST_LINE
        else (word[at : at + LONGEST_LINE] for at in range(0, len(word), LONGEST_LINE))
    )
