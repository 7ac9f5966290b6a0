"""TLS session resumption: used for the next connection, and never under another trust."""

from __future__ import annotations

import hashlib
import os
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest

import inside
from courriel import Password, PopSession, Sandbox, Security, Server, Timeouts, Transcript, errors
from courriel.model.servers.trust import ClientCertificate, Trust
from courriel.network.tls import ca_store, contexts, sessions
from session.certificates import HOST, Line, Workshop
from session.play import Awaiting, Blocking, Session

Colour = type[Session]


@pytest.fixture(scope="module")
def workshop(tmp_path_factory: pytest.TempPathFactory) -> Workshop:
    return Workshop(tmp_path_factory.mktemp("resumption"))


@pytest.fixture(params=[Blocking, Awaiting])
def colour(request: pytest.FixtureRequest) -> Colour:
    return request.param


class Desk:
    """A running server that replies to everything, and records which connections resumed a session."""

    def __init__(self, context: ssl.SSLContext, mechanisms: str = "PLAIN") -> None:
        self.context = context
        self.resumed: list[bool] = []
        self._mechanisms = mechanisms
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def end(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(10)

    def _serve(self) -> None:
        with suppress(OSError):
            while True:
                plain, _ = self._listener.accept()
                with suppress(OSError), plain, self.context.wrap_socket(plain, server_side=True) as line:
                    self.resumed.append(bool(line.session_reused))
                    self._using_client(line)

    def _using_client(self, line: ssl.SSLSocket) -> None:
        line.sendall(b"220 hi\r\n")
        with line.makefile("rb") as heard:
            for words in heard:
                match words.split()[0].upper():
                    case b"EHLO":
                        line.sendall(f"250-hi\r\n250 AUTH {self._mechanisms}\r\n".encode())
                    case b"AUTH":
                        line.sendall(b"235 ok\r\n" if words.endswith(b"AGFkYQBzZXNhbWU=\r\n") else b"535 no\r\n")
                    case b"QUIT":
                        line.sendall(b"221 bye\r\n")
                        return
                    case _:
                        line.sendall(b"250 ok\r\n")


@pytest.fixture
def handler(workshop: Workshop) -> Iterator[Callable[..., Desk]]:
    with ExitStack() as ending:

        def open_desk(context: ssl.SSLContext | None = None, **options: str) -> Desk:
            opened = Desk(context or workshop.server("address"), **options)
            ending.callback(opened.end)
            return opened

        yield open_desk


def serve_client(
    colour: Colour, handler: Desk, trust: Trust, password: str = "sesame", **options: object
) -> Transcript:
    """Open a session there, send a command, and close it."""
    server = Server("127.0.0.1", handler.port, Security.TLS, trust=trust, timeouts=Timeouts.silence(10), **options)  # type: ignore[arg-type]
    transcript = Transcript()
    session = colour(server, Password("ada", password), transcript)
    try:
        session.open()
        session.noop()
        session.close()
    finally:
        session.leave()
    return transcript


@pytest.mark.slow
@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_the_next_line_to_the_same_server_takes_the_session_up(
    colour: Colour, handler: Callable[..., Desk], workshop: Workshop, version: ssl.TLSVersion
) -> None:
    there, trust = handler(workshop.server("address", maximum_version=version)), Trust.file(workshop.authority)

    for _ in range(3):
        serve_client(colour, there, trust)

    assert there.resumed == [False, True, True]


@pytest.mark.slow
def test_both_colours_take_up_the_same_session(handler: Callable[..., Desk], workshop: Workshop) -> None:
    there, trust = handler(), Trust.data(workshop.authority.read_bytes())

    for colour in (Blocking, Awaiting, Blocking):
        serve_client(colour, there, trust)

    assert there.resumed == [False, True, True]


def test_a_line_that_was_taken_up_has_the_certificate_that_pins_and_bindings_are_made_of(
    colour: Colour, handler: Callable[..., Desk], workshop: Workshop
) -> None:
    pin = f"sha256:{hashlib.sha256(workshop.certificates['address'].der).hexdigest()}"
    there, trust = handler(), Trust.file(workshop.authority).with_pins(pin)

    serve_client(colour, there, trust)
    serve_client(colour, there, trust)

    assert there.resumed == [False, True]


def test_another_trust_begins_anew_and_decides_for_itself(
    colour: Colour, handler: Callable[..., Desk], workshop: Workshop
) -> None:
    """A session accepted without verification, or under another CA, must not be resumed under a stricter trust."""
    there = handler()
    serve_client(colour, there, Trust.dangerously_accept_any_certificate())
    serve_client(colour, there, Trust.file(workshop.authority))

    with pytest.raises(errors.TlsFailed):
        serve_client(colour, there, Trust.file(workshop.unbelieved))
    with pytest.raises(errors.TlsFailed):
        serve_client(colour, there, Trust.pin("sha256:" + "0" * 64))

    assert True not in there.resumed


def test_another_name_begins_anew_and_is_checked(
    colour: Colour, handler: Callable[..., Desk], workshop: Workshop
) -> None:
    there, trust = handler(), Trust.file(workshop.authority)
    serve_client(colour, there, trust)

    with pytest.raises(errors.TlsFailed) as refused:
        serve_client(colour, there, trust, tls_name="other.example.org")

    assert refused.value.failure is not None
    assert refused.value.failure.id == "CERT-WRONG-NAME"
    assert True not in there.resumed


def test_a_trust_whose_file_has_changed_begins_anew(
    colour: Colour, handler: Callable[..., Desk], workshop: Workshop, tmp_path: Path
) -> None:
    """After a CA is removed from the file, sessions verified by it must not be resumed."""
    file = tmp_path / "authorities.pem"
    file.write_bytes(workshop.authority.read_bytes())
    there, trust = handler(), Trust.file(file)
    serve_client(colour, there, trust)

    file.write_bytes(workshop.unbelieved.read_bytes())
    os.utime(file, ns=(1, 1))
    with pytest.raises(errors.TlsFailed):
        serve_client(colour, there, trust)

    assert True not in there.resumed


def test_another_client_certificate_begins_anew(
    colour: Colour, handler: Callable[..., Desk], workshop: Workshop
) -> None:
    there, trust = handler(), Trust.file(workshop.authority)
    serve_client(colour, there, trust)

    serve_client(colour, there, trust, client_certificate=ClientCertificate(workshop.certificates["client"].path))

    assert there.resumed == [False, False]


def test_a_server_that_has_forgotten_is_looked_at_as_if_for_the_first_time(
    colour: Colour, handler: Callable[..., Desk], workshop: Workshop
) -> None:
    """It may be another server by now, with another certificate."""
    there, trust = handler(), Trust.file(workshop.authority)
    serve_client(colour, there, trust)

    there.context = workshop.server("address")
    serve_client(colour, there, trust)
    there.context = workshop.server("self-signed")
    with pytest.raises(errors.TlsFailed):
        serve_client(colour, there, trust)

    assert there.resumed[:2] == [False, False]


def test_after_an_opening_that_failed_the_next_one_begins_anew(
    colour: Colour, handler: Callable[..., Desk], workshop: Workshop
) -> None:
    there, trust = handler(), Trust.file(workshop.authority)
    serve_client(colour, there, trust)

    with pytest.raises(errors.AuthenticationRefused):
        serve_client(colour, there, trust, "wrong")
    serve_client(colour, there, trust)

    assert there.resumed == [False, True, False]


def test_a_login_that_is_bound_to_the_certificate_is_shown_it_each_time(workshop: Workshop) -> None:
    """A server may have a new certificate, and still resume sessions of the old one."""
    from courriel.dialogue.flow import Remember
    from courriel.dialogue.smtp.client import SmtpDialogue

    wants = {}
    for mechanism in ("SCRAM-SHA-256", "SCRAM-SHA-256-PLUS"):
        dialogue = SmtpDialogue(Server("127.0.0.1", 465))

        def secure(here: SmtpDialogue = dialogue, mechanism: str = mechanism) -> Iterator[None]:
            here.secured, here.mechanism = True, mechanism
            yield from ()

        inside.skip_opening(dialogue, secure)
        flow = dialogue.open()
        next(flow)
        wants[mechanism] = []
        with suppress(StopIteration):
            wants[mechanism].append(flow.send(b"client.example.org"))

    assert [type(want) for want in wants["SCRAM-SHA-256"]] == [Remember]
    assert wants["SCRAM-SHA-256-PLUS"] == []


def test_a_mailbox_is_opened_anew_with_less_work_too() -> None:
    taken_up = []
    with Sandbox() as sandbox:
        for _ in range(2):
            with PopSession(sandbox.pop_server(Security.TLS), Password("bob@example.org", "any")) as box:
                taken_up.append(inside.socket_of(box).session_reused)

    assert taken_up == [False, True]


def test_after_an_hour_the_certificate_is_looked_at_again(workshop: Workshop, monkeypatch: pytest.MonkeyPatch) -> None:
    context = contexts.client_context(Trust.data(workshop.authority.read_bytes()))
    server, now = workshop.server("good"), [1_000_000_000.0]
    monkeypatch.setattr(sessions, "time", lambda: now[0])
    reused = []

    for passed in (0, 50, 1800, 1740, 50, 50):
        now[0] += passed
        line = Line(context, server)
        with suppress(ssl.SSLWantReadError):
            line.read()
        reused.append(line.client.session_reused)
        contexts.remember(line.client)

    # The fifth handshake, 3640 seconds after the first, is a full one; renewed tickets do not delay it.
    assert reused == [False, True, True, True, False, True]


def test_a_certificate_that_expires_ends_what_was_agreed_on_it(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    context = contexts.client_context(Trust.data(workshop.authority.read_bytes()))
    line = Line(context, workshop.server("good"))
    with suppress(ssl.SSLWantReadError):
        line.read()
    expiry = ssl.cert_time_to_seconds(str((line.client.getpeercert() or {})["notAfter"]))
    monkeypatch.setattr(sessions, "time", lambda: expiry - 10.0)
    contexts.remember(line.client)

    assert isinstance(context, sessions.SessionStore)
    monkeypatch.setattr(sessions, "time", lambda: expiry + 1.0)

    assert context.take(HOST) is None


def test_one_ticket_serves_for_a_minute_and_is_replaced_then(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    context = contexts.client_context(Trust.data(workshop.authority.read_bytes()))
    assert isinstance(context, sessions.SessionStore)
    server, now = workshop.server("good"), [1_000_000_000.0]
    monkeypatch.setattr(sessions, "time", lambda: now[0])
    made = []

    for passed in (0, 30, 40):
        now[0] += passed
        line = Line(context, server)
        with suppress(ssl.SSLWantReadError):
            line.read()
        contexts.remember(line.client)
        made.append(context.kept[HOST].made)

    assert made == [1_000_000_000.0, 1_000_000_000.0, 1_000_000_070.0]


def test_where_the_system_checks_certificates_they_are_shown_each_time(
    colour: Colour, handler: Callable[..., Desk], workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(workshop.authority))
    monkeypatch.setattr(ca_store, "checked_by_system", lambda: True)
    there = handler()

    serve_client(colour, there, Trust.system())
    serve_client(colour, there, Trust.system())

    assert there.resumed == [False, False]


def test_names_without_end_do_not_fill_the_memory(workshop: Workshop) -> None:
    context = sessions.SessionStore()
    agreement = sessions.StoredSession(None, 0.0, float("inf"))  # type: ignore[arg-type]

    for number in range(1000):
        context.put(f"mx{number}.example.org", agreement)

    assert len(context.kept) == 100
    assert context.take("mx999.example.org") is agreement
    assert context.take("mx0.example.org") is None
