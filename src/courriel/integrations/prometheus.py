"""
Metrics of an outbox for Prometheus (extra: prometheus).

    from prometheus_client import start_http_server
    from courriel.integrations import prometheus

    prometheus.export(outbox)
    start_http_server(9464)

They are read at each scrape, and cost nothing in between. An outbox that cannot be read has only `courriel_outbox_up 0`
and raises no error, so that other metrics of the process are served.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from courriel import errors
from courriel.integrations import names

try:
    from prometheus_client import REGISTRY, CollectorRegistry, Counter, Histogram, generate_latest
    from prometheus_client.core import GaugeMetricFamily
    from prometheus_client.registry import Collector
except ImportError as missing:
    raise errors.MissingExtra(
        'figures for Prometheus need prometheus_client: pip install "courriel[prometheus]"', hint_id="EXTRA-MISSING"
    ) from missing

if TYPE_CHECKING:
    from prometheus_client.core import Metric

    from courriel import Outbox
    from courriel.types import Attempt


class OutboxCollector(Collector):
    """Collector that reads an outbox at each scrape."""

    def __init__(self, outbox: Outbox) -> None:
        self._outbox = outbox

    def collect(self) -> Iterable[Metric]:
        """Read the outbox once, and return its metric families."""
        families = list(self.describe())
        up, *rest = families
        try:
            found = self._outbox.metrics()
        except errors.OutboxError:
            up.add_metric((), 0)
            return [up]
        up.add_metric((), 1)
        for family, figure in zip(rest, names.FIGURES, strict=True):
            for value, labels in figure.read(found):
                family.add_metric(labels, value)
        return families

    def describe(self) -> Iterable[GaugeMetricFamily]:
        """Metric families without values, so that a registration does not read the outbox."""
        name, _, text = names.UP
        yield GaugeMetricFamily(_written(name), text)
        for figure in names.FIGURES:
            yield GaugeMetricFamily(
                _written(figure.name, figure.unit), figure.text, labels=[_written(each) for each in figure.attributes]
            )


def export(outbox: Outbox, registry: CollectorRegistry = REGISTRY) -> OutboxCollector:
    """Register the metrics of an outbox (default: in the process's own registry); `registry.unregister` removes them.

    The attempts of this process's workers are counted and timed as well, from now on. Raises ValueError, by
    prometheus_client, for a second outbox in the same registry.
    """
    collector = OutboxCollector(outbox)
    registry.register(collector)
    labels = [_written(name) for name in names.OPERATION_ATTRIBUTES]
    count = Counter(_written(names.OPERATION_COUNT), names.OPERATION_COUNT_TEXT, labels, registry=registry)
    duration = Histogram(
        _written(names.OPERATION_DURATION, "s"), names.OPERATION_DURATION_TEXT, labels, registry=registry,
        buckets=names.BUCKETS,
    )  # fmt: skip

    def tell(attempt: Attempt) -> None:
        values = names.labels_of(attempt)
        count.labels(*values).inc()
        duration.labels(*values).observe(attempt.seconds)

    outbox.on_attempt(tell)
    return collector


def page(outbox: Outbox) -> Callable[[], bytes]:
    """Function that returns the metrics of this outbox alone in Prometheus's text format 0.0.4."""
    registry = CollectorRegistry()
    export(outbox, registry)
    return lambda: generate_latest(registry)


def page_without_outbox() -> bytes:
    """The figures of an outbox that cannot be opened yet: `courriel_outbox_up 0`, and no others."""
    registry = CollectorRegistry()
    registry.register(_NoOutbox())
    return generate_latest(registry)


# The steps.


class _NoOutbox(Collector):
    def collect(self) -> Iterable[Metric]:
        name, _, text = names.UP
        yield GaugeMetricFamily(_written(name), text, value=0)


def _written(name: str, unit: str = "") -> str:
    """Name of a metric for Prometheus, with its unit as a suffix where it has one."""
    endings = {"s": "_seconds", "{mail}/s": "_mails_per_second"}
    if name == "courriel.outbox.last_error":
        return "courriel_outbox_last_error_timestamp_seconds"
    return name.replace(".", "_") + endings.get(unit, "")
