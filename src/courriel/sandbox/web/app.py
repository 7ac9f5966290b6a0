"""ASGI application of the sandbox: all its addresses, behind the guard."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.applications import Starlette
from starlette.routing import Route

from courriel.sandbox.web import views
from courriel.sandbox.web.api import mailpit, own
from courriel.sandbox.web.api.openapi import document
from courriel.sandbox.web.errors import HANDLERS
from courriel.sandbox.web.guard import Guard

if TYPE_CHECKING:
    from starlette.types import ASGIApp

    from courriel.sandbox.web.site import Site

OWN = [
    Route("/api/mails", own.list_mails),
    Route("/api/mails", own.remove_mails, methods=["DELETE"]),
    Route("/api/mails", own.add_mail, methods=["POST"]),
    Route("/api/mails/{number}", own.one_mail),
    Route("/api/mails/{number}", own.remove_mail, methods=["DELETE"]),
    Route("/api/mails/{number}/raw", own.raw_mail),
    Route("/api/mails/{number}/bounce", own.return_mail, methods=["POST"]),
    Route("/api/mails/{number}/parts/{part:int}", own.one_part),
    Route("/api/mailboxes", own.mailboxes),
    Route("/api/wait", own.wait_for),
    Route("/api/sessions", own.sessions),
    Route("/api/faults", own.add_fault, methods=["POST"]),
    Route("/api/faults", own.clear_faults, methods=["DELETE"]),
    Route("/api/ready", own.ready),
    Route("/openapi.json", document),
]
"""Addresses of our own API."""

MAILPIT = [
    Route("/api/v1/messages", mailpit.list_messages),
    Route("/api/v1/messages", mailpit.mark_messages, methods=["PUT"]),
    Route("/api/v1/messages", mailpit.delete_messages, methods=["DELETE"]),
    Route("/api/v1/search", mailpit.list_messages),
    Route("/api/v1/search", mailpit.delete_found, methods=["DELETE"]),
    Route("/api/v1/message/{id}", mailpit.one_message),
    Route("/api/v1/message/{id}/headers", mailpit.message_headers),
    Route("/api/v1/message/{id}/raw", mailpit.raw_message),
    Route("/api/v1/message/{id}/part/{part:int}", mailpit.message_part),
    Route("/api/v1/info", mailpit.info),
    Route("/api/v1/webui", mailpit.configuration),
    Route("/api/v1/tags", mailpit.tags),
    Route("/livez", mailpit.alive),
    Route("/readyz", mailpit.alive),
]
"""Addresses of Mailpit's that answer as there."""

VIEWS = [
    Route("/view/{id}.html", views.view_html),
    Route("/view/{id}.txt", views.view_text),
    Route("/m/{number}/part/{part:int}", views.view_part),
]
"""Mails as documents of their own."""


def application(site: Site) -> ASGIApp:
    """ASGI application of one site, with its guard before everything else."""
    from courriel.sandbox.web.pages.routes import PAGES

    routes = [*OWN, *MAILPIT, *VIEWS, *PAGES, Route("/api/{rest:path}", own.no_such_address)]
    app = Starlette(routes=routes, exception_handlers=HANDLERS)
    app.state.site = site
    return Guard(app, site.access)
