"""Reasons of TLS failures: OpenSSL's error codes as one check and one sentence.

The remedy is in the failure table; this only names the cause, from the error itself. No second connection is made to
find out more.
"""

from __future__ import annotations

import ssl

from courriel._dataclass import dataclass
from courriel.model.servers.trust import Trust
from courriel.network.tls import ca_store

TYPE_CHECKING = False

if TYPE_CHECKING:
    from typing import Literal, TypeAlias

Check: TypeAlias = """Literal[
    "issuer", "self-signed", "expired", "not yet valid", "name", "purpose", "chain", "strength", "revoked",
    "certificate", "protocol", "version", "cipher", "client certificate wanted", "client certificate refused",
    "handshake", "hung up", "silence", "other",
]"""
"""The check that failed."""


@dataclass(frozen=True, slots=True)
class CertificateProblem:
    """Reason of a TLS failure: the check, a sentence, and the keys for the failure table.

    `verify_code` is OpenSSL's number, also where Windows or macOS verified; `reason` is OpenSSL's code, or "".
    """

    check: Check
    sentence: str
    reason: str = ""
    verify_code: int | None = None
    hint_id: str = ""


# X509_V_ERR_… of OpenSSL (openssl-verification-options(1)): the check, and the sentence.
REFUSED: dict[int, tuple[Check, str]] = {
    2: ("issuer", "the certificate of {name} hangs in the air: an issuer in its chain was not found"),
    7: ("chain", "the certificate of {name} has a false signature"),
    9: (
        "not yet valid",
        "the certificate of {name}, or one it depends on, is not valid yet (the clock of this machine says {now})",
    ),
    10: (
        "expired",
        "the certificate of {name}, or one it depends on, has expired (the clock of this machine says {now})",
    ),
    18: ("self-signed", "the certificate of {name} is signed by nobody but itself, and is not among those trusted"),
    19: (
        "issuer",
        "the certificate of {name} comes from an authority that is not trusted (the server sent that authority along)",
    ),
    20: (
        "issuer",
        "the certificate of {name} comes from an authority that is not trusted, or an intermediate one is missing",
    ),
    21: ("issuer", "the certificate of {name} stands alone: neither it nor its issuer is trusted"),
    23: ("revoked", "the certificate of {name} has been revoked"),
    24: ("chain", "the certificate of {name} was issued by somebody who may not issue certificates"),
    25: ("chain", "the chain of the certificate of {name} is longer than one of its authorities allows"),
    26: ("purpose", "the certificate of {name} is not meant for servers"),
    27: ("issuer", "the certificate of {name} comes from an authority that is not trusted for servers"),
    28: ("issuer", "the certificate of {name} comes from an authority that this machine rejects"),
    62: (
        "name",
        "the certificate is not for {name}: that name is not among its DNS names (an old common name does not count)",
    ),
    64: ("name", "the certificate is not for {name}: that address is not among its IP addresses"),
    66: ("strength", "the key of the certificate of {name} is too weak"),
    67: ("strength", "the key of an authority behind the certificate of {name} is too weak"),
    68: ("strength", "the certificate of {name} is signed with a digest that is too weak"),
    79: ("chain", "the certificate of {name} was issued by somebody who may not issue certificates"),
}

# The same in the numbers of Windows (CERT_E_…, as unsigned) and macOS (errSec…), which truststore passes on.
_FOREIGN = {
    0x800B0101: 10, 0x800B0109: 19, 0x800B010A: 20, 0x800B010C: 23, 0x800B010F: 62, 0x800B0110: 26, 0x80092010: 23,
    0x80096004: 7, 0x800B0112: 27,
    -67818: 10, -67819: 9, -67843: 20, -67820: 23, -67602: 62, -67609: 26, -25318: 20,
}  # fmt: skip

# Reasons of OpenSSL outside of certificate checks. ALERT_… comes from the server; the prefix in OpenSSL's code (SSLV3_,
# TLSV1_, TLSV13_, SSL/TLS_) changes with its version.
BROKEN: dict[str, tuple[Check, str]] = {
    **dict.fromkeys(
        (
            "WRONG_VERSION_NUMBER",
            "RECORD_LAYER_FAILURE",
            "PACKET_LENGTH_TOO_LONG",
            "HTTP_REQUEST",
            "HTTPS_PROXY_REQUEST",
            "UNKNOWN_PROTOCOL",
        ),
        ("protocol", "{name} did not answer in TLS: this port speaks in clear first, or another protocol"),
    ),
    **dict.fromkeys(
        (
            "UNSUPPORTED_PROTOCOL",
            "ALERT_PROTOCOL_VERSION",
            "WRONG_SSL_VERSION",
            "UNSUPPORTED_SSL_VERSION",
            "VERSION_TOO_LOW",
            "NO_PROTOCOLS_AVAILABLE",
        ),
        ("version", "{name} and we have no version of TLS in common: TLS 1.2 is the least that is accepted (RFC 8996)"),
    ),
    **dict.fromkeys(
        (
            "DH_KEY_TOO_SMALL",
            "EE_KEY_TOO_SMALL",
            "CA_MD_TOO_WEAK",
            "UNSAFE_LEGACY_RENEGOTIATION_DISABLED",
            "LEGACY_SIGALG_DISALLOWED_OR_UNSUPPORTED",
        ),
        ("strength", "{name} offers cryptography that is too weak ({words})"),
    ),
    **dict.fromkeys(
        ("ALERT_CERTIFICATE_REQUIRED", "PEER_DID_NOT_RETURN_A_CERTIFICATE"),
        ("client certificate wanted", "{name} asks for a client certificate, and none was given"),
    ),
    **dict.fromkeys(
        (
            "ALERT_BAD_CERTIFICATE",
            "ALERT_UNSUPPORTED_CERTIFICATE",
            "ALERT_CERTIFICATE_REVOKED",
            "ALERT_CERTIFICATE_EXPIRED",
            "ALERT_CERTIFICATE_UNKNOWN",
            "ALERT_UNKNOWN_CA",
            "ALERT_ACCESS_DENIED",
        ),
        ("client certificate refused", "{name} does not accept our client certificate, or wants one ({words})"),
    ),
    **dict.fromkeys(
        ("TLSV1_UNRECOGNIZED_NAME", "ALERT_UNRECOGNIZED_NAME"),
        ("name", "{name} is not known by that name behind this address"),
    ),
    "NO_SHARED_CIPHER": ("cipher", "{name} and we have no cipher in common"),
    # The one alert of TLS 1.2 for many causes: RFC 5246 7.2.2.
    "ALERT_HANDSHAKE_FAILURE": (
        "handshake",
        "{name} broke off the handshake: no cipher or version in common, or it asks for a client certificate",
    ),
    "UNEXPECTED_EOF_WHILE_READING": ("hung up", "{name} hung up in the middle of TLS"),
}

HINTS: dict[Check, str] = {
    "issuer": "CERT-UNKNOWN-ISSUER",
    "self-signed": "CERT-SELF-SIGNED",
    "expired": "CERT-EXPIRED",
    "not yet valid": "CERT-NOT-YET-VALID",
    "name": "CERT-WRONG-NAME",
    "purpose": "CERT-REFUSED",
    "chain": "CERT-REFUSED",
    "revoked": "CERT-REFUSED",
    "certificate": "CERT-REFUSED",
    "protocol": "TLS-PORT-MIXUP",
    "version": "TLS-TOO-OLD",
    "client certificate wanted": "CLIENT-CERTIFICATE-WANTED",
    "client certificate refused": "CLIENT-CERTIFICATE-REFUSED",
}


def explain(error: OSError, server_name: str = "", trust: Trust | None = None) -> str:
    """A TLS error in one sentence; see `examine`."""
    return examine(error, server_name, trust).sentence


def examine(error: OSError, server_name: str = "", trust: Trust | None = None) -> CertificateProblem:
    """Find the check that failed. With `trust`, an empty system store is recognized as cause of an unknown issuer.

    The error may also come from a read after the handshake: TLS 1.3 lets a server reject our certificate then.
    """
    name = server_name or "the server"
    reason = str(getattr(error, "reason", None) or "")
    if isinstance(error, ssl.SSLCertVerificationError):
        return _refused(error, name, reason, trust)
    known = BROKEN.get(reason) or BROKEN.get(f"ALERT_{reason.rpartition('ALERT_')[2]}")
    words = reason.replace("_", " ").lower() or str(error)
    if known:
        check, sentence = known
        return CertificateProblem(check, sentence.format(name=name, words=words), reason, None, HINTS.get(check, ""))
    match error:
        case TimeoutError():
            return CertificateProblem("silence", f"{name} did not answer the TLS handshake in time", reason)
        case ssl.SSLEOFError() | ssl.SSLZeroReturnError() | ConnectionError():
            return CertificateProblem("hung up", f"{name} hung up in the middle of TLS", reason)
        case _:
            return CertificateProblem("other", f"TLS with {name} failed: {words}", reason)


# The steps.


def _refused(error: ssl.SSLCertVerificationError, name: str, reason: str, trust: Trust | None) -> CertificateProblem:
    raw = getattr(error, "verify_code", 0)
    code = _FOREIGN.get(raw, raw)
    if code not in REFUSED:
        why = getattr(error, "verify_message", "") or str(error)
        return CertificateProblem(
            "certificate", f"the certificate of {name} was refused: {why}", reason, code, "CERT-REFUSED"
        )
    check, sentence = REFUSED[code]
    told = sentence.format(name=name, now=_now() if "{now}" in sentence else "")
    if check == "issuer" and trust is not None and trust.uses_system and ca_store.system_is_empty():
        told = (
            f"the system store is empty: this machine trusts no authority at all, so not the one behind {name} either"
        )
    return CertificateProblem(check, told, reason, code, HINTS.get(check, ""))


def _now() -> str:
    from time import gmtime, strftime

    return strftime("%Y-%m-%d %H:%M UTC", gmtime())
