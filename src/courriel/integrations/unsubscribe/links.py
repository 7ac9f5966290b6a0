"""Links to unsubscribe: made for an address and a list, and read when somebody follows one."""

from __future__ import annotations

import re
import struct
import time
from collections.abc import Callable, Sequence
from datetime import datetime
from urllib.parse import urlsplit

from courriel import Address, errors
from courriel._dataclass import dataclass, field
from courriel.integrations.unsubscribe.sealing import Purpose, Sealer
from courriel.types import SecretReference

SHORTEST_KEY = 32
"""Octets of a key: fewer can be guessed from one link, without asking anybody."""
UNDO_SECONDS = 3600
"""How long the page's own button can take an unsubscribe back."""

_LONGEST_LIST = 100  # octets of the name of a list
_LONGEST_URL = 200  # with the longest token a link has fewer than the 900 that `list_unsubscribe=` takes
_URL = re.compile(r"https?://[!-;=?-~]+")
_LOCAL = ("localhost", "127.0.0.1", "::1")
_HEAD = struct.Struct(">QB")  # when it expires, in seconds since 1970 (0: never); octets of the name of the list


@dataclass(frozen=True, slots=True)
class Subscription:
    """An address on a list, as a link names it; `expired` when the link is over its time."""

    address: str = field(repr=False)
    list_name: str
    expired: bool = False


class UnsubscribeLinks:
    """Links below a URL, sealed with a key.

    `url` is where the endpoint answers, an https URL without a query; http is for this machine alone (tests). `key` is
    a reference to the secret (`env:UNSUBSCRIBE_KEY`, `file:/run/secrets/unsubscribe`), or the secret itself as octets,
    at least 32 of them, from a generator (`courriel unsubscribe new-key` makes one). Links made with one of the
    `former` keys stay valid. Keys are read once, here. `clock` gives the seconds since 1970.

    Raises UsageError; MissingExtra without cryptography.
    """

    def __init__(
        self,
        url: str,
        key: str | bytes | SecretReference,
        *,
        former: Sequence[str | bytes | SecretReference] = (),
        clock: Callable[[], float] = time.time,
    ) -> None:
        host = _host_of(url)
        if isinstance(former, str | bytes | SecretReference):
            raise errors.UsageError("former: a list of keys, also when there is one")
        self._url = url.rstrip("/")
        self._sealer = Sealer([_octets_of_key(each, host) for each in (key, *former)])
        self._clock = clock

    def __repr__(self) -> str:
        return f"UnsubscribeLinks({self._url!r})"

    def link(self, address: str | Address, list_name: str, *, expires: datetime | None = None) -> str:
        """The link for `list_unsubscribe=` of a message to this address; the same each time.

        It is valid for ever, or until `expires` (with a time zone); laws ask for 30 days at least (CAN-SPAM). The name
        of the list is yours, of at most 100 octets. Raises InvalidAddress, UsageError.
        """
        spec = Address.of(address).spec
        return f"{self._url}/{self._sealer.seal('unsubscribe', _packed(spec, list_name, self._moment(expires)))}"

    def read(self, token: str) -> Subscription | None:
        """Address and list of the token at the end of a link; None when no key of ours made it."""
        return self._read("unsubscribe", token)

    def undo_token(self, subscription: Subscription) -> str:
        """Make the token by which the page takes this unsubscribe back, for an hour."""
        until = int(self._clock()) + UNDO_SECONDS
        return self._sealer.seal("undo", _packed(subscription.address, subscription.list_name, until))

    def undoes(self, token: str, subscription: Subscription) -> bool:
        """Whether this token takes back the unsubscribe of this address from this list, and now."""
        return self._read("undo", token) == subscription

    # The steps.

    def _read(self, purpose: Purpose, token: str) -> Subscription | None:
        text = self._sealer.open(purpose, token)
        if text is None:
            return None
        until, octets = _HEAD.unpack_from(text)
        named, rest = text[_HEAD.size : _HEAD.size + octets], text[_HEAD.size + octets :]
        return Subscription(rest.rstrip(b"\0").decode(), named.decode(), expired=bool(until) and until <= self._clock())

    def _moment(self, expires: datetime | None) -> int:
        if expires is None:
            return 0
        if not isinstance(expires, datetime) or expires.tzinfo is None:
            raise errors.UsageError("expires: a datetime with a time zone")
        if expires.timestamp() <= self._clock():
            raise errors.UsageError("expires: it lies in the past, and the link would never be valid")
        return int(expires.timestamp())


# The steps.


def _packed(address: str, list_name: str, until: int) -> bytes:
    if not isinstance(list_name, str) or not list_name.strip() or not list_name.isprintable() or list_name == "*":
        raise errors.UsageError("the name of a list is a line of text")
    named = list_name.encode("utf-8", "strict")
    if len(named) > _LONGEST_LIST:
        raise errors.UsageError(f"the name of a list has {_LONGEST_LIST} octets at most, and this one has {len(named)}")
    return _HEAD.pack(until, len(named)) + named + address.encode()


def _host_of(url: str) -> str:
    """The host of the endpoint's URL. Raises UsageError."""
    wrong = errors.UsageError(f"the endpoint is an https URL without a query, unlike {url!r:.100}")
    if not isinstance(url, str) or not _URL.fullmatch(url) or len(url) > _LONGEST_URL:
        raise wrong
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname or "", parts.port
    except ValueError:
        raise wrong from None
    if not host or "@" in parts.netloc or "?" in url or "#" in url:
        raise wrong
    if parts.scheme == "http" and host not in _LOCAL:
        raise errors.UsageError("one click asks for https (RFC 8058 3.1); http is for tests on this machine")
    return host


def _octets_of_key(key: str | bytes | SecretReference, host: str) -> bytes:
    if isinstance(key, str):
        key = _reference_of(key)
    if isinstance(key, SecretReference):
        key = key.read_key(user="unsubscribe", host=host, subject="the key of the links").encode()
    octets = key
    if not isinstance(octets, bytes):
        raise errors.UsageError("a key is a reference (env:NAME, file:/path), or octets")
    if len(octets) < SHORTEST_KEY:
        raise errors.UsageError(
            f"the key of the links has {SHORTEST_KEY} octets at least; courriel unsubscribe new-key makes one",
            hint_id="KEY-UNUSABLE",
        )
    return octets


def _reference_of(text: str) -> SecretReference:
    """Where a key lies; a key itself is refused, and not quoted. Raises UsageError."""
    try:
        return SecretReference.parse(text)
    except errors.InvalidUrl:
        raise errors.UsageError(
            "the key of the links is given by reference (file:unsubscribe.key, env:NAME, cmd:program), and this is"
            " something else; not shown, in case it is the key",
            hint_id="KEY-UNUSABLE",
        ) from None
