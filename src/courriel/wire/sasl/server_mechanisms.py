"""
SASL mechanisms of the server (RFC 4422): each is a generator of challenges.

It yields a challenge (b"" is an empty one, for mechanisms where the client sends first) and is sent the answer; in the
end it returns a `Claim`. None of them ever shows the secrets that it receives.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from base64 import b64decode, b64encode
from collections.abc import Callable, Generator
from typing import Protocol, TypeAlias

from courriel._dataclass import dataclass
from courriel.errors import InvalidServer
from courriel.wire.sasl.client_mechanisms import saslprep
from courriel.wire.smtp.server_syntax import Objection

_ITERATIONS = 4096  # the minimum of RFC 7677 4; the practice server should answer at once
_DENIED = b'{"status":"401","schemes":"bearer","scope":"mail"}'


@dataclass(frozen=True, slots=True)
class Claim:
    """User name of a login, and whether the login was proved."""

    user: str
    proved: bool


class UserSecrets(Protocol):
    """Store of users and secrets."""

    def check(self, user: str, secret: str) -> bool:
        """Whether this is the secret (a password, or an access token) of this user."""
        ...

    def secret_of(self, user: str) -> str | None:
        """Password of a user, for a mechanism that never sends it; None when there is none."""
        ...


Login: TypeAlias = Generator[bytes, bytes, Claim]


def plain(users: UserSecrets) -> Login:
    """User name and password in clear (RFC 4616)."""
    parts = _text((yield b"")).split("\0")
    if len(parts) != 3 or not parts[1]:
        raise Objection(501, "5.5.2 PLAIN is NUL, the user name, NUL, the password")
    acting_as, user, secret = parts
    return Claim(user, users.check(user, secret) and acting_as in ("", user))


def login(users: UserSecrets) -> Login:
    """User name and password in two answers (draft-murchison-sasl-login); the name may come with the command."""
    user = _text((yield b"Username:"))
    secret = _text((yield b"Password:"))
    return Claim(user, users.check(user, secret))


def cram_md5(users: UserSecrets) -> Login:
    """Digest of the password and the server's challenge (RFC 2195)."""
    challenge = f"<{secrets.token_hex(12)}@courriel>".encode()
    user, _, digest = _text((yield challenge)).rpartition(" ")
    secret = users.secret_of(user)
    expected = hmac.new((secret or "").encode(), challenge, "md5").hexdigest()
    return Claim(user, hmac.compare_digest(expected.encode(), digest.encode()) and secret is not None)


def scram_sha_256(users: UserSecrets) -> Login:
    """Mutual proof of the password, which is never sent (RFC 5802, RFC 7677)."""
    first = _text((yield b""))
    flag, _, rest = first.partition(",")
    acting_as, comma, bare = rest.partition(",")
    fields = _pairs(bare.split(","))
    if flag not in ("n", "y") or not comma or list(fields)[:2] != ["n", "r"] or not fields["r"]:
        raise Objection(501, "5.5.2 This is not the first message of SCRAM-SHA-256")
    user = _prepared(fields["n"].replace("=2C", ",").replace("=3D", "="))
    secret = users.secret_of(user)

    salt, nonce = secrets.token_bytes(16), fields["r"] + secrets.token_urlsafe(18)
    challenge = f"r={nonce},s={b64encode(salt).decode()},i={_ITERATIONS}"
    final = _text((yield challenge.encode()))
    without_proof, _, proof = final.rpartition(",p=")
    header = first[: len(first) - len(bare)]
    if without_proof != f"c={b64encode(header.encode()).decode()},r={nonce}":
        raise Objection(501, "5.5.2 This is not the final message of SCRAM-SHA-256")

    salted = hashlib.pbkdf2_hmac("sha256", _prepared(secret or "").encode(), salt, _ITERATIONS)
    text = f"{bare},{challenge},{without_proof}".encode()
    client = hmac.digest(salted, b"Client Key", "sha256")
    signature = hmac.digest(hashlib.sha256(client).digest(), text, "sha256")
    expected = bytes(a ^ b for a, b in zip(client, signature, strict=True))
    if secret is None or not hmac.compare_digest(b64encode(expected), proof.encode()):
        return Claim(user, proved=False)
    # The server's proof; the client's answer to it is empty.
    yield b"v=" + b64encode(hmac.digest(hmac.digest(salted, b"Server Key", "sha256"), text, "sha256"))
    acting = acting_as.removeprefix("a=").replace("=2C", ",").replace("=3D", "=")
    return Claim(user, acting in ("", user))


def xoauth2(users: UserSecrets) -> Login:
    """OAuth 2 token, in the older form of Google and Microsoft."""
    fields = _pairs(_text((yield b"")).split("\x01"))
    return (yield from _bearer(users, fields.get("user", ""), fields.get("auth", "")))


def oauthbearer(users: UserSecrets) -> Login:
    """OAuth 2 token, the standard form (RFC 7628)."""
    header, _, rest = _text((yield b"")).partition("\x01")
    fields = _pairs(rest.split("\x01"))
    user = next((part[2:] for part in header.split(",") if part.startswith("a=")), "")
    return (yield from _bearer(users, user.replace("=2C", ",").replace("=3D", "="), fields.get("auth", "")))


MECHANISMS: dict[str, Callable[[UserSecrets], Login]] = {
    "PLAIN": plain,
    "LOGIN": login,
    "CRAM-MD5": cram_md5,
    "SCRAM-SHA-256": scram_sha_256,
    "XOAUTH2": xoauth2,
    "OAUTHBEARER": oauthbearer,
}


def encode(challenge: bytes) -> str:
    """Encode a challenge for its line, in base64."""
    return b64encode(challenge).decode()


def decode(line: bytes) -> bytes:
    """Decode an answer line: strict base64, without skipping invalid characters. Raises Objection."""
    try:
        return b64decode(line, validate=True)
    except ValueError:
        raise Objection(501, "5.5.2 This is not base64") from None


# The steps.


def _bearer(users: UserSecrets, user: str, auth: str) -> Login:
    kind, _, token = auth.partition(" ")
    if not user or kind.lower() != "bearer" or not token:
        raise Objection(501, "5.5.2 A user name and a bearer token are needed")
    if users.check(user, token):
        return Claim(user, proved=True)
    # The error is sent first; the client answers with an empty message before the refusal (RFC 7628 3.2.3).
    yield _DENIED
    return Claim(user, proved=False)


def _text(answer: bytes) -> str:
    try:
        return answer.decode()
    except UnicodeDecodeError:
        raise Objection(501, "5.5.2 The answer is not UTF-8") from None


def _prepared(text: str) -> str:
    try:
        return saslprep(text)
    except InvalidServer:
        raise Objection(501, "5.5.2 The user name or password holds what SASLprep forbids") from None


def _pairs(parts: list[str]) -> dict[str, str]:
    return {name: value for name, equals, value in (part.partition("=") for part in parts) if equals}
