"""The statements of the outbox by their names, as they stand in `sql/*.sql`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from importlib.resources import files
from operator import itemgetter
from typing import Any

from courriel.expressions import expression

_OUT_OF_HAND = (0, 3, 4, 5, 6)  # every State but LEASED and DOT

_NAMED = expression(r"^-- name: (\w+)\n", 8)  # 8: re.MULTILINE
_COMMENT = expression(r"--[^\n]*|/\*.*?\*/")
_PARAMETER = expression(r":(\w+)")


@cache
def statements() -> dict[str, str]:
    """Every statement, written for named parameters (`:name`)."""
    _, *parts = _NAMED.split(script("statements"))
    named = {name: text.strip().removesuffix(";") for name, text in zip(parts[::2], parts[1::2], strict=True)}
    return named | {"read_any": _in_any_state(named)}


def _in_any_state(named: Mapping[str, str]) -> str:
    """A page of mails in any state: the first ones of each, in order, put together."""
    pages = [named["read_state"].replace(":state", str(state)) for state in _OUT_OF_HAND]
    pages.append(named["read_in_hand"].replace(":state", "-1"))
    each = [f"SELECT * FROM ({page}\n) AS page" for page in pages]
    return "\nUNION ALL\n".join(each) + "\nORDER BY 1, 2 LIMIT :most"


def by_position(statement: str) -> tuple[str, Callable[[Mapping[str, Any]], tuple[Any, ...]]]:
    """The same statement with question marks, and what puts its parameters in order: quicker when said many times."""
    bare = _COMMENT.sub("", statement)
    names = _PARAMETER.findall(bare)

    def only(values: Mapping[str, Any]) -> tuple[Any, ...]:
        return (values[names[0]],)

    return _PARAMETER.sub("?", bare), itemgetter(*names) if len(names) > 1 else only


def script(name: str) -> str:
    """The text of one file in `sql`."""
    return (files("courriel.outbox") / "sql" / f"{name}.sql").read_text(encoding="utf-8")
