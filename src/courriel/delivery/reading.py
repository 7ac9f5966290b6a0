"""
Open a mailbox by its URL.

    with courriel.mailbox("pops://ada@pop.example.org?password=env:MAIL_PASSWORD") as box:
        for letter in box:
            print(letter.number, letter.head)
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from courriel.delivery.quoting import refusal
from courriel.delivery.route import Route
from courriel.model.server import Server

if TYPE_CHECKING:
    from courriel.network.transcript import Transcript
    from courriel.session.pop3 import AsyncPopSession, PopSession


def mailbox(way: str | Route | Server, *, transcript: Transcript | None = None) -> PopSession:
    """A session for reading, to be opened by `with` or `open()`: where a URL, a route or a server leads.

    Raises InvalidUrl for a way that only sends, and what `Route.credentials` raises when the password is not where the
    URL says.
    """
    from courriel.session.pop3 import PopSession

    route = _route(way)
    assert route.server is not None
    return PopSession(route.server, route.credentials(), transcript=transcript)


async def amailbox(way: str | Route | Server, *, transcript: Transcript | None = None) -> AsyncPopSession:
    """`mailbox`, for those who await: `async with await courriel.amailbox(url) as box`.

    What may block (a password command, a keyring) is done in a thread.
    """
    from asyncio import to_thread

    from courriel.session.pop3 import AsyncPopSession

    route = _route(way)
    assert route.server is not None
    return AsyncPopSession(route.server, await to_thread(route.credentials), transcript=transcript)


# The steps.


def _route(way: str | Route | Server) -> Route:
    route = Route.of(way)
    if not route.reads:
        raise refusal(f"{route.name} is for sending mail, and none is read by it: write pops://… to read")
    route.say_warnings()
    return route
