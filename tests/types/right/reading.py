"""A mailbox by URL, used without knowing whether it is POP3 or IMAP."""

from __future__ import annotations

import courriel
from courriel import ImapSession, Letter, PopSession
from courriel.types import AsyncMailbox, Mailbox


def subjects(box: Mailbox) -> list[str]:
    assert not box.busy
    return [letter.subject for letter in box]


def by_url(url: str) -> list[Letter]:
    with courriel.mailbox(url) as box:
        print(box.greeting, box.mechanism, subjects(box))
        letters: list[Letter] = [letter.load() for letter in box]
        box.noop()
    box.hang_up()
    return letters


def by_kind(url: str) -> int:
    box = courriel.mailbox(url)
    match box:
        case PopSession():
            return box.size
        case ImapSession():
            return len(box.search(unseen=True))


async def awaited(url: str) -> list[str]:
    async with await courriel.amailbox(url) as box:
        await use(box)
        return [(await letter.load()).text async for letter in box]


async def use(box: AsyncMailbox) -> None:
    await box.noop()
    box.hang_up()
