"""
Signals of mails: `sent`, `refused` and `unsure`; of reports about them: `returned`, `complained` and `reported`.

    from django.dispatch import receiver
    from courriel.integrations.django import refused

    @receiver(refused)
    def forget_address(sender, mailer, ticket, message, result, **kwargs): ...

`sender` is the class of the backend; `mailer` the alias of the mailer; `message` is Django's message where it was sent
by this process at once, and None from an outbox; `ticket` is the mail's Ticket in the outbox, else None; `result` is
the Receipt or the error of direct sending, and the MailInfo of a mail in the outbox. `refused` comes when at least one
recipient was refused for good, `sent` when all were accepted, `unsure` when a mail may have been delivered and nobody
knows. From an outbox they come at least once each, in the worker's process, after the outcome is written down; those of
reports in that of `manage.py courriel_bounces`. What a receiver raises is logged, and disturbs no mail.
"""

from __future__ import annotations

import logging
from typing import Any

from django.dispatch import Signal

sent = Signal()
refused = Signal()
unsure = Signal()
returned = Signal()
complained = Signal()
reported = Signal()

logger = logging.getLogger("courriel.django")


def tell(
    signal: Signal, by: type, *, mailer: str, message: object = None, ticket: object = None, result: object = None
) -> None:
    """Send a signal by this class; exceptions of its receivers are logged."""
    answers: list[tuple[Any, Any]] = signal.send_robust(
        by, mailer=mailer, message=message, ticket=ticket, result=result
    )
    for receiver, answer in answers:
        if isinstance(answer, Exception):
            logger.error(
                "A receiver of a mail's signal failed: %r", receiver, exc_info=answer, extra={"action": "signal_failed"}
            )
