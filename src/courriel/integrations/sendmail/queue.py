"""`mailq` and `sendmail -q`: the caller's own mails in the outbox, shown and sent."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from courriel import State
from courriel.failures import language
from courriel.integrations.sendmail import identity
from courriel.integrations.sendmail.handing import own_outbox
from courriel.integrations.sendmail.identity import Identity

if TYPE_CHECKING:
    from courriel.types import MailInfo

_WAITING = (State.READY, State.LEASED, State.IN_FLIGHT, State.HELD)


def show(me: Identity) -> int:
    """Print the mails that wait, one on a line, as `courriel outbox list` does in more words."""
    fr = language() == "fr"
    waiting: list[MailInfo] = []
    if identity.has_outbox():
        with own_outbox(me) as outbox:
            waiting = [mail for state in _WAITING for mail in outbox.list(state)]
    for mail in sorted(waiting, key=lambda each: each.created):
        when = datetime.fromtimestamp(mail.created, UTC).astimezone().isoformat(" ", "seconds")
        print(f"{mail.id}  {mail.size:>9}  {when}  {mail.sender or '<>'}  {' '.join(mail.waiting)}")
        if mail.why:
            print(f"    ({' '.join(mail.why.split())})")
    if not waiting:
        print("Aucun message n'attend." if fr else "Mail queue is empty")
    return 0


def run(me: Identity) -> int:
    """Send the mails that are due."""
    if identity.has_outbox():
        with own_outbox(me) as outbox:
            outbox.run_once()
    return 0
