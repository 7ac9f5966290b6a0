"""
Sending within a task queue: whether and when a task is to be tried again, and a task that delivers a mail of an outbox.

A task queue knows how often a task was tried, the error whether its mail may be sent again (`retryable`). Celery, RQ,
Dramatiq and Procrastinate ask in different ways: by a class (`SendAgain`), by a function (`should_retry`), by seconds
(`wait_before`). None of them is imported here. See docs/celery.md, docs/rq.md, docs/dramatiq.md, docs/procrastinate.md.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

from courriel import CourrielError, Outbox, State

P = ParamSpec("P")
T = TypeVar("T")

TRIES = 8
"""Tries of a task that sends by itself: with `wait_before` some ten hours, after which most servers are back."""
FIRST, LONGEST = 60.0, 4 * 3600.0  # seconds
FOR_SECONDS = 50.0
"""Seconds after which `deliver` begins nothing more: less than the minute that many queues give a task."""


class SendAgain(Exception):
    """Request to run a task again, in `seconds`: its mail has not left, and may leave later."""

    def __init__(self, text: str, seconds: float = FIRST) -> None:
        super().__init__(text, seconds)
        self.seconds = seconds

    def __str__(self) -> str:
        return str(self.args[0])


def should_retry(retries: int, error: BaseException) -> bool:
    """Whether a task that ended with this error is to run again, after so many retries.

    It is when the error says that the mail may be sent again unchanged (`retryable`), for eight tries. A mail that may
    have left (`in_doubt`) is not sent again, and neither is one whose error is not courriel's.
    """
    if retries >= TRIES - 1:
        return False
    return isinstance(error, SendAgain) or (isinstance(error, CourrielError) and error.retryable)


def wait_before(retries: int) -> float:
    """Seconds to wait after so many retries: one minute, doubled each time, four hours at most."""
    return min(FIRST * 2.0 ** min(max(retries, 0), 20), LONGEST)


def send_again_if_retryable(task: Callable[P, T]) -> Callable[P, T]:
    """Decorator for tasks of queues that retry by class: errors that are retryable are raised as SendAgain.

    Other errors pass unchanged, so that the task fails with them.
    """

    @wraps(task)
    def act(*arguments: P.args, **named: P.kwargs) -> T:
        try:
            return task(*arguments, **named)
        except CourrielError as error:
            if not error.retryable:
                raise
            raise SendAgain(str(error)) from error

    return act


def deliver(ticket: str, outbox: str | os.PathLike[str] | None = None, *, for_seconds: float = FOR_SECONDS) -> str:
    """Send the mail of a ticket, with what else is due on its lane; returns its state: "sent", "failed", "held" …

    `ticket` is its id, `outbox` its place (default: what the settings say). A task may be run twice, or by two workers:
    the outbox sends each mail once. What a killed worker had in hand is taken over by the next call. Begins nothing
    after `for_seconds`. Raises SendAgain with the seconds until the mail is due, and TicketNotFound, UsageError,
    OutboxError.
    """
    with Outbox(outbox, create=False) as opened:
        mail = opened.get(ticket)
        info = mail.info
        if not _is_over(info.state):
            opened.run_once(lanes=[info.lane], for_seconds=for_seconds)
            info = mail.info
    if not _is_over(info.state):
        raise SendAgain(
            f"mail {info.id} is {info.state.name}: {info.why or 'not yet due'}", max(1.0, info.due - time.time())
        )
    return info.state.name.lower()


def send_due(outbox: str | os.PathLike[str] | None = None, *, for_seconds: float = FOR_SECONDS) -> int:
    """Send what is due in an outbox, and return how many mails were tried: for a task that runs every minute."""
    with Outbox(outbox, create=False) as opened:
        return opened.run_once(for_seconds=for_seconds)


# The steps.


def _is_over(state: State) -> bool:
    """Whether no worker will send the mail: it is in an end state, or waits for a person."""
    return state.final or state is State.HELD
