"""Plan of a practice server, made of the options: addresses, ports, what it keeps, who may look."""

from __future__ import annotations

import re
import secrets
import socket
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from importlib.util import find_spec

import click

from courriel import Message, Route, Sandbox, Server, send
from courriel.cli.i18n import say
from courriel.cli.sandbox.one_click import clicker
from courriel.types import CapturedMessage, WebSettings

USUAL_SMTP, USUAL_WEB = 1025, 8025
"""Ports that are in everybody's settings already."""

_SIZE = re.compile(r"(\d{1,9})([KMG]?)B?", re.IGNORECASE)
_UNITS = {"": 1, "K": 1000, "M": 1000**2, "G": 1000**3}
_MOST = 1_000_000


@dataclass(frozen=True)
class Plan:
    """The options as they were given; None for a port means the usual one if it is free, and any other if not."""

    host: str
    port: int | None
    tls_port: int
    pop_port: int
    imap_port: int
    web_port: int | None
    web: bool
    hosts: tuple[str, ...]
    without_password: bool
    data: str | None
    most: int
    octets: int
    folder: str | None
    users: Mapping[str, str] | None = field(repr=False)
    relay: str | None = field(repr=False)
    unsubscribe_at: str | None
    play: tuple[str, ...]
    once: bool

    @property
    def local(self) -> bool:
        """True for an address that only this machine can reach."""
        return Server(self.host, USUAL_SMTP).local

    @property
    def has_page(self) -> bool:
        """True when the page is served: without `--no-web`, and with the libraries of the extra `web`."""
        return self.web and all(find_spec(name) for name in ("starlette", "uvicorn", "nh3", "jinja2"))

    @cached_property
    def password(self) -> str:
        """Password of the page, made for this run; "" where none is needed."""
        return "" if self.local or self.without_password else secrets.token_urlsafe(12)

    def sandbox(self, folder: str | None) -> Sandbox:
        """The server, not yet open."""
        settings = WebSettings(hosts=self.hosts, password=self.password, open_to_all=self.without_password)
        if self.relay is not None:
            route = Route.parse(self.relay)
            shown = route.server.host if route.server is not None else route.kind
            settings = replace(settings, pass_on=partial(_pass_on, route), relay=shown)
        if self.unsubscribe_at is not None:
            settings = replace(settings, one_click=clicker(self.unsubscribe_at))
        return Sandbox(
            self.host,
            _usual(self.host, USUAL_SMTP) if self.port is None else self.port,
            tls_port=self.tls_port,
            pop_port=self.pop_port,
            imap_port=self.imap_port,
            folder=folder,
            users=self.users,
            keep=self.most,
            keep_octets=self.octets,
            data=self.data,
            web_port=None if not self.has_page else self._web_port(),
            web=settings,
        )

    def _web_port(self) -> int:
        return _usual(self.host, USUAL_WEB) if self.web_port is None else self.web_port


def kept(given: str) -> tuple[int, int]:
    """Most mails and most octets, of `--keep 10000` or `--keep 500M`."""
    found = _SIZE.fullmatch(given.strip())
    if found is None or not found[1].isascii() or int(found[1]) < 1:
        raise click.UsageError(
            say("--keep se lit 10000 (messages) ou 500M (octets)", "--keep is written 10000 (mails) or 500M (bytes)")
        )
    number, unit = int(found[1]), found[2].upper()
    if unit:
        return _MOST, number * _UNITS[unit]
    return min(number, _MOST), 1000**3


# The steps.


def _pass_on(route: Route, mail: CapturedMessage, recipients: Sequence[str]) -> str:
    """Send one mail for good, to these recipients and no others; returns the reply of the server."""
    message = Message.parse(mail.content, normalise=True)
    if mail.sender:
        return str(send(message, via=route, sender=mail.sender, to=list(recipients)).reply)
    return str(send(message, via=route, to=list(recipients)).reply)


def _usual(host: str, port: int) -> int:
    """The usual port if it is free now, else 0, which means any."""
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        with socket.socket(family, socket.SOCK_STREAM) as trial:
            trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            trial.bind((host, port))
    except OSError:
        return 0
    return port
