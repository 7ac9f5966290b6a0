"""
Retry policy: pure functions from the result of an attempt, the age of the mail, and a random number.

A failure concerns one of these:

    the lane         no connection, or no login: the mail stays as it is, and the lane is paused
    the mail         refused for now: retried by its age; refused for good: failed, with the server's reply
    a recipient      the same, for this recipient; the others have results of their own
    unknown          the end left and no answer came: unsure, and `on_unsure` decides

The delay before the next attempt depends on age alone: a mail is tried after 5, 10, 20, 40 ... minutes, then every
three hours; one with a lifetime of minutes is tried sooner and more often.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

from courriel import errors
from courriel._dataclass import dataclass, field, replace
from courriel._lazy_re import expression
from courriel.model.receipt import Outcome, Receipt
from courriel.outbox.store.states import EXPIRED, UNSURE, OnUnsure, State
from courriel.reply import Reply

Result: TypeAlias = "Receipt | Exception"
"""Result of an attempt."""

SHORTEST, USUAL, LONGEST = 15.0, 300.0, 3 * 3600.0
"""Seconds before the next attempt: for mails with a lifetime of minutes, for most, and for the oldest."""

PAUSE, LONGEST_PAUSE = 10.0, 600.0
"""Seconds of a lane's pause after its first failure, and at most; a refused login takes the maximum at once."""

DELAYED = 4 * 3600.0
"""Age in seconds at which listeners are told that a mail is delayed (RFC 5321 4.5.4.1)."""

MOST_OWN_FAULTS = 5
"""Attempts that may end in an exception of our own code, before the mail is held for a person."""

_ENHANCED = expression(r"[245]\.(?:0|[1-9]\d{0,2})\.(?:0|[1-9]\d{0,2})(?=\s|$)")  # as it is written again
_OPENING = frozenset(("connect", "secure", "greeting", "hello", "authenticate"))

Word: TypeAlias = tuple[int, str, str]
"""Reply for one recipient: code, enhanced code, text. Code 0 is a result of our own: it cannot be sent."""


@dataclass(frozen=True, slots=True)
class RecipientState:
    """State of a mail as the policy needs it: recipients to be tried, age, remaining lifetime, attempts.

    `left` and `age` are seconds; `tries` counts this attempt. With `together` one refused recipient stops the mail for
    all.
    """

    recipients: tuple[str, ...]
    age: float
    left: float
    tries: int
    on_unsure: OnUnsure = OnUnsure.RESEND
    together: bool = False
    failed_before: bool = False
    """Whether a recipient was refused for good in an earlier attempt."""


@dataclass(frozen=True, slots=True)
class LaneProblem:
    """Problem of a lane; a refused `login` needs a person, and retries do not help.

    `brief` is for logs, which contain no addresses. `mendable` is set where a person has to mend something here.
    """

    sentence: str
    brief: str
    login: bool = False
    mendable: bool = False
    wait: float | None = None
    """Seconds for which the server asked to wait; None when it did not say."""

    @classmethod
    def of(cls, error: Exception, *, login: bool = False) -> LaneProblem:
        """Problem of the lane on which an error occurred."""
        wait = error.retry_after if isinstance(error, errors.CourrielError) else None
        return cls(str(error), _brief(error), login, login or isinstance(error, errors.UsageError), wait)


@dataclass(frozen=True, slots=True)
class Decision:
    """Outcome to be stored for a mail; the fields are those of `Settlement`. `trouble` is the problem of the lane."""

    state: State
    recipients: tuple[str, ...] = ()
    words: Mapping[str, Word] = field(default_factory=dict)
    delay: float = 0
    why: str = ""
    counted: bool = True
    unsure: bool = False
    trouble: LaneProblem | None = None


def decide(result: Result, mail: RecipientState, chance: float) -> Decision:
    """Decide on a mail after an attempt; `chance`, from 0 to 1, spreads the retries of mails that failed together."""
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
    """Decision for a mail accepted for every recipient at its first attempt, the usual case; None otherwise."""
    if not isinstance(result, Receipt) or not result.complete:
        return None
    fates = result.fates
    if len(fates) == 1 == len(recipients) and fates[0].recipient == recipients[0] and fates[0].reply is not None:
        return Decision(State.SENT, (), {recipients[0]: _word(fates[0].reply)})
    words = {fate.recipient: _word(fate.reply) for fate in fates if fate.reply is not None}
    return Decision(State.SENT, (), words) if tuple(words) == recipients else None


def with_rest(decision: Decision, rest: tuple[str, ...], mail: RecipientState) -> Decision:
    """Decision for a mail of which some recipients were tried, and the rest waits for its own transaction.

    The server takes few recipients in one transaction. The rest goes at once when the fate of one is settled, and
    those who were refused for now come after it.
    """
    if not rest:
        return decision
    waiting = decision.recipients if decision.state in (State.READY, State.HELD) else ()
    settled = len(waiting) < len(mail.recipients)
    if mail.left <= 0 and not decision.unsure:
        return replace(decision, state=State.FAILED, recipients=(*rest, *waiting), why=EXPIRED)
    if decision.unsure or not settled:
        return replace(decision, recipients=(*rest, *waiting))
    return replace(decision, state=State.READY, recipients=(*rest, *waiting), delay=0.0)


def crowd_limit(result: Result) -> int | None:
    """How many recipients a server takes in one transaction, when it said that there were too many; else None."""
    if not isinstance(result, Receipt):
        return None
    crowded = any(fate.outcome is Outcome.REFUSED and fate.reply and _is_crowd(fate.reply) for fate in result.fates)
    return sum(fate.outcome is Outcome.ACCEPTED for fate in result.fates) or None if crowded else None


def give_back(mail: RecipientState, error: Exception | None = None) -> Decision:
    """Decision for a leased mail that was not begun; an error that prevented it is a problem of the lane."""
    if error is None:
        return _untouched(mail, "")
    trouble = (_of_the_lane(error) if isinstance(error, errors.CourrielError) else None) or LaneProblem.of(error)
    return _untouched(mail, trouble.sentence, trouble)


def expired(recipients: tuple[str, ...]) -> Decision:
    """Decision for an expired mail: no more attempts; its recipients and the last replies stay."""
    return Decision(State.FAILED, recipients, {}, why=EXPIRED, counted=False)


def wait(age: float, lifetime: float, chance: float) -> float:
    """Seconds until the next attempt for a mail of this age, with 15 % of random spread."""
    floor = min(max(lifetime / 20, SHORTEST), USUAL)
    return min(max(age, floor), LONGEST) * _spread(chance)


def pause(fails: int, trouble: LaneProblem, chance: float) -> float:
    """Seconds of a lane's pause after so many consecutive failures: what the server asked for, and a little more, or
    doubling, up to ten minutes.
    """
    if trouble.wait is not None:
        return max(trouble.wait, 1.0) * (1 + 0.15 * chance)
    shortest = LONGEST_PAUSE if trouble.login else min(PAUSE * 2.0 ** min(fails, 10), LONGEST_PAUSE)
    return shortest * _spread(chance)


def is_delayed(before: float, now: float) -> bool:
    """Whether a mail has become older than `DELAYED` since its last attempt, so that listeners are told now."""
    return before < DELAYED <= now


# The steps.


@dataclass(frozen=True, slots=True)
class _Fate:
    outcome: Outcome
    reply: Reply | None


def _of_the_lane(error: errors.CourrielError) -> LaneProblem | None:
    """Problem of the lane behind a failure; None for a failure of the mail."""
    if isinstance(error, errors.AuthenticationRefused):
        return LaneProblem.of(error, login=error.reply.kind == 5)
    if isinstance(error, errors.TokenRefused) or error.hint_id == "PROXY-LOGIN-REFUSED":
        return LaneProblem.of(error, login=True)
    if error.stage in _OPENING or isinstance(error, errors.ConnectionFailed) or error.hint_id == "SESSION-BUSY":
        return LaneProblem.of(error)
    # A request to slow down. At RCPT the same reply is greylisting, which concerns one recipient.
    if isinstance(error, errors.SenderRefused | errors.MessageRefused) and _asks_for_patience(error.reply):
        return LaneProblem.of(error)
    return None


def _asks_for_patience(reply: Reply) -> bool:
    return reply.kind == 4 and reply.enhanced is not None and reply.enhanced.subject == 7


def _refused(error: errors.Refused, mail: RecipientState, chance: float) -> Decision:
    """Decision by recipient; one without a reply of its own has the result of the mail."""
    alone = isinstance(error, errors.RecipientsRefused)
    if alone and mail.together:
        return _refused_together(error, mail, chance)
    fates: dict[str, _Fate] = {}
    for name in mail.recipients:
        reply = error.reply if isinstance(error, errors.SenderRefused) else error.refused.get(name, error.reply)
        fates[name] = _Fate(Outcome.REFUSED, reply)
    return _by_recipient(mail, fates, chance)


def _refused_together(error: errors.Refused, mail: RecipientState, chance: float) -> Decision:
    """Decision for an all-or-nothing mail: a permanent refusal of one recipient is final for all."""
    words = {name: _word(reply) for name, reply in error.refused.items()}
    if all(_may_pass(reply) for reply in error.refused.values()):
        return _later(mail, mail.recipients, words, str(error), chance)
    return _failed(dict.fromkeys(mail.recipients, (0, "", f"nobody gets it: {error}")) | words, str(error))


def _by_recipient(mail: RecipientState, fates: Mapping[str, _Fate], chance: float) -> Decision:
    """Decision from the recipients' results: accepted and refused ones are final, the others are retried."""
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
    # Too many recipients in one transaction, the others accepted: the rest is sent at once (RFC 5321 4.5.3.1.10).
    at_once = len(crowded) == len(again) < len(mail.recipients)
    return _later(mail, tuple(again), words, why, chance, at_once=at_once)


_UNHEARD = _Fate(Outcome.REFUSED, None)


def _untouched(mail: RecipientState, why: str, trouble: LaneProblem | None = None) -> Decision:
    """Decision for a mail that was certainly not delivered, through no fault of its own: it waits as before."""
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
        return Decision(State.FAILED, recipients, words, why=EXPIRED)
    delay = 0.0 if at_once else wait(mail.age, mail.age + mail.left, chance)
    # It becomes due once more when it expires: to be failed, and reported.
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
    """Decision after an error of the mail's content or of our own code: retried, and in the end held for a person."""
    why = _named(error)
    if mail.tries >= MOST_OWN_FAULTS:
        return Decision(State.HELD, mail.recipients, why=why)
    return _later(mail, mail.recipients, {}, why, chance)


def _may_pass(reply: Reply) -> bool:
    """Whether a refusal is temporary. Some servers reply 5xx and mean later: the failure table knows them."""
    if reply.kind == 4 or _is_crowd(reply):
        return True
    return errors.RecipientsRefused(reply, stage="recipient").retryable


def _is_crowd(reply: Reply) -> bool:
    """Whether a reply says "too many recipients", and not one of the other uses of 452 and 552."""
    enhanced = reply.enhanced
    return reply.code in (452, 552) and (enhanced is None or (enhanced.subject, enhanced.detail) == (5, 3))


def _word(reply: Reply) -> Word:
    if len(reply.lines) == 1:
        text = reply.lines[0]
        if usual := _ENHANCED.match(text):
            return reply.code, usual[0], text[usual.end() :].strip()
        text = text.strip()
    else:
        text = reply.text
    enhanced = str(reply.enhanced or "")
    return reply.code, enhanced, text.removeprefix(enhanced).lstrip()


def _first_refusal(words: Mapping[str, Word]) -> str:
    """Reason to show for several refusals: the first one, with its recipient."""
    for name, word in words.items():
        if word[0] >= 400:
            return f"{_said(word)} ({name})"
    return ""


def _said(word: Word) -> str:
    return " ".join(str(part) for part in word if part)


_LONGEST_BRIEF = 300  # characters
_REFUSED = (
    (errors.AuthenticationRefused, "the login was refused"),
    (errors.SenderRefused, "the sender was refused"),
    (errors.MessageRefused, "the message was refused"),
)


def _brief(error: Exception) -> str:
    """An error in a sentence without an address: what was refused, with its codes, or what failed."""
    if not isinstance(error, errors.CourrielError):
        return type(error).__name__
    if error.reply is not None:
        codes = " ".join(filter(None, (str(error.reply.code), str(error.reply.enhanced or ""))))
        what = next((words for kind, words in _REFUSED if isinstance(error, kind)), "the server refused")
        return f"{what} ({codes})"
    words = " ".join("…" if "@" in word else word for word in error.detail[:_LONGEST_BRIEF].split(" "))
    # A log is a file of lines: nothing that a server says may begin a new one, or fail to be written.
    return "".join(each if each.isprintable() else ascii(each)[1:-1] for each in words)


def _named(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"


def _spread(chance: float) -> float:
    return 0.85 + 0.3 * chance
