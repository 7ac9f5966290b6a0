"""
Names of the metrics of an outbox, by OpenTelemetry's conventions; Prometheus writes them with underscores.

Where MailKit measures the same, its names and attributes are used, so that one dashboard serves both. Units are those
of OpenTelemetry's semantic conventions: seconds, and counted items in braces.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from courriel._dataclass import dataclass

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from courriel.types import Attempt, Metrics

Labels = tuple[str, ...]
"""Values of the attributes, in the order of their names."""


@dataclass(frozen=True, slots=True)
class Figure:
    """One metric: its name, unit, description, attribute names, and how it is read from `Metrics`.

    `adds_up` says whether the sum over its attributes is meaningful.
    """

    name: str
    unit: str
    text: str
    attributes: tuple[str, ...]
    read: Callable[[Metrics], Iterable[tuple[float, Labels]]]
    adds_up: bool = True


OPERATION_COUNT = "mailkit.net.smtp.client.operation.count"
OPERATION_DURATION = "mailkit.net.smtp.client.operation.duration"
OPERATION_ATTRIBUTES = ("server.address", "server.port", "url.scheme", "network.operation", "error.type")
OPERATION_COUNT_TEXT = "Tries of the workers of this process to open a session, to log in, or to hand a mail over."
OPERATION_DURATION_TEXT = "Seconds that a session was busy with one of them."
BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0)
"""Bounds of the histogram in seconds: a local server accepts a mail in a few milliseconds, and the last answer may take
ten minutes."""


def labels_of(attempt: Attempt) -> Labels:
    """Values of OPERATION_ATTRIBUTES for an attempt."""
    return attempt.server, str(attempt.port), attempt.scheme, attempt.operation, attempt.error


def _mails(found: Metrics) -> Iterator[tuple[float, Labels]]:
    for count in found.counts:
        yield count.mails, (count.lane, count.state.name.lower())


def _unsure(found: Metrics) -> Iterator[tuple[float, Labels]]:
    lanes = dict.fromkeys((count.lane for count in found.counts), 0)
    for count in found.counts:
        lanes[count.lane] += 0 if count.state.final else count.unsure
    for lane, mails in lanes.items():
        yield mails, (lane,)


def _last_error(found: Metrics) -> Iterator[tuple[float, Labels]]:
    if found.last_error is not None:
        yield found.last_error.at, (found.last_error.lane,)


FIGURES = (
    Figure("courriel.outbox.mails", "{mail}", "Mails in the outbox, by lane and state.",
           ("courriel.lane", "courriel.state"), _mails),
    Figure("courriel.outbox.unsure", "{mail}", "Mails in doubt that have not reached their end, by lane.",
           ("courriel.lane",), _unsure),
    Figure("courriel.outbox.gone", "{mail}", "Mails in the hands of workers that are proved to be gone.", (),
           lambda found: [(sum(taken.mails for taken in found.gone), ())]),
    Figure("courriel.outbox.workers", "{worker}", "Workers that are alive.", (), lambda found: [(found.alive, ())]),
    Figure("courriel.outbox.oldest_due", "s", "For how long the mail that is due the longest could have been sent.",
           (), lambda found: [(found.oldest_due or 0.0, ())], adds_up=False),
    Figure("courriel.outbox.rate", "{mail}/s", "Mails sent a second by all workers, over the last minute.",
           (), lambda found: [(found.rate, ())], adds_up=False),
    Figure("courriel.outbox.last_error", "s", "When the last error was, in seconds since 1970, and on which lane.",
           ("courriel.lane",), _last_error, adds_up=False),
)  # fmt: skip
UP = ("courriel.outbox.up", "1", "Whether the outbox could be read: 1, or 0 when it could not.")
