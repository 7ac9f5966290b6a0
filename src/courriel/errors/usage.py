"""Errors of a call: it cannot be carried out as it stands, and nothing was sent."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from courriel.errors.base import CourrielError


class UsageError(CourrielError, ValueError):
    """A call that cannot be carried out as it stands; nothing was sent, and the session is unchanged."""

    session_usable = True

    @property
    def retryable(self) -> bool:
        """False: the call or the message has to be changed first."""
        return False

    @property
    def sysexit(self) -> int:
        """65 for an error in the message, 64 for one in the call, unless the failure table says otherwise."""
        return self.failure.sysexit if self.failure else 64


class InvalidAddress(UsageError):
    """Text that is no e-mail address, or an address that cannot be written in this place."""


class InvalidMessage(UsageError):
    """A message that cannot be sent as it is."""


class InvalidServer(UsageError):
    """An invalid value in a server, a trust, a time limit or credentials."""


class InvalidUrl(UsageError):
    """The URL of a mail server that cannot be parsed; the text quotes the part at fault."""


class KeyReused(UsageError):
    """Outbox key that was used before for another mail; nothing of this mail was stored.

    `key` is the key, `ticket` the id of the mail that was put before, `differs` the parts in which the two mails differ
    ("recipients", "Subject", "text", …).
    """

    key: str = ""
    ticket: str = ""
    differs: tuple[str, ...] = ()


class LetterGone(UsageError):
    """A letter that is no longer in its folder: another program has deleted or moved it meanwhile."""


class LetterTooLarge(UsageError):
    """A letter above the session's limit for letters in memory; it was not fetched, and can be saved to a file."""


class MissingExtra(UsageError, ImportError):
    """An optional dependency that is not installed; the text holds the command that installs it."""


class SuppressedRecipients(UsageError):
    """A mail of which every recipient is on the suppression list of the outbox; nothing was stored.

    `suppressed` has the reason for each recipient, with the command that takes it off the list.
    """

    suppressed: Mapping[str, str] = MappingProxyType({})
