"""Signed assertions (RFC 7521, RFC 7523): a JWT instead of a client secret, and a service account's JWT.

They need the extra `cryptography`, imported when the first one is signed. An assertion is valid for five minutes from
now by this machine's clock; a server whose clock differs by more refuses it, and the error says so.
"""

from __future__ import annotations

from base64 import urlsafe_b64encode

from courriel import errors
from courriel._dataclass import dataclass, field

TYPE_CHECKING = False

if TYPE_CHECKING:
    from typing import Any

_LIFE = 300  # seconds
_LARGEST_FILE = 64 * 1024  # bytes


@dataclass(frozen=True, slots=True)
class Certificate:
    """A certificate and its RSA key as PEM, to log a program in (private_key_jwt). Raises UsageError, MissingExtra."""

    pem: bytes = field(repr=False)
    key: bytes = field(repr=False)

    @classmethod
    def read(cls, certificate: str, key: str = "") -> Certificate:
        """Read both from files; one file may hold both. Raises UsageError."""
        pem = read_file(certificate)
        return cls(pem, read_file(key) if key else pem)

    def assertion(self, client_id: str, audience: str, now: float) -> str:
        """The client assertion for a token endpoint: PS256 with the SHA-256 thumbprint, as Entra asks for."""
        from hashlib import sha256
        from uuid import uuid4

        serialization, x509 = _cryptography("serialization"), _cryptography("x509")
        try:
            der = x509.load_pem_x509_certificate(self.pem).public_bytes(serialization.Encoding.DER)
        except ValueError:
            raise _unusable("the file holds no certificate (PEM)") from None
        header = {"alg": "PS256", "typ": "JWT", "x5t#S256": _base64url(sha256(der).digest())}
        claims = {"aud": audience, "iss": client_id, "sub": client_id, "jti": str(uuid4())} | _times(now)
        return _signed(header, claims, self.key)


@dataclass(frozen=True, slots=True)
class ServiceAccount:
    """The key of a Google service account, from the JSON file that Google hands out. Raises UsageError."""

    email: str
    key: str = field(repr=False)
    key_id: str = ""

    @classmethod
    def read(cls, path: str) -> ServiceAccount:
        """Read the JSON file."""
        import json

        try:
            content: object = json.loads(read_file(path))
        except ValueError:
            content = None
        if not isinstance(content, dict) or content.get("type") != "service_account":
            raise _unusable("the file is not the JSON key of a service account")
        email, key, key_id = (content.get(name, "") for name in ("client_email", "private_key", "private_key_id"))
        if not (isinstance(email, str) and isinstance(key, str) and isinstance(key_id, str) and email and key):
            raise _unusable("the file is not the JSON key of a service account")
        return cls(email, key, key_id)

    def assertion(self, user: str, scope: str, audience: str, now: float) -> str:
        """The JWT that acts for a user of the domain (`sub`: domain-wide delegation)."""
        header = {"alg": "RS256", "typ": "JWT"} | ({"kid": self.key_id} if self.key_id else {})
        claims = {"iss": self.email, "sub": user, "scope": scope, "aud": audience} | _times(now)
        return _signed(header, claims, self.key.encode())


def read_file(path: str) -> bytes:
    """Read a key file; at most 64 kB. Raises UsageError."""
    try:
        with open(path, "rb") as file:  # noqa: PTH123 - pathlib would be imported for this alone
            content = file.read(_LARGEST_FILE + 1)
    except (OSError, ValueError) as wrong:
        raise _unusable(f"{path}: {getattr(wrong, 'strerror', '') or 'it cannot be read'}") from None
    if len(content) > _LARGEST_FILE:
        raise _unusable(f"{path}: longer than {_LARGEST_FILE} bytes")
    return content


# The steps.


def _times(now: float) -> dict[str, int]:
    return {"iat": int(now), "nbf": int(now), "exp": int(now) + _LIFE}


def _signed(header: dict[str, str], claims: dict[str, Any], key_pem: bytes) -> str:
    import json

    serialization, padding, hashes = (_cryptography(name) for name in ("serialization", "padding", "hashes"))
    try:
        key = serialization.load_pem_private_key(key_pem, password=None)
    except (ValueError, TypeError):
        raise _unusable("the file holds no private key (PEM), or an encrypted one") from None
    if not hasattr(key, "sign") or type(key).__name__ != "RSAPrivateKey":
        raise _unusable("the key is not an RSA key, and these servers take no other")
    text = ".".join(_base64url(json.dumps(part, separators=(",", ":")).encode()) for part in (header, claims))
    sha256 = hashes.SHA256()
    algorithm = (
        padding.PSS(mgf=padding.MGF1(sha256), salt_length=sha256.digest_size)
        if header["alg"] == "PS256"
        else padding.PKCS1v15()
    )
    return f"{text}.{_base64url(key.sign(text.encode(), algorithm, sha256))}"


def _cryptography(part: str) -> Any:
    from importlib import import_module

    places = {
        "x509": "cryptography.x509",
        "serialization": "cryptography.hazmat.primitives.serialization",
        "hashes": "cryptography.hazmat.primitives.hashes",
        "padding": "cryptography.hazmat.primitives.asymmetric.padding",
    }
    try:
        return import_module(places[part])
    except ImportError as missing:
        raise errors.MissingExtra(
            'assertions are signed by a package that is installed apart: pip install "courriel[cryptography]"',
            stage="authenticate",
            hint_id="EXTRA-MISSING",
        ) from missing


def _base64url(octets: bytes) -> str:
    return urlsafe_b64encode(octets).rstrip(b"=").decode()


def _unusable(reason: str) -> errors.UsageError:
    return errors.UsageError(
        f"the key for a login cannot be used: {reason}", stage="authenticate", hint_id="OAUTH-KEY-UNREADABLE"
    )
