"""
Open a session, send, know what became of it.

    import courriel
    from courriel import Message, Password, Server, SmtpSession

    with SmtpSession(Server("smtp.example.org"), Password("ada", secret)) as session:
        receipt = session.send(Message(sender="ada@example.org", to="bob@example.org", subject="Hello", text="..."))

This is the front door. Each name is loaded when it is first used: `import courriel` costs next to nothing, and a
program that blocks never pays for asyncio.
"""

from __future__ import annotations

__version__ = "0.1.0.dev0"

# Type checkers know this name and take it for true; `typing` itself would cost more than everything else here.
TYPE_CHECKING = False

if TYPE_CHECKING:
    from courriel import doctor as doctor
    from courriel import errors as errors
    from courriel import types as types
    from courriel.bridge.bridge import OAuthBridge as OAuthBridge
    from courriel.compose.invitation import Invitation as Invitation
    from courriel.compose.rich import RichTemplate as RichTemplate
    from courriel.compose.template import Template as Template
    from courriel.delivery.connect import aconnect as aconnect
    from courriel.delivery.connect import connect as connect
    from courriel.delivery.dkim.signed import AsyncSigned as AsyncSigned
    from courriel.delivery.dkim.signed import Signed as Signed
    from courriel.delivery.open_mailbox import amailbox as amailbox
    from courriel.delivery.open_mailbox import mailbox as mailbox
    from courriel.delivery.routing.awaiting import AsyncFailover as AsyncFailover
    from courriel.delivery.routing.awaiting import AsyncRoundRobin as AsyncRoundRobin
    from courriel.delivery.routing.awaiting_by_domain import AsyncByDomain as AsyncByDomain
    from courriel.delivery.routing.blocking import Failover as Failover
    from courriel.delivery.routing.blocking import RoundRobin as RoundRobin
    from courriel.delivery.routing.by_domain import ByDomain as ByDomain
    from courriel.delivery.send import asend as asend
    from courriel.delivery.send import send as send
    from courriel.delivery.transport import AsyncTransport as AsyncTransport
    from courriel.delivery.transport import Transport as Transport
    from courriel.delivery.urls.route import Route as Route
    from courriel.errors import AllWaysFailed as AllWaysFailed
    from courriel.errors import AuthenticationRefused as AuthenticationRefused
    from courriel.errors import CommandRefused as CommandRefused
    from courriel.errors import ConnectionFailed as ConnectionFailed
    from courriel.errors import CourrielError as CourrielError
    from courriel.errors import FolderRenumbered as FolderRenumbered
    from courriel.errors import InvalidAddress as InvalidAddress
    from courriel.errors import InvalidMessage as InvalidMessage
    from courriel.errors import InvalidServer as InvalidServer
    from courriel.errors import InvalidUrl as InvalidUrl
    from courriel.errors import KeyReused as KeyReused
    from courriel.errors import LeaseLost as LeaseLost
    from courriel.errors import LetterGone as LetterGone
    from courriel.errors import LetterRefused as LetterRefused
    from courriel.errors import LetterTooLarge as LetterTooLarge
    from courriel.errors import LocalProtocolError as LocalProtocolError
    from courriel.errors import MailboxRefused as MailboxRefused
    from courriel.errors import MessageRefused as MessageRefused
    from courriel.errors import MissingExtra as MissingExtra
    from courriel.errors import NameNotFound as NameNotFound
    from courriel.errors import NotPermitted as NotPermitted
    from courriel.errors import NotSupported as NotSupported
    from courriel.errors import NotYet as NotYet
    from courriel.errors import OutboxError as OutboxError
    from courriel.errors import OutboxFull as OutboxFull
    from courriel.errors import OutboxUncertain as OutboxUncertain
    from courriel.errors import OutboxUnreachable as OutboxUnreachable
    from courriel.errors import ProtocolError as ProtocolError
    from courriel.errors import ProxyError as ProxyError
    from courriel.errors import RecipientsRefused as RecipientsRefused
    from courriel.errors import Refused as Refused
    from courriel.errors import RemoteProtocolError as RemoteProtocolError
    from courriel.errors import SenderRefused as SenderRefused
    from courriel.errors import SuppressedRecipients as SuppressedRecipients
    from courriel.errors import TicketNotFound as TicketNotFound
    from courriel.errors import TimedOut as TimedOut
    from courriel.errors import TlsFailed as TlsFailed
    from courriel.errors import TokenRefused as TokenRefused
    from courriel.errors import UsageError as UsageError
    from courriel.model.address import Address as Address
    from courriel.model.envelope import Envelope as Envelope
    from courriel.model.envelope import Notify as Notify
    from courriel.model.envelope import Return as Return
    from courriel.model.messages.attachment import Attachment as Attachment
    from courriel.model.messages.message import Message as Message
    from courriel.model.messages.message import Priority as Priority
    from courriel.model.messages.ready_message import ReadyMessage as ReadyMessage
    from courriel.model.receipt import Outcome as Outcome
    from courriel.model.receipt import Receipt as Receipt
    from courriel.model.receipt import RecipientResult as RecipientResult
    from courriel.model.received.address import ReceivedAddress as ReceivedAddress
    from courriel.model.received.attachment import ReceivedAttachment as ReceivedAttachment
    from courriel.model.received.folder import FolderPosition as FolderPosition
    from courriel.model.received.limits import ReadLimits as ReadLimits
    from courriel.model.received.report import RecipientReport as RecipientReport
    from courriel.model.received.report import Report as Report
    from courriel.model.received.report import ReportKind as ReportKind
    from courriel.model.received.search import Search as Search
    from courriel.model.received.sync import SyncMark as SyncMark
    from courriel.model.servers.credentials import External as External
    from courriel.model.servers.credentials import Password as Password
    from courriel.model.servers.credentials import Token as Token
    from courriel.model.servers.credentials import TokenSource as TokenSource
    from courriel.model.servers.proxy import Proxy as Proxy
    from courriel.model.servers.server import Dialect as Dialect
    from courriel.model.servers.server import Security as Security
    from courriel.model.servers.server import Server as Server
    from courriel.model.servers.server import Timeouts as Timeouts
    from courriel.model.servers.trust import ClientCertificate as ClientCertificate
    from courriel.model.servers.trust import Trust as Trust
    from courriel.model.submission import SendOptions as SendOptions
    from courriel.model.submission import Submission as Submission
    from courriel.network.transcripts.transcript import Transcript as Transcript
    from courriel.outbox.aio import AsyncOutbox as AsyncOutbox
    from courriel.outbox.outbox import Outbox as Outbox
    from courriel.outbox.store.states import State as State
    from courriel.outbox.store.suppression import Suppression as Suppression
    from courriel.outbox.ticket import Ticket as Ticket
    from courriel.reply import Reply as Reply
    from courriel.sandbox.sandbox import Sandbox as Sandbox
    from courriel.session.imap.awaited import AsyncImapSession as AsyncImapSession
    from courriel.session.imap.session import ImapSession as ImapSession
    from courriel.session.pool.awaited import AsyncSmtpPool as AsyncSmtpPool
    from courriel.session.pool.blocking import SmtpPool as SmtpPool
    from courriel.session.pop3.session import AsyncPopSession as AsyncPopSession
    from courriel.session.pop3.session import PopSession as PopSession
    from courriel.session.smtp import AsyncSmtpSession as AsyncSmtpSession
    from courriel.session.smtp import SmtpSession as SmtpSession
    from courriel.wire.parse.letter import AsyncLetter as AsyncLetter
    from courriel.wire.parse.letter import Letter as Letter

_HOMES = {
    "Address": "model.address",
    "AllWaysFailed": "errors",
    "AsyncByDomain": "delivery.routing.awaiting_by_domain",
    "AsyncFailover": "delivery.routing.awaiting",
    "AsyncImapSession": "session.imap.awaited",
    "AsyncLetter": "wire.parse.letter",
    "AsyncOutbox": "outbox.aio",
    "AsyncPopSession": "session.pop3.session",
    "AsyncRoundRobin": "delivery.routing.awaiting",
    "AsyncSigned": "delivery.dkim.signed",
    "AsyncSmtpPool": "session.pool.awaited",
    "AsyncSmtpSession": "session.smtp",
    "AsyncTransport": "delivery.transport",
    "Attachment": "model.messages.attachment",
    "AuthenticationRefused": "errors",
    "ByDomain": "delivery.routing.by_domain",
    "ClientCertificate": "model.servers.trust",
    "CommandRefused": "errors",
    "ConnectionFailed": "errors",
    "CourrielError": "errors",
    "Dialect": "model.servers.server",
    "Envelope": "model.envelope",
    "External": "model.servers.credentials",
    "Failover": "delivery.routing.blocking",
    "FolderPosition": "model.received.folder",
    "FolderRenumbered": "errors",
    "ImapSession": "session.imap.session",
    "Invitation": "compose.invitation",
    "InvalidAddress": "errors",
    "InvalidMessage": "errors",
    "InvalidServer": "errors",
    "InvalidUrl": "errors",
    "KeyReused": "errors",
    "LeaseLost": "errors",
    "Letter": "wire.parse.letter",
    "LetterGone": "errors",
    "LetterRefused": "errors",
    "LetterTooLarge": "errors",
    "LocalProtocolError": "errors",
    "MailboxRefused": "errors",
    "Message": "model.messages.message",
    "MessageRefused": "errors",
    "MissingExtra": "errors",
    "NameNotFound": "errors",
    "NotPermitted": "errors",
    "NotSupported": "errors",
    "NotYet": "errors",
    "Notify": "model.envelope",
    "OAuthBridge": "bridge.bridge",
    "Outbox": "outbox.outbox",
    "OutboxError": "errors",
    "OutboxFull": "errors",
    "OutboxUncertain": "errors",
    "OutboxUnreachable": "errors",
    "Outcome": "model.receipt",
    "Password": "model.servers.credentials",
    "PopSession": "session.pop3.session",
    "Priority": "model.messages.message",
    "ProtocolError": "errors",
    "Proxy": "model.servers.proxy",
    "ProxyError": "errors",
    "ReadLimits": "model.received.limits",
    "ReadyMessage": "model.messages.ready_message",
    "Receipt": "model.receipt",
    "ReceivedAddress": "model.received.address",
    "ReceivedAttachment": "model.received.attachment",
    "RecipientReport": "model.received.report",
    "RecipientResult": "model.receipt",
    "RecipientsRefused": "errors",
    "Refused": "errors",
    "RemoteProtocolError": "errors",
    "Reply": "reply",
    "Report": "model.received.report",
    "ReportKind": "model.received.report",
    "Return": "model.envelope",
    "RichTemplate": "compose.rich",
    "RoundRobin": "delivery.routing.blocking",
    "Route": "delivery.urls.route",
    "Sandbox": "sandbox.sandbox",
    "Search": "model.received.search",
    "Suppression": "outbox.store.suppression",
    "SuppressedRecipients": "errors",
    "SyncMark": "model.received.sync",
    "Security": "model.servers.server",
    "SendOptions": "model.submission",
    "SenderRefused": "errors",
    "Server": "model.servers.server",
    "Signed": "delivery.dkim.signed",
    "SmtpPool": "session.pool.blocking",
    "SmtpSession": "session.smtp",
    "State": "outbox.store.states",
    "Submission": "model.submission",
    "Template": "compose.template",
    "Ticket": "outbox.ticket",
    "TicketNotFound": "errors",
    "TimedOut": "errors",
    "Timeouts": "model.servers.server",
    "TlsFailed": "errors",
    "Token": "model.servers.credentials",
    "TokenRefused": "errors",
    "TokenSource": "model.servers.credentials",
    "Transcript": "network.transcripts.transcript",
    "Transport": "delivery.transport",
    "Trust": "model.servers.trust",
    "UsageError": "errors",
    "aconnect": "delivery.connect",
    "amailbox": "delivery.open_mailbox",
    "asend": "delivery.send",
    "connect": "delivery.connect",
    "mailbox": "delivery.open_mailbox",
    "send": "delivery.send",
}

__all__ = [  # noqa: PLE0604 - made of the table, so that the two cannot disagree
    "__version__",
    "doctor",
    "errors",
    "types",
    *_HOMES,  # pyright: ignore[reportUnsupportedDunderAll]
]


def __getattr__(name: str) -> object:
    # By the built-in function: importlib brings `warnings` along, and would be half of what `import courriel` costs.
    if name in ("doctor", "errors", "types"):
        return getattr(__import__(f"courriel.{name}"), name)
    if name not in _HOMES:
        raise AttributeError(f"module 'courriel' has no attribute {name!r}")
    value: object = getattr(__import__(f"courriel.{_HOMES[name]}", fromlist=(name,)), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
