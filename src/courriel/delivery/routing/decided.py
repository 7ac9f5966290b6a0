"""
Meaning of a failure of one way: whether another may take the mail, and whether the way failed, or the mail.

Another way may take a mail only while nothing of it is decided: no connection, no login, a server that has no time at
its greeting or at MAIL, a session that was lost before the end of the mail left. A mail in doubt may have been
delivered already, and one that was refused for itself, or for one of its recipients, has its answer.
"""

from __future__ import annotations

from collections.abc import Sequence

from courriel import errors

_OF_THE_ACCOUNT = ("HTTP-THROTTLED", "HTTP-CREDIT-USED-UP", "GRAPH-MAILBOX-FULL")
_OPENING = ("connect", "secure", "greeting", "hello", "authenticate")


def is_undecided(error: errors.CourrielError, *, permitted: bool) -> bool:
    """Whether nothing of a mail was decided when its way failed, so that another may take it.

    `permitted`: the guard of the mail has said yes, so that its end may have left.
    """
    if error.in_doubt or error.refused:
        return False
    if is_of_login(error) or is_of_the_account(error) or isinstance(error, errors.AllWaysFailed):
        return True  # also after the yes: an HTTP provider gets its key with the mail, and looks at the key first
    if permitted:
        return False
    if isinstance(error, errors.SenderRefused):
        return error.reply.kind == 4
    if isinstance(error, errors.NotPermitted | errors.NotSupported | errors.LocalProtocolError):
        return False
    if error.stage in _OPENING:
        return True
    if error.stage == "message" and error.reply is not None:
        return False  # a verdict on the mail, although the session ended with it (421)
    return isinstance(error, errors.ConnectionFailed | errors.RemoteProtocolError)


def is_of_login(error: errors.CourrielError) -> bool:
    """Whether a failure is a login that was refused."""
    return isinstance(error, errors.AuthenticationRefused | errors.TokenRefused)


def is_of_the_account(error: errors.CourrielError) -> bool:
    """True for a refusal of the account at an HTTP provider: throttling, a used-up credit, a full mailbox."""
    return error.hint_id in _OF_THE_ACCOUNT and isinstance(error, errors.Refused) and not error.in_doubt


def is_of_one_mail(error: errors.CourrielError) -> bool:
    """Whether a failure concerns the sender of one mail only: the way itself goes on working for others."""
    if not isinstance(error, errors.SenderRefused) or error.reply.code == 421:
        return False
    enhanced = error.reply.enhanced
    return not (error.reply.kind == 4 and enhanced is not None and enhanced.subject == 7)  # 4.7.x asks for patience


def is_of_the_way(error: errors.CourrielError) -> bool:
    """Whether a way has failed, and is to rest: also where the mail in hand is in doubt."""
    if isinstance(error, errors.SenderRefused):
        return error.reply.kind == 4 and not is_of_one_mail(error)
    if isinstance(error, errors.NotPermitted | errors.NotSupported | errors.LocalProtocolError):
        return False
    lost = isinstance(error, errors.ConnectionFailed | errors.RemoteProtocolError)
    return lost or error.stage in _OPENING or is_of_login(error) or is_of_the_account(error)


def all_failed(failed: Sequence[tuple[str, errors.CourrielError]]) -> errors.CourrielError:
    """The error of a mail that no way has taken, with the name and the reason of each that was tried.

    A refusal of the sender for now is an answer, and stays the error; without one it is AllWaysFailed.
    """
    if len(failed) == 1:
        return failed[0][1]
    for name, error in failed:
        if is_of_one_mail(error):
            return with_others(error, [(other, why) for other, why in failed if other != name])
    each = "; ".join(reason_of(name, error) for name, error in failed)
    last = failed[-1][1]
    found = errors.AllWaysFailed(f"no way out works: {each}", stage=last.stage)
    found.failed = tuple(failed)
    found.message_id = last.message_id
    waits = [error.retry_after for _, error in failed if error.retry_after is not None]
    if len(waits) == len(failed):  # one that names no time may work sooner
        found.retry_after = min(waits)
    found.__cause__ = last
    return found


def with_others(
    error: errors.CourrielError, failed: Sequence[tuple[str, errors.CourrielError]]
) -> errors.CourrielError:
    """The error itself, with a note for each other way that was tried for the same mail."""
    for name, why in failed:
        error.add_note(f"Tried as well: {reason_of(name, why)}")
    return error


def reason_of(name: str, error: errors.CourrielError) -> str:
    """The name of a way and its error in one line, for a list of several."""
    text = error.detail.replace("\n", " ")[:300]
    return text if text.startswith(f"{name}:") else f"{name}: {text}"


def hung_up() -> errors.ConnectionFailed:
    """The error of what was not begun because somebody called `hang_up`."""
    return errors.ConnectionFailed("the transport was hung up: nothing more is begun", hint_id="SESSION-LOST")


def in_doubt_there(name: str, error: errors.CourrielError | None) -> errors.ConnectionFailed:
    """The error of a mail that is in doubt on one way, which does not work now: it leaves by no other."""
    why = reason_of(name, error) if error is not None else f"{name} rests after a failure"
    text = f"this mail may have left by {name} already, so that it leaves by no other way: {why}"
    found = errors.ConnectionFailed(text, hint_id="WAY-IN-DOUBT")
    found.__cause__ = error
    return found


def in_doubt_somewhere() -> errors.ConnectionFailed:
    """The error of a mail that is in doubt, and nobody knows by which of several ways it may have left."""
    return errors.ConnectionFailed(
        "this mail may have left already, by a way that is not among those of today: it leaves by no other",
        hint_id="WAY-UNKNOWN",
    )
