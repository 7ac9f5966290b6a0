"""Install a wheel into new environments, and try what is promised there: on every Python, and each extra alone.

Packages come from the index that pip is configured for, and courriel from the wheel. The environments have no pip of
their own, so that what is counted is what courriel brings.
"""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from release_doors import DOORS, PLAIN

_RUNS = 3  # the fastest of so many: the first reads from the disk
_TIMED = """
import time, sys
begun = time.perf_counter()
exec(compile(sys.argv[1], "door", "exec"), {"__name__": "door"})
print("\\nseconds", time.perf_counter() - begun)
"""


class InstallFailed(Exception):
    """pip could not install; what it said is the text."""


@dataclass(frozen=True)
class Tried:
    """One extra: the packages and megabytes that it brings beside courriel, and milliseconds until its door is open."""

    extra: str
    packages: int
    megabytes: float
    milliseconds: float


def new_environment(interpreter: str, folder: Path, wheel: Path, extras: str = "") -> Path:
    """Install the wheel with its extras; returns the Python of the environment. Raises InstallFailed."""
    _must([interpreter, "-m", "venv", "--without-pip", "--clear", str(folder)])
    python = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    wanted = f"courriel[{extras}] @ {wheel.resolve().as_uri()}" if extras else str(wheel)
    pip = [sys.executable, "-m", "pip", "--python", str(python)]
    _must([*pip, "install", "--quiet", "--only-binary", ":all:", wanted])
    _must([*pip, "check"])
    return python


def smoke_findings(python: Path, version: str) -> list[str]:
    """What an installation without extras cannot do of: be imported, say its version, send a mail into memory."""
    found: list[str] = []
    command = python.parent / ("courriel.exe" if os.name == "nt" else "courriel")
    for told in ([str(command), "--version"], [str(python), "-I", "-m", "courriel", "--version"]):
        ended = _run(told)
        if ended.stdout.strip() != f"courriel {version}":
            found.append(f"{' '.join(told[1:])} said {ended.stdout.strip()!r} and {ended.stderr.strip()!r}")
    return found + door_findings(python, "a mail into memory", PLAIN)


def door_findings(python: Path, name: str, door: str) -> list[str]:
    """The last line of the error with which a door stays shut, if it does; warnings count."""
    ended = _run([str(python), "-I", "-W", "error", "-c", door])
    return [] if ended.returncode == 0 else [f"{name}: {(ended.stderr.strip().splitlines() or ['no output'])[-1]}"]


def shut_door_findings(plain: Path) -> list[str]:
    """Doors that open without their extra: what they show is nothing."""
    return [
        f"the door of {extra} opens without the extra, and so shows nothing"
        for extra, door in DOORS.items()
        if not door_findings(plain, extra, door)
    ]


def try_extra(extra: str, python: Path, plain: Path) -> Tried:
    """Count what an extra brings, and take the time of its door (without one: of `import courriel`)."""
    door = DOORS.get(extra, "import courriel")
    packages, octets = _installed(python)
    plain_packages, plain_octets = _installed(plain)
    return Tried(extra, packages - plain_packages, (octets - plain_octets) / 1e6, 1000 * _fastest(python, door))


def import_milliseconds(python: Path) -> float:
    """The time of `import courriel` alone."""
    return 1000 * _fastest(python, "import courriel")


# The steps.


def _environment() -> dict[str, str]:
    """Ours, without what would lead to other packages, and with bytecode kept as everybody's Python keeps it."""
    apart = {"PYTHONPATH", "PYTHONHOME", "PYTHONDONTWRITEBYTECODE", "VIRTUAL_ENV"}
    return {name: value for name, value in os.environ.items() if name not in apart}


def _run(command: list[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, env=_environment(), capture_output=True, text=True, encoding="utf-8", check=False)


def _must(command: list[str]) -> None:
    ended = _run(command)
    if ended.returncode != 0:
        lines = [line for line in (ended.stdout + ended.stderr).splitlines() if not line.startswith("WARNING")]
        raise InstallFailed(f"{' '.join(command[1:])}\n" + "\n".join(lines[-6:]))


def _installed(python: Path) -> tuple[int, int]:
    """How many packages there are, and the octets of all files."""
    (place,) = python.parents[1].glob("Lib/site-packages" if os.name == "nt" else "lib/python3*/site-packages")
    octets = sum(path.stat().st_size for path in place.rglob("*") if path.is_file())
    return len(list(place.glob("*.dist-info"))), octets


def _fastest(python: Path, door: str) -> float:
    times: list[float] = []
    for _ in range(_RUNS):
        ended = _run([str(python), "-I", "-c", _TIMED, door])
        last = ended.stdout.rsplit("seconds ", 1)[-1].strip()
        times.append(float(last) if ended.returncode == 0 else float("nan"))
    return min(times)
