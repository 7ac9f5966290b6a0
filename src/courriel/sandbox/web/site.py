"""Server as its page and its API see it: mails, faults, sessions, addresses."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event, Lock

from courriel.network.listening import ServedSession
from courriel.sandbox.captured import CapturedMail
from courriel.sandbox.faults import Faults
from courriel.sandbox.letter import CapturedMessage
from courriel.sandbox.store.index import SearchIndex
from courriel.sandbox.web.access import Access
from courriel.sandbox.web.summary import Summaries

ADDRESS = "/m/{number}"
"""Path of one mail in the page."""


@dataclass
class Site:
    """The practice server as its page sees it. `pass_on` sends one mail for good, after somebody asked for it."""

    captured: CapturedMail
    faults: Faults
    sessions: Callable[[], Sequence[ServedSession]]
    addresses: Callable[[], Mapping[str, str]]
    """URLs of the servers by name: smtp, starttls, tls, pop, pops, and ca, a file."""
    access: Access
    data: Path | None = None
    pass_on: Callable[[CapturedMessage, Sequence[str]], str] | None = None
    relay: str = ""
    """Where `pass_on` sends, without a secret."""
    summaries: Summaries = field(default_factory=Summaries)
    closing: Event = field(default_factory=Event)
    _lock: Lock = field(default_factory=Lock)
    _index: SearchIndex | None = None

    @property
    def index(self) -> SearchIndex:
        """The index of the mails, made when the first search is asked for."""
        with self._lock:
            if self._index is None:
                self._index = SearchIndex(self.captured, self.data / "search.db" if self.data else None)
            return self._index

    def close(self) -> None:
        """End what waits here, and close the index."""
        self.closing.set()
        self.captured.wake()
        with self._lock:
            if self._index is not None:
                self._index.close()
                self._index = None
