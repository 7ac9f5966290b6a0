"""Versions of the outbox tables, the same for both engines."""

from __future__ import annotations

from courriel import errors

FIRST_VERSION = 100
"""Version of the tables created by the first script; each upgrade script adds one."""

WITH_BOUNCES = 101
"""Version from which on the tables keep reports about sent mails, and the suppression list."""

ERA = 100
"""Versions in one era; programs of an earlier era cannot work with the tables of the next."""


def era_of(version: int) -> int:
    """Number of the era of a version; a program works only with tables of its own era."""
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
