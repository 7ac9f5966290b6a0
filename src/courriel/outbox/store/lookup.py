"""Lookup of one stored mail, by its id, a prefix of the id, or the caller's own key."""

from __future__ import annotations

from courriel import errors
from courriel._lazy_re import expression
from courriel.outbox import checks
from courriel.outbox.store.base import Store
from courriel.outbox.store.facts import MailInfo

_PREFIX = expression(r"[0-9a-f]{8,31}")


def find_mail(store: Store, id: str | None, key: str | None) -> MailInfo:  # noqa: A002 - the common name
    """The mail with this id or key. Raises TicketNotFound; UsageError for a prefix that several ids have."""
    if (id is None) is (key is None):
        raise errors.UsageError("get: the id of a mail, or its key")
    checks.text("id", id) if key is None else checks.text("key", key)
    found = store.find(id=id, key=key)
    if found is None and id is not None and _PREFIX.fullmatch(id):
        ids = store.begin_with(id)
        if len(ids) > 1:
            raise errors.UsageError(f"the ids of several mails begin with {id}: give more digits")
        found = store.find(id=ids[0]) if ids else None
    if found is None:
        what = f"key {key!r}" if id is None else id
        raise errors.TicketNotFound(f"there is no mail {what} in {store.place}")
    return found
