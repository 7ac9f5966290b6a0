"""Connection to a database within one transaction, as every engine has it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol, TypeVar

T = TypeVar("T")
Values = Mapping[str, object]


class Result(Protocol):
    """Result of a statement."""

    @property
    def rowcount(self) -> int: ...
    def fetchone(self) -> Any: ...
    def fetchall(self) -> list[Any]: ...


class SqlConnection(Protocol):
    """A connection within one transaction."""

    def execute(self, statement: str, values: Any = ..., /) -> Result: ...
