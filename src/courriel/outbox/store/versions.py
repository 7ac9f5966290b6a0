"""Versions of the tables of an outbox, the same for both engines."""

from __future__ import annotations

from courriel import errors

FIRST_VERSION = 100
"""Version of the tables that the first script makes; an upgrade script adds one."""

ERA = 100
"""Versions of one era; programs of an earlier era cannot work with the first one of the next."""


def era_of(version: int) -> int:
    """Number of the era of a version; programs work with the tables of their own era only."""
    return version // ERA


def check_era(place: str, version: int, ours: int) -> None:
    """Raise OutboxError for tables that a program of the version `ours` cannot work with."""
    if era_of(version) > era_of(ours):
        raise errors.OutboxError(
            f"{place}: its tables are version {version}, which this courriel does not know; update it"
        )
    if era_of(version) < era_of(ours):
        raise errors.OutboxError(
            f"{place}: its tables are version {version}, of an earlier courriel, and are not brought up to date: send"
            " what waits there with that one, then begin another outbox"
        )
