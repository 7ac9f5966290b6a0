"""The rules of what becomes of a mail: pure, so that every branch is tried here."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as some

from courriel import Outcome, Receipt, RecipientResult, Reply, errors
from courriel._dataclass import replace
from courriel.outbox import policy
from courriel.outbox.policy import Decision, LaneProblem, RecipientState, decide
from courriel.outbox.store.states import EXPIRED, UNSURE, OnUnsure, State

ADA, BOB, CLEO = "ada@example.org", "bob@example.org", "cleo@example.org"
DAYS = 5 * 86_400.0
OK = Reply(250, ("2.0.0 ok",))
MIDDLE = 0.5  # of chance: no spread
MAIL = RecipientState((ADA, BOB), age=0.0, left=DAYS, tries=1)


def receipt(*fates: tuple[str, Outcome, Reply | None]) -> Receipt:
    return Receipt("mx:25", "<1@x>", OK, tuple(RecipientResult(*fate) for fate in fates))


def refused(
    kind: type[errors.Refused], code: int, text: str, *, stage: errors.Stage, **refusals: Reply
) -> errors.Refused:
    names = {"ada": ADA, "bob": BOB}
    return kind(Reply(code, (text,)), stage=stage, refused={names[name]: reply for name, reply in refusals.items()})


def test_everybody_accepted_is_sent() -> None:
    done = decide(receipt((ADA, Outcome.ACCEPTED, OK), (BOB, Outcome.ACCEPTED, OK)), MAIL, MIDDLE)

    assert done == Decision(State.SENT, (), {ADA: (250, "2.0.0", "ok"), BOB: (250, "2.0.0", "ok")})


def test_who_was_accepted_is_not_tried_again_and_who_was_refused_for_now_is() -> None:
    later = Reply(450, ("4.2.1 busy",))

    done = decide(receipt((ADA, Outcome.ACCEPTED, OK), (BOB, Outcome.REFUSED, later)), MAIL, MIDDLE)

    assert done.state is State.READY
    assert done.recipients == (BOB,)
    assert done.delay == policy.USUAL
    assert done.counted
    assert done.why == f"450 4.2.1 busy ({BOB})"


def test_who_was_refused_for_good_makes_it_failed_when_nobody_is_left() -> None:
    never = Reply(550, ("5.1.1 no such user",))

    done = decide(receipt((ADA, Outcome.ACCEPTED, OK), (BOB, Outcome.REFUSED, never)), MAIL, MIDDLE)

    assert (done.state, done.recipients) == (State.FAILED, ())
    assert done.words[BOB] == (550, "5.1.1", "no such user")


def test_one_that_failed_before_is_not_sent_in_the_end() -> None:
    mail = replace(MAIL, recipients=(ADA,), failed_before=True)

    assert decide(receipt((ADA, Outcome.ACCEPTED, OK)), mail, MIDDLE).state is State.FAILED


@pytest.mark.parametrize("code", [452, 552])
@pytest.mark.parametrize("text", ["5.5.3 too many recipients", "too many recipients"])
def test_too_many_recipients_are_tried_at_once_while_some_are_taken(code: int, text: str) -> None:
    crowd = Reply(code, (text.replace("5.5.3", f"{code // 100}.5.3"),))

    some_taken = decide(receipt((ADA, Outcome.ACCEPTED, OK), (BOB, Outcome.REFUSED, crowd)), MAIL, MIDDLE)
    nobody_taken = decide(
        errors.RecipientsRefused(crowd, stage="recipient", refused={ADA: crowd, BOB: crowd}), MAIL, MIDDLE
    )

    assert (some_taken.state, some_taken.recipients, some_taken.delay) == (State.READY, (BOB,), 0)
    assert (nobody_taken.recipients, nobody_taken.delay) == ((ADA, BOB), policy.USUAL)


def test_a_full_mailbox_is_no_crowd() -> None:
    full = Reply(452, ("4.2.2 mailbox full",))

    done = decide(receipt((ADA, Outcome.ACCEPTED, OK), (BOB, Outcome.REFUSED, full)), MAIL, MIDDLE)

    assert done.delay == policy.USUAL


def test_a_5_that_means_later_is_tried_again() -> None:
    """Orange says 550 for what passes: the failure table knows it."""
    orange = Reply(550, ("5.2.0 Mail rejete. Mail rejected. OFR_999 [999]",))

    done = decide(refused(errors.RecipientsRefused, 550, "x", stage="recipient", ada=orange, bob=orange), MAIL, MIDDLE)

    assert errors.RecipientsRefused(orange, stage="recipient").retryable
    assert done.state is State.READY


@pytest.mark.parametrize(
    ("kind", "stage"),
    [(errors.SenderRefused, "sender"), (errors.MessageRefused, "data"), (errors.MessageRefused, "message")],
)
def test_a_refusal_of_the_mail_is_one_of_each_recipient(kind: type[errors.Refused], stage: errors.Stage) -> None:
    for_good = decide(refused(kind, 554, "5.6.0 no", stage=stage), MAIL, MIDDLE)
    for_now = decide(refused(kind, 451, "4.3.0 not now", stage=stage), MAIL, MIDDLE)

    assert for_good.state is State.FAILED
    assert set(for_good.words) == {ADA, BOB}
    assert (for_now.state, for_now.recipients) == (State.READY, (ADA, BOB))


def test_the_words_to_each_recipient_count_where_there_are_any() -> None:
    said = {"ada": Reply(550, ("5.1.1 no",)), "bob": Reply(450, ("4.2.0 later",))}

    done = decide(refused(errors.RecipientsRefused, 550, "5.1.1 no", stage="recipient", **said), MAIL, MIDDLE)

    assert (done.state, done.recipients) == (State.READY, (BOB,))
    assert done.words[ADA][0] == 550


@pytest.mark.parametrize(("code", "state"), [(550, State.FAILED), (450, State.READY)])
def test_all_or_nothing_fails_or_waits_as_one(code: int, state: State) -> None:
    mail = replace(MAIL, together=True)

    done = decide(
        refused(errors.RecipientsRefused, code, "no", stage="recipient", ada=Reply(code, ("no",))), mail, MIDDLE
    )

    assert done.state is state
    assert done.recipients == ((ADA, BOB) if state is State.READY else ())
    assert done.words[ADA] == (code, "", "no")


IN_DOUBT = errors.ConnectionFailed("the line broke", stage="message", in_doubt=True)


def test_what_is_in_doubt_is_unsure_and_sent_again() -> None:
    done = decide(IN_DOUBT, MAIL, MIDDLE)

    assert (done.state, done.unsure, done.counted) == (State.READY, True, True)
    assert done.delay == policy.USUAL
    assert done.trouble is None


def test_what_is_in_doubt_is_held_where_nobody_may_get_it_twice() -> None:
    done = decide(IN_DOUBT, replace(MAIL, on_unsure=OnUnsure.HOLD), MIDDLE)

    assert (done.state, done.unsure, done.why) == (State.HELD, True, UNSURE)


def test_recipients_in_doubt_are_unsure_and_the_others_have_their_word() -> None:
    done = decide(receipt((ADA, Outcome.ACCEPTED, OK), (BOB, Outcome.IN_DOUBT, None)), MAIL, MIDDLE)

    assert (done.state, done.recipients, done.unsure) == (State.READY, (BOB,), True)
    assert done.words[ADA][0] == 250


def test_one_that_was_not_answered_at_all_is_tried_again() -> None:
    done = decide(receipt((ADA, Outcome.ACCEPTED, OK)), MAIL, MIDDLE)

    assert (done.state, done.recipients, done.unsure) == (State.READY, (BOB,), False)


LANE = [
    errors.ConnectionFailed("refused", stage="connect"),
    errors.NameNotFound("who?", stage="connect"),
    errors.TimedOut("silent", stage="recipient"),
    errors.TlsFailed("bad certificate", stage="secure"),
    errors.ConnectionFailed("closed", stage="sender", reply=Reply(421, ("bye",))),
    errors.CommandRefused(Reply(554, ("go away",)), stage="greeting"),
    errors.CommandRefused(Reply(550, ("who are you?",)), stage="hello"),
    errors.AuthenticationRefused(Reply(454, ("4.7.0 try later",)), stage="authenticate"),
    errors.AuthenticationRefused(Reply(535, ("5.7.8 wrong password",)), stage="authenticate"),
    errors.ProxyError("the proxy refuses the login", stage="connect", hint_id="PROXY-LOGIN-REFUSED"),
    errors.ProxyError("the proxy cannot be reached", stage="connect", hint_id="PROXY-UNREACHABLE"),
    errors.NotSupported("no STARTTLS", capability="STARTTLS", stage="secure"),
    errors.UsageError("no password", stage="authenticate"),
    errors.UsageError("busy", hint_id="SESSION-BUSY"),
    errors.SenderRefused(Reply(450, ("4.7.1 slow down",)), stage="sender"),
    errors.MessageRefused(Reply(451, ("4.7.28 too much mail",)), stage="message"),
]


@pytest.mark.parametrize("failure", LANE, ids=lambda failure: f"{type(failure).__name__}-{failure}")
def test_what_is_the_lane_s_leaves_the_mail_untouched(failure: errors.CourrielError) -> None:
    done = decide(failure, MAIL, MIDDLE)

    assert (done.state, done.recipients, done.counted, done.delay) == (State.READY, (ADA, BOB), False, 0)
    assert done.trouble is not None
    refused = "535" in str(failure) or failure.hint_id == "PROXY-LOGIN-REFUSED"
    assert done.trouble.login is refused
    assert done.trouble.mendable is (refused or isinstance(failure, errors.UsageError))
    assert type(failure).__name__ not in done.trouble.brief
    assert " " in done.trouble.brief or done.trouble.brief == failure.detail
    assert str(failure.reply.code if failure.reply else "") in done.trouble.brief


@pytest.mark.parametrize("failure", LANE, ids=lambda failure: f"{type(failure).__name__}-{failure}")
def test_no_address_is_in_what_a_log_says_of_a_lane(failure: errors.CourrielError) -> None:
    told = type(failure).__new__(type(failure))
    told.__dict__.update(failure.__dict__)
    told.args = ("ada@example.org may not do this",)

    brief = decide(told, MAIL, MIDDLE).trouble

    assert brief is not None
    assert "@" not in brief.brief
    assert failure.reply or brief.brief == "… may not do this"


def test_what_a_log_says_of_a_lane_is_one_line_that_can_be_written() -> None:
    trouble = decide(errors.ConnectionFailed("a\ud800\nb\x1b[2Jé", stage="connect"), MAIL, MIDDLE).trouble

    assert trouble is not None
    assert trouble.brief == r"a\ud800\nb\x1b[2Jé"


def test_greylisting_is_about_a_recipient_and_not_the_lane() -> None:
    grey = Reply(450, ("4.7.1 greylisted",))

    done = decide(
        refused(errors.RecipientsRefused, 450, "4.7.1 x", stage="recipient", ada=grey, bob=grey), MAIL, MIDDLE
    )

    assert done.trouble is None
    assert done.counted


@pytest.mark.parametrize("ours", [errors.NotPermitted("no"), errors.LeaseLost("gone"), errors.OutboxError("disk")])
def test_our_own_no_says_nothing_of_anybody(ours: errors.CourrielError) -> None:
    done = decide(ours, MAIL, MIDDLE)

    assert (done.state, done.counted, done.trouble) == (State.READY, False, None)


def test_what_a_server_cannot_do_is_final() -> None:
    done = decide(errors.NotSupported("too large", capability="SIZE", stage="sender"), MAIL, MIDDLE)

    assert done.state is State.FAILED
    assert done.words[ADA] == (0, "", "too large")


def test_a_broken_protocol_is_tried_again() -> None:
    done = decide(errors.RemoteProtocolError("gibberish", stage="data"), MAIL, MIDDLE)

    assert (done.state, done.counted, done.trouble) == (State.READY, True, None)


@pytest.mark.parametrize("fault", [ZeroDivisionError("oops"), errors.InvalidMessage("no content")])
def test_an_exception_of_our_own_is_tried_five_times_and_then_shown_to_a_person(fault: Exception) -> None:
    early = decide(fault, MAIL, MIDDLE)
    late = decide(fault, replace(MAIL, tries=5), MIDDLE)

    assert early.state is State.READY
    assert early.counted
    assert late.state is State.HELD
    assert type(fault).__name__ in late.why


def test_the_time_of_a_mail_may_be_over_after_its_last_try() -> None:
    done = decide(errors.RemoteProtocolError("gibberish"), replace(MAIL, age=DAYS, left=0), MIDDLE)

    assert (done.state, done.why) == (State.FAILED, EXPIRED)
    assert done.recipients == MAIL.recipients, "each of them has expired"
    assert (policy.expired((ADA,)).state, policy.expired((ADA,)).recipients) == (State.FAILED, (ADA,))


def test_the_next_try_is_not_after_the_end_of_its_life() -> None:
    done = decide(errors.RemoteProtocolError("gibberish"), replace(MAIL, age=DAYS - 60, left=60), MIDDLE)
    unsure = decide(IN_DOUBT, replace(MAIL, age=DAYS, left=-5), MIDDLE)

    assert done.delay == 60
    assert unsure.delay == 0


def test_what_was_not_begun_is_given_back() -> None:
    for_nothing = policy.give_back(MAIL)
    for_the_lane = policy.give_back(MAIL, LANE[0])
    for_a_fault = policy.give_back(MAIL, ZeroDivisionError("oops"))

    assert [done.state for done in (for_nothing, for_the_lane, for_a_fault)] == [State.READY] * 3
    assert not for_nothing.trouble
    assert for_the_lane.trouble == LaneProblem("refused", "refused")
    assert for_a_fault.trouble == LaneProblem("oops", "ZeroDivisionError")


def test_the_tries_of_five_days() -> None:
    """5, 10, 20, 40, 80, 160, 320 minutes after it was put, then every three hours."""
    moments = [0.0]
    while moments[-1] < DAYS:
        moments.append(moments[-1] + policy.wait(moments[-1], DAYS, MIDDLE))

    minutes = [moment / 60 for moment in moments]
    assert minutes[:8] == [0, 5, 10, 20, 40, 80, 160, 320]
    assert {round(after - before) for before, after in pairwise(minutes[8:])} == {180}
    assert len([moment for moment in moments if moment < DAYS]) in range(45, 49)


def test_a_login_code_is_tried_often() -> None:
    assert policy.wait(0, 600, MIDDLE) == 30
    assert policy.wait(0, 60, MIDDLE) == policy.SHORTEST


@given(some.floats(0, 1e7), some.floats(1, 1e7), some.floats(0, 1))
def test_a_wait_is_finite_and_within_its_bounds(age: float, lifetime: float, chance: float) -> None:
    seconds = policy.wait(age, lifetime, chance)

    assert policy.SHORTEST * 0.85 <= seconds <= policy.LONGEST * 1.15


@given(some.floats(0, 1e6), some.floats(0, 1e6), some.floats(0, 1))
def test_an_older_mail_never_waits_less(younger: float, more: float, chance: float) -> None:
    assert policy.wait(younger + more, DAYS, chance) >= policy.wait(younger, DAYS, chance)


@given(some.integers(0, 10_000), some.floats(0, 1), some.booleans())
def test_a_lane_rests_from_ten_seconds_to_ten_minutes(fails: int, chance: float, login: bool) -> None:
    seconds = policy.pause(fails, LaneProblem("x", "x", login), chance)

    assert (510 if login else 8.5) <= seconds <= 690
    assert policy.pause(fails + 1, LaneProblem("x", "x", login), chance) >= seconds


def test_the_pauses_double() -> None:
    assert [policy.pause(fails, LaneProblem("x", "x"), MIDDLE) for fails in range(8)] == [
        10,
        20,
        40,
        80,
        160,
        320,
        600,
        600,
    ]


def test_delayed_is_said_once() -> None:
    hours = [0, 1, 3.9, 4, 4.1, 8]

    said = [policy.is_delayed(before * 3600, now * 3600) for before, now in pairwise(hours)]

    assert said == [False, False, True, False, False]


RESULTS = some.one_of(
    some.sampled_from([*LANE, IN_DOUBT, errors.NotPermitted("no"), ZeroDivisionError("x")]),
    some.builds(
        lambda fates: receipt(
            *((name, outcome, reply) for name, (outcome, reply) in zip((ADA, BOB), fates, strict=True))
        ),
        some.lists(
            some.sampled_from(
                [
                    (Outcome.ACCEPTED, OK),
                    (Outcome.REFUSED, Reply(450, ("4.2.0 x",))),
                    (Outcome.REFUSED, Reply(550, ("5.1.1 x",))),
                    (Outcome.IN_DOUBT, None),
                ]
            ),
            min_size=2,
            max_size=2,
        ),
    ),
)


@given(RESULTS, some.floats(0, 1e6), some.floats(-10, 1e6), some.sampled_from(OnUnsure), some.floats(0, 1))
def test_nobody_is_forgotten_and_nobody_is_tried_twice(
    result: policy.Result, age: float, left: float, on_unsure: OnUnsure, chance: float
) -> None:
    mail = RecipientState((ADA, BOB), age, left, 1, on_unsure)

    done = decide(result, mail, chance)

    accepted = {name for name, word in done.words.items() if word[0] == 250}
    assert not accepted & set(done.recipients)
    if done.state in (State.READY, State.HELD):
        assert done.recipients
        assert done.delay >= 0
    else:
        assert not done.recipients or done.why == EXPIRED
    assert {ADA, BOB} == {*done.words, *done.recipients}, "each has a word, or is kept"
    if done.state is State.SENT:
        assert accepted == {ADA, BOB}
    assert done.unsure is (
        getattr(result, "in_doubt", False)
        or (isinstance(result, Receipt) and any(fate.outcome is Outcome.IN_DOUBT for fate in result.fates))
    )
