"""The browser's way back: one request counts, others are answered and passed over, and nothing waits for ever."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import http.client
import re
import socket
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from urllib.parse import urlsplit

import pytest

from courriel import errors, failures
from courriel.delivery.oauth.browser import by_browser
from courriel.delivery.oauth.grants import OAuthClient
from courriel.delivery.oauth.loopback import Loopback
from courriel.delivery.oauth.provider import microsoft
from servers.oauth import Answer, OAuthServer


def refuse(query: str) -> str:
    raise errors.RemoteProtocolError("not this one", hint_id="OAUTH-STATE-MISMATCH")


@pytest.fixture
def waiting() -> Iterator[Callable[..., tuple[Loopback, Future[str]]]]:
    """Start a listener that waits for a redirect in a thread."""
    opened: list[Loopback] = []
    with ThreadPoolExecutor() as threads:

        def start(host: str = "localhost", take: Callable[[str], str] = str) -> tuple[Loopback, Future[str]]:
            opened.append(Loopback(host))
            return opened[-1], threads.submit(opened[-1].wait, take, deadline=20)

        yield start
    for each in opened:
        each.close()


def get(
    port: int, target: str, address: str = "127.0.0.1", host: str = "", method: str = "GET"
) -> tuple[int, str, str]:
    line = http.client.HTTPConnection(address, port, timeout=10)
    try:
        line.request(method, target, headers={"Host": host or f"localhost:{port}"})
        response = line.getresponse()
        return response.status, response.read().decode(), response.getheader("Content-Security-Policy", "")
    finally:
        line.close()


@pytest.mark.parametrize("address", ["127.0.0.1", "::1"])
def test_the_name_localhost_is_answered_on_both_addresses(waiting: Callable, address: str) -> None:
    loopback, query = waiting("localhost")
    assert loopback.redirect_uri == f"http://localhost:{loopback.port}"

    status, page, policy = get(loopback.port, "/?code=1&state=2", address)

    assert status == 200
    assert "You may close this window" in page
    assert policy.startswith("default-src 'none'")
    assert query.result(10) == "code=1&state=2"


def test_the_page_is_in_the_language_of_the_user() -> None:
    with Loopback() as loopback:
        told: list[str] = []
        browser = threading.Thread(target=lambda: told.append(get(loopback.port, "/?code=1")[1]))
        browser.start()
        failures.speak("fr")
        loopback.wait(str, deadline=20)
        browser.join()

    assert "Vous pouvez fermer cette fenêtre" in told[0]


def test_a_refused_redirect_is_raised_after_the_browser_has_its_page(waiting: Callable) -> None:
    loopback, query = waiting("127.0.0.1", refuse)
    assert loopback.redirect_uri == f"http://127.0.0.1:{loopback.port}"

    status, page, _ = get(loopback.port, "/?code=1&state=wrong")

    assert status == 400
    assert "did not succeed" in page
    with pytest.raises(errors.RemoteProtocolError, match="not this one"):
        query.result(10)


def test_the_page_says_how_the_login_ended_and_not_only_that_the_browser_came_back(
    oauth: OAuthServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The token endpoint refuses what the authorization page granted."""
    told: list[str] = []
    monkeypatch.setenv("DISPLAY", ":0")
    browsers: list[threading.Thread] = []

    def open_browser(address: str) -> bool:
        query = urlsplit(oauth.authorize(urlsplit(address).query).headers["Location"]).query
        browsers.append(threading.Thread(target=lambda: told.append(get(loopback.port, f"/?{query}")[1])))
        browsers[0].start()
        return True

    monkeypatch.setattr("webbrowser.open", open_browser)
    oauth.next_answers.append(Answer.error("invalid_client", "<b>Invalid</b> client secret"))
    client = OAuthClient(microsoft("firm.example", authority=oauth.url), oauth.client_id)

    with Loopback() as loopback, pytest.raises(errors.TokenRefused):
        by_browser(client, loopback, lambda _address, _opened: None, deadline=20)
    browsers[0].join()

    assert "The login did not succeed" in told[0]
    assert "The authorization server refuses the application itself" in told[0]
    assert "<b>" not in told[0]


@pytest.mark.parametrize("spoken", ["fr", "en"])
def test_a_page_holds_nothing_of_the_address_and_runs_its_own_script_only(
    waiting: Callable, spoken: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LANG", f"{spoken}_FR.UTF-8")
    loopback, query = waiting()

    _, page, policy = get(loopback.port, "/?code=code-of-ours&state=<script>state-of-ours")

    assert query.done() or query.result(10)
    assert f'<html lang="{spoken}">' in page
    assert "of-ours" not in page
    (script,) = re.findall(r"<script>(.*?)</script>", page)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert policy == f"default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-{digest}'"
    assert not re.search(r"(?:src|href|url)\s*[=(]", page)


def test_what_browsers_ask_besides_does_not_count(waiting: Callable) -> None:
    loopback, query = waiting()
    idle = socket.create_connection(("127.0.0.1", loopback.port))
    hanging_up = socket.create_connection(("127.0.0.1", loopback.port))
    hanging_up.close()
    port = loopback.port

    with idle:
        assert get(port, "/favicon.ico")[0] == 404
        assert get(port, "/")[0] == 404
        assert get(port, "/?unrelated=1")[0] == 404
        assert get(port, "/?code=1", method="POST")[0] == 404
        assert get(port, "/?code=1", host="evil.example")[0] == 404
        assert get(port, "/?code=1", host=f"evil.example:{port}")[0] == 404
        assert not query.done()
        assert get(port, "/?code=1")[0] == 200

    assert query.result(10) == "code=1"


@pytest.mark.parametrize("octets", [b"\r\n\r\n", b"GET\r\n\r\n", b"\xff\xfe\x00\r\n\r\n", b"x" * 20000])
def test_garbage_is_passed_over(waiting: Callable, octets: bytes) -> None:
    loopback, query = waiting()
    with socket.create_connection(("127.0.0.1", loopback.port), timeout=10) as line:
        line.sendall(octets)
        with contextlib.suppress(ConnectionResetError):  # what was not read is answered by a reset
            assert b"200 OK" not in line.recv(100)

    assert get(loopback.port, "/?error=access_denied")[0] == 200
    assert query.result(10) == "error=access_denied"


def test_a_request_may_come_in_pieces(waiting: Callable) -> None:
    loopback, query = waiting()
    request = f"GET /?code=1 HTTP/1.1\r\nHost: localhost:{loopback.port}\r\n\r\n".encode()
    with socket.create_connection(("127.0.0.1", loopback.port), timeout=10) as line:
        line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for octet in request:
            line.sendall(bytes([octet]))
        assert line.recv(15) == b"HTTP/1.1 200 OK"

    assert query.result(10) == "code=1"


def test_a_browser_that_never_comes_back_is_not_waited_for_without_end() -> None:
    with Loopback() as loopback, pytest.raises(errors.TimedOut, match=r"did not come back within 0\.05 s") as late:
        loopback.wait(str, deadline=0.05)

    assert late.value.failure is not None
    assert late.value.failure.id == "OAUTH-LOGIN-TOO-LATE"


def test_two_logins_at_once_have_a_port_each() -> None:
    with Loopback() as one, Loopback() as two:
        assert one.port != two.port


@pytest.mark.slow
def test_a_crowd_of_connections_is_bounded(waiting: Callable) -> None:
    loopback, query = waiting()
    crowd = [socket.create_connection(("127.0.0.1", loopback.port), timeout=10) for _ in range(40)]
    for each in crowd:
        each.close()

    for _ in range(100):
        try:
            if get(loopback.port, "/?code=1")[0] == 200:
                break
        except OSError:
            continue  # it came while the crowd was there

    assert query.result(10) == "code=1"
