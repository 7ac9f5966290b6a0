"""Sendmail as a relay that rewrites what it takes, and hands it on to another server."""

from __future__ import annotations

import contextlib
from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path

from .daemon import Daemon, private_folder, start_somewhere
from .own_root import in_own_root, need_unpacked
from .ports import free_ports

NAME = "relay.example.org"
SETTINGS = """
include(`m4/cf.m4')dnl
OSTYPE(`linux')dnl
define(`QUEUE_DIR',`{folder}/queue')dnl
define(`confPID_FILE',`{folder}/pid')dnl
define(`confSERVICE_SWITCH_FILE',`{folder}/switch')dnl
define(`confTO_IDENT',`0')dnl
define(`ALIAS_FILE',`')dnl
define(`STATUS_FILE',`')dnl
define(`SMART_HOST',`relay:[127.0.0.1]')dnl
define(`RELAY_MAILER_ARGS',`TCP $h {next_port}')dnl
FEATURE(`nocanonify')dnl
FEATURE(`promiscuous_relay')dnl
FEATURE(`accept_unresolvable_domains')dnl
FEATURE(`no_default_msa')dnl
DAEMON_OPTIONS(`Port={port}, Addr=127.0.0.1, Name=MTA')dnl
MAILER(`smtp')dnl
"""
"""No name service: this machine alone is asked for its name, which is its name in its own root."""

SETUP = """
hostname {name}
echo "127.0.0.1 {name} localhost" > /etc/hosts
: > /etc/resolv.conf
cd /usr/share/sendmail/cf
m4 -D_CF_DIR_=/usr/share/sendmail/cf/ {folder}/sendmail.mc > {folder}/sendmail.cf
"""


@dataclass(frozen=True)
class Sendmail:
    """A Sendmail on `port` of loopback, without TLS, and its files."""

    port: int
    folder: Path
    daemon: Daemon


@contextlib.contextmanager
def sendmail(next_port: int) -> Generator[Sendmail]:
    """Run a Sendmail that hands everything on to this port of loopback."""
    packages = need_unpacked("sendmail")

    def start() -> Sendmail:
        folder, (port,) = private_folder("sendmail"), free_ports(1)
        (folder / "queue").mkdir(mode=0o700)
        (folder / "switch").write_text("hosts files\naliases files\n", "utf-8")
        settings = SETTINGS.format(folder=folder, port=port, next_port=next_port)
        (folder / "sendmail.mc").write_text(settings, "utf-8")
        program = ["/usr/libexec/sendmail/sendmail", "-C", f"{folder}/sendmail.cf", "-bD", "-q1s"]
        setup = SETUP.format(folder=folder, name=NAME)
        # With a host name of its own: its root alone would give this machine the name.
        command = [
            "unshare",
            "--uts",
            *in_own_root(folder, packages, {"smmsp": 31_001, "smmta": 31_002}, program, setup),
        ]
        return Sendmail(port, folder, Daemon(command, folder=folder, log=folder / "output", ports=[port]))

    started = start_somewhere(start)
    with started.daemon:
        yield started
