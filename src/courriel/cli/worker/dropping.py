"""`courriel worker --drop`: the service of the drop folder, beside the worker that sends what it takes."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from courriel import Outbox


@contextmanager
def drop_service(outbox: Outbox, folder: str | None, quota: int, *, once: bool = False) -> Generator[None, None, None]:
    """Take the mails of a drop folder during a `with` block, or once before it. Nothing without a folder.

    Mails whose caller named no sender get the `from` of the settings. Raises UsageError, OSError.
    """
    if folder is None:
        yield
        return
    from courriel import errors
    from courriel.delivery.settings.profiles import resolve
    from courriel.integrations.sendmail.drain import DropService

    try:
        sender = resolve(None).sender
    except errors.UsageError:
        sender = None  # the lanes say later what is wrong with the settings
    service = DropService(folder, outbox, sender=sender.spec if sender is not None else "", quota=quota)
    if once:
        service.run_once()
        yield
        return
    with service:
        yield
