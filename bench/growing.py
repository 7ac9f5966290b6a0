"""How cost grows: more mails, more recipients, larger files, more sessions."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from .contestants import OURS, Cannot, Contestant
from .limits import ATTACH, WAITING, peak_of
from .material import MB, Material
from .measuring import Ground, Pace, narrate
from .processes import Broken


@dataclass(slots=True)
class Curve:
    """One thing that grows, and what it costs at each size."""

    what: str
    along: str
    points: list[tuple[str, dict[str, float]]] = field(default_factory=list)
    missing: str = ""


def grow(ground: Ground, contestants: Mapping[str, Contestant], material: Material, throttle: Pace) -> list[Curve]:
    return [
        mails(ground, contestants, throttle),
        recipients(ground, contestants, throttle),
        files(ground, material, throttle),
        sessions(ground, contestants, throttle),
    ]


def mails(ground: Ground, contestants: Mapping[str, Contestant], throttle: Pace) -> Curve:
    curve = Curve("Mails of a generator in one session, built one by one, mails a second (PIPELINING)", "mails")
    with ground.sink("pipelining") as sink:
        port = getattr(sink, "port", 0)
        for count in (100, 1_000, 10_000) if throttle.quick else (100, 1_000, 10_000, 100_000, 1_000_000):
            narrate(f"  {count:,} mails")
            names = [OURS, "smtplib"] if count <= 10_000 else []
            values = _rates(curve, contestants, names, "built", port, count)
            begun = time.perf_counter()
            try:
                peak = peak_of(WAITING.format(port=port, count=count), ground) / 1000
                # With so many, what the program needs to start does not count.
                values.setdefault(OURS, count / (time.perf_counter() - begun))
                values["peak memory, MB"] = peak
            except Broken as why:
                curve.missing = str(why)
            curve.points.append((f"{count:,}", values))
    return curve


def recipients(ground: Ground, contestants: Mapping[str, Contestant], throttle: Pace) -> Curve:
    curve = Curve("Recipients of one ready-made mail, recipients a second (PIPELINING)", "recipients")
    everybody = (OURS, "smtplib", "nodemailer", "JavaMail")
    with ground.sink("pipelining") as sink:
        port = getattr(sink, "port", 0)
        for many in (1, 10, 100) if throttle.quick else (1, 10, 100, 1_000):
            narrate(f"  {many:,} recipients")
            count = max(3, 2_000 // many)
            values = _rates(curve, contestants, everybody, "single", port, count, recipients=many)
            curve.points.append((f"{many:,}", {name: value * many for name, value in values.items()}))
    return curve


def files(ground: Ground, material: Material, throttle: Pace) -> Curve:
    curve = Curve("One file attached, a program of its own for each (with its start), PIPELINING", "file")
    sizes = {"1 kB": 1_000, "100 kB": 100_000, "1 MB": MB, "10 MB": 10 * MB, "100 MB": 100 * MB, "1 GB": 1_000 * MB}
    with ground.sink("pipelining") as sink:
        port = getattr(sink, "port", 0)
        for label, size in sizes.items():
            if throttle.quick and size > 10 * MB:
                break
            narrate(f"  a file of {label}")
            program = ATTACH.format(port=port, file=material.file(size))
            begun = time.perf_counter()
            try:
                peak = peak_of(program, ground)
            except Broken as why:
                curve.missing = str(why)
                break
            seconds = time.perf_counter() - begun
            curve.points.append(
                (label, {"seconds": seconds, "MB/s": size / MB / seconds, "peak memory, MB": peak / 1000})
            )
    return curve


def sessions(ground: Ground, contestants: Mapping[str, Contestant], throttle: Pace) -> Curve:
    curve = Curve("Sessions of one pool, ready-made mails a second (PIPELINING)", "sessions")
    with ground.sink("pipelining") as sink:
        port = getattr(sink, "port", 0)
        for many in (1, 10, 100) if throttle.quick else (1, 10, 100, 1_000):
            narrate(f"  {many:,} sessions")
            count = max(2_000, 4 * many)
            everybody = (OURS, "smtplib", "aiosmtplib")
            values = _rates(curve, contestants, everybody, "many", port, count, sessions=many)
            curve.points.append((f"{many:,}", values))
    return curve


# The steps.


def _rates(
    curve: Curve,
    contestants: Mapping[str, Contestant],
    names: Sequence[str],
    work: str,
    port: int,
    count: int,
    **options: object,
) -> dict[str, float]:
    """Mails a second of everybody who can; who cannot is noted with the curve."""
    values: dict[str, float] = {}
    for name in names:
        if name in contestants:
            try:
                values[name] = contestants[name].do(work, port, count, **options).rate
            except (Cannot, Broken) as why:
                curve.missing = f"{name}: {why}"
    return values
