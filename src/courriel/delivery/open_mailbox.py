"""
Mailboxes by URL.

    with courriel.mailbox("pops://ada@pop.example.org?password=env:MAIL_PASSWORD") as box:
        for letter in box:
            print(letter.number, letter.subject)

    with courriel.mailbox("imaps://ada@imap.example.org?password=env:MAIL_PASSWORD") as box:
        for letter in box.search(unseen=True):
            print(letter.uid, letter.raw_header)
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from courriel.delivery.percent import refusal
from courriel.delivery.urls.route import Route
from courriel.model.servers.server import Server

if TYPE_CHECKING:
    from courriel.network.transcripts.transcript import Transcript
    from courriel.session.imap.awaited import AsyncImapSession
    from courriel.session.imap.session import ImapSession
    from courriel.session.pop3.session import AsyncPopSession, PopSession


def mailbox(setting: str | Route | Server, *, transcript: Transcript | None = None) -> PopSession | ImapSession:
    """Make the POP3 or IMAP session for a URL, a profile, a Route or a Server; open it with `with` or `open()`.

        with courriel.mailbox("imaps://orders%40example.org@imap.example.org?password=env:MAIL_PASSWORD") as box:
            for letter in box:
                print(letter.sender.address, letter.subject)  # bob@example.org Order 7

    Both kinds yield letters (`for letter in box`); the URL decides which it is, and courriel.types.Mailbox is what both
    have. Raises InvalidUrl for a URL for sending, and what
    `Route.credentials` raises when the password cannot be read.
    """
    route = _route(setting)
    server = route.server_to_reach()
    if route.kind == "imap":
        from courriel.session.imap.session import ImapSession

        return ImapSession(server, route.credentials(), transcript=transcript)
    from courriel.session.pop3.session import PopSession

    return PopSession(server, route.credentials(), transcript=transcript)


async def amailbox(
    setting: str | Route | Server, *, transcript: Transcript | None = None
) -> AsyncPopSession | AsyncImapSession:
    """`mailbox` for asyncio: `async with await courriel.amailbox(url) as box`.

    Password commands and keyrings, which block, are read in a thread.
    """
    from asyncio import to_thread

    route = _route(setting)
    server = await to_thread(route.server_to_reach)
    if route.kind == "imap":
        from courriel.session.imap.awaited import AsyncImapSession

        return AsyncImapSession(server, await to_thread(route.credentials), transcript=transcript)
    from courriel.session.pop3.session import AsyncPopSession

    return AsyncPopSession(server, await to_thread(route.credentials), transcript=transcript)


def named_route(setting: str | Route | Server) -> Route:
    """The route of a setting: a text without a colon is the name of a profile. Raises InvalidUrl, UsageError."""
    if isinstance(setting, str) and setting and ":" not in setting:
        from courriel.delivery.settings import profiles

        return profiles.resolve(setting)
    return Route.of(setting)


# The steps.


def _route(setting: str | Route | Server) -> Route:
    route = named_route(setting)
    if not route.reads:
        raise refusal(f"{route.name} is for sending mail, and none is read by it: write pops://… or imaps://… to read")
    route.say_warnings()
    return route
