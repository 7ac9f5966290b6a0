"""One click of a mail provider (RFC 8058), played by the practice server's page for a service under development."""

from __future__ import annotations

import http.client
from collections.abc import Callable
from urllib.parse import urlsplit

import click

from courriel.cli.i18n import say, visible
from courriel.failures import spoken

PATIENCE = 30.0  # seconds for the whole answer of one read; a provider waits no longer either
_BODY = b'--one-click\r\nContent-Disposition: form-data; name="List-Unsubscribe"\r\n\r\nOne-Click\r\n--one-click--\r\n'
_TYPE = "multipart/form-data; boundary=one-click"


def clicker(base: str) -> Callable[[str], str]:
    """A function that posts one click to the path of a link at this address, and says what came of it.

    The host of the link is a public one, or will be; the service answers here meanwhile. Raises click.UsageError.
    """
    try:
        parts = urlsplit(base)
        host, port = parts.hostname, parts.port
    except ValueError:
        host, port = None, None
    if _is_wrong(base) or host is None:
        raise click.UsageError(
            say("--unsubscribe-at se lit http://127.0.0.1:8000", "--unsubscribe-at is written http://127.0.0.1:8000")
        )
    secure = base.startswith("https:")

    def post(link: str) -> str:
        target = urlsplit(link)
        path = (target.path or "/") + (f"?{target.query}" if target.query else "")
        kind = http.client.HTTPSConnection if secure else http.client.HTTPConnection
        line = kind(host, port, timeout=PATIENCE)
        try:
            # What a provider sends: no cookie, no login, no language, and the fields of the header as a form.
            line.request("POST", path, _BODY, {"Content-Type": _TYPE, "Host": target.netloc})
            return verdict(line.getresponse().status)
        except (OSError, http.client.HTTPException) as broken:
            reason = visible(spoken(getattr(broken, "strerror", None) or str(broken) or type(broken).__name__))
            return say(f"Pas de réponse : {reason}", f"No answer: {reason}")
        finally:
            line.close()

    return post


def verdict(status: int) -> str:
    """Sentence on what a provider makes of a status of HTTP."""
    if 200 <= status < 300:
        return say(f"{status} : désabonné.", f"{status}: unsubscribed.")
    if 300 <= status < 400:
        return say(
            f"{status} : une redirection, que la RFC 8058 interdit (3.1) ; personne n'est désabonné.",
            f"{status}: a redirect, which RFC 8058 forbids (3.1); nobody is unsubscribed.",
        )
    return say(
        f"{status} : refusé ; un fournisseur y voit un échec. Un POST n'a ni cookie ni jeton CSRF.",
        f"{status}: refused; a provider counts it as failed. A POST has neither cookie nor CSRF token.",
    )


# The steps.


def _is_wrong(base: str) -> bool:
    """True unless the text is the URL of a service: scheme and host, without path or query."""
    scheme, _, rest = base.partition("://")
    return (
        scheme not in ("http", "https") or not rest.isprintable() or any(sign in rest.rstrip("/") for sign in "/?#@ ")
    )
