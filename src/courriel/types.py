"""
Types of the public signatures that are not in `courriel` itself: for annotations, and to look up what a method returns.

    from courriel.types import Result, Sendable

    def report(results: Iterable[Result]) -> None: ...

Programs make values of few of them; most are returned, or are names for what a method takes. Each name is loaded when
it is first used. Names for unions (`Via`, `Sendable`) are real types at run time too.
"""

from __future__ import annotations

TYPE_CHECKING = False

if TYPE_CHECKING:
    from courriel.bridge.accounts import BridgeRoutes as BridgeRoutes
    from courriel.bridge.bridge import BridgeTrial as BridgeTrial
    from courriel.compose.html_page import Embedding as Embedding
    from courriel.compose.html_page import HtmlPage as HtmlPage
    from courriel.compose.merged import MergedMessage as MergedMessage
    from courriel.compose.rich import AddressTexts as AddressTexts
    from courriel.compose.template import Row as Row
    from courriel.delivery.adapters import AsyncProvidedTransport as AsyncProvidedTransport
    from courriel.delivery.adapters import ProvidedTransport as ProvidedTransport
    from courriel.delivery.connect import AsyncConnected as AsyncConnected
    from courriel.delivery.connect import Connected as Connected
    from courriel.delivery.dkim.signer import Signer as Signer
    from courriel.delivery.http_providers.transport import HttpTransport as HttpTransport
    from courriel.delivery.local import KeptMessage as KeptMessage
    from courriel.delivery.local import KeptMessages as KeptMessages
    from courriel.delivery.local import LocalTransport as LocalTransport
    from courriel.delivery.routing.health import WayHealth as WayHealth
    from courriel.delivery.secrets import SecretKind as SecretKind
    from courriel.delivery.secrets import SecretReference as SecretReference
    from courriel.delivery.send_fields import SendFields as SendFields
    from courriel.delivery.urls.route import RouteKind as RouteKind
    from courriel.delivery.urls.route import Via as Via
    from courriel.dialogue.relay.session import BridgeAccount as BridgeAccount
    from courriel.dialogue.relay.session import RelaySession as RelaySession
    from courriel.dialogue.server.handler import ServerLimits as ServerLimits
    from courriel.doctor.examination import Examination as Examination
    from courriel.doctor.probing import Door as Door
    from courriel.doctor.probing import ProbeReport as ProbeReport
    from courriel.doctor.step import Step as Step
    from courriel.doctor.step import StepName as StepName
    from courriel.doctor.step import StepStatus as StepStatus
    from courriel.doctor.visit.arrival import Arrival as Arrival
    from courriel.doctor.visit.certificates import CertificateFacts as CertificateFacts
    from courriel.doctor.visit.neighbours import Neighbour as Neighbour
    from courriel.errors import Stage as Stage
    from courriel.model.address import Addresses as Addresses
    from courriel.model.content import Content as Content
    from courriel.model.envelope import OnRefused as OnRefused
    from courriel.model.messages.attachment import Attachments as Attachments
    from courriel.model.messages.attachment import FileIdentity as FileIdentity
    from courriel.model.messages.prepared import Prepared as Prepared
    from courriel.model.receipt import Result as Result
    from courriel.model.received.account import LetterIds as LetterIds
    from courriel.model.received.account import Namespace as Namespace
    from courriel.model.received.account import Namespaces as Namespaces
    from courriel.model.received.account import Quota as Quota
    from courriel.model.received.answerable import Answerable as Answerable
    from courriel.model.received.authentication import Authentication as Authentication
    from courriel.model.received.authentication import AuthenticationField as AuthenticationField
    from courriel.model.received.authentication import AuthenticationResult as AuthenticationResult
    from courriel.model.received.folder import Filed as Filed
    from courriel.model.received.folder import Folder as Folder
    from courriel.model.received.folder import FolderStatus as FolderStatus
    from courriel.model.received.folder import Selection as Selection
    from courriel.model.received.invitation import ReceivedAttendee as ReceivedAttendee
    from courriel.model.received.invitation import ReceivedInvitation as ReceivedInvitation
    from courriel.model.received.part import LetterPart as LetterPart
    from courriel.model.received.sorting import LetterThread as LetterThread
    from courriel.model.received.sorting import ThreadedLetter as ThreadedLetter
    from courriel.model.servers.credentials import Credentials as Credentials
    from courriel.model.servers.credentials import TokenFetch as TokenFetch
    from courriel.model.servers.credentials import TokenRefresh as TokenRefresh
    from courriel.model.servers.proxy import ProxyScheme as ProxyScheme
    from courriel.model.servers.trust import FilePath as FilePath
    from courriel.model.submission import EndGuard as EndGuard
    from courriel.model.typed import Piece as Piece
    from courriel.model.typed import SendArguments as SendArguments
    from courriel.network.serving.listening import ServedSession as ServedSession
    from courriel.network.serving.relaying import RelayedSession as RelayedSession
    from courriel.network.serving.relaying import RelayLimits as RelayLimits
    from courriel.network.transcripts.transcript import TranscriptEntry as TranscriptEntry
    from courriel.network.waking.blocking import ThreadWakeup as ThreadWakeup
    from courriel.outbox.aio import AsyncTicket as AsyncTicket
    from courriel.outbox.aio import AsyncWorker as AsyncWorker
    from courriel.outbox.attempts import Attempt as Attempt
    from courriel.outbox.attempts import AttemptListener as AttemptListener
    from courriel.outbox.attempts import Operation as Operation
    from courriel.outbox.bounces.awaited import AsyncSuppressions as AsyncSuppressions
    from courriel.outbox.bounces.awaited_watch import AsyncBounceWatch as AsyncBounceWatch
    from courriel.outbox.bounces.suppressions import Suppressions as Suppressions
    from courriel.outbox.bounces.taken import TakenReport as TakenReport
    from courriel.outbox.bounces.watching import BounceWatch as BounceWatch
    from courriel.outbox.listeners import Event as Event
    from courriel.outbox.listeners import TicketListener as TicketListener
    from courriel.outbox.metrics import LastError as LastError
    from courriel.outbox.metrics import Metrics as Metrics
    from courriel.outbox.metrics import WorkerStatus as WorkerStatus
    from courriel.outbox.putting.arguments import PutArguments as PutArguments
    from courriel.outbox.putting.encoding import Moment as Moment
    from courriel.outbox.putting.terms import IfKnown as IfKnown
    from courriel.outbox.questions import Confirm as Confirm
    from courriel.outbox.store.facts import Count as Count
    from courriel.outbox.store.facts import IntegrityFinding as IntegrityFinding
    from courriel.outbox.store.facts import LaneInfo as LaneInfo
    from courriel.outbox.store.facts import MailInfo as MailInfo
    from courriel.outbox.store.reports import FoundBy as FoundBy
    from courriel.outbox.store.reports import HistoryEntry as HistoryEntry
    from courriel.outbox.store.standing import LaterFate as LaterFate
    from courriel.outbox.store.standing import Standing as Standing
    from courriel.outbox.store.states import Answer as Answer
    from courriel.outbox.store.states import OnUnsure as OnUnsure
    from courriel.outbox.store.suppression import SuppressionReason as SuppressionReason
    from courriel.outbox.work.health import Health as Health
    from courriel.outbox.work.liveness import InHand as InHand
    from courriel.outbox.work.liveness import Life as Life
    from courriel.outbox.work.worker import Worker as Worker
    from courriel.reply import EnhancedCode as EnhancedCode
    from courriel.sandbox.letter import CapturedMessage as CapturedMessage
    from courriel.sandbox.said import Said as Said
    from courriel.sandbox.said import SaidLine as SaidLine
    from courriel.sandbox.web_settings import WebSettings as WebSettings
    from courriel.session.encoding import Sendable as Sendable
    from courriel.session.imap.append import Putable as Putable
    from courriel.session.imap.awaited import AsyncImapLetterRefs as AsyncImapLetterRefs
    from courriel.session.imap.awaited_letters import AsyncLetters as AsyncLetters
    from courriel.session.imap.awaited_letters import AsyncMailboxLetter as AsyncMailboxLetter
    from courriel.session.imap.awaited_watch import AsyncWatch as AsyncWatch
    from courriel.session.imap.change_watch import AsyncChangeWatch as AsyncChangeWatch
    from courriel.session.imap.change_watch import ChangeWatch as ChangeWatch
    from courriel.session.imap.letters import FolderLetter as FolderLetter
    from courriel.session.imap.letters import Letters as Letters
    from courriel.session.imap.letters import MailboxLetter as MailboxLetter
    from courriel.session.imap.mailbox import ImapLetterRefs as ImapLetterRefs
    from courriel.session.imap.sync import AsyncSync as AsyncSync
    from courriel.session.imap.sync import Change as Change
    from courriel.session.imap.sync import ChangeKind as ChangeKind
    from courriel.session.imap.sync import Sync as Sync
    from courriel.session.imap.watch import Watch as Watch
    from courriel.session.mailbox import AsyncMailbox as AsyncMailbox
    from courriel.session.mailbox import Mailbox as Mailbox
    from courriel.session.mailbox import SessionFacts as SessionFacts
    from courriel.session.pool.state import PoolLimits as PoolLimits
    from courriel.session.pool.throttle import Rate as Rate
    from courriel.session.pop3.letter import AsyncPopLetter as AsyncPopLetter
    from courriel.session.pop3.letter import PopLetter as PopLetter
    from courriel.session.pop3.mailbox import PopLetterRef as PopLetterRef
    from courriel.session.saving import SaveTarget as SaveTarget
    from courriel.wire.mime.checks import Finding as Finding
    from courriel.wire.mime.parts import Part as Part

_HOMES = {
    "AddressTexts": "compose.rich",
    "Addresses": "model.address",
    "Answer": "outbox.store.states",
    "Answerable": "model.received.answerable",
    "Arrival": "doctor.visit.arrival",
    "AsyncBounceWatch": "outbox.bounces.awaited_watch",
    "AsyncChangeWatch": "session.imap.change_watch",
    "AsyncConnected": "delivery.connect",
    "AsyncImapLetterRefs": "session.imap.awaited",
    "AsyncLetters": "session.imap.awaited_letters",
    "AsyncMailbox": "session.mailbox",
    "AsyncMailboxLetter": "session.imap.awaited_letters",
    "AsyncPopLetter": "session.pop3.letter",
    "AsyncProvidedTransport": "delivery.adapters",
    "AsyncSuppressions": "outbox.bounces.awaited",
    "AsyncSync": "session.imap.sync",
    "AsyncTicket": "outbox.aio",
    "AsyncWatch": "session.imap.awaited_watch",
    "AsyncWorker": "outbox.aio",
    "Attachments": "model.messages.attachment",
    "Attempt": "outbox.attempts",
    "AttemptListener": "outbox.attempts",
    "Authentication": "model.received.authentication",
    "AuthenticationField": "model.received.authentication",
    "AuthenticationResult": "model.received.authentication",
    "BounceWatch": "outbox.bounces.watching",
    "BridgeAccount": "dialogue.relay.session",
    "BridgeRoutes": "bridge.accounts",
    "BridgeTrial": "bridge.bridge",
    "CapturedMessage": "sandbox.letter",
    "CertificateFacts": "doctor.visit.certificates",
    "Change": "session.imap.sync",
    "ChangeKind": "session.imap.sync",
    "ChangeWatch": "session.imap.change_watch",
    "Confirm": "outbox.questions",
    "Connected": "delivery.connect",
    "Content": "model.content",
    "Count": "outbox.store.facts",
    "Credentials": "model.servers.credentials",
    "Door": "doctor.probing",
    "EndGuard": "model.submission",
    "EnhancedCode": "reply",
    "Event": "outbox.listeners",
    "Embedding": "compose.html_page",
    "Examination": "doctor.examination",
    "FileIdentity": "model.messages.attachment",
    "FilePath": "model.servers.trust",
    "Filed": "model.received.folder",
    "Finding": "wire.mime.checks",
    "Folder": "model.received.folder",
    "FolderLetter": "session.imap.letters",
    "FolderStatus": "model.received.folder",
    "FoundBy": "outbox.store.reports",
    "Health": "outbox.work.health",
    "HistoryEntry": "outbox.store.reports",
    "HttpTransport": "delivery.http_providers.transport",
    "IfKnown": "outbox.putting.terms",
    "ImapLetterRefs": "session.imap.mailbox",
    "InHand": "outbox.work.liveness",
    "IntegrityFinding": "outbox.store.facts",
    "KeptMessage": "delivery.local",
    "KeptMessages": "delivery.local",
    "LaneInfo": "outbox.store.facts",
    "LastError": "outbox.metrics",
    "LaterFate": "outbox.store.standing",
    "LetterIds": "model.received.account",
    "LetterPart": "model.received.part",
    "LetterThread": "model.received.sorting",
    "Letters": "session.imap.letters",
    "Life": "outbox.work.liveness",
    "LocalTransport": "delivery.local",
    "MailInfo": "outbox.store.facts",
    "Mailbox": "session.mailbox",
    "MailboxLetter": "session.imap.letters",
    "HtmlPage": "compose.html_page",
    "MergedMessage": "compose.merged",
    "Metrics": "outbox.metrics",
    "Moment": "outbox.putting.encoding",
    "Namespace": "model.received.account",
    "Namespaces": "model.received.account",
    "Neighbour": "doctor.visit.neighbours",
    "OnRefused": "model.envelope",
    "OnUnsure": "outbox.store.states",
    "Operation": "outbox.attempts",
    "Part": "wire.mime.parts",
    "Piece": "model.typed",
    "PoolLimits": "session.pool.state",
    "PopLetter": "session.pop3.letter",
    "PopLetterRef": "session.pop3.mailbox",
    "Prepared": "model.messages.prepared",
    "ProbeReport": "doctor.probing",
    "ProvidedTransport": "delivery.adapters",
    "ProxyScheme": "model.servers.proxy",
    "PutArguments": "outbox.putting.arguments",
    "Putable": "session.imap.append",
    "Quota": "model.received.account",
    "Rate": "session.pool.throttle",
    "RelayLimits": "network.serving.relaying",
    "RelaySession": "dialogue.relay.session",
    "RelayedSession": "network.serving.relaying",
    "Result": "model.receipt",
    "RouteKind": "delivery.urls.route",
    "ReceivedAttendee": "model.received.invitation",
    "ReceivedInvitation": "model.received.invitation",
    "Row": "compose.template",
    "Said": "sandbox.said",
    "SaidLine": "sandbox.said",
    "SaveTarget": "session.saving",
    "SecretKind": "delivery.secrets",
    "SecretReference": "delivery.secrets",
    "Selection": "model.received.folder",
    "SendArguments": "model.typed",
    "SendFields": "delivery.send_fields",
    "Sendable": "session.encoding",
    "ServedSession": "network.serving.listening",
    "ServerLimits": "dialogue.server.handler",
    "SessionFacts": "session.mailbox",
    "Signer": "delivery.dkim.signer",
    "Stage": "errors",
    "Standing": "outbox.store.standing",
    "Step": "doctor.step",
    "StepName": "doctor.step",
    "StepStatus": "doctor.step",
    "SuppressionReason": "outbox.store.suppression",
    "Suppressions": "outbox.bounces.suppressions",
    "Sync": "session.imap.sync",
    "TakenReport": "outbox.bounces.taken",
    "ThreadWakeup": "network.waking.blocking",
    "ThreadedLetter": "model.received.sorting",
    "TicketListener": "outbox.listeners",
    "TokenFetch": "model.servers.credentials",
    "TokenRefresh": "model.servers.credentials",
    "TranscriptEntry": "network.transcripts.transcript",
    "Via": "delivery.urls.route",
    "Watch": "session.imap.watch",
    "WayHealth": "delivery.routing.health",
    "WebSettings": "sandbox.web_settings",
    "Worker": "outbox.work.worker",
    "WorkerStatus": "outbox.metrics",
}

__all__ = [*_HOMES]  # noqa: PLE0604 - made of the table, so that the two cannot disagree  # pyright: ignore[reportUnsupportedDunderAll]


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module 'courriel.types' has no attribute {name!r}")
    module = __import__(f"courriel.{_HOMES[name]}", fromlist=(name,))
    value: object = getattr(module, name)
    if isinstance(value, str):
        value = _evaluated(value, vars(module))
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


# The steps.


def _evaluated(text: str, names: dict[str, object]) -> object:
    """The type that an alias stands for: as text it costs nothing where nobody asks."""
    return eval(text, {}, _Names({name: known for name, known in names.items() if not isinstance(known, str)}))  # noqa: S307 - our own text


class _Names(dict[str, object]):
    """Names in a module, in the library's own, and in those of the standard library that aliases mention."""

    def __missing__(self, name: str) -> object:
        import builtins
        import collections.abc
        import datetime
        import email.message
        import os
        import typing

        import courriel

        if name in _HOMES:
            return __getattr__(name)
        for module in (courriel, typing, collections.abc, datetime, email.message, builtins):
            if hasattr(module, name):
                found: object = getattr(module, name)
                return found
        if name == "os":
            return os
        raise NameError(name)
