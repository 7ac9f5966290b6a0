"""Token sources for sessions: a stored login, or a program's own login in memory. Expired tokens are refreshed.

A session calls `fetch` when it opens, and `refresh` with the token that the server refused, once.
"""

from __future__ import annotations

import logging
import time
from threading import Lock

from courriel import errors
from courriel._dataclass import replace
from courriel.delivery.oauth import store
from courriel.delivery.oauth.assertions import Certificate, ServiceAccount
from courriel.delivery.oauth.grants import OAuthClient
from courriel.delivery.oauth.login import StoredLogin, fresh
from courriel.delivery.oauth.provider import AuthorizationServer, google, microsoft
from courriel.model.servers.credentials import Token, TokenSource
from courriel.network import forks

TYPE_CHECKING = False

if TYPE_CHECKING:
    from collections.abc import Callable

    from courriel.delivery.oauth.answers import TokenAnswer

logger = logging.getLogger("courriel.oauth")

loaded_logins: dict[str, tuple[object, StoredLogin]] = {}
"""Logins read before, with the stamp of their file: a keyring takes tens of milliseconds to answer."""
_MOST_LOADED = 100


def stored(name: str, user: str = "") -> TokenSource:
    """The token source of a stored login; `user` is who logs in, by default the mailbox of the login.

    A user name without a domain means the mailbox, when that begins with it. Raises UsageError when there is no login.
    """
    login = _load(store.normal(name))
    mailbox = login.mailbox
    if not user or ("@" not in user and mailbox.lower().startswith(f"{user.lower()}@")):
        user = mailbox
    source = _LoginReader(login.name)
    return TokenSource(user, source.fetch, source.refresh, login.hosts)


def renew(name: str, refused: str = "", *, force: bool = False) -> StoredLogin:
    """Get new tokens for a stored login and store them; the login is returned.

    When another thread or process has got them meanwhile (the stored token is fresh, and not the refused one), nothing
    is asked, unless by `force`. Raises what the grants raise, and UsageError when the new tokens cannot be stored: that
    is found out before the old refresh token is used.
    """
    with store.lock(name):
        login = store.load(name)
        if not force and login.fresh(time.time()) and login.access_token != refused:
            return login
        room = store.LoginFile(name)
        try:
            login = login.with_tokens(login.renewed(), time.time())
        except BaseException:
            room.discard()
            raise
        try:
            room.store(login)
        except errors.UsageError as lost:
            # The tokens are good; what is lost is the next refresh, when the server has revoked the old token.
            logger.error(
                "%s; log in again when the next refresh is refused", lost, extra={"action": "login_not_stored"}
            )
        return login


def microsoft_source(
    user: str, login: str, client_id: str, tenant: str, secret: str, certificate: str, key: str
) -> TokenSource:
    """The source of `TokenSource.microsoft`: a stored login without `client_id`, else client credentials."""
    if not client_id:
        if tenant or secret or certificate or key:
            raise errors.UsageError("client_id: the application's own id is missing", stage="authenticate")
        return stored(login or user, user)
    if not tenant:
        raise errors.UsageError(
            "tenant: a program logs in to one organisation: its domain, or its directory id", stage="authenticate"
        )
    return program(user, microsoft(tenant), client_id, secret, certificate, key)


def google_source(user: str, login: str, service_account: str) -> TokenSource:
    """The source of `TokenSource.google`: a stored login, or a service account's key file."""
    if not service_account:
        return stored(login or user, user)
    provider = google()
    _ = ServiceAccount.read(service_account)

    def ask() -> TokenAnswer:
        return OAuthClient(provider, "").for_user(ServiceAccount.read(service_account), user)

    return _in_memory(user, provider, ask)


def program(
    user: str, provider: AuthorizationServer, client_id: str, secret: str = "", certificate: str = "", key: str = ""
) -> TokenSource:
    """A program's own login by client credentials, with its tokens in memory; files are read again for each token."""
    if bool(secret) is bool(certificate):
        raise errors.UsageError(
            "client credentials need a secret or a certificate, one of the two",
            stage="authenticate",
            hint_id="OAUTH-KEY-UNREADABLE",
        )
    if certificate:
        _ = Certificate.read(certificate, key)

    def ask() -> TokenAnswer:
        shown = Certificate.read(certificate, key) if certificate else None
        return OAuthClient(provider, client_id, secret, shown).by_itself()

    return _in_memory(user, provider, ask)


class TokensInMemory:
    """Tokens of one login for all its sessions, one request at a time.

    `ask` gets new ones; it is given the refresh token, "" when there is none. `first` are those that are there already.
    """

    __slots__ = ("__weakref__", "_ask", "_lock", "_obtained_at", "_tokens")

    def __init__(self, ask: Callable[[str], TokenAnswer], first: TokenAnswer | None = None) -> None:
        self._ask = ask
        self._tokens = first
        self._obtained_at = time.time()
        self._after_fork()
        forks.renew_in_child(self, type(self)._after_fork)

    def _after_fork(self) -> None:
        self._lock = Lock()

    @property
    def now(self) -> TokenAnswer | None:
        """The tokens that are there, expired or not; None before the first request."""
        return self._tokens

    def fetch(self) -> Token:
        """The access token; a new one when it has expired."""
        return self._fetch_fresh("")

    def refresh(self, refused: str) -> Token:
        """Another access token than the refused one."""
        return self._fetch_fresh(refused)

    def _fetch_fresh(self, refused: str) -> Token:
        with self._lock:
            tokens = self._tokens
            if (
                tokens is None
                or tokens.access_token == refused
                or not fresh(tokens.expires_at, self._obtained_at, time.time())
            ):
                old = tokens.refresh_token if tokens is not None else ""
                tokens = self._ask(old)
                # A server that sends no refresh token leaves the old one valid (RFC 6749 6).
                self._tokens = tokens = replace(tokens, refresh_token=tokens.refresh_token or old)
                self._obtained_at = time.time()
            return Token(tokens.access_token, tokens.expires_at)


# The steps.


class _LoginReader:
    """A stored login, by its name."""

    __slots__ = ("_name",)

    def __init__(self, name: str) -> None:
        self._name = name

    def fetch(self) -> Token:
        """The access token; a new one when it has expired."""
        login = _load(self._name)
        return _token(login if login.fresh(time.time()) else self._refreshed_login(""))

    def refresh(self, refused: str) -> Token:
        """Another access token than the refused one."""
        return _token(self._refreshed_login(refused))

    def _refreshed_login(self, refused: str) -> StoredLogin:
        login = renew(self._name, refused)
        # What could not be stored must not be asked for again at the next mail.
        _remember(self._name, login)
        return login


def _in_memory(user: str, provider: AuthorizationServer, ask: Callable[[], TokenAnswer]) -> TokenSource:
    tokens = TokensInMemory(lambda _: ask())
    return TokenSource(user, tokens.fetch, tokens.refresh, provider.hosts)


def _token(login: StoredLogin) -> Token:
    return Token(login.access_token, login.expires_at)


def _load(name: str) -> StoredLogin:
    known = loaded_logins.get(name)
    stamp = store.stamp(name)
    if known is not None and stamp is not None and known[0] == stamp:
        return known[1]
    login = store.load(name)
    loaded_logins[name] = (stamp, login)
    if len(loaded_logins) > _MOST_LOADED:
        loaded_logins.pop(next(iter(loaded_logins)), None)
    return login


def _remember(name: str, login: StoredLogin) -> None:
    loaded_logins[name] = (store.stamp(name), replace(login))
