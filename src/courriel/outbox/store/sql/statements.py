"""SQL statements of the outbox by name, read from the files beside."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from importlib.resources import files
from operator import itemgetter
from typing import Any

from courriel._lazy_re import expression

_NAMED = expression(r"^-- name: (\w+)\n", 8)  # 8: re.MULTILINE
_COMMENT = expression(r"--[^\n]*|/\*.*?\*/")
_PARAMETER = expression(r":(\w+)")


@cache
def statements() -> dict[str, str]:
    """Every shared statement, with named parameters (`:name`)."""
    return statements_in("statements") | statements_in("bounces/statements")


def statements_in(name: str) -> dict[str, str]:
    """Statements of one file, by name."""
    _, *parts = _NAMED.split(script(name))
    return {name: text.strip().removesuffix(";") for name, text in zip(parts[::2], parts[1::2], strict=True)}


@cache
def in_order(parts: tuple[tuple[str, int], ...]) -> str:
    """A statement for one page of mails, merged from several statements with their states (-1: any state)."""
    pages = [statements()[name].replace(":state", str(state)) for name, state in parts]
    each = [f"SELECT * FROM ({page}\n) AS page" for page in pages]  # noqa: S608 - our own statements and numbers
    return "\nUNION ALL\n".join(each) + "\nORDER BY 1, 2 LIMIT :most"


def by_position(statement: str) -> tuple[str, Callable[[Mapping[str, Any]], tuple[Any, ...]]]:
    """The statement with positional parameters, and a function that puts named values in that order: faster for many
    rows.
    """
    bare = _COMMENT.sub("", statement)
    names = _PARAMETER.findall(bare)

    def only(values: Mapping[str, Any]) -> tuple[Any, ...]:
        return (values[names[0]],)

    return _PARAMETER.sub("?", bare), itemgetter(*names) if len(names) > 1 else only


@cache
def for_ids(name: str, number: int) -> str:
    """A statement for one mail (`id = :id`) as one for so many, with positional parameters; it returns the ids found.

    SQLite only: a statement has a price of its own, the half of what it does to one mail.
    """
    text = by_position(statements()[name])[0]
    return text.replace("id = ?", f"id IN ({','.join('?' * number)})") + " RETURNING id"


@cache
def for_rows(name: str, number: int) -> tuple[str, Callable[[Mapping[str, Any]], tuple[Any, ...]], int]:
    """An UPDATE of one mail as one for so many, with positional parameters; it returns the ids found. SQLite only.

    Also a function that puts the values of a row in order, and how often `now` comes before the first row.
    """
    bare = _COMMENT.sub("", statements()[name])
    names = [name for name in dict.fromkeys(_PARAMETER.findall(bare)) if name != "now"]
    places = {name: f"each.column{place}" for place, name in enumerate(names, 1)} | {"now": "?"}
    change, where = _PARAMETER.sub(lambda found: places[found[1]], bare).split("WHERE")
    rows = ",".join([f"({','.join('?' * len(names))})"] * number)
    # The sign keeps the index of the mails in hand out of it: each is found by its id.
    sought = where.replace("state IN", "+state IN")
    statement = f"{change}FROM (VALUES {rows}) AS each WHERE{sought} RETURNING id"
    return statement, itemgetter(*names), change.count("?")


def script(name: str) -> str:
    """Text of one file in `sql`."""
    return (files("courriel.outbox.store.sql") / f"{name}.sql").read_text(encoding="utf-8")
