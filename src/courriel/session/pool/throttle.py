"""Send rate of a pool: the configured rate, and throttling when a server asks for it (hazard H35)."""

from __future__ import annotations

import re
from bisect import bisect_right

from courriel import errors
from courriel._dataclass import dataclass
from courriel.dialogue.smtp.replies import CLOSING
from courriel.dialogue.smtp.session_limit import SESSION_FULL
from courriel.model.receipt import Receipt
from courriel.reply import EnhancedCode, Reply

QUIET = 5.0
"""Seconds without a throttling reply after which a throttled pool speeds up one step."""

REMEMBERED = 60.0
"""Seconds for which a recovered pool remembers: throttling again within them doubles the quiet time."""

_LONGEST_QUIET = 60.0  # most providers count per minute
_FIRST_GAP, _LONGEST_GAP = 1.0, 60.0  # seconds between messages: most after the first throttling reply, and after many
_NO_GAP = 0.001  # a shorter gap is dropped
_GAPS_PER_STEP = 4  # with a long gap, a recovery step lasts this many messages
_WINDOW = 10.0  # seconds per measuring window

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_RATE = re.compile(r"([1-9][0-9]{0,8})/([smhd])")


@dataclass(frozen=True, slots=True)
class Rate:
    """At most `messages` in any `seconds`. Raises UsageError."""

    messages: int
    seconds: float

    def __post_init__(self) -> None:
        if self.messages < 1 or not 0 < self.seconds < float("inf"):
            raise errors.UsageError(f"{self.messages!r} messages in {self.seconds!r} s is not a rate")

    @classmethod
    def parse(cls, text: str) -> Rate:
        """Parse "30/m": messages per second, minute, hour or day (s, m, h, d). Raises UsageError."""
        read = _RATE.fullmatch(text)
        if read is None:
            raise errors.UsageError(f"{text!r} is not a rate; write 30/m for thirty messages a minute (s, m, h, d)")
        return cls(int(read[1]), _UNITS[read[2]])

    @classmethod
    def of(cls, rate: Rate | str | None) -> Rate | None:
        """A rate from its text; a Rate or None is returned as it is. Raises UsageError."""
        if rate is None or isinstance(rate, Rate):
            return rate
        if not isinstance(rate, str):
            raise errors.UsageError(f'rate: a text such as "30/m", or a Rate, not {type(rate).__name__}')
        return cls.parse(rate)

    @property
    def gap(self) -> float:
        """Mean seconds from one message to the next."""
        return self.seconds / self.messages

    def __str__(self) -> str:
        unit = next((name for name, seconds in _UNITS.items() if seconds == self.seconds), None)
        return f"{self.messages}/{unit}" if unit else f"{self.messages} in {self.seconds:g} s"


class Meter:
    """Send rate over the last ten to twenty seconds; counted without a lock, since it is an estimate."""

    __slots__ = ("_before", "_began", "_count")

    def __init__(self) -> None:
        self._began = float("-inf")
        self._before = self._count = 0

    def count(self, now: float, messages: int = 1) -> None:
        """Count messages that were answered."""
        passed = now - self._began
        if passed >= _WINDOW:
            self._before = self._count if passed < 2 * _WINDOW else 0
            self._began, self._count = now, 0
        self._count += messages

    def gap(self, now: float) -> float | None:
        """Mean seconds from one message to the next; None when there were too few."""
        passed = now - self._began + (_WINDOW if self._before else 0)
        messages = self._before + self._count
        return passed / messages if messages > 1 and passed < 3 * _WINDOW else None


@dataclass(frozen=True, slots=True)
class Throttle:
    """Number of sessions and seconds between messages, since the server asked to slow down.

    The first throttling reply halves the measured rate (`usual_gap` is the gap of that rate), later ones halve it
    again. Each quiet period gives one session back and halves the gap, until it is the usual one again: some seconds
    after one throttling reply. Throttling again within a minute of that doubles the quiet period, up to a minute.
    """

    sessions: int
    gap: float = 0.0
    since: float = float("-inf")
    usual_gap: float = 0.0
    quiet: float = QUIET
    recovered_at: float = float("-inf")

    @property
    def recovered(self) -> bool:
        """Whether the pool is not throttled."""
        return self.since == float("-inf")

    def now(self, now: float, size: int) -> Throttle:
        """The throttle after the recovery up to `now`."""
        if self.recovered:
            return self
        sessions, gap, at = self.sessions, self.gap, self.since
        while sessions < size or gap:
            at += max(self.quiet, _GAPS_PER_STEP * gap)
            if at > now:
                return Throttle(sessions, gap, self.since, self.usual_gap, self.quiet)
            sessions, gap = min(size, sessions + 1), gap / 2
            if gap <= max(self.usual_gap, _NO_GAP):
                gap = 0.0
        return Throttle(size, quiet=self.quiet, recovered_at=at)

    def slowed(self, begun: float, now: float, size: int, usual_gap: float | None = None) -> Throttle:
        """Half the sessions and twice the gap, for throttling at `now` of a message begun at `begun`.

        `usual_gap`: mean seconds between messages so far, None when unknown. Four sessions throttled at the same moment
        count once: a message begun before the last throttling adds nothing.
        """
        if begun <= self.since:
            return self
        before = self.now(now, size)
        usual = self.usual_gap if not before.recovered else usual_gap if usual_gap is not None else _FIRST_GAP / 2
        gap = min(before.gap * 2, _LONGEST_GAP) if before.gap else min(usual * 2, _FIRST_GAP)
        repeated = not before.recovered or now - before.recovered_at < REMEMBERED
        quiet = min(before.quiet * 2, _LONGEST_QUIET) if repeated else QUIET
        return Throttle(max(1, before.sessions // 2), gap, now, usual, quiet)


def asks_to_slow_down(outcome: Receipt | errors.CourrielError) -> bool:
    """Whether this reply asks for fewer connections or fewer messages.

    That is 432, 4.7.0, texts of the RATE-LIMITED record, and 421, except for a 421 that ends one session for another
    reason: idle timeout (4.4.z), restart or trouble of the server (4.3.z, "shutting down"). On a session refused before
    the first command any 421 counts. A limit of messages per session asks for another session instead.
    """
    if isinstance(outcome, Receipt):
        return not outcome.complete and any(map(_asks_to_slow_down, outcome.refused.values()))
    if outcome.reply is None or outcome.hint_id == SESSION_FULL:
        return False
    if outcome.reply.code == CLOSING:
        return _closes_for_the_rate(outcome, outcome.reply)
    if _asks_to_slow_down(outcome.reply) or any(map(_asks_to_slow_down, outcome.refused.values())):
        return True
    # A reply about one recipient (a mailbox that gets too much mail) does not concern our rate.
    return outcome.stage != "recipient" and _is_about_the_rate(outcome)


def _closes_for_the_rate(outcome: errors.CourrielError, reply: Reply) -> bool:
    enhanced = reply.enhanced
    if enhanced is not None and enhanced.subject == 7:
        return True
    if enhanced == EnhancedCode(4, 4, 2):
        return False
    if outcome.stage in ("connect", "greeting", "hello") or _is_about_the_rate(outcome):
        return True
    known = outcome.failure
    return (enhanced is None or enhanced.subject not in (3, 4)) and (known is None or known.id != "SESSION-LOST")


def _is_about_the_rate(outcome: errors.CourrielError) -> bool:
    known = outcome.failure
    return known is not None and known.id == "RATE-LIMITED"


def _asks_to_slow_down(reply: Reply) -> bool:
    return reply.code == 432 or (reply.kind == 4 and reply.enhanced == EnhancedCode(4, 7, 0))


class Slots:
    """Times at which messages may be sent, reserved in order; a reservation may be released."""

    def __init__(self, rate: Rate | None) -> None:
        self._rate = rate
        self._memory = max(_LONGEST_GAP, rate.seconds if rate else 0)  # seconds for which reservations are kept
        self.given: list[float] = []  # in order

    def reserve(self, now: float, gap: float = 0.0) -> float:
        """Reserve the time at which the next message may be sent: `now`, or later."""
        given = self.given
        del given[: bisect_right(given, now - self._memory)]
        moment = max(now, given[-1] + gap) if given else now
        if self._rate is not None and len(given) >= self._rate.messages:
            moment = max(moment, given[-self._rate.messages] + self._rate.seconds)
        given.append(moment)
        return moment

    def release(self, moment: float) -> None:
        """Release a reservation that was not used."""
        if moment in self.given:
            self.given.remove(moment)
