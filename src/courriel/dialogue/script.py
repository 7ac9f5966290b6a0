"""
Script: what a flow says as long as every reply is the usual one, written before it is said.

A generator for each step of a conversation costs as much as the system calls of a mail. A driver that blocks can do
without: it says the script, one write and one read for each step. At the first reply that is not the usual one it
starts the flow, hands it what was heard, and goes on with it. A flow decides by replies alone, so it is then where it
would be if it had spoken by itself, and nothing but "everything as usual" is judged twice.
"""

from __future__ import annotations

from typing import Protocol, TypeVar

from courriel.dialogue.flow import Flow
from courriel.errors import Stage
from courriel.reply import Reply

T_co = TypeVar("T_co", covariant=True)


class Script(Protocol[T_co]):
    """Steps of a conversation, and its result when every reply is the usual one.

    The flow begins by a look for unasked octets (ReceivePending), and goes on by one Ask for each step.
    """

    steps: tuple[tuple[bytes, Stage, tuple[int, ...]], ...]
    """Octets to write, the stage of the wait for their replies, and the codes of the usual ones."""

    def judge(self, octets: bytes, codes: tuple[int, ...], /) -> Reply | None:
        """The last reply, when these octets are exactly the usual ones; otherwise None."""
        ...

    def end(self, reply: Reply, /) -> T_co:
        """The result that the flow would return after this last reply."""
        ...

    def flow(self) -> Flow[T_co]:
        """The flow that says the same, from its beginning."""
        ...
