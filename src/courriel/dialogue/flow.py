"""
Flows: protocol conversations as generators of wants, without I/O.

A flow yields a want (an operation on the connection) and is sent the result; it uses no socket, clock or event loop.
The driver (`courriel.network`) decides how to wait, keeps the time limit of the stage that each want names, and writes
the transcript.

    Connect         open a connection (again)           result: our own address on it, as ASCII
    Secure          start TLS now                       result: the peer's certificate (DER), b"" when it has none
    Compress        compress from now on, both ways     result: b""
    Remember        store the TLS session               result: b""
    Ask             write bytes, then read              result: as for Receive
    Send            write bytes                         result: b""
    Receive         read bytes                          result: the bytes; b"" means that the peer hung up
    ReceivePending  read bytes that have arrived        result: the bytes; b"" means none (a hang-up is raised)
    Probe           try the port on another connection  result: TLS version or greeting, b"" for neither
    Fetch           get an access token                 result: the token
    AskEndGuard     ask the guard of the message        result: b"yes", or b"" for no
    HangUp          close the connection at once        result: b""

Errors outside are raised inside the flow, at its `yield`, as one of `courriel.errors`, so that the traceback shows the
whole conversation. A flow that ends by a refusal leaves the conversation in step; after any other exception it is out
of step, and the driver hangs up.

Write `yield from` before every step that is a flow: a forgotten one does nothing, silently.
"""

from __future__ import annotations

from collections.abc import Callable, Generator

from courriel._dataclass import dataclass, field
from courriel.errors import Stage
from courriel.model.servers.credentials import TokenSource

TYPE_CHECKING = False

if TYPE_CHECKING:
    from typing import TypeAlias, TypeVar

    T = TypeVar("T")

EndGuard: TypeAlias = Callable[[], object]
"""Guard of a message: returns whether its end may be sent; a coroutine function in asyncio."""


@dataclass(frozen=True, slots=True)
class Connect:
    """Open a connection to the server; an older one is closed first."""

    stage: Stage = "connect"


@dataclass(frozen=True, slots=True)
class Secure:
    """Start TLS now. Bytes already received are an attack: check before yielding this."""

    stage: Stage = "secure"


@dataclass(frozen=True, slots=True, repr=False)
class Compress:
    """Compress from now on, in both directions (RFC 4978); `received` are octets that are compressed already."""

    received: bytes
    stage: Stage


@dataclass(frozen=True, slots=True)
class Remember:
    """Store the TLS session of this connection, to resume it on the next one.

    To be yielded when all went well: the session of a broken conversation is not resumed.
    """

    stage: Stage = "secure"


@dataclass(frozen=True, slots=True, repr=False)
class Send:
    """Write these bytes. A secret is marked here, where it is known, and never detected afterwards.

    In a message that is sent together with its envelope, the first `words` octets are commands.
    """

    data: bytes
    stage: Stage
    secret: bool = False
    words: int = 0

    def __repr__(self) -> str:
        return _shown(self)


@dataclass(frozen=True, slots=True, repr=False)
class Ask:
    """Write these bytes, then read: a Send and a Receive in one step, the usual pair."""

    data: bytes
    stage: Stage
    secret: bool = False
    words: int = 0

    def __repr__(self) -> str:
        return _shown(self)


def _shown(want: Send | Ask) -> str:
    """Repr of a want for tracebacks, without its secret."""
    data = "<a secret>" if want.secret else repr(want.data)
    return f"{type(want).__name__}({data}, {want.stage!r})"


@dataclass(frozen=True, slots=True)
class Receive:
    """Read bytes. `more` says that a reply has begun: its time limit continues and is not restarted, so that a server
    which sends its reply byte by byte cannot block the client for ever."""

    stage: Stage
    more: bool = False


class _Receive(dict[Stage, Receive]):
    def __missing__(self, stage: Stage) -> Receive:
        want = self[stage] = Receive(stage)
        return want


RECEIVE = _Receive()
"""One Receive for each stage, made at its first use: they are used constantly, and immutable."""


@dataclass(frozen=True, slots=True)
class ReceivePending:
    """Read bytes that have arrived unsolicited; waits for them at most `seconds`."""

    stage: Stage
    seconds: float = 0


class _ReceivePending(dict[Stage, ReceivePending]):
    def __missing__(self, stage: Stage) -> ReceivePending:
        want = self[stage] = ReceivePending(stage)
        return want


RECEIVE_PENDING = _ReceivePending()
"""One ReceivePending without a wait for each stage."""


@dataclass(frozen=True, slots=True)
class Probe:
    """Connect to the same port once more, to find out whether it starts with a TLS handshake or in clear.

    Result: the TLS version when `tls` was tried and worked, the first line of the greeting when it was not tried. Only
    the handshake is sent, the certificate is not checked, and it takes five seconds at most.
    """

    tls: bool
    stage: Stage


@dataclass(frozen=True, slots=True)
class Fetch:
    """Get an access token; another one than `refused`, when the server has refused one."""

    source: TokenSource
    refused: str = field(default="", repr=False)
    stage: Stage = "authenticate"


@dataclass(frozen=True, slots=True)
class AskEndGuard:
    """Ask the guard whether the end of a message may be sent: until then it is certainly not delivered."""

    command: EndGuard
    stage: Stage


@dataclass(frozen=True, slots=True)
class HangUp:
    """Close the connection without QUIT, because the conversation is out of step although this flow has a result."""

    stage: Stage


Want: TypeAlias = (
    Connect
    | Secure
    | Compress
    | Remember
    | Ask
    | Send
    | Receive
    | ReceivePending
    | Probe
    | Fetch
    | AskEndGuard
    | HangUp
)
Flow: TypeAlias = "Generator[Want, bytes, T]"
