"""Base of the relays of SMTP and POP3: the local login, and the connection to the provider behind it."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping
from typing import Protocol, TypeVar, cast

from courriel import errors
from courriel.dialogue.flow import Flow
from courriel.dialogue.relay.session import Accounts, BridgeAccount, RelaySession
from courriel.dialogue.relay.wants import Admit, Dial, Pause, RelayFlow, Upstream
from courriel.dialogue.server.connection import ServerConnection
from courriel.dialogue.server.dialogue import ServerDialogue
from courriel.dialogue.server.handler import ServerConfig
from courriel.reply import Reply
from courriel.wire.sasl.server_mechanisms import Claim

P = TypeVar("P", bound="ProviderSession")

MECHANISMS = ("PLAIN", "LOGIN", "CRAM-MD5")
"""How a client may log in: what old programs know. The line does not leave the machine."""


class ProviderSession(Protocol):
    """Client side of a relay."""

    @property
    def capabilities(self) -> Mapping[str, str]:
        """Capabilities of the provider."""
        ...

    def open(self) -> Flow[bytes]:
        """Open the session, login included."""
        ...

    def close(self) -> Flow[bytes]:
        """Say goodbye."""
        ...


class LocalLogin:
    """The login of one client at the relay: wrong passwords are slowed down, a right one opens the provider's session.

    `slowness` is the pause after the first wrong password, in seconds; each further one takes twice the time.
    """

    def __init__(self, accounts: Accounts, session: RelaySession, slowness: float) -> None:
        self._accounts = accounts
        self._session = session
        self._slowness = slowness

    def refuse(self) -> RelayFlow[None]:
        """Count a wrong password, and let time pass."""
        session = self._session
        yield Pause(self._slowness * 2**session.refused_logins)
        session.refused_logins += 1

    def open(self, user: str, dial: Callable[[BridgeAccount], P]) -> RelayFlow[P]:
        """Open the session upstream. Raises what opening it raises; the session's `error` is the same.

        What the provider has refused is not asked again in the same session: programs try one mechanism after the
        other, and repeated refusals may lock the account.
        """
        account, before = self._accounts.of(user), self._session.error
        if account is self._session.account and before is not None and not isinstance(before, errors.ConnectionFailed):
            self._session.provider_refusals += 1
            raise before
        self._session.account, self._session.user = account, account.user
        yield Admit()
        yield Dial(account.server)
        provider = dial(account)
        try:
            yield Upstream(provider.open(), "connect", opening=True)
        except errors.CourrielError as failed:
            self._session.error = failed
            self._session.provider_refusals += 1
            raise
        self._session.error = None
        self._accounts.learn(account, provider.capabilities)
        return provider


class RelayDialogue(ServerDialogue):
    """Base of the relays that answer line by line."""

    def __init__(
        self,
        accounts: Accounts,
        config: ServerConfig,
        session: RelaySession,
        slowness: float,
        write: Callable[[Reply], bytes],
    ) -> None:
        super().__init__(accounts, config, ServerConnection(session, write))
        self.relayed = session
        self._accounts = accounts
        self._login = LocalLogin(accounts, session, slowness)
        self._line = b""  # the command as the client has written it

    @staticmethod
    def _table(words: Mapping[str, Callable[[str], RelayFlow[None]]]) -> Mapping[str, Callable[[str], Flow[None]]]:
        """The table of commands for a server whose driver knows the wants of a relay, as the one of relays does."""
        return cast("Mapping[str, Callable[[str], Flow[None]]]", words)

    def _admit(self, claim: Claim, dial: Callable[[BridgeAccount], P], denied: Reply) -> RelayFlow[P | None]:
        """Open the session upstream for a login that is proved; None when it was answered by a refusal."""
        if not claim.proved:
            yield from self._login.refuse()
            self._connection.write(denied)
            yield from self._leave_after_many_attempts()
            return None
        try:
            return (yield from self._login.open(claim.user, dial))
        except errors.CourrielError as failed:
            answer = self._answer_for(failed)
            self._connection.write(answer)
            if answer.code == 421:
                raise (yield from self._connection.leave("authenticate")) from failed
            yield from self._leave_after_many_attempts()
            return None

    @abstractmethod
    def _answer_for(self, failed: errors.CourrielError) -> Reply:
        """The reply to a login when the provider's session could not be opened."""

    def _leave_after_many_attempts(self) -> Flow[None]:
        if self.relayed.attempts >= self._config.limits.logins:
            self._connection.write(Reply(421, (self._coded("4.7.0", "Too many attempts"),)))
            raise (yield from self._connection.leave("authenticate"))
