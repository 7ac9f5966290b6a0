"""Lanes of an outbox: their state in words, and whether this machine knows where they lead."""

from __future__ import annotations

from typing import TYPE_CHECKING

from courriel import errors
from courriel.cli.i18n import label, say, visible
from courriel.cli.outbox.duration import span
from courriel.failures import spoken

if TYPE_CHECKING:
    from collections.abc import Mapping

    from courriel import Outbox
    from courriel.types import LaneInfo


LOOKED_UP = 20
"""Lanes that are looked up in the settings of this machine at a time: each costs milliseconds."""


def lanes_of(outbox: Outbox) -> Mapping[str, LaneInfo]:
    """The lanes of an outbox by their names."""
    return {lane.name: lane for lane in outbox.lanes()}


def no_way(lane: str) -> errors.UsageError | None:
    """Why no worker on this machine sends by a lane; None when one can."""
    from courriel.outbox.lanes import Lanes

    try:
        Lanes({}).way(lane)
    except errors.UsageError as unknown:
        return unknown
    return None


def lane_line(lane: LaneInfo) -> str:
    """State of a stopped or paused lane; "" otherwise."""
    if lane.stopped:
        return f"{visible(lane.name)}{say(' : arrêtée (courriel outbox resume)', ': stopped (courriel outbox resume)')}"
    if lane.paused > 0:
        words = say(f" : en pause encore {span(lane.paused)}", f": paused for {span(lane.paused)} more")
        return f"{visible(lane.name)}{words}{label(', motif', ', why')}{visible(spoken(lane.why))}"
    return ""


def unknown_line(lane: str, unknown: errors.UsageError) -> str:
    """Say that no worker of this machine sends by a lane, and why."""
    return (
        f"{visible(lane)}{say(' : inconnue de cette machine', ': unknown on this machine')}"
        f" ({visible(spoken(unknown.detail))})"
    )


def when_sent(lane: LaneInfo | None) -> str:
    """When a mail that may leave now does: at once, or once its lane goes on."""
    if lane is not None and lane.stopped:
        resume = f"courriel outbox resume {visible(lane.name)}"
        return say(f"sera essayé quand sa voie, arrêtée, sera remise en marche ({resume})",
                   f"will be tried when its lane, which is stopped, is started again ({resume})")  # fmt: skip
    if lane is not None and lane.paused > 0:
        left = span(lane.paused)
        resume = f"courriel outbox resume {visible(lane.name)}"
        return say(f"sera essayé après la pause de sa voie, encore {left} ({resume} y met fin)",
                   f"will be tried after the pause of its lane, {left} more ({resume} ends it)")  # fmt: skip
    return say("sera essayé dès qu'un processus d'envoi tourne", "will be tried as soon as a worker runs")
