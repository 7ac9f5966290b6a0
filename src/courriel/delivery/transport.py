"""The door through which every message leaves: one method wide."""

from __future__ import annotations

from typing import Protocol

from courriel.model.content import Content
from courriel.model.envelope import Envelope
from courriel.model.receipt import Receipt


class Transport(Protocol):
    """A way out. A server, a folder and a list in memory are equals here."""

    def send(self, envelope: Envelope, content: Content) -> Receipt:
        """Hand one message over; when this returns, somebody else is responsible for it.

        Raises one of `courriel.errors` when nobody took it.
        """
        ...
