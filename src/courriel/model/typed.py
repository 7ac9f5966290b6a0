"""
Protocols and TypedDicts of public signatures.

Apart from the modules that use them, because `typing` costs more to import than all values of the model: type checkers
read this file, and a program that asks `courriel.types` for them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Protocol, TypedDict

from courriel.model.address import Address
from courriel.model.envelope import Notify, OnRefused, Return


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
