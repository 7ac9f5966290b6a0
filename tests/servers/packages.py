"""What has to be installed for the real servers, and what is said when it is not."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import NoReturn

import pytest

# Debian keeps several versions side by side; the newest is the one that we take.
POSTGRES = max(
    Path("/usr/lib/postgresql").glob("*/bin/postgres"),
    key=lambda path: float(path.parts[4]),
    default=Path("/usr/lib/postgresql/bin/postgres"),
)
PGBOUNCER = "/usr/sbin/pgbouncer"

PACKAGES = {
    str(POSTGRES): "postgresql",
    PGBOUNCER: "pgbouncer",
    "/usr/lib/postfix/sbin/master": "postfix",
    "/usr/sbin/smtp-sink": "postfix",
    "/usr/sbin/dovecot": "dovecot-core",
    "/usr/lib/dovecot/imap": "dovecot-imapd",
    "/usr/lib/dovecot/pop3": "dovecot-pop3d",
    "/usr/lib/dovecot/lmtp": "dovecot-lmtpd",
    "/usr/bin/swaks": "swaks libnet-ssleay-perl",
    "/usr/bin/redis-server": "redis-server",
    "/usr/bin/s-nail": "s-nail",
    "/usr/bin/fetchmail": "fetchmail",
    "/usr/bin/curl": "curl",
    "/usr/bin/javac": "default-jdk-headless",
    "/usr/share/java/jakarta-mail.jar": "libjakarta-mail-java",
    "/usr/bin/systemd-analyze": "systemd",
    "/usr/bin/chromium": "chromium",
    "/usr/sbin/nsd": "nsd",
    "/usr/sbin/unbound": "unbound",
    "/usr/bin/microsocks": "microsocks",
    "/usr/sbin/danted": "dante-server",
    "/usr/bin/tinyproxy": "tinyproxy-bin",
    "/usr/sbin/squid": "squid",
    "/usr/bin/uwsgi-core": "uwsgi-core",
    "/usr/lib/uwsgi/plugins/python3_plugin.so": "uwsgi-plugin-python3",
    "/usr/bin/mail.mailutils": "mailutils",
    "/usr/sbin/cron": "cron",
    "/usr/bin/php": "php-cli",
    "/usr/lib/git-core/git-send-email": "git-email",
    "/usr/sbin/opendkim": "opendkim",
    "/usr/bin/rspamd": "rspamd",
    "/usr/share/perl5/Mail/Address.pm": "libmailtools-perl",
    "/usr/lib/python3/dist-packages/dkim/__init__.py": "python3-dkim python3-nacl",
}
"""The programs that we start, and the Debian packages that bring them."""


def need(*programs: str, as_root: bool = False) -> None:
    """Leave the test out, in so many words, when a program is missing; where `CI` is "true", fail it.

    On a machine that exists to run the tests, a test left out is a test that nobody runs.
    """
    packages = sorted({PACKAGES[program] for program in programs if not Path(program).exists()})
    if packages:
        names = " ".join(packages)
        leave_out(f"{names} not installed. On Debian and Ubuntu: apt-get install -y --no-install-recommends {names}")
    if as_root and os.geteuid() != 0:
        leave_out(f"{shutil.which(programs[0]) or programs[0]} must be started by root: run the tests as root")


def leave_out(reason: str) -> NoReturn:
    """Skip the test for this reason; where `CI` is "true", fail it."""
    if os.environ.get("CI") == "true":
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)
