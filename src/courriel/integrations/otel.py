"""
Metrics of an outbox for OpenTelemetry (extra: otel), by its API alone: the program brings the SDK.

    from courriel.integrations import otel

    otel.export(outbox)

They are read when a reader collects them. An outbox that cannot be read has only the metric `courriel.outbox.up`, 0.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from threading import Lock
from time import monotonic
from typing import TYPE_CHECKING

from courriel import __version__, errors
from courriel.integrations import names

try:
    from opentelemetry.metrics import CallbackOptions, MeterProvider, Observation, get_meter_provider
except ImportError as missing:
    raise errors.MissingExtra(
        'figures for OpenTelemetry need its API: pip install "courriel[otel]"', hint_id="EXTRA-MISSING"
    ) from missing

if TYPE_CHECKING:
    from courriel import Outbox
    from courriel.types import Attempt, Metrics

_FRESH = 0.5  # seconds: all metrics of one collection come from one read


def export(outbox: Outbox, provider: MeterProvider | None = None) -> None:
    """Register the metrics of an outbox with a meter provider (default: the global one), for the life of the program.

    The attempts of this process's workers are counted and timed as well, from now on.
    """
    meter = (get_meter_provider() if provider is None else provider).get_meter("courriel.outbox", __version__)
    look = _MetricsCache(outbox)
    for figure in names.FIGURES:
        make = meter.create_observable_up_down_counter if figure.adds_up else meter.create_observable_gauge
        make(figure.name, [_callback(figure, look)], figure.unit, figure.text)
    name, unit, text = names.UP
    meter.create_observable_gauge(name, [lambda _: [Observation(int(look() is not None))]], unit, text)
    count = meter.create_counter(names.OPERATION_COUNT, "{operation}", names.OPERATION_COUNT_TEXT)
    duration = meter.create_histogram(
        names.OPERATION_DURATION, "s", names.OPERATION_DURATION_TEXT, explicit_bucket_boundaries_advisory=names.BUCKETS
    )

    def tell(attempt: Attempt) -> None:
        values = zip(names.OPERATION_ATTRIBUTES, names.labels_of(attempt), strict=True)
        attributes: dict[str, str | int] = {key: value for key, value in values if value}
        attributes["server.port"] = attempt.port
        count.add(1, attributes)
        duration.record(attempt.seconds, attributes)

    outbox.on_attempt(tell)


# The steps.


class _MetricsCache:
    """Cache of the metrics for one collection; None when the outbox cannot be read."""

    def __init__(self, outbox: Outbox) -> None:
        self._outbox = outbox
        self._turn = Lock()
        self._found: Metrics | None = None
        self._at = float("-inf")

    def __call__(self) -> Metrics | None:
        with self._turn:
            if monotonic() - self._at > _FRESH:
                try:
                    self._found = self._outbox.metrics()
                except errors.OutboxError:
                    self._found = None
                self._at = monotonic()
            return self._found


def _callback(figure: names.Figure, look: _MetricsCache) -> Callable[[CallbackOptions], Iterable[Observation]]:
    def observe(_: CallbackOptions) -> Iterable[Observation]:
        found = look()
        for value, labels in () if found is None else figure.read(found):
            yield Observation(value, dict(zip(figure.attributes, labels, strict=True)))

    return observe
