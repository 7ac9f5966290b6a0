"""The real servers and the sendmail that the tests of integrations use."""

from integrations.sendmail_process import sendmail
from servers.fixtures import postgres

__all__ = ["postgres", "sendmail"]
