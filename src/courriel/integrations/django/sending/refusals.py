"""
Errors of sending as Django's users catch them: each is the error of courriel, and one of smtplib and so an OSError.

Django's documentation names `except OSError`, `smtplib.SMTPException` and `smtplib.SMTPRecipientsRefused`; existing
programs and retries of task queues are written so. Errors of the call itself (InvalidAddress, InvalidMessage) are
ValueErrors, as they are with Django.
"""

from __future__ import annotations

import smtplib
from collections.abc import Generator
from contextlib import contextmanager

from courriel import errors


class SmtpRefused(errors.Refused, smtplib.SMTPException):
    """Refusal of a command, also for `except smtplib.SMTPException`."""


class SmtpCommandRefused(errors.CommandRefused, smtplib.SMTPException):
    """CommandRefused, also for `except smtplib.SMTPException`."""


class SmtpAuthenticationRefused(errors.AuthenticationRefused, smtplib.SMTPAuthenticationError):
    """AuthenticationRefused, also for `except smtplib.SMTPAuthenticationError`."""


class SmtpSenderRefused(errors.SenderRefused, smtplib.SMTPSenderRefused):
    """SenderRefused, also for `except smtplib.SMTPSenderRefused`."""


class SmtpRecipientsRefused(errors.RecipientsRefused, smtplib.SMTPRecipientsRefused):
    """RecipientsRefused, also for `except smtplib.SMTPRecipientsRefused`."""


class SmtpMessageRefused(errors.MessageRefused, smtplib.SMTPDataError):
    """MessageRefused, also for `except smtplib.SMTPDataError`."""


class SmtpNotSupported(errors.NotSupported, smtplib.SMTPNotSupportedError):
    """NotSupported, also for `except smtplib.SMTPNotSupportedError`."""


class SmtpTokenRefused(errors.TokenRefused, smtplib.SMTPException):
    """TokenRefused, also for `except smtplib.SMTPException`."""


class SmtpLocalProtocolError(errors.LocalProtocolError, smtplib.SMTPException):
    """LocalProtocolError, also for `except smtplib.SMTPException`."""


class SmtpRemoteProtocolError(errors.RemoteProtocolError, smtplib.SMTPException):
    """RemoteProtocolError, also for `except smtplib.SMTPException`."""


_KINDS: dict[type[errors.CourrielError], type[errors.CourrielError]] = {
    errors.Refused: SmtpRefused,
    errors.CommandRefused: SmtpCommandRefused,
    errors.AuthenticationRefused: SmtpAuthenticationRefused,
    errors.SenderRefused: SmtpSenderRefused,
    errors.RecipientsRefused: SmtpRecipientsRefused,
    errors.MessageRefused: SmtpMessageRefused,
    errors.NotSupported: SmtpNotSupported,
    errors.TokenRefused: SmtpTokenRefused,
    errors.LocalProtocolError: SmtpLocalProtocolError,
    errors.RemoteProtocolError: SmtpRemoteProtocolError,
}


@contextmanager
def as_django_errors() -> Generator[None]:
    """Raise errors of sending as errors of smtplib, too; others pass unchanged."""
    try:
        yield
    except errors.CourrielError as error:
        other = in_django_words(error)
        if other is error:
            raise
        raise other.with_traceback(error.__traceback__) from error.__cause__


def in_django_words(error: errors.CourrielError) -> errors.CourrielError:
    """The same error, as one of smtplib, too; the error itself where it is an OSError or ValueError already."""
    kind = _KINDS.get(type(error))
    if kind is None:
        return error
    said = errors.copy(error)
    other = kind.__new__(kind)
    other.args = said.args
    other.__dict__.update(said.__dict__)
    _add_words_of_smtplib(other)
    return other


# The steps.


def _add_words_of_smtplib(error: errors.CourrielError) -> None:
    """Give the error the attributes that smtplib's have: code and text of the reply, recipients by address."""
    code, text = (error.reply.code, str(error.reply).encode()) if error.reply is not None else (0, b"")
    if isinstance(error, smtplib.SMTPResponseException):
        error.smtp_code, error.smtp_error = code, text
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        refused = error.refused.items()
        error.recipients = {name: (reply.code, str(reply).encode()) for name, reply in refused}
