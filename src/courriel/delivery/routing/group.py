"""Group of ways out: names, limits and rests of the ways of Failover and RoundRobin, blocking and for asyncio."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

from courriel import errors
from courriel.delivery.routing.health import WayHealth
from courriel.delivery.routing.tries import Choice
from courriel.delivery.routing.ways import names_of

if TYPE_CHECKING:
    from courriel.delivery.urls.route import Route


class NamedWay(Protocol):
    """Name and limits of a way, whose transport may be of either kind."""

    @property
    def name(self) -> str: ...
    @property
    def route(self) -> Route | None: ...
    @property
    def answer_limit(self) -> float: ...
    @property
    def obeys_recipient_rule(self) -> bool: ...


AnyWay = TypeVar("AnyWay", bound=NamedWay)


class WayGroup(Generic[AnyWay]):
    """Several ways out and the choice among them: names, limits, and which ways rest."""

    _word = ""
    _rotating = False
    _ways: tuple[AnyWay, ...]
    _choice: Choice

    @classmethod
    def _choice_among(cls, ways: Sequence[AnyWay], retry: float, health: WayHealth | None) -> Choice:
        """Choice among the ways, one of which rests for `retry` seconds once it failed. Raises UsageError."""
        given: object = retry
        if isinstance(given, bool) or not isinstance(given, int | float) or not 0 < given <= 86_400:
            raise errors.UsageError(f"retry: seconds, up to a day, not {retry!r}", stage="compose")
        if not isinstance(health, WayHealth | None):
            raise errors.UsageError(f"health: a WayHealth, not {type(health).__name__}", stage="compose")
        names = names_of([way.name for way in ways], [way.route for way in ways])
        return Choice(names, health or WayHealth(len(names), rest=retry), rotating=cls._rotating)

    @property
    def name(self) -> str:
        """Its ways, for people: "failover(smtp.example.org:465, relay.example.net:587)"."""
        return f"{self._word}({', '.join(self._choice.names)})"

    @property
    def ways(self) -> tuple[str, ...]:
        """Names of its ways, in order, all different."""
        return tuple(self._choice.names)

    @property
    def resting(self) -> tuple[str, ...]:
        """Names of the ways that failed lately, and rest."""
        return tuple(name for way, name in enumerate(self._choice.names) if self._choice.health.rests(way))

    @property
    def answer_limit(self) -> float:
        """Seconds from the yes of `before_end` to the last answer: the longest of its ways; no other follows then."""
        return max(way.answer_limit for way in self._ways)

    @property
    def obeys_recipient_rule(self) -> bool:
        """True when all its ways obey the recipient rules (`redirect_to`, `allowlist`, variables of that name)."""
        return all(way.obeys_recipient_rule for way in self._ways)
