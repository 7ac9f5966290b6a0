"""The login of a person in a browser of this machine: authorization code with PKCE, and a redirect to loopback."""

from __future__ import annotations

import os
import sys

from courriel.delivery.oauth.authorization import AuthorizationRequest
from courriel.delivery.oauth.loopback import DEADLINE, Loopback

TYPE_CHECKING = False

if TYPE_CHECKING:
    from collections.abc import Callable

    from courriel.delivery.oauth.answers import TokenAnswer
    from courriel.delivery.oauth.grants import OAuthClient


def by_browser(
    client: OAuthClient,
    loopback: Loopback,
    show_address: Callable[[str, bool], object],
    *,
    user: str = "",
    open_browser: bool = True,
    deadline: float = DEADLINE,
) -> TokenAnswer:
    """Let a person log in, and return the tokens; the listening `loopback` is used for this login only.

    A browser is opened where there is a screen, unless `open_browser` is false; `show_address` gets the address, and
    whether one has opened. `user` is a hint for the page. Raises TimedOut after `deadline` seconds, RemoteProtocolError
    for a redirect of another login, and what the grants raise.
    """
    request = AuthorizationRequest.make(client.provider, client.id, loopback.redirect_uri, user)
    _ = show_address(request.url, open_browser and _has_screen() and _open(request.url))
    # The browser's page says how the login ended, and not only that the browser came back.
    return loopback.wait(lambda query: client.by_code(request, request.code_of(query)), deadline=deadline)


# The steps.


def _open(address: str) -> bool:
    import webbrowser

    return webbrowser.open(address)


def _has_screen() -> bool:
    """Presence of a browser with a window of its own; one that runs in the terminal would take the terminal's place."""
    return sys.platform in ("win32", "darwin") or any(
        os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER")
    )
