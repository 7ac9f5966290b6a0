"""Recognition of a report: which kind of letter it is, if any."""

from __future__ import annotations

from collections.abc import Callable

from courriel.model.received.report import Report
from courriel.wire.parse.header import Header
from courriel.wire.parse.parts import Leaf


def report_of(header: Header, body: Callable[[], tuple[bytes, list[Leaf]]]) -> Report | None:
    """Report that a letter is; None for a letter of a person, or of a machine about nothing that was sent.

    `body` returns the whole letter and its parts; it is called when the header does not rule a report out.
    """
    return None
