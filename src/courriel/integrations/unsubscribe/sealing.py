"""
Encryption of what a token holds: AES-SIV (RFC 5297) with keys derived by HKDF (RFC 5869), both of `cryptography`.

The same text gives the same token, so that a mail that is made twice is the same mail; a nonce that repeats could do no
harm, because there is none. A token is its version, then the sealed text, in base64url. See decision 0058.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

from courriel import errors

if TYPE_CHECKING:
    from typing import TypeAlias

    from cryptography.hazmat.primitives.ciphers.aead import AESSIV

Purpose: TypeAlias = "Literal['unsubscribe', 'undo']"
"""What a token may be used for: one made for a purpose is not valid for another."""

LONGEST_TOKEN = 600
"""Characters of a token that is looked at: the longest address and name of a list make 535."""
# Looked at before it is decoded: the decoder of Python 3.15 takes the other alphabet with a warning.
_TOKEN = re.compile(r"[A-Za-z0-9_-]+")
_VERSION = b"\x01"
_BLOCK = 32  # octets to whose multiple a text is filled up: its length would tell something of the address


class Sealer:
    """Encrypts by the first key, and decrypts by each."""

    def __init__(self, keys: Sequence[bytes]) -> None:
        self._ciphers = [_cipher(key) for key in keys]

    def seal(self, purpose: Purpose, text: bytes) -> str:
        """The token of a text."""
        filled = text + bytes(-len(text) % _BLOCK)
        sealed = _VERSION + self._ciphers[0].encrypt(filled, _bound_to(purpose))
        return base64.urlsafe_b64encode(sealed).rstrip(b"=").decode()

    def open(self, purpose: Purpose, token: str) -> bytes | None:
        """The text of a token, with the octets that filled it up; None unless one of the keys made it for this."""
        from cryptography.exceptions import InvalidTag

        sealed = _octets_of(token)
        if sealed is None or not sealed.startswith(_VERSION):
            return None
        for cipher in self._ciphers:
            try:
                return cipher.decrypt(sealed[len(_VERSION) :], _bound_to(purpose))
            except InvalidTag:
                continue
        return None


# The steps.


def _cipher(key: bytes) -> AESSIV:
    try:
        from cryptography.exceptions import UnsupportedAlgorithm
        from cryptography.hazmat.primitives.ciphers.aead import AESSIV
        from cryptography.hazmat.primitives.hashes import SHA256
        from cryptography.hazmat.primitives.kdf.hkdf import HKDF
    except ImportError as missing:
        raise errors.MissingExtra(
            'unsubscribe links are sealed by a package that is installed apart: pip install "courriel[cryptography]"',
            hint_id="EXTRA-MISSING",
        ) from missing
    try:
        return AESSIV(HKDF(SHA256(), 64, None, b"courriel unsubscribe 1").derive(key))
    except UnsupportedAlgorithm:
        raise errors.UsageError(
            "the OpenSSL of this cryptography has no AES-SIV, which unsubscribe links need: OpenSSL 3 has it"
        ) from None


def _bound_to(purpose: Purpose) -> list[bytes]:
    return [_VERSION, purpose.encode()]


def _octets_of(token: str) -> bytes | None:
    """The octets of a token in its one spelling; None for anything else."""
    if len(token) > LONGEST_TOKEN or not _TOKEN.fullmatch(token):
        return None
    try:
        sealed = base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        return None
    # The last character has bits that mean nothing: with other ones it would be another spelling of the same token.
    return sealed if base64.urlsafe_b64encode(sealed).rstrip(b"=").decode() == token else None
