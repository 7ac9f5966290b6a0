"""Facts about a server beyond the reply to EHLO, learnt during conversations."""

from __future__ import annotations

TYPE_CHECKING = False

if TYPE_CHECKING:
    from typing import Protocol

    class ServerFacts(Protocol):
        """Facts about one server, shared by every conversation with it; `session.server_memory` keeps them."""

        pipeline_after_end: bool
        bdat_taken: bool | None


class OwnFacts:
    """Facts of a single conversation, when none are shared."""

    def __init__(self) -> None:
        self.pipeline_after_end = True
        """Whether the server reads commands that were pipelined behind the end of a message (RFC 2920 3.1)."""
        self.bdat_taken: bool | None = None
        """Whether it has accepted, or refused, a BDAT; None when none was sent yet."""
