"""How fast a pool walks: rates, complaints, and getting over them."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from courriel import Fate, Outcome, Receipt, Reply, errors
from courriel.session.pace import QUIET, Gait, Rate, Slots, asks_to_slow_down

MOMENTS = st.floats(0, 10_000)


@pytest.mark.parametrize(
    ("text", "rate"), [("30/m", Rate(30, 60)), ("2/s", Rate(2, 1)), ("10000/d", Rate(10000, 86400))]
)
def test_a_rate_is_read_and_written_as_people_say_it(text: str, rate: Rate) -> None:
    assert Rate.parse(text) == rate
    assert str(rate) == text


@pytest.mark.parametrize("text", ["", "30", "0/m", "30/w", "30 / m", "-1/s", "1.5/s", "30/m\n", "٣/m"])
def test_what_is_not_a_rate_is_refused(text: str) -> None:
    with pytest.raises(errors.UsageError):
        Rate.parse(text)


def test_a_complaint_halves_the_sessions_and_widens_the_gap() -> None:
    gait = Gait(8).slowed(begun=9, now=10, size=8)

    assert (gait.sessions, gait.gap) == (4, 1)


def test_complaints_about_what_was_begun_before_we_gave_way_are_one_complaint() -> None:
    gait = Gait(8).slowed(begun=9, now=10, size=8)

    assert gait.slowed(begun=9.5, now=10.5, size=8) == gait
    assert gait.slowed(begun=10.1, now=11, size=8).sessions == 2


def test_a_quiet_minute_gives_one_session_back() -> None:
    gait = Gait(4).slowed(begun=0, now=0, size=4)

    assert gait.now(QUIET - 1, 4).sessions == 2
    assert gait.now(QUIET, 4).sessions == 3
    assert gait.now(QUIET * 2, 4).sessions == 4
    assert gait.now(QUIET * 20, 4) == Gait(4)


@given(st.integers(1, 64), st.lists(st.tuples(st.floats(0, 300), st.booleans()), max_size=60))
def test_however_often_it_complains_something_still_goes(size: int, story: list[tuple[float, bool]]) -> None:
    gait, now = Gait(size), 0.0

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


def test_a_moment_that_is_given_back_is_given_out_again() -> None:
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
        (refusal(452, "4.3.2 System not accepting network messages"), True),
        (refusal(450, "too many messages, slow down"), True),
        (refusal(451, "4.7.1 Greylisted for 5 minutes", "recipient"), False),
        (refusal(450, "4.2.1 The user is receiving mail too quickly", "recipient"), False),
        (refusal(550, "5.7.0 no"), False),
        (errors.TimedOut("silent"), False),
        (errors.UsageError("no"), False),
    ],
    ids=str,
)
def test_what_counts_as_a_complaint(error: errors.CourrielError, slower: bool) -> None:
    assert asks_to_slow_down(error) is slower


def test_a_recipient_refused_for_our_speed_counts_on_a_receipt_too() -> None:
    busy = Fate("b@example.org", Outcome.REFUSED, Reply(432, ("4.3.2 limit exceeded",)))
    unknown = Fate("c@example.org", Outcome.REFUSED, Reply(550, ("5.1.1 no such user",)))

    assert asks_to_slow_down(Receipt("mx", "", Reply(250), (busy,)))
    assert not asks_to_slow_down(Receipt("mx", "", Reply(250), (unknown,)))
