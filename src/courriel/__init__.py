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
    from courriel import errors as errors
    from courriel.compose.rich import RichTemplate as RichTemplate
    from courriel.compose.template import Template as Template
    from courriel.delivery.connect import aconnect as aconnect
    from courriel.delivery.connect import connect as connect
    from courriel.delivery.reading import amailbox as amailbox
    from courriel.delivery.reading import mailbox as mailbox
    from courriel.delivery.relay import asend as asend
    from courriel.delivery.relay import send as send
    from courriel.delivery.route import Route as Route
    from courriel.errors import CourrielError as CourrielError
    from courriel.model.address import Address as Address
    from courriel.model.attachment import Attachment as Attachment
    from courriel.model.correspondent import Correspondent as Correspondent
    from courriel.model.credentials import External as External
    from courriel.model.credentials import Password as Password
    from courriel.model.credentials import Token as Token
    from courriel.model.credentials import TokenSource as TokenSource
    from courriel.model.enclosure import Enclosure as Enclosure
    from courriel.model.envelope import Envelope as Envelope
    from courriel.model.envelope import Notify as Notify
    from courriel.model.envelope import Return as Return
    from courriel.model.folder import Mark as Mark
    from courriel.model.limits import Limits as Limits
    from courriel.model.message import Message as Message
    from courriel.model.message import Priority as Priority
    from courriel.model.ready import ReadyMessage as ReadyMessage
    from courriel.model.receipt import Fate as Fate
    from courriel.model.receipt import Outcome as Outcome
    from courriel.model.receipt import Receipt as Receipt
    from courriel.model.search import Search as Search
    from courriel.model.server import Dialect as Dialect
    from courriel.model.server import Security as Security
    from courriel.model.server import Server as Server
    from courriel.model.server import Timeouts as Timeouts
    from courriel.model.trust import ClientCertificate as ClientCertificate
    from courriel.model.trust import Trust as Trust
    from courriel.network.transcript import Transcript as Transcript
    from courriel.outbox.aio import AsyncOutbox as AsyncOutbox
    from courriel.outbox.outbox import Outbox as Outbox
    from courriel.outbox.store import State as State
    from courriel.outbox.ticket import Ticket as Ticket
    from courriel.reply import Reply as Reply
    from courriel.sandbox.sandbox import Sandbox as Sandbox
    from courriel.session.imap import ImapSession as ImapSession
    from courriel.session.imap_awaited import AsyncImapSession as AsyncImapSession
    from courriel.session.pool import SmtpPool as SmtpPool
    from courriel.session.pool_awaited import AsyncSmtpPool as AsyncSmtpPool
    from courriel.session.pop3 import AsyncPopSession as AsyncPopSession
    from courriel.session.pop3 import PopSession as PopSession
    from courriel.session.smtp import AsyncSmtpSession as AsyncSmtpSession
    from courriel.session.smtp import SmtpSession as SmtpSession
    from courriel.wire.letter import AsyncLetter as AsyncLetter
    from courriel.wire.letter import Letter as Letter

_HOMES = {
    "Address": "model.address",
    "AsyncImapSession": "session.imap_awaited",
    "AsyncLetter": "wire.letter",
    "AsyncOutbox": "outbox.aio",
    "AsyncPopSession": "session.pop3",
    "AsyncSmtpPool": "session.pool_awaited",
    "AsyncSmtpSession": "session.smtp",
    "Attachment": "model.attachment",
    "ClientCertificate": "model.trust",
    "Correspondent": "model.correspondent",
    "CourrielError": "errors",
    "Dialect": "model.server",
    "Enclosure": "model.enclosure",
    "Envelope": "model.envelope",
    "External": "model.credentials",
    "Fate": "model.receipt",
    "ImapSession": "session.imap",
    "Letter": "wire.letter",
    "Limits": "model.limits",
    "Mark": "model.folder",
    "Message": "model.message",
    "Notify": "model.envelope",
    "Outbox": "outbox.outbox",
    "Outcome": "model.receipt",
    "Password": "model.credentials",
    "PopSession": "session.pop3",
    "Priority": "model.message",
    "ReadyMessage": "model.ready",
    "Receipt": "model.receipt",
    "Reply": "reply",
    "Return": "model.envelope",
    "RichTemplate": "compose.rich",
    "Route": "delivery.route",
    "Sandbox": "sandbox.sandbox",
    "Search": "model.search",
    "Security": "model.server",
    "Server": "model.server",
    "SmtpPool": "session.pool",
    "SmtpSession": "session.smtp",
    "State": "outbox.store",
    "Template": "compose.template",
    "Ticket": "outbox.ticket",
    "Timeouts": "model.server",
    "Token": "model.credentials",
    "TokenSource": "model.credentials",
    "Transcript": "network.transcript",
    "Trust": "model.trust",
    "aconnect": "delivery.connect",
    "amailbox": "delivery.reading",
    "asend": "delivery.relay",
    "connect": "delivery.connect",
    "mailbox": "delivery.reading",
    "send": "delivery.relay",
}

__all__ = [  # noqa: PLE0604 - made of the table, so that the two cannot disagree
    "__version__",
    "errors",
    *_HOMES,  # pyright: ignore[reportUnsupportedDunderAll]
]


def __getattr__(name: str) -> object:
    # By the built-in function: importlib brings `warnings` along, and would be half of what `import courriel` costs.
    if name == "errors":
        return __import__("courriel.errors").errors
    if name not in _HOMES:
        raise AttributeError(f"module 'courriel' has no attribute {name!r}")
    value: object = getattr(__import__(f"courriel.{_HOMES[name]}", fromlist=(name,)), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
