"""Walking over a program's tree."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields, is_dataclass

from courriel.wlangage.language.syntax.nodes import Node, Procedure


def walk(thing: object, *, into_procedures: bool = True) -> Iterator[Node]:
    """Yield every node in a node or a list of nodes, each before what it contains; without recursion, for long sums."""
    waiting = [thing]
    while waiting:
        each = waiting.pop()
        if isinstance(each, list | tuple):
            waiting.extend(reversed(each))
        elif is_dataclass(each) and not isinstance(each, type):
            if isinstance(each, Node):
                yield each
                if isinstance(each, Procedure) and not into_procedures and each is not thing:
                    continue
            waiting.extend(getattr(each, field.name) for field in reversed(fields(each)) if field.name != "place")
