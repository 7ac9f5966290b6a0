"""Runs flows without any network: a visitor's octets against a server flow, or a client flow against a server flow."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, TypeVar

from courriel import errors
from courriel.dialogue.flow import Ask, Connect, Fetch, Flow, HangUp, Receive, ReceivePending, Secure, Send, Want
from courriel.dialogue.server.dialogue import ServerDialogue
from courriel.dialogue.server.handler import Delivery, ServerConfig, ServerHandler, ServerSession
from courriel.dialogue.server.imap.dialogue import ImapServerDialogue
from courriel.dialogue.server.pop3 import Pop3ServerDialogue
from courriel.dialogue.server.smtp import SmtpServerDialogue
from courriel.model.servers.server import Dialect

T = TypeVar("T")
Cut = Literal["whole", "line", "byte"]
CUTS: tuple[Cut, ...] = ("whole", "line", "byte")


SERVED: dict[Dialect, type[ServerDialogue]] = {Dialect.POP3: Pop3ServerDialogue, Dialect.IMAP: ImapServerDialogue}


class KeepingHandler(ServerHandler):
    """Takes everything, and keeps it."""

    def __init__(self) -> None:
        self.deliveries: list[Delivery] = []

    def message(self, serve_client: ServerSession, delivery: Delivery) -> None:
        self.deliveries.append(delivery)


class Served:
    """A server, and what it did with a visitor who said everything without ever listening."""

    def __init__(self, config: ServerConfig, handler: ServerHandler) -> None:
        self.handler = handler
        self.notes: list[str] = []
        self.session = ServerSession(note=lambda who, text: self.notes.append(f"{who}: {text}"))
        self.output = bytearray()
        self.bursts = 0
        self.turns = 0  # left to others
        self.secured = 0
        self.ending = ""
        self.flow = SERVED.get(config.dialect, SmtpServerDialogue)(handler, config, self.session).serve()

    @property
    def lines(self) -> list[str]:
        """What the server said, line by line."""
        return self.output.decode("ascii").splitlines()

    @property
    def codes(self) -> str:
        """The code of each reply, with its enhanced code if it has one, in one line; without the greeting."""
        last = [line for line in self.lines if line[3:4] != "-"][1:]
        return " ".join(line[:3] for line in last)

    def receive(self, *bursts: bytes) -> Served:
        """Have the flow hear these, one by one, and then a hang-up; `ending` says how it ended."""
        waiting = list(bursts)
        try:
            want = next(self.flow)
            while True:
                if isinstance(want, ReceivePending) and want.seconds and not waiting:
                    want = self.flow.throw(errors.ConnectionFailed("the client hung up"))
                else:
                    want = self.flow.send(self._satisfy(want, waiting))
        except StopIteration:
            self.ending = self.ending or ("left" if waiting else "heard it all")
        return self

    def _satisfy(self, want: Want, waiting: list[bytes]) -> bytes:
        match want:
            case Send(data):
                self.output += data
                self.bursts += bool(data)
                self.turns += not data
            case Receive():
                return waiting.pop(0) if waiting else b""
            case Secure():
                self.secured += 1
            case HangUp():
                self.ending = "cut"
            case ReceivePending(_, seconds) if seconds:
                return waiting.pop(0)
            case ReceivePending():
                pass
            case Connect() | Fetch():
                raise AssertionError("a server does not ask for this")
        return b""


class Visitor:
    """A client of one server flow, among others: it says something, and hears what is answered by then."""

    def __init__(self, flow: Flow[None]) -> None:
        self._flow = flow
        self._heard = bytearray()
        self.gone = False
        self._want: Want | None = next(flow)
        self._go_on()

    def say(self, octets: bytes) -> bytes:
        """Say this; what the server says until it waits for more."""
        self._advance(octets)
        return self.hear()

    def hear(self) -> bytes:
        """What the server has said since."""
        self._go_on()
        heard = bytes(self._heard)
        self._heard.clear()
        return heard

    def wake(self) -> bytes:
        """End the wait of IDLE, as a change of the folder does; what the server says."""
        assert isinstance(self._want, ReceivePending)
        return self.say(b"")

    def _go_on(self) -> None:
        while isinstance(self._want, Send):
            self._heard += self._want.data
            self._advance(b"")

    def _advance(self, answer: bytes) -> None:
        try:
            self._want = self._flow.send(answer)
        except StopIteration:
            self.gone, self._want = True, None


def portions(data: bytes, cut: Cut) -> list[bytes]:
    """The same octets as they may arrive."""
    if cut == "whole":
        return [data] if data else []
    return data.splitlines(keepends=True) if cut == "line" else [data[at : at + 1] for at in range(len(data))]


def serve_client(
    octets: bytes, *, cut: Cut = "whole", config: ServerConfig | None = None, handler: ServerHandler | None = None
) -> Served:
    """Say all this to a server, and look at what it did."""
    return Served(config or ServerConfig(), handler or KeepingHandler()).receive(*portions(octets, cut))


class Pair:
    """A client and as many servers as it connects to; octets go from one to the other in portions."""

    def __init__(self, serve: Callable[[], Flow[None]], cut: Cut = "whole") -> None:
        self.cut = cut
        self.secrets: list[bytes] = []
        self._serve = serve
        self._server: Flow[None] | None = None
        self._want: Want | None = None
        self._to_server: list[bytes] = []
        self._to_client: list[bytes] = []

    def run(self, client: Flow[T]) -> T:
        """Run a client flow to its end, the server's part along with it."""
        try:
            want = next(client)
            while True:
                want = client.send(self._satisfy(want))
        except StopIteration as end:
            result: T = end.value
            return result

    def _satisfy(self, want: Want) -> bytes:
        match want:
            case Connect():
                self._to_server.clear()
                self._to_client.clear()
                self._server = self._serve()
                self._want = next(self._server)
                return b"client.example.org"
            case Send(data, _, secret):
                if secret:
                    self.secrets.append(data)
                self._to_server += portions(data, self.cut)
            case Ask(data, stage, secret):
                self._satisfy(Send(data, stage, secret))
                return self._satisfy(Receive(stage))
            case Receive():
                while not self._to_client and self._want is not None:
                    self._turn_server()
                return self._to_client.pop(0) if self._to_client else b""
            case ReceivePending():
                heard = b"".join(self._to_client)
                self._to_client.clear()
                return heard
            case Secure():
                while not isinstance(self._want, Secure):
                    assert self._want is not None, "the server left before TLS"
                    self._turn_server()
                assert not self._to_client
                self._advance(b"")
            case HangUp():
                self._want = None
            case Fetch(source):
                return str(source.fetch()).encode()
        return b""

    def _turn_server(self) -> None:
        """Do one thing that the server wants."""
        match self._want:
            case Send(data):
                self._to_client += portions(data, self.cut)
                self._advance(b"")
            case Receive():
                assert self._to_server, "both wait for each other"
                self._advance(self._to_server.pop(0))
            case ReceivePending():
                heard = b"".join(self._to_server)
                self._to_server.clear()
                self._advance(heard)
            case HangUp():
                self._want = None
            case _:
                raise AssertionError(f"out of place: {self._want}")

    def _advance(self, answer: bytes) -> None:
        assert self._server is not None
        try:
            self._want = self._server.send(answer)
        except StopIteration:
            self._want = None
