"""
Protocols and TypedDicts of public signatures.

Apart from the modules that use them, because `typing` costs more to import than all values of the model: type checkers
read this file, and a program that asks `courriel.types` for them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Protocol, TypedDict

from courriel.model.address import Address
from courriel.model.envelope import Notify, Return
from courriel.model.received.address import ReceivedAddress
from courriel.model.submission import OnRefused


class SendArguments(TypedDict, total=False):
    """Keyword arguments of `send`: the fields of SendOptions."""

    sender: Address | str | None
    to: Address | str | Iterable[Address | str] | None
    on_refused: OnRefused
    notify: Iterable[Notify]
    ret: Return | None
    envid: str
    require_tls: bool


class Piece(Protocol):
    """Part of a message that is generated on each iteration: a file, mostly."""

    @property
    def size(self) -> int:
        """Length in octets, known before the first octet is generated."""
        ...

    def __iter__(self) -> Iterator[bytes]: ...


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
