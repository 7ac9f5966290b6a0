"""
Fetch the mail servers that the acceptance tests need and that cannot be installed beside the others.

    unpacked_servers.py           fetch what is missing into .servers/ of this checkout
    unpacked_servers.py --list    say what is missing, change nothing

Debian lets one machine hold one mail transfer agent and one IMAP server. Exim, OpenSMTPD, Sendmail, Courier and Cyrus
are therefore not installed: their packages, and the libraries that they need, are downloaded by apt-get and unpacked
below `.servers/debian/NAME`; the tests lay that tree over this machine's in a mount namespace. Haraka, smtp-server,
hoodiecrow, imapflow, mailpit-api, ical.js and axe-core come from npm into `.servers/npm` (versions and hashes:
tests/servers/npm/package-lock.json; no install script is run).

Nothing outside the checkout is changed. What cannot be fetched is named in one sentence on standard error, with the
tests that will be skipped; the exit status is 0 all the same.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
SERVERS = ROOT / ".servers"
NPM_LIST = ROOT / "tests" / "servers" / "npm"
NPM_NAMES = "Haraka, smtp-server, hoodiecrow, imapflow, mailpit-api, ical.js and axe-core"

PACKAGES = {
    "exim": ["exim4-daemon-light", "exim4-base"],
    "opensmtpd": ["opensmtpd"],
    "sendmail": ["sendmail-bin", "sendmail-base", "sendmail-cf", "m4"],
    "courier": [
        "courier-base",
        "courier-imap",
        "courier-pop",
        "courier-authdaemon",
        "courier-authlib",
        "courier-authlib-userdb",
    ],
    "cyrus": ["cyrus-common", "cyrus-imapd", "cyrus-pop3d", "cyrus-admin", "sasl2-bin", "libsasl2-modules"],
}
"""What is unpacked for each server; the libraries of their dependencies are added."""

FORMAT = "1"
"""Raised when what is unpacked changes in a way that the lists above do not show."""

UPDATE_LIMIT = 300.0  # seconds
FETCH_LIMIT = 600.0  # seconds


def main(arguments: Sequence[str]) -> int:
    wanted = [name for name in PACKAGES if not is_unpacked(name)]
    npm_wanted = not npm_is_installed()
    if "--list" in arguments:
        print("\n".join([*wanted, *(["npm"] if npm_wanted else [])]))
        return 0
    if not wanted and not npm_wanted:
        return 0
    SERVERS.mkdir(exist_ok=True)
    with alone():
        unpack_missing([name for name in wanted if not is_unpacked(name)])
        if not npm_is_installed():
            install_npm()
    return 0


# The steps.


@contextlib.contextmanager
def alone() -> Iterator[None]:
    """Hold the folder's lock: two runs in one checkout would spoil each other's trees."""
    with (SERVERS / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def unpack_missing(names: list[str]) -> None:
    if not names:
        return
    if not all(shutil.which(program) for program in ("apt-get", "apt-cache", "dpkg-deb", "dpkg-query")):
        say(f"not a Debian system; skipping the tests with {', '.join(names)}.")
        return
    say(f"unpacking from Debian's packages, beside this machine's own: {', '.join(names)}")
    if os.geteuid() == 0 and not all(is_known(package) for name in names for package in PACKAGES[name]):
        run(["apt-get", "-qq", "update"], UPDATE_LIMIT)
    for name in names:
        problem = unpack(name)
        if problem:
            say(f"{name} cannot be fetched ({problem}); skipping the tests with it.")


def is_known(package: str) -> bool:
    """Has apt a candidate for this package in its lists?"""
    shown = run(["apt-cache", "policy", package], 60)
    return shown is not None and "Candidate:" in shown and "Candidate: (none)" not in shown


def unpack(name: str) -> str:
    """Download and unpack one server's packages; return what went wrong, or nothing."""
    folder = SERVERS / "debian" / name
    packages = [*PACKAGES[name], *libraries_of(PACKAGES[name])]
    downloads = folder.with_name(f"{name}.packages")
    for old in (folder, downloads):
        shutil.rmtree(old, ignore_errors=True)
    downloads.mkdir(parents=True)
    try:
        # apt's own sandbox user may not write into a private folder, and says so at length.
        if run(["apt-get", "-qq", "-o=APT::Sandbox::User=root", "download", *packages], FETCH_LIMIT, downloads) is None:
            return "apt-get download failed"
        for package in sorted(downloads.glob("*.deb")):
            if run(["dpkg-deb", "--extract", str(package), str(folder)], 120) is None:
                return f"{package.name} cannot be unpacked"
    finally:
        shutil.rmtree(downloads, ignore_errors=True)
    merge_usr(folder)
    stamp(name).write_text(recipe(name))
    return ""


def libraries_of(packages: list[str]) -> list[str]:
    """The libraries these packages depend on, at any depth, that this machine has not installed."""
    flags = ("recommends", "suggests", "conflicts", "breaks", "replaces", "enhances")
    command = ["apt-cache", "depends", "--recurse", "--important", *(f"--no-{flag}" for flag in flags), *packages]
    names = {
        line.strip() for line in (run(command, 120) or "").splitlines() if line and not line.startswith((" ", "<"))
    }
    wanted = {name for name in names if name.startswith("lib") and ":" not in name} - set(packages)
    return sorted(name for name in wanted - installed(wanted) if is_known(name))


def installed(packages: set[str]) -> set[str]:
    command = ["dpkg-query", "--show", "--showformat=${Package} ${db:Status-Status}\n", *sorted(packages)]
    shown = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    return {line.split()[0] for line in shown.stdout.splitlines() if line.endswith(" installed")}


def merge_usr(folder: Path) -> None:
    """Move /lib, /bin and /sbin of an unpacked tree below /usr, where the links of a current Debian lead."""
    for name in ("bin", "sbin", "lib", "lib64"):
        if (folder / name).is_dir():
            shutil.copytree(folder / name, folder / "usr" / name, symlinks=True, dirs_exist_ok=True)
            shutil.rmtree(folder / name)


def is_unpacked(name: str) -> bool:
    return stamp(name).exists() and stamp(name).read_text() == recipe(name)


def stamp(name: str) -> Path:
    return SERVERS / "debian" / f"{name}.unpacked"


def recipe(name: str) -> str:
    return " ".join([FORMAT, *PACKAGES[name]])


def install_npm() -> None:
    npm = shutil.which("npm")
    if npm is None or shutil.which("node") is None:
        say(f"there is no node with npm (Debian: nodejs npm); skipping the tests with {NPM_NAMES}.")
        return
    say(f"installing {NPM_NAMES} by npm")
    folder = SERVERS / "npm"
    folder.mkdir(exist_ok=True)
    for name in ("package.json", "package-lock.json"):
        shutil.copy(NPM_LIST / name, folder)
    # No script of a stranger is run here, and a server needs none of them.
    if run([npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"], FETCH_LIMIT, folder) is None:
        say(f"npm ci failed; skipping the tests with {NPM_NAMES}.")
        return
    (folder / "installed").write_text(npm_recipe())


def npm_is_installed() -> bool:
    done = SERVERS / "npm" / "installed"
    return done.exists() and done.read_text() == npm_recipe()


def npm_recipe() -> str:
    return (NPM_LIST / "package-lock.json").read_text("utf-8")


def run(command: list[str], limit: float, folder: Path = ROOT) -> str | None:
    """Run a command to its end and return what it printed, or None when it failed, with its last lines shown."""
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C.UTF-8"}
    try:
        done = subprocess.run(
            command, cwd=folder, capture_output=True, text=True, check=False, timeout=limit, env=environment
        )
    except (OSError, subprocess.TimeoutExpired) as problem:
        say(f"{command[0]}: {problem}")
        return None
    if done.returncode != 0:
        say("\n".join((done.stderr or done.stdout).splitlines()[-5:]))
        return None
    return done.stdout


def say(sentence: str) -> None:
    print(f"servers for the tests: {sentence}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
