"""
Reading of the private keys of DKIM, by reference: file:, env:, cmd: and keyring, as other secrets.

A file must belong to this user, to root or to a group, and nobody else may read it: whoever has the key signs in the
domain's name.
"""

from __future__ import annotations

import os
from functools import lru_cache

from courriel import errors
from courriel.delivery.secrets import KEY_UNUSABLE, LONGEST_SECRET, SecretReference
from courriel.wire.dkim.keys import ADVISED, BadKey, SigningKey

_OTHERS = 0o026  # to write as its group, to read or write as anybody
_FLAGS = os.O_RDONLY | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)


def read_key(reference: SecretReference, domain: str, selector: str) -> SigningKey:
    """Read a key. Raises UsageError, which never quotes it; MissingExtra without cryptography.

    `domain` and `selector` say in errors which key it is; "" where that is not known.
    """
    subject = f"the DKIM key of {selector}._domainkey.{domain}" if domain else "the DKIM key"
    if reference.kind == "file":
        pem = _file(reference.place, subject)
    else:
        pem = reference.read_key(user=selector, host=domain, subject=subject, whole=True).encode()
    try:
        key = _key_of(pem)
    except BadKey as wrong:
        raise errors.UsageError(f"{subject} ({reference}): {wrong}", stage="compose", hint_id=KEY_UNUSABLE) from None
    if key.kind == "rsa" and key.bits < ADVISED:
        _remark_on_short_key(subject, key.bits)
    return key


# The steps.


@lru_cache(maxsize=64)
def _key_of(pem: bytes) -> SigningKey:
    """The key in this PEM; reading one takes as long as a signature."""
    return SigningKey.of_pem(pem)


@lru_cache(maxsize=64)
def _remark_on_short_key(subject: str, bits: int) -> None:
    """Log that a key is shorter than advised, once."""
    import logging

    logging.getLogger("courriel.delivery").warning(
        "%s has %d bits: %d are advised, and some servers ignore shorter ones",
        subject,
        bits,
        ADVISED,
        extra={"action": "dkim_key_short"},
    )


def _file(path: str, subject: str) -> bytes:
    import stat

    where = f"{subject} cannot be read from file:{path}"
    try:
        descriptor = os.open(path, _FLAGS)
    except (OSError, ValueError) as broken:
        reason = (broken.strerror if isinstance(broken, OSError) else "") or type(broken).__name__
        raise errors.UsageError(f"{where}: {reason}", stage="compose", hint_id=KEY_UNUSABLE) from None
    status = os.fstat(descriptor)
    if not stat.S_ISREG(status.st_mode):
        os.close(descriptor)  # before it becomes a file: Python makes none of a folder
        raise errors.UsageError(f"{where}: it is not a regular file", stage="compose", hint_id=KEY_UNUSABLE)
    with os.fdopen(descriptor, "rb") as file:
        if os.name != "nt" and status.st_mode & _OTHERS:
            raise errors.UsageError(
                f"{subject} can be read or changed by other users (mode {stat.S_IMODE(status.st_mode):04o}), who could"
                f" sign in its name: chmod 600 {path}",
                stage="compose",
                hint_id=KEY_UNUSABLE,
            )
        pem = file.read(LONGEST_SECRET + 1)
    if len(pem) > LONGEST_SECRET:
        raise errors.UsageError(
            f"{where}: it is longer than {LONGEST_SECRET} octets", stage="compose", hint_id=KEY_UNUSABLE
        )
    return pem
