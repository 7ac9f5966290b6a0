"""
Parts of a mail whose recipients have several ways (`ByDomain`): one row a way, and one ticket for all.

The first row has the ticket's id and the key, and names the recipients of the others; their ids begin with it. All are
stored in one transaction, and none of the others where the key of the first is known already.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from courriel._dataclass import replace
from courriel.model.address import Address
from courriel.outbox.store.jobs import OTHERS, NewMail

if TYPE_CHECKING:
    from courriel.delivery.routing.domain_table import DomainTable


def parts_of(mail: NewMail, table: DomainTable[str] | None) -> list[NewMail]:
    """The rows of a mail: itself, or one for each lane of its recipients.

    Raises UsageError for a mail that goes to all or nobody, InvalidMessage for a recipient without a way.
    """
    if table is None:
        return [mail]
    from courriel.delivery.routing.domain_table import refuse_abandon

    split = table.parts([Address.of(recipient) for recipient in mail.recipients])
    names = dict(zip(map(Address.of, mail.recipients), mail.recipients, strict=True))
    lots = [(lane, tuple(names[address] for address in addresses)) for lane, addresses in split]
    refuse_abandon(all_or_nothing=bool(mail.options.get("together")), parts=len(lots))
    (lane, recipients), *others = lots
    if not others:
        return [replace(mail, lane=lane)]
    # The first row is asked whether anybody is left of all parts; of the others one may fail alone.
    named = [each for _, lot in others for each in lot]
    first = replace(mail, lane=lane, recipients=recipients, options=dict(mail.options) | {OTHERS: named})
    return [
        first,
        *(
            replace(
                mail,
                id=f"{mail.id}{number:02x}",
                key=None,
                lane=each,
                recipients=lot,
                parent=mail.id,
                refuse_suppressed=False,
            )
            for number, (each, lot) in enumerate(others, start=1)
        ),
    ]
