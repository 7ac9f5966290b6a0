"""The bench of what one PostgreSQL carries: what it reckons from what it has seen."""

from __future__ import annotations

from argparse import Namespace

from bench.capacity import Sample, report


def sample(at: float, sent: int, **more: float) -> Sample:
    """The database at one moment."""
    facts = {"ready": 0, "wal": 0, "size": 0, "commits": 0, "vacuums": 0, "dead": 0, "mails": 0, "bodies": 0}
    return Sample(at=at, sent=sent, **(facts | {"indexes": 0, "core": 0.0} | more))  # type: ignore[arg-type]


def test_what_is_said_a_mail_is_what_was_used_meanwhile_and_not_before() -> None:
    samples = [sample(10 * each, 1000 + 100 * each, wal=500_000 * each, core=5.0 + 0.1 * each) for each in range(5)]
    put = {"puts": 400, "core": 0.2, "longest": 9.0, "p50": 1.5, "p99": 4.0}
    send = {"taken": 200, "left": 0, "core": 0.3, "sink": 0.1}

    text = report(Namespace(hosts=2, threads=1, kept=1000), samples, {"put": [put], "send": [send, send]}, 0.5)

    rows = dict(row.strip("| ").split(" | ") for row in text.splitlines()[2:])
    assert rows["mails sent"] == "400"
    assert rows["mails a second"] == "10"
    assert rows["rate by quarters of the time"] == "10, 10, 10, 10"
    assert rows["core time of PostgreSQL"] == "1.00 ms a mail"
    assert rows["core time of workers"] == "1.50 ms a mail"
    assert rows["WAL"] == "5.0 kB a mail"
