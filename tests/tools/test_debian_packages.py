"""Installing Debian's mail servers, tried with a false apt in front of PATH: nothing is installed here."""

from __future__ import annotations

import os
import re
import runpy
import subprocess
import sys
from pathlib import Path

import pytest

TOOL = Path(__file__).resolve().parents[2] / "tools" / "debian_packages.py"
ALL = " ".join(runpy.run_path(str(TOOL))["PACKAGES"])
"""Every package of the table, in its order; the table itself says what each is for."""


class Machine:
    """A machine made of small scripts that note how they were called."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.log = folder / "log"
        self.log.touch()
        self.policy = folder / "policy-rc.d"
        self.installed = folder / "installed"
        self.installed.touch()
        self.has("dpkg-query", f"while read -r package; do echo $package installed; done < {self.installed}")
        self.has("apt-cache", "shift; for package; do echo '  Candidate: 1.0'; done")
        self.has("apt-get", "true")
        self.has("debconf-set-selections", "cat >/dev/null")
        self.has("systemctl", "true")

    def has(self, program: str, script: str) -> None:
        path = self.folder / program
        path.write_text(f'#!/bin/sh\necho {program} "$@" >> {self.log}\n{script}\n')
        path.chmod(0o755)

    def run(self, *arguments: str, root: bool = True) -> subprocess.CompletedProcess[str]:
        # The user id and the place of the policy are the only two facts that cannot be put on PATH.
        program = (
            "import os, pathlib, runpy, sys\n"
            f"sys.path.insert(0, {str(TOOL.parent)!r}); sys.argv = ['tool']\n"
            "import debian_packages\n"
            f"os.geteuid = lambda: {0 if root else 1000}\n"
            f"debian_packages.POLICY = pathlib.Path({str(self.policy)!r})\n"
            f"sys.exit(debian_packages.main({list(arguments)!r}))\n"
        )
        environment = {**os.environ, "PATH": f"{self.folder}:/usr/bin:/bin", "PYTHONDONTWRITEBYTECODE": "1"}
        command = [sys.executable, "-c", program]
        return subprocess.run(command, capture_output=True, text=True, env=environment, check=False, timeout=60)

    @property
    def calls(self) -> list[str]:
        return self.log.read_text().splitlines()

    def calls_of(self, words: str) -> list[str]:
        return [call for call in self.calls if words in call]


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def test_nothing_is_asked_of_apt_when_everything_is_there(machine: Machine) -> None:
    machine.installed.write_text(ALL.replace(" ", "\n") + "\n")

    result = machine.run()

    assert result.returncode == 0
    assert machine.calls_of("apt-get") == []
    assert result.stderr == ""


@pytest.mark.slow
def test_what_is_missing_is_installed_without_removing_anything(machine: Machine) -> None:
    machine.installed.write_text("swaks\npostfix\n")

    result = machine.run()

    assert result.returncode == 0
    [call] = machine.calls_of("apt-get")[:1]
    missing = " ".join(name for name in ALL.split() if name not in ("swaks", "postfix"))
    assert call.endswith(f"install --yes --no-install-recommends --no-remove {missing}")


@pytest.mark.slow
def test_the_lists_are_fetched_only_when_apt_does_not_know_a_package(machine: Machine) -> None:
    machine.has("apt-get", f'case "$*" in *" install "*) echo {ALL} | tr " " "\\n" > {machine.installed};; esac')

    machine.run()
    known = machine.calls_of(" update")
    machine.installed.write_text("")
    machine.has("apt-cache", "echo '  Candidate: (none)'")
    machine.run()

    assert known == []
    assert len(machine.calls_of(" update")) == 1


@pytest.mark.slow
def test_no_service_may_start_while_packages_are_installed_and_the_policy_is_gone_afterwards(machine: Machine) -> None:
    machine.has("apt-get", f"{machine.policy}; echo policy says $? >> {machine.log}")

    machine.run()

    assert "policy says 101" in machine.calls
    assert not machine.policy.exists()


@pytest.mark.slow
def test_a_policy_that_was_there_is_left_as_it_was(machine: Machine) -> None:
    machine.policy.write_text("#!/bin/sh\nexit 104\n")

    machine.run()

    assert machine.policy.read_text() == "#!/bin/sh\nexit 104\n"


@pytest.mark.slow
def test_one_package_that_cannot_be_installed_does_not_keep_the_others_away(machine: Machine) -> None:
    machine.has(
        "apt-get",
        f'case "$*" in *update) exit 0;; *postfix*) echo E: would remove exim4; exit 100;; esac\n'
        f'for last; do :; done; echo $last >> {machine.installed}',
    )  # fmt: skip

    result = machine.run()

    assert result.returncode == 0
    assert "would remove exim4" in result.stderr
    assert "postfix could not be installed: skipping the tests against Postfix" in result.stderr
    assert "swaks could not" not in result.stderr


def test_a_user_who_may_not_install_is_told_what_is_skipped_and_goes_on(machine: Machine) -> None:
    machine.has("sudo", "exit 1")

    result = machine.run(root=False)

    assert result.returncode == 0
    assert machine.calls_of("apt-get") == []
    assert "swaks may not be installed by this user: skipping the tests with swaks as a client." in result.stderr
    assert f"apt install {ALL}" in result.stderr


def test_sudo_without_a_password_does_it_as_root(machine: Machine) -> None:
    machine.has("sudo", "true")

    result = machine.run(root=False)

    assert result.returncode == 0
    # The system's interpreter, isolated: no package of .venv is run by root.
    assert machine.calls_of("sudo -n /usr/bin/python3 -I " + str(TOOL)) == machine.calls_of("debian_packages.py") != []
    said = result.stderr.partition(ALL)
    assert said[0].endswith("will be installed, by sudo: ")


def test_make_runs_it_by_the_systems_python() -> None:
    makefile = (TOOL.parents[1] / "Makefile").read_text(encoding="utf-8")
    (recipe,) = re.findall(r"^debian:.*\n((?:\t.*\n)+)", makefile, re.MULTILINE)

    assert recipe == "\t@python3 -I tools/debian_packages.py\n"


def test_listing_changes_nothing(machine: Machine) -> None:
    result = machine.run("--list")

    assert result.stdout.split() == ALL.split()
    assert machine.calls_of("apt-get") == []
