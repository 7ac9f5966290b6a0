"""Run a part of the tests on every other Python of this machine: pythons.py [pytest's arguments].

Looked for are python3.11 and newer on PATH and those of pyenv; of each minor version the newest release is taken, and
the one of .venv is left out, for it has run everything. COURRIEL_TEST_PYTHONS names interpreters instead (separated as
PATH is; empty: none). Each gets an environment of its own below .venv/pythons, which stays there. A Python for which
the environment cannot be made is named and passed over: a version that is too new has no wheels yet.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
OLDEST = (3, 11)
_NEWEST_NAME = 20  # python3.20 is the last name that is looked for on PATH
_ASKED = "import sys; print(*sys.version_info)"

Version = tuple[int, int, int]


def candidates(environment: Mapping[str, str], home: Path) -> Iterator[str]:
    """Paths at which an interpreter may stand."""
    named = environment.get("COURRIEL_TEST_PYTHONS")
    if named is not None:
        yield from filter(None, named.split(os.pathsep))
        return
    for minor in range(OLDEST[1], _NEWEST_NAME + 1):
        if found := shutil.which(f"python3.{minor}", path=environment.get("PATH")):
            yield found
    pyenv = Path(environment.get("PYENV_ROOT") or home / ".pyenv")
    yield from map(str, sorted(pyenv.glob("versions/3.*/bin/python")))


def version_of(interpreter: str) -> Version | None:
    """The version of an interpreter that is released, and new enough; None for anything else, a shim for example."""
    try:
        asked = subprocess.run(
            [interpreter, "-c", _ASKED], capture_output=True, text=True, timeout=20, check=True, env=_environment()
        )
    except (OSError, subprocess.SubprocessError):
        return None
    major, minor, micro, level, *_ = [*asked.stdout.split(), *[""] * 4]
    if level != "final" or not (major.isdigit() and minor.isdigit() and micro.isdigit()):
        return None
    version = (int(major), int(minor), int(micro))
    return version if version[:2] >= OLDEST else None


def others(interpreters: Iterable[str], own: Version) -> dict[Version, str]:
    """Of each minor version but our own the newest release."""
    newest: dict[tuple[int, int], tuple[Version, str]] = {}
    for interpreter in interpreters:
        version = version_of(interpreter)
        if version is None or version[:2] == own[:2]:
            continue
        if version[:2] not in newest or newest[version[:2]][0] < version:
            newest[version[:2]] = (version, interpreter)
    return dict(sorted(newest.values()))


def named(version: Version) -> str:
    """A version as it is written."""
    return ".".join(map(str, version))


def main(arguments: list[str]) -> int:
    """Make the environments that are missing, run pytest in each, and return 1 when one run failed."""
    own: Version = (sys.version_info.major, sys.version_info.minor, sys.version_info.micro)
    found = others(candidates(os.environ, Path.home()), own)
    if not found:
        print(
            f"No other Python from {OLDEST[0]}.{OLDEST[1]} on is on this machine: the tests ran on {named(own)} alone."
        )
        return 0
    print(f"Beside Python {named(own)}, this machine has {', '.join(map(named, found))}.", flush=True)
    failed = False
    for version, interpreter in found.items():
        folder = ROOT / ".venv" / "pythons" / f"{version[0]}.{version[1]}"
        if not _is_ready(folder) and not _set_up(folder, interpreter):
            print(f"Python {named(version)}: no environment could be made for it, so that nothing was run.", flush=True)
            continue
        print(f"Python {named(version)}: pytest {' '.join(arguments)}", flush=True)
        run = subprocess.run([str(folder / "bin" / "python"), "-m", "pytest", *arguments], cwd=ROOT, check=False)
        failed = failed or run.returncode != 0
    return int(failed)


# The steps.


def _environment() -> dict[str, str]:
    """Ours, without what would let another Python find our packages."""
    return {name: value for name, value in os.environ.items() if name not in {"PYTHONPATH", "PYTHONHOME"}}


def _is_ready(folder: Path) -> bool:
    stamp = folder / ".dev"
    made_of = (ROOT / "requirements" / "dev.txt", ROOT / "pyproject.toml", ROOT / "tools" / "environment.sh")
    return stamp.exists() and all(stamp.stat().st_mtime >= each.stat().st_mtime for each in made_of)


def _set_up(folder: Path, interpreter: str) -> bool:
    folder.parent.mkdir(parents=True, exist_ok=True)
    environment = _environment() | {"PYTHON": interpreter}
    made = subprocess.run(
        ["sh", str(ROOT / "tools" / "environment.sh"), str(folder), "dev"], env=environment, check=False
    )
    return made.returncode == 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
