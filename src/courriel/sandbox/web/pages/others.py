"""Pages beside the inbox: the last sessions, two mails compared, how to send here."""

from __future__ import annotations

import difflib

from starlette.requests import Request
from starlette.responses import Response

from courriel.sandbox.letter import CapturedMessage
from courriel.sandbox.web.asked import number_in, site_of
from courriel.sandbox.web.errors import NotThere
from courriel.sandbox.web.pages.inbox import listed
from courriel.sandbox.web.pages.rendering import render

_MOST_SESSIONS = 50
_MOST_LINES = 3000  # of each text that is compared
_LONGEST = 2000  # characters of a line that is compared


def sessions(request: Request) -> Response:
    """The last sessions, with those that brought no mail: refused, cut, or only looking."""
    served = list(site_of(request).sessions())[-_MOST_SESSIONS:]
    return render(request, "sessions.html", **listed(request), served=served[::-1])


def compare(request: Request) -> Response:
    """Two mails, header and text line by line."""
    site = site_of(request)
    pair = [site.captured.get(number_in(request.query_params.get(name), 0)) for name in ("a", "b")]
    first, second = pair
    if first is None or second is None:
        raise NotThere("There is no such mail")
    differences = {
        name: differing(left, right)
        for name, left, right in (
            ("headers", _header(first), _header(second)),
            ("text", first.text.splitlines(), second.text.splitlines()),
            ("html", first.html.splitlines(), second.html.splitlines()),
        )
    }
    return render(request, "compare.html", **listed(request), first=first, second=second, differences=differences)


def help_page(request: Request) -> Response:
    """Page of help: how programs send here, and which keys do what."""
    return render(request, "help.html", **listed(request))


def differing(left: list[str], right: list[str]) -> list[tuple[str, str]]:
    """Lines with "-", "+" or " " before them; a few lines around each difference, and linear in what is shown."""
    first, second = ([line[:_LONGEST] for line in lines[:_MOST_LINES]] for lines in (left, right))
    lines = difflib.unified_diff(first, second, lineterm="", n=2)
    return [(line[:1], line[1:]) for line in lines if not line.startswith(("---", "+++"))][:_MOST_LINES]


# The steps.


def _header(mail: CapturedMessage) -> list[str]:
    return [f"{name}: {value}" for name, value in mail.headers]
