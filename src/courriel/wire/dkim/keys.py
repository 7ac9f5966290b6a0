"""Keys of DKIM, RSA and Ed25519, by the package cryptography (extra `sign`), which is imported with the first key."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, Protocol, TypeAlias

from courriel import errors
from courriel._dataclass import dataclass, field
from courriel.failures import Text

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey

KeyKind: TypeAlias = Literal["rsa", "ed25519"]

SHORTEST, ADVISED = 1024, 2048
"""Bits of an RSA key: shorter ones sign and verify nothing (RFC 8301 3.2); those below the second are not advised."""
LONGEST = 8192
"""Bits of an RSA key that are computed with: verifiers must know 4096, and longer ones cost them time."""


class BadKey(ValueError):
    """Octets that are no key for DKIM; `reason` says why, and never quotes them."""

    def __init__(self, fr: str, en: str) -> None:
        super().__init__(en)
        self.reason = Text(fr, en)


class _Signs(Protocol):
    def __call__(self, data: bytes, /) -> bytes: ...


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A private key. `bits` is the length of an RSA key; `public` is what its record publishes."""

    kind: KeyKind
    bits: int
    public: bytes
    sign: _Signs = field(repr=False, compare=False)
    """Signature of the octets that are signed (the canonical header)."""

    @property
    def algorithm(self) -> str:
        """Name of the algorithm in `a=`."""
        return f"{self.kind}-sha256"

    @classmethod
    def of_pem(cls, pem: bytes) -> SigningKey:
        """Read a private key in PEM (PKCS 8, or RSA's own form). Raises BadKey, MissingExtra."""
        need_cryptography()
        from cryptography.exceptions import UnsupportedAlgorithm
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
        from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
        from cryptography.hazmat.primitives.serialization import load_pem_private_key

        if b"PUBLIC KEY-----" in pem and b"PRIVATE KEY-----" not in pem:
            raise BadKey(
                "c'est la clé publique, et c'est la clé privée qui signe",
                "it holds the public key, and the private one signs",
            )
        if b"-----BEGIN" not in pem:
            raise BadKey(
                "ce n'est pas une clé privée en PEM (-----BEGIN PRIVATE KEY-----)",
                "it is no private key in PEM (-----BEGIN PRIVATE KEY-----)",
            )
        try:
            key = load_pem_private_key(pem, None)
        except TypeError:
            raise BadKey(
                "la clé est protégée par un mot de passe, que personne ne tapera",
                "the key is protected by a password, and nobody is there to type it",
            ) from None
        except (ValueError, UnsupportedAlgorithm):
            raise BadKey(
                "la clé est illisible : abîmée, ou d'un type inconnu",
                "the key cannot be read: it is damaged, or of a kind that is not known",
            ) from None
        if isinstance(key, RSAPrivateKey):
            return cls._rsa(key)
        if isinstance(key, Ed25519PrivateKey):
            return cls._ed25519(key)
        raise BadKey(
            "DKIM connaît RSA et Ed25519, et cette clé est d'un autre type",
            "DKIM knows RSA and Ed25519, and this is another kind of key",
        )

    @classmethod
    def new(cls, kind: KeyKind, bits: int = ADVISED) -> tuple[SigningKey, bytes]:
        """Make a key; returned with its PEM (PKCS 8, without a password). Raises MissingExtra."""
        need_cryptography()
        from cryptography.hazmat.primitives.asymmetric import ed25519, rsa
        from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

        key: RSAPrivateKey | Ed25519PrivateKey
        if kind == "rsa":
            key = rsa.generate_private_key(65537, bits)
        else:
            key = ed25519.Ed25519PrivateKey.generate()
        pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        return cls.of_pem(pem), pem

    @classmethod
    def _rsa(cls, key: RSAPrivateKey) -> SigningKey:
        from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
        from cryptography.hazmat.primitives.hashes import SHA256
        from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

        if not SHORTEST <= key.key_size <= LONGEST:
            raise _of_wrong_length(key.key_size)
        public = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        padding, algorithm = PKCS1v15(), SHA256()
        return cls("rsa", key.key_size, public, lambda data: key.sign(data, padding, algorithm))

    @classmethod
    def _ed25519(cls, key: Ed25519PrivateKey) -> SigningKey:
        from hashlib import sha256

        # The digest of the header is what is signed, and not the header (RFC 8463 3).
        return cls("ed25519", 256, key.public_key().public_bytes_raw(), lambda data: key.sign(sha256(data).digest()))


def verify(kind: str, public: bytes, signature: bytes, signed: bytes) -> bool:
    """Whether a signature is that of these octets by the key of a record. Raises BadKey, MissingExtra."""
    need_cryptography()
    from cryptography.exceptions import InvalidSignature

    try:
        if kind == "ed25519":
            _verify_ed25519(public, signature, signed)
        else:
            _verify_rsa(public, signature, signed)
    except InvalidSignature:
        return False
    return True


def bits_of(kind: str, public: bytes) -> int:
    """Length of an RSA key; 0 for other kinds, and for what is no key. Raises MissingExtra."""
    if kind != "rsa":
        return 0
    need_cryptography()
    try:
        return _rsa_key(public).key_size
    except BadKey:
        return 0


def need_cryptography() -> None:
    """Raise MissingExtra where cryptography is not installed."""
    try:
        import cryptography

        _ = cryptography.__version__
    except ImportError as missing:
        raise errors.MissingExtra(
            'signatures are made by a package that is installed apart: pip install "courriel[sign]"',
            stage="compose",
            hint_id="EXTRA-MISSING",
        ) from missing


# The steps.


def _of_wrong_length(bits: int) -> BadKey:
    return BadKey(
        f"une clé RSA de {bits} bits : de {SHORTEST} à {LONGEST} sont admis (RFC 8301 3.2)",
        f"an RSA key of {bits} bits: from {SHORTEST} to {LONGEST} are taken (RFC 8301 3.2)",
    )


def _verify_ed25519(public: bytes, signature: bytes, signed: bytes) -> None:
    from hashlib import sha256

    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    try:
        key = Ed25519PublicKey.from_public_bytes(public)
    except ValueError:
        raise BadKey("une clé Ed25519 a 32 octets", "an Ed25519 key has 32 octets") from None
    key.verify(signature, sha256(signed).digest())


def _verify_rsa(public: bytes, signature: bytes, signed: bytes) -> None:
    from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
    from cryptography.hazmat.primitives.hashes import SHA256

    key = _rsa_key(public)
    if not SHORTEST <= key.key_size <= LONGEST:
        raise _of_wrong_length(key.key_size)
    key.verify(signature, signed, PKCS1v15(), SHA256())


def _rsa_key(public: bytes) -> RSAPublicKey:
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
    from cryptography.hazmat.primitives.serialization import load_der_public_key

    try:
        key = load_der_public_key(public)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise BadKey("la clé est illisible", "its key cannot be read") from None
    if not isinstance(key, RSAPublicKey):
        raise BadKey("ce n'est pas une clé RSA", "its key is none of RSA")
    return key
