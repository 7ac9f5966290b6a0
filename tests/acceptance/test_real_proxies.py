"""Postfix and Dovecot behind real proxies: all protocols, both drivers, pools, an outbox, a fork, the command line."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import pytest

import courriel
from courriel import (
    AsyncSmtpPool,
    Message,
    Outbox,
    Password,
    Proxy,
    ProxyError,
    Receipt,
    Security,
    Server,
    SmtpPool,
    State,
    TimedOut,
    Timeouts,
    TlsFailed,
    Trust,
)
from courriel._dataclass import replace
from courriel.network.connecting import resolve
from servers import proxies
from servers.accounts import ADA, BOB, CLEO
from servers.dovecot import Dovecot
from servers.postfix import Postfix
from servers.proxies import FORBIDDEN, UNREACHED, RunningProxy
from session.play import Awaiting, Blocking, Session
from session.test_fork import in_child

pytestmark = pytest.mark.acceptance

KINDS = [kind for kind in proxies.KINDS if not kind.startswith("strict")]
WITH_LOGIN = [kind for kind in KINDS if kind.endswith("login")]
Open = Callable[[Server], Session]


@pytest.fixture(autouse=True)
def only_proxies_are_reached(monkeypatch: pytest.MonkeyPatch) -> None:
    """Refuse to connect this process to anything but a proxy: the mail servers could be reached directly as well."""
    places_at_once = resolve.places_at_once

    def of_a_proxy(host: Server | Proxy) -> list[resolve.Place] | None:
        if isinstance(host, Server) and (host.proxy is None or host.proxy.scheme != "socks5"):
            raise AssertionError(f"{host} would be reached directly")
        return places_at_once(host)

    monkeypatch.setattr(resolve, "places_at_once", of_a_proxy)


@pytest.fixture(scope="module")
def run_proxy() -> Iterator[Callable[[str], RunningProxy]]:
    """Starts a proxy of a kind, once for all tests of this file."""
    running: dict[str, RunningProxy] = {}
    with ExitStack() as ending:

        def run_proxy(kind: str) -> RunningProxy:
            if kind not in running:
                running[kind] = ending.enter_context(proxies.running(kind))
            return running[kind]

        yield run_proxy


@pytest.fixture(params=KINDS)
def proxy(request: pytest.FixtureRequest, run_proxy: Callable[[str], RunningProxy]) -> RunningProxy:
    return run_proxy(request.param)


@pytest.fixture(params=[Blocking, Awaiting])
def open_session(request: pytest.FixtureRequest) -> Iterator[Open]:
    """Opens a session, which is closed after the test."""
    with ExitStack() as ending:

        def open_session(server: Server) -> Session:
            credentials = Password(ADA.user, ADA.password) if server.security is not Security.NONE else None
            session: Session = request.param(server, credentials)
            ending.callback(session.leave)
            session.open()
            return session

        yield open_session


def server_of(postfix: Postfix, proxy: Proxy, security: Security = Security.TLS, **options: object) -> Server:
    port = postfix.submissions_port if security is Security.TLS else postfix.submission_port
    return Server(postfix.host, port, security, trust=trust(postfix), proxy=proxy, **options)  # type: ignore[arg-type]


def trust(postfix: Postfix) -> Trust:
    return Trust.file(str(postfix.ca_file))


def to_bob(subject: str = "Numbers") -> Message:
    return Message(sender=ADA.user, to=BOB.user, subject=subject, text="Hello.")


def url_of(proxy: RunningProxy, before: str, *options: str) -> str:
    """A URL through this proxy, whose password lies in the variable PROXY_PASSWORD."""
    login = f"{proxies.USER}@" if proxy.login else ""
    more = ["proxy_password=env:PROXY_PASSWORD"] if proxy.login else []
    return "&".join((f"{before}?proxy={proxy.scheme}://{login}{proxy.host}:{proxy.port}", *more, *options))


@pytest.fixture(autouse=True)
def proxy_password(monkeypatch: pytest.MonkeyPatch) -> Callable[[RunningProxy], None]:
    def proxy_password(proxy: RunningProxy) -> None:
        monkeypatch.setenv("PROXY_PASSWORD", proxy.password)

    return proxy_password


@pytest.mark.parametrize("security", [Security.TLS, Security.STARTTLS])
def test_a_mail_arrives_through_each_proxy(
    postfix: Postfix, proxy: RunningProxy, open_session: Open, security: Security
) -> None:
    session = open_session(server_of(postfix, proxy.proxy(), security))

    receipt = session.send(to_bob())

    assert receipt.complete
    assert len(postfix.letters(BOB.user)) == 1


@pytest.mark.parametrize("kind", ["microsocks", "dante"])
def test_a_name_that_is_resolved_here_is_asked_for_by_its_address(
    postfix: Postfix, run_proxy: Callable[[str], RunningProxy], open_session: Open, kind: str
) -> None:
    session = open_session(server_of(postfix, run_proxy(kind).proxy("socks5")))

    assert session.session.usable


def test_tls_is_with_the_mail_server_and_its_name_is_checked(
    postfix: Postfix, proxy: RunningProxy, open_session: Open
) -> None:
    with pytest.raises(TlsFailed) as wrong:
        open_session(server_of(postfix, proxy.proxy(), tls_name="proxy.example.org"))

    assert wrong.value.hint_id == "CERT-WRONG-NAME"


@pytest.mark.parametrize("scheme", ["imaps", "imap+starttls", "pops", "pop3+starttls"])
@pytest.mark.parametrize("kind", ["microsocks with login", "squid with login", "tinyproxy"])
def test_mail_is_read_through_a_proxy(
    dovecot: Dovecot,
    run_proxy: Callable[[str], RunningProxy],
    proxy_password: Callable[[RunningProxy], None],
    monkeypatch: pytest.MonkeyPatch,
    kind: str,
    scheme: str,
) -> None:
    proxy = run_proxy(kind)
    proxy_password(proxy)
    monkeypatch.setenv("CLEO", CLEO.password)
    port = {
        "imaps": dovecot.imaps_port,
        "imap+starttls": dovecot.imap_port,
        "pops": dovecot.pops_port,
        "pop3+starttls": dovecot.pop_port,
    }[scheme]
    ca = f"ca={dovecot.authority.ca_file}"
    url = url_of(proxy, f"{scheme}://cleo%40example.org@localhost:{port}", "password=env:CLEO", ca)

    with courriel.mailbox(url) as box:
        read = list(box)

    async def awaited() -> int:
        async with await courriel.amailbox(url) as box:
            return len([letter async for letter in box])

    assert asyncio.run(awaited()) == len(read)


@pytest.mark.parametrize("kind", WITH_LOGIN)
@pytest.mark.parametrize("given", ["another password", "no login"])
def test_a_login_that_the_proxy_refuses_is_not_the_mail_servers(
    postfix: Postfix, run_proxy: Callable[[str], RunningProxy], open_session: Open, kind: str, given: str
) -> None:
    proxy = run_proxy(kind)
    asked = (
        proxy.proxy(password="another") if given == "another password" else replace(proxy.proxy(), user="", password="")
    )

    with pytest.raises(ProxyError) as refused:
        open_session(server_of(postfix, asked))

    assert (refused.value.hint_id, refused.value.sysexit) == ("PROXY-LOGIN-REFUSED", 77)
    assert not isinstance(refused.value, courriel.AuthenticationRefused)


@pytest.mark.parametrize("kind", ["dante", "squid", "strict tinyproxy"])
def test_a_server_that_the_rules_forbid(
    run_proxy: Callable[[str], RunningProxy], open_session: Open, kind: str
) -> None:
    with pytest.raises(ProxyError) as refused:
        open_session(Server("127.0.0.1", FORBIDDEN, Security.NONE, proxy=run_proxy(kind).proxy()))

    assert (refused.value.hint_id, refused.value.retryable) == ("PROXY-REFUSES-SERVER", False)


def test_a_server_that_the_proxy_cannot_reach(proxy: RunningProxy, open_session: Open) -> None:
    for host in ("127.0.0.1", "nowhere.invalid"):
        with pytest.raises(ProxyError) as lost:
            open_session(Server(host, UNREACHED, Security.NONE, proxy=proxy.proxy()))

        assert (lost.value.hint_id, lost.value.retryable) == ("PROXY-CANNOT-REACH", True)


def test_a_proxy_of_the_other_kind_is_an_error_of_the_proxy(proxy: RunningProxy, open_session: Open) -> None:
    scheme = "socks5h" if proxy.scheme == "http" else "http"
    asked = Proxy(scheme, proxy.host, proxy.port)  # type: ignore[arg-type]

    with pytest.raises((ProxyError, TimedOut)) as wrong:
        open_session(Server("127.0.0.1", UNREACHED, Security.NONE, proxy=asked, timeouts=Timeouts(connect=1)))

    # tinyproxy and Squid wait for the end of a line, which SOCKS does not have; Dante hangs up.
    assert wrong.value.hint_id in ("PROXY-NOT-A-PROXY", "PROXY-NO-ANSWER")


def test_a_port_that_waits_for_tls_is_found_out_through_the_proxy(
    postfix: Postfix, run_proxy: Callable[[str], RunningProxy], open_session: Open
) -> None:
    proxy = run_proxy("microsocks with login").proxy()
    server = Server(
        postfix.host,
        postfix.submissions_port,
        Security.STARTTLS,
        trust=trust(postfix),
        proxy=proxy,
        timeouts=Timeouts(greeting=1),
    )

    with pytest.raises(TimedOut) as mixed_up:
        open_session(server)

    assert mixed_up.value.hint_id == "PLAIN-ON-TLS-PORT"


@pytest.mark.parametrize("kind", ["microsocks with login", "squid with login"])
def test_a_pool_opens_all_its_sessions_through_the_proxy(
    postfix: Postfix, run_proxy: Callable[[str], RunningProxy], kind: str
) -> None:
    server = server_of(postfix, run_proxy(kind).proxy())
    mails = [to_bob(f"mail {number}") for number in range(6)]

    with SmtpPool(server, Password(ADA.user, ADA.password), size=3) as pool, ThreadPoolExecutor(3) as threads:
        assert all(receipt.complete for receipt in threads.map(pool.send, mails))

    async def awaited() -> list[Receipt]:
        async with AsyncSmtpPool(server, Password(ADA.user, ADA.password), size=3) as pool:
            return await asyncio.gather(*map(pool.send, mails))

    assert all(receipt.complete for receipt in asyncio.run(awaited()))
    assert len(postfix.letters(BOB.user, 12)) == 12


@pytest.mark.parametrize("pool", ["", "pool=3"])
def test_every_way_to_send_reads_the_password_of_the_proxy(
    postfix: Postfix,
    run_proxy: Callable[[str], RunningProxy],
    proxy_password: Callable[[RunningProxy], None],
    monkeypatch: pytest.MonkeyPatch,
    pool: str,
) -> None:
    proxy = run_proxy("squid with login")
    proxy_password(proxy)
    monkeypatch.setenv("ADA", ADA.password)
    place = f"smtps://ada%40example.org@localhost:{postfix.submissions_port}"
    url = url_of(proxy, place, "password=env:ADA", f"ca={postfix.ca_file}", *([pool] if pool else []))

    async def awaited() -> None:
        async with await courriel.aconnect(url) as transport:
            assert (await transport.send(to_bob())).complete
        assert (await courriel.asend(to_bob(), via=url)).complete

    with courriel.connect(url) as transport:
        assert transport.send(to_bob()).complete
    assert courriel.send(to_bob(), via=url).complete
    asyncio.run(awaited())

    assert len(postfix.letters(BOB.user, 4)) == 4


@pytest.mark.parametrize("kind", ["microsocks with login", "squid with login"])
def test_an_outbox_sends_through_the_proxy_and_stores_no_password(
    postfix: Postfix,
    run_proxy: Callable[[str], RunningProxy],
    proxy_password: Callable[[RunningProxy], None],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    kind: str,
) -> None:
    proxy = run_proxy(kind)
    proxy_password(proxy)
    monkeypatch.setenv("ADA", ADA.password)
    place = f"smtps://ada%40example.org@localhost:{postfix.submissions_port}"
    url = url_of(proxy, place, "password=env:ADA", f"ca={postfix.ca_file}")
    named = str(tmp_path / "outbox.db")

    with Outbox(named, ways={"office": f"{url}&pool=2"}) as outbox:
        tickets = [outbox.put(to_bob("by name"), via="office"), outbox.put(to_bob("by url"), via=url)]
        assert outbox.run_once() == 2
        assert [ticket.status for ticket in tickets] == [State.SENT, State.SENT]

    assert len(postfix.letters(BOB.user, 2)) == 2
    kept = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    assert b"proxy=" in kept, "the lane of a URL says how it is reached"
    assert proxy.password.encode() not in kept


@pytest.mark.parametrize("pool", ["", "&pool=1"])  # a pool of its own: another of this URL has the right password
def test_an_outbox_waits_while_the_proxy_refuses_and_then_reads_the_password_again(
    postfix: Postfix,
    run_proxy: Callable[[str], RunningProxy],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    pool: str,
) -> None:
    proxy = run_proxy("microsocks with login")
    monkeypatch.setenv("PROXY_PASSWORD", "another")
    monkeypatch.setenv("ADA", ADA.password)
    place = f"smtps://ada%40example.org@localhost:{postfix.submissions_port}"
    url = url_of(proxy, place, "password=env:ADA", f"ca={postfix.ca_file}") + pool

    with Outbox(str(tmp_path / "outbox.db"), ways={"office": url}) as outbox:
        ticket = outbox.put(to_bob(), via="office")
        outbox.run_once()

        assert ticket.status is State.READY
        assert "refuses the login of 'ada'" in str(outbox.lanes())

        monkeypatch.setenv("PROXY_PASSWORD", proxy.password)
        outbox.resume("office")
        outbox.run_once()

        assert ticket.status is State.SENT


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system knows no fork()")
@pytest.mark.filterwarnings("ignore:.*use of fork.*:DeprecationWarning")
def test_a_forked_process_opens_its_own_tunnel(postfix: Postfix, run_proxy: Callable[[str], RunningProxy]) -> None:
    session = Blocking(server_of(postfix, run_proxy("microsocks with login").proxy()), Password(ADA.user, ADA.password))
    session.open()

    def child() -> object:
        session.open()
        return session.send(to_bob("of the child")).complete

    assert in_child(child) == "value True"
    assert session.send(to_bob("of the parent")).complete
    session.close()
    assert len(postfix.letters(BOB.user, 2)) == 2


def test_the_command_line_goes_through_the_proxy_and_shows_no_password(
    postfix: Postfix, run_proxy: Callable[[str], RunningProxy], tmp_path: Path
) -> None:
    proxy = run_proxy("squid with login")
    place = f"smtp+starttls://ada%40example.org@localhost:{postfix.submission_port}"
    url = url_of(proxy, place, "password=env:ADA", f"ca={postfix.ca_file}")

    def courriel_send(password: str, *more: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [
                sys.executable,
                "-m",
                "courriel",
                *more,
                "send",
                "--via",
                url,
                "--to",
                BOB.user,
                "--from",
                ADA.user,
                "--transcript",
            ],
            input="Hello.",
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
            cwd=tmp_path,
            env={**os.environ, "ADA": ADA.password, "PROXY_PASSWORD": password, "HOME": str(tmp_path)},
        )

    sent, refused = courriel_send(proxy.password), courriel_send("another-0ne", "--lang", "fr")

    assert sent.returncode == 0, sent.stderr
    assert len(postfix.letters(BOB.user)) == 1
    assert refused.returncode == 77
    assert "refuse l'authentification de « ada »" in refused.stderr
    assert proxy.password not in sent.stdout + sent.stderr
    assert "another-0ne" not in refused.stdout + refused.stderr


def test_the_environment_leads_to_the_mail_server_where_it_is_asked(
    postfix: Postfix, run_proxy: Callable[[str], RunningProxy], monkeypatch: pytest.MonkeyPatch
) -> None:
    proxy = run_proxy("tinyproxy with login")
    monkeypatch.setenv("ADA", ADA.password)
    for name in ("all_proxy", "https_proxy", "no_proxy", "ALL_PROXY", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    # Not by the name of this machine, which is always reached directly.
    place = f"smtps://ada%40example.org@0.0.0.0:{postfix.submissions_port}"
    url = f"{place}?name=localhost&password=env:ADA&ca={postfix.ca_file}&proxy=environment"

    monkeypatch.setenv("HTTPS_PROXY", f"http://{proxies.USER}:{proxy.password}@{proxy.host}:{proxy.port}")
    assert courriel.send(to_bob(), via=url).complete

    monkeypatch.setenv("HTTPS_PROXY", f"http://{proxies.USER}:another@{proxy.host}:{proxy.port}")
    with pytest.raises(ProxyError):
        courriel.send(to_bob(), via=url)
