"""Real proxies on loopback: microsocks and Dante (SOCKS5), tinyproxy and Squid (HTTP CONNECT); some want a login."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Generator
from dataclasses import dataclass
from pathlib import Path

from courriel import Proxy

from .daemon import Daemon, private_folder, start_somewhere
from .packages import need
from .ports import LOOPBACK, free_ports

MICROSOCKS = "/usr/bin/microsocks"
DANTE = "/usr/sbin/danted"
TINYPROXY = "/usr/bin/tinyproxy"
SQUID = "/usr/sbin/squid"

USER, PASSWORD = "ada", "pr0xy:p@ss"
SIMPLE_PASSWORD = "pr0xy-pass"
UNREACHED = 9
"""A port of nobody, which the rules of all proxies let pass."""
FORBIDDEN = 25
"""A port that the rules of Dante and Squid forbid; those of the strict tinyproxy forbid all but 443."""


@dataclass(frozen=True, slots=True)
class RunningProxy:
    """A proxy that listens; `log` holds what it wrote about its clients, where it writes."""

    kind: str
    scheme: str
    port: int
    daemon: Daemon
    login: bool = False

    host = LOOPBACK

    @property
    def password(self) -> str:
        """The password of USER."""
        return SIMPLE_PASSWORD if self.kind.startswith("tinyproxy") else PASSWORD

    def proxy(self, scheme: str = "", *, password: str = "") -> Proxy:
        """Our value for it, with its login where it asks for one."""
        words = (USER, password or self.password) if self.login else ("", "")
        return Proxy(scheme or self.scheme, self.host, self.port, *words)  # type: ignore[arg-type]


def _microsocks(port: int, folder: Path) -> list[str]:
    return [MICROSOCKS, "-i", LOOPBACK, "-p", str(port)]


def _microsocks_with_login(port: int, folder: Path) -> list[str]:
    return [*_microsocks(port, folder), "-u", USER, "-P", PASSWORD]


_DANTE = """
logoutput: {folder}/log
internal: {loopback} port = {port}
external: lo
clientmethod: none
socksmethod: none
client pass {{ from: 127.0.0.0/8 to: 0.0.0.0/0 }}
socks block {{ from: 0.0.0.0/0 to: 0.0.0.0/0 port = {forbidden} }}
socks pass {{ from: 127.0.0.0/8 to: 0.0.0.0/0 command: connect }}
"""


def _dante(port: int, folder: Path) -> list[str]:
    written = folder / "danted.conf"
    written.write_text(_DANTE.format(folder=folder, loopback=LOOPBACK, port=port, forbidden=FORBIDDEN), "utf-8")
    return [DANTE, "-f", str(written), "-p", str(folder / "pid"), "-N", "1"]


_TINYPROXY = """
Port {port}
Listen {loopback}
Timeout 60
LogFile "{folder}/log"
PidFile "{folder}/pid"
Allow 127.0.0.1
"""


def _tinyproxy(port: int, folder: Path, more: str = "") -> list[str]:
    written = folder / "tinyproxy.conf"
    written.write_text(_TINYPROXY.format(folder=folder, loopback=LOOPBACK, port=port) + more, "utf-8")
    return [TINYPROXY, "-d", "-c", str(written)]


def _strict_tinyproxy(port: int, folder: Path) -> list[str]:
    # The first ConnectPort forbids all other ports.
    return _tinyproxy(port, folder, "ConnectPort 443\n")


def _tinyproxy_with_login(port: int, folder: Path) -> list[str]:
    return _tinyproxy(port, folder, f"BasicAuth {USER} {SIMPLE_PASSWORD}\n")


_SQUID = """
http_port {loopback}:{port}
pid_filename {folder}/pid
access_log stdio:{folder}/log
cache_log {folder}/cache.log
cache_store_log none
cache deny all
coredump_dir {folder}
netdb_filename none
pinger_enable off
shutdown_lifetime 0 seconds
forwarded_for delete
{login}
acl mail port {unreached} 1024-65535
http_access deny CONNECT !mail
http_access {allowed}
http_access deny all
"""
_SQUID_LOGIN = """
auth_param basic program /usr/lib/squid/basic_ncsa_auth {folder}/users
auth_param basic realm mail
acl known proxy_auth REQUIRED
"""


def _squid(port: int, folder: Path, *, login: bool = False) -> list[str]:
    folder.chmod(0o777)
    written = folder / "squid.conf"
    written.write_text(
        _SQUID.format(
            folder=folder,
            loopback=LOOPBACK,
            port=port,
            unreached=UNREACHED,
            login=_SQUID_LOGIN.format(folder=folder) if login else "",
            allowed="allow known" if login else "allow localhost",
        ),
        "utf-8",
    )
    return [SQUID, "-N", "-f", str(written)]


def _squid_with_login(port: int, folder: Path) -> list[str]:
    # The plain form of htpasswd files is known to no helper; MD5 is to this one.
    hashed = _run("openssl", "passwd", "-apr1", PASSWORD)
    (folder / "users").write_text(f"{USER}:{hashed}\n", "utf-8")
    return _squid(port, folder, login=True)


def _run(*command: str) -> str:
    import subprocess

    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=30).stdout.strip()


@dataclass(frozen=True, slots=True)
class _Kind:
    program: str
    scheme: str
    command: Callable[[int, Path], list[str]]
    login: bool = False


KINDS = {
    "microsocks": _Kind(MICROSOCKS, "socks5h", _microsocks),
    "microsocks with login": _Kind(MICROSOCKS, "socks5h", _microsocks_with_login, login=True),
    "dante": _Kind(DANTE, "socks5h", _dante),
    "tinyproxy": _Kind(TINYPROXY, "http", _tinyproxy),
    "tinyproxy with login": _Kind(TINYPROXY, "http", _tinyproxy_with_login, login=True),
    "strict tinyproxy": _Kind(TINYPROXY, "http", _strict_tinyproxy),
    "squid": _Kind(SQUID, "http", _squid),
    "squid with login": _Kind(SQUID, "http", _squid_with_login, login=True),
}


@contextlib.contextmanager
def running(kind: str) -> Generator[RunningProxy]:
    """Run a proxy of this kind for as long as the block lasts."""
    need(KINDS[kind].program)
    started = start_somewhere(lambda: _start(kind))
    with started.daemon:
        yield started


# The steps.


def _start(name: str) -> RunningProxy:
    kind = KINDS[name]
    folder = private_folder("proxy")
    port = free_ports(1)[0]
    command = kind.command(port, folder)
    daemon = Daemon(command, folder=folder, log=folder / "log", ports=[port])
    return RunningProxy(name, kind.scheme, port, daemon, kind.login)
