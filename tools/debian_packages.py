"""
Install what the acceptance tests need of Debian (mail servers, a database, a C compiler), where that is possible.

    debian_packages.py            install what is missing, when we may (root, or sudo without a password)
    debian_packages.py --list     say what is missing, change nothing

On Debian and Ubuntu the packages below are installed and nothing else is changed: no package is removed to make room,
no service is started, and none will start at the next boot. Where we may not install, or on another system, one
sentence on standard error says which tests will be skipped, and the exit status is 0 all the same.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

PACKAGES = {
    "postfix": "the tests against Postfix and smtp-sink",
    "dovecot-imapd": "the tests against Dovecot, and Postfix with passwords",
    "dovecot-pop3d": "the tests against Dovecot's POP3",
    "dovecot-lmtpd": "the tests against Dovecot's LMTP",
    "mpop": "the tests with mpop as a reader of our mailboxes",
    "isync": "the tests with mbsync as a reader of our mailboxes by IMAP",
    "neomutt": "the same with neomutt",
    "fetchmail": "the same with fetchmail, and by POP3; the bridge with fetchmail",
    "getmail6": "the same with getmail",
    "swaks": "the tests with swaks as a client",
    "libnet-ssleay-perl": "the tests with swaks over TLS",
    "s-nail": "the tests with s-nail through the bridge",
    "curl": "the tests with curl through the bridge",
    "libjakarta-mail-java": "the tests with JavaMail through the bridge",
    "default-jdk-headless": "the same",
    "gcc": "the outbox's tests of power cuts and failing disks",
    "libc6-dev": "the same, for the compiler",
    "postgresql": "the tests of the outbox on PostgreSQL",
    "pgbouncer": "the tests of the outbox behind PgBouncer",
    "redis-server": "the tests with Celery, RQ and Dramatiq, and the bench beside Celery",
    "nsd": "the doctor's tests with real zones",
    "unbound": "the same, through a resolver",
    "systemd": "the check of the unit for workers",
    "dante-server": "the tests behind a SOCKS proxy that has rules",
    "microsocks": "the tests behind a SOCKS proxy that asks for a login",
    "tinyproxy-bin": "the tests behind an HTTP proxy",
    "squid": "the tests behind the HTTP proxy of most companies",
    "uwsgi-core": "Django under uWSGI, which forks",
    "uwsgi-plugin-python3": "the same, with Python",
    "chromium": "the tests of the page, and of a login in a browser",
    "mailutils": "the tests of sendmail, called by its mail",
    "cron": "the same, called by cron",
    "php-cli": "the same, called by PHP's mail()",
    "git-email": "the same, called by git send-email",
    "libmailtools-perl": "the same, which reads addresses by it",
    "opendkim": "the tests of DKIM, signed and verified by OpenDKIM",
    "opendkim-tools": "the same, for opendkim-testmsg",
    "rspamd": "the same, verified by Rspamd",
    "python3-dkim": "the same, verified by dkimpy; the bench beside it",
    "python3-nacl": "the same, for Ed25519",
}
SERVICES = {
    "postfix": ["postfix.service"],
    "dovecot-imapd": ["dovecot.socket", "dovecot.service"],
    "fetchmail": ["fetchmail.service"],
    "postgresql": ["postgresql.service"],
    "pgbouncer": ["pgbouncer.service"],
    "nsd": ["nsd.service"],
    "unbound": ["unbound.service", "unbound-resolvconf.service"],
    "redis-server": ["redis-server.service"],
    "dante-server": ["danted.service"],
    "microsocks": ["microsocks.service"],
    "squid": ["squid.service"],
    "cron": ["cron.service"],
    "opendkim": ["opendkim.service"],
    "rspamd": ["rspamd.service"],
}
APT = [
    "apt-get",
    "-qq",
    "-o=Acquire::Retries=3",
    "-o=Acquire::http::Timeout=30",
    "-o=Acquire::https::Timeout=30",
    "-o=DPkg::Lock::Timeout=300",  # somebody else may be installing at this moment
    "-o=Dpkg::Use-Pty=0",
]
SYSTEM_PYTHON = Path("/usr/bin/python3")
POLICY = Path("/usr/sbin/policy-rc.d")
NO_SERVICE = """#!/bin/sh
# Put here by courriel's tests while they install packages; removed right afterwards.
# 101: no service is started.
exit 101
"""
UPDATE_LIMIT = 300.0  # seconds
INSTALL_LIMIT = 900.0  # seconds


def main(arguments: Sequence[str]) -> int:
    if shutil.which("dpkg-query") is None or shutil.which("apt-get") is None:
        say("not a Debian system; tests with Postfix, Dovecot, PostgreSQL, mpop, swaks or gcc run where these are.")
        return 0
    missing = missing_packages()
    if not missing:
        return 0
    if "--list" in arguments:
        print("\n".join(missing))
        return 0
    if os.geteuid() != 0:
        return ask_sudo(missing)
    install(missing)
    explain_skips(missing_packages(), "could not be installed")
    return 0


# The steps.


def missing_packages() -> list[str]:
    command = ["dpkg-query", "--show", "--showformat=${Package} ${db:Status-Status}\n", *PACKAGES]
    shown = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    installed = {line.split()[0] for line in shown.stdout.splitlines() if line.endswith(" installed")}
    return [package for package in PACKAGES if package not in installed]


def ask_sudo(missing: list[str]) -> int:
    """Do the same once more as root, if no password is needed for that; explain otherwise.

    As root runs the system's interpreter, isolated (-I): nothing of .venv, of PYTHONPATH or of the current folder,
    which packages from an index and this user's other programs may have written to, is imported by root.
    """
    if SYSTEM_PYTHON.exists() and shutil.which("sudo") is not None and run(["sudo", "-n", "true"], limit=30):
        say(f"these packages of Debian will be installed, by sudo: {' '.join(missing)}")
        limit = UPDATE_LIMIT + 2 * INSTALL_LIMIT
        run(["sudo", "-n", str(SYSTEM_PYTHON), "-I", str(Path(__file__).resolve())], limit=limit, silent=False)
        return 0
    explain_skips(missing, "may not be installed by this user")
    say(f"to run those tests as well: apt install {' '.join(missing)}")
    return 0


def install(missing: list[str]) -> None:
    say(f"installing Debian packages: {' '.join(missing)}")
    with no_service_is_started():
        if "postfix" in missing and not Path("/etc/postfix/main.cf").exists():
            # Without a main.cf Postfix's own service has nothing to start; the tests write theirs elsewhere.
            run(["debconf-set-selections"], given="postfix postfix/main_mailer_type select No configuration\n")
        if not (all_known(missing) and apt_install(missing)):
            run([*APT, "update"], limit=UPDATE_LIMIT)
            if not apt_install(missing):
                # One package must not keep the others away: Postfix does, where another mail server is installed.
                for package in missing_packages():
                    apt_install([package])
    keep_quiet_at_boot([package for package in missing if package not in missing_packages()])


def all_known(packages: list[str]) -> bool:
    """Does apt know where to get each of them, without a fresh list?"""
    command = ["apt-cache", "policy", *packages]
    shown = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60, env=environment())
    candidates = [line for line in shown.stdout.splitlines() if line.strip().startswith("Candidate:")]
    return len(candidates) == len(packages) and not any(line.endswith("(none)") for line in candidates)


def apt_install(packages: list[str]) -> bool:
    return run([*APT, "install", "--yes", "--no-install-recommends", "--no-remove", *packages], limit=INSTALL_LIMIT)


def keep_quiet_at_boot(packages: list[str]) -> None:
    """A developer's machine must not begin to serve mail at the next boot because somebody ran our tests."""
    if Path("/run/systemd/system").is_dir():
        for service in (service for package in packages for service in SERVICES.get(package, [])):
            run(["systemctl", "disable", "--quiet", service])


@contextlib.contextmanager
def no_service_is_started() -> Iterator[None]:
    """Forbid the start of services while packages are installed; a policy that is there already is left as it is."""
    try:
        descriptor = os.open(POLICY, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o755)
    except FileExistsError:
        yield
        return
    before = signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that `finally` is reached
    try:
        with os.fdopen(descriptor, "w") as policy:
            policy.write(NO_SERVICE)
            os.fchmod(policy.fileno(), 0o755)  # whatever the umask says
        yield
    finally:
        POLICY.unlink(missing_ok=True)
        signal.signal(signal.SIGTERM, before)


def run(command: list[str], *, limit: float = 60.0, given: str = "", silent: bool = True) -> bool:
    """Run a command to its end; show what it said only when it failed (or when it is not to be silent)."""
    try:
        done = subprocess.run(
            command,
            input=given,
            text=True,
            check=False,
            timeout=limit,
            env=environment(),
            stdout=subprocess.PIPE if silent else None,
            stderr=subprocess.STDOUT if silent else None,
        )
    except (OSError, subprocess.TimeoutExpired) as problem:
        say(f"{command[0]}: {problem}")
        return False
    if done.returncode != 0 and silent and command[0] == APT[0]:
        say("\n".join(done.stdout.splitlines()[-5:]))
    return done.returncode == 0


def environment() -> dict[str, str]:
    return {**os.environ, "DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C.UTF-8", "NEEDRESTART_SUSPEND": "1"}


def explain_skips(packages: list[str], why: str) -> None:
    for package in packages:
        say(f"{package} {why}: skipping {PACKAGES[package]}.")


def say(sentence: str) -> None:
    print(f"debian packages: {sentence}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
