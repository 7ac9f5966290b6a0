"""Signal that tells of each mail, under the name that Flask-Mail gave it."""

from __future__ import annotations

from blinker import Namespace

signals = Namespace()
email_dispatched = signals.signal(
    "email-dispatched",
    doc="Sent with the app and `message=` when a mail was sent, and also when MAIL_SUPPRESS_SEND kept it back.",
)
