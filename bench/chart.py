"""The ratios as a picture, written by hand: one bar for each, a tick where its floor is."""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape

from .measuring import Ratio, number

WIDTH = 900
LEFT = 340
RIGHT = 70
TOP = 64
LINE = 22
BOTTOM = 46
LEAST = 0.1
DARK, LIGHT, GRID = "#1c2530", "#51606e", "#c8d0d8"
MET, NOT_MET, FREE = "#2f7d4f", "#b3541e", "#7a8794"
WHAT = "Our rate over theirs, same round, median; the tick is the floor. Client cost on one core, no delivery rates."
COLOURS = "Green: floor met. Orange: not met. Grey: no floor promised."


def draw(ratios: Sequence[Ratio], title: str) -> str:
    """An SVG, on a scale where each step is ten times the one before."""
    most = 10 ** math.ceil(math.log10(max([10.0, *(each.ratio.middle for each in ratios)])))
    height = TOP + LINE * len(ratios) + BOTTOM

    def across(value: float) -> float:
        share = math.log10(max(value, LEAST) / LEAST) / math.log10(most / LEAST)
        return LEFT + share * (WIDTH - LEFT - RIGHT)

    size = f'width="{WIDTH}" height="{height}"'
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} viewBox="0 0 {WIDTH} {height}"',
        ' font-family="system-ui, sans-serif" font-size="12" role="img">',
        f"<title>{escape(title)}</title>",
        f'<rect {size} fill="#ffffff"/>',
        _text(16, 24, title, DARK, 'font-size="15" font-weight="600"'),
        _text(16, 42, WHAT, LIGHT),
    ]
    for power in range(round(math.log10(LEAST)), round(math.log10(most)) + 1):
        at = across(10.0**power)
        lines.append(_upright(at, TOP - 8, height - 34, GRID, 1.4 if power == 0 else 0.6))
        lines.append(_text(at, height - 20, f"{10.0**power:g}", LIGHT, 'text-anchor="middle"'))
    before = ""
    for position, each in enumerate(ratios):
        y = TOP + position * LINE
        if each.row.name != before:
            before = each.row.name
            lines.append(_text(16, y + 12, before, DARK))
        lines.append(_text(LEFT - 10, y + 12, each.rival, LIGHT, 'text-anchor="end"'))
        lines += _bar(each, y, across(1), across(each.ratio.middle))
        if each.floor is not None:
            lines.append(_upright(across(each.floor), y - 1, y + 18, DARK, 2))
    lines.append(_text(16, height - 5, COLOURS, LIGHT))
    return "\n".join([*lines, "</svg>"]) + "\n"


# The steps.


def _bar(each: Ratio, y: float, one: float, end: float) -> list[str]:
    """From 1 to the ratio, whichever of the two is more."""
    colour = FREE if each.met is None else MET if each.met else NOT_MET
    place = f'x="{min(one, end):.1f}" y="{y + 2}" width="{max(1.0, abs(end - one)):.1f}" height="13"'
    return [
        f'<rect {place} fill="{colour}"><title>{escape(each.row.what)}</title></rect>',
        _text(max(one, end) + 6, y + 12, number(each.ratio.middle), DARK),
    ]


def _text(x: float, y: float, text: str, colour: str, more: str = "") -> str:
    return f'<text x="{x:.1f}" y="{y}" fill="{colour}" {more}>{escape(text)}</text>'


def _upright(x: float, top: float, bottom: float, colour: str, width: float) -> str:
    return f'<line x1="{x:.1f}" y1="{top}" x2="{x:.1f}" y2="{bottom}" stroke="{colour}" stroke-width="{width}"/>'
