"""How many mails are marked ahead, by what a server is measured to serve."""

from __future__ import annotations

import pytest

from courriel.outbox.work.ahead import FIRST, LEAST, MOST, Ahead


def serve(ahead: Ahead, each: float, trip: float = 0.0, mails: int = 4000) -> None:
    """A server that takes `each` seconds a mail, `trip` seconds away, with a full window before it."""
    now, free, number = 0.0, 0.0, 0
    waiting: list[tuple[float, str]] = []
    while number < mails:
        while len(waiting) < ahead.number:
            number += 1
            ahead.permitted(str(number), now)
            free = max(free, now + trip / 2) + each
            waiting.append((free + trip / 2, str(number)))
        now, ident = waiting.pop(0)
        ahead.answered(ident, now)


@pytest.mark.parametrize(
    ("each", "trip", "number"),
    [
        (1.0, 0.0, LEAST), (0.02, 0.0, LEAST), (0.005, 0.0, 10), (0.005, 0.005, 11), (0.002, 0.0, 25),
        (0.0001, 0.0, MOST), (0.0001, 0.05, MOST), (0.02, 0.1, 8),
    ],
)  # fmt: skip
def test_as_many_as_a_server_serves_in_a_round_trip_and_50_ms(each: float, trip: float, number: int) -> None:
    ahead = Ahead()
    assert ahead.number == FIRST

    serve(ahead, each, trip)

    assert abs(ahead.number - number) <= 1


def test_more_only_when_they_are_asked_for() -> None:
    ahead = Ahead(100)

    serve(ahead, 0.0001, 0.05, mails=5000)

    assert ahead.number == 100


@pytest.mark.parametrize("most", [1, 2, 3])
def test_never_more_than_asked_for(most: int) -> None:
    ahead = Ahead(most)

    serve(ahead, 0.001, mails=500)

    assert ahead.number == most


def test_a_server_that_becomes_slow_is_given_fewer() -> None:
    ahead = Ahead()
    serve(ahead, 0.0005)
    ahead.rest()

    serve(ahead, 0.05, mails=200)

    assert ahead.number == LEAST


def test_what_the_disk_has_in_doubt_leaves_less_room() -> None:
    ahead = Ahead()
    ahead.in_doubt |= {"1", "2", "3"}

    assert ahead.room() == FIRST - 3
    assert ahead.room(["1", "9"]) == FIRST - 2
    ahead.number = 2
    assert ahead.room() == 0


def test_a_fast_server_is_known_by_its_first_answers() -> None:
    """A measurement takes 200 ms, in which it has taken thousands."""
    ahead = Ahead()

    serve(ahead, 0.0001, mails=20)

    assert (ahead.number, ahead.slow) == (MOST, False)


@pytest.mark.parametrize(("each", "trip"), [(0.005, 0.0), (0.0001, 0.05)])
def test_neither_a_slow_server_nor_one_far_away_is_taken_for_a_fast_one(each: float, trip: float) -> None:
    """From afar the answers come in heaps, each as fast as can be."""
    ahead = Ahead()

    serve(ahead, each, trip, mails=20)

    assert (ahead.number, ahead.slow) == (FIRST, True)


def test_answers_that_waited_for_a_busy_client_do_not_look_like_speed() -> None:
    """Every fifth of a second the client does not run for 60 ms, and then hears all at once."""
    ahead, now, number, most = Ahead(), 0.07, 0, 0
    waiting: list[tuple[float, str]] = []
    free = 0.0
    for _ in range(2000):
        while len(waiting) < ahead.number:
            number += 1
            ahead.permitted(str(number), now)
            free = max(free, now) + 0.005
            waiting.append((free, str(number)))
        due, ident = waiting.pop(0)
        now = max(now, due)
        if now % 0.2 < 0.06:
            now += 0.06 - now % 0.2
        ahead.answered(ident, now)
        most = max(most, ahead.number)

    assert most <= FIRST
