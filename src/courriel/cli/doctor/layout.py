"""Layout of the doctor's lines: columns, wrapped texts, times at the right margin, labels below a step."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from shutil import get_terminal_size
from textwrap import wrap

from courriel.cli.i18n import say, visible

WIDEST = 100
_LABEL = 13
_INDENT = 5
_COLORS = {"✓": "32", "!": "33", "✗": "31", "?": "33", "–": "2"}
MARKS = {"ok": "✓", "warning": "!", "failed": "✗", "skipped": "–", "unknown": "?"}

Paint = Callable[[str, str], str]
"""Function that colours a text, or leaves it as it is."""


def width() -> int:
    """Columns to fill; 0 where lines are not wrapped, because a program reads them."""
    return min(get_terminal_size().columns, WIDEST) if sys.stdout.isatty() else 0


def marked(status: str, paint: Paint) -> str:
    """The mark of a status, coloured."""
    mark = MARKS[status]
    return paint(mark, _COLORS[mark])


def step_lines(
    number: str, name: str, names: int, mark: str, finding: str, seconds: float | None, columns: int
) -> Iterator[str]:
    """A step: number, name, mark, finding, and its time at the right; `mark` may be coloured."""
    took = milliseconds(seconds)
    first = f"{number:>2} {name.ljust(names)} {mark} "
    before = 3 + names + 3
    lines = wrapped(finding, columns and columns - before - (len(took) + 2 if took else 0))
    gap = columns - before - len(lines[0]) - len(took) if columns else 2
    yield f"{first}{lines[0]}{' ' * gap if took else ''}{took}"
    for line in lines[1:]:
        yield f"{'':{before}}{line}"


def entry_lines(label: str, text: str, columns: int) -> Iterator[str]:
    """A label and its text below a step; nothing for an empty text."""
    if not text:
        return
    before = _INDENT + _LABEL
    lines = wrapped(text, columns and columns - before)
    yield f"{'':{_INDENT}}{label.ljust(_LABEL)}{lines[0]}"
    for line in lines[1:]:
        yield f"{'':{before}}{line}"


def indented(text: str, before: int, columns: int) -> Iterator[str]:
    """A text below the finding of its step."""
    for line in wrapped(text, columns and columns - before):
        yield f"{'':{before}}{line}"


def wrapped(text: str, columns: int) -> list[str]:
    """A text in lines of at most so many columns, one word longer than that excepted; 0 wraps nothing."""
    shown = visible(text)
    if not columns:
        return [shown]
    return wrap(shown, max(columns, 20), break_long_words=False, break_on_hyphens=False) or [""]


def stamp() -> str:
    """The version of courriel and the time, for the end of a report."""
    from datetime import UTC, datetime

    from courriel import __version__

    return f"courriel {__version__}, {datetime.now(UTC):%Y-%m-%d %H:%M} UTC"


def milliseconds(seconds: float | None) -> str:
    """A duration for people; "" when there is none."""
    if seconds is None:
        return ""
    if seconds >= 1:
        return say(f"{seconds:.1f} s".replace(".", ","), f"{seconds:.1f} s")
    return f"{seconds * 1000:.0f} ms" if seconds >= 0.001 else "< 1 ms"
