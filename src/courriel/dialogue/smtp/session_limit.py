"""
Limit of messages per session: some servers refuse MAIL after a number of messages.

OpenSMTPD answers 452 4.5.3 after a hundred, Exim and others say "too many messages in this connection". This is no
limit of the rate: the message is sent again on a new session, at once, and the number is remembered for the server. A
refusal of the first message of a session means throttling, and so do 4.7.z and 432 always.
"""

from __future__ import annotations

from courriel import errors
from courriel._lazy_re import expression
from courriel.model.receipt import Receipt

TYPE_CHECKING = False

if TYPE_CHECKING:
    from typing import Protocol

    class MessageLimit(Protocol):
        """Message limit of a server, shared by every session with it; `session.server_memory` keeps it."""

        max_messages: int | None

        def limit_messages(self, most: int) -> None:
            """Note that the server ended a session after that many messages."""
            ...


SESSION_FULL = "SESSION-MESSAGE-LIMIT"
"""Record of the failure table for a session that has carried as many messages as its server takes."""
_THROTTLED = "RATE-LIMITED"

_MESSAGES = r"(?:messages|message|mails|e-?mails?|transactions?)"
_SESSION = r"(?:session|connection)"
_WORDS = expression(rf"(?i)\b{_MESSAGES}\b.{{0,40}}\b{_SESSION}\b|\b{_SESSION}\b.{{0,40}}\b{_MESSAGES}\b")
_TOO_MANY = expression(r"(?i)too many|\bmax|limit|exceed|reached|no more")


def speaks_of_session(error: errors.CourrielError) -> bool:
    """Whether the server refuses one more message on this session, by its code or text (RFC 3463 3.6: 4.5.3)."""
    reply = error.reply
    if reply is None or error.stage != "sender" or reply.kind != 4 or reply.code == 432:
        return False
    enhanced = reply.enhanced
    if enhanced is not None and enhanced.subject == 7:
        return False
    if enhanced is not None and (enhanced.subject, enhanced.detail) == (5, 3):
        return True
    text = reply.text[:500]
    return _TOO_MANY.search(text) is not None and _WORDS.search(text) is not None


class MessageCount:
    """Number of messages sent on the open session, and its limit.

    `most` is the client's own limit; the server's, once known, stands in `facts`, shared by all sessions with it.
    """

    def __init__(self) -> None:
        self.facts: MessageLimit | None = None
        self.most: int | None = None
        self.carried = 0
        self.filled = 0  # sessions ended at their limit
        self._full = False

    def begin_session(self) -> None:
        """Reset the count for a new session."""
        self.carried, self._full = 0, False

    @property
    def room(self) -> int:
        """Number of messages that this session may still carry, as far as known; the first one is always tried."""
        if self._full:
            return 0
        known = self.facts.max_messages if self.facts is not None else None
        if known is None and self.most is None:
            return 1_000_000
        limits = [most for most in (self.most, known) if most is not None]
        return max(0, min(limits) - self.carried)

    def end_session(self) -> None:
        """Count a session that is full and replaced by another one."""
        self.filled += 1

    def note(self, outcome: Receipt | errors.CourrielError) -> bool:
        """Count an accepted message. Return whether a message was refused only because the session is full."""
        if isinstance(outcome, Receipt):
            self.carried += 1
            return False
        if not speaks_of_session(outcome):
            return False
        if not self.carried:
            outcome.hint_id = _THROTTLED
            return False
        outcome.hint_id = SESSION_FULL
        if not self._full:
            self._full = True
            if self.facts is not None:
                self.facts.limit_messages(self.carried)
        return True
