"""Trust anchors for servers' certificates as one value, and the client certificate.

The values are only settings: files and the system's store are read when a connection is opened (`network.tls`).
"""

from __future__ import annotations

import os
from collections.abc import Iterable

from courriel import errors
from courriel._dataclass import dataclass, field, replace
from courriel._lazy_re import expression

TYPE_CHECKING = False

if TYPE_CHECKING:
    from typing import NoReturn, TypeAlias

FilePath: TypeAlias = "str | os.PathLike[str]"

_CERTIFICATE = expression(
    rb"-----BEGIN (?:X509 )?CERTIFICATE-----([A-Za-z0-9+/=\s]*)-----END (?:X509 )?CERTIFICATE-----"
)

_HEXADECIMAL = expression(r"[0-9a-f]{64}")
_BASE64 = expression(r"[A-Za-z0-9+/_-]{43}=?")


@dataclass(frozen=True, slots=True, repr=False)
class Trust:
    """Union of trust anchors: a server's certificate is accepted when one of them vouches for it.

        server = Server("smtp.example.org", trust=Trust.system() | Trust.file("firm-ca.pem"))

    Made by `Trust.system()` and the other class methods, joined by `|`. Chain, dates and host name are checked for
    every source; only `pin` alone and `dangerously_accept_any_certificate` differ, as they say. Two unions of the same
    sources are equal, in whatever order they were joined. Raises InvalidServer.
    """

    uses_system: bool = False
    uses_bundle: bool = False
    files: tuple[str, ...] = ()
    authorities: tuple[bytes, ...] = ()
    pins: tuple[str, ...] = ()
    accepts_anything: bool = False

    def __post_init__(self) -> None:
        for name in ("files", "authorities", "pins"):
            object.__setattr__(self, name, _sorted(name, getattr(self, name)))
        if self.accepts_anything and (self.checks_chain or self.pins):
            raise errors.InvalidServer(
                "accepting any certificate leaves nothing to add: it stands alone, or not at all"
            )
        if not (self.checks_chain or self.pins or self.accepts_anything):
            raise errors.InvalidServer(
                "a trust without a source would refuse every server: Trust.system() is the usual one"
            )

    # The sources of trust.

    @classmethod
    def system(cls) -> Trust:
        """The system's certificate store. The default: it holds a company's own authority, which a bundle does not."""
        return cls(uses_system=True)

    @classmethod
    def bundled(cls) -> Trust:
        """Mozilla's authorities from the certifi package, independent of the operating system."""
        return cls(uses_bundle=True)

    @classmethod
    def file(cls, path: FilePath) -> Trust:
        """Certificates in a file (PEM or DER), or in every file of a folder.

        They may be authorities, or the certificate of a single server. Read when a connection is opened, and again when
        the file has changed; a relative path is made absolute here, so that a later change of the working directory has
        no effect.
        """
        return cls(files=(_absolute(path),))

    @classmethod
    def data(cls, pem: str | bytes) -> Trust:
        """Certificates in this text (PEM), used as in `file`. Anything else in it, a private key too, is not kept."""
        if not isinstance(pem, str | bytes | bytearray):
            raise errors.InvalidServer(
                f"certificates are text (PEM), not {type(pem).__name__}; a path is Trust.file(path)"
            )
        text = pem.encode("utf-8", "replace") if isinstance(pem, str) else bytes(pem)
        return cls(authorities=certificates_in(text))

    @classmethod
    def pin(cls, *fingerprints: str) -> Trust:
        """Accept exactly this certificate (or one of these), by the fingerprint of the whole certificate.

        Written "sha256:" and 64 hexadecimal digits, colons allowed, as browsers and `openssl x509 -fingerprint -sha256`
        show it, or the same in base64. It is the digest of the leaf certificate (DER), not of its key: a renewed
        certificate, even with the same key, needs a new pin.

        A pin alone replaces every other check. The server must hold the private key of the pinned certificate, and that
        is all: issuer, dates and host names are not checked. Use `Trust.system().with_pins(...)` to have the usual
        checks too.
        """
        return cls(pins=tuple(_fingerprint(text) for text in fingerprints))

    @classmethod
    def dangerously_accept_any_certificate(cls) -> Trust:
        """No check of the certificate: anybody on the network path can read the mail and the password, and change both.

        Logged as a warning each time a connection is opened with it. `Trust.file` with the server's certificate, or a
        pin, is nearly always the better solution.
        """
        return cls(accepts_anything=True)

    @classmethod
    def of_words(cls, words: Iterable[str]) -> Trust:
        """Union from the words of `words()`: "system", "bundled", a path, "data:…", and "sha256:…" for a pin.

        A path is recognised by a separator or a dot in it, so that a mistyped word is never taken for a file. Pins
        beside other sources mean `with_pins`: both must hold.
        """
        sources: list[Trust] = []
        pins: list[str] = []
        for word in words:
            if word.lower().startswith("sha256:"):
                pins.append(word)
            else:
                sources.append(_from_word(word))
        if not sources:
            return cls.pin(*pins)
        union = sources[0]
        for source in sources[1:]:
            union |= source
        return union.with_pins(*pins) if pins else union

    # Unions.

    def __or__(self, other: Trust) -> Trust:
        """Union of both: either is enough. Pins join pins; see `with_pins` for a pin beside other sources."""
        if not isinstance(other, Trust):
            return NotImplemented
        if self == other:
            return self
        if self.accepts_anything or other.accepts_anything:
            raise errors.InvalidServer(
                "accepting any certificate leaves nothing to add: it stands alone, or not at all"
            )
        if (self.pins or other.pins) and (self.checks_chain or other.checks_chain):
            # TLS checks the chain before the certificate is available: "either" is impossible, "both" would be a guess.
            raise errors.InvalidServer(
                "a pin cannot be one of several sources: write Trust.system().with_pins(…) when both must hold, "
                "or give the odd certificate itself with Trust.file(…) when either is enough"
            )
        return Trust(
            uses_system=self.uses_system or other.uses_system,
            uses_bundle=self.uses_bundle or other.uses_bundle,
            files=self.files + other.files,
            authorities=self.authorities + other.authorities,
            pins=self.pins + other.pins,
        )

    def with_pins(self, *fingerprints: str) -> Trust:
        """Return this trust with all its checks, where the certificate must also be one of these (as for `pin`)."""
        if not fingerprints:
            raise errors.InvalidServer("pinned to nothing: give the fingerprint of a certificate")
        return replace(self, pins=self.pins + tuple(_fingerprint(text) for text in fingerprints))

    def pinned(self, *_: object) -> NoReturn:
        """Raise UsageError: a trust is immutable; `with_pins` returns one that requires a pin as well."""
        raise errors.UsageError("Trust.pinned(): a trust does not change; write trust = trust.with_pins(…)")

    # For the drivers.

    @property
    def checks_chain(self) -> bool:
        """Whether issuer, dates and host name are checked: always, except with a lone pin or no check at all."""
        return bool(self.uses_system or self.uses_bundle or self.files or self.authorities)

    def words(self) -> tuple[str, ...]:
        """Sources as words for a URL, for `of_words`. Accepting any certificate has none: it is `verify=0`."""
        from binascii import b2a_base64

        known = (("system", self.uses_system), ("bundled", self.uses_bundle))
        return (
            *(word for word, used in known if used),
            *self.files,
            *(f"data:{b2a_base64(der, newline=False).decode()}" for der in self.authorities),
            *(f"sha256:{pin}" for pin in self.pins),
        )

    def __repr__(self) -> str:
        if self.accepts_anything:
            return "Trust.dangerously_accept_any_certificate()"
        pins = ", ".join(f"'sha256:{pin}'" for pin in self.pins)
        if not self.checks_chain:
            return f"Trust.pin({pins})"
        sources = ["Trust.system()"] * self.uses_system + ["Trust.bundled()"] * self.uses_bundle
        sources += [f"Trust.file({path!r})" for path in self.files]
        sources += [f"Trust.data(<{len(der)} octets>)" for der in self.authorities]
        union = " | ".join(sources)
        return f"({union}).with_pins({pins})" if pins else union


@dataclass(frozen=True, slots=True, init=False)
class ClientCertificate:
    """Client certificate for servers that ask for one: a certificate with its chain (PEM), and its private key.

    `key` is the file of the private key, None when it stands in the same file; `password` decrypts the key. The files
    are read when a connection is opened. It does not change which servers are trusted: that is `Trust`, whose default
    remains.
    """

    certificate: str
    key: str | None = None
    password: str | None = field(default=None, repr=False)

    def __init__(self, certificate: FilePath, key: FilePath | None = None, password: str | None = None) -> None:
        # The trust stays as it is: a context for a client certificate alone would trust nothing (hazard H26).
        object.__setattr__(self, "certificate", _absolute(certificate))
        object.__setattr__(self, "key", None if key is None else _absolute(key))
        object.__setattr__(self, "password", password)

    def __repr__(self) -> str:
        key = f", key={self.key!r}" if self.key else ""
        password = ", password='***'" if self.password else ""
        return f"ClientCertificate({self.certificate!r}{key}{password})"


def certificates_in(text: bytes) -> tuple[bytes, ...]:
    """Certificates of a PEM text as DER, in order; other text is skipped. Raises InvalidServer."""
    from binascii import Error as NotBase64
    from binascii import a2b_base64

    try:
        found = tuple(a2b_base64(block, strict_mode=False) for block in _CERTIFICATE.findall(text))
    except NotBase64:
        raise errors.InvalidServer("this certificate is damaged: its base64 cannot be read") from None
    # A DER certificate is a sequence (tag 0x30); the TLS library does the full check.
    if not all(der.startswith(b"\x30") for der in found):
        raise errors.InvalidServer("this certificate is damaged: it is not one inside")
    if not found:
        raise errors.InvalidServer("there is no certificate in this: -----BEGIN CERTIFICATE----- was looked for (PEM)")
    return found


# The steps.


def _sorted(name: str, given: object) -> tuple[object, ...]:
    """Items without repetition, sorted. Raises InvalidServer for a wrong type."""
    kind, words = (bytes, "octets") if name == "authorities" else (str, "texts")
    if isinstance(given, str | bytes) or not isinstance(given, Iterable):
        raise errors.InvalidServer(f"{name}: a list of {words}, not {type(given).__name__}")
    listed = tuple(given)
    for each in listed:
        if not isinstance(each, kind):
            raise errors.InvalidServer(f"{name}: a list of {words}, not {type(each).__name__}")
    return tuple(sorted(set(listed)))


def _absolute(path: FilePath) -> str:
    text: object = os.fspath(path) if isinstance(path, str | os.PathLike) else path
    if not isinstance(text, str):
        raise errors.InvalidServer(
            f"a path is text, not {type(text).__name__}; certificates at hand are Trust.data(pem)"
        )
    if not text.strip() or any(mark < " " for mark in text):
        raise errors.InvalidServer(f"{text!r} is not the path of a file")
    return os.path.abspath(text)  # noqa: PTH100 - pathlib would be imported for this alone


def _fingerprint(text: str) -> str:
    """SHA-256 digest in lower case hexadecimal digits."""
    if not isinstance(text, str):
        raise errors.InvalidServer(
            f"a fingerprint is text, not {type(text).__name__}; sha256: and its digits are wanted"
        )
    kind, _, digits = text.strip().partition(":")
    if kind.lower() == "sha256":
        plain = digits.replace(":", "").lower()
        if _HEXADECIMAL.fullmatch(plain):
            return plain
        if _BASE64.fullmatch(digits):
            from binascii import a2b_base64

            standard = digits.rstrip("=").replace("-", "+").replace("_", "/")
            return a2b_base64(standard + "=").hex()
    if text.startswith("sha256//"):
        raise errors.InvalidServer(
            f"pin {text!r} is the digest of a key, as curl writes it; that of the whole certificate is wanted: sha256:…"
        )
    raise errors.InvalidServer(
        f"pin {text!r}: sha256: and the 64 hexadecimal digits of the certificate's fingerprint are wanted"
    )


def _from_word(word: str) -> Trust:
    match word:
        case "system":
            return Trust.system()
        case "bundled":
            return Trust.bundled()
        case _ if word.startswith("data:"):
            return Trust.data(f"-----BEGIN CERTIFICATE-----{word[5:]}-----END CERTIFICATE-----")
        case _ if any(mark in word for mark in "/\\."):
            return Trust.file(word)
        case _:
            raise errors.InvalidServer(
                f"{word!r} is not a source of trust: system, bundled, or the path of a file (./{word} when it is one)"
            )
