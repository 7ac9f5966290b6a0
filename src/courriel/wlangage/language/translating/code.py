"""A piece of Python: its text, its type, and how tightly it holds together."""

from __future__ import annotations

from dataclasses import dataclass

WIDEST = 110
"""Characters of a line; a longer sum of texts is written one part below the other."""

# Levels of Python's grammar, the loosest first.
CONDITIONAL, OR, AND, NOT, COMPARISON, SUM, PRODUCT, UNARY, POWER, CALL = range(10)


@dataclass(frozen=True, slots=True)
class Code:
    """An expression: `text`, the static type of its value, and its level in Python's grammar.

    `summands` are the parts of a sum of texts, which may be written one below the other.
    """

    text: str
    type: str = "any"
    level: int = CALL
    summands: tuple[str, ...] = ()

    def at(self, level: int) -> str:
        """The text where something of that level is needed: in parentheses if it is looser."""
        return self.text if self.level >= level else f"({self.text})"


def folded_sum(before: str, code: Code, depth: int) -> str:
    """`before` and an expression; a long sum of texts in parentheses, one part a line."""
    if len(before) + len(code.text) + 4 * depth <= WIDEST or len(code.summands) < 2 or "\n" in code.text:
        return before + code.text
    inner, outer = "    " * (depth + 1), "    " * depth
    first, *more = code.summands
    return "\n".join([f"{before}(", f"{inner}{first}", *(f"{inner}+ {each}" for each in more), f"{outer})"])


def quoted(value: str) -> str:
    """A text as a Python literal, in double quotes where that is shorter."""
    literal = repr(value)
    if literal.startswith("'") and '"' not in value:
        return f'"{literal[1:-1]}"'.replace("\\'", "'")
    return literal
