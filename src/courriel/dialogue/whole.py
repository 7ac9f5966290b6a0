"""One message by BDAT: its length is said before it, so that there is no door to wait for, and no dot (RFC 3030)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from courriel import errors
from courriel.dialogue.exchange import Exchange
from courriel.dialogue.flow import Flow
from courriel.dialogue.transaction import BURST, Burst, Transaction
from courriel.errors import Stage
from courriel.model.content import Content
from courriel.reply import Reply
from courriel.wire.abilities import Abilities
from courriel.wire.envelope import announcement
from courriel.wire.smtp import commands

_SMALL = 64 * 1024  # octets; a larger message is not uploaded before somebody wants it


def may_leave_at_once(transaction: Transaction) -> bool:
    """Whether the content may leave with its envelope, before anybody is known to want it.

    Whom the server accepts gets it, whom it refuses does not; with nobody accepted it has to read the content and throw
    it away (RFC 3030 2). That is what "deliver" wants. All or nothing among several has to hear of each before, and who
    asks for a permit wants the doubt to be short.
    """
    return transaction.content.size <= _SMALL and not transaction.apart and transaction.permit is None


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


def measured(content: Content) -> Iterator[bytes]:
    """The same octets; raises InvalidMessage rather than give more or fewer of them than were said.

    An octet too many would be read as a command, and with one too few the next command would be read as content.
    """
    left = content.size
    for chunk in content:
        left -= len(chunk)
        if left < 0:
            break
        yield chunk
    if left:
        raise errors.InvalidMessage(f"the content does not have the {content.size:,} octets that it was said to have")


# The steps.


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
