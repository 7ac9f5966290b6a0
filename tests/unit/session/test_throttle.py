"""Send rate and throttling of a pool, and the recovery."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from courriel import Outcome, Receipt, RecipientResult, Reply, errors
from courriel.session.pool.throttle import QUIET, Meter, Rate, Slots, Throttle, asks_to_slow_down

MOMENTS = st.floats(0, 10_000)


@pytest.mark.parametrize(
    ("text", "rate"), [("30/m", Rate(30, 60)), ("2/s", Rate(2, 1)), ("10000/d", Rate(10000, 86400))]
)
def test_a_rate_is_parsed_and_formatted(text: str, rate: Rate) -> None:
    assert Rate.parse(text) == rate
    assert str(rate) == text


@pytest.mark.parametrize("text", ["", "30", "0/m", "30/w", "30 / m", "-1/s", "1.5/s", "30/m\n", "٣/m"])
def test_what_is_not_a_rate_is_refused(text: str) -> None:
    with pytest.raises(errors.UsageError):
        Rate.parse(text)


def test_the_first_complaint_halves_the_sessions_and_the_rate_there_was() -> None:
    throttle = Throttle(8).slowed(begun=9, now=10, size=8, usual_gap=0.1)

    assert (throttle.sessions, throttle.gap) == (4, 0.2)


def test_the_first_gap_is_a_second_at_most_also_where_nobody_knows_the_rate() -> None:
    assert Throttle(8).slowed(9, 10, 8).gap == 1
    assert Throttle(8).slowed(9, 10, 8, usual_gap=30).gap == 1


def test_throttling_of_messages_begun_before_the_last_one_counts_once() -> None:
    throttle = Throttle(8).slowed(begun=9, now=10, size=8)

    assert throttle.slowed(begun=9.5, now=10.5, size=8) == throttle
    again = throttle.slowed(begun=10.1, now=11, size=8)
    assert (again.sessions, again.gap) == (2, 2)


def test_after_one_complaint_the_rate_is_the_usual_one_in_some_seconds() -> None:
    throttle = Throttle(4).slowed(begun=0, now=0, size=4, usual_gap=0.1)

    assert throttle.now(QUIET - 1, 4).sessions == 2
    assert (throttle.now(QUIET, 4).sessions, throttle.now(QUIET, 4).gap) == (3, 0)
    assert throttle.now(QUIET * 2, 4).sessions == 4
    assert throttle.now(QUIET * 2, 4).recovered


def test_repeated_throttling_doubles_the_quiet_time_and_later_it_is_short_again() -> None:
    first = Throttle(4).slowed(0, 0, 4, usual_gap=0.1)
    recovered = first.now(QUIET * 2, 4)

    soon = recovered.slowed(20, 20, 4, usual_gap=0.1)
    late = recovered.slowed(200, 200, 4, usual_gap=0.1)

    assert (soon.quiet, late.quiet) == (QUIET * 2, QUIET)


def test_a_recovery_step_is_a_minute_at_most() -> None:
    throttle = Throttle(4)
    for now in range(1, 100):
        throttle = throttle.slowed(now, now, 4)

    assert (throttle.sessions, throttle.gap, throttle.quiet) == (1, 60, 60)
    assert throttle.now(100 + 3600, 4).recovered


def test_the_rate_is_measured_over_the_last_seconds() -> None:
    meter = Meter()
    assert meter.gap(0) is None

    for tenth in range(100):
        meter.count(tenth / 10)

    assert meter.gap(10) == pytest.approx(0.1)
    assert meter.gap(1000) is None


def test_an_old_rate_is_forgotten() -> None:
    meter = Meter()
    for tenth in range(100):
        meter.count(tenth / 10)
    for second in range(100, 110):
        meter.count(second)

    assert meter.gap(110) == pytest.approx(1)


@pytest.mark.parametrize("complaint", [(None), (50.0)])
def test_ten_mails_a_second_are_still_sent_after_throttling_once(complaint: float | None) -> None:
    """Simulated load on a simulated clock: how long does a mail wait for its turn?"""
    throttle, meter, slots, waits = Throttle(4), Meter(), Slots(None), []
    for tenth in range(1200):
        now = tenth / 10
        throttle = throttle.now(now, 4)
        moment = now if throttle.recovered else slots.reserve(max(now, throttle.since + throttle.gap), throttle.gap)
        waits.append(moment - now)
        meter.count(now)
        if now == complaint:
            throttle = throttle.slowed(now, now, 4, meter.gap(now))

    assert max(waits) == 0 if complaint is None else 0 < max(waits) < 5
    assert max(waits[800:]) == 0


@given(st.integers(1, 64), st.lists(st.tuples(st.floats(0, 300), st.booleans()), max_size=60))
def test_the_rate_never_drops_to_zero(size: int, story: list[tuple[float, bool]]) -> None:
    gait, now = Throttle(size), 0.0

    for passed, complains in story:
        now += passed
        if complains:
            gait = gait.slowed(now, now, size)
        at = gait.now(now, size)

        assert 1 <= at.sessions <= size
        assert 0 <= at.gap <= 60


@given(st.integers(1, 5), st.integers(1, 20), st.lists(st.tuples(st.floats(0, 8), st.booleans()), max_size=60))
def test_never_more_messages_than_the_rate_allows_in_any_stretch(
    messages: int, seconds: int, story: list[tuple[float, bool]]
) -> None:
    slots, now, left = Slots(Rate(messages, seconds)), 0.0, []

    for passed, cancelled in story:
        now += passed
        moment = slots.reserve(now)
        assert moment >= now
        if cancelled:
            slots.release(moment)
        else:
            left.append(moment)

    assert left == sorted(left)
    assert all(late - early >= seconds * 0.999999 for early, late in zip(left, left[messages:], strict=False))


@given(st.lists(st.floats(0, 3), max_size=30))
def test_the_gap_is_kept_between_any_two(story: list[float]) -> None:
    slots, now, given_out = Slots(None), 0.0, []

    for passed in story:
        now += passed
        given_out.append(slots.reserve(now, 2.0))

    assert all(late - early >= 1.999999 for early, late in pairwise(given_out))


def test_a_released_reservation_is_reused() -> None:
    slots = Slots(Rate(1, 60))
    slots.reserve(0)

    for _ in range(100):
        slots.release(slots.reserve(1))

    assert slots.reserve(1) == 60


def refusal(code: int, text: str, stage: errors.Stage = "sender") -> errors.Refused:
    return errors.Refused(Reply(code, (text,)), stage=stage)


@pytest.mark.parametrize(
    ("error", "slower"),
    [
        (refusal(421, "4.7.0 Try again later"), True),
        (refusal(421, "too many connections", "greeting"), True),
        (refusal(421, "4.4.2 timeout exceeded"), False),
        (refusal(432, "4.3.2 Concurrent connections limit exceeded"), True),
        (refusal(451, "4.7.0 Temporarily deferred"), True),
        (refusal(452, "4.3.2 System not accepting network messages"), False),
        (refusal(421, "4.3.2 Service shutting down", "message"), False),
        (refusal(421, "4.3.0 Temporary system problem"), False),
        (refusal(421, "Service closing transmission channel"), False),
        (refusal(421, "4.3.2 All server ports are busy", "greeting"), True),
        (refusal(421, "4.3.2 too many connections"), True),
        (refusal(421, "come back later"), True),
        (refusal(421, "4.7.66 no"), True),
        (refusal(450, "too many messages, slow down"), True),
        (refusal(451, "4.7.1 Greylisted for 5 minutes", "recipient"), False),
        (refusal(450, "4.2.1 The user is receiving mail too quickly", "recipient"), False),
        (refusal(550, "5.7.0 no"), False),
        (errors.TimedOut("silent"), False),
        (errors.UsageError("no"), False),
    ],
    ids=str,
)
def test_which_replies_throttle(error: errors.CourrielError, slower: bool) -> None:
    assert asks_to_slow_down(error) is slower


def test_a_recipient_refused_for_the_rate_on_a_receipt_throttles_too() -> None:
    busy = RecipientResult("b@example.org", Outcome.REFUSED, Reply(432, ("4.3.2 limit exceeded",)))
    unknown = RecipientResult("c@example.org", Outcome.REFUSED, Reply(550, ("5.1.1 no such user",)))

    assert asks_to_slow_down(Receipt("mx", "", Reply(250), (busy,)))
    assert not asks_to_slow_down(Receipt("mx", "", Reply(250), (unknown,)))
