"""EmailBackend: Django's mail by courriel, at once or through the outbox in the project's database."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from typing import Any

import django
from django.core.mail.backends.base import BaseEmailBackend

from courriel import Receipt, errors
from courriel.integrations.django import signals
from courriel.integrations.django.sending import pools
from courriel.integrations.django.sending.messages import Outgoing, outgoing
from courriel.integrations.django.sending.options import OPTIONS, MailerOptions, invalid, mailer_options
from courriel.integrations.django.sending.refusals import as_django_errors

logger = logging.getLogger("courriel.django")

_TOO_MANY = (452, 552)  # "too many recipients" (RFC 5321 4.5.3.1.10): those that were refused so are sent apart


class EmailBackend(BaseEmailBackend):
    """Backend of Django's mail, for EMAIL_BACKEND and for MAILERS.

    `url` is a URL or the name of a profile; `outbox` puts mails into the project's database (True: that of the router;
    or the alias of a database). The other options are those of Django's SMTP backend. After sending, `message.courriel`
    is the Receipt of a message, the error that was raised, or its QueuedMail with `outbox`. Raises InvalidMailer for
    unknown options, and for a URL that cannot be used.
    """

    def __init__(
        self,
        *,
        url: str | None = None,
        outbox: bool | str | None = None,
        host: str | None = None,
        port: int | None = None,
        username: str | None = None,
        password: str | None = None,
        use_tls: bool | None = None,
        use_ssl: bool | None = None,
        timeout: float | None = None,
        ssl_certfile: str | None = None,
        ssl_keyfile: str | None = None,
        fail_silently: bool = False,
        **kwargs: Any,
    ) -> None:
        given = {name: value for name, value in locals().items() if name in OPTIONS}
        super().__init__(**kwargs)
        self.fail_silently = fail_silently  # ours: from Django 6.1 on the base class knows none
        self.alias: str | None = kwargs.get("alias")
        unknown = [name for name in kwargs if name not in ("alias", "_ignore_unknown_kwargs")]
        if unknown and (self.alias is None or django.VERSION < (6, 1)):
            invalid(f"Unknown options {', '.join(map(repr, unknown))}.", self.alias)
        self.options: MailerOptions = mailer_options(given, self.alias)
        self._opened = False

    @property
    def mailer(self) -> str:
        """The alias of the mailer; "default" without MAILERS."""
        return self.alias or "default"

    def open(self) -> bool | None:
        """See whether the server answers; True when nothing was open before, None when it fails silently.

        Sessions are those of the pool of this process. With `outbox` there is nothing to open.
        """
        if self._opened:
            return False
        if not self.options.outbox:
            try:
                with as_django_errors(), pools.open_session(self.options.route):
                    pass
            except OSError:
                if not self.fail_silently:
                    raise
                return None
        self._opened = True
        return True

    def close(self) -> None:
        """Forget that it was opened; the sessions of the pool stay for the next mails."""
        self._opened = False

    def send_messages(self, email_messages: Iterable[Any]) -> int:
        """Send messages, or put them into the outbox; returns how many.

        A message counts as sent when a server took it over for at least one recipient. The first error ends it, and
        those before have been sent; with `fail_silently` errors of the server and of the connection are passed over.
        """
        number = 0
        for message in email_messages or ():
            message.courriel = None
            try:
                number += self._sent(message)
            except errors.CourrielError as error:
                message.courriel = error
                if not (self.fail_silently and isinstance(error, OSError)):
                    raise
        return number

    # The steps.

    def _sent(self, message: Any) -> bool:
        out = outgoing(message)
        if out is None:
            return False
        if self.options.outbox:
            from courriel.integrations.django.queueing.putting import put

            wanted = getattr(message, "courriel_options", None) or {}
            message.courriel = put(out, self.mailer, self.options, **wanted)
            return True
        if out.key is not None:
            raise errors.UsageError("a key needs the outbox (OPTIONS: outbox): sent at once, nothing remembers it")
        with as_django_errors():
            message.courriel = receipt = self._deliver(message, out)
        if receipt.complete:
            signals.tell(signals.sent, type(self), mailer=self.mailer, message=message, result=receipt)
        else:
            counts = len(receipt.refused), len(receipt.fates)
            more = {"action": "recipients_refused", "mailer": self.mailer}
            logger.warning("%d of %d recipients were refused", *counts, extra=more)
            signals.tell(signals.refused, type(self), mailer=self.mailer, message=message, result=receipt)
        return True

    def _deliver(self, message: Any, out: Outgoing) -> Receipt:
        try:
            return self._to_all(out)
        except errors.CourrielError as error:
            if error.in_doubt:
                signals.tell(signals.unsure, type(self), mailer=self.mailer, message=message, result=error)
            elif isinstance(error, errors.Refused) and not error.retryable:
                signals.tell(signals.refused, type(self), mailer=self.mailer, message=message, result=error)
            raise

    def _to_all(self, out: Outgoing) -> Receipt:
        """Send to all recipients, in as many mails as the server's limit on recipients of one mail needs."""
        receipt = pools.send(out.content, self.options.route, out.sender, list(out.recipients))
        fates = {fate.recipient: fate for fate in receipt.fates}
        rest = [name for name in receipt.refused if _is_over_limit(receipt, name)]
        most = len(receipt.accepted)
        while rest and most:
            now, rest = rest[:most], rest[most:]
            try:
                receipt = pools.send(out.content, self.options.route, out.sender, now)
            except errors.CourrielError as failed:  # those before have the mail: their receipt is not given up
                logger.warning("%d recipients after the first mail were not accepted: %s", len(now) + len(rest), failed)
                break
            fates |= {fate.recipient: fate for fate in receipt.fates}
            over = [name for name in receipt.refused if _is_over_limit(receipt, name)]
            rest, most = over + rest, len(receipt.accepted)
        if len(fates) == len(receipt.fates):
            return receipt
        return Receipt(receipt.server, receipt.message_id, receipt.reply, tuple(fates.values()), receipt.notes)


def _is_over_limit(receipt: Receipt, recipient: str) -> bool:
    reply = receipt.refused[recipient]
    enhanced = reply.enhanced
    return reply.code in _TOO_MANY and (enhanced is None or (enhanced.subject, enhanced.detail) == (5, 3))
