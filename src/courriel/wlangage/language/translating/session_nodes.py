"""Statements of a translated program that open a session and send by it: what `sessions` makes of a program's own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from courriel.wlangage.language.syntax.nodes import Expression, Node, Statement


@dataclass(slots=True)
class Opening:
    """Arguments of a session: values that are known when the program is translated, and expressions for the others."""

    name: Expression
    host: Expression
    port: int
    security: Literal["NONE", "STARTTLS", "TLS"]
    password: Expression | None
    is_known: bool
    """Whether name and password are known, and fit."""


@dataclass(slots=True)
class WithSession(Node):
    """A session, the statements that use it, and those for when it cannot be opened; `last` is their line.

    `order`: "block" when the block stands before the others, "failing" behind them, "guard" when those leave.
    """

    opening: Opening
    order: Literal["block", "failing", "guard"]
    block: list[Statement]
    failing: list[Statement]
    last: int
    closed: int
    """Line of EmailFermeSession."""
    end: int


@dataclass(slots=True)
class Sending(Node):
    """A mail that is sent, with the statements for either result; `accepted_first` when those stand before."""

    session: Expression
    email: Expression
    accepted: list[Statement]
    refused: list[Statement]
    last: int
    """Last line of the call."""
    accepted_first: bool
    end: int
