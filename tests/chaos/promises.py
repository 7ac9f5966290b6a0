"""
What an outbox promises, judged by ledgers that others kept: a pure function from what is known to what was broken.

The ledgers are of producers (who was told that a mail is kept), of the actor (what he was told), of the server (what
arrived, to the last octet), and of the workers (whom they found dead). Beside them, how each mail stands at the end.
"""

from __future__ import annotations

import inspect
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence

from chaos.ledger import Fact
from courriel import Outbox
from courriel._dataclass import dataclass, field
from courriel.outbox.store.facts import MailInfo
from courriel.outbox.store.states import UNSURE, OnUnsure, State
from courriel.outbox.work.worker import BATCH

_ASKED = inspect.signature(Outbox.worker).parameters
IN_DOUBT: int = (_ASKED.get("ahead") or _ASKED["batch"]).default
"""Mails that a killed worker may leave in doubt, by the outbox's own default."""

BATCHES = 2
"""Batches that a mail may wait for others of less priority, once nothing keeps it from being claimed."""


@dataclass(frozen=True, slots=True)
class Death:
    """A worker that was killed: its holder's name ("host:process"), when it was certainly dead, its threads."""

    holder: str
    at: float
    workers: int


@dataclass(frozen=True, slots=True)
class Story:
    """Everything that is known of one run. `mails` is how they stand at the end, by key."""

    facts: Sequence[Fact]
    mails: Mapping[str, MailInfo]
    deaths: Sequence[Death] = ()
    _by_kind: dict[str, list[Fact]] = field(default_factory=dict)

    def all(self, what: str) -> list[Fact]:
        """The facts of one kind, in the order of their times."""
        if not self._by_kind:
            for fact in self.facts:
                self._by_kind.setdefault(fact["what"], []).append(fact)
        return self._by_kind.get(what, [])


def broken(story: Story) -> list[str]:
    """Every promise that was broken, in words; empty when all were kept."""
    judges = (lost, doubled, altered, taken_back, abandoned, stuck, in_doubt, late_taken_over)
    return [f"{judge.__name__.replace('_', ' ')}: {words}" for judge in judges for words in judge(story)]


def lost(story: Story) -> Iterator[str]:
    """Whoever was told that a mail is kept finds it, and what it says of each recipient is true."""
    arrived = _copies(story)
    for fact in story.all("acknowledged"):
        info = story.mails.get(fact["key"])
        if info is None:
            yield f"nobody knows {fact['key']}, which was acknowledged"
        elif info.state is State.SENT:
            yield from (f"said to be sent, and never arrived: {info}" for name in fact["recipients"]
                        if not arrived[info.key, name])  # fmt: skip
        elif info.state is State.FAILED:
            yield f"failed, and nobody has refused it: {info}"
        elif info.state is State.CANCELED and not _tried_to(story, "cancel", info):
            yield f"cancelled by nobody: {info}"


def doubled(story: Story) -> Iterator[str]:
    """Each further copy was flagged, and with "hold" there is none, nor has anybody tried."""
    for info in story.mails.values():
        if info.on_unsure is OnUnsure.HOLD and info.unsure and info.state not in (State.HELD, State.CANCELED):
            yield f"in doubt and on hold, and sent again: {info}"
    for (key, name), count in _copies(story).items():
        info = story.mails.get(str(key))
        if info is None or count < 2:
            continue
        if count > 1 + info.unsure:
            yield f"{count} copies for {name}, in doubt {info.unsure} times: {info}"
        if info.on_unsure is OnUnsure.HOLD:
            yield f"{count} copies for {name}, on hold: {info}"


def altered(story: Story) -> Iterator[str]:
    """All copies are the same to the octet, Message-ID included."""
    seen = defaultdict(set)
    for fact in story.all("arrived"):
        seen[fact["key"]].add((fact["message_id"], fact["digest"]))
    for key, those in seen.items():
        if len(those) > 1:
            yield f"{key} arrived as {len(those)} different mails"
        info = story.mails.get(key)
        if info is not None and {ident for ident, _ in those} != {info.message_id}:
            yield f"it arrived under another Message-ID: {info}"


def taken_back(story: Story) -> Iterator[str]:
    """What was cancelled does not arrive, nor what is held while it is; unless it had left before, and said so."""
    when = _arrivals(story)
    keys = {info.id: info for info in story.mails.values()}
    for fact in story.all("cancel"):
        info = keys.get(fact["id"])
        if info is None or not fact["done"]:
            continue
        if info.state is not State.CANCELED:
            yield f"cancelled, and it is not: {info}"
        if not info.unsure and any(
            each["at"] > fact["at"] or (each["answer"] == "taken" and not _is_known(info, each))
            for each in when[info.key]
        ):
            yield f"cancelled, and it arrived: {info}"
    for fact in story.all("hold"):
        info = keys.get(fact["id"])
        if info is None or not fact["done"] or info.unsure:
            continue
        released = [each["at"] for each in story.all("to release") if each["id"] == info.id]
        ends = min((at for at in released if at > fact["at"]), default=float("inf"))
        if any(fact["at"] < each["at"] < ends for each in when[info.key]):
            yield f"held, and it arrived: {info}"


def abandoned(story: Story) -> Iterator[str]:
    """A transaction that was not committed has put nothing."""
    when = _arrivals(story)
    for fact in story.all("abandoned"):
        if fact["key"] in story.mails or when[fact["key"]]:
            yield f"{fact['key']} was never committed, and is there"


def stuck(story: Story) -> Iterator[str]:
    """At the end nothing waits that nobody may touch: held is only what a person has to decide."""
    for info in story.mails.values():
        if info.state in (State.READY, State.LEASED, State.IN_FLIGHT):
            yield f"it has no end: {info}"
        elif info.state is State.HELD and not (info.on_unsure is OnUnsure.HOLD and info.unsure and info.why == UNSURE):
            yield f"held, and not in doubt: {info}"


def in_doubt(story: Story) -> Iterator[str]:
    """A worker that was killed leaves few mails in doubt."""
    for death in story.deaths:
        doubtful = doubtful_of(story, death.holder)
        if len(doubtful) > IN_DOUBT * death.workers:
            yield f"{len(doubtful)} mails of {death.holder}, which sent with {death.workers} threads"


def doubtful_of(story: Story, holder: str) -> set[str]:
    """The mails of a dead worker that may have left."""
    return {
        ident
        for fact in story.all("taken over")
        if fact["holder"] == holder
        for ident, why in fact["mails"]
        if why == UNSURE
    }


def late_taken_over(story: Story) -> Iterator[str]:
    """The first look at the others after a death is enough: all that the dead one had is taken over."""
    looks = [*_looks(story)]
    for death in story.deaths:
        ends = min((look.ends for look in looks if look.began > death.at), default=float("inf"))
        for fact in story.all("taken over"):
            if fact["holder"] == death.holder and _began(looks, fact) > ends:
                yield f"{len(fact['mails'])} mails of {death.holder} were found by a later look than the first"


def overtaken(story: Story, lane: int, since: float, low: frozenset[str], high: Mapping[str, float]) -> Iterator[str]:
    """None of the `high` mails of a lane, READY from its moment on, has waited for more than two batches of `low` ones.

    Judged by arrivals alone, from `since` on; those that arrived before it do not count.
    """
    arrivals = [fact for fact in story.all("arrived") if fact["lane"] == lane]
    for key, ready in high.items():
        at = min((fact["at"] for fact in arrivals if fact["key"] == key), default=float("inf"))
        begins = max(ready, since)
        before = sum(begins < fact["at"] < at and fact["key"] in low for fact in arrivals)
        if at > begins and before > BATCHES * BATCH:
            yield f"{before} mails of less priority arrived before {key}"


# The steps.


@dataclass(frozen=True, slots=True)
class _Look:
    source: str
    number: int
    began: float
    ends: float


def _looks(story: Story) -> Iterator[_Look]:
    """Each look of a worker at the others that came to its end."""
    ends = {(fact["source"], fact["number"]): fact["at"] for fact in story.all("looked")}
    for fact in story.all("look"):
        name = fact["source"], fact["number"]
        if name in ends:
            yield _Look(*name, fact["at"], ends[name])


def _began(looks: Iterable[_Look], taken: Fact) -> float:
    """When the look began that a taking over belongs to; one that has no end proves nothing."""
    name = taken["source"], taken["look"]
    return min((look.began for look in looks if (look.source, look.number) == name), default=0.0)


def _copies(story: Story) -> Counter[tuple[str | None, str]]:
    """How often each mail arrived for each recipient; not where the server itself has said that it had not."""
    return Counter(
        (fact["key"], name) for fact in story.all("arrived") if fact["answer"] == "taken" for name in fact["recipients"]
    )


def _arrivals(story: Story) -> defaultdict[str | None, list[Fact]]:
    when: defaultdict[str | None, list[Fact]] = defaultdict(list)
    for fact in story.all("arrived"):
        when[fact["key"]].append(fact)
    return when


def _is_known(info: MailInfo, arrival: Fact) -> bool:
    """Whether it says itself that these recipients have it: a mail may be cancelled while it waits for others."""
    return set(arrival["recipients"]) <= set(info.accepted)


def _tried_to(story: Story, act: str, info: MailInfo) -> bool:
    return any(fact["id"] == info.id for fact in story.all(f"to {act}"))
