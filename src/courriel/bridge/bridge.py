"""
Bridge: a relay on this machine that programs log in to by a local password, and that logs in by OAuth at the provider.

    url = "smtp+starttls://ada@smtp.office365.com?auth=xoauth2&password=login:ada@firm.example"
    with OAuthBridge({"ada": url}, password) as bridge:
        smtplib.SMTP("127.0.0.1", bridge.smtp_port)

It relays conversations and stores nothing: a mail is the provider's, or it is still the client's (decision 0048).
"""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import os
from collections.abc import Callable, Mapping
from functools import partial

from courriel import errors
from courriel._dataclass import dataclass
from courriel.bridge.accounts import PROTOCOLS, BridgeRoutes, checked_accounts
from courriel.dialogue.relay.base import MECHANISMS, ProviderSession
from courriel.dialogue.relay.imap import ImapProvider, imap_relay
from courriel.dialogue.relay.pop3 import pop3_relay
from courriel.dialogue.relay.pop3_provider import Pop3Provider
from courriel.dialogue.relay.session import Accounts, BridgeAccount
from courriel.dialogue.relay.smtp import smtp_relay
from courriel.dialogue.relay.smtp_provider import SmtpProvider
from courriel.dialogue.server.handler import ServerConfig, ServerLimits
from courriel.model.checks.shown import safely_shown
from courriel.model.servers.server import Dialect
from courriel.network import forks
from courriel.network.awaiting import AsyncLine
from courriel.network.serving.loop_thread import LoopServer
from courriel.network.serving.relaying import RelayedSession, RelayLimits, RelayListener

_TRIAL = 10.0  # seconds that opening waits for the first words of the providers; the bridge serves without them
_RETRY = 30.0  # seconds before a provider that was away is asked again; each time twice as long
_LONGEST_RETRY = 600.0

_RELAYS = {Dialect.SMTP: smtp_relay, Dialect.POP3: pop3_relay, Dialect.IMAP: imap_relay}
_PROVIDERS: dict[Dialect, Callable[[BridgeAccount], ProviderSession]] = {
    Dialect.SMTP: SmtpProvider,
    Dialect.POP3: Pop3Provider,
    Dialect.IMAP: ImapProvider,
}
_BUSY = {
    Dialect.SMTP: b"421 4.7.0 Too many connections, try again later\r\n",
    Dialect.POP3: b"-ERR [SYS/TEMP] Too many connections, try again later\r\n",
    Dialect.IMAP: b"* BYE Too many connections, try again later\r\n",
}


@dataclass(frozen=True, slots=True)
class BridgeTrial:
    """The first login at a provider, when the bridge was opened; `error` is None when it was accepted."""

    user: str
    server: str
    error: errors.CourrielError | None = None


class OAuthBridge(LoopServer):
    """SMTP, POP3 and IMAP relay on loopback, for programs that know user name and password only.

    `accounts` are local user names and where each leads: URLs with `password=login:NAME`, one for each protocol.
    `password` is what every client logs in with. A protocol without an account is not served, and its port is 0; a
    port that is not given is any free one. `on_session` is called with each session when it has ended, from the thread
    of the bridge; `record` keeps its transcripts. Raises UsageError for an address that others than this machine
    reach, for an account that is not one of OAuth over verified TLS, and when a login is not stored.
    """

    def __init__(
        self,
        accounts: Mapping[str, BridgeRoutes],
        password: str,
        *,
        host: str = "127.0.0.1",
        smtp_port: int = 0,
        pop3_port: int = 0,
        imap_port: int = 0,
        limits: RelayLimits | None = None,
        on_session: Callable[[RelayedSession], object] | None = None,
        record: bool = False,
    ) -> None:
        super().__init__("courriel bridge")
        if not isinstance(password, str) or len(password) < 12 or not password.isprintable():
            raise errors.UsageError("password: a text of twelve characters at least", stage="authenticate")
        self.host = _loopback(host)
        self.trials: tuple[BridgeTrial, ...] = ()
        """How the providers answered to the first login, once open; one that is still silent is not among them."""
        self._ports = {Dialect.SMTP: smtp_port, Dialect.POP3: pop3_port, Dialect.IMAP: imap_port}
        by_protocol = checked_accounts(accounts)
        self._accounts = {
            protocol: Accounts({account.user: account for account in by_protocol[protocol].values()}, password)
            for protocol in PROTOCOLS
            if protocol in by_protocol
        }
        self._limits = limits or RelayLimits()
        self._on_session: Callable[[RelayedSession], object] = on_session or _nobody_listens
        self._record = record
        self._listeners: dict[Dialect, RelayListener] = {}
        self._learning: list[asyncio.Task[None]] = []
        forks.renew_in_child(self, type(self)._after_fork)

    def _after_fork(self) -> None:
        """Reset in a child process, which does not serve: thread and connections belong to the parent."""
        forks.keep_for_ever(self._aside, self._listeners, self._learning)
        self._aside, self._listeners, self._learning = None, {}, []

    # Addresses.

    @property
    def smtp_port(self) -> int:
        """Port for sending, once open; 0 when no account sends."""
        return self._port(Dialect.SMTP)

    @property
    def pop3_port(self) -> int:
        """Port for reading by POP3, once open; 0 when no account reads so."""
        return self._port(Dialect.POP3)

    @property
    def imap_port(self) -> int:
        """Port for reading by IMAP, once open; 0 when no account reads so."""
        return self._port(Dialect.IMAP)

    @property
    def users(self) -> dict[str, tuple[str, ...]]:
        """Local user names, and the servers of each."""
        found: dict[str, tuple[str, ...]] = {}
        for accounts in self._accounts.values():
            for account in accounts:
                found[account.user] = (*found.get(account.user, ()), str(account.server))
        return found

    # The steps.

    async def _open(self) -> None:
        if self._listeners:
            raise errors.UsageError("this bridge is open already")
        try:
            for protocol, accounts in self._accounts.items():
                serve = partial(_RELAYS[protocol], accounts, self._config(), slowness=self._limits.slowness)
                listener = RelayListener(
                    protocol, serve, self._limits, busy=_BUSY[protocol], on_end=self._on_session, record=self._record
                )
                await self._listen(listener, self._ports[protocol])
                self._listeners[protocol] = listener
            await self._learn()
        except BaseException:
            await self._close()
            raise

    async def _listen(self, listener: RelayListener, port: int) -> None:
        try:
            await listener.open(self.host, port)
        except OSError as refused:
            # asyncio's own sentence has the address as Python writes it.
            code = refused.errno or 0
            raise OSError(code, os.strerror(code) if code else str(refused), f"{self.host}:{port}") from refused

    def _config(self) -> ServerConfig:
        limits = self._limits
        return ServerConfig(
            name="localhost",
            mechanisms=MECHANISMS,
            limits=ServerLimits(message=limits.message, mistakes=limits.mistakes, logins=limits.attempts),
        )

    async def _close(self) -> None:
        for task in self._learning:
            task.cancel()
        await asyncio.gather(*self._learning, return_exceptions=True)
        self._learning.clear()
        await asyncio.gather(*(listener.close() for listener in self._listeners.values()))
        self._listeners.clear()

    async def _learn(self) -> None:
        """Log in once at each provider: what it offers is told to clients that ask before they log in."""
        first = []
        for protocol, accounts in self._accounts.items():
            for account in accounts:
                told: asyncio.Future[BridgeTrial] = asyncio.get_running_loop().create_future()
                first.append(told)
                self._learning.append(asyncio.create_task(_learn_in_time(protocol, accounts, account, told)))
        done, _ = await asyncio.wait(first, timeout=_TRIAL)
        self.trials = tuple(told.result() for told in first if told in done)

    def _port(self, protocol: Dialect) -> int:
        listener = self._listeners.get(protocol)
        return listener.port if listener is not None else 0


# The steps.


async def _learn_in_time(
    protocol: Dialect, accounts: Accounts, account: BridgeAccount, told: asyncio.Future[BridgeTrial]
) -> None:
    """Learn what a provider offers; one that is away is asked again, one that refuses the login is not."""
    pause = _RETRY
    while account.user.lower() not in accounts.offered:
        error = await _try_login(protocol, accounts, account)
        if not told.done():
            told.set_result(BridgeTrial(account.user, str(account.server), error))
        if error is None or not isinstance(error, errors.ConnectionFailed):
            return
        await asyncio.sleep(pause)
        pause = min(pause * 2, _LONGEST_RETRY)


async def _try_login(protocol: Dialect, accounts: Accounts, account: BridgeAccount) -> errors.CourrielError | None:
    provider, line = _PROVIDERS[protocol](account), AsyncLine(account.server)
    try:
        await line.run(provider.open(), opening=True)
        accounts.learn(account, provider.capabilities)
        with contextlib.suppress(errors.CourrielError):
            await line.run(provider.close())
    except errors.CourrielError as failed:
        return failed
    finally:
        line.hang_up()
    return None


def _nobody_listens(ended: RelayedSession) -> None:
    """Listener of a bridge whose sessions nobody asks about."""


def _loopback(host: str) -> str:
    """The address to listen on. Raises UsageError for one that other machines may reach."""
    address = "127.0.0.1" if host == "localhost" else host
    try:
        if ipaddress.ip_address(address).is_loopback:
            return address
    except ValueError:
        pass
    raise errors.UsageError(
        f"host: the bridge listens on this machine only (127.0.0.1 or ::1), and not on {safely_shown(host)}: whoever"
        " reaches it needs one password to be you",
        stage="compose",
    )
