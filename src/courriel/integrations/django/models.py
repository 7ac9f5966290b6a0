"""Mail: a row of the outbox as Django's admin lists it. The ORM never writes it; the migration makes its table."""

from __future__ import annotations

from typing import Any

from django.db import models

from courriel import State
from courriel.integrations.django.words import pair

STATES = {
    State.READY: pair("waiting", "en attente"),
    State.LEASED: pair("sending", "en cours d'envoi"),
    State.IN_FLIGHT: pair("unanswered", "sans réponse"),
    State.HELD: pair("held", "retenu"),
    State.SENT: pair("accepted", "accepté"),
    State.FAILED: pair("refused", "refusé"),
    State.CANCELED: pair("canceled", "annulé"),
}
"""States of a mail, in the words that the rest of courriel has for them."""


class Mail(models.Model):
    """A mail in the outbox."""

    id = models.TextField(primary_key=True)
    key = models.TextField(pair("key", "clé"), null=True)
    mailer = models.TextField(pair("mailer", "mailer"), db_column="lane")
    state = models.IntegerField(pair("state", "état"), choices=[(int(each), name) for each, name in STATES.items()])
    due = models.FloatField()
    created = models.FloatField()
    tries = models.IntegerField(pair("tries", "essais"))
    unsure = models.IntegerField()
    sender = models.TextField(pair("sender", "expéditeur"))
    recipients_waiting = models.TextField(db_column="rcpts")
    results = models.TextField()
    why = models.TextField(pair("reason", "raison"))
    size = models.BigIntegerField(pair("octets", "octets"))

    class Meta:
        managed = False
        db_table = "outbox_mail"
        verbose_name = pair("mail", "courriel")
        verbose_name_plural = pair("mails", "courriels")
        default_permissions = ("change", "view")

    def __str__(self) -> str:
        return str(self.pk)

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Refused: only the outbox writes its rows."""
        raise TypeError("a row of the outbox is changed by its ticket, never by the ORM")

    def delete(self, *args: Any, **kwargs: Any) -> tuple[int, dict[str, int]]:
        """Refused: only the outbox writes its rows."""
        raise TypeError("a row of the outbox is changed by its ticket, never by the ORM")
