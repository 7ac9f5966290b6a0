"""
Imports of all that sending may need, when a worker starts and not when it meets the need.

Much of the package is imported at its first use. In a process that has no file descriptor left such an import fails,
with an OSError or an ImportError in the middle of a claim or of a decision about a mail.
"""

from __future__ import annotations

import errno
from collections.abc import Generator
from contextlib import contextmanager
from importlib import import_module

from courriel import errors, failures
from courriel.delivery.urls import providers

_NEEDED = (
    *("courriel.delivery." + name for name in (
        "adapters", "dkim.key_source", "dkim.signed", "http_providers.transport", "local", "percent", "provided",
        "rendering", "routing.shared", "secrets", "settings.files", "settings.locations", "settings.profiles",
        "signing_routes", "urls.foreign", "urls.group_urls", "urls.provider_route", "urls.providers", "urls.proxies",
        "urls.route_checks", "urls.url_parser",
    )),
    *("courriel.dialogue." + name for name in (
        "authenticate", "login_replies", "login_rule", "proxy.http_connect", "proxy.socks5", "smtp.usual_mail",
    )),
    *("courriel.network." + name for name in (
        "blocking", "connecting.blocking", "connecting.happy_eyeballs", "connecting.proxy.blocking",
        "connecting.proxy.environment", "connecting.resolve", "line", "timed_socket", "tls.contexts", "tls.reasons",
        "tls.sessions", "translate",
    )),
    *("courriel.failures." + name for name in ("match", "pasted", "sentences", "table")),
    *("courriel.model.servers.trust", "courriel.outbox.metrics", "courriel.session.pool.blocking"),
    "courriel.outbox.work.serving.suppressed_jobs",
    *("encodings.ascii", "encodings.idna", "ipaddress", "tomllib", "idna"),
)  # fmt: skip


def import_all() -> None:
    """Import what sending may need, and read the tables of failures and providers; again it costs next to nothing."""
    for name in _NEEDED:
        import_module(name)
    failures.by_id("")
    providers.by_server("")


@contextmanager
def descriptors_in_our_words(place: str) -> Generator[None]:
    """Context in which a want of file descriptors is an OutboxError; of a setting that is read, say."""
    try:
        yield
    except OSError as failed:
        if failed.errno not in (errno.EMFILE, errno.ENFILE) or isinstance(failed, errors.CourrielError):
            raise
        raise too_many_files(place) from failed


def too_many_files(place: str) -> errors.OutboxError:
    """The error for a process that has no file descriptor left to send with."""
    return errors.OutboxError(
        f"{place}: too many open files in this process; mails wait until some are closed (ulimit -n)"
    )
