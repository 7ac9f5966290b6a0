"""Fixtures for the bridge: Postfix and Dovecot that take nothing but tokens, a stored login, bridges to them."""

from __future__ import annotations

import base64
import socket
import ssl
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from queue import SimpleQueue
from urllib.parse import quote

import pytest

from courriel import OAuthBridge, Sandbox
from courriel.bridge.bridge import RelayedSession, RelayLimits
from courriel.delivery.oauth import store
from courriel.delivery.oauth.login import StoredLogin
from oauth.conftest import login, oauth, state
from servers.accounts import ADA
from servers.authority import Authority
from servers.dovecot import TOKENS_ONLY, Dovecot
from servers.dovecot import dovecot as running_dovecot
from servers.fixtures import authority
from servers.oauth import OAuthServer
from servers.postfix import Postfix
from servers.postfix import postfix as running_postfix
from session.imap_stranger import Answer, imap_server
from session.stranger import Phone, greeted, stranger

__all__ = ["authority", "login", "oauth", "state"]

PASSWORD = "a-local-password-of-the-bridge"


@pytest.fixture(scope="session")
def token_dovecot(authority: Authority) -> Iterator[Dovecot]:
    """Dovecot that offers XOAUTH2 and OAUTHBEARER, and nothing else."""
    with running_dovecot(authority, mechanisms=TOKENS_ONLY) as running:
        yield running


@pytest.fixture(scope="session")
def token_postfix_server(token_dovecot: Dovecot) -> Iterator[Postfix]:
    """Postfix that asks that Dovecot, and so offers the same."""
    with running_postfix(token_dovecot) as running:
        yield running


@pytest.fixture
def provider(token_postfix_server: Postfix, token_dovecot: Dovecot) -> Provider:
    """Both of them, with empty mailboxes."""
    token_postfix_server.empty()
    return Provider(token_postfix_server, token_dovecot)


@dataclass
class Provider:
    """A provider that takes nothing but OAuth: its URLs, as a bridge takes them, by the login of Ada."""

    postfix: Postfix
    dovecot: Dovecot

    def smtp(self, mechanism: str = "xoauth2", *, more: str = "") -> str:
        port = self.postfix.submission_port
        return f"smtp+starttls://ada@localhost:{port}?{self._query(mechanism)}{more}"

    def pop(self, mechanism: str = "xoauth2") -> str:
        return f"pops://ada@localhost:{self.dovecot.pops_port}?{self._query(mechanism)}"

    def imap(self, mechanism: str = "xoauth2") -> str:
        return f"imaps://ada@localhost:{self.dovecot.imaps_port}?{self._query(mechanism)}"

    def _query(self, mechanism: str) -> str:
        return f"ca={quote(str(self.postfix.ca_file))}&auth={mechanism}&password=login:{ADA.user}"


@pytest.fixture
def fresh_login(login: StoredLogin, oauth: OAuthServer) -> StoredLogin:
    """The login of Ada, stored, with a token that the provider takes."""
    stored = replace(login, access_token=oauth.jwt(), expires_at=time.time() + 3600)
    store.save(stored)
    return stored


@dataclass
class Running:
    """An open bridge, and its sessions as they end."""

    bridge: OAuthBridge
    ended: SimpleQueue[RelayedSession] = field(default_factory=SimpleQueue)

    def next_session(self) -> RelayedSession:
        """The next session that ends, or has ended."""
        return self.ended.get(timeout=30)


Open = Callable[..., Running]


@pytest.fixture
def opened(smtp_provider: object, imap_provider: object) -> Iterator[Open]:
    """Open a bridge for Ada by these URLs; options are those of OAuthBridge, and of its limits.

    It is closed before the provider, whose functions wait for the end of its sessions.
    """
    with ExitStack() as stack:

        def open_(*urls: str, users: dict[str, list[str]] | None = None, **options: object) -> Running:
            limits = {name: options.pop(name) for name in [*options] if name in RelayLimits.__slots__}
            ended: SimpleQueue[RelayedSession] = SimpleQueue()
            bridge = OAuthBridge(
                users or {ADA.user: list(urls)},
                PASSWORD,
                limits=RelayLimits(**{"slowness": 0.001, **limits}),  # type: ignore[arg-type]
                on_session=ended.put,
                record=True,
                **options,  # type: ignore[arg-type]
            )
            return Running(stack.enter_context(bridge), ended)

        yield open_


class Client:
    """An old program, line by line: it logs in with the local password."""

    def __init__(self, port: int, *, user: str = ADA.user, password: str = PASSWORD) -> None:
        self.line = socket.create_connection(("127.0.0.1", port), timeout=30)
        self._file = self.line.makefile("rb")
        self.user, self.password = user, password

    def say(self, text: str | bytes) -> None:
        self.line.sendall(text if isinstance(text, bytes) else text.encode() + b"\r\n")

    def reply(self) -> bytes:
        """One reply of SMTP with all its lines, octet by octet; b"" when the line was closed."""
        lines = b""
        while True:
            line = self._file.readline()
            lines += line
            if line[3:4] != b"-":
                return lines

    def ask(self, text: str | bytes) -> bytes:
        self.say(text)
        return self.reply()

    def log_in(self) -> bytes:
        self.reply()
        self.ask("EHLO old-program")
        secret = base64.b64encode(f"\0{self.user}\0{self.password}".encode()).decode()
        return self.ask(f"AUTH PLAIN {secret}")

    def begin_mail(self) -> None:
        """Up to the answer to DATA."""
        assert self.log_in().startswith(b"235")
        assert self.ask(f"MAIL FROM:<{ADA.user}>").startswith(b"250")
        assert self.ask("RCPT TO:<bob@example.org>").startswith(b"250")
        assert self.ask("DATA").startswith(b"354")

    def close(self) -> None:
        self._file.close()
        self.line.close()


@pytest.fixture
def client() -> Iterator[Callable[..., Client]]:
    """Connect an old program to a port."""
    clients: list[Client] = []

    def connect(port: int, **options: str) -> Client:
        clients.append(Client(port, **options))
        return clients[-1]

    yield connect
    for each in clients:
        each.close()


@pytest.fixture
def sandbox(monkeypatch: pytest.MonkeyPatch) -> Iterator[Sandbox]:
    """A practice provider that takes any token."""
    monkeypatch.setenv("BRIDGE_TOKEN", "a-token-in-the-environment")
    with Sandbox() as running:
        yield running


def by_token(url: str) -> str:
    """A URL of the sandbox, with a login by token; silence is endured for two seconds."""
    return url.replace("://", "://ada%40example.org@") + "&auth=xoauth2&password=env:BRIDGE_TOKEN&timeout=2"


Act = Callable[[Phone], None]


@pytest.fixture
def smtp_provider(authority: Authority, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., str]]:
    """A provider that is a function, behind TLS and a login; the first connection is the bridge's trial.

    It is handed the phone after the login; returns the URL.
    """
    monkeypatch.setenv("BRIDGE_TOKEN", "a-token-in-the-environment")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(authority.certificate, authority.key)

    def behind_login(act: Act) -> Act:
        def serve(phone: Phone) -> None:
            phone.secure(context)
            greeted(phone, "PIPELINING", "SIZE 1000000", "8BITMIME", "AUTH XOAUTH2")
            assert phone.receive().startswith(b"AUTH XOAUTH2 ")
            phone.say("235 2.7.0 welcome")
            act(phone)

        return serve

    with ExitStack() as stack:

        def provider(*acts: Act) -> str:
            running = stack.enter_context(stranger(*map(behind_login, (Phone.expect_nothing_more, *acts))))
            return _url("smtps", running.port, authority)

        yield provider


@pytest.fixture
def imap_provider(authority: Authority, smtp_provider: object) -> Iterator[Callable[..., str]]:
    """A provider of IMAP behind TLS, of which some answers are given (`imap_server`); returns the URL."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(authority.certificate, authority.key)
    offered = "IMAP4rev1 IDLE UIDPLUS COMPRESS=DEFLATE THREAD=REFS AUTH=XOAUTH2 SASL-IR"

    with ExitStack() as stack:

        def provider(**answers: Answer) -> str:
            authenticated = f"{{tag}} OK [CAPABILITY {offered} XLATER] logged in"
            act = imap_server(f"* OK [CAPABILITY {offered}] ready", **{"AUTHENTICATE": authenticated, **answers})

            def serve(phone: Phone) -> None:
                phone.secure(context)
                act(phone)

            running = stack.enter_context(stranger(serve))
            return _url("imaps", running.port, authority)

        yield provider


def _url(scheme: str, port: int, authority: Authority) -> str:
    query = f"ca={quote(str(authority.ca_file))}&auth=xoauth2&password=env:BRIDGE_TOKEN&timeout=2"
    return f"{scheme}://ada%40example.org@localhost:{port}?{query}"
