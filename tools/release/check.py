"""Everything that is asked of a release, on this machine: make release-check (or check.py [--offline] [--out FOLDER]).

The sdist and the wheel of the last commit are built twice and compared, judged, and installed into new environments;
the files and a bill of materials stay in `dist`. The only network is the index that pip is configured for; with
--offline nothing is installed, and the report says so. Ends with 1 when something was found, and with 0 when nothing
was.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # for pythons.py, beside this folder

import release_build as build
import release_contents as contents
import release_install as install
from release_doors import DOORS
from release_forge import forge_findings

import pythons

ROOT = build.ROOT
_BIN = Path(sys.executable).parent


class Report:
    """Lines on the terminal, and how many findings there were."""

    def __init__(self) -> None:
        self.found = 0

    def title(self, text: str) -> None:
        """Begin a section."""
        print(f"\n{text}", flush=True)

    def line(self, text: str) -> None:
        """Tell a fact."""
        print(f"          {text}", flush=True)

    def result(self, what: str, findings: list[str]) -> None:
        """Tell that all is well with something, or what was found."""
        self.found += len(findings)
        print(f"  {'FAILED' if findings else 'ok':<6}  {what}", flush=True)
        for finding in findings:
            self.line(finding)


def main(arguments: list[str]) -> int:
    """Run all checks, one after the other, and say at the end what they found."""
    parser = argparse.ArgumentParser(prog="check.py", description="Check a release of courriel.")
    parser.add_argument("--offline", action="store_true", help="install nothing: for a machine without an index")
    parser.add_argument("--out", type=Path, default=ROOT / "dist", help="folder for the files (dist)")
    asked = parser.parse_args(arguments)
    report = Report()
    with tempfile.TemporaryDirectory(prefix="courriel-release-") as folder:
        try:
            wheel = _built(report, Path(folder), asked.out)
            _judged(report, wheel, asked.out)
            if asked.offline:
                report.title("Installed: not tried (--offline)")
            else:
                _installed(report, wheel, Path(folder), asked.out)
        except (build.BuildFailed, install.InstallFailed) as failed:
            report.result(type(failed).__name__, str(failed).splitlines())
    _forge(report)
    print(f"\n{report.found} findings." if report.found else f"\nNothing was found. The files are in {asked.out}.")
    return int(report.found > 0)


# The steps.


def _built(report: Report, work: Path, out: Path) -> Path:
    """Build twice, compare, and put the first files into `out`; returns the wheel."""
    report.title("Built twice from the last commit")
    for line in build.uncommitted(ROOT):
        report.line(f"not part of it: {line}")
    first, second = build.build_twice(ROOT, work)
    report.result("the same octets both times", build.differences(first, second))
    shutil.rmtree(out, ignore_errors=True)
    shutil.copytree(first, out)
    for path in sorted(out.iterdir()):
        report.line(f"{path.name}  {path.stat().st_size / 1e6:.2f} MB  SHA-256 {build.digest(path)}")
    (wheel,) = out.glob("*.whl")
    return wheel


def _judged(report: Report, wheel: Path, out: Path) -> None:
    report.title("Judged")
    files = sorted(str(path) for path in out.iterdir())
    report.result("metadata and README, by twine", _asked("twine", "check", "--strict", *files))
    report.result("the wheel, by check-wheel-contents", _asked("check-wheel-contents", str(wheel)))
    wanted = build.packaged_files(ROOT)
    report.result("files of the package, py.typed, licences", contents.wheel_findings(wheel, wanted))
    report.result("a draft of the change log", _draft())


def _installed(report: Report, wheel: Path, work: Path, out: Path) -> None:
    report.title("Installed into new environments")
    own = (sys.version_info.major, sys.version_info.minor, sys.version_info.micro)
    found = {own: sys.executable} | pythons.others(pythons.candidates(os.environ, Path.home()), own)
    for version, interpreter in sorted(found.items()):
        name, folder = pythons.named(version), work / f"{version[1]}"
        plain = install.new_environment(interpreter, folder / "plain", wheel)
        wrong = install.smoke_findings(plain, wheel.name.split("-")[1])
        report.result(f"Python {name}: imported, asked for its version, sent a mail into memory", wrong)
        everything = install.new_environment(interpreter, folder / "all", wheel, "all")
        wrong = [each for extra, door in DOORS.items() for each in install.door_findings(everything, extra, door)]
        report.result(f"Python {name}: courriel[all], every door", wrong)
    claimed = contents.classifiers_of_pythons(wheel)
    tried = {f"{version[0]}.{version[1]}" for version in found}
    report.result(
        f"tried on {', '.join(sorted(tried))}, and the classifiers say the same",
        [f"claimed and not tried here: {each}" for each in sorted(claimed - tried)]
        + [f"tried and not claimed: {each}" for each in sorted(tried - claimed)],
    )
    _extras(report, wheel, work / f"{own[1]}" / "plain", work)
    _bill(report, work / f"{own[1]}" / "all", out / f"{'-'.join(wheel.name.split('-')[:2])}.cdx.json")


def _extras(report: Report, wheel: Path, plain_folder: Path, work: Path) -> None:
    """Each extra alone, on our own Python: what it brings, and how long its door takes."""
    plain = plain_folder / "bin" / "python"
    report.title("Each extra alone")
    report.result("no door opens without its extra", install.shut_door_findings(plain))
    with (ROOT / "pyproject.toml").open("rb") as file:
        extras = sorted(tomllib.load(file)["project"]["optional-dependencies"])
    report.line(f"{'extra':<14}{'packages':>9}{'MB':>9}{'ms to open':>12}")
    report.line(f"{'(none)':<14}{'':>9}{'':>9}{install.import_milliseconds(plain):>12.1f}")
    for extra in extras:
        python = install.new_environment(sys.executable, work / "extra" / extra, wheel, extra)
        tried = install.try_extra(extra, python, plain)
        report.line(f"{extra:<14}{tried.packages:>9}{tried.megabytes:>9.1f}{tried.milliseconds:>12.1f}")
        if wrong := install.door_findings(python, extra, DOORS.get(extra, "import courriel")):
            report.result(extra, wrong)


def _bill(report: Report, environment: Path, path: Path) -> None:
    """A bill of materials (CycloneDX) of what `courriel[all]` installed, the same for the same packages."""
    told = ("environment", "--output-reproducible", "--of", "JSON", "--pyproject", str(ROOT / "pyproject.toml"))
    report.result(f"bill of materials: {path.name}", _asked("cyclonedx-py", *told, "-o", str(path), str(environment)))


def _forge(report: Report) -> None:
    report.title("Files for the forge")
    for judge, findings in forge_findings(ROOT).items():
        report.result(judge, findings)


def _asked(program: str, *arguments: str) -> list[str]:
    ended = subprocess.run([str(_BIN / program), *arguments], capture_output=True, text=True, check=False)
    return [] if ended.returncode == 0 else (ended.stdout + ended.stderr).strip().splitlines()[-12:] or ["failed"]


def _draft() -> list[str]:
    """towncrier is a tool of `make news`, in the environment around this one."""
    towncrier = ROOT / ".venv" / "bin" / "towncrier"
    drawn = subprocess.run(
        [str(towncrier), "build", "--draft", "--version", "next"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    if drawn.returncode != 0 or "### " not in drawn.stdout:
        return (drawn.stderr or "no section in it").strip().splitlines()[-6:]
    return []


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
