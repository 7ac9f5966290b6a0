"""Bad certificates, for practice: expired, not valid yet, signed by themselves, for another name, and so on."""

from __future__ import annotations

import datetime as dt
import ipaddress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from cryptography import x509

    from courriel.sandbox.certificates import CertificateFiles

_DAY = dt.timedelta(days=1)
_TIMES = {"expired": (-40, -10), "not-yet-valid": (10, 40)}  # days from now
_WEAK = 1024  # bits of RSA; 2048 are the least that anybody takes


def issue_bad(folder: Path, kind: str, good: CertificateFiles, host: str) -> tuple[Path, Path]:
    """Make a certificate with this fault and no other, in this folder; returns it and its key, as PEM files."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec, rsa
    from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

    authority = x509.load_pem_x509_certificate(good.authority.read_bytes())
    key = (
        rsa.generate_private_key(public_exponent=65537, key_size=_WEAK)  # its fault
        if kind == "weak"
        else ec.generate_private_key(ec.SECP256R1())
    )
    name = "other.invalid" if kind == "other-name" else host
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    issuer, signing_key = authority.subject, good.authority_key
    if kind == "self-signed":
        issuer, signing_key = subject, key  # type: ignore[assignment]
    elif kind == "unknown-authority":
        issuer = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "an authority that nobody knows")])
        signing_key = ec.generate_private_key(ec.SECP256R1())
    begins, ends = _TIMES.get(kind, (-1, 30))
    now = dt.datetime.now(dt.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now + begins * _DAY)
        .not_valid_after(now + ends * _DAY)
        .add_extension(x509.SubjectAlternativeName(_names(name)), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signing_key.public_key()), critical=False)
        .sign(signing_key, hashes.SHA256())
    )
    files = folder / f"{kind}.pem", folder / f"{kind}.key"
    files[0].write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    files[1].touch(mode=0o600)
    files[1].write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return files


# The steps.


def _names(name: str) -> list[x509.GeneralName]:
    from cryptography import x509

    try:
        return [x509.IPAddress(ipaddress.ip_address(name))]
    except ValueError:
        return [x509.DNSName(name)]
