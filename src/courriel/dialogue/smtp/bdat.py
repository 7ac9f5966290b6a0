"""
One message by BDAT: its length is sent before it, so that there is no 354 to wait for, and no dot (RFC 3030).

Some servers, proxies and virus scanners announce CHUNKING and do not know BDAT. The octets after the refused command
are then read as commands, and a line of a mail may be one. So the first chunk that a server gets is too short to be a
command and ends no line; the rest of the message follows when it was accepted. Where it was refused, nothing more is
sent on that connection, and the message goes by DATA on a new one.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from courriel import errors
from courriel.dialogue.flow import Flow, Send
from courriel.dialogue.smtp.replies import SmtpReplies
from courriel.dialogue.smtp.transaction import BURST, Burst, Transaction
from courriel.errors import Stage
from courriel.model.content import Content
from courriel.reply import Reply
from courriel.wire.smtp.client_syntax import commands
from courriel.wire.smtp.envelope import announcement
from courriel.wire.smtp.extensions import Extensions

TYPE_CHECKING = False

if TYPE_CHECKING:
    from courriel.dialogue.smtp.server_facts import ServerFacts

_SMALL = 64 * 1024  # octets; a larger message is not sent before a recipient was accepted
_FEW = 3  # octets of the first chunk

UNKNOWN = (500, 502, 503, 504)
"""Reply codes to BDAT of a server that does not know it."""


def may_leave_at_once(transaction: Transaction) -> bool:
    """Whether the content may be sent together with its envelope, before any recipient was accepted.

    Accepted recipients get it, refused ones do not; without an accepted one the server reads the content and discards
    it (RFC 3030 2). That is the meaning of "deliver". All-or-nothing among several needs the reply to each before, and
    a guard wants the time in doubt to be short.
    """
    return transaction.content.size <= _SMALL and not transaction.apart and transaction.before_end is None


def leave_at_once(exchange: SmtpReplies, transaction: Transaction, extensions: Extensions) -> Flow[Reply]:
    """Send envelope and content together, in one round trip; return the final reply.

    From the moment it is sent the message may be in doubt. Recipients beyond a hundred are sent before it. Raises
    InvalidMessage for a content that cannot be read, NotSupported, SenderRefused, RecipientsRefused.
    """
    content = b"".join(measured(transaction.content))
    *before, last = _bursts(transaction, extensions, _length(transaction.content))
    yield from _say(exchange, transaction, before)
    transaction.end_sent = True
    replies = yield from exchange.pipeline(last.stages, last.octets + content, words=len(last.octets))
    transaction.note(last.stages, replies)
    assert transaction.verdict is not None  # a 421 in its place was raised
    return transaction.verdict


def announce(exchange: SmtpReplies, transaction: Transaction, extensions: Extensions) -> Flow[None]:
    """Send the envelope alone; afterwards a recipient is accepted, and the content can be sent.

    Raises NotSupported, SenderRefused, RecipientsRefused.
    """
    yield from _say(exchange, transaction, _bursts(transaction, extensions))
    transaction.length = commands((_length(transaction.content),))


def announce_with_first_chunk(
    exchange: SmtpReplies, transaction: Transaction, extensions: Extensions, facts: ServerFacts
) -> Flow[None]:
    """Send the envelope and a first chunk of a few octets, to find out whether the server knows BDAT.

    Afterwards it does, a recipient is accepted, and the rest can be sent. Raises NotSupported, SenderRefused,
    RecipientsRefused, MessageRefused; ConnectionFailed when the server hangs up on BDAT.
    """
    envelope = _bursts(transaction, extensions)
    if transaction.content.size <= _SMALL:
        for _ in measured(transaction.content):
            pass  # a file that cannot be read is found before anything is sent
    if transaction.apart:
        yield from _say(exchange, transaction, envelope)
        last = Burst(b"", ())
    else:
        *before, last = envelope
        yield from _say(exchange, transaction, before)
    first = _first_octets(transaction.content)
    length = commands((f"BDAT {len(first)}",))
    reply = yield from _say_first_chunk(exchange, transaction, last, length, first, facts)
    transaction.ahead = len(first)
    if reply.kind == 2 and facts.bdat_taken is None:
        facts.bdat_taken = True
    if refusal := transaction.refusal():
        raise refusal
    if reply.kind == 3:
        raise errors.RemoteProtocolError(f"the server answered {reply} to BDAT", stage="data", reply=reply)
    if reply.kind != 2:
        raise transaction.message_refused(reply, "data")
    transaction.length = commands((f"BDAT {transaction.content.size - len(first)} LAST",))


def measured(content: Content, ahead: int = 0) -> Iterator[bytes]:
    """Yield the content without its first `ahead` octets; raises InvalidMessage unless it has the announced length.

    A surplus octet would be read as a command, and with a missing one the next command would be read as content.
    """
    left = content.size
    for chunk in content:
        left -= len(chunk)
        if left < 0:
            break
        yield chunk[ahead:] if ahead else chunk
        ahead = max(0, ahead - len(chunk))
    if left:
        raise errors.InvalidMessage(f"the content does not have the {content.size:,} octets that it was said to have")


# The steps.


def _first_octets(content: Content) -> bytes:
    """Up to three octets of the first line: no SMTP command is that short, and no line ends with them."""
    for chunk in content:
        if chunk:
            return chunk[:_FEW].splitlines()[0]
    return b""


def _say_first_chunk(
    exchange: SmtpReplies, transaction: Transaction, last: Burst, length: bytes, first: bytes, facts: ServerFacts
) -> Flow[Reply]:
    """Send the rest of the envelope and the first chunk; return the reply to the chunk."""
    octets = last.octets + length
    if last.stages:
        replies = yield from exchange.pipeline(last.stages, octets + first, also=1, words=len(octets))
        transaction.note((*last.stages, "data"), replies)
    else:
        yield from exchange.expect_silence("data")
        yield Send(octets + first, "sender", words=len(octets))
    try:
        if transaction.data_reply is None:
            transaction.note(("data",), ((yield from exchange.read_reply("data")),))
    except errors.ConnectionFailed as lost:
        # Some do not refuse BDAT: they hang up, or wait for a line end that does not come. Nothing was sent that could
        # have been delivered; the next message, or this one on a new session, goes by DATA.
        if lost.reply is None and transaction.refusal() is None:
            facts.bdat_taken = False
            transaction.bdat_refused = not isinstance(lost, errors.TimedOut)
        raise
    assert transaction.data_reply is not None
    return transaction.data_reply


def _length(content: Content) -> str:
    return f"BDAT {content.size} LAST"


def _bursts(transaction: Transaction, extensions: Extensions, *length: str) -> list[Burst]:
    lines = announcement(transaction.envelope, transaction.content, extensions)
    recipient: tuple[Stage, ...] = ("recipient",)
    message: tuple[Stage, ...] = ("message",)
    stages: tuple[Stage, ...] = ("sender", *recipient * (len(lines) - 1), *message * len(length))
    lines.extend(length)
    starts = range(0, len(lines), BURST)
    return [Burst(commands(lines[start : start + BURST]), stages[start : start + BURST]) for start in starts]


def _say(exchange: SmtpReplies, transaction: Transaction, bursts: Iterable[Burst]) -> Flow[None]:
    for burst in bursts:
        transaction.note(burst.stages, (yield from exchange.pipeline(burst.stages, burst.octets)))
        if refusal := transaction.refusal():
            raise refusal
