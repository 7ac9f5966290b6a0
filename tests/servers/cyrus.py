"""A private Cyrus: IMAP, POP3 and LMTP with the mechanisms of libsasl, SCRAM bound to the certificate among them.

Over TLS it offers SCRAM-SHA-256-PLUS and knows the binding "tls-unique" only, which TLS 1.3 has not: nobody logs in by
it, whatever the password. Its log says so; it answers "bad protocol / cancel" (in LMTP "501 5.5.4 undefined error!").
"""

from __future__ import annotations

import contextlib
import os
import shlex
import shutil
from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path

from .accounts import ADA, BOB, DOMAIN, Account
from .authority import Authority
from .daemon import Daemon, private_folder, start_somewhere
from .own_root import in_own_root, need_unpacked
from .ports import LOOPBACK, free_ports

MECHANISMS = ("PLAIN", "LOGIN", "CRAM-MD5", "DIGEST-MD5", "SCRAM-SHA-1", "SCRAM-SHA-256")
"""Those offered in clear; over TLS the SCRAM ones are offered with "-PLUS" as well."""

ADMIN = Account("cyrus", "the admin's own secret")
"""Who may log in by LMTP: nobody else does."""

OWNER = 64994
"""The number of the user `cyrus` in its own root: it refuses to run as root."""

CONFIGURATION = """
configdirectory: {folder}/conf
proc_path: {folder}/conf/proc
mboxname_lockpath: {folder}/conf/lock
defaultpartition: default
partition-default: {folder}/spool
altnamespace: yes
unixhierarchysep: yes
virtdomains: userid
# Both, or the realm of a password would be the machine's name.
servername: {domain}
defaultdomain: {domain}
admins: {admin}
allowplaintext: yes
# A mailbox is made by its first login, or by its first letter.
autocreate_quota: 0
autocreate_post: yes
# A wrong password is told at once: here nobody is guessing.
failedloginpause: 0
popminpoll: 0
sasl_pwcheck_method: auxprop
sasl_auxprop_plugin: sasldb
sasl_sasldb_path: {folder}/sasldb2
sasl_mech_list: {mechanisms}
tls_server_cert: {folder}/server.pem
tls_server_key: {folder}/server.key
lmtp_downcase_rcpt: yes
idlesocket: {folder}/conf/socket/idle
notifysocket: {folder}/conf/socket/notify
"""

SERVICES = """
START {{
  recover cmd="/usr/lib/cyrus/bin/ctl_cyrusdb -r -C {configuration}"
}}
SERVICES {{
  imap cmd="/usr/lib/cyrus/bin/imapd -U 1 -C {configuration}" listen="{loopback}:{imap_port}"
  imaps cmd="/usr/lib/cyrus/bin/imapd -s -U 1 -C {configuration}" listen="{loopback}:{imaps_port}"
  pop3 cmd="/usr/lib/cyrus/bin/pop3d -U 1 -C {configuration}" listen="{loopback}:{pop_port}"
  pop3s cmd="/usr/lib/cyrus/bin/pop3d -s -U 1 -C {configuration}" listen="{loopback}:{pops_port}"
  lmtp cmd="/usr/lib/cyrus/bin/lmtpd -C {configuration}" listen="{loopback}:{lmtp_port}"
}}
EVENTS {{
}}
"""


@dataclass(frozen=True, slots=True)
class Cyrus:
    """Where the parts of a running Cyrus are.

    `imap_port`, `pop_port` and `lmtp_port` offer STARTTLS (and take a password without); `imaps_port` and `pops_port`
    speak TLS from the first byte.
    """

    authority: Authority
    imap_port: int
    imaps_port: int
    pop_port: int
    pops_port: int
    lmtp_port: int
    daemon: Daemon

    host = "localhost"
    accounts = (ADA, BOB)
    admin = ADMIN


@contextlib.contextmanager
def cyrus(authority: Authority) -> Generator[Cyrus]:
    """Run a Cyrus, with a certificate of this authority, for as long as the block lasts."""
    packages = need_unpacked("cyrus")
    started = start_somewhere(lambda: _start(authority, packages))
    with started.daemon:
        yield started


# The steps.


def _start(authority: Authority, packages: Path) -> Cyrus:
    folder = private_folder("cyrus")
    names = ("imap_port", "imaps_port", "pop_port", "pops_port", "lmtp_port")
    ports = dict(zip(names, free_ports(len(names)), strict=True))
    for name in ("spool", "conf/db", "conf/lock", "conf/log", "conf/proc", "conf/socket", "conf/user"):
        (folder / name).mkdir(parents=True)
    shutil.copy(authority.certificate, folder / "server.pem")
    shutil.copy(authority.key, folder / "server.key")
    configuration = folder / "imapd.conf"
    configuration.write_text(
        CONFIGURATION.format(folder=folder, domain=DOMAIN, admin=ADMIN.user, mechanisms=" ".join(MECHANISMS)), "utf-8"
    )
    services = folder / "cyrus.conf"
    services.write_text(
        SERVICES.format(folder=folder, configuration=configuration, loopback=LOOPBACK, **ports), "utf-8"
    )
    _give_away(folder)
    command = ["/usr/lib/cyrus/bin/master", "-D", "-C", str(configuration), "-M", str(services)]
    command += ["-p", str(folder / "master.pid"), "-L", str(folder / "log")]
    command = in_own_root(folder, packages, {"cyrus": OWNER}, command, setup=_setup(folder))
    daemon = Daemon(command, folder=folder, log=folder / "log", ports=list(ports.values()))
    return Cyrus(authority=authority, daemon=daemon, **ports)


def _setup(folder: Path) -> str:
    """The script that writes the passwords, by Cyrus's own tools in its own root."""
    passwords = (
        f"printf %s {shlex.quote(account.password)} |"
        f" saslpasswd2 -c -p -f {folder}/sasldb2 -u {DOMAIN} {account.user.partition('@')[0]}\n"
        for account in (*Cyrus.accounts, ADMIN)
    )
    return f"{''.join(passwords)}chown cyrus {folder}/sasldb2\n"


def _give_away(folder: Path) -> None:
    for path in (folder, *folder.rglob("*")):
        os.chown(path, OWNER, OWNER)
