"""
Measure, and write down what was measured.

    python -m bench                   everything, some twenty minutes: RESULTS.md and results.svg
    python -m bench --quick           two minutes, the large ones left out: .peers/quick.md and .peers/quick.svg
    python -m bench --rows single     only the rows whose name begins so, to the terminal
    python -m bench --rows imap --page bench/RESULTS-imap.md    and as a page of their own
"""

from __future__ import annotations

import argparse
import contextlib
import os
import resource
import signal
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

from . import chart, checking, draining, imap_limits, inbox, limits, machine, outbox, pruning, queues, report
from .certificates import write_certificates, write_signing_key
from .contestants import Contestant, assemble
from .growing import Curve, grow
from .material import Material
from .measuring import QUICK, THOROUGH, Ground, Pace, Ratio, Result, Skipped, measure, narrate, warm_up
from .processes import PEERS, ROOT, Broken, last_core
from .rows import rows


def main() -> int:
    options = _options()
    throttle = QUICK if options.quick else THOROUGH
    # So that `finally` is reached, and the programs that were started end.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    with contextlib.suppress(ValueError, OSError):
        _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    # An import is timed as users have it: compiled once.
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    core = last_core() if options.core is None else options.core
    where = machine.describe(core)
    with tempfile.TemporaryDirectory(prefix="courriel-bench-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        material = Material(folder)
        material.write()
        write_certificates(folder)
        write_signing_key(folder)
        ground = Ground(core, folder)
        field = assemble(folder, core)
        for who, why in field.absent.items():
            narrate(f"without {who}: {why}")
        results: list[Result] = []
        wrong: dict[str, dict[str, str]] = {}
        curves: list[Curve] = []
        checked = 0
        try:
            narrate("warming up")
            warm_up(ground, field.contestants, throttle)
            for row in rows(material, folder):
                if not row.name.startswith(options.rows):
                    continue
                narrate(row.name)
                wrong[row.name] = checking.check(row, ground, field.contestants, material)
                checked += sum(rival.name in field.contestants for rival in row.rivals) + 1 if row.sink else 0
                results += measure(row, ground, field.contestants, throttle)
            for part in ("imap, ceilings", "latency", "import", "memory", "outbox", "inbox"):
                if part.startswith(options.rows):
                    narrate(part)
                    try:
                        results += _limits(part, ground, field.contestants, material, throttle)
                    except Broken as why:
                        results.append(Skipped(part, str(why)))
            if "growth".startswith(options.rows):
                narrate("growth")
                curves = grow(ground, field.contestants, material, throttle)
        finally:
            field.end()
    print(report.short(results))
    for row_name, told in wrong.items():
        for who, what in told.items():
            print(f"{row_name}, {who}: SENT SOMETHING ELSE: {what}")
    if options.page:
        command = f"python -m bench --rows {options.rows} --page {options.page}"
        page = report.write(results, curves, where, field.versions, field.absent, wrong, checked, command)
        Path(options.page).write_text(page.replace("![Our rate over theirs](results.svg)\n\n", ""), encoding="utf-8")
    elif not options.rows:
        command = "make bench QUICK=1" if options.quick else "make bench"
        page = report.write(results, curves, where, field.versions, field.absent, wrong, checked, command)
        ratios = [result for result in results if isinstance(result, Ratio)]
        _keep(page, chart.draw(ratios, "courriel beside its peers"), quick=options.quick)
    return 1 if any(wrong.values()) else 0


# The steps.


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="two minutes instead of twenty")
    parser.add_argument("--rows", default="", help="only those whose name begins so; nothing is written")
    parser.add_argument("--page", default="", help="write them into this file, beside --rows")
    parser.add_argument("--core", type=int, help="the core to pin client and sink to (default: the last one)")
    return parser.parse_args()


def _limits(
    part: str, ground: Ground, contestants: Mapping[str, Contestant], material: Material, throttle: Pace
) -> list[Result]:
    if part == "imap, ceilings":
        return imap_limits.imap_limits(ground, contestants, throttle)
    if part == "latency":
        return limits.latency(ground, contestants, throttle)
    if part == "import":
        return limits.starting(ground, throttle)
    if part == "inbox":
        return inbox.inbox(throttle)
    if part == "outbox":
        return [
            *outbox.keeping(throttle),
            *pruning.pruning(throttle),
            *draining.draining(ground, throttle),
            *queues.beside_queues(ground, throttle),
        ]
    return limits.memory(ground, contestants, material, throttle)


def _keep(page: str, picture: str, *, quick: bool) -> None:
    if quick:
        # A quick look must not take the place of the figures that are quoted.
        PEERS.mkdir(exist_ok=True)
        report_path, chart_path = PEERS / "quick.md", PEERS / "quick.svg"
    else:
        report_path, chart_path = ROOT / "bench" / "RESULTS.md", ROOT / "bench" / "results.svg"
    report_path.write_text(page.replace("(results.svg)", f"({chart_path.name})"), "utf-8")
    chart_path.write_text(picture, "utf-8")
    narrate(f"written: {report_path.relative_to(ROOT)}, {chart_path.relative_to(ROOT)}")


if __name__ == "__main__":
    sys.exit(main())
