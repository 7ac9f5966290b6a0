"""The extension: Mail, which sends by the settings of an app."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from flask import current_app

from courriel import errors
from courriel.integrations.flask.connection import Connection
from courriel.integrations.flask.messages import Message
from courriel.integrations.flask.settings import MailSettings
from courriel.integrations.flask.signals import email_dispatched

if TYPE_CHECKING:
    from flask import Flask

    from courriel import Receipt


class _Sending:
    """Ways to send that Mail has in common with the state that it returns."""

    def connect(self) -> Connection:
        """A connection for several mails, used by `with`. Raises UsageError for an app without this extension."""
        app = getattr(self, "app", None) or current_app._get_current_object()  # type: ignore[attr-defined]  # noqa: SLF001
        if "mail" not in app.extensions:
            raise errors.UsageError("this app has no mail settings: call mail.init_app(app)")
        return Connection(app.extensions["mail"], app)

    def send(self, message: Message) -> Receipt | None:
        """Send one message; see Connection.send."""
        message.check()
        with self.connect() as connection:
            return connection.send(message)

    def send_message(self, *args: Any, **kwargs: Any) -> Receipt | None:
        """Send a message made of these arguments; see Message."""
        return self.send(Message(*args, **kwargs))

    @contextmanager
    def record_messages(self) -> Generator[list[Message]]:
        """Context manager: the list of the messages that are sent, or kept back, within the block."""
        recorded: list[Message] = []

        def record(_: object, message: Message) -> None:
            recorded.append(message)

        with email_dispatched.connected_to(record):
            yield recorded


class Mail(_Sending):
    """Flask extension that sends by the settings `MAIL_*` of an app.

    Settings are read by `init_app`; an attribute that Mail does not have is one of them (`mail.default_sender`).
    """

    def __init__(self, app: Flask | None = None) -> None:
        self.app = app
        self.state: MailSettings | None = self.init_app(app) if app is not None else None

    def init_app(self, app: Flask) -> MailSettings:
        """Read the settings of an app, and keep them in `app.extensions["mail"]`. Raises UsageError."""
        state = self.init_mail(app.config, app.debug, app.testing)
        app.extensions["mail"] = state
        return state

    def init_mail(self, config: Mapping[str, Any], debug: bool | int = False, testing: bool = False) -> MailSettings:
        """Read the settings of a configuration, for no app in particular."""
        return MailSettings(config, debug, testing)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return getattr(self.__dict__.get("state"), name, None)
