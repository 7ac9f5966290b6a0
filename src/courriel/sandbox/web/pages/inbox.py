"""The inbox: mailboxes, list, one mail; and the live channel that says when something changed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response, StreamingResponse

from courriel.sandbox.store.index import FoundMails
from courriel.sandbox.store.query import read_query
from courriel.sandbox.web.asked import latest, mail_of, number_in, searched, site_of
from courriel.sandbox.web.pages.asking import known_failures, known_weather
from courriel.sandbox.web.pages.rendering import query, render
from courriel.sandbox.web.pages.tabs import TABS, tab_values
from courriel.sandbox.web.summary import Summary

PAGE = 50  # mails of one page of the list
_BEAT = 20.0  # seconds between two signs of life of the live channel
_SOONEST = 0.15  # seconds between two messages: a thousand mails a second are one redrawing


@dataclass(frozen=True)
class InboxLine:
    """One line of the list."""

    summary: Summary
    seen: bool


def inbox(request: Request) -> Response:
    """The page without an open mail."""
    return render(request, "inbox.html", **listed(request), mail=None)


def piece(request: Request) -> Response:
    """The mailboxes and the list alone, to be put into the page when something changed."""
    return render(request, "pieces.html", **listed(request))


def open_mail(request: Request) -> Response:
    """The page with one mail open, in one of its tabs."""
    site, mail = site_of(request), mail_of(request)
    site.captured.mark([mail.number], seen=True)
    wanted = request.query_params.get("tab", "")
    tab = wanted if wanted in TABS else "html" if mail.html else "text"
    values = listed(request) | {"opened": mail.number} | tab_values(mail, tab)
    return render(request, "inbox.html", **values, mail=mail, summary=site.summaries.of(mail), tab=tab)


def newest(request: Request) -> Response:
    """The newest mail, of `?to=` and of `?search=` where they are given."""
    found = latest(site_of(request), request.query_params.get("to"), searched(request))
    return RedirectResponse(f"/m/{found.number}" if found else "/", 303)


async def events(request: Request) -> Response:
    """Server-sent events: the number of each change, at once and then as they come."""
    site = site_of(request)

    async def told() -> AsyncIterator[str]:
        yield "retry: 1000\n\n"
        last = -1
        with site.captured.changes() as changed:
            while not site.closing.is_set():
                changed.clear()
                if site.captured.revision != last:
                    last = site.captured.revision
                    newest = site.captured.latest()
                    yield f"data: {last} {newest.number if newest else 0} {site.captured.count()}\n\n"
                    await asyncio.sleep(_SOONEST)
                try:
                    async with asyncio.timeout(_BEAT):
                        await changed.wait()
                except TimeoutError:
                    yield ": still here\n\n"

    return StreamingResponse(told(), media_type="text/event-stream", headers={"X-Accel-Buffering": "no"})


def listed(request: Request) -> dict[str, Any]:
    """Values of every page with a list: mailboxes, one page of mails, the search."""
    site = site_of(request)
    to, search = request.query_params.get("to") or "", searched(request)
    start = number_in(request.query_params.get("start"), 0)
    asked = read_query(search)
    if asked.empty:
        found = FoundMails(
            tuple(site.captured.page(to or None, start=start, most=PAGE)), site.captured.count(to or None)
        )
    else:
        found = site.index.search(asked, mailbox=to or None, start=start, most=PAGE)
    captured = site.captured
    return {
        "site": site,
        "boxes": captured.mailboxes(),
        "lines": [InboxLine(site.summaries.of(each), captured.is_seen(each.number)) for each in found.letters],
        "found": found.count,
        "total": captured.count(),
        "unseen": captured.unseen,
        "keep": captured.most,
        "dropped": captured.dropped,
        "revision": captured.revision,
        "to": to,
        "search": search,
        "remarks": asked.remarks or ((search,) if asked.empty and search.strip() else ()),
        "start": start,
        "page": PAGE,
        "where": query(to=to, search=search, start=start),
        "opened": number_in(request.query_params.get("opened"), 0),
        "pending": site.faults.pending(),
        "failures": known_failures(),
        "weather": known_weather(),
        "addresses": site.addresses(),
        "password": bool(site.access.password),
    }
