"""Sessions through a proxy, with both drivers: its answers cut anywhere, late, false; and its password nowhere."""

from __future__ import annotations

import asyncio
import logging
import pickle
import socket
import struct
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import pytest

from courriel import (
    AsyncSmtpSession,
    InvalidServer,
    NameNotFound,
    Proxy,
    ProxyError,
    RemoteProtocolError,
    Security,
    Server,
    TimedOut,
    Timeouts,
    Transcript,
)
from courriel._dataclass import replace
from courriel.errors import CourrielError
from session.play import PATIENCE, Awaiting, Blocking, Session
from session.stranger import Phone, Stranger, stranger

HOST, PORT = "mx.example.org", 587
NAME = b"\x03\x0emx.example.org\x02\x4b"
USER, PASSWORD = "ada", "Tr0ub4dor&3"
BOUND = b"\x00\x01\x7f\x00\x00\x01\x04\x38"
HEAD = b"CONNECT mx.example.org:587 HTTP/1.1\r\nHost: mx.example.org:587\r\n"
BASIC = b"Proxy-Authorization: Basic YWRhOlRyMHViNGRvciYz\r\n"
ESTABLISHED = b"HTTP/1.1 200 Connection established\r\nProxy-Agent: x/1.0\r\n\r\n"

Exchange = list[tuple[bytes, bytes]]
"""What a proxy hears, and what it answers."""

EXCHANGES: dict[str, tuple[str, bool, Exchange]] = {
    "socks5h": ("socks5h", False, [(b"\x05\x01\x00", b"\x05\x00"), (b"\x05\x01\x00" + NAME, b"\x05\x00" + BOUND)]),
    "socks5h, login": (
        "socks5h",
        True,
        [
            (b"\x05\x02\x00\x02", b"\x05\x02"),
            (b"\x01\x03ada\x0bTr0ub4dor&3", b"\x01\x00"),
            (b"\x05\x01\x00" + NAME, b"\x05\x00\x00\x03\x09localhost\x04\x38"),
        ],
    ),
    "http": ("http", False, [(HEAD + b"\r\n", ESTABLISHED)]),
    "http, login": ("http", True, [(HEAD + BASIC + b"\r\n", ESTABLISHED)]),
}
CUTS = ("whole", "octets", "with the greeting")
GREETING = b"220 mx.example.org ready\r\n"


@pytest.fixture(params=[Blocking, Awaiting])
def colour(request: pytest.FixtureRequest) -> Callable[..., Session]:
    return request.param  # type: ignore[no-any-return]


@contextmanager
def opened(
    colour: Callable[..., Session], proxy: Proxy | None, transcript: Transcript | None = None, **options: object
) -> Iterator[Session]:
    """A session with mx.example.org, opened through a proxy."""
    server = Server(
        str(options.pop("host", HOST)),
        PORT,
        Security.NONE,
        proxy=proxy,
        timeouts=Timeouts(connect=5, greeting=5, hello=5, goodbye=1),
    )
    if options:
        server = Server(server.host, PORT, Security.NONE, proxy=proxy, **options)  # type: ignore[arg-type]
    session = colour(server, None, transcript)
    try:
        session.open()
        yield session
        session.close()
    finally:
        session.leave()


def to(proxy: Stranger, scheme: str = "socks5h", *, login: bool = False) -> Proxy:
    words = (USER, PASSWORD) if login else ("", "")
    return Proxy(scheme, "127.0.0.1", proxy.port, *words)  # type: ignore[arg-type]


def hear(phone: Phone, expected: bytes) -> None:
    """Read so many octets of the client, and compare."""
    heard = b""
    while len(heard) < len(expected) and (more := phone.line.recv(len(expected) - len(heard))):
        heard += more
    assert heard == expected


def answering(exchange: Exchange, cut: str = "whole") -> Callable[[Phone], None]:
    """A proxy that has this exchange, and then is the mail server."""

    def act(phone: Phone) -> None:
        for number, (heard, said) in enumerate(exchange):
            hear(phone, heard)
            last = number == len(exchange) - 1
            words = said + GREETING if last and cut == "with the greeting" else said
            for piece in [words[at : at + 1] for at in range(len(words))] if cut == "octets" else [words]:
                phone.line.sendall(piece)
        if cut != "with the greeting":
            phone.line.sendall(GREETING)
        assert phone.receive().startswith(b"EHLO")
        phone.say("250 mx.example.org")
        assert phone.receive() == b"QUIT"
        phone.say("221 bye")

    return act


def hanging_up_after(exchange: Exchange, octets: int) -> Callable[[Phone], None]:
    """A proxy that hangs up after so many octets of its answers."""

    def act(phone: Phone) -> None:
        left = octets
        for heard, said in exchange:
            hear(phone, heard)
            phone.line.sendall(said[:left])
            left -= len(said)
            if left <= 0:
                return

    return act


def saying(words: bytes) -> Callable[[Phone], None]:
    """A server that says this at once, and nothing more."""

    def act(phone: Phone) -> None:
        with suppress(OSError):
            phone.line.sendall(words)
        with suppress(OSError):
            phone.expect_nothing_more()

    return act


@pytest.mark.parametrize("cut", CUTS)
@pytest.mark.parametrize("name", EXCHANGES)
def test_a_session_opens_however_the_answers_are_cut(colour: Callable[..., Session], name: str, cut: str) -> None:
    scheme, login, exchange = EXCHANGES[name]

    with stranger(answering(exchange, cut)) as proxy, opened(colour, to(proxy, scheme, login=login)) as session:
        assert session.session.usable


@pytest.mark.slow
@pytest.mark.parametrize("name", EXCHANGES)
def test_a_proxy_may_hang_up_at_any_octet(colour: Callable[..., Session], name: str) -> None:
    scheme, login, exchange = EXCHANGES[name]
    whole = sum(len(said) for _, said in exchange)

    for octets in range(whole):
        with (
            stranger(hanging_up_after(exchange, octets)) as proxy,
            pytest.raises(ProxyError) as lost,
            opened(colour, to(proxy, scheme, login=login)),
        ):
            pass

        assert (lost.value.hint_id, lost.value.retryable, lost.value.session_usable) == ("PROXY-NO-ANSWER", True, False)
        assert lost.value.server == f"{HOST}:{PORT}"


@pytest.mark.parametrize(
    ("scheme", "words", "failure"),
    [
        ("socks5h", b"\x05\xff", "PROXY-LOGIN-REFUSED"),
        ("socks5h", b"HTTP/1.1 400 Bad Request\r\n\r\n", "PROXY-NOT-A-PROXY"),
        ("socks5h", b"220 mx.example.org ESMTP\r\n", "PROXY-NOT-A-PROXY"),
        ("socks5h", b"\x05\x00\x05\x00" + BOUND, "PROXY-NOT-A-PROXY"),
        ("socks5h", bytes(range(256)) * 16, "PROXY-NOT-A-PROXY"),
        ("http", b"220 mx.example.org ESMTP\r\n", "PROXY-NOT-A-PROXY"),
        ("http", b"\x05\x00", "PROXY-NOT-A-PROXY"),
        ("http", b"<html><body>Please log in</body></html>", "PROXY-NOT-A-PROXY"),
        ("http", b"HTTP/1.1 302 Found\r\nLocation: http://portal/\r\n\r\n<html>", "PROXY-NOT-A-PROXY"),
        ("http", b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 100_000, "PROXY-NOT-A-PROXY"),
        ("http", b"HTTP/1.1 403 Forbidden\r\n\r\n" + b"x" * 100_000, "PROXY-REFUSES-SERVER"),
        ("http", b"HTTP/1.1 407 No\r\n\r\n", "PROXY-LOGIN-REFUSED"),
        ("http", b"HTTP/1.1 503 No\r\n\r\n", "PROXY-CANNOT-REACH"),
    ],
)
def test_false_answers_are_the_proxys_and_not_the_mail_servers(
    colour: Callable[..., Session], scheme: str, words: bytes, failure: str
) -> None:
    with stranger(saying(words)) as proxy, pytest.raises(ProxyError) as wrong, opened(colour, to(proxy, scheme)):
        pass

    assert (wrong.value.hint_id, wrong.value.stage) == (failure, "connect")
    assert wrong.value.reply is None
    assert f"{scheme}://127.0.0.1:{proxy.port}" in str(wrong.value)


@pytest.mark.slow
@pytest.mark.parametrize("scheme", ["socks5h", "http"])
def test_a_silent_proxy_is_a_time_out_that_names_it(colour: Callable[..., Session], scheme: str) -> None:
    with (
        stranger(saying(b"")) as proxy,
        pytest.raises(TimedOut) as late,
        opened(colour, to(proxy, scheme), timeouts=Timeouts(connect=0.4)),
    ):
        pass

    assert str(late.value) == (
        f"the proxy {scheme}://127.0.0.1:{proxy.port} was asked, and gave no answer for 0.4 s (connect) ({HOST}:{PORT})"
    )
    assert (late.value.hint_id, late.value.retryable) == ("PROXY-NO-ANSWER", True)


@pytest.mark.slow
@pytest.mark.parametrize("limit", ["connect", "opening", "total"])
def test_a_proxy_that_drips_does_not_outlast_the_limit(colour: Callable[..., Session], limit: str) -> None:
    def dripping(phone: Phone) -> None:
        phone.line.sendall(b"HTTP/1.1 200 OK\r\nX: ")
        phone.line.settimeout(0.01)
        phone.line.recv(1000)
        for _ in range(int(PATIENCE * 100)):
            try:
                if not phone.line.recv(1000):
                    return
            except TimeoutError:
                pass
            except ConnectionError:
                return  # it hung up while octets were on their way
            with suppress(OSError):
                phone.line.sendall(b"x")
        raise AssertionError("the client did not hang up")

    with (
        stranger(dripping) as proxy,
        pytest.raises(TimedOut) as late,
        opened(colour, to(proxy, "http"), timeouts=Timeouts(**{limit: 0.4})),
    ):
        pass

    assert late.value.hint_id == "PROXY-NO-ANSWER"
    assert "the proxy http://127.0.0.1" in str(late.value)


def test_a_proxy_that_refuses_connections_is_named(colour: Callable[..., Session]) -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        port = nobody.getsockname()[1]

        with pytest.raises(ProxyError) as refused, opened(colour, Proxy("socks5h", "127.0.0.1", port)):
            pass

    assert str(refused.value) == (
        f"the proxy socks5h://127.0.0.1:{port} cannot be reached: Connection refused ({HOST}:{PORT})"
    )
    assert (refused.value.hint_id, refused.value.retryable) == ("PROXY-UNREACHABLE", True)


@pytest.mark.parametrize(
    ("number", "failure"), [(socket.EAI_NONAME, "PROXY-NOT-FOUND"), (socket.EAI_AGAIN, "PROXY-UNREACHABLE")]
)
def test_a_proxy_whose_name_is_unknown_is_named(
    colour: Callable[..., Session], names: dict[str, object], number: int, failure: str
) -> None:
    names["proxy.example.org"] = socket.gaierror(number, "no")

    with pytest.raises(ProxyError) as lost, opened(colour, Proxy("http", "proxy.example.org", 3128)):
        pass

    assert lost.value.hint_id == failure


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> dict[str, object]:
    """Names that this machine resolves, and to what; a list of those that were asked for is under ""."""
    asked: list[str] = []
    known: dict[str, object] = {"": asked}
    real = socket.getaddrinfo

    def getaddrinfo(host: object, port: object, *more: object, **options: int) -> object:
        name = host.decode() if isinstance(host, bytes) else str(host)
        if options.get("flags", 0) & socket.AI_NUMERICHOST:
            return real(host, port, *more, **options)  # type: ignore[arg-type]
        asked.append(name)
        found = known.get(name, socket.gaierror(socket.EAI_NONAME, "Name or service not known"))
        if isinstance(found, OSError):
            raise found
        assert isinstance(found, list)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in found]

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    return known


@pytest.mark.parametrize("scheme", ["socks5h", "http"])
def test_no_query_for_the_mail_server_leaves_this_machine(
    colour: Callable[..., Session], names: dict[str, object], scheme: str
) -> None:
    exchange = EXCHANGES[scheme][2]

    with stranger(answering(exchange)) as proxy, opened(colour, to(proxy, scheme)):
        pass

    assert names[""] == []


def test_socks5_resolves_here_and_asks_for_one_address_after_the_other(
    colour: Callable[..., Session], names: dict[str, object]
) -> None:
    names[HOST] = ["192.0.2.7", "192.0.2.8"]
    first: Exchange = [
        (b"\x05\x01\x00", b"\x05\x00"),
        (b"\x05\x01\x00\x01\xc0\x00\x02\x07\x02\x4b", b"\x05\x04" + BOUND),
    ]
    second: Exchange = [first[0], (b"\x05\x01\x00\x01\xc0\x00\x02\x08\x02\x4b", b"\x05\x00" + BOUND)]

    with (
        stranger(hanging_up_after(first, 1000), answering(second)) as proxy,
        opened(colour, to(proxy, "socks5")) as session,
    ):
        assert session.session.usable

    assert names[""] == [HOST]


def test_socks5_asks_for_no_further_address_when_the_rules_forbid_the_server(
    colour: Callable[..., Session], names: dict[str, object]
) -> None:
    names[HOST] = ["192.0.2.7", "192.0.2.8"]
    refusing: Exchange = [(b"\x05\x01\x00", b"\x05\x00"), (b"\x05\x01\x00\x01\xc0\x00\x02\x07\x02\x4b", b"\x05\x02")]

    with (
        stranger(hanging_up_after(refusing, 1000)) as proxy,
        pytest.raises(ProxyError) as refused,
        opened(colour, to(proxy, "socks5")),
    ):
        pass

    assert refused.value.hint_id == "PROXY-REFUSES-SERVER"
    assert len(proxy.phones) == 1


def test_a_mail_server_that_socks5_cannot_resolve_is_not_found(
    colour: Callable[..., Session], names: dict[str, object]
) -> None:
    with stranger(saying(b"")) as proxy, pytest.raises(NameNotFound) as lost, opened(colour, to(proxy, "socks5")):
        pass

    assert HOST in str(lost.value)
    assert proxy.phones == []


def test_octets_before_tls_end_the_session_behind_a_proxy_too(colour: Callable[..., Session]) -> None:
    def injecting(phone: Phone) -> None:
        hear(phone, HEAD + b"\r\n")
        phone.line.sendall(ESTABLISHED + GREETING)
        phone.receive()
        phone.say("250-mx.example.org\r\n250 STARTTLS")
        phone.receive()
        phone.say("220 go ahead\r\n250 injected")
        with suppress(OSError):
            phone.expect_nothing_more()

    server = Server(HOST, PORT, Security.STARTTLS, timeouts=Timeouts.silence(5))
    with stranger(injecting) as proxy:
        session = colour(replace(server, proxy=to(proxy, "http")))
        with pytest.raises(RemoteProtocolError):
            session.open()
        session.leave()


@pytest.mark.parametrize("scheme", ["socks5h", "http"])
def test_the_password_of_the_proxy_is_nowhere(
    colour: Callable[..., Session], scheme: str, caplog: pytest.LogCaptureFixture
) -> None:
    refusing: Exchange = (
        [(b"\x05\x02\x00\x02", b"\x05\x02"), (b"\x01\x03ada\x0bTr0ub4dor&3", b"\x01\x01")]
        if scheme == "socks5h"
        else [(HEAD + BASIC + b"\r\n", b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n")]
    )
    caplog.set_level(logging.DEBUG)
    transcript = Transcript()

    with stranger(hanging_up_after(refusing, 1000)) as proxy:
        asked = to(proxy, scheme, login=True)
        with pytest.raises(ProxyError) as refused, opened(colour, asked, transcript):
            pass

    error = refused.value
    shown = [*locals_of(error), str(error), repr(error), repr(asked), str(asked), str(transcript), caplog.text]
    shown += [repr(vars(error)), repr(pickle.dumps(error)), repr(Server(HOST, proxy=asked))]
    assert error.hint_id == "PROXY-LOGIN-REFUSED"
    for text in shown:
        assert PASSWORD not in text
        assert "VHIwdWI0" not in text
        assert "YWRhOlRyMHViNGRvciYz" not in text


@pytest.mark.parametrize(
    "said",
    [
        b"HTTP/1.1 407 no user ada with Tr0ub4dor&3",
        b"HTTP/1.1 403 no: YWRhOlRyMHViNGRvciYz",
        b"HTTP/1.1 407 no\r\nProxy-Authenticate: YWRhOlRyMHViNGRvciYz",
        b"HTTP/1.1 502 Tr0ub4dor%263",
        b"you said Proxy-Authorization: Basic YWRhOlRyMHViNGRvciYz",
        b"HTTP/1.1 200 Tr0ub4dor&3\r\nContent-Type: text/html\r\nContent-Length: 7",
    ],
)
def test_a_proxy_that_repeats_its_password_is_not_quoted(
    colour: Callable[..., Session], said: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    transcript = Transcript()

    with (
        stranger(hanging_up_after([(HEAD + BASIC + b"\r\n", said + b"\r\n\r\n")], 1000)) as proxy,
        pytest.raises(ProxyError) as refused,
        opened(colour, to(proxy, "http", login=True), transcript),
    ):
        pass

    error = refused.value
    shown = [*locals_of(error), str(error), repr(error), repr(vars(error)), str(transcript), caplog.text]
    shown.append(repr(pickle.dumps(error)))
    for text in shown:
        assert "Tr0ub4dor" not in text
        assert "YWRhOlRyMHViNGRvciYz" not in text


def locals_of(error: BaseException | None) -> Iterator[str]:
    """The local variables that a reporter of errors shows, those of this test left out, through all causes."""
    while error is not None:
        for frame in traceback.TracebackException.from_exception(error, capture_locals=True).stack:
            if frame.filename != __file__:
                yield from (frame.locals or {}).values()
        error = error.__cause__ or error.__context__


def test_a_transcript_names_the_proxy_and_begins_with_the_mail_server(colour: Callable[..., Session]) -> None:
    transcript = Transcript()

    with (
        stranger(answering(EXCHANGES["http, login"][2])) as proxy,
        opened(colour, to(proxy, "http", login=True), transcript),
    ):
        pass

    first, second = str(transcript).splitlines()[:2]
    assert first.endswith(f"connected to {HOST}:{PORT} through the proxy http://127.0.0.1:{proxy.port}")
    assert second.endswith("S: 220 mx.example.org ready")


def test_the_environment_is_asked_only_where_a_setting_says_so(
    colour: Callable[..., Session], monkeypatch: pytest.MonkeyPatch, names: dict[str, object]
) -> None:
    names[HOST] = ["127.0.0.1"]
    monkeypatch.setenv("ALL_PROXY", "socks5h://127.0.0.1:1")
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:1")

    with stranger(answering([])) as server:
        session = colour(Server(HOST, server.port, Security.NONE))
        session.open()
        session.close()
        session.leave()


def test_the_environment_names_the_proxy_when_it_is_asked(
    colour: Callable[..., Session], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("ALL_PROXY", "all_proxy", "HTTPS_PROXY", "https_proxy", "NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    with stranger(answering(EXCHANGES["http, login"][2])) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", f"http://ada:Tr0ub4dor%263@127.0.0.1:{proxy.port}")

        with opened(colour, Proxy.environment()) as session:
            assert session.session.usable


def test_a_wrong_variable_is_an_error_that_does_not_quote_it(
    colour: Callable[..., Session], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("all_proxy", raising=False)
    monkeypatch.setenv("ALL_PROXY", f"socks5h://ada:{PASSWORD}@proxy:nine")

    with pytest.raises(InvalidServer) as wrong, opened(colour, Proxy.environment()):
        pass

    assert str(wrong.value).startswith("ALL_PROXY: proxy: ")
    assert PASSWORD not in str(wrong.value)
    assert wrong.value.stage == "connect"


def test_a_cancelled_opening_hangs_up_on_the_proxy() -> None:
    heard = []

    def silent(phone: Phone) -> None:
        heard.append(phone.line.recv(100))
        heard.append(phone.line.recv(100))

    async def cancelled(proxy: Stranger) -> None:
        session = AsyncSmtpSession(Server(HOST, PORT, Security.NONE, proxy=to(proxy)))
        opening = asyncio.create_task(session.open())
        while not heard:  # noqa: ASYNC110 - the other side is a thread
            await asyncio.sleep(0)
        opening.cancel()
        with pytest.raises(asyncio.CancelledError):
            await opening
        del session

    with stranger(silent) as proxy:
        asyncio.run(cancelled(proxy))

    assert heard == [b"\x05\x01\x00", b""]


def test_a_reset_by_the_proxy_is_its_hanging_up(colour: Callable[..., Session]) -> None:
    def resetting(phone: Phone) -> None:
        hear(phone, b"\x05\x01\x00")
        phone.line.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    with stranger(resetting) as proxy, pytest.raises(CourrielError) as lost, opened(colour, to(proxy)):
        pass

    assert lost.value.hint_id == "PROXY-NO-ANSWER"
