"""What was measured, as `RESULTS.md`: first what was promised and whether it is kept, then everything else."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from .contestants import BARE
from .growing import Curve
from .measuring import Limit, Ratio, Result, Skipped, Spread, number


def write(
    results: Sequence[Result],
    curves: Iterable[Curve],
    machine: Mapping[str, str],
    versions: Mapping[str, str],
    absent: Mapping[str, str],
    wrong: Mapping[str, Mapping[str, str]],
    checked: int,
    command: str,
) -> str:
    """The whole page."""
    ratios = [result for result in results if isinstance(result, Ratio)]
    limits = [result for result in results if isinstance(result, Limit)]
    skipped = [result for result in results if isinstance(result, Skipped)]
    promised = [met for met in (*(each.met for each in ratios), *(each.met for each in limits)) if met is not None]
    kept = sum(promised)
    lines = [
        "# How fast",
        "",
        f"Written by `{command}`; do not edit. {kept} of {len(promised)} floors and ceilings that could be measured",
        "here are met. How it is measured, and why it is fair, stands in [README.md](README.md).",
        "",
        "**Figures without a delay are client cost** (what client and sink cost one core, on loopback), not delivery",
        "rates: a real server, a network and a disk are slower than any of the clients here.",
        "",
        "![Our rate over theirs](results.svg)",
        "",
        "## Ratios",
        "",
        "Ours over theirs, in the same round; median (least to most of the rounds). Time is that of the core which",
        "client and sink share, what neighbours used of it left out; *by the clock*: the same, neighbours included.",
        f"*{BARE}* is no client: octets written beforehand go out and line ends are counted, nothing else. What it is",
        "over a peer on this machine is all that any client in Python could be; a floor above it cannot be met here.",
        "",
        f"| row | work | beside | ratio | floor | met | {BARE} over theirs | by the clock | ours | theirs | |",
        "|---|---|---|---:|---:|:-:|---:|---:|---:|---:|---|",
        *(ratio_line(each, ratios) for each in ratios),
        "",
        "## Ceilings",
        "",
        "| row | what | measured | at most | met |",
        "|---|---|---:|---:|:-:|",
        *(limit_line(each) for each in limits),
        "",
        "## Not measured",
        "",
        *([] if skipped or absent else ["Nothing: everybody was there."]),
        *(f"- `{each.row}`: {each.why}" for each in skipped),
        *(f"- {name}: {why}" for name, why in absent.items()),
        "",
        "## How cost grows",
        "",
        *(line for curve in curves for line in curve_lines(curve)),
        "## What the sinks received",
        "",
        *received(wrong, checked),
        "",
        "## Where",
        "",
        "| | |",
        "|---|---|",
        *(f"| {name} | {value} |" for name, value in machine.items()),
        *(f"| {name} | {value} |" for name, value in versions.items()),
    ]
    return "\n".join(lines) + "\n"


def ratio_line(each: Ratio, all_of_them: Sequence[Ratio]) -> str:
    floor = "" if each.floor is None else f"{each.floor:g}"
    ratio = f"**{number(each.ratio.middle)}** ({number(each.ratio.low)} to {number(each.ratio.high)})"
    rates = f"{number(each.ours.middle)} | {number(each.theirs.middle)} | {each.row.unit}"
    row = f"{each.row.name} | {each.row.what} | {each.rival}"
    possible = there_to_be_had(each, all_of_them)
    return f"| {row} | {ratio} | {floor} | {mark(each.met)} | {possible} | {number(each.wall.middle)} | {rates} |"


def there_to_be_had(each: Ratio, all_of_them: Sequence[Ratio]) -> str:
    """How many times this peer's rate the bare wire has, where somebody measured it in the same row."""
    for other in all_of_them:
        if other.row is each.row and other.rival == BARE != each.rival:
            return number(each.ratio.middle / other.ratio.middle)
    return ""


def limit_line(each: Limit) -> str:
    ceiling = "" if each.at_most is None else f"{each.at_most:g}"
    return f"| {each.row} | {each.what} | {spread(each.value)} {each.unit} | {ceiling} | {mark(each.met)} |"


def spread(value: Spread) -> str:
    return number(value.middle) if value.low == value.high else str(value)


def mark(met: bool | None) -> str:
    return "" if met is None else "yes" if met else "**no**"


def curve_lines(curve: Curve) -> list[str]:
    names = list(dict.fromkeys(name for _, values in curve.points for name in values))
    if not names:
        return [f"{curve.what}: {curve.missing or 'not measured'}.", ""]
    return [
        f"{curve.what}{': ' + curve.missing if curve.missing else ''}",
        "",
        f"| {curve.along} | {' | '.join(names)} |",
        "|---:" * (len(names) + 1) + "|",
        *(
            f"| {label} | {' | '.join(number(values[name]) if name in values else '' for name in names)} |"
            for label, values in curve.points
        ),
        "",
    ]


def received(wrong: Mapping[str, Mapping[str, str]], checked: int) -> list[str]:
    if not any(wrong.values()):
        return [
            f"Compared before the rounds, {checked} times (each contestant in each row): as many mails as were sent,",
            "and byte for byte what was sent; mails that everybody builds in his own way, by what one reads in them.",
        ]
    return [f"- {row}, {who}: **{what}**" for row, told in wrong.items() for who, what in told.items()]


def short(results: Sequence[Result]) -> str:
    """The table for a terminal."""
    lines: list[str] = []
    for each in results:
        if isinstance(each, Ratio):
            floor = "" if each.floor is None else f"floor {each.floor:g}"
            wall = f"wall {number(each.wall.middle)}"
            met = mark(each.met).strip("*")
            rates = f"{number(each.ours.middle):>9} {number(each.theirs.middle):>9} {each.row.unit}"
            ratio = f"{number(each.ratio.middle):>6} x"
            possible = there_to_be_had(each, [ratio for ratio in results if isinstance(ratio, Ratio)])
            bare = f"bare {possible}" if possible else ""
            lines.append(f"{each.row.name:28} {each.rival:24} {ratio}  {floor:10} {met:4} {bare:10} {wall:12} {rates}")
        elif isinstance(each, Limit):
            ceiling = "" if each.at_most is None else f"at most {each.at_most:g}"
            lines.append(
                f"{each.row:28} {each.what:60} {number(each.value.middle):>7} {each.unit:12} {ceiling:14} "
                f"{mark(each.met).strip('*')}"
            )
        else:
            lines.append(f"{each.row:28} not measured: {each.why}")
    return "\n".join(lines)
