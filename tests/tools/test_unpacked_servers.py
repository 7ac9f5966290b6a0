"""Fetching the servers that cannot be installed, with a false apt and npm in front of PATH: nothing is fetched."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FALSE_PACKAGE = (
    'mkdir -p "$3/usr/bin" "$3/lib/x" && echo server > "$3/usr/bin/$(basename "$2" .deb)" && echo lib > "$3/lib/x/file"'
)


class Checkout:
    """A checkout with the tool and the npm lists, and a PATH of small scripts that note how they were called."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "checkout"
        self.bin = folder / "bin"
        self.log = folder / "log"
        self.log.touch()
        self.bin.mkdir()
        (self.folder / "tools").mkdir(parents=True)
        shutil.copy(ROOT / "tools" / "unpacked_servers.py", self.folder / "tools")
        shutil.copytree(ROOT / "tests" / "servers" / "npm", self.folder / "tests" / "servers" / "npm")
        self.has("apt-get", 'case " $* " in *" download "*) for one; do :; done; touch exim4.deb ;; esac')
        self.has("apt-cache", 'if [ "$1" = policy ]; then echo "  Candidate: 1.0"; else printf "exim4\\nlibx\\n"; fi')
        self.has("dpkg-query", "true")
        self.has("dpkg-deb", FALSE_PACKAGE)
        self.has("npm", "mkdir -p node_modules/Haraka")
        self.has("node", "true")

    def has(self, program: str, script: str) -> None:
        path = self.bin / program
        path.write_text(f'#!/bin/sh\necho {program} "$@" >> {self.log}\n{script}\n')
        path.chmod(0o755)

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-I", str(self.folder / "tools" / "unpacked_servers.py"), *arguments]
        environment = {**os.environ, "PATH": f"{self.bin}:/usr/bin:/bin"}
        return subprocess.run(command, capture_output=True, text=True, env=environment, check=False, timeout=60)

    def calls(self, program: str) -> list[str]:
        return [call for call in self.log.read_text().splitlines() if call.startswith(program)]


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    return Checkout(tmp_path)


@pytest.mark.slow
def test_each_server_is_unpacked_with_the_libraries_it_lacks(checkout: Checkout) -> None:
    result = checkout.run()

    assert result.returncode == 0
    downloads = [call for call in checkout.calls("apt-get") if " download " in call]
    assert len(downloads) == 5
    assert all(call.endswith(" libx") for call in downloads)
    unpacked = checkout.folder / ".servers" / "debian" / "exim"
    assert (unpacked / "usr" / "bin" / "exim4").exists()


@pytest.mark.slow
def test_libraries_lie_where_the_links_of_a_current_debian_lead(checkout: Checkout) -> None:
    checkout.run()

    unpacked = checkout.folder / ".servers" / "debian" / "exim"
    assert (unpacked / "usr" / "lib" / "x" / "file").exists()
    assert not (unpacked / "lib").exists()


@pytest.mark.slow
def test_nothing_is_installed_on_the_machine(checkout: Checkout) -> None:
    checkout.run()

    assert not [call for call in checkout.calls("apt-get") if " install " in call or "remove" in call]


@pytest.mark.slow
def test_npm_installs_what_the_lock_file_says_and_runs_no_script(checkout: Checkout) -> None:
    checkout.run()

    (call,) = checkout.calls("npm")
    assert call.startswith("npm ci --ignore-scripts")


@pytest.mark.slow
def test_a_second_run_fetches_nothing(checkout: Checkout) -> None:
    checkout.run()
    before = checkout.log.read_text()

    result = checkout.run()

    assert checkout.log.read_text() == before
    assert result.stderr == ""


@pytest.mark.slow
def test_a_server_that_cannot_be_fetched_is_named_and_keeps_no_other_away(checkout: Checkout) -> None:
    checkout.has("apt-get", 'case "$*" in *exim4*) exit 100 ;; *download*) touch x.deb ;; esac')

    result = checkout.run()

    assert result.returncode == 0
    assert "exim cannot be fetched" in result.stderr
    assert (checkout.folder / ".servers" / "debian" / "courier.unpacked").exists()
    assert not (checkout.folder / ".servers" / "debian" / "exim.unpacked").exists()


def test_list_changes_nothing(checkout: Checkout) -> None:
    result = checkout.run("--list")

    assert result.stdout.split() == ["exim", "opensmtpd", "sendmail", "courier", "cyrus", "npm"]
    assert not (checkout.folder / ".servers").exists()


def test_the_lock_file_names_no_index() -> None:
    lock = (ROOT / "tests" / "servers" / "npm" / "package-lock.json").read_text("utf-8")

    assert '"resolved"' not in lock
    assert '"integrity": "sha512-' in lock
