"""Bad days of HTTP providers: refusals, throttling, answers that nobody documents, none at all."""

from __future__ import annotations

import select
import ssl
import threading
import time
from collections.abc import Callable

import pytest

import courriel
from courriel import Address, Server, TokenSource, errors
from courriel._dataclass import replace
from courriel.delivery.http_providers.brevo import idempotency_key
from courriel.delivery.http_providers.graph import Graph
from courriel.delivery.http_providers.transport import HttpTransport
from courriel.model.servers.server import Dialect
from courriel.network.https.line import HttpsLine
from courriel.session.encoding import IN_SEVEN_BITS, submission_of
from http_providers.conftest import PROVIDERS, mail
from servers.http_providers import Answer, Exchange, HttpProviderServer, Part

Connect = Callable[..., HttpTransport]


def provider_server(server: HttpProviderServer) -> Server:
    host, _, port = server.place.partition(":")
    return Server(host, int(port), dialect=Dialect.HTTPS)


pytestmark = pytest.mark.usefixtures("server")


def failing(transport: HttpTransport, **more: object) -> errors.CourrielError:
    message = mail(**more)
    with pytest.raises(errors.CourrielError) as raised:
        transport.send(message)
    assert raised.value.message_id == message.message_id
    return raised.value


# Refused: nothing was sent, and everybody knows why.


def test_graph_refuses_an_expired_token_and_takes_another_once(server: HttpProviderServer) -> None:
    given = ["token-old", "token-secret-1"]
    refused: list[str] = []

    def refresh(token: str) -> str:
        refused.append(token)
        return given[1]

    source = TokenSource("ada@contoso.example", lambda: given[0], refresh)
    with HttpTransport(Graph(), provider_server(server), source) as transport:
        receipt = transport.send(mail())

    assert receipt.complete
    assert refused == ["token-old"]
    assert (len(server.heard), len(server.taken)) == (2, 1)


def test_graph_refuses_the_second_token_too(server: HttpProviderServer, connect: Connect) -> None:
    server.tokens.clear()

    failed = failing(connect("graph"))

    assert isinstance(failed, errors.AuthenticationRefused)
    assert (failed.failure and failed.failure.id, failed.retryable, failed.in_doubt) == (
        "GRAPH-TOKEN-REFUSED",
        False,
        False,
    )
    assert len(server.heard) == 2
    assert "token-secret-1" not in f"{failed} {failed.__notes__}"


def no_right(server: HttpProviderServer) -> None:
    server.rights = False


def no_mailbox(server: HttpProviderServer) -> None:
    server.mailboxes.clear()


def no_key(server: HttpProviderServer) -> None:
    server.keys.clear()


def no_sender(server: HttpProviderServer) -> None:
    server.senders.clear()


def no_credit(server: HttpProviderServer) -> None:
    server.credits = 0


REFUSALS = [
    ("graph", no_right, {}, errors.AuthenticationRefused, "GRAPH-ACCESS-DENIED"),
    ("graph", no_mailbox, {}, errors.AuthenticationRefused, "GRAPH-MAILBOX-NOT-FOUND"),
    ("graph", None, {"sender": "boss@contoso.example"}, errors.SenderRefused, "GRAPH-SEND-AS-DENIED"),
    ("brevo", no_key, {}, errors.AuthenticationRefused, "HTTP-KEY-REFUSED"),
    ("brevo", no_sender, {}, errors.SenderRefused, "HTTP-SENDER-NOT-VALIDATED"),
    ("brevo", no_credit, {}, errors.MessageRefused, "HTTP-CREDIT-USED-UP"),
    ("mailjet", no_key, {}, errors.AuthenticationRefused, "HTTP-KEY-REFUSED"),
    ("mailjet", no_sender, {}, errors.SenderRefused, "HTTP-SENDER-NOT-VALIDATED"),
    ("mailjet", None, {"to": "bob@example.invalid"}, errors.RecipientsRefused, "HTTP-REQUEST-REFUSED"),
]


@pytest.mark.parametrize(("provider", "prepare", "fields", "kind", "hint"), REFUSALS)
def test_a_documented_refusal_has_its_cause_and_remedy(
    server: HttpProviderServer,
    connect: Connect,
    provider: str,
    prepare: Callable[[HttpProviderServer], None] | None,
    fields: dict[str, object],
    kind: type[errors.CourrielError],
    hint: str,
) -> None:
    if prepare:
        prepare(server)

    failed = failing(connect(provider), **fields)

    assert type(failed) is kind
    assert failed.failure is not None
    assert failed.failure.id == hint
    assert (failed.in_doubt, failed.cause != "", failed.hint != "") == (False, True, True)
    assert not server.taken
    again = kind(failed.reply) if isinstance(failed, errors.Refused) else failed
    assert again.failure is not None
    assert again.retryable == failed.retryable, "the outbox asks by the reply alone"


@pytest.mark.parametrize("provider", PROVIDERS)
@pytest.mark.parametrize(("status", "kind"), [(400, errors.MessageRefused), (401, errors.AuthenticationRefused),
                                              (404, errors.CourrielError), (413, errors.MessageRefused)])  # fmt: skip
def test_a_refusal_in_html_is_a_refusal(
    server: HttpProviderServer, connect: Connect, provider: str, status: int, kind: type[errors.CourrielError]
) -> None:
    server.story = [Answer(status, b"<html>No</html>")] * 2

    failed = failing(connect(provider))

    assert isinstance(failed, kind)
    assert isinstance(failed, errors.Refused)
    assert not failed.in_doubt


# Later.


@pytest.mark.parametrize("provider", PROVIDERS)
@pytest.mark.parametrize(
    ("answer", "wait"),
    [
        (Answer(429, b"{}", {"Retry-After": "37"}), 37.0),
        (Answer(503, b"", {"Retry-After": "5"}), 5.0),
        (
            Answer(429, b"", {"Retry-After": "Mon, 30 Nov 2026 12:01:00 GMT", "Date": "Mon, 30 Nov 2026 12:00:00 GMT"}),
            60.0,
        ),
        (Answer(429, b"", {"Retry-After": "9" * 9}), 86400.0),
        (Answer(429, b"", {"Retry-After": "soon"}), None),
        (Answer(429, b""), None),
    ],
)
def test_a_provider_that_throttles_is_asked_again_later(
    server: HttpProviderServer, connect: Connect, provider: str, answer: Answer, wait: float | None
) -> None:
    server.story = [answer]

    failed = failing(connect(provider))

    assert isinstance(failed, errors.MessageRefused)
    assert (failed.retryable, failed.in_doubt, failed.retry_after) == (True, False, wait)
    assert failed.failure is not None
    assert failed.failure.id == "HTTP-THROTTLED"


def test_brevo_tells_in_its_own_field_when_it_may_be_asked_again(server: HttpProviderServer, connect: Connect) -> None:
    server.story = [Answer(429, b"", {"x-sib-ratelimit-reset": "12"})]

    assert failing(connect("brevo")).retry_after == 12.0


# In doubt.


def take_and_reset(exchange: Exchange) -> None:
    exchange.usual()
    exchange.reset()


def take_and_close(exchange: Exchange) -> None:
    exchange.usual()
    exchange.line.close()


def take_and_answer_half(exchange: Exchange) -> None:
    exchange.line.sendall(exchange.usual().octets[:14])
    exchange.line.close()


def take_and_be_silent(exchange: Exchange) -> None:
    exchange.usual()
    exchange.server.ends.wait(20)


def take_and_drip(exchange: Exchange) -> None:
    exchange.usual()
    exchange.line.sendall(b"HTTP/1.1 202 Accepted\r\nX: ")
    while not exchange.server.ends.wait(0.02):
        exchange.line.sendall(b"x")


def take_and_flood(exchange: Exchange) -> None:
    exchange.usual()
    exchange.line.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100000000\r\n\r\n")
    for _ in range(1600):
        exchange.line.sendall(b"x" * 65536)


def take_and_answer(octets: bytes) -> Part:
    def answer(exchange: Exchange) -> None:
        exchange.usual()
        exchange.line.sendall(octets)

    return answer


IN_DOUBT: dict[str, Part] = {
    "reset": take_and_reset,
    "closed": take_and_close,
    "half an answer": take_and_answer_half,
    "500": Answer(500, b'{"error":{"code":"InternalServerError","message":"Oops"}}'),
    "500 after it took the mail": take_and_answer(Answer(500, b"<html>Oops</html>").octets),
    "502": Answer(502, b"<html>Bad gateway</html>"),
    "503 without a time": Answer(503, b""),
    "504": Answer(504, b""),
    "another success": Answer(204, b""),
    "a page": Answer(200, b"<html>Welcome to our hotel</html>", {"Content-Type": "text/html"}),
    "another object": Answer(200, b'{"Messages": "success", "messageId": {}}'),
    "a list": Answer(201, b"[]"),
    "deep": Answer(201, b"[" * 60_000),
    "not HTTP": take_and_answer(b"220 mx.example.org ESMTP\r\n\r\n"),
    "nonsense in chunks": take_and_answer(b"HTTP/1.1 201 X\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n0\r\n\r\n"),
    "a flood": take_and_flood,
    "see other": Answer(303, b"", {"Location": "https://localhost/elsewhere"}),
    "found": Answer(302, b"", {"Location": "https://localhost/elsewhere"}),
    "408": Answer(408, b""),
}


@pytest.mark.parametrize("provider", PROVIDERS)
@pytest.mark.parametrize("story", IN_DOUBT)
def test_what_may_have_been_taken_is_in_doubt(
    server: HttpProviderServer, connect: Connect, provider: str, story: str
) -> None:
    server.story = [IN_DOUBT[story]]

    failed = failing(connect(provider))

    assert (failed.in_doubt, failed.retryable) == (True, False)
    assert not isinstance(failed, errors.Refused)
    assert len(server.heard) == 1


EARLY_HINTS = b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n"


@pytest.mark.parametrize("before", [EARLY_HINTS, b"HTTP/1.1 102 Processing\r\n\r\n" * 3 + EARLY_HINTS])
def test_what_comes_before_the_answer_is_no_answer_to_the_next_mail_either(
    server: HttpProviderServer, connect: Connect, before: bytes
) -> None:
    def hint_then_answer(exchange: Exchange) -> Answer:
        exchange.line.sendall(before)
        return exchange.usual()

    server.story = [hint_then_answer, Answer.json(400, {"code": "invalid_parameter", "message": "no"})]
    transport = connect("brevo")

    first, second = transport.send(mail()), failing(transport)

    assert first.complete
    assert isinstance(second, errors.MessageRefused)
    assert server.connections == 1


def test_hints_without_end_end_in_doubt(server: HttpProviderServer, connect: Connect) -> None:
    server.story = [take_and_answer(EARLY_HINTS * 50)]
    transport = connect("brevo")

    assert failing(transport).in_doubt
    assert transport.send(mail(to="carol@example.org")).complete
    assert server.connections == 2


@pytest.mark.parametrize("story", [take_and_be_silent, take_and_drip])
def test_an_answer_that_does_not_end_ends(server: HttpProviderServer, connect: Connect, story: Part) -> None:
    server.story = [story]

    failed = failing(connect("graph", "&timeout=0.3&connect_timeout=10"))

    assert isinstance(failed, errors.TimedOut)
    assert failed.in_doubt


def test_brevo_has_seen_the_mail_already(server: HttpProviderServer, connect: Connect) -> None:
    transport, submission = connect("brevo"), submission_of(mail(), IN_SEVEN_BITS)
    server.story = [take_and_reset]

    first, second = transport.submit_many([submission, submission])

    assert isinstance(first, errors.CourrielError)
    assert isinstance(second, errors.CourrielError)
    assert (first.in_doubt, second.in_doubt) == (True, True)
    assert len(server.taken) == 1, "what was in doubt did not leave twice"


def test_brevo_gets_another_key_for_another_mail_and_for_other_recipients() -> None:
    one = submission_of(mail(), IN_SEVEN_BITS)
    others = [
        one, replace(one, message_id=""), submission_of(mail(), IN_SEVEN_BITS),
        replace(one, envelope=replace(one.envelope, recipients=(Address.parse("carol@example.org"),))),
    ]  # fmt: skip

    keys = [idempotency_key(each) for each in others]

    assert len(set(keys)) == 4
    assert keys[0] == idempotency_key(one)


# Certain: the request was not whole.


def refuse_early(exchange: Exchange) -> None:
    exchange.line.sendall(Answer(413, b"{}", {"Connection": "close"}).octets)
    exchange.server.ends.wait(20)


def accept_early(exchange: Exchange) -> None:
    exchange.line.sendall(Answer(202, b"").octets)
    exchange.server.ends.wait(20)


def reset_early(exchange: Exchange) -> None:
    exchange.reset()


@pytest.fixture
def hesitant(monkeypatch: pytest.MonkeyPatch) -> None:
    """A client that has sent all but the end, and waits until the provider has said something, or is gone."""
    real = getattr(HttpsLine, "_begin")  # noqa: B009 - where a test may wait

    def begin(line: HttpsLine, socket: ssl.SSLSocket, *arguments: object) -> object:
        early = real(line, socket, *arguments)
        assert select.select([socket], [], [], 20)[0]
        return early

    monkeypatch.setattr(HttpsLine, "_begin", begin)


@pytest.mark.usefixtures("hesitant")
@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_provider_that_hangs_up_before_the_end_has_not_got_the_mail(
    server: HttpProviderServer, connect: Connect, provider: str
) -> None:
    transport, asked = connect(provider), threading.Event()
    server.early = [reset_early]

    with pytest.raises(errors.ConnectionFailed) as failed:
        transport.submit(replace(submission_of(mail(), IN_SEVEN_BITS), before_end=asked.set))

    assert (failed.value.in_doubt, failed.value.retryable) == (False, True)
    assert not asked.is_set()


@pytest.mark.usefixtures("hesitant")
def test_a_refusal_before_the_end_is_heard(server: HttpProviderServer, connect: Connect) -> None:
    server.early = [refuse_early]

    failed = failing(connect("graph"))

    assert isinstance(failed, errors.MessageRefused)
    assert failed.failure is not None
    assert failed.failure.id == "HTTP-TOO-LARGE"


@pytest.mark.usefixtures("hesitant")
def test_a_success_before_the_end_is_believed_by_nobody(server: HttpProviderServer, connect: Connect) -> None:
    server.early = [accept_early]

    assert failing(connect("graph")).in_doubt


@pytest.mark.slow
def test_a_reset_in_the_middle_of_a_long_request_is_in_doubt_only_once_the_end_may_have_left(
    server: HttpProviderServer, connect: Connect
) -> None:
    transport, asked = connect("mailjet"), threading.Event()
    server.early = [reset_early]
    long = submission_of(mail(text="y\n" * 2_000_000), IN_SEVEN_BITS)

    with pytest.raises(errors.ConnectionFailed) as failed:
        transport.submit(replace(long, before_end=lambda: asked.set() or True))  # type: ignore[func-returns-value]

    assert failed.value.in_doubt is asked.is_set()


def test_a_moved_provider_is_not_followed(server: HttpProviderServer, connect: Connect) -> None:
    server.story = [Answer(308, b"", {"Location": f"https://{server.place}/v3/smtp/email"})]

    failed = failing(connect("brevo"))

    assert (failed.in_doubt, len(server.heard)) == (False, 1)
    assert failed.failure is not None
    assert failed.failure.id == "HTTP-REDIRECTED"


def test_who_is_not_there_has_got_nothing() -> None:
    with pytest.raises(errors.ConnectionFailed) as failed:
        courriel.send(mail(), via="brevo://localhost:1?password=env:BREVO_SECRET")

    assert (failed.value.in_doubt, failed.value.stage) == (False, "connect")


def test_a_certificate_of_a_stranger_is_not_believed(
    server: HttpProviderServer, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SSL_CERT_FILE")

    failed = failing(connect("brevo"))

    assert isinstance(failed, errors.TlsFailed)
    assert not server.heard


def test_a_hang_up_from_another_thread_ends_the_exchange_in_doubt(server: HttpProviderServer, connect: Connect) -> None:
    transport, failures = connect("mailjet"), []
    server.story = [take_and_be_silent]
    sending = threading.Thread(target=lambda: failures.append(failing(transport)))
    sending.start()
    server.wait_for(1)

    transport.hang_up()
    sending.join()

    assert failures[0].in_doubt
    assert transport.send(mail()).complete


@pytest.mark.slow
def test_the_answer_has_its_limit_also_while_the_clock_of_the_whole_call_runs(
    server: HttpProviderServer, connect: Connect
) -> None:
    server.story = [take_and_drip]
    began = time.monotonic()

    failed = failing(connect("graph", "&total=0.4"))

    assert failed.in_doubt
    assert time.monotonic() - began >= 0.4


def test_a_secret_with_a_line_end_is_refused_before_anything_is_opened(
    server: HttpProviderServer, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BREVO_SECRET", "key\r\nX-Evil: 1")

    with pytest.raises(errors.UsageError) as failed:
        connect("brevo").send(mail())

    assert "Evil" not in str(failed.value)
    assert server.connections == 0


def test_a_secret_that_the_provider_repeats_is_masked(server: HttpProviderServer, connect: Connect) -> None:
    server.story = [Answer.json(401, {"code": "unauthorized", "message": "Key key-secret-1 not found\nx" + "y" * 9000})]

    failed = failing(connect("brevo"))

    assert "key-secret-1" not in str(failed)
    assert "Key *** not found" in str(failed)
    assert len(str(failed)) < 500
