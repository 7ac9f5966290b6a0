"""Locations of CA certificates: the system store, certifi's bundle, files and folders."""

# Importing pathlib would cost more than this whole module.
# ruff: noqa: PTH112, PTH113, PTH116, PTH118, PTH123, PTH202, PTH208

from __future__ import annotations

import os
import ssl
import sys

from courriel import errors
from courriel.model.servers.trust import certificates_in

TYPE_CHECKING = False

if TYPE_CHECKING:
    from typing import TypeAlias

# CA stores of common systems, for a Python built elsewhere whose OpenSSL has other default paths.
_KNOWN_STORES = (
    "/etc/ssl/certs/ca-certificates.crt",  # Debian, Ubuntu, Alpine, Arch
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",  # Fedora, Red Hat
    "/etc/pki/tls/certs/ca-bundle.crt",  # older ones of them
    "/etc/ssl/ca-bundle.pem",  # SUSE
    "/etc/ssl/cert.pem",  # the BSDs
)

Stamp: TypeAlias = "tuple[object, ...]"
"""A value that differs when a file has changed."""


def checked_by_system() -> bool:
    """Whether the system verifies certificates itself (Windows, macOS), rather than OpenSSL."""
    return sys.platform in ("win32", "darwin")


def of_system() -> tuple[str, ...]:
    """The files and folders of this system's CA certificates that hold any: OpenSSL's own, else a known one."""
    return _of_openssl() or beside_openssl()


def beside_openssl() -> tuple[str, ...]:
    """The known CA store to load when OpenSSL's own paths are empty.

    Empty when SSL_CERT_FILE or SSL_CERT_DIR is set: certificates missing there are left out on purpose.
    """
    if _of_openssl() or os.environ.get("SSL_CERT_FILE") or os.environ.get("SSL_CERT_DIR"):
        return ()
    return tuple(place for place in _KNOWN_STORES if os.path.isfile(place))[:1]


def system_is_empty() -> bool:
    """Whether this machine has no CA certificates, as a container without ca-certificates; unknown counts as no."""
    return not checked_by_system() and not of_system()


def bundle() -> str:
    """Path of Mozilla's CA certificates in certifi. Raises MissingExtra."""
    try:
        import certifi
    except ImportError as missing:
        raise errors.MissingExtra('the bundled authorities are missing: pip install "courriel[bundled]"') from missing
    return certifi.where()


def certificates_at(path: str) -> tuple[bytes, ...]:
    """The certificates (DER) of a file, or of all files in a folder that hold some. Raises InvalidServer."""
    try:
        if not os.path.isdir(path):
            return _certificates_in_file(path)
        found: list[bytes] = []
        for name in sorted(os.listdir(path)):
            try:
                found += _certificates_in_file(os.path.join(path, name))
            except (OSError, errors.InvalidServer):
                continue  # such folders hold keys, revocation lists and dangling links too
    except OSError as wrong:
        raise unusable(f"{path}: cannot be read: {wrong.strerror}") from wrong
    if not found:
        raise unusable(f"{path}: no file in this folder holds a certificate")
    return tuple(dict.fromkeys(found))


def unusable(sentence: str) -> errors.InvalidServer:
    """The error for a certificate file that cannot be used."""
    return errors.InvalidServer(sentence, stage="compose", hint_id="CERTIFICATE-FILE-UNREADABLE")


def holds(path: str, mark: bytes) -> bool:
    """Whether the file contains these bytes; False for a file that cannot be read."""
    try:
        with open(path, "rb") as file:
            return mark in file.read()
    except OSError:
        return False


def stamp_of_system() -> Stamp:
    """Value that changes with the system's CA store. A folder's mtime is enough: OpenSSL searches it each time."""
    paths = ssl.get_default_verify_paths()
    return tuple((place, _moment(place)) for place in (paths.cafile, paths.capath, *_KNOWN_STORES) if place)


def stamp(place: str) -> Stamp:
    """Value that changes with the content of the file or folder, from its modification time."""
    try:
        if os.path.isdir(place):
            with os.scandir(place) as entries:
                return (place, *sorted((entry.name, _moment(entry.path)) for entry in entries))
        return place, _moment(place)
    except OSError:
        return place, None


# The steps.


def _of_openssl() -> tuple[str, ...]:
    paths = ssl.get_default_verify_paths()
    return tuple(place for place in (paths.cafile, paths.capath) if place and _holds_certificates(place))


def _holds_certificates(place: str) -> bool:
    if not os.path.isdir(place):
        return os.path.getsize(place) > 0
    # OpenSSL reads a folder by the hash of the name it looks for: 1a2b3c4d.0
    return any(name[-2:-1] == "." and name[-1].isdigit() for name in os.listdir(place))


def _certificates_in_file(path: str) -> tuple[bytes, ...]:
    with open(path, "rb") as file:
        content = file.read()
    if content.startswith(b"\x30") and b"-----BEGIN" not in content:
        return (content,)
    try:
        return certificates_in(content)
    except errors.InvalidServer as wrong:
        raise unusable(f"{path}: {wrong}") from None


def _moment(path: str) -> tuple[int, int, int]:
    try:
        state = os.stat(path)
    except OSError:
        return 0, 0, 0
    return state.st_mtime_ns, state.st_size, state.st_ino
