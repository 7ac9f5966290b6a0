"""Build an sdist and a wheel of the last commit, twice, and say whether both times gave the same octets.

The two times differ in what must not matter: the folder, the permissions of its files, and the way to the wheel, which
is made of the folder once and of the unpacked sdist once. So an sdist that lacks a file is found as well.
"""

from __future__ import annotations

import hashlib
import io
import os
import subprocess
import sys
import tarfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


class BuildFailed(Exception):
    """A builder ended with an error; its output is the text."""


def commit_time(root: Path) -> str:
    """Seconds since 1970 of the last commit: the time that all files of an archive bear (SOURCE_DATE_EPOCH)."""
    return _run(["git", "log", "-1", "--format=%ct"], root).decode().strip()


def uncommitted(root: Path) -> list[str]:
    """Paths that differ from the last commit; they are in no release."""
    return _run(["git", "status", "--porcelain"], root).decode().splitlines()


def packaged_files(root: Path) -> set[str]:
    """What the last commit has in the package, as the wheel names it: `courriel/py.typed`."""
    listed = _run(["git", "ls-tree", "-r", "--name-only", "HEAD", "src/courriel"], root).decode().splitlines()
    return {path.removeprefix("src/") for path in listed}


def build_twice(root: Path, work: Path) -> tuple[Path, Path]:
    """Two folders, `first` and `second` below `work`, each with an sdist and a wheel. Raises BuildFailed."""
    epoch = commit_time(root)
    first, second = work / "first", work / "second"
    source = _checkout(root, work / "a", umask=0o022)
    _hatchling(source, first, "sdist", epoch)
    _hatchling(source, first, "wheel", epoch)

    source = _checkout(root, work / "another-folder" / "deeper", umask=0o077)
    _hatchling(source, second, "sdist", epoch)
    _hatchling(_unpacked(second, work / "from-sdist"), second, "wheel", epoch)
    return first, second


def differences(first: Path, second: Path) -> list[str]:
    """Files that one folder lacks, or that differ by an octet."""
    names = {path.name for folder in (first, second) for path in folder.iterdir()}
    found: list[str] = []
    for name in sorted(names):
        lacking = [folder.name for folder in (first, second) if not (folder / name).exists()]
        if lacking:
            found.append(f"{name} was not built by the {lacking[0]} run")
        elif (first / name).read_bytes() != (second / name).read_bytes():
            found.append(f"{name} differs: SHA-256 {digest(first / name)[:16]}… and {digest(second / name)[:16]}…")
    return found


def digest(path: Path) -> str:
    """SHA-256 of a file, in hexadecimal."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


# The steps.


def _run(command: list[str], folder: Path, *, umask: int = -1, **variables: str) -> bytes:
    ended = subprocess.run(
        command, cwd=folder, env=os.environ | variables, umask=umask, capture_output=True, check=False
    )
    if ended.returncode != 0:
        raise BuildFailed(f"{' '.join(command)}\n{ended.stdout.decode()}{ended.stderr.decode()}")
    return ended.stdout


def _checkout(root: Path, folder: Path, *, umask: int) -> Path:
    folder.mkdir(parents=True)
    archive = _run(["git", "archive", "--format=tar", "HEAD"], root)
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        tar.extractall(folder, filter="data")
    for path in folder.rglob("*"):
        path.chmod(path.stat().st_mode & ~umask)
    return folder


def _hatchling(source: Path, out: Path, kind: str, epoch: str) -> None:
    out.mkdir(exist_ok=True)
    # -P: the folder is no place to import from.
    command = [sys.executable, "-P", "-m", "hatchling", "build", "--target", kind, "--directory", str(out)]
    _run(command, source, SOURCE_DATE_EPOCH=epoch)


def _unpacked(folder: Path, into: Path) -> Path:
    (sdist,) = folder.glob("*.tar.gz")
    with tarfile.open(sdist) as tar:
        tar.extractall(into, filter="data")
    return into / sdist.name.removesuffix(".tar.gz")
