"""
The language in which conversations are written.

A flow is a generator. It yields what it wants from the outside world and is handed the answer; it never touches a
socket, a clock or an event loop. Whoever runs it (`courriel.network`) decides how to wait, keeps the time limit of the
stage that each want names, and writes the transcript.

    Connect     reach the server (again)      answered by our own address on that line, as ASCII
    Secure      make the line secure, now     answered by the peer's certificate (DER), b"" when it has none
    Remember    keep what the handshake agreed    answered by b""
    Ask         put these bytes on the line, and wait for some    answered as Receive is
    Send        put these bytes on the line   answered by b""
    Receive     wait for some bytes           answered by them; b"" means that the other side hung up
    Overhear    take what came unasked        answered by it; b"" means silence (a hang-up is raised)
    Probe       call the same port apart      answered by what it does there, b"" when it is nothing
    Fetch       ask for a token               answered by it
    Permit      ask whether the dot may leave answered by b"yes", or b"" for no
    HangUp      cut the line without a word   answered by b""

What goes wrong outside is raised inside the flow, at its `yield`, as one of `courriel.errors`: the traceback tells the
whole story. A flow that ends by a refusal leaves the conversation where it was; cut short by anything else it leaves
the conversation out of step, and the driver hangs up.

Write `yield from` before every step that is a flow: a forgotten one does nothing, silently.
"""

from __future__ import annotations

from collections.abc import Callable, Generator

from courriel.errors import Stage
from courriel.model.credentials import TokenSource
from courriel.values import dataclass

TYPE_CHECKING = False

if TYPE_CHECKING:
    from typing import TypeAlias, TypeVar

    T = TypeVar("T")

Asking: TypeAlias = Callable[[], object]
"""Says whether the end of a message may leave; for those who await it may be a coroutine function."""


@dataclass(frozen=True, slots=True)
class Connect:
    """Reach the server; an older line to it is hung up first."""

    stage: Stage = "connect"


@dataclass(frozen=True, slots=True)
class Secure:
    """Make the line secure, now. Bytes that are already here are an attack: check before you yield this."""

    stage: Stage = "secure"


@dataclass(frozen=True, slots=True)
class Remember:
    """Keep what the handshake of this line agreed, so that the next line to the server is secured with less work.

    To be wanted when all went well: what a broken conversation was begun with is not used again.
    """

    stage: Stage = "secure"


@dataclass(frozen=True, slots=True, repr=False)
class Send:
    """Put these bytes on the line. A secret is marked here, where it is known, and never detected afterwards.

    Where a message leaves with its envelope in one piece, the first `words` octets are commands.
    """

    data: bytes
    stage: Stage
    secret: bool = False
    words: int = 0

    def __repr__(self) -> str:
        return _shown(self)


@dataclass(frozen=True, slots=True, repr=False)
class Ask:
    """Put these bytes on the line, and wait for some: a Send and a Receive in one step, as they mostly come."""

    data: bytes
    stage: Stage
    secret: bool = False
    words: int = 0

    def __repr__(self) -> str:
        return _shown(self)


def _shown(want: Send | Ask) -> str:
    """A want as frames of a traceback show it: without its secret."""
    data = "<a secret>" if want.secret else repr(want.data)
    return f"{type(want).__name__}({data}, {want.stage!r})"


@dataclass(frozen=True, slots=True)
class Receive:
    """Wait for some bytes. `more` says that a reply has begun: its time limit goes on and does not start anew,
    so that a server which drips its answer byte by byte does not hold us for ever."""

    stage: Stage
    more: bool = False


class _Receive(dict[Stage, Receive]):
    def __missing__(self, stage: Stage) -> Receive:
        want = self[stage] = Receive(stage)
        return want


RECEIVE = _Receive()
"""One for each stage, made when it is wanted first: they are wanted all day, and nothing of them changes."""


@dataclass(frozen=True, slots=True)
class Overhear:
    """Take what arrived although nobody asked; waits for it no longer than `seconds`."""

    stage: Stage
    seconds: float = 0


class _Overhear(dict[Stage, Overhear]):
    def __missing__(self, stage: Stage) -> Overhear:
        want = self[stage] = Overhear(stage)
        return want


OVERHEAR = _Overhear()
"""The same, and no wait."""


@dataclass(frozen=True, slots=True)
class Probe:
    """Call the same port on a line apart, to find out how it begins: by a handshake of TLS, or in clear.

    Answered by the version of TLS when `tls` was tried and answered, by the first line of the greeting when it was not.
    Nothing but the handshake is said, the certificate proves nothing, and it takes five seconds at most.
    """

    tls: bool
    stage: Stage


@dataclass(frozen=True, slots=True)
class Fetch:
    """Ask for an access token; each time a fresh one."""

    source: TokenSource
    stage: Stage = "authenticate"


@dataclass(frozen=True, slots=True)
class Permit:
    """Ask whether the end of a message may leave: the last moment at which it certainly has not been delivered."""

    ask: Asking
    stage: Stage


@dataclass(frozen=True, slots=True)
class HangUp:
    """Cut the line without a word, because the conversation is out of step although this flow has a result."""

    stage: Stage


Want: TypeAlias = Connect | Secure | Remember | Ask | Send | Receive | Overhear | Probe | Fetch | Permit | HangUp
Flow: TypeAlias = "Generator[Want, bytes, T]"
