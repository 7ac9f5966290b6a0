"""Valid and invalid certificates, and TLS handshakes in memory between OpenSSL on both sides."""

from __future__ import annotations

import contextlib
import datetime as dt
import ssl
import warnings
from dataclasses import dataclass
from pathlib import Path

import trustme
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

HOST = "mail.example.org"
ADDRESS = "127.0.0.1"
YEAR = dt.timedelta(days=365)
NOW = dt.datetime.now(dt.UTC)


@dataclass(frozen=True)
class Shown:
    """A certificate with its chain and key, in one file."""

    path: Path
    der: bytes

    @property
    def pem(self) -> str:
        return ssl.DER_cert_to_PEM_cert(self.der)


class Workshop:
    """Makes certificates: of a trusted CA, of an untrusted one, and self-signed."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.believed = trustme.CA(organization_name="Believed")
        self.stranger = trustme.CA(organization_name="Stranger")
        self.authority = self._written("authority.pem", self.believed.cert_pem.bytes())
        self.unbelieved = self._written("stranger.pem", self.stranger.cert_pem.bytes())
        self.certificates = {
            "good": self._issue("good"),
            "expired": self._issue("expired", not_before=NOW - 2 * YEAR, not_after=NOW - YEAR),
            "not yet valid": self._issue("early", not_before=NOW + YEAR, not_after=NOW + 2 * YEAR),
            "wrong name": self._issue("name", names=["other.example.org"]),
            "common name only": self._issue("common", names=[], common_name=HOST),
            "unknown issuer": self._issue("unknown", by=self.stranger),
            "address": self._issue("address", names=[ADDRESS, "::1"]),
            "another address": self._issue("elsewhere", names=["127.0.0.2"]),
            "behind an intermediate": self._issue("deep", by=self.believed.create_child_ca()),
            "client": self._issue("client", names=["ada@example.org"]),
            "self-signed": self._self_signed(),
        }

    def server(self, which: str, **changes: ssl.TLSVersion) -> ssl.SSLContext:
        """A server context with this certificate; `changes` are attributes of the context."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.certificates[which].path)
        for name, value in changes.items():
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", DeprecationWarning)  # these servers test old versions of TLS
                setattr(context, name, value)
        return context

    def demanding_server(self, version: ssl.TLSVersion = ssl.TLSVersion.TLSv1_3) -> ssl.SSLContext:
        """A valid server that requires a client certificate of the trusted CA."""
        context = self.server("good", maximum_version=version)
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(self.authority)
        return context

    # The steps.

    def _issue(
        self,
        file: str,
        *,
        names: list[str] | None = None,
        by: trustme.CA | None = None,
        common_name: str | None = None,
        not_before: dt.datetime | None = None,
        not_after: dt.datetime | None = None,
    ) -> Shown:
        made = (by or self.believed).issue_cert(
            *([HOST] if names is None else names), common_name=common_name, not_before=not_before, not_after=not_after
        )
        path = self._written(f"{file}.pem", made.private_key_and_cert_chain_pem.bytes())
        return Shown(path, ssl.PEM_cert_to_DER_cert(made.cert_chain_pems[0].bytes().decode()))

    def _self_signed(self) -> Shown:
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, HOST)])
        made = (
            x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number(), NOW - YEAR, NOW + YEAR)
            .add_extension(x509.SubjectAlternativeName([x509.DNSName(HOST)]), critical=False)
            .sign(key, hashes.SHA256())
        )
        secret = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        path = self._written("selfsigned.pem", secret + made.public_bytes(serialization.Encoding.PEM))
        return Shown(path, made.public_bytes(serialization.Encoding.DER))

    def _written(self, name: str, content: bytes) -> Path:
        path = self.folder / name
        path.write_bytes(content)
        return path


class Line:
    """A client and a server of TLS connected in memory.

    Raises the client's exception; errors of the server reach the client as alerts, as over a network.
    """

    def __init__(self, client: ssl.SSLContext, server: ssl.SSLContext, name: str = HOST) -> None:
        to_client, to_server = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.client = client.wrap_bio(to_client, to_server, server_hostname=name)
        self._server = server.wrap_bio(to_server, to_client, server_side=True)
        done = False
        for _ in range(8):
            try:
                self.client.do_handshake()
                done = True
            except ssl.SSLWantReadError:
                pass
            self._listen()
            if done:
                return
        raise AssertionError("the handshake does not come to an end")

    def read(self) -> bytes:
        return self.client.read(100)

    def _listen(self) -> None:
        # It waits for data, or its alert is on the way to the client.
        with contextlib.suppress(ssl.SSLError):
            self._server.do_handshake()


def greet_in_clear(client: ssl.SSLContext, said: bytes, name: str = HOST) -> None:
    """A handshake with a server that does not speak TLS, sends this, and closes."""
    to_client, to_server = ssl.MemoryBIO(), ssl.MemoryBIO()
    to_client.write(said)
    to_client.write_eof()
    client.wrap_bio(to_client, to_server, server_hostname=name).do_handshake()
