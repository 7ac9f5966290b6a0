"""Keyword arguments of `Outbox.put`, for type checkers and `courriel.types` (see courriel.model.typed)."""

from __future__ import annotations

from courriel.model.messages.message import Priority
from courriel.model.typed import SendArguments
from courriel.outbox.putting.encoding import Moment


class PutArguments(SendArguments, total=False):
    """Send options, and options of the outbox, beside `via` and `key`."""

    not_before: Moment
    expires: Moment
    priority: Priority | str
    on_unsure: str
    stream: str
    verp: str
