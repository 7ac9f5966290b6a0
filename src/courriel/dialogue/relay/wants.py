"""
Wants of a relay beyond those of a server: a connection upstream, to the provider, and time.

    Dial       choose the server upstream; nothing is sent     result: b""
    Upstream   run a client's flow on that connection          result: what the flow returns
    Pause      let time pass                                   result: b""
    Admit      end the time limit of the login                 result: b""
    Join       pass octets both ways until one side ends       result: b""

What goes wrong upstream is raised at the `yield`, as the client's flow raised it: so a relay knows what is in doubt.
"""

from __future__ import annotations

from courriel._dataclass import dataclass, field
from courriel.dialogue.flow import Flow, Want
from courriel.errors import Stage
from courriel.model.servers.server import Server

TYPE_CHECKING = False

if TYPE_CHECKING:
    from collections.abc import Generator
    from typing import TypeAlias, TypeVar

    T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Dial:
    """Choose the server upstream; an older connection is closed."""

    server: Server
    stage: Stage = "connect"


@dataclass(frozen=True, slots=True, repr=False)
class Upstream:
    """Run a client's flow on the connection upstream; `opening`: it opens that connection."""

    flow: Flow[bytes]
    stage: Stage
    opening: bool = False


@dataclass(frozen=True, slots=True)
class Pause:
    """Let so many seconds pass before the client is answered."""

    seconds: float
    stage: Stage = "authenticate"


@dataclass(frozen=True, slots=True)
class Admit:
    """The client has proved who it is: the time limit of the login ends, that of the session begins."""

    stage: Stage = "authenticate"


@dataclass(frozen=True, slots=True)
class Join:
    """Pass octets both ways; `down` and `up` have arrived already, for the client and for the provider."""

    down: bytes = field(default=b"", repr=False)
    up: bytes = field(default=b"", repr=False)
    stage: Stage = "mailbox"


RelayWant: TypeAlias = "Want | Dial | Upstream | Pause | Admit | Join"
RelayFlow: TypeAlias = "Generator[RelayWant, bytes, T]"
