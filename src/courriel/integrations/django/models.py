"""Rows of the outbox as Django's admin lists them. The ORM never writes them; migrations make their tables."""

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


_REFUSED = "a row of the outbox is changed by its ticket, or by outbox.suppressions, never by the ORM"
REASONS = {
    "bounce": pair("no such mailbox", "adresse inexistante"),
    "complaint": pair("complaint", "plainte"),
    "unsubscribe": pair("unsubscription", "désinscription"),
    "manual": pair("by hand", "à la main"),
}
"""Why an address gets no more mail."""


class MailRows(models.QuerySet):
    """Rows to read. What writes is refused: the octets, the counts and the workers would know nothing of it."""

    def update(self, **kwargs: Any) -> int:
        """Refused: only the outbox writes its rows."""
        raise TypeError(_REFUSED)

    def delete(self) -> tuple[int, dict[str, int]]:
        """Refused: only the outbox writes its rows."""
        raise TypeError(_REFUSED)

    def bulk_create(self, *args: Any, **kwargs: Any) -> Any:
        """Refused: only the outbox writes its rows."""
        raise TypeError(_REFUSED)

    update.alters_data = delete.alters_data = bulk_create.alters_data = True  # type: ignore[attr-defined]


class Mail(models.Model):
    """A mail in the outbox."""

    objects = MailRows.as_manager()

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
        raise TypeError(_REFUSED)

    def delete(self, *args: Any, **kwargs: Any) -> tuple[int, dict[str, int]]:
        """Refused: only the outbox writes its rows."""
        raise TypeError(_REFUSED)


class Suppressed(models.Model):
    """An address that gets no more mail, with one reason; it may have several rows, each for another reason."""

    objects = MailRows.as_manager()

    address = models.TextField(primary_key=True)
    reason = models.TextField(pair("reason", "raison"), choices=list(REASONS.items()), default="manual")
    stream = models.TextField(pair("stream", "flux"), blank=True, default="")
    shown = models.TextField(pair("address", "adresse"))
    note = models.TextField(pair("note", "note"), blank=True, default="")
    mail = models.TextField(blank=True, default="")
    added = models.FloatField(default=0)

    class Meta:
        managed = False
        db_table = "outbox_suppressed"
        verbose_name = pair("suppressed address", "adresse supprimée")
        verbose_name_plural = pair("suppressed addresses", "adresses supprimées")
        default_permissions = ("add", "delete", "view")

    def __str__(self) -> str:
        return str(self.shown)

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Refused: only the outbox writes its rows."""
        raise TypeError(_REFUSED)

    def delete(self, *args: Any, **kwargs: Any) -> tuple[int, dict[str, int]]:
        """Refused: only the outbox writes its rows."""
        raise TypeError(_REFUSED)
