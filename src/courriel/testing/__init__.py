"""
Tests of a program's mail: fixtures for pytest, which are there as soon as courriel is installed.

    def test_the_invoice_is_sent(mail_outbox, assert_mail):
        shop.send_invoice(42)                      # reads COURRIEL_URL, or is given mail_outbox.url
        assert_mail(to="bob@example.org", subject="Invoice 42", attachment="invoice.pdf")

The names here are for annotations; each is loaded when it is first used, because pytest imports this package always.
"""

from __future__ import annotations

TYPE_CHECKING = False

if TYPE_CHECKING:
    from courriel.testing.assertion import MailAssertion as MailAssertion
    from courriel.testing.mail_faults import MailFaults as MailFaults
    from courriel.testing.mail_outbox import MailOutbox as MailOutbox

_HOMES = {
    "MailAssertion": "assertion",
    "MailFaults": "mail_faults",
    "MailOutbox": "mail_outbox",
}

__all__ = ["MailAssertion", "MailFaults", "MailOutbox"]


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module 'courriel.testing' has no attribute {name!r}")
    value: object = getattr(__import__(f"courriel.testing.{_HOMES[name]}", fromlist=(name,)), name)
    globals()[name] = value
    return value
