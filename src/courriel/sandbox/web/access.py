"""Access to the page: by which names of this machine, from which pages, with which password."""

from __future__ import annotations

import hmac
from base64 import b64decode
from binascii import Error
from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import urlsplit

LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


@dataclass(frozen=True, slots=True)
class Access:
    """Access rules of a page. `hosts` are names by which the page may be asked for, besides those of loopback."""

    hosts: frozenset[str] = frozenset()
    password: str = ""
    """"" for none; the user name may be anything."""

    @classmethod
    def of(cls, hosts: Iterable[str] = (), password: str = "") -> Access:
        """Make the rules; names count in lower case."""
        return cls(frozenset(name.lower().strip("[]") for name in hosts), password)

    def knows(self, host: str) -> bool:
        """Whether a Host header names this server. A page of a stranger whose name now leads here is not it."""
        name = host_name(host)
        return name is not None and (name in LOOPBACK or name in self.hosts)

    def admits(self, authorization: str) -> bool:
        """Whether an Authorization header has the password; compared in constant time."""
        if not self.password:
            return True
        scheme, _, given = authorization.partition(" ")
        if scheme.lower() != "basic":
            return False
        try:
            _user, _, password = b64decode(given.strip(), validate=True).partition(b":")
        except (Error, ValueError):
            return False
        return hmac.compare_digest(password, self.password.encode())


def host_name(host: str) -> str | None:
    """Name of a Host header in lower case, without port and brackets; None when it is no such header."""
    try:
        parts = urlsplit(f"//{host}")
        _ = parts.port
    except ValueError:
        return None
    if parts.netloc != host or "@" in host or parts.path or parts.query or parts.fragment:
        return None
    return (parts.hostname or "").rstrip(".") or None
