"""Routes that sign (`?dkim=NAME`): their signer, from the table [dkim.NAME] of the settings, and their transport."""

from __future__ import annotations

from courriel import errors

TYPE_CHECKING = False

if TYPE_CHECKING:
    from courriel.delivery.dkim.signer import Signer
    from courriel.delivery.settings.dkim_tables import DkimTable
    from courriel.delivery.transport import Transport
    from courriel.delivery.urls.route import Route


def signer_of(route: Route) -> Signer | None:
    """The signer of a route, with its keys read now; None without `dkim`. Raises UsageError, MissingExtra."""
    if not route.dkim:
        return None
    try:
        return _table(route.dkim).signer()
    except errors.CourrielError as error:
        route.blame(error)
        raise


def signer_for_put(route: Route) -> Signer | None:
    """The signer of mails that are put into an outbox for this route; None where they are signed later, or never."""
    return None if not route.dkim or _table(route.dkim).when == "leave" else signer_of(route)


def signed_by(route: Route, transport: Transport) -> Transport:
    """The transport with the signer of the route around it; itself without `dkim`. Raises UsageError, MissingExtra."""
    return _around(transport, signer_of(route))


def signed_or_passed(route: Route, transport: Transport) -> Transport:
    """`signed_by` where mails may be signed already: those leave where the keys cannot be read, and others wait."""
    try:
        return signed_by(route, transport)
    except errors.UsageError as unusable:
        from courriel.delivery.dkim.signer import KeylessSigner

        return _around(transport, KeylessSigner(unusable))


# The steps.


def _around(transport: Transport, signer: Signer | None) -> Transport:
    if signer is None:
        return transport
    from courriel.delivery.dkim.signed import Signed

    return Signed.by(transport, signer)


def _table(name: str) -> DkimTable:
    from courriel.delivery.settings.locations import dkim_table

    return dkim_table(name)
