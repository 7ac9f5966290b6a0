"""
One-click unsubscribe (RFC 8058): links for newsletters, and the web endpoint behind them (extra: cryptography).

    links = UnsubscribeLinks("https://news.example.org/unsubscribe", "env:UNSUBSCRIBE_KEY")
    Message(..., list_unsubscribe=links.link("bob@example.org", "news"), one_click=True)

    app = unsubscribe_asgi(links, remove)     # or unsubscribe_wsgi; remove(address, list_name) is your function

A link holds the address and the list, encrypted; nothing is stored. GET shows a page and changes nothing, POST
unsubscribes. For Django see `courriel.integrations.django.unsubscribe`; for all of it docs/unsubscribe.md.
"""

from __future__ import annotations

from courriel.integrations.unsubscribe.asgi import unsubscribe_asgi
from courriel.integrations.unsubscribe.endpoint import UnsubscribeEndpoint
from courriel.integrations.unsubscribe.links import Subscription, UnsubscribeLinks
from courriel.integrations.unsubscribe.wsgi import unsubscribe_wsgi

__all__ = ["Subscription", "UnsubscribeEndpoint", "UnsubscribeLinks", "unsubscribe_asgi", "unsubscribe_wsgi"]
