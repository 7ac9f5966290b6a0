"""
One message by BDAT: its length is said before it, so that there is no door to wait for, and no dot (RFC 3030).

There are servers, proxies and virus scanners that announce CHUNKING and do not know BDAT. What follows the refused
command is then read as commands, and a line of a mail may be one. So the first chunk that a server gets from us is too
short to be a command and ends no line; the rest of the message follows when it was taken. Where it was refused, nothing
more is said on that line, and the message goes by DATA on a new one.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from courriel import errors
from courriel.dialogue.exchange import Exchange
from courriel.dialogue.flow import Flow, Send
from courriel.dialogue.transaction import BURST, Burst, Transaction
from courriel.errors import Stage
from courriel.model.content import Content
from courriel.reply import Reply
from courriel.wire.abilities import Abilities
from courriel.wire.envelope import announcement
from courriel.wire.smtp import commands

TYPE_CHECKING = False

if TYPE_CHECKING:
    from courriel.dialogue.server_facts import ServerFacts

_SMALL = 64 * 1024  # octets; a larger message is not uploaded before somebody wants it
_FEW = 3  # octets

UNKNOWN = (500, 502, 503, 504)
"""What a server says to BDAT that does not know it."""


def may_leave_at_once(transaction: Transaction) -> bool:
    """Whether the content may leave with its envelope, before anybody is known to want it.

    Whom the server accepts gets it, whom it refuses does not; with nobody accepted it has to read the content and throw
    it away (RFC 3030 2). That is what "deliver" wants. All or nothing among several has to hear of each before, and who
    asks for a permit wants the doubt to be short.
    """
    return transaction.content.size <= _SMALL and not transaction.apart and transaction.before_end is None


def leave_at_once(exchange: Exchange, transaction: Transaction, able: Abilities) -> Flow[Reply]:
    """Envelope and content in one piece, which is one round trip; gives the verdict.

    From the moment it leaves the message may be in doubt. Recipients by the hundred go before it. Raises InvalidMessage
    for a content that cannot be read, NotSupported, SenderRefused, RecipientsRefused.
    """
    content = b"".join(measured(transaction.content))
    *before, last = _bursts(transaction, able, _length(transaction.content))
    yield from _say(exchange, transaction, before)
    transaction.dot_sent = True
    replies = yield from exchange.ask_all(last.stages, last.octets + content, words=len(last.octets))
    transaction.note(last.stages, replies)
    assert transaction.verdict is not None  # a 421 in its place was raised
    return transaction.verdict


def announce(exchange: Exchange, transaction: Transaction, able: Abilities) -> Flow[None]:
    """The envelope alone; when this returns somebody wants the message, and it is ready to be poured.

    Raises NotSupported, SenderRefused, RecipientsRefused.
    """
    yield from _say(exchange, transaction, _bursts(transaction, able))
    transaction.length = commands((_length(transaction.content),))


def announce_with_first_chunk(
    exchange: Exchange, transaction: Transaction, able: Abilities, facts: ServerFacts
) -> Flow[None]:
    """The envelope, and behind it a first chunk of a few octets, to find out whether the server takes BDAT at all.

    When this returns it does, somebody wants the message, and the rest is ready to be poured. Raises NotSupported,
    SenderRefused, RecipientsRefused, MessageRefused; ConnectionFailed when the server hangs up on BDAT.
    """
    envelope = _bursts(transaction, able)
    if transaction.content.size <= _SMALL:
        for _ in measured(transaction.content):
            pass  # what cannot be read is found before anything is said
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
    """The same octets, but for the first `ahead`; raises InvalidMessage rather than give more or fewer than were said.

    An octet too many would be read as a command, and with one too few the next command would be read as content.
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
    """Up to three octets of the first line: no command of SMTP is so short, and no line ends with them."""
    for chunk in content:
        if chunk:
            return chunk[:_FEW].splitlines()[0]
    return b""


def _say_first_chunk(
    exchange: Exchange, transaction: Transaction, last: Burst, length: bytes, first: bytes, facts: ServerFacts
) -> Flow[Reply]:
    """What is left of the envelope, and the first chunk; gives the answer to that one."""
    octets = last.octets + length
    if last.stages:
        replies = yield from exchange.ask_all(last.stages, octets + first, also=1, words=len(octets))
        transaction.note((*last.stages, "data"), replies)
    else:
        yield from exchange.expect_silence("data")
        yield Send(octets + first, "sender", words=len(octets))
    try:
        if transaction.door is None:
            transaction.note(("data",), ((yield from exchange.hear("data")),))
    except errors.ConnectionFailed as lost:
        # Some do not refuse BDAT: they hang up on it, or wait for a line end that does not come. Nothing has left that
        # could have been delivered; the next message, or this one on a new session, goes by DATA.
        if lost.reply is None and transaction.refusal() is None:
            facts.bdat_taken = False
            transaction.bdat_refused = not isinstance(lost, errors.TimedOut)
        raise
    assert transaction.door is not None
    return transaction.door


def _length(content: Content) -> str:
    return f"BDAT {content.size} LAST"


def _bursts(transaction: Transaction, able: Abilities, *length: str) -> list[Burst]:
    said = announcement(transaction.envelope, transaction.content, able)
    recipient: tuple[Stage, ...] = ("recipient",)
    message: tuple[Stage, ...] = ("message",)
    stages: tuple[Stage, ...] = ("sender", *recipient * (len(said) - 1), *message * len(length))
    said.extend(length)
    starts = range(0, len(said), BURST)
    return [Burst(commands(said[start : start + BURST]), stages[start : start + BURST]) for start in starts]


def _say(exchange: Exchange, transaction: Transaction, bursts: Iterable[Burst]) -> Flow[None]:
    for burst in bursts:
        transaction.note(burst.stages, (yield from exchange.ask_all(burst.stages, burst.octets)))
        if refusal := transaction.refusal():
            raise refusal
