"""Loader of the failure table, which is read at the first failure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

from .clue import Clue
from .record import Failure
from .text import Text

if TYPE_CHECKING:
    # A TOML table: its types are checked when the records are built, and by the tests.
    Row = Mapping[str, Any]

_NOTHING = {"fr": "", "en": ""}


@cache
def records() -> tuple[Failure, ...]:
    """Return every record, in the order of the table: failures of sessions, then those of a domain's records."""
    return tuple(_record(row) for file in ("table.toml", "domain.toml") for row in _rows(file))


@cache
def by_id() -> dict[str, Failure]:
    """Return every record by its id."""
    return {record.id: record for record in records()}


# The steps.


def _rows(file: str) -> Sequence[Row]:
    # Imported here: most programs never fail, and should not pay for the import.
    import pkgutil
    import tomllib

    data = pkgutil.get_data(__name__, file)
    if data is None:  # pragma: no cover - a loader without data files could not import the package
        raise FileNotFoundError(file)
    rows: Sequence[Row] = tomllib.loads(data.decode())["failure"]
    return rows


def _record(row: Row) -> Failure:
    provider = row.get("provider", "")
    return Failure(
        id=row["id"],
        stage=row["stage"],
        cause=Text(**row["cause"]),
        fix=Text(**row["fix"]),
        dont=Text(**row.get("dont", _NOTHING)),
        retry=row["retry"],
        sysexit=row["sysexit"],
        provider=provider,
        general=row.get("general", False),
        examples=tuple(row["example"]),
        clues=tuple(_clue(clue, bool(provider)) for clue in row["match"]),
    )


def _clue(row: Row, provided: bool) -> Clue:
    more, dont = row.get("more"), row.get("dont")
    return Clue(
        stages=frozenset(row.get("stage", ())),
        codes=tuple(str(code) for code in row.get("code", ())),
        enhanced=tuple(row.get("enhanced", ())),
        words=row.get("regex", ""),
        orange_codes=frozenset(str(number) for number in row.get("orange", ())),
        exceptions=frozenset(name.rpartition(".")[2] for name in row.get("exception", ())),
        errnos=frozenset(row.get("errno", ())),
        reasons=frozenset(row.get("ssl_reason", ())),
        verify_codes=frozenset(row.get("verify_code", ())),
        marker=row.get("marker", provided),
        retry=row.get("retry"),
        sysexit=row.get("sysexit"),
        more=Text(**more) if more else None,
        dont=Text(**dont) if dont else None,
        bare=row.get("bare", False),
        practice=row.get("practice", False),
        guess=row.get("guess", False),
    )
