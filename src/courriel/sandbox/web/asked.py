"""Values of a request: its site, its mail, its numbers, each checked."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from starlette.requests import Request

from courriel.sandbox.letter import CapturedMessage
from courriel.sandbox.store.query import MailQuery, read_query
from courriel.sandbox.web.errors import BadRequest, NotThere
from courriel.sandbox.web.site import Site

MOST = 1000
"""Most mails of one answer."""
_LARGEST = 2**53


def site_of(request: Request) -> Site:
    """The practice server that this page is of."""
    site = request.app.state.site
    assert isinstance(site, Site)
    return site


def number_in(text: str | None, default: int, *, least: int = 0, most: int = _LARGEST) -> int:
    """A whole number of a query, kept within its bounds. Raises BadRequest for anything else."""
    if text is None or text == "":
        return default
    if not (text.isascii() and text.isdigit() and len(text) <= 16):
        raise BadRequest("a whole number is needed")
    return max(least, min(most, int(text)))


def seconds_in(text: str | None, default: float, *, most: float = 300.0) -> float:
    """A time of a query in seconds (5, 2.5, 10s, 500ms). Raises BadRequest for anything else."""
    if not text:
        return default
    unit = 1.0
    for ending, factor in (("ms", 0.001), ("s", 1.0)):
        if text.endswith(ending):
            text, unit = text.removesuffix(ending), factor
            break
    try:
        seconds = float(text[:20]) * unit
    except ValueError:
        raise BadRequest("a number of seconds is needed, such as 5 or 500ms") from None
    if not 0 <= seconds < float("inf"):
        raise BadRequest("a number of seconds is needed, such as 5 or 500ms")
    return min(seconds, most)


def mail_of(request: Request, name: str = "number") -> CapturedMessage:
    """The mail of the address: a number, or `latest` (of a recipient: `?to=`, of a search: `?search=`)."""
    wanted = str(request.path_params[name])
    site = site_of(request)
    if wanted == "latest":
        found = latest(site, request.query_params.get("to"), searched(request))
    else:
        found = site.captured.get(int(wanted)) if _is_number(wanted) else None
    if found is None:
        raise NotThere("There is no such mail")
    return found


def latest(site: Site, to: str | None, search: str) -> CapturedMessage | None:
    """The newest mail, of one recipient and of one search where they are given."""
    if not search:
        return site.captured.latest(to or None)
    return next(iter(site.index.search(query_of(search), mailbox=to or None, most=1).letters), None)


def searched(request: Request) -> str:
    """The search of a request, by any of the names that it has: ours, and Mailpit's."""
    return request.query_params.get("search") or request.query_params.get("query") or ""


def query_of(search: str) -> MailQuery:
    """The search, parsed. Raises BadRequest when a word of it is not understood: without it, more would be found."""
    query = read_query(search)
    if query.remarks:
        raise BadRequest("not understood in the search: " + " ".join(query.remarks)[:200])
    return query


async def body_of(request: Request) -> dict[str, Any]:
    """The JSON object of a request, {} for an empty body. Raises BadRequest for anything else."""
    data = await request.body()
    if not data.strip():
        return {}
    try:
        value = json.loads(data)
    except (ValueError, RecursionError):
        raise BadRequest("the body is JSON, and this is none") from None
    if not isinstance(value, dict):
        raise BadRequest("the body is an object of JSON")
    return value


def numbers_in(values: object) -> list[int]:
    """Numbers of mails in a list of JSON, as numbers or as text. Raises BadRequest for anything else."""
    if values is None:
        return []
    if not isinstance(values, Sequence) or isinstance(values, str):
        raise BadRequest("a list of mails is needed")
    return [int(str(each)) for each in values if _is_number(str(each))]


# The steps.


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= 16
