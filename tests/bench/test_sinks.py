"""What the bench's own sinks say that they received is what was sent, octet for octet; both speak alike."""

from __future__ import annotations

import smtplib
import socket
import ssl
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from bench.certificates import write_certificates
from bench.processes import Listener, delay_line, keeping_sink, own_sink, sink_command
from bench.slow_sink import MASK, fnv

DOTS = b"Subject: dots\r\n\r\n.\r\n..\r\n.hidden\r\nlast.\r\n"
PLAIN = b"Subject: plain\r\n\r\nNothing to see.\r\n"


@pytest.fixture(scope="module", params=["C", "Python"])
def kind(request: pytest.FixtureRequest) -> str:
    if request.param == "C" and len(sink_command()) > 1:
        pytest.skip("there is no C compiler")
    return str(request.param)


def start(kind: str, *options: str) -> Listener:
    return (
        own_sink(None, *options) if kind == "C" else Listener([sys.executable, "-m", "bench.slow_sink", *options], None)
    )


@pytest.fixture(scope="module")
def sink(kind: str) -> Iterator[Listener]:
    with start(kind, "-k") as started:
        yield started


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("certificates")
    write_certificates(folder)
    return folder


def expected(*mails: bytes) -> tuple[int, int, str]:
    return len(mails), sum(map(len, mails)), f"{sum(map(fnv, mails)) & MASK:016x}"


def say(port: int, octets: bytes, last_words: bytes, pieces: int = 1) -> bytes:
    """Say all of it, cut into that many pieces; return what came back up to the last words."""
    size = -(-len(octets) // pieces)
    with socket.create_connection(("127.0.0.1", port), 10) as line:
        line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for first in range(0, len(octets), size):
            line.sendall(octets[first : first + size])
        heard = b""
        while last_words not in heard:
            heard += line.recv(65536)
        return heard


@pytest.mark.slow
def test_a_sink_counts_and_hashes_what_smtplib_sends(sink: Listener) -> None:
    with smtplib.SMTP("127.0.0.1", sink.port, local_hostname="bench", timeout=10) as line:
        line.sendmail("a@example.org", ["b@example.org"], DOTS)
        line.sendmail("a@example.org", ["b@example.org"], PLAIN)

    assert sink.received() == expected(DOTS, PLAIN)


def test_counting_begins_anew_once_it_was_asked_for(sink: Listener) -> None:
    with smtplib.SMTP("127.0.0.1", sink.port, local_hostname="bench", timeout=10) as line:
        line.sendmail("a@example.org", ["b@example.org"], PLAIN)
    sink.received()

    assert sink.received() == expected()


@pytest.mark.parametrize("pieces", [1, 7, 1000], ids=["whole", "in seven", "octet by octet"])
def test_pipelined_mails_arrive_wherever_they_are_cut(sink: Listener, pieces: int) -> None:
    announcement = b"MAIL FROM:<a@example.org>\r\nRCPT TO:<b@example.org>\r\nDATA\r\n"
    stuffed = DOTS.replace(b"\r\n.", b"\r\n..")
    octets = b"EHLO x\r\n" + announcement + stuffed + b".\r\n" + announcement + PLAIN + b".\r\nQUIT\r\n"

    heard = say(sink.port, octets, b"221", pieces)

    assert heard.count(b"354") == 2
    assert sink.received() == expected(DOTS, PLAIN)


@pytest.mark.parametrize("pieces", [1, 1000], ids=["whole", "octet by octet"])
def test_chunks_arrive_as_they_are(sink: Listener, pieces: int) -> None:
    announcement = b"MAIL FROM:<a@example.org>\r\nRCPT TO:<b@example.org>\r\n"
    two = announcement + b"BDAT 20\r\n" + DOTS[:20] + b"BDAT %d LAST\r\n" % (len(DOTS) - 20) + DOTS[20:]
    one = announcement + b"BDAT %d LAST\r\n" % len(PLAIN) + PLAIN

    say(sink.port, b"EHLO x\r\n" + two + one + b"QUIT\r\n", b"221", pieces)

    assert sink.received() == expected(DOTS, PLAIN)


def test_a_large_mail_is_counted_whole(sink: Listener) -> None:
    large = b"Subject: large\r\n\r\n" + b"x" * 70 + b"\r\n" + (b"." * 70 + b"\r\n") * 5_000

    with smtplib.SMTP("127.0.0.1", sink.port, local_hostname="bench", timeout=10) as line:
        line.sendmail("a@example.org", ["b@example.org"], large)

    assert sink.received() == expected(large)


def test_one_octet_that_differs_is_seen(sink: Listener) -> None:
    with smtplib.SMTP("127.0.0.1", sink.port, local_hostname="bench", timeout=10) as line:
        line.sendmail("a@example.org", ["b@example.org"], PLAIN.replace(b"see", b"sea"))

    assert sink.received() != expected(PLAIN)


@pytest.mark.slow
def test_keywords_follow_the_options(kind: str) -> None:
    with (
        start(kind, "-c", "-p") as bare,
        start(kind) as extensions,
        smtplib.SMTP("127.0.0.1", bare.port, local_hostname="bench", timeout=10) as poor,
        smtplib.SMTP("127.0.0.1", extensions.port, local_hostname="bench", timeout=10) as rich,
    ):
        poor.ehlo()
        rich.ehlo()

        assert not poor.has_extn("chunking")
        assert not poor.has_extn("pipelining")
        assert rich.has_extn("chunking")
        assert rich.has_extn("pipelining")


@pytest.mark.slow
def test_a_sink_speaks_tls_and_takes_a_password(kind: str, certificates: Path) -> None:
    context = ssl.create_default_context(cafile=certificates / "ca.pem")
    secure = ("-s", str(certificates / "server.pem"), str(certificates / "server.key"))

    with start(kind, "-k", *secure) as sink:
        with smtplib.SMTP("127.0.0.1", sink.port, local_hostname="bench", timeout=10) as line:
            line.starttls(context=context)
            line.login("ada", "secret")
            line.sendmail("a@example.org", ["b@example.org"], DOTS)

        assert sink.received() == expected(DOTS)


@pytest.mark.slow
def test_a_sink_speaks_tls_at_once(kind: str, certificates: Path) -> None:
    context = ssl.create_default_context(cafile=certificates / "ca.pem")
    secure = ("-s", str(certificates / "server.pem"), str(certificates / "server.key"), "-t")

    with (
        start(kind, *secure) as sink,
        smtplib.SMTP_SSL("127.0.0.1", sink.port, local_hostname="bench", context=context, timeout=10) as line,
    ):
        line.login("ada", "secret")

        assert line.sendmail("a@example.org", ["b@example.org"], PLAIN) == {}


@pytest.mark.slow
def test_a_sink_ends_when_nobody_holds_its_input(kind: str) -> None:
    sink = start(kind)

    sink.end()

    assert sink.process.returncode is not None
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", sink.port), 1)


@pytest.mark.slow
def test_mails_are_kept_as_they_came(tmp_path: Path) -> None:
    with (
        keeping_sink(tmp_path) as sink,
        smtplib.SMTP("127.0.0.1", sink.port, local_hostname="bench", timeout=10) as line,
    ):
        line.sendmail("a@example.org", ["b@example.org"], DOTS)

        assert [path.read_bytes() for path in tmp_path.iterdir()] == [DOTS]


@pytest.mark.slow
def test_a_delay_line_is_as_wide_as_was_said() -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as far,
        delay_line(far.getsockname()[1], 0.002, 8) as line,
        socket.create_connection(("127.0.0.1", line.port)) as near,
    ):
        there, _ = far.accept()
        with there, near.makefile("rb") as heard:
            begun = time.perf_counter()
            there.sendall(b"x" * 100_000)
            there.shutdown(socket.SHUT_WR)

            assert heard.read() == b"x" * 100_000
            assert time.perf_counter() - begun >= 0.1


@pytest.mark.slow
def test_a_delay_line_hands_on_what_it_hears_in_its_order(sink: Listener) -> None:
    large = b"Subject: far\r\n\r\n" + b"".join(b"line %d\r\n" % number for number in range(20_000))

    with (
        delay_line(sink.port, 0.004) as line,
        smtplib.SMTP("127.0.0.1", line.port, local_hostname="bench", timeout=10) as far,
    ):
        far.sendmail("a@example.org", ["b@example.org"], large)

    assert sink.received() == expected(large)
