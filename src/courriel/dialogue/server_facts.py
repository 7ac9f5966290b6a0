"""What a conversation reads and writes of all that is known of its server, beyond what EHLO says."""

from __future__ import annotations

TYPE_CHECKING = False

if TYPE_CHECKING:
    from typing import Protocol

    class ServerFacts(Protocol):
        """Facts of one server, shared by every conversation with it; `session.server_memory` keeps them."""

        pipeline_after_end: bool
        bdat_taken: bool | None


class OwnFacts:
    """The same for a conversation by itself: nobody has spoken to this server before."""

    def __init__(self) -> None:
        self.pipeline_after_end = True
        """Whether it reads commands that were pipelined behind the end of a message (RFC 2920 3.1)."""
        self.bdat_taken: bool | None = None
        """Whether it has taken, or refused, a BDAT; None when none was sent yet."""
