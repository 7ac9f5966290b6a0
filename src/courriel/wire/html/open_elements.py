"""
Cost of the elements that stand open while a browser builds its tree: what each tag makes it walk through.

The elements of the tree are never more than those that are counted here. Only what surely closes an element closes it;
what closes by itself, as a row the row before it, is not counted as nested.
"""

from __future__ import annotations

MOST_STEPS = 40_000_000
"""Open elements, summed over all tags: a parser looks through them at each, some 20 ns an element."""
MOST_MOVED = 10_000
"""Elements and texts between the cells of tables: each is moved before its table, past all that was moved there."""
MOST_ROOTS = 100
"""Tags of `html` and `body`, whose attributes are added to those of the first."""

_VOID = frozenset(
    {"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "param", "source", "wbr"}
)
_FLAT = frozenset({"a", "dd", "dt", "li", "option", "p", "tbody", "td", "tfoot", "th", "thead", "tr"})
"""Elements that do not stand within their own kind by themselves: a table may have thousands."""
_FLAT_IN_FOREIGN = frozenset({"dd", "dt", "li", "p"})  # the others are elements like all in SVG
_CLOSES_THROUGH = frozenset({"blockquote", "center", "div", "ol", "section", "table", "ul"})
_TABLE_PARTS = frozenset({"caption", "col", "colgroup", "tbody", "td", "tfoot", "th", "thead", "tr"})
_CELLS = frozenset({"caption", "td", "th"})
_MOST_FLAT = 8  # of them above each other, closed by one tag


class OpenElements:
    """Elements that are open, and what the tags so far have cost."""

    def __init__(self) -> None:
        self._names: list[str] = []
        self._depth = 0  # of these, without the flat ones
        self._steps = 0
        self._moved = self._roots = 0
        self.between_cells = False
        """Position in a table, outside of its cells: elements and texts found there are moved before the table."""
        self._foreign = False

    def take(self, name: str, *, closing: bool, certain: bool) -> bool:
        """Take a tag; return whether all of them stay within the bounds."""
        self._steps += self._depth + 1
        if closing:
            if certain:
                self._close(name)
        else:
            self._roots += name in {"html", "body"}
            self._moved += self.between_cells and name not in _TABLE_PARTS
            self._open(name, certain=certain)
        self._see_cells(name, closing=closing, certain=certain)
        return self._steps <= MOST_STEPS and self._moved <= MOST_MOVED and self._roots <= MOST_ROOTS

    def take_text(self, text: str) -> None:
        """Take text that stands between cells."""
        self._moved += bool(text) and not text.isspace()

    # The steps.

    def _open(self, name: str, *, certain: bool) -> None:
        if not certain and name in {"svg", "math"}:
            self._foreign = True
        if name in _VOID and not self._foreign:
            return
        flat = name in (_FLAT_IN_FOREIGN if self._foreign else _FLAT)
        if flat and self._names and self._names[-1] == name:
            return
        self._names.append(name)
        self._depth += not flat

    def _close(self, name: str) -> None:
        """Close an element that stands on top, below flat ones for what closes those with it."""
        names = self._names
        place = len(names) - 1
        if name in _CLOSES_THROUGH:
            lowest = max(place - _MOST_FLAT, 0)
            while place > lowest and names[place] in _FLAT:
                place -= 1
        if place >= 0 and names[place] == name:
            self._depth -= name not in _FLAT
            del names[place:]

    def _see_cells(self, name: str, *, closing: bool, certain: bool) -> None:
        if name == "table":
            self.between_cells = not closing or (self.between_cells and not certain)
        elif name in _CELLS:
            self.between_cells = closing or (self.between_cells and not certain)
        elif name in _TABLE_PARTS:
            self.between_cells = True
