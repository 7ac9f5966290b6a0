"""
SASL mechanisms of the client (RFC 4422): challenge in, answer out.

A mechanism is started once, then answers each challenge, and at the end checks the server: SCRAM verifies that it
knows the password too. None of them uses a socket, and none shows its secret.
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from typing import Protocol

from courriel.errors import InvalidServer, RemoteProtocolError

# RFC 5802 5.1 recommends 4096 at least; a hostile server asks for 2**31 and keeps the client busy for an hour
# (CVE-2026-42256).
MIN_ITERATIONS = 4096
MAX_ITERATIONS = 600_000


class Impostor(RemoteProtocolError):
    """Server that does not know the password: the login ends, and no other mechanism is tried."""


class ForeignNonce(RemoteProtocolError):
    """Server reply with the nonce of another login: an attacker may relay it, and no other mechanism is tried."""


class Mechanism(Protocol):
    """SASL mechanism of a client."""

    name: str

    def proved_by(self, messages: int) -> bool:
        """Whether the proof (password, digest, token) is among the first `messages` messages of the client."""
        ...

    def start(self) -> bytes | None:
        """Initial response, or None where the server sends first."""
        ...

    def answer(self, challenge: bytes) -> bytes:
        """Answer to one challenge. Raises RemoteProtocolError for an invalid challenge, Impostor for a wrong proof."""
        ...

    def finish(self) -> None:
        """Called when the server accepts the login; raises RemoteProtocolError when the server proved nothing."""


class _OneResponse:
    """Mechanism of one response, which is sent with the command, or to the first challenge."""

    _response: bytes

    def proved_by(self, messages: int) -> bool:
        return messages > 0

    def start(self) -> bytes:
        return self._response

    def answer(self, challenge: bytes) -> bytes:
        # Some servers send a challenge although the answer came with the command.
        return self._response

    def finish(self) -> None:
        pass


class Plain(_OneResponse):
    """User name and password in clear (RFC 4616)."""

    name = "PLAIN"

    def __init__(self, user: str, secret: str) -> None:
        self._response = b"\0".join((b"", user.encode(), secret.encode()))


class Login:
    """User name and password in two answers (draft-murchison-sasl-login), for servers without PLAIN.

    The challenges are prompts in any language: the first is answered by the user name, the second by the password.
    """

    name = "LOGIN"

    def __init__(self, user: str, secret: str) -> None:
        self._answers = [user.encode(), secret.encode()]

    def proved_by(self, messages: int) -> bool:
        return messages > 1

    def start(self) -> None:
        return None

    def answer(self, challenge: bytes) -> bytes:
        if not self._answers:
            raise RemoteProtocolError("LOGIN: the server asked a third question")
        return self._answers.pop(0)

    def finish(self) -> None:
        pass


class CramMd5:
    """Digest of the password and the server's challenge (RFC 2195)."""

    name = "CRAM-MD5"

    def __init__(self, user: str, secret: str) -> None:
        self._user, self._secret = user.encode(), secret.encode()

    def proved_by(self, messages: int) -> bool:
        return messages > 0

    def start(self) -> None:
        return None

    def answer(self, challenge: bytes) -> bytes:
        import hmac

        return self._user + b" " + hmac.new(self._secret, challenge, "md5").hexdigest().encode()

    def finish(self) -> None:
        pass


class ScramSha256:
    """Mutual proof of the password, which is never sent (RFC 5802, RFC 7677).

    With a `binding` (a digest of the server's certificate, RFC 5929) it is SCRAM-SHA-256-PLUS, which cannot be relayed
    by a man in the middle. `downgraded` says that the client could bind but the server does not offer it, so that the
    server notices when the offer was removed on the way. `server_error` is the server's reason for a refusal (RFC 5802
    7).
    """

    def __init__(
        self, user: str, secret: str, *, binding: bytes = b"", downgraded: bool = False, nonce: str = ""
    ) -> None:
        import secrets

        self.name = "SCRAM-SHA-256-PLUS" if binding else "SCRAM-SHA-256"
        self._secret = saslprep(secret).encode()
        self.gs2_header = b"p=tls-server-end-point,," if binding else b"y,," if downgraded else b"n,,"
        self._binding = binding
        self._nonce = nonce or secrets.token_urlsafe(24)
        self._bare = f"n={_escaped(saslprep(user))},r={self._nonce}"
        self._signature = b""
        self._step = 0
        self.server_error = ""

    def proved_by(self, messages: int) -> bool:
        return messages > 1 and self._signature != b""

    def start(self) -> bytes:
        return self.gs2_header + self._bare.encode()

    def answer(self, challenge: bytes) -> bytes:
        self._step += 1
        if self._step == 1:
            fields = _fields(challenge)
            return b"" if self._explains(fields) else self._prove(challenge, fields)
        if self._step > 2:
            raise Impostor(f"{self.name}: a challenge too many")
        try:
            fields = _fields(challenge)
            return b"" if self._explains(fields) else self._check(fields)
        except RemoteProtocolError as unreadable:
            # The client's proof was sent: an unreadable message in place of the server's proof is no proof.
            raise Impostor(str(unreadable)) from None

    def finish(self) -> None:
        if self._step != 2 or self._signature != b"verified":
            raise RemoteProtocolError(
                f"{self.name}: the server took the login without proving that it knows the password"
            )

    def _explains(self, fields: dict[str, str]) -> bool:
        """Whether the server only gives the reason for a refusal, which follows in its reply."""
        self.server_error = fields.get("e", "")[:60]
        return "e" in fields

    def _prove(self, challenge: bytes, fields: dict[str, str]) -> bytes:
        import hashlib
        import hmac

        if "m" in fields:
            raise RemoteProtocolError(f"{self.name}: the server demands an extension nobody knows")
        nonce, salt, count = fields.get("r", ""), _decoded(fields.get("s", "")), fields.get("i", "")
        if not nonce or not salt:
            raise RemoteProtocolError(f"{self.name}: the server's nonce or salt is missing")
        if not nonce.startswith(self._nonce) or len(nonce) == len(self._nonce):
            # RFC 5802 5.1: it must begin with the client's nonce and extend it.
            raise ForeignNonce(f"{self.name}: the server's nonce does not continue ours; it answers another login")
        plain = count.isascii() and count.isdecimal() and len(count) < 10
        if not plain or not MIN_ITERATIONS <= int(count) <= MAX_ITERATIONS:
            raise RemoteProtocolError(
                f"{self.name}: {count[:12]!r} iterations; {MIN_ITERATIONS} to {MAX_ITERATIONS} are reasonable"
            )
        final = f"c={b64encode(self.gs2_header + self._binding).decode()},r={nonce}"
        text = b",".join((self._bare.encode(), challenge, final.encode()))
        salted = hashlib.pbkdf2_hmac("sha256", self._secret, salt, int(count))
        client = hmac.digest(salted, b"Client Key", "sha256")
        proof = _xor(client, hmac.digest(hashlib.sha256(client).digest(), text, "sha256"))
        self._signature = hmac.digest(hmac.digest(salted, b"Server Key", "sha256"), text, "sha256")
        return f"{final},p={b64encode(proof).decode()}".encode()

    def _check(self, fields: dict[str, str]) -> bytes:
        import hmac

        if not hmac.compare_digest(_decoded(fields.get("v", "")), self._signature):
            raise Impostor(f"{self.name}: the server's signature is wrong; it does not know the password")
        self._signature = b"verified"
        return b""


class XOAuth2(_OneResponse):
    """OAuth 2 token, in the older form of Google and Microsoft."""

    name = "XOAUTH2"

    def __init__(self, user: str, token: str) -> None:
        self._response = f"user={_plain_word(user)}\x01auth=Bearer {_plain_word(token)}\x01\x01".encode()

    def answer(self, challenge: bytes) -> bytes:
        # The challenge is an error in JSON; the server waits for an empty line before it refuses.
        return b""


class OAuthBearer(_OneResponse):
    """OAuth 2 token, the standard form (RFC 7628)."""

    name = "OAUTHBEARER"

    def __init__(self, user: str, token: str, *, host: str, port: int) -> None:
        self._response = (
            f"n,a={_escaped(_plain_word(user))},\x01host={host}\x01port={port}\x01"
            f"auth=Bearer {_plain_word(token)}\x01\x01"
        ).encode()

    def answer(self, challenge: bytes) -> bytes:
        return b"\x01"  # RFC 7628 3.2.3: acknowledges the error; the refusal follows


class ExternalMechanism(_OneResponse):
    """Login as the user of the client certificate (RFC 4422 appendix A)."""

    name = "EXTERNAL"

    def __init__(self, user: str = "") -> None:
        self._response = user.encode()


def end_point_binding(certificate: bytes) -> bytes:
    """Channel binding tls-server-end-point: digest of the certificate (DER), by its signature's hash (RFC 5929 4.1).

    Empty when the certificate is, or when its signature has no single hash (Ed25519): no binding is possible then.
    """
    import hashlib

    for oid, name in _SIGNATURE_HASHES.items():
        if oid in certificate:
            return hashlib.new(name, certificate).digest()
    return b""


def saslprep(text: str) -> str:
    """User name or password in the form that SASL compares (RFC 4013). Raises InvalidServer."""
    if text.isascii() and text.isprintable():
        return text
    from courriel.wire.sasl.saslprep import prepare  # noqa: PLC0415 - most names and passwords are plain

    return prepare(text)


# The steps.

# The signature algorithm's object identifier stands in the certificate; MD5 and SHA-1 count as SHA-256 (RFC 5929 4.1).
_SIGNATURE_HASHES = {
    bytes.fromhex("06092a864886f70d01010b"): "sha256",  # sha256WithRSAEncryption
    bytes.fromhex("06082a8648ce3d040302"): "sha256",  # ecdsa-with-SHA256
    bytes.fromhex("06092a864886f70d01010c"): "sha384",
    bytes.fromhex("06082a8648ce3d040303"): "sha384",
    bytes.fromhex("06092a864886f70d01010d"): "sha512",
    bytes.fromhex("06082a8648ce3d040304"): "sha512",
    bytes.fromhex("06092a864886f70d010105"): "sha256",  # sha1WithRSAEncryption
    bytes.fromhex("06072a8648ce3d0401"): "sha256",  # ecdsa-with-SHA1
    bytes.fromhex("06092a864886f70d010104"): "sha256",  # md5WithRSAEncryption
}


def _fields(message: bytes) -> dict[str, str]:
    fields: dict[str, str] = {}
    for part in message.decode("utf-8", "replace").split(","):
        name, equals, value = part.partition("=")
        if len(name) != 1 or not equals or name in fields:
            raise RemoteProtocolError("SCRAM: the server's message cannot be read")
        fields[name] = value
    return fields


def _decoded(text: str) -> bytes:
    try:
        return b64decode(text, validate=True)
    except ValueError:
        raise RemoteProtocolError("SCRAM: the server's message is not base64") from None


def _escaped(name: str) -> str:
    return name.replace("=", "=3D").replace(",", "=2C")


def _plain_word(text: str) -> str:
    # A control character would add a field to the message, as a line break adds a header.
    if any(c < " " or c == "\x7f" for c in text):
        raise InvalidServer("the user name or the token holds a control character")
    return text


def _xor(left: bytes, right: bytes) -> bytes:
    return bytes(a ^ b for a, b in zip(left, right, strict=True))
