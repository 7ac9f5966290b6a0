"""
Helpers for the tests of a project.

Django's test runner replaces every mailer by one that collects mails in `mail.outbox`, and that is enough for most
tests. A test of the outbox itself restores the mailer by `override_settings`. A TestCase never commits, so no worker
would see its mails: `queued()` shows them as the test's own connection does, parsed.

    @override_settings(MAILERS={"default": {"BACKEND": "courriel.integrations.django.EmailBackend",
                                            "OPTIONS": {"url": "null:", "outbox": True}}})
    class OrderTests(TestCase):
        def test_an_order_is_confirmed(self):
            self.client.post("/order/")
            (mail,) = queued()
            assert mail.letter.subject == "Your order"

In a TransactionTestCase `send_queued()` sends them, and `clear_queued()` empties the outbox afterwards, which Django's
flush leaves alone.
"""

from __future__ import annotations

from django.db import DEFAULT_DB_ALIAS, connections

from courriel import Letter, State
from courriel._dataclass import dataclass
from courriel.integrations.django.queueing.databases import outbox_on

_TABLES = ("body", "staged", "mail", "lane", "slot", "worker", "count", "suppressed", "report")


@dataclass(frozen=True, slots=True)
class QueuedTestMail:
    """A mail that waits in the outbox; `recipients` are those of the envelope, Bcc included."""

    id: str
    mailer: str
    key: str | None
    sender: str
    recipients: tuple[str, ...]
    letter: Letter


def queued(using: str = DEFAULT_DB_ALIAS) -> list[QueuedTestMail]:
    """The mails that wait in the outbox, as the transaction of this test sees them, in the order of their put."""
    outbox = outbox_on(using)
    return [
        QueuedTestMail(
            info.id, info.lane, info.key, info.sender, info.recipients, Letter.parse(outbox.get(info.id).content())
        )
        for info in outbox.list(State.READY)
    ]


def clear_queued(using: str = DEFAULT_DB_ALIAS) -> None:
    """Empty the outbox of a test database. Never for one that holds mails of people."""
    with connections[using].cursor() as cursor:
        for table in _TABLES:
            cursor.execute(f"DELETE FROM outbox_{table}")  # noqa: S608 - names of ours
