"""Certificates of a server in words: who, by whom, until when, for which names (extra `doctor`: cryptography)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from courriel._dataclass import dataclass
from courriel.failures import Text
from courriel.network.inspecting import Handshake

if TYPE_CHECKING:
    from cryptography.x509 import Certificate, Name

SOON = 14
"""Days before its end from which a certificate is a warning."""
_MOST_NAMES = 6


@dataclass(frozen=True, slots=True)
class CertificateFacts:
    """Facts of a certificate: its name, its issuer's, its days, the names it is for, and its fingerprint."""

    subject: str
    issuer: str
    begins: datetime
    ends: datetime
    names: tuple[str, ...]
    fingerprint: str

    def days_left(self, now: datetime | None = None) -> int:
        """Whole days until its end; negative when that is past."""
        return (self.ends - (now or datetime.now(UTC))).days


def read(seen: Handshake) -> tuple[CertificateFacts, ...]:
    """The certificates of a handshake; those that cannot be read are left out. Empty without the package."""
    try:
        from cryptography import x509
    except ImportError:
        return ()
    facts: list[CertificateFacts] = []
    for der in seen.certificates:
        try:
            facts.append(_facts(x509.load_der_x509_certificate(der)))
        except (ValueError, x509.InvalidVersion):
            continue
    return tuple(facts)


def in_words(chain: Sequence[CertificateFacts], now: datetime | None = None) -> tuple[Text, ...]:
    """A line for each certificate of a chain, its depth first."""
    return tuple(_line(depth, each, now) for depth, each in enumerate(chain))


# The steps.


def _line(depth: int, facts: CertificateFacts, now: datetime | None) -> Text:
    days = facts.days_left(now)
    until = f"{facts.ends:%Y-%m-%d}"
    names = ""
    if depth == 0 and facts.names:
        names = f" · {', '.join(facts.names[:_MOST_NAMES])}{', …' if len(facts.names) > _MOST_NAMES else ''}"
    by = "" if facts.issuer == facts.subject else facts.issuer
    fr_by, en_by = (f", émis par {by}", f", issued by {by}") if by else (", signé par lui-même", ", signed by itself")
    if days < 0:
        return Text(f"{depth} {facts.subject}{fr_by}, expiré le {until}{names}",
                    f"{depth} {facts.subject}{en_by}, expired on {until}{names}")  # fmt: skip
    return Text(f"{depth} {facts.subject}{fr_by}, valable jusqu'au {until} ({days} jours){names}",
                f"{depth} {facts.subject}{en_by}, valid to {until} ({days} days){names}")  # fmt: skip


def _facts(certificate: Certificate) -> CertificateFacts:
    from hashlib import sha256

    from cryptography.hazmat.primitives.serialization import Encoding

    return CertificateFacts(
        _name(certificate.subject),
        _name(certificate.issuer),
        certificate.not_valid_before_utc,
        certificate.not_valid_after_utc,
        _names(certificate),
        sha256(certificate.public_bytes(Encoding.DER)).hexdigest(),
    )


def _name(name: Name) -> str:
    """The common name, else the organization, else everything."""
    from cryptography.x509.oid import NameOID

    for wanted in (NameOID.COMMON_NAME, NameOID.ORGANIZATION_NAME):
        found = name.get_attributes_for_oid(wanted)
        if found:
            return str(found[0].value)[:80]
    return name.rfc4514_string()[:80]


def _names(certificate: Certificate) -> tuple[str, ...]:
    from cryptography import x509

    try:
        found = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (x509.ExtensionNotFound, x509.DuplicateExtension, x509.UnsupportedGeneralNameType, ValueError):
        return ()  # none that can be read
    names = [*found.get_values_for_type(x509.DNSName), *map(str, found.get_values_for_type(x509.IPAddress))]
    return tuple(names[:100])
