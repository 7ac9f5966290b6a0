"""Two leases of one mail in the hands of one worker: what is known of the first says nothing of the second."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator

import pytest

from courriel import Outbox, Ticket, errors
from courriel.delivery.transport import Result, one_after_the_other
from courriel.model.receipt import Outcome, Receipt, RecipientResult
from courriel.model.submission import Submission
from courriel.outbox.store.base import Store
from courriel.outbox.store.jobs import Job
from courriel.outbox.store.states import State
from courriel.outbox.work.batch import Batch
from courriel.reply import Reply
from outbox.conftest import claim, message, new_mail, settled

TAKEN = Reply(250, ("2.0.0 taken",))
TOO_MANY = Reply(452, ("4.5.3 too many recipients",))


def claimed_again(store: Store, batch: Batch) -> Job:
    """The mail, claimed into the same batch once more."""
    (job,) = claim(store)
    batch.lease_out([job])
    return job


def state_of(store: Store, job: Job) -> State:
    info = store.find(id=job.id)
    assert info is not None
    return info.state


def batch_of_one(store: Store) -> tuple[Batch, Job]:
    store.put([new_mail(recipients=("bob@example.org", "eve@example.org"))])
    (job,) = claim(store)
    return Batch(store, [job], answer_limit=60), job


def test_a_mark_of_one_lease_does_not_let_the_end_of_the_next_leave(store: Store) -> None:
    """It was tried a moment ago, and is due again at once: for the second end there has to be a second mark."""
    batch, first = batch_of_one(store)
    assert batch.before_end(first)
    assert batch.answered(first)
    store.settle([settled(first, State.READY, recipients=("eve@example.org",))])

    second = claimed_again(store, batch)

    assert not batch.may_have_left(second)
    assert batch.unmarked == [second], "it is extended while it waits"
    assert batch.before_end(second)
    assert state_of(store, second) is State.IN_FLIGHT


def test_what_was_not_sent_yet_under_its_second_lease_is_given_back(store: Store) -> None:
    batch, first = batch_of_one(store)
    batch.before_end(first)
    batch.answered(first)
    store.settle([settled(first, State.READY, recipients=("eve@example.org",))])
    second = claimed_again(store, batch)

    assert batch.end() == [second]


def test_a_claim_replaces_no_open_job(store: Store) -> None:
    """A person holds and releases it meanwhile: of both leases there will be a result, and one of them counts."""
    batch, first = batch_of_one(store)
    assert store.edit(first.id, "hold")
    assert store.edit(first.id, "release")

    second = claimed_again(store, batch)

    assert batch.unanswered == [first, second]
    assert not batch.before_end(first)
    assert batch.before_end(second)
    assert batch.answered(first)
    assert batch.unanswered == [second]
    assert batch.answered(second)
    assert store.settle([settled(first), settled(second)]) == [False, True]


def test_an_answer_to_one_lease_leaves_the_other_in_doubt(store: Store) -> None:
    batch, first = batch_of_one(store)
    store.edit(first.id, "hold")
    store.edit(first.id, "release")
    second = claimed_again(store, batch)
    batch.before_end(second)

    batch.answered(first)
    batch.written([first.lease_id])

    assert batch.ahead.in_doubt == {second.lease_id}
    assert batch.end() == []
    assert batch.part_with_rest() == [second]


class OneAtATime:
    """A transport that takes one recipient of each mail, and notes how the mail stands when its end leaves.

    `reads_ahead` is how many mails it takes before it sends the first; `before` is called with each of them.
    """

    name, answer_limit, parallel = "one at a time", 60.0, 1

    def __init__(self, look: Callable[[str], State]) -> None:
        self._look = look
        self.states: Counter[State] = Counter()
        self.arrived: Counter[str] = Counter()
        self.before: Callable[[], object] = lambda: None
        self.reads_ahead = 0

    def submit(self, submission: Submission) -> Receipt:
        assert submission.before_end is not None
        if not submission.before_end():
            raise errors.NotPermitted("not to be sent")
        self.states[self._look(submission.message_id)] += 1
        taken, *others = [str(each) for each in submission.envelope.recipients]
        self.arrived[f"{submission.message_id} {taken}"] += 1
        fates = [RecipientResult(taken, Outcome.ACCEPTED, TAKEN)]
        fates += [RecipientResult(name, Outcome.REFUSED, TOO_MANY) for name in others]
        return Receipt(self.name, submission.message_id, TAKEN, tuple(fates))

    def submit_many(self, submissions: Iterable[Submission], *, window: object = 1) -> Iterator[Result]:
        waiting: deque[Submission] = deque()
        for submission in submissions:
            self.before()
            waiting.append(submission)
            if len(waiting) > self.reads_ahead:
                yield from one_after_the_other(self.submit, [waiting.popleft()])
        yield from one_after_the_other(self.submit, waiting)

    def hang_up(self) -> None: ...

    def close(self) -> None: ...


@pytest.fixture
def transport(outbox: Outbox) -> OneAtATime:
    def look(message_id: str) -> State:
        (state,) = (info.state for info in outbox.list() if info.message_id == message_id)
        return state

    return OneAtATime(look)


def test_each_end_leaves_under_a_mark_of_its_own_though_the_rest_is_due_at_once(
    outbox: Outbox, transport: OneAtATime
) -> None:
    """Whoever is killed at any of these moments leaves the mail in doubt, and nobody gets it twice unseen."""
    both = ["bob@example.org", "eve@example.org"]
    tickets = outbox.put_many([message(n, to=both) for n in range(16)], via=transport)

    outbox.worker(batch=8, ahead=4).run_once()

    assert transport.states == {State.IN_FLIGHT: 32}
    assert [ticket.status for ticket in tickets] == [State.SENT] * 16


def test_mails_held_and_released_in_a_worker_s_hand_arrive_once_and_have_their_end(
    outbox: Outbox, transport: OneAtATime
) -> None:
    tickets = outbox.put_many([message(n) for n in range(16)], via=transport, on_unsure="hold")
    held: list[Ticket] = []

    def hold_and_release() -> None:
        if len(held) < 12:  # and then leaves them alone, or they would never be sent
            held.extend(ticket for ticket in tickets[::3] if ticket.hold() and ticket.release())

    transport.before, transport.reads_ahead = hold_and_release, 100

    outbox.worker(batch=8, ahead=4).run_once()

    assert len(held) >= 12
    assert [ticket.status for ticket in tickets] == [State.SENT] * 16
    assert set(transport.arrived.values()) == {1}
    assert len(transport.arrived) == 16
    assert transport.states == {State.IN_FLIGHT: 16}
