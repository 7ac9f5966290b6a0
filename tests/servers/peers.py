"""Mail servers by other people than Postfix's: Exim, OpenSMTPD, Haraka and smtp-server, each private and on loopback.

All of them take mail for ada, bob and cleo at example.org, ask for no login, and keep every message as a file; all but
OpenSMTPD offer STARTTLS with the authority's certificate. `RUNNERS` names them for tests that are the same for each.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
from collections.abc import Callable, Generator, Iterable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

from courriel import Security, Server, Trust

from .authority import Authority
from .daemon import Daemon, private_folder, start_somewhere, wait_until
from .own_root import in_own_root, need_unpacked
from .packages import leave_out
from .ports import LOOPBACK, free_ports

NODE_MODULES = Path(__file__).resolve().parents[2] / ".servers" / "npm" / "node_modules"
PROGRAMS = Path(__file__).with_name("npm")

EXIM_USER = 64998
SMTPD_USER = 64996
SMTPQ_USER = 64995


@dataclass(frozen=True, slots=True)
class Peer:
    """A running server: where it listens, and the folder below which its messages arrive as files."""

    name: str
    port: int
    authority: Authority
    arrivals: Path
    daemon: Daemon
    offers_tls: bool = True

    def server(self, security: Security = Security.NONE) -> Server:
        """What a client needs to reach it."""
        return Server("localhost", self.port, security, trust=Trust.file(str(self.authority.ca_file)))

    def messages(self, count: int, timeout: float = 60.0) -> list[bytes]:
        """The messages that arrived (CRLF line ends), once there are at least `count`.

        Raises TimeoutError with the server's log when there are fewer after `timeout` seconds.
        """
        if not wait_until(lambda: len(self._files()) >= count, timeout):
            raise TimeoutError(f"{len(self._files())} of {count} messages at {self.name}:\n{self.daemon.words()}")
        return [path.read_bytes().replace(b"\r\n", b"\n").replace(b"\n", b"\r\n") for path in self._files()]

    def empty(self) -> None:
        """Throw away what arrived."""
        for path in self._files():
            path.unlink()

    def _files(self) -> list[Path]:
        # A Maildir's `tmp`, and names that begin with a dot, hold messages that are not whole yet.
        found = [path for path in self.arrivals.rglob("*") if path.parent.name != "tmp" and path.name[0] != "."]
        return sorted(path for path in found if path.is_file() and not path.name.startswith("maildir"))


EXIM = """
primary_hostname = mx.example.org
spool_directory = {folder}/spool
log_file_path = {folder}/log-%s
pid_file_path = {folder}/pid
local_interfaces = {loopback}
daemon_smtp_ports = {port}
keep_environment =
host_lookup =
rfc1413_query_timeout = 0s
smtp_accept_max = 200
smtp_accept_queue_per_connection = 0
queue_only = false
message_size_limit = 50M
tls_advertise_hosts = *
tls_certificate = {folder}/certificate
tls_privatekey = {folder}/key
acl_smtp_rcpt = take
acl_smtp_data = accept
begin acl
take:
  accept domains = returning.example
  require verify = recipient
  accept
begin routers
returning:
  driver = redirect
  domains = returning.example
  data = :fail: 550 5.1.1 nobody lives here
  allow_fail
people:
  driver = accept
  domains = example.org
  transport = keep
begin transports
keep:
  driver = appendfile
  maildir_format
  directory = {folder}/mail
  create_directory
  user = Debian-exim
  group = Debian-exim
begin retry
* * F,1h,1m
"""


@contextlib.contextmanager
def exim(authority: Authority) -> Generator[Peer]:
    """Run an Exim. It offers PIPELINING and CHUNKING."""
    packages = need_unpacked("exim")

    def start() -> Peer:
        folder, port = private_folder("exim"), free_ports(1)[0]
        _copy_certificate(authority, folder, EXIM_USER)
        (folder / "spool").mkdir()
        (folder / "mail").mkdir()
        for path in (folder, folder / "spool", folder / "mail"):
            os.chown(path, EXIM_USER, EXIM_USER)
        config = folder / "exim.conf"
        config.write_text(EXIM.format(folder=folder, port=port, loopback=LOOPBACK), "utf-8")
        config.chmod(0o644)
        command = in_own_root(
            folder,
            packages,
            {"Debian-exim": EXIM_USER},
            ["/usr/sbin/exim4", "-bdf", "-q10m"],
            setup=f"mkdir -p /etc/exim4; cp {config} /etc/exim4/exim4.conf",
        )
        daemon = Daemon(command, folder=folder, log=folder / "log-main", ports=[port])
        return Peer("Exim", port, authority, folder / "mail", daemon)

    yield from _running(start)


OPENSMTPD = """
listen on {loopback} port {port} hostname mx.example.org
action "keep" maildir "{folder}/mail" user _people
match from any for domain "example.org" action "keep"
"""


@contextlib.contextmanager
def opensmtpd(authority: Authority) -> Generator[Peer]:
    """Run an OpenSMTPD. It offers neither PIPELINING nor CHUNKING, and takes a hundred messages a session.

    Without STARTTLS: the TLS of Debian 12's OpenSMTPD 6.8.0p2 fails with OpenSSL 3 ("EVP lib"), for every client.
    """
    packages = need_unpacked("opensmtpd")

    def start() -> Peer:
        folder, port = private_folder("opensmtpd"), free_ports(1)[0]
        (folder / "mail").mkdir()
        os.chown(folder / "mail", EXIM_USER, EXIM_USER)
        (folder / "smtpd.conf").write_text(OPENSMTPD.format(folder=folder, port=port, loopback=LOOPBACK), "utf-8")
        command = in_own_root(
            folder,
            packages,
            {"_people": EXIM_USER, "opensmtpd": SMTPD_USER, "opensmtpq": SMTPQ_USER},
            ["/usr/sbin/smtpd", "-d", "-f", f"{folder}/smtpd.conf"],
            # Every recipient must have an account; these are the ones that the tests write to.
            setup="mkdir -p /var/empty /var/spool/smtpd; chmod 711 /var/spool/smtpd\n"
            'for one in ada bob cleo; do echo "$one:x:64998:64998::/nonexistent:/bin/sh" >> /etc/passwd; done',
        )
        daemon = Daemon(command, folder=folder, log=folder / "output", ports=[port])
        return Peer("OpenSMTPD", port, authority, folder / "mail", daemon, offers_tls=False)

    yield from _running(start)


@contextlib.contextmanager
def haraka(authority: Authority) -> Generator[Peer]:
    """Run a Haraka. It offers PIPELINING, and answers 503 to commands that were pipelined behind a final dot."""
    node = need_node("Haraka")

    def start() -> Peer:
        folder, port = private_folder("haraka"), free_ports(1)[0]
        shutil.copytree(NODE_MODULES / "Haraka" / "config", folder / "config")
        shutil.copytree(PROGRAMS / "haraka_plugins", folder / "plugins")
        (folder / "mail").mkdir()
        shutil.copy(authority.certificate, folder / "config" / "tls_cert.pem")
        shutil.copy(authority.key, folder / "config" / "tls_key.pem")
        settings = {
            "smtp.ini": f"listen={LOOPBACK}:{port}\nnodes=0\ndaemonize=false\n",
            "plugins": "stay_on_loopback\ntls\naccept_everybody\nkeep_as_files\n",
            "me": "mx.example.org",
            "loglevel": "INFO",
            "outbound.ini": "disabled=true\n",
        }
        for name, text in settings.items():
            (folder / "config" / name).write_text(text, "utf-8")
        command = [node, str(NODE_MODULES / "Haraka" / "bin" / "haraka"), "-c", str(folder)]
        daemon = Daemon(command, folder=folder, log=folder / "output", ports=[port])
        return Peer("Haraka", port, authority, folder / "mail", daemon)

    yield from _running(start)


@contextlib.contextmanager
def smtp_server(authority: Authority) -> Generator[Peer]:
    """Run nodemailer's smtp-server. It offers PIPELINING."""
    node = need_node("smtp-server")

    def start() -> Peer:
        folder, port = private_folder("smtp-server"), free_ports(1)[0]
        (folder / "mail").mkdir()
        settings = {
            "modules": str(NODE_MODULES),
            "host": LOOPBACK,
            "port": port,
            "certificate": str(authority.certificate),
            "key": str(authority.key),
            "mail": str(folder / "mail"),
        }
        command = [node, str(PROGRAMS / "smtp_server.cjs"), json.dumps(settings)]
        daemon = Daemon(command, folder=folder, log=folder / "output", ports=[port])
        return Peer("smtp-server", port, authority, folder / "mail", daemon)

    yield from _running(start)


Runner = Callable[[Authority], AbstractContextManager[Peer]]

RUNNERS: dict[str, Runner] = {"exim": exim, "opensmtpd": opensmtpd, "haraka": haraka, "smtp-server": smtp_server}


def need_node(package: str) -> str:
    """The node to run, where this package of npm is installed; else the test is left out."""
    node = shutil.which("node")
    if node is None or not (NODE_MODULES / package).exists():
        leave_out(f"{package} is not installed: run tools/unpacked_servers.py, with node and npm")
    return node


# The steps.


def _running(start: Callable[[], Peer]) -> Iterable[Peer]:
    started = start_somewhere(start)
    with started.daemon:
        yield started


def _copy_certificate(authority: Authority, folder: Path, owner: int) -> None:
    """Copy the authority's certificate and key for a server that reads them under a user of its own."""
    for name, source in (("certificate", authority.certificate), ("key", authority.key)):
        copy = folder / name
        copy.touch(0o600)
        copy.write_bytes(source.read_bytes())
        os.chown(copy, owner, owner)
