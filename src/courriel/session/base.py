"""Properties that all sessions have without asking the server: SMTP, POP3 and IMAP, blocking and asyncio."""

from __future__ import annotations

from courriel._dataclass import replace
from courriel.model.servers.server import Server, Timeouts

TYPE_CHECKING = False

if TYPE_CHECKING:
    from typing import Protocol

    from courriel.network import awaiting, blocking

    class Dialogue(Protocol):
        """Facts that a dialogue knows about its server."""

        server: Server
        capabilities: dict[str, str]
        greeting: str
        mechanism: str


class BaseSession:
    """Base of all sessions: a connection and its dialogue."""

    server: Server
    _known: blocking.Line | awaiting.AsyncLine

    @property
    def usable(self) -> bool:
        """Whether the session is open, as far as is known without asking the server."""
        return not self._known.broken

    @property
    def capabilities(self) -> dict[str, str]:
        """Capabilities of the server, by name, for example `{"SIZE": "10240000", "PIPELINING": ""}`."""
        return dict(self._dialogue_of().capabilities)

    @property
    def greeting(self) -> str:
        """Greeting text of the server."""
        return self._dialogue_of().greeting

    @property
    def tls_version(self) -> str:
        """TLS version, for example "TLSv1.3"; empty without TLS."""
        return self._known.tls_version

    @property
    def mechanism(self) -> str:
        """SASL mechanism of the login, for example "SCRAM-SHA-256", or "USER" in POP3; empty without a login."""
        return self._dialogue_of().mechanism

    @property
    def busy(self) -> bool:
        """Whether a call is running, in any thread or task: another one would raise UsageError meanwhile."""
        return self._known.guard.taken

    def hang_up(self) -> None:
        """Close the connection at once, from any thread; the call that uses it fails, and may be in doubt."""
        self._known.hang_up()

    def change_timeouts(self, timeouts: Timeouts) -> None:
        """Replace the time limits, from the next wait on; a total deadline starts with the next call."""
        self.server = self._dialogue_of().server = replace(self.server, timeouts=timeouts)
        self._known.follow(self.server)

    def _refuse_if_inherited(self) -> None:
        from courriel.network.line import refuse_if_inherited  # noqa: PLC0415 - for an error

        refuse_if_inherited(self._known)

    def __repr__(self) -> str:
        state = "open" if self.usable else "closed"
        return f"<{type(self).__name__} {self.server} {self.server.security.name} {state}>"

    def _dialogue_of(self) -> Dialogue:
        raise NotImplementedError
