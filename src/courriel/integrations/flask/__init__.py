"""
Flask extension with the names of Flask-Mail (extra: flask).

    from courriel.integrations.flask import Mail, Message

    mail = Mail(app)                # or mail.init_app(app)
    mail.send(Message("Hello", recipients=["bob@example.org"], body="..."))

`Mail`, `Message`, `Attachment`, `Connection`, `BadHeaderError`, the signal `email_dispatched` and the settings `MAIL_*`
are those of Flask-Mail 0.10; what differs is told in docs/flask.md. `MAIL_VIA` names a URL or a profile in place of
MAIL_SERVER and its relatives.
"""

from __future__ import annotations

from courriel import errors

try:
    import flask as _flask
except ImportError as missing:
    raise errors.MissingExtra(
        'the extension for Flask needs flask: pip install "courriel[flask]"', hint_id="EXTRA-MISSING"
    ) from missing

from courriel.integrations.flask.connection import Connection
from courriel.integrations.flask.extension import Mail
from courriel.integrations.flask.messages import Attachment, BadHeaderError, Message, Unaddressed
from courriel.integrations.flask.settings import MailSettings
from courriel.integrations.flask.signals import email_dispatched, signals

__all__ = [
    "Attachment",
    "BadHeaderError",
    "Connection",
    "Mail",
    "MailSettings",
    "Message",
    "Unaddressed",
    "email_dispatched",
    "signals",
]

del _flask
