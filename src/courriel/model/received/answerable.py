"""Protocol of a letter that can be answered; apart, because `typing` costs more to import than the values beside it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from courriel.model.received.address import ReceivedAddress


class Answerable(Protocol):
    """Fields of a letter that a reply needs: `Letter` and its subclasses have them."""

    @property
    def sender(self) -> ReceivedAddress | None: ...
    @property
    def reply_to(self) -> Sequence[ReceivedAddress]: ...
    @property
    def to(self) -> Sequence[ReceivedAddress]: ...
    @property
    def cc(self) -> Sequence[ReceivedAddress]: ...
    @property
    def subject(self) -> str: ...
    @property
    def message_id(self) -> str: ...
    @property
    def in_reply_to(self) -> Sequence[str]: ...
    @property
    def references(self) -> Sequence[str]: ...
    @property
    def date(self) -> datetime | None: ...
    @property
    def text(self) -> str: ...
