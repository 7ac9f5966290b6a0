"""Settings of the page, and its beginning: nothing of it is imported before somebody asks for a page."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from courriel import errors
from courriel.network.serving.listening import ServedSession
from courriel.sandbox.captured import CapturedMail
from courriel.sandbox.faults import Faults
from courriel.sandbox.letter import CapturedMessage

if TYPE_CHECKING:
    from courriel.sandbox.web.server import WebServer

_HERE = ("127.0.0.1", "::1", "localhost")


@dataclass(frozen=True)
class WebSettings:
    """Settings of the page: who may use it.

    On another address than loopback it needs a `password`, or the word `open_to_all`.
    `hosts` are names by which browsers may ask for it, besides those of loopback and the address itself: any other
    name is refused, because a stranger's page may have it lead here.
    """

    hosts: tuple[str, ...] = ()
    password: str = field(default="", repr=False)
    open_to_all: bool = False
    pass_on: Callable[[CapturedMessage, Sequence[str]], str] | None = field(default=None, repr=False)
    """What sends one mail on, to these recipients, when somebody asks for it in the page; returns the reply."""
    relay: str = ""
    """Where `pass_on` sends, as the page shows it."""
    one_click: Callable[[str], str] | None = field(default=None, repr=False)
    """What posts one click (RFC 8058) for a link of a mail, when somebody asks for it; returns what came of it."""


def open_page(
    settings: WebSettings,
    host: str,
    port: int,
    *,
    captured: CapturedMail,
    faults: Faults,
    sessions: Callable[[], Sequence[ServedSession]],
    addresses: Callable[[], Mapping[str, str]],
    data: Path | None,
) -> WebServer:
    """Serve the page of a sandbox. Raises MissingExtra, OSError, and UsageError for an open one without a password."""
    if host not in _HERE and not (settings.password or settings.open_to_all):
        raise errors.UsageError(
            f"the page on {host} would be open to others: give it a password, or say open_to_all=True"
        )
    try:
        from courriel.sandbox.web.access import Access
        from courriel.sandbox.web.server import WebServer
        from courriel.sandbox.web.site import Site
    except ImportError as missing:
        raise errors.MissingExtra(
            'the page of the sandbox needs a part of its own: pip install "courriel[web]"'
        ) from missing

    site = Site(
        captured=captured,
        faults=faults,
        sessions=sessions,
        addresses=addresses,
        access=Access.of((*settings.hosts, host), settings.password),
        data=data,
        pass_on=settings.pass_on,
        relay=settings.relay,
        one_click=settings.one_click,
    )
    return WebServer(site, host, port)
