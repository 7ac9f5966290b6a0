"""State of one IMAP session: its user's account, the selected folder, what was switched on."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeAlias

from courriel.dialogue.flow import Flow
from courriel.dialogue.server.handler import ServerConfig, ServerHandler
from courriel.dialogue.server.imap.connection import ImapCommand, ImapServerConnection
from courriel.dialogue.server.imap.view import FolderView
from courriel.dialogue.server.mail_store import MailAccount
from courriel.wire.smtp.server_syntax import Objection

Commands: TypeAlias = "Mapping[str, Callable[[ImapCommand], Flow[None]]]"
"""Commands by their verbs."""


class ImapState:
    """State that the commands of a session share."""

    def __init__(self, connection: ImapServerConnection, handler: ServerHandler, config: ServerConfig) -> None:
        self.connection = connection
        self.handler = handler
        self.config = config
        self.session = connection.session
        self.account: MailAccount | None = None
        self.view: FolderView | None = None
        self.enabled: set[str] = set()
        self.identified = False
        """Whether the client said ID."""

    @property
    def utf8(self) -> bool:
        """Whether names of folders are UTF-8."""
        return bool(self.enabled & {"UTF8=ACCEPT", "IMAP4REV2"})

    @property
    def rev2(self) -> bool:
        """Whether the session has switched IMAP4rev2 on."""
        return "IMAP4REV2" in self.enabled

    def expect_account(self) -> MailAccount:
        """The account. Raises Objection before the login."""
        if self.account is None:
            raise Objection(503, "Log in first")
        return self.account

    def expect_view(self) -> FolderView:
        """The selected folder. Raises Objection."""
        if self.view is None:
            raise Objection(503, "Select a folder first")
        return self.view

    def expect_writable(self) -> FolderView:
        """The selected folder, where letters may be changed. Raises Objection."""
        view = self.expect_view()
        if view.read_only:
            raise Objection(550, "[READ-ONLY] The folder was opened for reading only")
        return view

    def select(self, view: FolderView | None) -> None:
        """Work in this folder from now on, or in none."""
        if self.view is not None:
            self.view.folder.unwatch(self.session.wake)
        self.view = view
        if view is not None:
            self.enable_in(view)
            view.folder.watch(self.session.wake)

    def enable(self, extension: str) -> None:
        """Switch an extension on."""
        self.enabled.add(extension)
        if extension == "QRESYNC":
            self.enabled.add("CONDSTORE")
        if self.view is not None:
            self.enable_in(self.view)

    def enable_in(self, view: FolderView) -> None:
        """Let a view tell what the extensions want."""
        view.counts_changes = "CONDSTORE" in self.enabled
        view.vanishes = "QRESYNC" in self.enabled
        view.tells_recent = not self.rev2

    def tell_news(self, *, expunge: bool = True, uid: bool = False) -> None:
        """Add the untagged responses about changes; without `expunge` no sequence number changes."""
        if self.view is not None and self.view.behind:
            for response in self.view.news(expunge=expunge, uid=uid):
                self.connection.untagged(response)

    def finish(self, words: str, *, expunge: bool = True, uid: bool = False) -> None:
        """Tell the news, and answer the command with OK."""
        self.tell_news(expunge=expunge, uid=uid)
        self.connection.ok(words)
