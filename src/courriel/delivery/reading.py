"""
Open a mailbox by its URL.

    with courriel.mailbox("pops://ada@pop.example.org?password=env:MAIL_PASSWORD") as box:
        for letter in box:
            print(letter.number, letter.subject)

    with courriel.mailbox("imaps://ada@imap.example.org?password=env:MAIL_PASSWORD") as box:
        for letter in box.search(unseen=True):
            print(letter.uid, letter.raw_header)
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from courriel.delivery.quoting import refusal
from courriel.delivery.route import Route
from courriel.model.server import Server

if TYPE_CHECKING:
    from courriel.network.transcript import Transcript
    from courriel.session.imap import ImapSession
    from courriel.session.imap_awaited import AsyncImapSession
    from courriel.session.pop3 import AsyncPopSession, PopSession


def mailbox(way: str | Route | Server, *, transcript: Transcript | None = None) -> PopSession | ImapSession:
    """A session for reading, to be opened by `with` or `open()`: where a URL, a route or a server leads.

    It is a PopSession or an ImapSession, as the URL says: what both can do is to give letters.

    Raises InvalidUrl for a way that only sends, and what `Route.credentials` raises when the password is not where the
    URL says.
    """
    route = _route(way)
    assert route.server is not None
    if route.kind == "imap":
        from courriel.session.imap import ImapSession

        return ImapSession(route.server, route.credentials(), transcript=transcript)
    from courriel.session.pop3 import PopSession

    return PopSession(route.server, route.credentials(), transcript=transcript)


async def amailbox(
    way: str | Route | Server, *, transcript: Transcript | None = None
) -> AsyncPopSession | AsyncImapSession:
    """`mailbox`, for those who await: `async with await courriel.amailbox(url) as box`.

    What may block (a password command, a keyring) is done in a thread.
    """
    from asyncio import to_thread

    route = _route(way)
    assert route.server is not None
    if route.kind == "imap":
        from courriel.session.imap_awaited import AsyncImapSession

        return AsyncImapSession(route.server, await to_thread(route.credentials), transcript=transcript)
    from courriel.session.pop3 import AsyncPopSession

    return AsyncPopSession(route.server, await to_thread(route.credentials), transcript=transcript)


# The steps.


def _route(way: str | Route | Server) -> Route:
    route = Route.of(way)
    if not route.reads:
        raise refusal(f"{route.name} is for sending mail, and none is read by it: write pops://… or imaps://… to read")
    route.say_warnings()
    return route
