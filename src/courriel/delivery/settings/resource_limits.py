"""
Checks of untrusted routes: secrets, certificates and folders of this machine that a route uses.

A route written by another party (in a project's file, in a row of an outbox) names the server *and* what is sent to
it. Without these checks its author could have any variable and any file sent to a server of his own, or a program run.
"""

from __future__ import annotations

import os

TYPE_CHECKING = False

if TYPE_CHECKING:
    from courriel.delivery.urls.route import Route

_HARMLESS = ("plain", "prompt", "keyring")
"""Kinds of secrets that an untrusted route may use: the keyring gives a server only its own password."""


def secret_taken(route: Route) -> str:
    """The option by which a route sends a secret of this machine to its server ("password=env:"); "" if none."""
    if route.ways:
        return next((taken for way in route.ways if (taken := secret_taken(way))), "")
    secret, server = route.password, route.server
    by_proxy = route.proxy_password
    if by_proxy is not None and by_proxy.kind != "plain":
        return f"proxy_password={by_proxy.revealed if by_proxy.kind == 'keyring' else f'{by_proxy.kind}:'}"
    if secret is not None and secret.kind not in _HARMLESS:
        return f"password={secret.kind}:"
    if server is None:
        return ""
    if server.client_certificate is not None:
        return "client_cert="
    weakened = server.trust != type(server.trust).system() or server.tls_name or server.allow_clear_credentials
    if route.user and (secret is None or secret.kind == "keyring") and weakened and not server.local:
        return (
            "the keyring's password over a line that is less protected than usual (verify=, ca=, pin=, name=, tls=none)"
        )
    return ""


def program_run(route: Route) -> str:
    """The option by which a route runs a program of this machine ("password=cmd:", "python:"); "" if none."""
    if route.ways:
        return next((run for way in route.ways if (run := program_run(way))), "")
    if route.kind == "python":
        return "python:"
    for name, secret in (("password", route.password), ("proxy_password", route.proxy_password)):
        if secret is not None and secret.kind == "cmd":
            return f"{name}=cmd:"
    return ""


def inside(place: str, folder: str | os.PathLike[str]) -> bool:
    """Whether a path is in a folder, with all symbolic links resolved."""
    around = os.path.realpath(folder)
    return os.path.commonpath((around, os.path.realpath(place))) == around
