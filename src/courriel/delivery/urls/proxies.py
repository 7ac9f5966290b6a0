"""The options of a URL that name a proxy: proxy= and proxy_password=."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from courriel import errors
from courriel.delivery.percent import refusal

TYPE_CHECKING = False

if TYPE_CHECKING:
    from typing import TypeVar

    from courriel.model.servers.proxy import Proxy

    Secret = TypeVar("Secret")


def read(options: Mapping[str, list[str]], parse_secret: Callable[[str], Secret]) -> tuple[Proxy | None, Secret | None]:
    """The proxy of these options, and the reference to its password; None for what is not given. Raises InvalidUrl."""
    given, secret = options.get("proxy"), options.get("proxy_password")
    if given is None:
        if secret is not None:
            raise refusal("proxy_password= without proxy=: there is no proxy to log in to")
        return None, None
    return parse(given[0]), parse_secret(secret[0]) if secret is not None else None


def parse(url: str) -> Proxy:
    """The proxy of a URL that is an option's value: it was percent-encoded once more than by itself."""
    from courriel.model.servers.proxy import Proxy

    try:
        return Proxy.parse(url)
    except errors.InvalidServer as wrong:
        again = " (in proxy= each % of them is written %25)" if "%40" in wrong.detail else ""
        raise refusal(f"{wrong.detail}{again}") from wrong
