"""
What is done with a mail after a try: pure rules, from what happened, the age of the mail, and chance.

A failure belongs to somebody:

    the lane         nobody answered, or not yet to us: the mail waits untouched, and the lane rests
    the mail         refused for now: tried again, by its age; refused for good: failed, in the server's words
    a recipient      the same, for this one; the others have their own fate
    nobody knows     the end left and no answer came: unsure, and `on_unsure` decides

The wait before the next try is a function of age alone: a mail is tried after 5, 10, 20, 40 ... minutes, then every
three hours; one that is only good for ten minutes is tried sooner and more often.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

from courriel import errors
from courriel._dataclass import dataclass, field
from courriel.model.receipt import Outcome, Receipt
from courriel.outbox.store.base import EXPIRED, UNSURE, OnUnsure, State
from courriel.reply import Reply

Result: TypeAlias = "Receipt | Exception"
"""What a try ended with."""

SHORTEST, USUAL, LONGEST = 15.0, 300.0, 3 * 3600.0
"""Seconds before the next try: of a mail that lives for minutes, of most, and of the oldest."""

PAUSE, LONGEST_PAUSE = 10.0, 600.0
"""Seconds that a lane rests after its first failure, and at most; a refused login waits for the latter at once."""

DELAYED = 4 * 3600.0
"""The age in seconds at which somebody may want to hear that a mail is not through yet (RFC 5321 4.5.4.1)."""

MOST_OWN_FAULTS = 5
"""Tries that may end in an exception of our own, until a person has to look."""

_OPENING = frozenset(("connect", "secure", "greeting", "hello", "authenticate"))

Word: TypeAlias = tuple[int, str, str]
"""A server's word on one recipient: code, enhanced code, text. Code 0 is our own word: it cannot be done."""


@dataclass(frozen=True, slots=True)
class RecipientState:
    """What counts of a mail: its recipients that were tried, its age, what it has left to live, its tries.

    `left` and `age` are seconds; `tries` counts this one. With `together` one refused recipient is enough for nobody to
    get it.
    """

    recipients: tuple[str, ...]
    age: float
    left: float
    tries: int
    on_unsure: OnUnsure = OnUnsure.RESEND
    together: bool = False
    failed_before: bool = False
    """Whether a recipient of it was refused for good in an earlier try."""


@dataclass(frozen=True, slots=True)
class LaneProblem:
    """What is wrong with a lane; a `login` that is refused is a matter for a person, and not for patience.

    `brief` is for logs, where no address may stand.
    """

    sentence: str
    brief: str
    login: bool = False

    @classmethod
    def of(cls, error: Exception, *, login: bool = False) -> LaneProblem:
        """What an error says of the lane that it befell."""
        reply = error.reply if isinstance(error, errors.CourrielError) else None
        words = [type(error).__name__, *([str(reply.code), str(reply.enhanced or "")] if reply else [])]
        return cls(str(error), " ".join(filter(None, words)), login)


@dataclass(frozen=True, slots=True)
class Decision:
    """What to write down: see `store.Settlement`. `trouble` is the lane's."""

    state: State
    recipients: tuple[str, ...] = ()
    words: Mapping[str, Word] = field(default_factory=dict)
    delay: float = 0
    why: str = ""
    counted: bool = True
    unsure: bool = False
    trouble: LaneProblem | None = None


def decide(result: Result, mail: RecipientState, chance: float) -> Decision:
    """What becomes of a mail; `chance`, from 0 to 1, keeps mails that failed together from coming back together."""
    if isinstance(result, Receipt):
        return _by_recipient(mail, {fate.recipient: _Fate(fate.outcome, fate.reply) for fate in result.fates}, chance)
    if isinstance(result, errors.NotPermitted | errors.OutboxError):
        return _untouched(mail, "")
    if not isinstance(result, errors.CourrielError):
        return _own_fault(result, mail, chance)
    if result.in_doubt:
        return _unsure(mail, mail.recipients, {}, str(result), chance)
    if trouble := _of_the_lane(result):
        return _untouched(mail, trouble.sentence, trouble)
    if isinstance(result, errors.NotSupported):
        return _failed(dict.fromkeys(mail.recipients, (0, "", str(result))), str(result))
    if isinstance(result, errors.Refused):
        return _refused(result, mail, chance)
    if isinstance(result, errors.UsageError):
        return _own_fault(result, mail, chance)
    return _later(mail, mail.recipients, {}, str(result), chance)


def taken_by_all(result: Result, recipients: tuple[str, ...]) -> Decision | None:
    """As nearly every mail goes that was not tried before: there is nothing to weigh. None when there is."""
    if not isinstance(result, Receipt) or not result.complete:
        return None
    words = {fate.recipient: _word(fate.reply) for fate in result.fates if fate.reply is not None}
    return Decision(State.SENT, (), words) if tuple(words) == recipients else None


def give_back(mail: RecipientState, error: Exception | None = None) -> Decision:
    """It was leased, and not begun; when that was because of an error, it is the lane's."""
    if error is None:
        return _untouched(mail, "")
    trouble = (_of_the_lane(error) if isinstance(error, errors.CourrielError) else None) or LaneProblem.of(error)
    return _untouched(mail, trouble.sentence, trouble)


def expired() -> Decision:
    """Its time is over: no try is made any more, and what was said last stays."""
    return Decision(State.FAILED, (), {}, why=EXPIRED, counted=False)


def wait(age: float, lifetime: float, chance: float) -> float:
    """Seconds until a mail of this age is tried again; within 15 % of it, by chance."""
    floor = min(max(lifetime / 20, SHORTEST), USUAL)
    return min(max(age, floor), LONGEST) * _spread(chance)


def pause(fails: int, trouble: LaneProblem, chance: float) -> float:
    """Seconds that a lane rests which failed so many times in a row before: doubling, up to ten minutes."""
    shortest = LONGEST_PAUSE if trouble.login else min(PAUSE * 2.0 ** min(fails, 10), LONGEST_PAUSE)
    return shortest * _spread(chance)


def is_delayed(before: float, now: float) -> bool:
    """Whether this is the moment to say that a mail is not through: it was younger at its last try than `DELAYED`."""
    return before < DELAYED <= now


# The steps.


@dataclass(frozen=True, slots=True)
class _Fate:
    outcome: Outcome
    reply: Reply | None


def _of_the_lane(error: errors.CourrielError) -> LaneProblem | None:
    """What the failure says of the way out, and nothing of the mail."""
    if isinstance(error, errors.AuthenticationRefused):
        return LaneProblem.of(error, login=error.reply.kind == 5)
    if isinstance(error, errors.TokenRefused):
        return LaneProblem.of(error, login=True)
    if error.stage in _OPENING or isinstance(error, errors.ConnectionFailed) or error.hint_id == "SESSION-BUSY":
        return LaneProblem.of(error)
    # Asked to slow down. At RCPT the same words are greylisting, which is about one recipient.
    if isinstance(error, errors.SenderRefused | errors.MessageRefused) and _asks_for_patience(error.reply):
        return LaneProblem.of(error)
    return None


def _asks_for_patience(reply: Reply) -> bool:
    return reply.kind == 4 and reply.enhanced is not None and reply.enhanced.subject == 7


def _refused(error: errors.Refused, mail: RecipientState, chance: float) -> Decision:
    """The words on each recipient; who was not answered by himself shares the fate of the mail."""
    alone = isinstance(error, errors.RecipientsRefused)
    if alone and mail.together:
        return _refused_together(error, mail, chance)
    fates: dict[str, _Fate] = {}
    for name in mail.recipients:
        reply = error.reply if isinstance(error, errors.SenderRefused) else error.refused.get(name, error.reply)
        fates[name] = _Fate(Outcome.REFUSED, reply)
    return _by_recipient(mail, fates, chance)


def _refused_together(error: errors.Refused, mail: RecipientState, chance: float) -> Decision:
    """All or nothing: the final no to one of them is final for all."""
    words = {name: _word(reply) for name, reply in error.refused.items()}
    if all(_may_pass(reply) for reply in error.refused.values()):
        return _later(mail, mail.recipients, words, str(error), chance)
    return _failed(dict.fromkeys(mail.recipients, (0, "", f"nobody gets it: {error}")) | words, str(error))


def _by_recipient(mail: RecipientState, fates: Mapping[str, _Fate], chance: float) -> Decision:
    """Who was accepted has it, who was refused for good never will, the others are tried again."""
    words: dict[str, Word] = {}
    again, doubtful, crowded = [], [], []
    failed = mail.failed_before
    for name in mail.recipients:
        fate = fates.get(name, _UNHEARD)
        if fate.reply is not None:
            words[name] = _word(fate.reply)
        if fate.outcome is Outcome.IN_DOUBT:
            doubtful.append(name)
        elif fate.reply is None or (fate.outcome is Outcome.REFUSED and _may_pass(fate.reply)):
            again.append(name)
            crowded += [name] if fate.reply is not None and _is_crowd(fate.reply) else []
        elif fate.outcome is Outcome.REFUSED:
            failed = True
    why = _first_refusal(words)
    if doubtful:
        return _unsure(mail, tuple(again + doubtful), words, why, chance)
    if not again:
        return Decision(State.FAILED if failed else State.SENT, (), words, why=why)
    # Too many at a time, and the others were taken: the rest goes at once (RFC 5321 4.5.3.1.10).
    at_once = len(crowded) == len(again) < len(mail.recipients)
    return _later(mail, tuple(again), words, why, chance, at_once=at_once)


_UNHEARD = _Fate(Outcome.REFUSED, None)


def _untouched(mail: RecipientState, why: str, trouble: LaneProblem | None = None) -> Decision:
    """Certainly not delivered, and nothing of it is the mail's fault: it waits as before."""
    return Decision(State.READY, mail.recipients, why=why, counted=False, trouble=trouble)


def _later(
    mail: RecipientState,
    recipients: tuple[str, ...],
    words: Mapping[str, Word],
    why: str,
    chance: float,
    *,
    at_once: bool = False,
) -> Decision:
    if mail.left <= 0:
        return Decision(State.FAILED, (), words, why=EXPIRED)
    delay = 0.0 if at_once else wait(mail.age, mail.age + mail.left, chance)
    # At the end of its life it is looked at once more: to be failed, and somebody told.
    return Decision(State.READY, recipients, words, min(delay, mail.left), why)


def _failed(words: Mapping[str, Word], why: str) -> Decision:
    return Decision(State.FAILED, (), words, why=why)


def _unsure(
    mail: RecipientState, recipients: tuple[str, ...], words: Mapping[str, Word], why: str, chance: float
) -> Decision:
    if mail.on_unsure is OnUnsure.HOLD:
        return Decision(State.HELD, recipients, words, why=UNSURE, unsure=True)
    delay = min(wait(mail.age, mail.age + mail.left, chance), max(mail.left, 0.0))
    return Decision(State.READY, recipients, words, delay, why or UNSURE, unsure=True)


def _own_fault(error: Exception, mail: RecipientState, chance: float) -> Decision:
    """The mail, or we, cannot do it; perhaps later, and in the end it is for a person."""
    why = _named(error)
    if mail.tries >= MOST_OWN_FAULTS:
        return Decision(State.HELD, mail.recipients, why=why)
    return _later(mail, mail.recipients, {}, why, chance)


def _may_pass(reply: Reply) -> bool:
    """Whether a refusal is one for now. Some servers say 5 and mean later: the failure table knows them."""
    if reply.kind == 4 or _is_crowd(reply):
        return True
    return errors.RecipientsRefused(reply, stage="recipient").retryable


def _is_crowd(reply: Reply) -> bool:
    """Whether it says "too many recipients", and nothing else that 452 and 552 are used for."""
    enhanced = reply.enhanced
    return reply.code in (452, 552) and (enhanced is None or (enhanced.subject, enhanced.detail) == (5, 3))


def _word(reply: Reply) -> Word:
    enhanced = str(reply.enhanced or "")
    text = reply.lines[0].strip() if len(reply.lines) == 1 else reply.text
    return reply.code, enhanced, text.removeprefix(enhanced).lstrip()


def _first_refusal(words: Mapping[str, Word]) -> str:
    """What to show of several: the first no, with whom it is about."""
    for name, word in words.items():
        if word[0] >= 400:
            return f"{_said(word)} ({name})"
    return ""


def _said(word: Word) -> str:
    return " ".join(str(part) for part in word if part)


def _named(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"


def _spread(chance: float) -> float:
    return 0.85 + 0.3 * chance
