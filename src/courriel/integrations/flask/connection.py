"""Connection of Flask-Mail's shape: a session, or the app's pool, for the length of a `with` block."""

from __future__ import annotations

from collections.abc import Iterable
from types import TracebackType
from typing import TYPE_CHECKING, Any

from courriel import Notify, Return, Transcript, errors
from courriel.integrations.flask.messages import Message
from courriel.integrations.flask.rendering import address_of
from courriel.integrations.flask.settings import is_pool
from courriel.integrations.flask.signals import email_dispatched
from courriel.integrations.smtplib_errors import as_smtplib_errors

if TYPE_CHECKING:
    from typing import Self

    from flask import Flask

    from courriel import Receipt
    from courriel.integrations.flask.rendering import Mailbox
    from courriel.integrations.flask.settings import MailSettings
    from courriel.types import Connected, SendArguments

_NEGOTIATED = frozenset(("BODY", "SIZE", "SMTPUTF8"))
"""Parameters of MAIL that the session writes itself."""


class Connection:
    """Open way out of an app, used by `with`; without one when MAIL_SUPPRESS_SEND is set.

    `host` is the session or pool, None when nothing is sent; `num_emails` counts the mails.
    """

    def __init__(self, mail: MailSettings, app: Flask) -> None:
        self.mail = mail
        self.host: Connected | None = None
        self.num_emails = 0
        self._app = app
        self._transcript: Transcript | None = None

    def send(self, message: Message, envelope_from: Mailbox | None = None) -> Receipt | None:
        """Send a message; returns its receipt, or None when MAIL_SUPPRESS_SEND keeps it back.

        `envelope_from` is the sender for the servers, to whom reports go. Raises UsageError outside its `with` block,
        BadHeaderError, Unaddressed, InvalidAddress, InvalidMessage before anything is sent, and then what
        `courriel.send` raises; refusals are errors of smtplib as well. Some recipients refused are no error: the
        receipt names them.
        """
        if self.host is None and not self.mail.suppress:
            raise errors.UsageError("this connection is not open; use it by `with mail.connect() as connection:`")
        message.check()
        options = _options(message.mail_options, message.rcpt_options)
        options["to"] = message.envelope_recipients()
        if envelope_from is not None:
            options["sender"] = address_of(envelope_from)
        ready = message.ready()
        receipt: Receipt | None = None
        if self.host is not None:
            with as_smtplib_errors():
                receipt = self.host.send(ready, **options)
        self.num_emails += 1
        email_dispatched.send(self._app, message=message)
        return receipt

    def send_message(self, *args: Any, **kwargs: Any) -> Receipt | None:
        """Send a message made of these arguments; see Message."""
        return self.send(Message(*args, **kwargs))

    def __enter__(self) -> Self:
        self.num_emails = 0
        if not self.mail.suppress:
            self._transcript = Transcript() if self.mail.debug else None
            with as_smtplib_errors():
                host = self.mail.transport(self._transcript)
                self.host = host if is_pool(host) else host.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.host is not None and not is_pool(self.host):
            self.host.__exit__(kind, error, trace)
        self.host = None
        if self._transcript is not None:
            self._app.logger.debug("%s", self._transcript)


def _options(mail_options: Iterable[str], rcpt_options: Iterable[str]) -> SendArguments:
    """Send options from the ESMTP parameters of MAIL and RCPT. Raises InvalidMessage for others."""
    options: SendArguments = {}
    for parameter in mail_options:
        name, _, value = parameter.partition("=")
        match name.upper(), value.upper():
            case "RET", ("FULL" | "HDRS") as what:
                options["ret"] = Return(what)
            case "ENVID", _ if value:
                options["envid"] = value
            case "REQUIRETLS", "":
                options["require_tls"] = True
            case other, _ if other in _NEGOTIATED:
                pass
            case _:
                raise _unknown("mail_options", parameter)
    for parameter in rcpt_options:
        name, _, value = parameter.partition("=")
        if name.upper() != "NOTIFY":
            raise _unknown("rcpt_options", parameter)
        try:
            options["notify"] = [Notify(word.strip().upper()) for word in value.split(",")]
        except ValueError as wrong:
            raise _unknown("rcpt_options", parameter) from wrong
    return options


def _unknown(field: str, parameter: str) -> errors.InvalidMessage:
    return errors.InvalidMessage(f"{field}: {parameter!r:.80} is not one of those that can be sent", stage="compose")
