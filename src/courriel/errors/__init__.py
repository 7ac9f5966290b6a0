"""
Every error courriel raises, as one tree:

* CourrielError
    * UsageError (ValueError)       the call cannot be carried out as it stands; nothing was sent
        * InvalidAddress
        * InvalidMessage
        * InvalidServer
        * InvalidUrl
        * KeyReused                     another mail was put into the outbox under this key
        * LetterGone                    somebody else has deleted or moved it
        * LetterTooLarge
        * MissingExtra (ImportError)    a part that is installed apart; the text holds the command
        * SuppressedRecipients          every recipient is on the suppression list of the outbox
    * ConnectionFailed (ConnectionError)    no answer from the server, or the connection was lost
        * AllWaysFailed                 of several ways out each failed, before anything was sent
        * NameNotFound
        * ProxyError                    the proxy could not be reached, or did not open the way to the server
        * TimedOut (TimeoutError)
        * TlsFailed
    * ProtocolError                 a violation of the protocol; the session is closed
        * LocalProtocolError            by the client, noticed in time; nothing was sent
        * RemoteProtocolError           by the server
    * Refused                       the server refused a command; the session stays usable
        * AuthenticationRefused
        * SenderRefused
        * RecipientsRefused
        * MessageRefused
        * MailboxRefused
        * LetterRefused
        * CommandRefused
    * NotSupported                  the server lacks a capability that the call needs
    * TokenRefused                  the authorization server (OAuth 2) gave no token
    * NotPermitted                  the end of the message was held back by the caller; nothing was delivered
    * FolderRenumbered              the folder has another UIDVALIDITY: UIDs known from before are invalid
    * OutboxError                   the outbox could not store a mail, or act on it
        * OutboxFull                    too little disk space; nothing was written
        * OutboxUnreachable             the database server of the outbox does not answer; nothing was written
        * OutboxUncertain               unknown whether the mail was written: put it again with the same key
        * TicketNotFound (LookupError)
        * LeaseLost                     the lease of the mail has passed to another worker
        * NotYet (TimeoutError)         a mail has not reached its end within the time that was waited

Each error answers three questions: may the mail be sent again (`retryable`)? is the session still usable
(`session_usable`)? may the message have been delivered all the same (`in_doubt`)? `hint` is the remedy, for people.

The text of an error names the server. Cause, remedy and what not to do are its notes (PEP 678), so that a traceback, a
test report or a log with `exc_info` shows them; they are looked up when they are first read, and cost nothing before.

A family of errors has a file, which is loaded when one of its errors is first used; values and front door need none.
What opens a socket or a store imports its errors by name before that: a process without a free descriptor can load no
file. Programs import errors from here, and tracebacks and pickles name them by this module.
"""

from __future__ import annotations

TYPE_CHECKING = False

if TYPE_CHECKING:
    from courriel.errors.base import CourrielError as CourrielError
    from courriel.errors.base import Stage as Stage
    from courriel.errors.base import copy as copy
    from courriel.errors.connection import AllWaysFailed as AllWaysFailed
    from courriel.errors.connection import ConnectionFailed as ConnectionFailed
    from courriel.errors.connection import LocalProtocolError as LocalProtocolError
    from courriel.errors.connection import NameNotFound as NameNotFound
    from courriel.errors.connection import ProtocolError as ProtocolError
    from courriel.errors.connection import ProxyError as ProxyError
    from courriel.errors.connection import RemoteProtocolError as RemoteProtocolError
    from courriel.errors.connection import TimedOut as TimedOut
    from courriel.errors.connection import TlsFailed as TlsFailed
    from courriel.errors.outbox import LeaseLost as LeaseLost
    from courriel.errors.outbox import NotYet as NotYet
    from courriel.errors.outbox import OutboxError as OutboxError
    from courriel.errors.outbox import OutboxFull as OutboxFull
    from courriel.errors.outbox import OutboxUncertain as OutboxUncertain
    from courriel.errors.outbox import OutboxUnreachable as OutboxUnreachable
    from courriel.errors.outbox import TicketNotFound as TicketNotFound
    from courriel.errors.refused import AuthenticationRefused as AuthenticationRefused
    from courriel.errors.refused import CommandRefused as CommandRefused
    from courriel.errors.refused import FolderRenumbered as FolderRenumbered
    from courriel.errors.refused import LetterRefused as LetterRefused
    from courriel.errors.refused import MailboxRefused as MailboxRefused
    from courriel.errors.refused import MessageRefused as MessageRefused
    from courriel.errors.refused import NotPermitted as NotPermitted
    from courriel.errors.refused import NotSupported as NotSupported
    from courriel.errors.refused import RecipientsRefused as RecipientsRefused
    from courriel.errors.refused import Refused as Refused
    from courriel.errors.refused import SenderRefused as SenderRefused
    from courriel.errors.refused import TokenRefused as TokenRefused
    from courriel.errors.usage import InvalidAddress as InvalidAddress
    from courriel.errors.usage import InvalidMessage as InvalidMessage
    from courriel.errors.usage import InvalidServer as InvalidServer
    from courriel.errors.usage import InvalidUrl as InvalidUrl
    from courriel.errors.usage import KeyReused as KeyReused
    from courriel.errors.usage import LetterGone as LetterGone
    from courriel.errors.usage import LetterTooLarge as LetterTooLarge
    from courriel.errors.usage import MissingExtra as MissingExtra
    from courriel.errors.usage import SuppressedRecipients as SuppressedRecipients
    from courriel.errors.usage import UsageError as UsageError

_HOMES = {
    "AllWaysFailed": "connection",
    "AuthenticationRefused": "refused",
    "CommandRefused": "refused",
    "ConnectionFailed": "connection",
    "CourrielError": "base",
    "FolderRenumbered": "refused",
    "InvalidAddress": "usage",
    "InvalidMessage": "usage",
    "InvalidServer": "usage",
    "InvalidUrl": "usage",
    "KeyReused": "usage",
    "LeaseLost": "outbox",
    "LetterGone": "usage",
    "LetterRefused": "refused",
    "LetterTooLarge": "usage",
    "LocalProtocolError": "connection",
    "MailboxRefused": "refused",
    "MessageRefused": "refused",
    "MissingExtra": "usage",
    "NameNotFound": "connection",
    "NotPermitted": "refused",
    "NotSupported": "refused",
    "NotYet": "outbox",
    "OutboxError": "outbox",
    "OutboxFull": "outbox",
    "OutboxUncertain": "outbox",
    "OutboxUnreachable": "outbox",
    "ProtocolError": "connection",
    "ProxyError": "connection",
    "RecipientsRefused": "refused",
    "Refused": "refused",
    "RemoteProtocolError": "connection",
    "SenderRefused": "refused",
    "Stage": "base",
    "SuppressedRecipients": "usage",
    "TicketNotFound": "outbox",
    "TimedOut": "connection",
    "TlsFailed": "connection",
    "TokenRefused": "refused",
    "UsageError": "usage",
    "copy": "base",
}

__all__ = [  # noqa: PLE0604 - made of the table, so that the two cannot disagree
    *_HOMES,  # pyright: ignore[reportUnsupportedDunderAll]
]


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module 'courriel.errors' has no attribute {name!r}")
    value: object = getattr(__import__(f"courriel.errors.{_HOMES[name]}", fromlist=(name,)), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
