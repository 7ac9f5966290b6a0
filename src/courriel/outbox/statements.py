"""The statements of the outbox by their names, as they stand in `sql/*.sql`."""

from __future__ import annotations

from functools import cache
from importlib.resources import files

from courriel.expressions import expression

_NAMED = expression(r"^-- name: (\w+)\n", 8)  # 8: re.MULTILINE


@cache
def statements() -> dict[str, str]:
    """Every statement, written for named parameters (`:name`)."""
    _, *parts = _NAMED.split(script("statements"))
    return {name: text.strip().removesuffix(";") for name, text in zip(parts[::2], parts[1::2], strict=True)}


def script(name: str) -> str:
    """The text of one file in `sql`."""
    return (files("courriel.outbox") / "sql" / f"{name}.sql").read_text(encoding="utf-8")
