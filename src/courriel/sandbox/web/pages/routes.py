"""Addresses of the pages."""

from __future__ import annotations

from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from courriel.sandbox.web.pages import actions, inbox, others

_STATIC = Path(__file__).parent.parent / "static"


async def no_icon(request: Request) -> Response:
    """Answer to browsers that ask for an icon: it is in the page."""
    return Response(status_code=204)


PAGES = [
    Route("/", inbox.inbox),
    Route("/list", inbox.piece),
    Route("/latest", inbox.newest),
    Route("/events", inbox.events),
    Route("/m/{number}", inbox.open_mail),
    Route("/m/{number}/remove", actions.remove, methods=["POST"]),
    Route("/m/{number}/unread", actions.unread, methods=["POST"]),
    Route("/m/{number}/bounce", actions.bounce, methods=["POST"]),
    Route("/m/{number}/pass-on", actions.pass_on, methods=["POST"]),
    Route("/m/{number}/one-click", actions.one_click, methods=["POST"]),
    Route("/remove", actions.remove_all, methods=["POST"]),
    Route("/drop", actions.drop, methods=["POST"]),
    Route("/play", actions.play, methods=["POST"]),
    Route("/settings", actions.settings, methods=["POST"]),
    Route("/sessions", others.sessions),
    Route("/compare", others.compare),
    Route("/help", others.help_page),
    Route("/favicon.ico", no_icon),
    Mount("/static", StaticFiles(directory=_STATIC)),
]
"""The pages, and what they load."""
