"""Fixtures for the bridge: Postfix and Dovecot that take nothing but tokens, a stored login, bridges to them."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from queue import SimpleQueue
from urllib.parse import quote

import pytest

from courriel import OAuthBridge
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
def opened() -> Iterator[Open]:
    """Open a bridge for Ada by these URLs; options are those of OAuthBridge, and of its limits."""
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
