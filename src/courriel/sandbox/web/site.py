"""Server as its page and its API see it: mails, faults, sessions, addresses."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event, Lock, Thread

from courriel.network.serving.listening import ServedSession
from courriel.sandbox.captured import CapturedMail
from courriel.sandbox.faults import Faults
from courriel.sandbox.letter import CapturedMessage
from courriel.sandbox.store.index import SearchIndex
from courriel.sandbox.web.access import Access
from courriel.sandbox.web.summary import Summaries

_QUIET = 1.0  # seconds without a change, after which mails are indexed

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
    one_click: Callable[[str], str] | None = None
    """What posts one click for a link of a mail."""
    summaries: Summaries = field(default_factory=Summaries)
    closing: Event = field(default_factory=Event)
    _lock: Lock = field(default_factory=Lock)
    _index: SearchIndex | None = None
    _indexing: Thread | None = None

    @property
    def index(self) -> SearchIndex:
        """The index of the mails, made when the first search is asked for."""
        with self._lock:
            if self._index is None:
                self._index = SearchIndex(self.captured, self.data / "search.db" if self.data else None)
            return self._index

    def start(self) -> None:
        """Index in the background, whenever no mail has come for a second: the first search is not to wait for all."""
        self._indexing = Thread(target=self._keep_up, name="courriel index", daemon=True)
        self._indexing.start()

    def close(self) -> None:
        """End what waits here, and close the index."""
        self.closing.set()
        self.captured.wake()
        if self._indexing is not None:
            self._indexing.join()
        with self._lock:
            if self._index is not None:
                self._index.close()
                self._index = None

    # The steps.

    def _keep_up(self) -> None:
        """Index what arrived, in portions, as long as nothing else arrives."""
        last = -1
        while not self.closing.wait(_QUIET):
            quiet, last = self.captured.revision == last, self.captured.revision
            # A full disk is told to whoever searches; here it may have room again when the next mail comes.
            with suppress(OSError):
                while quiet and self.index.catch_up_with_some() and not self.closing.is_set():
                    quiet = self.captured.revision == last
