"""The HTTPS exchange: what it sends, what it follows, and where it stops."""

from __future__ import annotations

import itertools
import socket
import threading
import time
from collections.abc import Callable

import pytest
import trustme

from courriel import Trust, errors
from courriel.network.https.exchange import HttpsResponse, exchange
from servers.web import ok, web

FORM = b"refresh_token=secret-of-ours"


@pytest.fixture
def authority() -> trustme.CA:
    return trustme.CA()


def ask(
    authority: trustme.CA, url: str, *, seconds: float = 20, form: bytes | None = None, redirects: int = 0
) -> HttpsResponse:
    return exchange(
        url,
        until=time.monotonic() + seconds,
        longest=100,
        form=form,
        redirects=redirects,
        trust=Trust.data(authority.cert_pem.bytes()),
    )


def test_a_file_is_fetched_with_its_header_and_nothing_of_ours(authority: trustme.CA) -> None:
    asked: list[bytes] = []

    def answer(request: bytes) -> bytes:
        asked.append(request)
        return b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nX-Two: a\r\nX-Two: b\r\n\r\nversion: STSv1"

    with web(authority, "localhost", answer=answer) as site:
        url = f"https://localhost:{site.port}/.well-known/mta-sts.txt?x=1"
        response = ask(authority, url)

    assert (response.url, response.status, response.body) == (url, 200, b"version: STSv1")
    assert (response.header("content-type"), response.header("x-two"), response.header("absent")) == (
        "text/plain",
        "a",
        "",
    )
    assert asked == [
        b"GET /.well-known/mta-sts.txt?x=1 HTTP/1.1\r\nAccept-Encoding: identity\r\nHost: localhost:%d\r\n"
        b"Accept: */*\r\nConnection: close\r\n\r\n" % site.port
    ]


def test_a_long_body_ends_one_byte_behind_the_limit(authority: trustme.CA) -> None:
    with web(authority, "localhost", answer=lambda _: ok(b"x" * 10_000_000)) as site:
        assert len(ask(authority, f"https://localhost:{site.port}/").body) == 101


@pytest.mark.parametrize(("redirects", "status", "requests"), [(0, 302, 1), (2, 302, 3)])
def test_redirects_are_followed_as_often_as_the_caller_says(
    authority: trustme.CA, redirects: int, status: int, requests: int
) -> None:
    count = itertools.count()

    def answer(request: bytes) -> bytes:
        return b"HTTP/1.1 302 Found\r\nLocation: /%d\r\nContent-Length: 0\r\n\r\n" % next(count)

    with web(authority, "localhost", answer=answer) as site:
        response = ask(authority, f"https://localhost:{site.port}/", redirects=redirects)

    assert (response.status, next(count)) == (status, requests)


def test_a_form_is_never_sent_on(authority: trustme.CA) -> None:
    asked: list[bytes] = []

    def answer(request: bytes) -> bytes:
        asked.append(request)
        return b"HTTP/1.1 307 Elsewhere\r\nLocation: /other\r\nContent-Length: 0\r\n\r\n"

    with web(authority, "localhost", answer=answer) as site:
        response = ask(authority, f"https://localhost:{site.port}/token", form=FORM, redirects=5)

    assert response.status == 307
    assert len(asked) == 1
    assert asked[0].startswith(b"POST /token HTTP/1.1\r\n")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("said", "wrong"),
    [(b"nonsense\r\n\r\n", errors.RemoteProtocolError), (b"", errors.ConnectionFailed), (None, errors.TimedOut)],
)
def test_what_is_no_answer_is_an_error_without_the_form(
    authority: trustme.CA, said: bytes | None, wrong: type[errors.CourrielError]
) -> None:
    with (
        web(authority, "localhost", answer=lambda _: said) as site,
        pytest.raises(wrong) as refused,
    ):
        ask(authority, f"https://localhost:{site.port}/", seconds=20 if said is not None else 0.3, form=FORM)

    trace = refused.value.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename != __file__:
            local = {name: repr(value) for name, value in trace.tb_frame.f_locals.items()}
            assert "secret-of-ours" not in str(local)
        trace = trace.tb_next
    assert refused.value.__cause__ is None


def test_a_certificate_of_nobody_is_named_as_the_cause(authority: trustme.CA) -> None:
    with web(trustme.CA(), "localhost", answer=lambda _: ok(b"")) as site, pytest.raises(errors.TlsFailed) as refused:
        ask(authority, f"https://localhost:{site.port}/")

    assert type(refused.value.__cause__).__name__ == "SSLCertVerificationError"


def test_a_name_service_that_is_silent_ends_in_time(authority: trustme.CA, monkeypatch: pytest.MonkeyPatch) -> None:
    released = threading.Event()

    def hang(*given: object, **more: object) -> list[object]:
        if "flags" in more:
            raise socket.gaierror(socket.EAI_NONAME, "not an address")
        released.wait(20)
        return []

    monkeypatch.setattr(socket, "getaddrinfo", hang)
    try:
        with pytest.raises(errors.TimedOut, match=r"mta-sts\.firm\.example did not answer an HTTPS request in time"):
            ask(authority, "https://mta-sts.firm.example/", seconds=0.1)
    finally:
        released.set()


@pytest.mark.parametrize("url", ["http://a.example/", "https://", "a.example", "", "https:///x", "ftp://a/x"])
def test_an_address_is_https(authority: trustme.CA, url: str) -> None:
    with pytest.raises(errors.UsageError):
        ask(authority, url)


@pytest.mark.parametrize("host", ["a b", "a\r\nX: y", "-", "a_b c"])
def test_an_impossible_host_is_refused_before_anything_is_sent(authority: trustme.CA, host: str) -> None:
    with pytest.raises(errors.InvalidServer):
        ask(authority, f"https://{host}/")


def test_a_line_end_in_the_path_is_refused_before_anything_is_sent(authority: trustme.CA) -> None:
    asked: list[bytes] = []
    heard: Callable[[bytes], bytes] = lambda request: asked.append(request) or ok(b"")  # noqa: E731

    with web(authority, "localhost", answer=heard) as site, pytest.raises(errors.CourrielError):
        ask(authority, f"https://localhost:{site.port}/a\r\nX: y")

    assert not any(asked)


def test_a_response_shows_no_body() -> None:
    assert "secret" not in repr(HttpsResponse("https://h/", 200, b"secret", (("Set-Cookie", "secret"),)))
