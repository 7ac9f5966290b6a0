"""The judgement of a chaos run: each promise that is broken is seen, and nothing else is."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from chaos import promises
from chaos.ledger import Fact
from chaos.lying_server import LIES
from chaos.promises import IN_DOUBT, Death, Story, broken, overtaken
from chaos.schedule import WEIGHTS, schedule
from courriel._dataclass import replace
from courriel.outbox.store.facts import MailInfo
from courriel.outbox.store.states import OnUnsure, State
from courriel.outbox.work.worker import BATCH

BOB = "bob@example.net"


def mail(state: State = State.SENT, **changes: object) -> MailInfo:
    """How one mail stands at the end."""
    info = MailInfo(
        id="id-1",
        key="1",
        lane="smtp://127.0.0.1",
        priority=1,
        state=state,
        due=0,
        created=0,
        expires=1e9,
        changed=0,
        tries=1,
        lost=0,
        unsure=0,
        on_unsure=OnUnsure.RESEND,
        message_id="<1@example.org>",
        sender="ada@example.org",
        waiting=(),
        options={},
        results={},
        why="",
        size=10,
        holder="",
    )
    return replace(info, **changes)


def fact(what: str, at: float, **more: object) -> Fact:
    return {"what": what, "at": at, "source": "somebody", **more}


def acknowledged(at: float = 1.0) -> Fact:
    return fact("acknowledged", at, key="1", id="id-1", recipients=[BOB])


def arrived(at: float = 2.0, answer: str = "taken", **changes: object) -> Fact:
    those = {"key": "1", "message_id": "<1@example.org>", "digest": "d", "recipients": [BOB], "lane": 0}
    return fact("arrived", at, answer=answer, **those | changes)


def story(info: MailInfo | None, *facts: Fact, deaths: list[Death] | None = None) -> Story:
    ordered = sorted([acknowledged(), *facts], key=lambda each: each["at"])
    return Story(ordered, {"1": info} if info is not None else {}, deaths or [])


HOLD = OnUnsure.HOLD

KEPT = {
    "sent": story(mail(), arrived()),
    "sent twice, and flagged": story(mail(unsure=1), arrived(2), arrived(3)),
    "denied, and sent again": story(mail(), arrived(2, "denied"), arrived(3)),
    "held in doubt, arrived": story(mail(State.HELD, unsure=1, on_unsure=HOLD, why="unsure"), arrived()),
    "held in doubt, not arrived": story(mail(State.HELD, unsure=1, on_unsure=HOLD, why="unsure")),
    "cancelled": story(mail(State.CANCELED), fact("to cancel", 2, id="id-1"), fact("cancel", 3, id="id-1", done=True)),
    "cancelled without an answer": story(mail(State.CANCELED), fact("to cancel", 2, id="id-1")),
    "cancelled too late": story(mail(), fact("cancel", 3, id="id-1", done=False), arrived(4)),
    "cancelled, in doubt, had arrived": story(
        mail(State.CANCELED, unsure=1),
        arrived(2),
        fact("to cancel", 3, id="id-1"),
        fact("cancel", 3, id="id-1", done=True),
    ),
    "cancelled for the rest of its recipients": story(
        mail(State.CANCELED, results={BOB: (250, "2.0.0", "taken", 2.0)}),
        arrived(2),
        fact("to cancel", 3, id="id-1"),
        fact("cancel", 3, id="id-1", done=True),
    ),
    "held and released": story(
        mail(), fact("hold", 2, id="id-1", done=True), fact("to release", 3, id="id-1"), arrived(4)
    ),
    "abandoned": story(mail(), arrived(), fact("abandoned", 3, key="2")),
}


@pytest.mark.parametrize("name", KEPT)
def test_nothing_is_said_of_promises_that_were_kept(name: str) -> None:
    assert broken(KEPT[name]) == []


BROKEN: dict[str, tuple[Callable[..., object], Story]] = {
    "not there": (promises.lost, story(None)),
    "sent, and not arrived": (promises.lost, story(mail())),
    "sent, and only denied": (promises.lost, story(mail(), arrived(2, "denied"))),
    "sent to one of two": (promises.lost, story(mail(), arrived(2, recipients=["eve@example.net"]))),
    "failed": (promises.lost, story(mail(State.FAILED))),
    "cancelled by nobody": (promises.lost, story(mail(State.CANCELED))),
    "twice": (promises.doubled, story(mail(), arrived(2), arrived(3))),
    "three times, flagged once": (promises.doubled, story(mail(unsure=1), arrived(2), arrived(3), arrived(4))),
    "in doubt on hold, and not held": (promises.doubled, story(mail(unsure=1, on_unsure=HOLD), arrived(2))),
    "twice on hold": (promises.doubled, story(mail(unsure=1, on_unsure=HOLD), arrived(2), arrived(3))),
    "two contents": (promises.altered, story(mail(unsure=1), arrived(2), arrived(3, digest="e"))),
    "another Message-ID": (promises.altered, story(mail(), arrived(2, message_id="<2@example.org>"))),
    "cancelled and sent": (promises.taken_back, story(mail(), fact("cancel", 2, id="id-1", done=True), arrived(3))),
    "cancelled and arrived": (
        promises.taken_back,
        story(
            mail(State.CANCELED), fact("to cancel", 2, id="id-1"), fact("cancel", 2, id="id-1", done=True), arrived(3)
        ),
    ),
    "arrived while held": (
        promises.taken_back,
        story(mail(), fact("hold", 2, id="id-1", done=True), arrived(3), fact("to release", 4, id="id-1")),
    ),
    "not committed, and there": (promises.abandoned, story(mail(), arrived(), fact("abandoned", 3, key="1"))),
    "not committed, and arrived": (
        promises.abandoned,
        story(mail(), arrived(), arrived(2, key="2"), fact("abandoned", 3, key="2")),
    ),
    "ready": (promises.stuck, story(mail(State.READY))),
    "leased": (promises.stuck, story(mail(State.LEASED))),
    "at the dot": (promises.stuck, story(mail(State.IN_FLIGHT))),
    "held without a doubt": (promises.stuck, story(mail(State.HELD, why="operator"))),
    "held in doubt that was to be sent again": (promises.stuck, story(mail(State.HELD, unsure=1, why="unsure"))),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_promise_is_seen(name: str) -> None:
    judge, told = BROKEN[name]

    assert any(words.startswith(judge.__name__.replace("_", " ")) for words in broken(told))


def taken_over(at: float, mails: int, *, source: str = "b", look: int = 1) -> Fact:
    those = [[f"id-{number}", "unsure"] for number in range(mails)]
    return fact("taken over", at, holder="here:7", look=look, mails=those) | {"source": source}


def look(at: float, ends: float, *, source: str = "b", number: int = 1) -> list[Fact]:
    facts = [fact("look", at, number=number), fact("looked", ends, number=number)]
    return [each | {"source": source} for each in facts]


@pytest.mark.parametrize(
    ("mails", "workers", "few"), [(IN_DOUBT, 1, True), (IN_DOUBT + 1, 1, False), (IN_DOUBT + 1, 2, True)]
)
def test_what_is_in_doubt_after_a_death_is_bounded(mails: int, workers: int, few: bool) -> None:
    told = story(mail(), arrived(), *look(3, 5), taken_over(4, mails), deaths=[Death("here:7", 2, workers)])

    assert (broken(told) == []) is few


@pytest.mark.parametrize(
    ("facts", "soon"),
    [
        ([*look(3, 5), taken_over(4, 1)], True),
        ([*look(3, 5), taken_over(6, 1, look=2), *look(5.5, 7, number=2)], False),
        # Two look at the same time, and share what they find.
        ([*look(3, 5), *look(4, 7, source="c"), taken_over(6, 1, source="c")], True),
        # The first look began before the death, and may have been too early to see it.
        ([*look(1, 3), *look(4, 6, number=2), taken_over(5, 1, look=2)], True),
    ],
)  # fmt: skip
def test_the_first_look_after_a_death_has_to_be_enough(facts: list[Fact], soon: bool) -> None:
    told = story(mail(), arrived(), *facts, deaths=[Death("here:7", 2, 1)])

    assert (broken(told) == []) is soon


@pytest.mark.parametrize(("before", "in_turn"), [(2 * BATCH, True), (2 * BATCH + 1, False)])
def test_urgent_mail_does_not_wait_for_many_of_less_priority(before: int, in_turn: bool) -> None:
    low = [f"low-{number}" for number in range(before)]
    facts = [*(arrived(10 + number / 1e4, key=key) for number, key in enumerate(low)), arrived(11, key="high")]
    told = story(mail(), *facts)

    found = list(overtaken(told, 0, 5.0, frozenset(low), {"high": 9.0}))

    assert (found == []) is in_turn
    assert not list(overtaken(told, 1, 5.0, frozenset(low), {})), "another lane"


def test_a_schedule_follows_from_its_seed_and_begins_with_one_of_each_kind() -> None:
    events = schedule(7, 60)

    assert events == schedule(7, 60)
    assert events != schedule(8, 60)
    assert {event.what for event in events[1 : len(WEIGHTS) + 1]} == set(WEIGHTS)
    assert {kind for event in events for kind in event.lies} == set(LIES)
    assert not any("kill" in event.what for event in schedule(7, 60, frozenset(w for w in WEIGHTS if "kill" in w)))
