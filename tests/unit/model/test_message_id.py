"""Message-IDs are unique, whatever the clock does."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, tzinfo

import pytest

from courriel.model.messages import message_id

MOMENT = datetime(2026, 1, 5, 10, tzinfo=UTC)


def test_a_date_is_that_of_its_second_and_chance_is_drawn_anew_in_each(monkeypatch: pytest.MonkeyPatch) -> None:
    # One reading of the clock for each message, and one more for a new second.
    told = iter([MOMENT + timedelta(seconds=seconds) for seconds in (0, 0.9, 1, 1, 0, 0)])

    class Clock(datetime):
        @classmethod
        def now(cls, _zone: tzinfo | None = None) -> datetime:  # type: ignore[override]
            return next(told)

    monkeypatch.setattr(message_id, "_latest", None)
    monkeypatch.setattr("datetime.datetime", Clock)

    ids, dates = zip(*[message_id.stamped("example.org") for _ in range(4)], strict=True)

    assert [(date - MOMENT).total_seconds() for date in dates] == [0, 0, 1, 0]
    assert all(date.utcoffset() is not None for date in dates)
    assert len(set(ids)) == 4
    first, same, after, back = (each.partition(".")[0] for each in ids)
    assert first == same
    assert len({first, after, back}) == 3


def test_an_id_and_a_moment_can_be_had_alone() -> None:
    assert message_id.new_id("example.org").endswith("@example.org>")
    assert message_id.new_id("example.org") != message_id.new_id("example.org")
    assert message_id.now().utcoffset() is not None
    assert message_id.now().microsecond == 0
