"""Many messages on one session against a simulated server: each message gets exactly one result."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from courriel import Envelope, Receipt, Security, Server, errors
from courriel.dialogue.flow import Ask, AskEndGuard, Connect, Flow, HangUp, Probe, Receive, ReceivePending, Send
from courriel.dialogue.smtp.batch_sender import BatchSender
from courriel.dialogue.smtp.client import SmtpDialogue
from courriel.dialogue.smtp.send_queue import QueuedMessage
from courriel.model.content import Content
from courriel.model.receipt import Result
from courriel.model.submission import Submission
from fast_part import examples

SERVER = Server("127.0.0.1", 25, Security.NONE, ehlo_name="client.example.org")


@dataclass
class Plan:
    """Behaviour of the server for one message; `event` happens once, on the first occasion."""

    mail: int = 250
    rcpts: tuple[int, ...] = (250,)
    verdict: int = 250
    event: str = ""  # "421 at mail", "cut at mail", "cut at verdict", "taken and cut", "421 at verdict"
    size: int = 30


@dataclass
class World:
    """A server, its connections one after the other, and the messages it really accepted."""

    plans: list[Plan]
    chunking: bool = False
    pipelining: bool = True
    resets_itself: bool = True
    cut: int = 10_000
    opens: bool = True
    bdat: str = ""  # "unknown": announces CHUNKING, refuses BDAT; "read away": and discards the chunk
    throws_away: bool = False  # data behind the end of a message, with a 503
    taken: list[tuple[int, tuple[str, ...], bytes]] = field(default_factory=list)
    connections: int = 0

    def __post_init__(self) -> None:
        self.heard = bytearray()
        self.output = bytearray()
        self.closed = True
        self.number: int | None = None
        self.recipients: list[str] = []
        self.content: bytes | None = None
        self.chunks = b""

    # Wants of the client.

    def run(self, flow: Flow[object]) -> None:
        """Run a flow, as the drivers do."""
        try:
            want = next(flow)
            while True:
                try:
                    answer = self.satisfy(want)
                except errors.CourrielError as ours:
                    want = flow.throw(ours)
                else:
                    want = flow.send(answer)
        except StopIteration:
            return

    def satisfy(self, want: object) -> bytes:
        match want:
            case Connect():
                if self.connections and not self.opens:
                    raise errors.ConnectionFailed("nobody there", stage="connect")
                self.connections += 1
                self.__post_init__()
                self.closed = False
                self.output += b"220 hi\r\n"
                return b"client.example.org"
            case Send(data):
                if self.closed:
                    raise errors.ConnectionFailed("broken pipe", stage=want.stage)
                self.heard += data
                self.listen()
                return b""
            case Ask(data, stage):
                self.satisfy(Send(data, stage))
                return self.satisfy(Receive(stage))
            case Receive():
                data = bytes(self.output[: self.cut])
                del self.output[: self.cut]
                return data
            case ReceivePending(stage, _):
                data = bytes(self.output)
                self.output.clear()
                if not data and self.closed:
                    raise errors.ConnectionFailed("hung up", stage=stage)
                return data
            case HangUp():
                self.closed = True
                return b""
            case Probe():
                return b""
            case AskEndGuard(ask):
                return b"yes" if ask() else b""
        raise AssertionError(want)

    # The server.

    def listen(self) -> None:
        while not self.closed:
            if self.content is not None and self.chunking_left == 0:
                end = self.heard.find(b"\r\n.\r\n")
                if end < 0 and not self.heard.startswith(b".\r\n"):
                    return
                body = bytes(self.heard[: end + 2]) if end >= 0 else b""
                del self.heard[: len(body) + 3]
                self.content = None
                self.judge(body.replace(b"\r\n..", b"\r\n."))
                if self.throws_away:
                    for _ in range(self.heard.count(b"\r\n")):
                        self.say("503 pipelined after the end of data")
                    self.heard.clear()
                continue
            line, found, rest = self.heard.partition(b"\r\n")
            if not found:
                return
            if line.startswith(b"BDAT") and self.bdat != "unknown":
                size = int(line.split()[1])
                if len(rest) < size:
                    return
                if self.bdat == "read away":
                    del self.heard[: len(line) + 2 + size]
                    self.say("502 what is BDAT?")
                    continue
                del self.heard[: len(line) + 2 + size]
                self.chunks += rest[:size]
                if line.endswith(b"LAST"):
                    octets, self.chunks = self.chunks, b""
                    self.judge(octets)
                elif self.number is None or not self.recipients:
                    self.say("554 no valid recipients")
                else:
                    self.say("250 go on")
                continue
            del self.heard[: len(line) + 2]
            self.obey(line.decode())

    chunking_left = 0

    def obey(self, line: str) -> None:
        verb = line[:4]
        if verb == "EHLO":
            extensions = ["mx", *["PIPELINING"] * self.pipelining, *["CHUNKING"] * self.chunking]
            self.say(
                "\r\n".join(f"250{'-' if i < len(extensions) - 1 else ' '}{name}" for i, name in enumerate(extensions))
            )
        elif verb == "MAIL":
            self.mail(int(line.split("<m")[1].split("@", maxsplit=1)[0]))
        elif verb == "RCPT":
            self.rcpt(line.split("<")[1].split(">", maxsplit=1)[0])
        elif verb == "DATA":
            if self.number is None or not self.recipients:
                self.say("554 no valid recipients")
            else:
                self.content = b""
                self.say("354 go")
        elif verb == "RSET":
            self.number, self.recipients, self.chunks = None, [], b""
            self.say("250 ok")
        elif verb in ("NOOP", "QUIT"):
            self.say("250 ok")
        else:
            self.say("500 what?")

    def mail(self, number: int) -> None:
        if self.number is not None:
            self.say("503 nested MAIL")
            return
        plan = self.plans[number]
        if plan.event == "cut at mail":
            plan.event, self.closed = "", True
        elif plan.event == "421 at mail":
            plan.event = ""
            self.say("421 enough")
            self.closed = True
        elif plan.mail == 250:
            self.number, self.answered, self.recipients = number, 0, []
            self.say("250 ok")
        else:
            self.say(f"{plan.mail} no")

    def rcpt(self, name: str) -> None:
        if self.number is None:
            self.say("503 MAIL first")
            return
        assert name.startswith(f"r{self.number}."), "a recipient reached another message"
        code = self.plans[self.number].rcpts[self.answered]
        self.answered += 1
        if code == 250:
            self.recipients.append(name)
        self.say(f"{code} so be it")

    def judge(self, body: bytes) -> None:
        if self.number is None or not self.recipients:
            self.say("554 no valid recipients")
            if self.resets_itself:
                self.number = None
            return
        number, recipients = self.number, tuple(self.recipients)
        plan = self.plans[number]
        self.number, self.recipients = None, []
        event, plan.event = plan.event, ""
        if event == "cut at verdict":
            self.closed = True
        elif event == "421 at verdict":
            self.say("421 enough")
            self.closed = True
        elif plan.verdict != 250:
            self.say(f"{plan.verdict} no")
        else:
            self.taken.append((number, recipients, body))
            if event == "taken and cut":
                self.closed = True
            else:
                self.say("250 taken")

    def say(self, text: str) -> None:
        if not self.closed:
            self.output += text.encode() + b"\r\n"


def body(number: int, plan: Plan) -> bytes:
    return f"Subject: {number}\r\n\r\n".encode() + b"." * plan.size + b"\r\n"


def send(
    world: World, dialogue: SmtpDialogue, *, window: int = 4, all_or_nothing: bool = False
) -> tuple[list[Result], errors.CourrielError | None]:
    """Send every message through a batch, as a session does; results, and the error that ended it."""
    world.run(dialogue.open())
    stream = BatchSender(dialogue, window=window)
    results: list[Result] = []
    waiting = list(range(len(world.plans)))
    try:
        while waiting:
            while stream.room and waiting:
                number = waiting.pop(0)
                plan = world.plans[number]
                octets = body(number, plan)
                names = [f"r{number}.{place}@x.org" for place in range(len(plan.rcpts))]
                envelope = Envelope.of(f"m{number}@x.org", names)
                queued = QueuedMessage(envelope, Content((octets,), len(octets)), f"<{number}@x.org>")
                queued.all_or_nothing = all_or_nothing
                stream.put(queued)
            world.run(stream.advance())
            results += stream.results()
        world.run(stream.finish())
        results += stream.results()
        world.run(stream.wind_up())
    except errors.CourrielError as end:
        return [*results, *stream.results()], end
    return results, None


codes = some.sampled_from([250, 250, 250, 250, 450, 550])
events = some.sampled_from(
    ["", "", "", "", "421 at mail", "cut at mail", "cut at verdict", "taken and cut", "421 at verdict"]
)
plans = some.builds(
    Plan,
    mail=codes,
    rcpts=some.lists(codes, min_size=1, max_size=4).map(tuple),
    verdict=codes,
    event=events,
    size=some.sampled_from([0, 30, 200]),
)
worlds = some.builds(
    World,
    plans=some.lists(plans, min_size=1, max_size=12),
    chunking=some.booleans(),
    pipelining=some.booleans(),
    resets_itself=some.booleans(),
    cut=some.sampled_from([1, 2, 7, 40, 10_000]),
    throws_away=some.booleans(),
    bdat=some.sampled_from(["", "", "unknown", "read away"]),
)


@pytest.mark.slow
@settings(max_examples=examples(400))
@given(worlds, some.integers(1, 6), some.booleans(), some.sampled_from([None, True]))
def test_each_message_gets_one_result_whatever_the_server_does(
    world: World, window: int, all_or_nothing: bool, bdat_taken: bool | None
) -> None:
    originals = [Plan(plan.mail, plan.rcpts, plan.verdict, plan.event, plan.size) for plan in world.plans]

    dialogue = SmtpDialogue(SERVER)
    dialogue.facts.bdat_taken = bdat_taken
    results, end = send(world, dialogue, window=window, all_or_nothing=all_or_nothing)
    world.plans.append(Plan())
    one_more = Envelope.of(f"m{len(originals)}@x.org", f"r{len(originals)}.0@x.org")
    if not world.closed:
        world.run(dialogue.deliver(Submission(one_more, Content((b"\r\n",), 2), "")))
        assert world.taken.pop()[0] == len(originals), "the next message paid for the last"

    assert end is None
    assert len(results) == len(originals)
    taken = {number: (recipients, octets) for number, recipients, octets in world.taken}
    assert len(taken) == len(world.taken), "a message was taken twice"
    for number, (plan, result) in enumerate(zip(originals, results, strict=True)):
        names = [f"r{number}.{place}@x.org" for place, code in enumerate(plan.rcpts) if code == 250]
        if number in taken:
            # An accepted message is never reported as failed, and reached its recipients unchanged.
            assert taken[number] == (tuple(names), body(number, plan))
        if isinstance(result, Receipt):
            assert number in taken
            assert result.accepted == tuple(names)
            assert result.message_id == f"<{number}@x.org>"
        elif result.in_doubt:
            assert plan.event in ("cut at verdict", "taken and cut") or world.chunking
        else:
            assert number not in taken
        if all_or_nothing and len(names) < len(plan.rcpts):
            assert number not in taken
        if (
            plan.event == ""
            and plan.mail == plan.verdict == 250
            and names
            and not all_or_nothing
            and not world.chunking
        ):
            assert number in taken, "a neighbour's misfortune touched this one"


@pytest.mark.parametrize("chunking", [False, True])
def test_a_refusal_inside_the_window_touches_nobody_else(chunking: bool) -> None:
    world = World(
        [Plan(), Plan(rcpts=(550,)), Plan(), Plan(mail=550), Plan(verdict=554), Plan()],
        chunking=chunking,
        resets_itself=False,
    )

    results, _ = send(world, SmtpDialogue(SERVER), window=6)

    kinds = [type(result) for result in results]
    assert kinds == [Receipt, errors.RecipientsRefused, Receipt, errors.SenderRefused, errors.MessageRefused, Receipt]
    assert world.connections == 1


def test_a_server_that_closes_after_some_messages_is_called_again() -> None:
    world = World([Plan(), Plan(), Plan(event="421 at mail"), Plan(), Plan(event="cut at mail"), Plan()])

    results, _ = send(world, SmtpDialogue(SERVER))

    assert all(isinstance(result, Receipt) for result in results)
    assert world.connections == 3


def test_when_reconnecting_fails_each_message_in_flight_gets_the_error() -> None:
    world = World([Plan(), Plan(event="cut at verdict"), Plan(), Plan()], opens=False)

    results, end = send(world, SmtpDialogue(SERVER))

    assert end is not None
    assert isinstance(results[0], Receipt)
    assert isinstance(results[1], errors.ConnectionFailed)
    assert results[1].in_doubt
    assert isinstance(results[2], errors.ConnectionFailed)
    assert not results[2].in_doubt
    assert len(world.taken) == 1


def test_pipelining_says_the_end_of_one_with_the_envelope_of_the_next() -> None:
    world = World([Plan(size=1), Plan(size=1)])
    said: list[bytes] = []
    satisfy = world.satisfy

    def listen(want: object) -> bytes:
        if isinstance(want, Send):
            said.append(bytes(want.data))
        return satisfy(want)

    world.satisfy = listen  # type: ignore[method-assign]
    send(world, SmtpDialogue(SERVER))

    assert said[2] == b"Subject: 0\r\n\r\n..\r\n.\r\nMAIL FROM:<m1@x.org>\r\nRCPT TO:<r1.0@x.org>\r\nDATA\r\n"


def test_chunking_sends_whole_messages_in_one_piece() -> None:
    world = World([Plan(size=1) for _ in range(3)], chunking=True)
    said: list[bytes] = []
    satisfy = world.satisfy

    def listen(want: object) -> bytes:
        if isinstance(want, Send):
            said.append(bytes(want.data))
        return satisfy(want)

    world.satisfy = listen  # type: ignore[method-assign]
    dialogue = SmtpDialogue(SERVER)
    dialogue.facts.bdat_taken = True
    send(world, dialogue)

    assert len(said) == 2
    assert said[1].count(b"BDAT 17 LAST\r\n") == 3


@pytest.mark.parametrize(("window", "together"), [(lambda: 16, 4), (lambda: 3, 1), (16, 1)])
def test_results_of_guarded_messages_wait_for_a_quarter_of_a_measured_window(
    window: int | Callable[[], int], together: int
) -> None:
    world, dialogue = World([Plan() for _ in range(16)]), SmtpDialogue(SERVER)
    world.run(dialogue.open())
    stream = BatchSender(dialogue, window=window)
    for number, plan in enumerate(world.plans):
        octets = body(number, plan)
        envelope = Envelope.of(f"m{number}@x.org", [f"r{number}.0@x.org"])
        stream.put(QueuedMessage(envelope, Content((octets,), len(octets)), before_end=lambda: True))

    came: list[int] = []
    while stream.in_hand:
        world.run(stream.advance(last=True))
        came.append(len(list(stream.results())))

    assert sum(came) == 16
    assert max(came) == together
