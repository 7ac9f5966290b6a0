"""A certificate authority for one test run, and the one server certificate that the servers share."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import trustme

NAMES = ("localhost", "127.0.0.1", "::1", "mx.example.org")
"""Whom the certificate is for."""


@dataclass(frozen=True, slots=True)
class Authority:
    """Where its files are: `ca_file` for clients to trust, `certificate` (with its chain) and `key` for servers."""

    ca_file: Path
    certificate: Path
    key: Path

    @classmethod
    def in_folder(cls, folder: Path) -> Self:
        """Make a new authority, and write its certificate and the servers' into a folder."""
        authority = trustme.CA()
        server = authority.issue_cert(*NAMES)
        made = cls(folder / "ca.pem", folder / "server.pem", folder / "server.key")
        authority.cert_pem.write_to_path(str(made.ca_file))
        made.certificate.write_bytes(b"".join(blob.bytes() for blob in server.cert_chain_pems))
        made.key.touch(0o600)
        made.key.write_bytes(server.private_key_pem.bytes())
        return made

    def context(self) -> ssl.SSLContext:
        """What a client needs that trusts this authority and no other."""
        return ssl.create_default_context(cafile=str(self.ca_file))
