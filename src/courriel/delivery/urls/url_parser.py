"""
Strict parser of server URLs: from text to a `Route`.

Ambiguous URLs are refused, with the spelling of each reading. An error quotes the invalid part, except where it may be
part of a password that was not percent-encoded.
"""

from __future__ import annotations

import os
import re

from courriel import errors
from courriel.delivery.percent import check_characters, nearest, refusal, unquote
from courriel.delivery.urls import option_values, schemes
from courriel.delivery.urls.route import Route, RouteKind
from courriel.delivery.urls.route_checks import is_target
from courriel.delivery.urls.server_route import server_route
from courriel.delivery.urls.url_parts import UrlParts, parse_options, split_url

_GROUP = re.compile(r"[A-Za-z][A-Za-z_-]{0,30}\(")


def read(url: str) -> Route:
    """Parse a URL. Raises InvalidUrl."""
    if not isinstance(url, str):
        raise refusal(f"a way out is a URL, a profile, a Route or a Server, and not {type(url).__name__}")
    if url.startswith(tuple(f"{word}{sign}" for word in schemes.GROUPS for sign in "(:")):
        from courriel.delivery.urls.group_urls import group_route

        return group_route(url)
    if _GROUP.match(url):
        word = url.partition("(")[0]
        raise refusal(
            f"{word!r} does not join several ways{nearest(word, list(schemes.GROUPS))}: failover(smtps://a.example.org"
            " smtps://b.example.org), or roundrobin(…)"
        )
    check_characters(url)
    parts = split_url(url)
    try:
        if parts.scheme in schemes.SERVERS:
            return server_route(parts)
        if parts.scheme in schemes.HTTP:
            from courriel.delivery.urls.http_route import http_route

            return http_route(parts)
        if parts.scheme in schemes.KEPT:
            return _kept_route(parts)
        if parts.scheme in schemes.FOLDERS:
            return _folder_route(parts)
        if parts.scheme == schemes.PROGRAM:
            return _program_route(parts)
        from courriel.delivery.urls.provider_route import named_route

        return named_route(parts)
    except (errors.InvalidServer, errors.InvalidAddress) as wrong:
        # Its text quotes the invalid part, which cannot contain a secret at this point.
        raise refusal(str(wrong), wrong.hint_id) from wrong


# The steps.


def _kept_route(parts: UrlParts) -> Route:
    if parts.authority or parts.path:
        raise refusal(f"{parts.scheme}: stands alone, nothing but ?from= and ?dkim= follows it")
    return _local(_kind(parts.scheme), parts)


def _folder_route(parts: UrlParts) -> Route:
    if parts.authority or not parts.path.startswith("/"):
        raise refusal(f"{parts.scheme}: three slashes and a whole path, as {parts.scheme}:///var/mail/kept")
    folder = unquote(parts.path, "the folder")
    if folder.startswith("//") or folder.strip("/") == "" or "\\" in folder:
        raise refusal(
            f"the folder {folder!r}: a whole path of this machine is wanted, as {parts.scheme}:///var/mail/kept"
        )
    if os.name == "nt" and re.match(r"/[A-Za-z]:/", folder):
        folder = folder[1:]
    return _local(_kind(parts.scheme), parts, folder=folder)


def _program_route(parts: UrlParts) -> Route:
    """The route to a transport of a program; nothing is imported here."""
    if parts.authority is not None or not is_target(parts.path):
        raise refusal("python: is followed by a module and a name in it, as python:shop.mail:transport")
    return _local("python", parts, target=parts.path)


def _local(kind: RouteKind, parts: UrlParts, *, folder: str = "", target: str = "") -> Route:
    """The route that leads to no server, with the options of its URL."""
    options = parse_options(parts, ("from", "dkim"))
    sender, dkim = option_values.sender(options), option_values.single(options, "dkim")
    return Route(kind, sender=sender, folder=folder, target=target, dkim=dkim)


def _kind(scheme: str) -> RouteKind:
    kind: RouteKind
    for kind in ("memory", "console", "null", "file", "maildir"):
        if kind == scheme:
            return kind
    raise AssertionError(scheme)  # the tables of schemes and this list differ
