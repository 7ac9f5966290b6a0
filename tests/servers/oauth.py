"""
An authorization server that behaves as Microsoft's and Google's do, on loopback with TLS.

Microsoft's endpoints lie below /TENANT/oauth2/v2.0/, Google's are /o/oauth2/v2/auth and /token. Its next answers can
be replaced (`next_answers`), and what it was asked is kept (`asked`).
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import hmac
import json
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlencode, urlsplit

from .authority import Authority
from .dovecot import TOKEN_KEY

MAIL_SCOPE = "https://mail.google.com/"
RESOURCE = "https://outlook.office.com"
PENDING = "authorization_pending"


@dataclass
class Answer:
    """A response: `pieces` are sent one after the other; an endless iterator never ends."""

    status: int = 200
    content: bytes | Iterator[bytes] = b"{}"
    kind: str = "application/json; charset=utf-8"
    headers: dict[str, str] = field(default_factory=dict)

    @classmethod
    def error(cls, code: str, description: str = "", status: int = 400) -> Answer:
        return cls(status, json.dumps({"error": code, "error_description": description}).encode())


class OAuthServer:
    """The server's state. `url` is its authority, as `--authority` takes it."""

    def __init__(self) -> None:
        self.url = ""
        self.client_id = "11111111-2222-3333-4444-555555555555"
        self.secret = ""
        self.asked: list[dict[str, str]] = []
        self.authorizations: list[dict[str, str]] = []
        self.next_answers: list[Answer] = []
        self.device_story: list[str] = []
        self.lifetime = 3600
        self.clock = 0.0
        """Seconds by which its clock is ahead of this machine's."""
        self.rotates = True
        self.revokes_old = False
        self.consents = True
        self.redirect_state: str | None = None
        self.redirect_to = ""
        """Where the authorization page leads, in the place of the redirect that was asked for."""
        self.claims: dict[str, Any] = {}
        self.scopes: str | None = None
        self.user = "ada@example.org"
        self.refresh_tokens: set[str] = set()
        self.access_tokens: list[str] = []
        self.codes: dict[str, dict[str, str]] = {}
        self.before_token: Callable[[], object] = lambda: None
        self.lock = threading.Lock()
        self.count = 0

    def authorize(self, query: str) -> Answer:
        fields = dict(parse_qsl(query))
        self.authorizations.append(fields)
        state = fields["state"] if self.redirect_state is None else self.redirect_state
        if not self.consents:
            back = {"error": "access_denied", "error_description": "The user said no", "state": state}
        else:
            code = f"code-{len(self.authorizations)}-secret"
            self.codes[code] = fields
            back = {"code": code, "state": state, "session_state": "x"}
        uri = self.redirect_to or fields["redirect_uri"]
        where = f"{uri}{'' if urlsplit(uri).path else '/'}?{urlencode(back)}"
        return Answer(302, b"", headers={"Location": where})

    def device(self, form: dict[str, str]) -> Answer:
        self.asked.append(form)
        content = {
            "device_code": "device-code-secret",
            "user_code": "ABCD-EFGH",
            "verification_uri": f"{self.url}/device",
            "expires_in": 900,
            "interval": 5,
            "message": "…",
        }
        return Answer(200, json.dumps(content).encode())

    def token(self, form: dict[str, str]) -> Answer:
        with self.lock:
            self.asked.append(form)
            replaced = self.next_answers.pop(0) if self.next_answers else None
        self.before_token()
        if replaced is not None:
            return replaced
        with self.lock:
            return self._granted(form)

    def _granted(self, form: dict[str, str]) -> Answer:
        grant = form.get("grant_type", "")
        if grant.endswith("jwt-bearer"):
            return self._by_assertion(form)
        if form.get("client_id") != self.client_id:
            return Answer.error("unauthorized_client", "AADSTS700016: Application not found in the directory.")
        if self.secret and form.get("client_secret") != self.secret and "client_assertion" not in form:
            told = f"AADSTS7000215: Invalid client secret provided: {form.get('client_secret')}"
            return Answer.error("invalid_client", told, 401)
        if grant == "authorization_code":
            asked = self.codes.pop(form.get("code", ""), None)
            if asked is None:
                return Answer.error("invalid_grant", "AADSTS70000: The code has been redeemed already.")
            challenge = base64.urlsafe_b64encode(hashlib.sha256(form["code_verifier"].encode()).digest()).rstrip(b"=")
            if challenge.decode() != asked["code_challenge"] or form["redirect_uri"] != asked["redirect_uri"]:
                return Answer.error("invalid_grant", "AADSTS501481: The verifier does not match.")
            return self.tokens(asked["scope"])
        if grant == "refresh_token":
            given = form["refresh_token"]
            if given not in self.refresh_tokens:
                return Answer.error("invalid_grant", f"AADSTS700082: The refresh token has expired: {given}")
            if self.revokes_old and self.rotates:
                self.refresh_tokens.discard(given)
            return self.tokens("", rotate=self.rotates)
        if grant == "client_credentials":
            if "client_assertion" in form and abs(self.clock) > 300:
                told = "AADSTS700024: Client assertion is not within its valid time range."
                return Answer.error("invalid_client", told, 401)
            return self.tokens("", refresh=False, program=True)
        if grant.endswith("device_code"):
            told = self.device_story.pop(0) if self.device_story else "ok"
            return self.tokens("") if told == "ok" else Answer.error(told, f"AADSTS70016: {told}")
        return Answer.error("unsupported_grant_type")

    def _by_assertion(self, form: dict[str, str]) -> Answer:
        claims = claims_of(form["assertion"])
        if abs(claims["iat"] - (time.time() + self.clock)) > 300:
            told = (
                "Invalid JWT: Token must be a short-lived token (60 minutes) and in a reasonable timeframe. "
                "Check your iat and exp values in the JWT claim."
            )
            return Answer.error("invalid_grant", told)
        return self.tokens(claims["scope"], refresh=False)

    def tokens(self, scope: str, *, refresh: bool = True, rotate: bool = True, program: bool = False) -> Answer:
        self.count += 1
        google = "mail.google.com" in scope
        access = f"ya29.opaque-secret-{self.count}" if google else self.jwt(program=program)
        self.access_tokens.append(access)
        content: dict[str, Any] = {"token_type": "Bearer", "expires_in": self.lifetime, "access_token": access}
        if self.scopes is not None:
            content["scope"] = self.scopes
        elif scope:
            content["scope"] = " ".join(each for each in scope.split() if each != "offline_access")
        if refresh and rotate:
            content["refresh_token"] = f"refresh-secret-{self.count}"
            self.refresh_tokens.add(content["refresh_token"])
        return Answer(200, json.dumps(content).encode(), headers={"Cache-Control": "no-store"})

    def jwt(self, *, program: bool = False) -> str:
        """An access token as Microsoft's, signed so that Dovecot can verify it."""
        now = time.time() + self.clock
        rights = (
            {"roles": ["SMTP.SendAsApp", "IMAP.AccessAsApp"]}
            if program
            else {"scp": "SMTP.Send IMAP.AccessAsUser.All POP.AccessAsUser.All"}
        )
        claims = {
            "aud": RESOURCE,
            "iat": int(now) - 5,
            "nbf": int(now) - 5,
            "exp": int(now) + self.lifetime,
            "jti": str(self.count),
            "sub": self.user,
            "upn": self.user,
            "email": self.user,
            **rights,
            **self.claims,
        }
        parts = [{"alg": "HS256", "typ": "JWT"}, claims]
        text = ".".join(base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode() for part in parts)
        signed = hmac.new(TOKEN_KEY, text.encode(), hashlib.sha256).digest()
        return f"{text}.{base64.urlsafe_b64encode(signed).rstrip(b'=').decode()}"

    def introspect(self, token: str) -> Answer:
        """RFC 7662: what a mail server asks about a token."""
        active = token in self.access_tokens
        content = {"active": True, "email": self.user, "username": self.user} if active else {"active": False}
        return Answer(200, json.dumps(content).encode())


def claims_of(jwt: str) -> dict[str, Any]:
    part = jwt.split(".")[1]
    claims: dict[str, Any] = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    return claims


class _Handler(BaseHTTPRequestHandler):
    timeout = 20
    oauth: OAuthServer

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        if parts.path.endswith(("/authorize", "/o/oauth2/v2/auth")):
            self._answer(self.oauth.authorize(parts.query))
        elif parts.path.startswith("/introspect"):
            self._answer(self.oauth.introspect(parse_qs(parts.query)["token"][0]))
        else:
            self._answer(Answer(404, b"<html>", "text/html"))

    def do_POST(self) -> None:
        raw = self.rfile.read(int(self.headers["Content-Length"])).decode()
        form = dict(parse_qsl(raw, keep_blank_values=True))
        if self.path.endswith("/token"):
            self._answer(self.oauth.token(form))
        elif self.path.endswith("/devicecode"):
            self._answer(self.oauth.device(form))
        elif self.path.startswith("/introspect"):
            self._answer(self.oauth.introspect(form["token"]))
        else:
            self._answer(Answer(404, b"<html>", "text/html"))

    def _answer(self, answer: Answer) -> None:
        with contextlib.suppress(OSError):
            self.send_response(answer.status)
            self.send_header("Content-Type", answer.kind)
            for name, value in answer.headers.items():
                self.send_header(name, value)
            if isinstance(answer.content, bytes):
                self.send_header("Content-Length", str(len(answer.content)))
                self.end_headers()
                self.wfile.write(answer.content)
            else:
                self.end_headers()
                for piece in answer.content:
                    self.wfile.write(piece)
        self.close_connection = True

    def date_time_string(self, timestamp: float | None = None) -> str:
        return formatdate(time.time() + self.oauth.clock, usegmt=True)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - theirs
        """Say nothing."""


class _Quiet(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that refuses our certificate is no news."""


@contextlib.contextmanager
def oauth_server(authority: Authority | None = None) -> Iterator[OAuthServer]:
    """Run the server for as long as the block lasts; without an authority in clear, for a mail server that asks it."""
    oauth = OAuthServer()
    handler = type("Handler", (_Handler,), {"oauth": oauth})
    server = _Quiet(("127.0.0.1", 0), handler)
    if authority is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(authority.certificate, authority.key)
        # The handshake belongs to the connection's own thread.
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    oauth.url = f"{'https' if authority else 'http'}://localhost:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, args=[0.01], daemon=True)
    thread.start()
    try:
        yield oauth
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
