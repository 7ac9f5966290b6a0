"""Transport: the interface by which every message is sent."""

from __future__ import annotations

from typing import Protocol

from courriel.model.content import Content
from courriel.model.envelope import Envelope
from courriel.model.receipt import Receipt


class Transport(Protocol):
    """Anything that takes a message: a server, a folder, a list in memory."""

    def send(self, envelope: Envelope, content: Content) -> Receipt:
        """Send one message; on return the transport has taken responsibility for it.

        Raises one of `courriel.errors` when it was not accepted.
        """
        ...
