"""Facts of one relayed session, and the accounts that a relay serves."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from hmac import compare_digest

from courriel import errors
from courriel._dataclass import dataclass
from courriel.dialogue.server.handler import Note, ServerHandler, ServerSession
from courriel.model.servers.credentials import TokenSource
from courriel.model.servers.server import Server

_DIGITS = 19  # a longer number is above the size of any mail


@dataclass(frozen=True, slots=True)
class BridgeAccount:
    """Account at a provider, by its local user name: the server, and the token source."""

    user: str
    server: Server
    credentials: TokenSource


class RelaySession(ServerSession):
    """State of one session with a client, and what came of it."""

    def __init__(self, *, peer: str = "", note: Note | None = None) -> None:
        super().__init__(peer=peer, note=note)
        self.account: BridgeAccount | None = None
        self.committing = False
        """True between the end of a mail and the provider's answer to it; the session is not cut meanwhile."""
        self.provider_refusals = 0
        """Logins with the right password that did not lead to the provider."""
        self.taken = 0
        """Mails that the provider has taken."""
        self.refused = 0
        """Commands that the provider has refused."""
        self.letters = 0
        """Letters passed to the client (POP3)."""
        self.up = 0
        """Octets passed to the provider in IMAP, and of mails."""
        self.down = 0
        """Octets passed to the client in IMAP, and of letters."""
        self.last_refusal: errors.CourrielError | None = None
        self.error: errors.CourrielError | None = None
        """Error that ended the session, or kept it from being opened; None without one."""

    @property
    def without_login(self) -> bool:
        """True for a session that ended, or was refused, before a login."""
        return self.account is None

    @property
    def attempts(self) -> int:
        """Logins that did not succeed, for whatever reason."""
        return self.refused_logins + self.provider_refusals


class Accounts(ServerHandler):
    """The accounts of one protocol by user name, the local password, and what each provider was found to offer."""

    def __init__(self, accounts: Mapping[str, BridgeAccount], password: str) -> None:
        self._accounts = {name.lower(): account for name, account in accounts.items()}
        self._password = password
        self.offered: dict[str, dict[str, str]] = {}
        """Capabilities of the providers, by user name, as far as they are known."""

    def __iter__(self) -> Iterator[BridgeAccount]:
        return iter(self._accounts.values())

    def of(self, user: str) -> BridgeAccount:
        """The account of a user who has logged in."""
        return self._accounts[user.lower()]

    def check(self, user: str, secret: str) -> bool:
        """Whether this user has an account, and this is the local password."""
        right = compare_digest(self._password.encode(), secret.encode())
        return right and user.lower() in self._accounts

    def secret_of(self, user: str) -> str | None:
        """The local password for a user who has an account."""
        return self._password if user.lower() in self._accounts else None

    def learn(self, account: BridgeAccount, capabilities: Mapping[str, str]) -> None:
        """Keep what a provider offers, for clients that ask before they log in."""
        self.offered[account.user.lower()] = dict(capabilities)

    def common(self) -> dict[str, str]:
        """Capabilities that every provider known so far offers: which one it will be is known after the login only."""
        known = [*self.offered.values()]
        if not known:
            return {}
        first, *others = known
        common = {name: value for name, value in first.items() if all(name in other for other in others)}
        sizes = [int(size) for each in known if (size := each.get("SIZE", "")).isdecimal() and len(size) < _DIGITS]
        if "SIZE" in common and sizes:
            common["SIZE"] = str(min((size for size in sizes if size), default=0))
        return common
