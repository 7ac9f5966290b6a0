"""The store against a model of ten lines a rule: whatever happens in whatever order, both say the same."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass, field
from itertools import count, takewhile
from pathlib import Path

from hypothesis import settings
from hypothesis import strategies as some
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, initialize, invariant, multiple, rule

from courriel.outbox.store.base import Store
from courriel.outbox.store.facts import Query
from courriel.outbox.store.jobs import Job, LeaseTerms
from courriel.outbox.store.sql.claiming import at_once
from courriel.outbox.store.sqlite.store import SqliteStore
from courriel.outbox.store.states import POISON_AFTER, Action, OnUnsure, State
from fast_part import examples
from outbox.conftest import new_mail, settled

LONG, OVER = 1_000_000.0, -1.0


@dataclass
class Mail:
    """What one mail should be."""

    on_unsure: OnUnsure
    state: State = State.READY
    token: str = ""
    over: bool = False
    lost: int = 0
    unsure: int = 0
    tries: int = 0
    ends: set[str] = field(default_factory=set)
    """Tokens under which its end may have left: each may be a copy at somebody's."""
    released: bool = False


class Model(RuleBasedStateMachine):
    """Any number of workers and people, at one store."""

    jobs: Bundle[Job] = Bundle("jobs")

    @initialize()
    def begin(self) -> None:
        self.folder = tempfile.TemporaryDirectory()
        # Nothing by chance, or Hypothesis cannot tell a story twice: time goes on by a second a look.
        ticks = count(1_000_000)
        self.store: Store = SqliteStore(Path(self.folder.name) / "outbox.db", clock=lambda: float(next(ticks)))
        self.numbers = count(1)
        self.mails: dict[str, Mail] = {}
        self.keys: dict[str, str] = {}

    def teardown(self) -> None:
        self.store.close()
        self.folder.cleanup()

    @rule(key=some.sampled_from([None, "a", "b"]), on_unsure=some.sampled_from(OnUnsure), priority=some.integers(0, 2))
    def put(self, key: str | None, on_unsure: OnUnsure, priority: int) -> None:
        (ident,) = self.store.put(
            [new_mail(id=f"{next(self.numbers):032}", key=key, on_unsure=on_unsure, priority=priority)]
        )
        if key is not None and key in self.keys:
            assert ident == self.keys[key]
            return
        assert ident not in self.mails
        self.mails[ident] = Mail(on_unsure)
        if key is not None:
            self.keys[key] = ident

    @rule(target=jobs, most=some.integers(0, 4), lease=some.sampled_from([LONG, OVER]))
    def claim(self, most: int, lease: float) -> object:
        recovered = self.store.claim("billing", 0, lease=lease, holder="x").recovered
        expected = {ident for ident, mail in self.mails.items() if mail.token and mail.over}
        assert {found.id for found in recovered} == expected
        for ident in expected:
            self._lose(self.mails[ident])
        turns = self._turns(most)

        claimed = self.store.claim("billing", most, lease=lease, holder="x")

        assert [job.id for job in claimed.jobs] == turns
        for job in claimed.jobs:
            mail = self.mails[job.id]
            mail.state, mail.token, mail.over, mail.tries = State.LEASED, job.token, lease == OVER, mail.tries + 1
            assert (job.tries, job.unsure, job.lost) == (mail.tries, mail.unsure, mail.lost)
        return multiple(*claimed.jobs)

    def _turns(self, most: int) -> list[str]:
        """Who is next: by priority and time, up to the first that was lost; or that one, with others like it."""
        waiting = sorted(self.store.read(Query(state=State.READY)), key=lambda info: (info.priority, info.due, info.id))
        calm = list(takewhile(lambda info: not info.lost, waiting))
        if calm or not waiting:
            return [info.id for info in calm[:most]]
        first = waiting[0]
        alike = [info for info in waiting if (info.priority, info.lost) == (first.priority, first.lost)]
        return [info.id for info in alike[: min(most, at_once(first.lost, most))]]

    def _lose(self, mail: Mail) -> None:
        mail.lost += 1
        if mail.state is State.IN_FLIGHT:
            mail.unsure += 1
            held = mail.on_unsure is OnUnsure.HOLD
        else:
            held = False
        mail.state = State.HELD if held or mail.lost >= POISON_AFTER else State.READY
        mail.token = ""

    @rule(job=jobs, lease=some.sampled_from([LONG, OVER]))
    def mark(self, job: Job, lease: float) -> None:
        mail = self.mails[job.id]
        allowed = mail.token == job.token and not mail.over

        assert self.store.mark([job], lease=lease) == [allowed]

        if allowed:
            mail.state, mail.over = State.IN_FLIGHT, lease == OVER
            mail.ends.add(job.token)

    @rule(target=jobs, job=consumes(jobs), most=some.integers(0, 4), lease=some.sampled_from([LONG, OVER]))
    def go_on(self, job: Job, most: int, lease: float) -> object:
        mail = self.mails[job.id]
        ours = mail.token == job.token
        # What is settled is settled first, and may not be recovered in the same breath.
        if ours:
            mail.state, mail.token, mail.lost, mail.over = State.SENT, "", 0, False

        claimed = self.store.go_on([settled(job)], "billing", most, LeaseTerms(LONG, "x", lease, most))

        assert claimed.settled == (ours,)
        for found in claimed.recovered:
            self._lose(self.mails[found.id])
        for each in claimed.jobs:
            leased = self.mails[each.id]
            assert leased.state is State.READY
            assert not (claimed.marked and leased.lost)
            leased.token, leased.tries = each.token, leased.tries + 1
            leased.state = State.IN_FLIGHT if claimed.marked else State.LEASED
            leased.over = claimed.marked and lease == OVER
            if claimed.marked:
                leased.ends.add(each.token)
        return multiple(*claimed.jobs)

    @rule(job=jobs)
    def extend(self, job: Job) -> None:
        mail = self.mails[job.id]

        assert self.store.extend([job], lease=LONG) == [mail.token == job.token and not mail.over]

    @rule(job=consumes(jobs), state=some.sampled_from([State.READY, State.SENT, State.FAILED, State.HELD]))
    def settle(self, job: Job, state: State) -> None:
        mail = self.mails[job.id]
        ours = mail.token == job.token

        assert self.store.settle([settled(job, state, recipients=job.recipients)]) == [ours]

        if ours:
            if mail.state is State.IN_FLIGHT and state is not State.SENT:
                mail.ends.discard(job.token)  # the server said no, so that there is no copy
            mail.state, mail.token, mail.lost, mail.over = state, "", 0, False

    @rule(data=some.data(), action=some.sampled_from(["cancel", "hold", "release", "retry_now"]))
    def edit(self, data: some.DataObject, action: Action) -> None:
        if not self.mails:
            return
        ident = data.draw(some.sampled_from(sorted(self.mails)))
        mail = self.mails[ident]
        after = {
            "cancel": {State.READY: State.CANCELED, State.LEASED: State.CANCELED, State.HELD: State.CANCELED},
            "hold": {State.READY: State.HELD, State.LEASED: State.HELD},
            "release": {State.HELD: State.READY},
            "retry_now": {State.READY: State.READY},
        }[action].get(mail.state)

        assert self.store.edit(ident, action) is (after is not None)

        if after is not None:
            mail.state, mail.token, mail.over = after, "", False
            if action == "release":
                mail.released, mail.lost = True, min(mail.lost, 1)

    @invariant()
    def both_say_the_same(self) -> None:
        if not hasattr(self, "mails"):
            return
        there = {info.id: info for info in self.store.read(Query())}
        assert set(there) == set(self.mails), "put means kept"
        for ident, mail in self.mails.items():
            info = there[ident]
            assert (info.state, info.unsure, info.lost, info.tries) == (mail.state, mail.unsure, mail.lost, mail.tries)
            assert len(mail.ends) <= 1 or mail.unsure, "a copy that nobody was told of"
            assert len(mail.ends) <= 1 or mail.on_unsure is OnUnsure.RESEND or mail.released, "a copy where none may be"


TestModel = Model.TestCase
TestModel.settings = settings(max_examples=examples(60), stateful_step_count=40)
