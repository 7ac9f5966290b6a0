"""Test server with limits on connections and on messages per connection."""

from __future__ import annotations

import socket
import threading
from collections import Counter
from contextlib import suppress

from session.play import PATIENCE
from session.stranger import Phone


class Crowd:
    """
    Serves everybody who comes, each in a thread.

    `most`: connections at a time; who comes beyond is told 421. `each`: messages a connection may carry; then it hangs
    up with a word ("421" to the next MAIL), with one that nobody asked for ("unasked"), or "silently". Where `ending`
    is a whole reply ("452 4.5.3 …"), every further MAIL is refused with it, and the session goes on.
    """

    def __init__(self, *, most: int = 1000, each: int = 1_000_000, ending: str = "421") -> None:
        self.most, self.each, self.ending = most, each, ending
        self.mails: Counter[str] = Counter()  # number of times each subject was accepted
        self.pending = 0  # mails that were heard whole and are not answered yet
        self.peak = 0
        self.came = 0
        self.farewells = 0
        self.refusals = 0  # of MAIL, on a session that has carried as many mails as it may
        self.verdict = threading.Event()  # no message is answered before
        self.greeting = threading.Event()  # nobody is greeted before
        self.verdict.set()
        self.greeting.set()
        self.capabilities = ["PIPELINING"]
        self.closing = "421 4.7.0 Max message per connection reached"
        self.complaint = ""  # said to MAIL instead of 250, once
        self.changed = threading.Condition()
        self._phones: set[Phone] = set()
        self._threads: list[threading.Thread] = []
        self._problems: list[BaseException] = []
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=200)
        self.port: int = self._listener.getsockname()[1]
        self._door = threading.Thread(target=self._serve, daemon=True)
        self._door.start()

    @property
    def connections(self) -> int:
        """How many are connected."""
        return len(self._phones)

    def wait(self, what: str, number: int) -> None:
        """Return when `connections`, `came`, `pending`, `farewells` or `total` is this number."""
        with self.changed:
            assert self.changed.wait_for(lambda: getattr(self, what) == number, PATIENCE), (
                f"{what}: {getattr(self, what)} where {number} belong"
            )

    @property
    def total(self) -> int:
        """How many mails were taken."""
        return self.mails.total()

    def hang_up(self, how_many: int = 1000) -> None:
        """End these connections without a word."""
        with self.changed:
            for phone in list(self._phones)[:how_many]:
                with suppress(OSError):
                    phone.line.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Serve nobody any more; what went wrong is raised."""
        self.verdict.set()
        self.greeting.set()
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._door.join(PATIENCE)
        self.hang_up()
        for thread in self._threads:
            thread.join(PATIENCE)
            assert not thread.is_alive(), "a connection did not come to an end"
        if self._problems:
            raise self._problems[0]

    def _serve(self) -> None:
        while True:
            try:
                line, _ = self._listener.accept()
            except OSError:
                return
            line.settimeout(PATIENCE)
            line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            phone = Phone(line)
            with self.changed:
                self.came += 1
                welcome = len(self._phones) < self.most
                self._phones.add(phone)
                if welcome:
                    self.peak = max(self.peak, len(self._phones))
                self.changed.notify_all()
            self._threads.append(threading.Thread(target=self._receive, args=(phone, welcome), daemon=True))
            self._threads[-1].start()

    def _receive(self, phone: Phone, welcome: bool) -> None:
        try:
            self.greeting.wait(PATIENCE)
            if welcome:
                self._converse(phone)
            else:
                phone.say("421 4.7.0 too many connections")
        except BaseException as problem:  # noqa: BLE001 - told to the test by `close`
            self._problems.append(problem)
        finally:
            with self.changed:
                self._phones.discard(phone)
                self.changed.notify_all()
            phone.close()

    def _converse(self, phone: Phone) -> None:
        taken, sender = 0, False
        phone.say("220 hi")
        while words := phone.receive():
            match words[:4].upper():
                case b"EHLO":
                    phone.say("\n".join(["250-hi", *(f"250-{name}" for name in self.capabilities), "250 8BITMIME"]))
                case b"MAIL" if taken == self.each and self.ending == "421":
                    phone.say(self.closing)
                    return
                case b"MAIL" if taken >= self.each and self.ending.startswith("45"):
                    self.refusals += 1
                    sender = False
                    phone.say(self.ending)
                case b"MAIL" if self.complaint:
                    said, self.complaint = self.complaint, ""
                    phone.say(said)
                case b"MAIL":
                    sender = True
                    phone.say("250 ok")
                case b"RCPT" | b"DATA" if not sender:
                    phone.say("503 MAIL first")
                case b"DATA":
                    sender = False
                    phone.say("354 go")
                    subject = self.receive_mail(phone)
                    if not subject:
                        return
                    with self.changed:
                        self.pending += 1
                        self.changed.notify_all()
                    self.verdict.wait(PATIENCE)
                    taken += 1
                    with self.changed:
                        self.pending -= 1
                        self.mails[subject] += 1
                        self.changed.notify_all()
                    phone.say("250 2.0.0 taken")
                    if taken == self.each and not self.ending.startswith("4"):
                        if self.ending == "unasked":
                            phone.say("421 4.4.2 bye")
                        return
                case b"QUIT":
                    with self.changed:
                        self.farewells += 1
                        self.changed.notify_all()
                    phone.say("221 bye")
                    return
                case _:
                    phone.say("250 ok")

    @staticmethod
    def receive_mail(phone: Phone) -> str:
        """The subject of a whole mail; "" when the client is gone before the dot."""
        subject = ""
        while True:
            before = len(phone.heard)
            line = phone.receive()
            if len(phone.heard) == before:
                return ""
            if phone.heard[-1] == b".\r\n":
                return subject
            if line.startswith(b"Subject: "):
                subject = line[9:].decode()
