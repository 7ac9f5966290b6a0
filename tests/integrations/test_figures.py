"""Figures of an outbox as others read them: Prometheus by its own parser, OpenTelemetry by its own reader."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.openmetrics.exposition import generate_latest as generate_openmetrics
from prometheus_client.openmetrics.parser import text_string_to_metric_families as openmetrics_families
from prometheus_client.parser import text_string_to_metric_families

from courriel import Message, Outbox, Sandbox, errors
from courriel.integrations import names, otel, prometheus
from courriel.outbox.attempts import Attempt, error_type
from courriel.outbox.metrics import Metrics
from courriel.reply import Reply

MESSAGE = Message(sender="ada@example.org", to="bob@example.org", subject="x", text="Hello.")
Figures = dict[tuple[str, tuple[tuple[str, str], ...]], float]


@pytest.fixture
def outbox(tmp_path: Path) -> Iterator[Outbox]:
    with Outbox(tmp_path / "outbox.db", elsewhere=True) as outbox:
        yield outbox


@pytest.fixture
def busy(outbox: Outbox) -> Callable[[], str]:
    """Two mails are sent, one is refused, one waits, one is held; the lane's name."""

    def work() -> str:
        with Sandbox() as sandbox:
            outbox.put_many([MESSAGE, MESSAGE], via=sandbox.url)
            outbox.run_once()
            sandbox.answer("recipient", "550 5.1.1 no such user", times=1)
            outbox.put(MESSAGE, via=sandbox.url)
            outbox.run_once()
            outbox.put(MESSAGE, via=sandbox.url).hold()
            outbox.put(MESSAGE, via=sandbox.url)
        return outbox.lanes()[0].name

    return work


def scraped(registry: CollectorRegistry) -> Figures:
    families = text_string_to_metric_families(generate_latest(registry).decode())
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in families
        for sample in family.samples
    }


def test_prometheus_reads_what_the_outbox_tells(outbox: Outbox, busy: Callable[[], str]) -> None:
    registry = CollectorRegistry()
    prometheus.export(outbox, registry)
    lane = busy()

    found = scraped(registry)

    mails = {dict(labels)["courriel_state"]: value for (name, labels), value in found.items()
             if name == "courriel_outbox_mails" and dict(labels)["courriel_lane"] == lane}  # fmt: skip
    assert mails == {"sent": 2, "failed": 1, "held": 1, "ready": 1}
    assert found["courriel_outbox_up", ()] == 1
    assert found["courriel_outbox_workers", ()] == 1
    assert found["courriel_outbox_gone", ()] == 0
    assert found["courriel_outbox_unsure", (("courriel_lane", lane),)] == 0
    assert found["courriel_outbox_rate_mails_per_second", ()] == 2 / 60
    assert found["courriel_outbox_oldest_due_seconds", ()] >= 0
    error = found["courriel_outbox_last_error_timestamp_seconds", (("courriel_lane", lane),)]
    assert outbox.metrics().last_error is not None
    assert error == pytest.approx(outbox.metrics().last_error.at)
    tries = {(dict(labels)["error_type"], dict(labels)["network_operation"]): value for (name, labels), value
             in found.items() if name == "mailkit_net_smtp_client_operation_count_total"}  # fmt: skip
    assert tries == {("", "send"): 2, ("550", "send"): 1}
    timed = [value for (name, labels), value in found.items()
             if name == "mailkit_net_smtp_client_operation_duration_seconds_count"]  # fmt: skip
    assert sorted(timed) == [1, 2]
    (server,) = {(dict(labels)["server_address"], dict(labels)["url_scheme"]) for (name, labels) in found
                 if name == "mailkit_net_smtp_client_operation_count_total"}  # fmt: skip
    assert server == ("127.0.0.1", "smtp")


def test_it_is_open_metrics_as_well(outbox: Outbox, busy: Callable[[], str]) -> None:
    registry = CollectorRegistry()
    prometheus.export(outbox, registry)
    busy()

    families = {family.name: family for family in openmetrics_families(generate_openmetrics(registry).decode())}

    assert families["courriel_outbox_mails"].type == "gauge"
    assert families["mailkit_net_smtp_client_operation_count"].type == "counter"


def test_an_outbox_that_cannot_be_read_is_a_figure_and_no_error(
    outbox: Outbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(_: Outbox) -> Metrics:
        raise errors.OutboxUnreachable("the server is away")

    registry, reader = CollectorRegistry(), InMemoryMetricReader()
    prometheus.export(outbox, registry)
    otel.export(outbox, MeterProvider(metric_readers=[reader]))
    monkeypatch.setattr(Outbox, "metrics", away)

    assert {name: value for (name, _), value in scraped(registry).items()} == {"courriel_outbox_up": 0}
    assert {name: list(values.values()) for name, values in collected(reader).items()} == {"courriel.outbox.up": [0]}


def test_registering_reads_nothing_and_can_be_taken_back(outbox: Outbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Outbox, "metrics", lambda _: pytest.fail("nobody has asked"))
    registry = CollectorRegistry(auto_describe=True)

    collector = prometheus.export(outbox, registry)
    with pytest.raises(ValueError, match="Duplicated"):
        prometheus.export(outbox, registry)
    registry.unregister(collector)

    assert all(not name.startswith("courriel") for (name, _) in scraped(registry))


def collected(reader: InMemoryMetricReader) -> dict[str, dict[tuple[tuple[str, object], ...], object]]:
    data = reader.get_metrics_data()
    assert data is not None
    return {
        metric.name: {
            tuple(sorted((point.attributes or {}).items())): getattr(point, "value", None) or getattr(point, "count", 0)
            for point in metric.data.data_points
        }
        for resource in data.resource_metrics
        for scope in resource.scope_metrics
        for metric in scope.metrics
    }


def test_opentelemetry_collects_what_the_outbox_tells(outbox: Outbox, busy: Callable[[], str]) -> None:
    reader = InMemoryMetricReader()
    provider = MeterProvider(metric_readers=[reader])
    otel.export(outbox, provider)
    lane = busy()

    found = collected(reader)

    assert {dict(key)["courriel.state"]: value for key, value in found["courriel.outbox.mails"].items()} == {
        "sent": 2, "failed": 1, "held": 1, "ready": 1,
    }  # fmt: skip
    assert found["courriel.outbox.workers"] == {(): 1}
    assert found["courriel.outbox.up"] == {(): 1}
    assert found["courriel.outbox.rate"] == {(): 2 / 60}
    assert list(found["courriel.outbox.last_error"]) == [(("courriel.lane", lane),)]
    count = {dict(key).get("error.type"): value for key, value in found[names.OPERATION_COUNT].items()}
    assert count == {None: 2, "550": 1}
    assert sum(value for value in found[names.OPERATION_DURATION].values() if isinstance(value, int)) == 3
    (attributes, *_) = found[names.OPERATION_COUNT]
    assert dict(attributes)["network.operation"] == "send"
    assert isinstance(dict(attributes)["server.port"], int)
    provider.shutdown()


def test_units_are_those_of_the_semantic_conventions(outbox: Outbox, busy: Callable[[], str]) -> None:
    reader = InMemoryMetricReader()
    otel.export(outbox, MeterProvider(metric_readers=[reader]))
    busy()
    data = reader.get_metrics_data()
    assert data is not None

    units = {metric.name: metric.unit for resource in data.resource_metrics for scope in resource.scope_metrics
             for metric in scope.metrics}  # fmt: skip

    assert units == {
        **{figure.name: figure.unit for figure in names.FIGURES},
        "courriel.outbox.up": "1",
        "mailkit.net.smtp.client.operation.count": "{operation}",
        "mailkit.net.smtp.client.operation.duration": "s",
    }


def test_all_figures_of_one_collection_are_of_one_look(outbox: Outbox, monkeypatch: pytest.MonkeyPatch) -> None:
    looks: list[Metrics] = []
    look = Outbox.metrics

    def counted(self: Outbox) -> Metrics:
        looks.append(look(self))
        return looks[-1]

    monkeypatch.setattr(Outbox, "metrics", counted)
    monkeypatch.setattr(otel, "_FRESH", 60)
    reader = InMemoryMetricReader()
    otel.export(outbox, MeterProvider(metric_readers=[reader]))

    collected(reader)

    assert len(looks) == 1


# Tries.


def test_each_try_is_told_with_the_server_and_what_came_of_it(outbox: Outbox) -> None:
    tries: list[Attempt] = []
    outbox.on_attempt(tries.append)
    with Sandbox() as sandbox:
        outbox.put(MESSAGE, via=sandbox.url)
        outbox.run_once()
        port = sandbox.server().port
    outbox.put(MESSAGE, via=f"smtp://127.0.0.1:{port}?tls=none")
    outbox.run_once()

    assert [(each.operation, each.error) for each in tries] == [("send", ""), ("connect", "connection_refused")]
    assert {(each.server, each.port, each.scheme) for each in tries} == {("127.0.0.1", port, "smtp")}
    assert all(each.seconds >= 0 for each in tries)


def test_a_listener_that_fails_keeps_no_mail_from_being_sent(outbox: Outbox, caplog: pytest.LogCaptureFixture) -> None:
    outbox.on_attempt(lambda _: 1 / 0)
    with Sandbox() as sandbox:
        ticket = outbox.put(MESSAGE, via=sandbox.url)
        outbox.run_once()

    assert ticket.status.name == "SENT"
    assert "A listener failed" in caplog.text


def by(cause: OSError) -> errors.ConnectionFailed:
    error = errors.ConnectionFailed("x")
    error.__cause__ = cause
    return error


@pytest.mark.parametrize(
    ("error", "word"),
    [
        (errors.NameNotFound("x"), "host_not_found"),
        (errors.TimedOut("x"), "timed_out"),
        (errors.TlsFailed("x"), "secure_connection_error"),
        (by(ConnectionRefusedError()), "connection_refused"),
        (by(ConnectionResetError()), "connection_reset"),
        (by(OSError()), "other"),
        (errors.ConnectionFailed("x"), "connection_aborted"),
        (errors.RemoteProtocolError("x"), "protocol_error"),
        (errors.MessageRefused(Reply(451, ("4.3.0 later",))), "451"),
        (ValueError("x"), "other"),
    ],
)
def test_a_failure_is_one_of_few_words(error: Exception, word: str) -> None:
    assert error_type(error) == word


@pytest.mark.parametrize("module", ["prometheus", "otel"])
def test_who_has_not_installed_an_extra_is_told_how(module: str) -> None:
    library = {"prometheus": "prometheus_client", "otel": "opentelemetry"}[module]
    program = f"""
import sys
sys.modules["{library}"] = None
from courriel import MissingExtra
try:
    import courriel.integrations.{module}
except MissingExtra as missing:
    print(missing)
"""
    ran = subprocess.run([sys.executable, "-W", "error", "-c", program], capture_output=True, text=True, check=True)

    assert f'pip install "courriel[{module}]"' in ran.stdout


@pytest.mark.slow
def test_who_exports_nothing_imports_neither(tmp_path: Path) -> None:
    program = f"""
import sys
from courriel import Outbox
with Outbox({str(tmp_path / "o.db")!r}) as outbox:
    outbox.metrics()
    outbox.run_once()
others = ("prometheus_client", "opentelemetry", "courriel.integrations")
print([name for name in sys.modules if name.startswith(others)])
"""
    ran = subprocess.run([sys.executable, "-W", "error", "-c", program], capture_output=True, text=True, check=True)

    assert ran.stdout == "[]\n"
