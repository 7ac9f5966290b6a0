"""Base of IMAP sessions: open, close, and one call at a time."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from types import TracebackType
from typing import TYPE_CHECKING, Any

from courriel import errors
from courriel.dialogue.imap.client import ImapDialogue
from courriel.errors import Stage
from courriel.model.credentials import Credentials, check_credentials
from courriel.model.received.folder import Selection
from courriel.model.received.limits import ReadLimits
from courriel.model.server import Dialect, Server
from courriel.network.line import keep_line
from courriel.network.stepping import SteppingLine
from courriel.network.transcripts.imap import ImapTranscript
from courriel.network.transcripts.transcript import Transcript, log_if_wanted
from courriel.session import server_memory
from courriel.session.base import BaseSession

if TYPE_CHECKING:
    from typing import Self

    from courriel.session.imap.client import Client


class SelectedMailbox(BaseSession):
    """An IMAP connection after login, without folders; see ImapSession."""

    def __init__(
        self,
        server: Server | str,
        credentials: Credentials | None = None,
        *,
        limits: ReadLimits = ReadLimits(),  # noqa: B008 - a value: it never changes
        transcript: Transcript | None = None,
    ) -> None:
        check_credentials(credentials)
        known = server if isinstance(server, Server) else Server(server, dialect=Dialect.IMAP)
        self.server = known.with_dialect(Dialect.IMAP)
        recorder = transcript if transcript is not None else log_if_wanted("courriel.imap")
        self._line = self._known = SteppingLine(self.server, ImapTranscript(recorder) if recorder is not None else None)
        self._dialogue = ImapDialogue(self.server, credentials, limits)
        self._dialogue.logins = server_memory.of(self.server)
        self._client: Client | None = None
        self.selected: Selection | None = None

    def open(self) -> Self:
        """Connect, start TLS, log in; an older connection is closed first.

        Raises ConnectionFailed (NameNotFound, TimedOut, TlsFailed), AuthenticationRefused, CommandRefused,
        NotSupported, RemoteProtocolError; InvalidServer when credentials would be sent without TLS, MissingExtra.
        """
        from courriel.session.imap.client import Client  # noqa: PLC0415 - an extra

        self._client = self.selected = None
        self._line.run(self._dialogue.open(), opening=True)
        with self._call(lambda: None):
            self._client = Client(self._line, self._dialogue)
        return self

    def _dialogue_of(self) -> ImapDialogue:
        return self._dialogue

    def noop(self) -> None:
        """Send NOOP: checks the connection, and resets the server's idle timer."""
        with self._using_client("mailbox") as client:
            client.noop()

    def close(self) -> None:
        """Log out and close the connection; letters flagged as deleted stay. Never raises for the server's answer."""
        if self.usable and not self._line.turn.taken:
            with suppress(errors.CourrielError), self._using_client("goodbye") as client:
                client.logout()
        self.hang_up()

    def hang_up(self) -> None:
        """Close the connection without LOGOUT, from any thread: a waiting call raises ConnectionFailed."""
        self.selected = None
        self._line.hang_up()

    # The steps.

    @contextmanager
    def _call(self, check: Callable[[], object]) -> Generator[None]:
        """One call: exclusive, under one deadline; any error but a refusal closes the connection."""
        with self._line.turn:
            self._line.begin()
            check()
            try:
                yield
            except BaseException as error:
                if not keep_line(error, self.server, opening=False):
                    self.hang_up()
                raise

    @contextmanager
    def _using_client(self, stage: Stage) -> Generator[Any]:
        """One call that IMAPClient carries out."""
        with self._call(lambda: None), self._open_client.at(stage) as client:
            yield client

    @property
    def _open_client(self) -> Client:
        assert self._client is not None, "an open line has its client"
        return self._client

    def __enter__(self) -> Self:
        return self if self.usable else self.open()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
