"""Tables of an application whose migrations have not made version 101: mail is put and read, nothing is suppressed."""

from __future__ import annotations

from collections.abc import Mapping

from courriel import errors
from courriel.outbox.store.sql.versions import WITH_BOUNCES


def before_bounces(statements: Mapping[str, str]) -> dict[str, str]:
    """The statements for tables that know no bounces: every mail has none, and nobody is suppressed."""
    told = {name: without_fates(text) for name, text in statements.items()}
    return told | dict.fromkeys(("suppressed", "suppressions", "history", "untold", "setting"), _NOTHING)


def without_fates(statement: str) -> str:
    """A statement that reads mails, for tables without the column of their later fates."""
    return statement.replace("holder, fates", "holder, '{}'")


def check_bounces(place: str, *, older: bool) -> None:
    """Raise OutboxError where the tables are older than what is asked of them."""
    if older:
        raise errors.OutboxError(
            f"{place}: its tables are older than version {WITH_BOUNCES}, and keep no suppression list and no reports:"
            " run the migrations of the application (Outbox.schema), or open it once by its path or URL"
        )


# The steps.

_NOTHING = "SELECT '' WHERE 1 = 0"
